"""Volume floors: how long a contract has been below what it promises, and when its terms lapse.

The volume of a month is what the meter counts of the tokens that the contract prices. A month that the meter
does not cover in whole, and that is below the floor as far as is known, is not judged: it counts neither as
below nor as reached, the months below start anew after it, and a finding says so.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from pipeline.contract_settings import Contract, Floor
from pipeline.period import Month
from pipeline.rates.terms import Lapse, Lapses


class Volume(NamedTuple):
    """What the meter counts of a contract in a month."""

    amount: Decimal
    """Tokens, or dollars at list price, as the floor counts."""
    is_whole: bool
    """Whether the meter covers the month, and every token is counted: else it is at least the amount."""


class Standing(NamedTuple):
    """How a contract stands to its floor at the end of a month."""

    contract: Contract
    lapses: tuple[Lapse, ...]
    below: tuple[tuple[Month, Decimal], ...]
    """Months below the floor up to this one, without a break, with their volumes."""
    lapses_on: date | None
    """Where this month is below and the terms hold: when they lapse if the next months are below too."""
    months_left: int
    """How many of those months are still to come; 0 where the lapse is certain."""
    unknown: tuple[Month, ...]
    """Months that could not be judged."""


Volumes = Callable[[Contract, Month], Volume]
"""The volume of a contract in a month."""


def standings(contracts: Sequence[Contract], month: Month, volumes: Volumes) -> tuple[Standing, ...]:
    """Return how each contract with a floor that has begun stands at the end of a month."""
    floors = [(contract, contract.floor) for contract in contracts if contract.floor is not None]
    begun = [pair for pair in floors if pair[0].valid_from and pair[0].valid_from <= month.last_day]
    return tuple(_standing(contract, floor, month, volumes) for contract, floor in begun)


def lapses_of(found: Sequence[Standing]) -> Lapses:
    """Return the lapses of all contracts by name."""
    return {standing.contract.name: standing.lapses for standing in found if standing.lapses}


def _standing(contract: Contract, floor: Floor, month: Month, volumes: Volumes) -> Standing:
    if floor.lapsed_from is not None:
        return Standing(contract, (Lapse(floor.lapsed_from, None),), (), None, 0, ())
    lapses: list[Lapse] = []
    below: list[tuple[Month, Decimal]] = []
    unknown: list[Month] = []
    for number in judged_months(contract, floor, month):
        volume = volumes(contract, number)
        if volume.amount >= _least(floor):
            below.clear()
            if floor.recovers and lapses and lapses[-1].end is None:
                lapses[-1] = Lapse(lapses[-1].start, _recovered(floor, number))
        elif volume.is_whole:
            below.append((number, volume.amount))
            if len(below) >= max(floor.grace_months, 1) and (not lapses or lapses[-1].end is not None):
                lapses.append(Lapse(_lapse_day(floor, below[0][0]), None))
        else:
            below.clear()
            unknown.append(number)
    ends = contract.valid_to or date.max
    kept = tuple(it for it in lapses if it.start < min(it.end or date.max, ends))
    certain = bool(kept) and kept[-1].end is None
    start = kept[-1].start if certain else _lapse_day(floor, below[0][0]) if below else None
    is_ahead = start is not None and bool(below) and month.last_day < start < ends
    left = 0 if certain else floor.grace_months - len(below)
    return Standing(
        contract, kept, tuple(below), start if is_ahead else None, left if is_ahead else 0, tuple(unknown)
    )


def judged_months(contract: Contract, floor: Floor, month: Month) -> Iterator[Month]:
    """Yield the months, up to this one, on all days of which the contract holds, and that count."""
    if contract.valid_from is None:
        return
    first = Month.of_day(contract.valid_from)
    number = first if first.first_day == contract.valid_from else first.next
    if floor.counts_from is not None:
        number = max(number, Month.parse(floor.counts_from))
    end = contract.valid_to or date.max
    while number <= month and number.next.first_day <= end:
        yield number
        number = number.next


def _least(floor: Floor) -> Decimal:
    return floor.monthly_usd if floor.monthly_usd is not None else Decimal(floor.monthly_tokens or 0)


def _lapse_day(floor: Floor, first_below: Month) -> date:
    """The day on which terms lapse: so many months after the first below, and the days of notice."""
    return first_below.plus(floor.grace_months).first_day + timedelta(days=floor.notice_days)


def _recovered(floor: Floor, reached: Month) -> date:
    """The day from which terms hold again: without months of grace, each month counts for itself."""
    return reached.first_day if floor.grace_months == 0 else reached.next.first_day
