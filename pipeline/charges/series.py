"""The days of a SKU side by side: what no single day can tell, its days together may."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date

from pipeline.charges.line import ZERO
from pipeline.charges.matching import worth
from pipeline.charges.search import Candidate, Unit, Verdict, decide

Outcome = tuple[Unit, Verdict | None]
"""Lines that are priced as one, and what explains them; None where their price is the expected one."""


def agreed(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return the outcomes with what the days of a SKU tell together.

    Where rounding leaves several rates to each day, the one that fits them all is the one. A contract that
    was applied until a day and never again has a tier that lapsed.
    """
    series: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for index, (unit, _) in enumerate(outcomes):
        series[unit.provider, *unit.lines[0].key[:3]].append(index)
    found = list(outcomes)
    for indices in series.values():
        own = [found[index] for index in indices]
        for index, outcome in zip(indices, _lapsed(_together(own)), strict=True):
            found[index] = outcome
    return found


def _together(days: Sequence[Outcome]) -> list[Outcome]:
    """Give days that fit several rates the one that fits all of them."""
    open_days = [(unit, verdict) for unit, verdict in days if verdict is not None and verdict.hits]
    if len(open_days) < 2 or not any(verdict.usd is None for _, verdict in open_days):
        return list(days)
    common = set.intersection(*[{_name(hit) for hit in verdict.hits} for _, verdict in open_days])
    effects = _nearest(open_days, common)
    if len(effects) != 1:
        return list(days)
    return [
        (unit, _booked(verdict, common) if verdict is not None and verdict.hits else verdict)
        for unit, verdict in days
    ]


def _nearest(days: Iterable[tuple[Unit, Verdict]], common: set[tuple[str, str]]) -> set[str]:
    """The effects of the rates that fit all days: of the nearest, where the days together are sharp."""
    units = [unit for unit, _ in days]
    whole = Unit(
        units[0].provider,
        [line for unit in units for line in unit.lines],
        [part for unit in units for part in unit.parts],
    )
    hits = [hit for _, verdict in list(days)[:1] for hit in verdict.hits if _name(hit) in common]
    verdict = decide(whole, hits, ()) if hits and worth(whole.parts) != whole.amount else None
    return {verdict.effect} if verdict is not None and verdict.usd is not None else set()


def _booked(verdict: Verdict, common: set[tuple[str, str]]) -> Verdict:
    hit = next(hit for hit in verdict.hits if _name(hit) in common)
    return verdict._replace(effect=hit.effect, usd=hit.usd, words=hit.words)


def _name(hit: Candidate) -> tuple[str, str]:
    return hit.effect, hit.words


def _lapsed(days: Sequence[Outcome]) -> list[Outcome]:
    """Name a contract that was applied before a day and on no day from then on a lapsed tier."""
    sound, missed = set[date](), set[date]()
    for unit, verdict in days:
        day = unit.lines[0].row["billed_on"]
        if day is None:
            return list(days)
        if verdict is None and unit.amount != ZERO:
            sound.add(day)
        elif verdict is not None and verdict.effect == "contract_not_applied":
            missed.add(day)
    if not sound or not missed or max(sound) >= min(missed):
        return list(days)
    words = f"the list price from {min(missed)} on"
    return [
        (unit, verdict._replace(effect="lapsed_tier", words=words))
        if verdict is not None and verdict.effect == "contract_not_applied"
        else (unit, verdict)
        for unit, verdict in days
    ]
