"""One account of a month: its invoices and notes as files, and what the answer key says of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from pipeline.simulator.clock import Clock
from pipeline.simulator.invoices import Line, cents
from pipeline.simulator.money.charges import Charge
from pipeline.simulator.money.papers import FEES, DailyFees, credit_note, manifest, paper
from pipeline.simulator.money.terms import ISSUERS, Terms
from pipeline.simulator.money.truth import Key

_ZERO = Decimal(0)


@dataclass(frozen=True)
class Account:
    """The bills of an account in a month."""

    terms: Terms
    charges: Sequence[Charge]
    fees: DailyFees
    faults: Sequence[str] = ()
    """Faults that only its invoice has."""
    note: Decimal = _ZERO
    """What a credit note gives back, in the currency of the invoice."""

    def number(self, clock: Clock, ending: str = "") -> str:
        """Return the number of the invoice, or of a paper beside it."""
        return f"{self.terms.provider[:3].upper()}-{clock.first:%Y%m}-0042{ending}"

    def write(self, folder: Path, clock: Clock, key: Key) -> None:
        """Write the invoice, the note and the voided invoice, and enter them into the key."""
        folder.mkdir(parents=True, exist_ok=True)
        terms = self.terms
        if terms.is_late:
            key.add(terms, "", self._exported(), self.charges)
            key.mark(terms, "", self.charges)
        else:
            self._write_invoice(folder, clock, key)
        if terms.has_credit_note:
            lines = credit_note(terms, self.note)
            self._write(folder, clock, "-CN", lines, {"reference_invoice_id": self.number(clock)})
            key.add(terms, self.number(clock, "-CN"), lines, [])

    def _write_invoice(self, folder: Path, clock: Clock, key: Key) -> None:
        terms, number = self.terms, self.number(clock)
        made = paper(terms, self.charges, self.fees, self.faults)
        self._write(folder, clock, "", made.lines)
        key.add(terms, number, made.lines, self.charges, made.copied)
        key.mark(terms, number, self.charges)
        if made.copied:
            usd = sum((row.amount for row in made.copied), _ZERO)
            key.mark_line("duplicate_line", terms, number, made.copied, usd)
        if made.wrong_tax:
            key.mark_line("tax_on_wrong_base", terms, number, [], made.wrong_tax * terms.rate)
        if terms.has_voided:
            first = [*made.lines, Line("fee", "Support plan", Decimal(250))]
            self._write(folder, clock, "-V", first, {"issue_status": "Voided"})

    def _exported(self) -> list[Line]:
        """What the cost export bills, as lines: dollars of usage, and of each fee."""
        is_rounded = self.terms.provider == "anthropic"
        used = sum((cents(row.amount) if is_rounded else row.amount for row in self.charges), _ZERO)
        fees = [Line("fee", FEES[fee], dollars) for (_, fee), dollars in self.fees.items()]
        return [Line("usage", "All usage", used), *fees]

    def _write(
        self,
        folder: Path,
        clock: Clock,
        ending: str,
        lines: Sequence[Line],
        extra: dict[str, str] | None = None,
    ) -> None:
        terms = self.terms
        head = {
            "issuer": ISSUERS[terms.provider],
            "invoice_id": self.number(clock, ending),
            "provider": terms.provider,
            "account": terms.account,
            "period_start": f"{clock.first:%Y-%m-%d}",
            "period_end": f"{clock.last:%Y-%m-%d}",
            "currency": terms.currency,
            "issued_on": f"{clock.last + timedelta(days=2):%Y-%m-%d}",
            "total": str(sum((line.amount for line in lines), _ZERO)),
            **({} if terms.currency == "USD" else {"exchange_rate": str(terms.rate)}),
            **(extra or {}),
        }
        (folder / f"{self.number(clock, ending)}.toml").write_text(manifest(head, lines), "utf-8")
