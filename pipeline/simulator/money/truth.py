"""The answer key of a world: the tie-out of every invoice, and every planted fault with its amount."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from pipeline.simulator.invoices import Line, cents
from pipeline.simulator.money.charges import Cell, Charge
from pipeline.simulator.money.faults import EFFECTS
from pipeline.simulator.money.terms import Terms

COMPONENTS = {
    "fees": ("fee",), "minimums": ("minimum",), "credits": ("credit", "discount"), "tax": ("tax",),
}  # fmt: skip
_HALF = Decimal("0.005")
_ZERO = Decimal(0)


class Tied(NamedTuple):
    """A component of an invoice; without an invoice, of what the cost export bills."""

    provider: str
    account: str
    invoice_id: str
    """Empty where the invoice has not come."""
    component: str
    usd: Decimal
    tolerance: Decimal
    """What rounding of rows leaves undecided."""


class Fault(NamedTuple):
    """A cell of a planted fault."""

    fault: str
    effect: str
    provider: str
    account: str
    invoice_id: str
    model: str
    service_tier: str
    token_kind: str
    usd: Decimal
    """What the invoice has too much, at the expected price; negative where too little."""
    tolerance: Decimal


@dataclass
class Key:
    """What is known of a month."""

    tieout: list[Tied] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def add(
        self,
        terms: Terms,
        invoice_id: str,
        lines: Sequence[Line],
        charges: Sequence[Charge],
        copied: Sequence[Charge] = (),
    ) -> None:
        """Enter an invoice: `charges` are what its usage was made of, `copied` what stands twice."""
        total = sum((line.amount for line in lines), _ZERO)
        sums = {name: _sum(terms, lines, words) for name, words in COMPONENTS.items()}
        again = [charge.price * charge.billed / 1_000_000 for charge in copied]
        parts = {
            "metered_at_expected_rate": sum((charge.due for charge in charges), _ZERO),
            "quantity": sum((charge.quantity_effect for charge in charges), _ZERO) + sum(again, _ZERO),
            "price": sum((charge.price_effect for charge in charges), _ZERO),
            **sums,
            "currency": total * (terms.book_rate - terms.rate),
        }
        parts = {name: cents(usd) for name, usd in parts.items()}
        billed = cents(total * terms.book_rate)
        parts |= {"rounding": billed - sum(parts.values(), _ZERO), "billed": billed}
        undecided = {
            "metered_at_expected_rate": _HALF * 2,
            **dict.fromkeys(("quantity", "price", "rounding"), _HALF * 2 + _slack(terms, charges)),
        }
        self.tieout += [
            Tied(terms.provider, terms.account, invoice_id, name, usd, undecided.get(name, _ZERO))
            for name, usd in parts.items()
        ]

    def mark(self, terms: Terms, invoice_id: str, charges: Iterable[Charge]) -> None:
        """Enter the faults among the charges of an account, a row a cell."""
        cells: dict[tuple[str, Cell], list[Charge]] = {}
        for charge in charges:
            if charge.mark:
                cells.setdefault((charge.mark, Cell.of(charge)), []).append(charge)
        for (name, cell), rows in sorted(cells.items()):
            usd = sum((row.price_effect + row.quantity_effect for row in rows), _ZERO)
            self.faults.append(
                Fault(
                    name, EFFECTS[name], terms.provider, terms.account, invoice_id, cell.model, cell.tier,
                    cell.kind, usd, _slack(terms, rows) + _HALF * terms.rate * 2,
                )
            )  # fmt: skip

    def mark_line(
        self, name: str, terms: Terms, invoice_id: str, rows: Sequence[Charge], usd: Decimal
    ) -> None:
        """Enter a fault that only an invoice has: of the line of `rows`, or of none."""
        cell = Cell.of(rows[0]) if rows else Cell(terms.provider, "", "", "")
        where = (terms.provider, terms.account, invoice_id, cell.model, cell.tier, cell.kind)
        self.faults.append(Fault(name, EFFECTS[name], *where, usd, _HALF * terms.rate * 2))


def _slack(terms: Terms, charges: Iterable[Charge]) -> Decimal:
    """Half a cent for every rounded row whose price is not the expected one."""
    marked = sum(bool(charge.mark) for charge in charges)
    return _HALF * marked if terms.provider == "anthropic" else _ZERO


def _sum(terms: Terms, lines: Sequence[Line], categories: Sequence[str]) -> Decimal:
    amounts = (line.amount for line in lines if line.category in categories)
    return sum(amounts, _ZERO) * terms.rate


def write_key(folder: Path, key: Key) -> None:
    """Write `tieout.csv` and `faults.csv`."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "tieout.csv", Tied._fields, key.tieout)
    _write(folder / "faults.csv", Fault._fields, key.faults)


def _write(path: Path, names: Sequence[str], rows: Iterable[tuple]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(names)
        out.writerows([f"{cell:f}" if isinstance(cell, Decimal) else cell for cell in row] for row in rows)
