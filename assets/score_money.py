"""A closed month of bills held against its answer key. Pure: rows in, marks out, nothing rounded.

Rows are dictionaries with Decimal amounts. The key has the components of every invoice, and the cells (model,
token kind) of every planted fault, each with what rounding of rows leaves undecided.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from pipeline.money import CENT

Row = Mapping[str, Any]
Cell = tuple[str, str, str, str]
"""Provider, account, model and token kind; empty where a fault has none."""

_ZERO = Decimal(0)
_TIERS = {"standard", "batch", "flex", "priority"}
_NO_FAULT = ("rounding",)
"""Price effects that accuse nobody."""


class Closed(NamedTuple):
    """What a close says of a month; None for tables that there are not."""

    tieout: Sequence[Row]
    effects: Sequence[Row] | None
    charges: Sequence[Row] | None
    findings: Sequence[Row]
    teams: Sequence[Row]


class Mark(NamedTuple):
    """A component of an invoice, beside its truth; `ours` is None where we have no such invoice."""

    provider: str
    invoice_id: str
    component: str
    truth: Decimal
    ours: Decimal | None
    is_right: bool


class Verdict(NamedTuple):
    """What became of a planted fault."""

    fault: str
    provider: str
    usd: Decimal
    is_found: bool
    """Whether every cell has its amount, under whatever names."""
    is_named: bool
    """Whether it has it under the right name."""
    told: str
    """Effects and amounts that we give for its cells."""


class Invented(NamedTuple):
    """A fault that we claim where none was planted, or an invoice that bills nothing."""

    what: str
    provider: str
    model: str
    token_kind: str
    usd: Decimal


class MoneyScore(NamedTuple):
    """All marks of a world."""

    marks: tuple[Mark, ...]
    verdicts: tuple[Verdict, ...]
    invented: tuple[Invented, ...]
    team_gap: Decimal
    """What the teams are billed above the invoices."""

    @property
    def is_perfect(self) -> bool:
        """Whether nothing is wrong at all."""
        rights = [mark.is_right for mark in self.marks] + [verdict.is_named for verdict in self.verdicts]
        return all(rights) and not self.invented and not self.team_gap


def score_money(tieout: Sequence[Row], faults: Sequence[Row], closed: Closed) -> MoneyScore:
    """Return the marks of a month against `tieout` and `faults` of its answer key."""
    billed = sum((row["usd"] for row in tieout if row["component"] == "billed"), _ZERO)
    given = sum((row["billed_usd"] for row in closed.teams), _ZERO)
    return MoneyScore(
        tuple(_marks(tieout, closed.tieout)),
        tuple(_verdicts(tieout, faults, closed)),
        tuple(_invented(tieout, faults, closed)),
        given - billed,
    )


def _marks(truth: Sequence[Row], ours: Sequence[Row]) -> Iterable[Mark]:
    known = {_component(row): row["usd"] for row in ours}
    for row in truth:
        found = known.get(_component(row))
        is_right = found is not None and abs(found - row["usd"]) <= row["tolerance"]
        yield Mark(row["provider"], row["invoice_id"], row["component"], row["usd"], found, is_right)


def _component(row: Row) -> tuple[str, str, str, str]:
    return row["provider"], row["account"], row["invoice_id"] or "", row["component"]


def _cell(row: Row) -> Cell:
    return row["provider"], row["account"], row["model"] or "", row["token_kind"] or ""


def _verdicts(tieout: Sequence[Row], faults: Sequence[Row], closed: Closed) -> Iterable[Verdict]:
    """A fault is all cells that share its name and account."""
    told = _told(closed)
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in faults:
        groups[row["fault"], row["provider"]].append(row)
    for (name, provider), rows in groups.items():
        usd = sum((row["usd"] for row in rows), _ZERO)
        mine = [_of_tier(told.get(_cell(row), {}), row["service_tier"] or "") for row in rows]
        is_found, is_named = _seen(rows, mine, tieout, closed)
        yield Verdict(name, provider, usd, is_found or is_named, is_named, ", ".join(_words(mine)))


def _seen(
    rows: Sequence[Row], mine: Sequence[Mapping[str, Decimal]], tieout: Sequence[Row], closed: Closed
) -> tuple[bool, bool]:
    """Whether a fault is found, and under its name."""
    effect = rows[0]["effect"]
    if effect == "tax":
        return (has := _has_tax_finding(rows[0], closed.findings)), has
    if effect == "quantity" and closed.charges is None:
        return (has := _has_quantity(rows[0], tieout, closed.tieout)), has
    pairs = list(zip(rows, mine, strict=True))
    is_found = all(_fits(row, sum(by.values(), _ZERO)) for row, by in pairs)
    return is_found, all(_fits(row, by.get(effect, _ZERO)) for row, by in pairs)


def _fits(row: Row, usd: Decimal) -> bool:
    return bool(usd) and abs(usd - row["usd"]) <= row["tolerance"]


def _words(mine: Iterable[Mapping[str, Decimal]]) -> list[str]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for by in mine:
        for effect, usd in by.items():
            sums[effect] += usd
    return [f"{effect} {usd:,.2f}" for effect, usd in sorted(sums.items()) if abs(usd) >= CENT]


def _told(closed: Closed) -> dict[Cell, dict[tuple[str, str], Decimal]]:
    """What we say of each cell: dollars by tier and effect; `quantity` is what has too many tokens."""
    found: dict[Cell, dict[tuple[str, str], Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for row in closed.effects or ():
        if row["effect"] not in _NO_FAULT:
            found[_cell(row)][row["service_tier"], row["effect"]] += row["usd"]
    for row in closed.charges or ():
        found[_cell(row)][row["service_tier"], "quantity"] += row["quantity_usd"]
    return found


def _of_tier(told: Mapping[tuple[str, str], Decimal], tier: str) -> dict[str, Decimal]:
    """Dollars by effect of a tier: of the rows that name it, else of those that name none."""
    named = any(usd for (own, _), usd in told.items() if own == tier)
    kept = {tier} if named else {own for own, _ in told} - _TIERS
    found: dict[str, Decimal] = defaultdict(Decimal)
    for (own, effect), usd in told.items():
        if own in kept:
            found[effect] += usd
    return found


def _has_tax_finding(fault: Row, findings: Sequence[Row]) -> bool:
    return any(
        "tax" in row["code"]
        and (row["provider"], row["account"]) == (fault["provider"], fault["account"])
        and row["usd"] is not None
        and abs(row["usd"] - fault["usd"]) <= fault["tolerance"] + CENT
        for row in findings
    )


def _has_quantity(fault: Row, truth: Sequence[Row], ours: Sequence[Row]) -> bool:
    """Whether the component `quantity` of the invoice is right, where there is no finer table."""
    where = (fault["provider"], fault["account"], fault["invoice_id"], "quantity")
    mine = [row["usd"] for row in ours if _component(row) == where]
    right = [row for row in truth if _component(row) == where]
    return bool(mine) and bool(right) and abs(mine[0] - right[0]["usd"]) <= right[0]["tolerance"]


def _invented(tieout: Sequence[Row], faults: Sequence[Row], closed: Closed) -> Iterable[Invented]:
    known = {_component(row)[:3] for row in tieout}
    for row in closed.tieout:
        if row["component"] == "billed" and _component(row)[:3] not in known:
            name = f"invoice {row['invoice_id'] or 'none'}"
            yield Invented(name, row["provider"], "", "", row["usd"])
    planted = {_cell(row) for row in faults}
    for cell, by in _told(closed).items():
        for (_, effect), usd in by.items():
            if cell not in planted and abs(usd) >= CENT:
                yield Invented(effect, cell[0], cell[2], cell[3], usd)
    taxed = {(row["provider"], row["account"]) for row in faults if row["effect"] == "tax"}
    for row in closed.findings:
        if "tax" in row["code"] and (row["provider"], row["account"]) not in taxed:
            yield Invented(row["code"], row["provider"], "", "", row["usd"] or _ZERO)
