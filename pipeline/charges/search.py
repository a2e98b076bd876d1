"""The search: which model, tier, kind, day or contract explains a price that is not the expected one?"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal, localcontext
from typing import NamedTuple

from pipeline.charges.alternatives import alternatives
from pipeline.charges.line import DIGITS, ZERO, Cell, Line
from pipeline.charges.matching import worth
from pipeline.charges.tariffs import Seller, Tariffs
from pipeline.money import quantize
from pipeline.period import Month

UNEXPLAINED = "unexplained_price"
_SHOWN = 3
_SHARP = Decimal("0.02")
"""Tolerance over difference, up to which the nearest hit counts; where it is coarser all hits must agree."""


class Unit(NamedTuple):
    """Lines that are priced as one, and the tokens that they charge for."""

    provider: str
    lines: Sequence[Line]
    parts: Sequence[Cell]
    over: frozenset[date] = frozenset()
    """Days whose metered tokens it is held against."""
    is_run: bool = False
    """Whether other lines stand beside it for the other days: then its price changes on no day of its own."""

    @property
    def account(self) -> str | None:
        """Account that is billed."""
        return self.lines[0].row.get("account")

    @property
    def tier(self) -> str | None:
        """The service tier of all its tokens; null where they are of several, or none tells."""
        tiers = {part.service_tier for part in self.parts}
        return tiers.pop() if len(tiers) == 1 else None

    @property
    def days(self) -> frozenset[date]:
        """The days that its lines tell, else those of its tokens; none where one of them has no day."""
        told = {line.row["billed_on"] for line in self.lines}
        return self.over if None in told else frozenset(told)

    @property
    def amount(self) -> Decimal:
        """What the lines bill."""
        return sum((line.amount for line in self.lines), ZERO)

    @property
    def tolerance(self) -> Decimal:
        """How far rounding alone can move the amount."""
        return sum((line.tolerance for line in self.lines), ZERO)


class Candidate(NamedTuple):
    """A rate that was tried: what the tokens cost at it, and how far that is from the amount."""

    effect: str
    words: str
    distance: int
    usd: Decimal
    gap: Decimal

    def __str__(self) -> str:
        """Return what a person reads."""
        off = (
            "exactly"
            if not self.gap
            else f"{abs(self.gap):f} USD {'below' if self.gap > 0 else 'above'} the line"
        )
        return f"{self.effect}: {self.words} makes {self.usd:f} USD, {off}"


class Verdict(NamedTuple):
    """The effect that a price difference is booked to, the exact amount at it, and what else was near."""

    effect: str
    usd: Decimal | None
    """What the tokens cost at the rate that was found; null where none was."""
    words: str
    hits: tuple[Candidate, ...]
    near: tuple[Candidate, ...]

    @property
    def text(self) -> str | None:
        """Return the best candidates as evidence; null where no rate was tried."""
        return "; ".join(map(str, (self.hits or self.near)[:_SHOWN])) or None


class PriceSearch:
    """Tries the rates that are known for a provider on what its lines bill."""

    def __init__(self, tariffs: Tariffs, month: Month, models: Mapping[str, Sequence[str]]) -> None:
        self.tariffs, self.month = tariffs, month
        self._models = models
        """Provider -> models that it metered or billed in the month."""

    def __call__(self, unit: Unit) -> Verdict:
        """Return what explains the lines of a unit; `unexplained_price` where nothing or too much does."""
        hits, near = self.candidates(unit)
        if not unit.amount and any(part.tokens for part in unit.parts):
            words = "the line carries tokens and no money"
            if hits:
                rivals = " and ".join(sorted({hit.effect for hit in hits}))
                words += f", or less than it shows: rounded to nothing, {rivals} would look alike"
            return Verdict("not_charged", ZERO, words, tuple(hits), tuple(near))
        return decide(unit, hits, near)

    def candidates(self, unit: Unit) -> tuple[list[Candidate], list[Candidate]]:
        """Return the rates that make the amount, the nearest first, and the others, the closest first."""
        if any(part.rate is None for part in unit.parts):
            return [], []
        expected = worth(unit.parts)
        tried: dict[tuple[str, Decimal], Candidate] = {}
        models = list(self._models.get(unit.provider, ()))
        last = self.month.next.first_day - timedelta(days=1)
        seller = Seller(self.tariffs, unit.provider, unit.account, last)
        for other in alternatives(seller, unit.parts, models, self.month, is_run=unit.is_run):
            usd = _worth_at(unit.parts, [other.rate(part) for part in unit.parts])
            if usd is not None and usd != expected:
                made = Candidate(other.effect, other.words, other.distance, usd, unit.amount - usd)
                tried.setdefault((other.effect, usd), made)
        ranked = _told_apart(sorted(tried.values(), key=lambda c: (c.distance, abs(c.gap))))
        hits = [candidate for candidate in ranked if abs(candidate.gap) <= unit.tolerance]
        rest = [candidate for candidate in ranked if abs(candidate.gap) > unit.tolerance]
        return hits, sorted(rest, key=lambda c: (abs(c.gap), c.distance))


def _told_apart(ranked: Sequence[Candidate]) -> list[Candidate]:
    """Leave out what makes the same amount as a nearer candidate: no bill could tell the two apart."""
    nearest: dict[Decimal, int] = {}
    for candidate in ranked:
        nearest.setdefault(candidate.usd, candidate.distance)
    return [candidate for candidate in ranked if candidate.distance == nearest[candidate.usd]]


def decide(unit: Unit, hits: Sequence[Candidate], near: Sequence[Candidate]) -> Verdict:
    """Return the nearest hit, if it alone is so near; where rounding is coarse, all hits must agree."""
    found = tuple(hits), tuple(near[:_SHOWN])
    if not hits:
        return Verdict(UNEXPLAINED, None, "no known rate explains it", *found)
    difference = abs(unit.amount - worth(unit.parts))
    is_sharp = unit.tolerance <= _SHARP * difference
    rivals = [hit for hit in hits if hit.distance == hits[0].distance or not is_sharp]
    effects = sorted({hit.effect for hit in rivals})
    if len(effects) > 1:
        return Verdict(UNEXPLAINED, None, f"ambiguous between {' and '.join(effects)}", *found)
    return Verdict(hits[0].effect, hits[0].usd, hits[0].words, *found)


def _worth_at(parts: Sequence[Cell], rates: Sequence[Decimal | None]) -> Decimal | None:
    if any(rate is None for rate in rates):
        return None
    with localcontext(prec=DIGITS):
        pairs = zip(parts, rates, strict=True)
        return quantize(sum((part.tokens * rate for part, rate in pairs if rate is not None), ZERO))
