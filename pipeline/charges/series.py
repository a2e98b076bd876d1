"""The days of a SKU side by side: what no single day can tell, its days together may."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from decimal import localcontext

from pipeline.charges.line import DIGITS, ZERO
from pipeline.charges.matching import worth
from pipeline.charges.search import Candidate, Unit, Verdict, decide

Outcome = tuple[Unit, Verdict | None]
"""Lines that are priced as one, and what explains them; None where their price is the expected one."""

Place = tuple[object, ...]
Name = tuple[str, str]
"""Effect and words of a rate that was tried."""

_SHARP = 2
"""Times its tolerance, beyond which an amount shows that a price was not another one."""


def agreed(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return the outcomes with what the days of a SKU, and the kinds of a model, tell together.

    Where rounding leaves several rates to each day, the one that fits them all is the one; where it leaves
    several to a kind, the one that other kinds of the model were billed at. A contract that was applied until
    a day and never again has a tier that lapsed.
    """
    found = list(outcomes)
    for indices in _grouped(found, _sku).values():
        _put(found, indices, _together([found[index] for index in indices]))
    for indices in _grouped(found, lambda unit: _sku(unit)[:3]).values():
        _put(found, indices, _as_beside([found[index] for index in indices]))
    for indices in _grouped(found, _sku).values():
        _put(found, indices, _lapsed([found[index] for index in indices]))
    return found


def _sku(unit: Unit) -> Place:
    model, kind, tier, _ = unit.lines[0].key
    return unit.provider, model, tier or unit.tier, kind


def _grouped(outcomes: Sequence[Outcome], place: Callable[[Unit], Place]) -> dict[Place, list[int]]:
    series: dict[Place, list[int]] = defaultdict(list)
    for index, (unit, _) in enumerate(outcomes):
        series[place(unit)].append(index)
    return series


def _put(found: list[Outcome], indices: Sequence[int], own: Sequence[Outcome]) -> None:
    for index, outcome in zip(indices, own, strict=True):
        found[index] = outcome


def _as_beside(kinds: Sequence[Outcome]) -> list[Outcome]:
    """Give amounts that fit several rates the one at which other kinds of the model were billed.

    Only where it fits all amounts of the kind that are open, and no other such rate does.
    """
    booked = {(v.effect, v.words) for _, v in kinds if v is not None and v.usd is not None and v.hits}
    found = list(kinds)
    for indices in _grouped(found, _sku).values():
        open_ones = [v for index in indices if (v := found[index][1]) is not None and v.usd is None]
        common = booked.intersection(*[{_name(hit) for hit in v.hits} for v in open_ones])
        if not open_ones or len(common) != 1:
            continue
        for index in indices:
            unit, verdict = found[index]
            if verdict is not None and verdict.usd is None:
                found[index] = unit, _booked(verdict, common)
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


def _nearest(days: Iterable[tuple[Unit, Verdict]], common: set[Name]) -> set[str]:
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


def _booked(verdict: Verdict, common: set[Name]) -> Verdict:
    hit = next(hit for hit in verdict.hits if _name(hit) in common)
    return verdict._replace(effect=hit.effect, usd=hit.usd, words=hit.words)


def _name(hit: Candidate) -> Name:
    return hit.effect, hit.words


def _lapsed(days: Sequence[Outcome]) -> list[Outcome]:
    """Name a contract that was applied before a day and on no day from then on a lapsed tier.

    Days on which rounding hides what the list price would have added show neither.
    """
    missed = [
        (unit, verdict) for unit, verdict in days if verdict and verdict.effect == "contract_not_applied"
    ]
    sound = [unit for unit, verdict in days if verdict is None and unit.amount != ZERO]
    if not missed or not sound or any(not unit.days for unit in (*sound, *(unit for unit, _ in missed))):
        return list(days)
    with localcontext(prec=DIGITS):
        expected = sum((worth(unit.parts) for unit, _ in missed), ZERO)
        more = abs(sum((verdict.usd or ZERO for _, verdict in missed), ZERO) - expected)
        sharp = [u for u in sound if worth(u.parts) * more > expected * u.tolerance * _SHARP]
    since = min(day for unit, _ in missed for day in unit.days)
    if not sharp or max(day for unit in sharp for day in unit.days) >= since:
        return list(days)
    words = f"the list price from {since} on"
    return [
        (unit, verdict._replace(effect="lapsed_tier", words=words))
        if verdict is not None and verdict.effect == "contract_not_applied"
        else (unit, verdict)
        for unit, verdict in days
    ]
