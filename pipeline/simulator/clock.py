"""When things happen: a month with working days, office hours and nightly jobs."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from itertools import accumulate
from random import Random

from pipeline.simulator.calls import SECOND

_HOURS = {
    "office": [1, 1, 1, 1, 1, 2, 4, 9, 14, 16, 16, 15, 13, 15, 16, 15, 13, 10, 8, 7, 6, 4, 3, 2],
    "night": [14, 16, 16, 12, 6, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 3, 5, 9],
}
_DAY = timedelta(days=1)

WIDTHS = {"day": 86_400, "hour": 3_600, "minute": 60}
"""Seconds of the time steps of an export."""


def nanoseconds(instant: datetime) -> int:
    """Return Unix nanoseconds, without going through a float."""
    return int((instant - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=1)) * SECOND


def day_of(instant: int) -> str:
    """Return the UTC day of an instant as YYYY-MM-DD."""
    return _day(instant // SECOND // 86_400)


@cache
def _day(number: int) -> str:
    return f"{datetime.fromtimestamp(number * 86_400, UTC):%Y-%m-%d}"


@dataclass(frozen=True)
class Clock:
    """The month that is simulated."""

    first: datetime
    last: datetime
    """First instant after the month."""
    margin: int = 0
    """Nanoseconds at both edges of the month in which nothing begins."""

    @classmethod
    def of(cls, month: str) -> "Clock":
        """Return the clock of a month written as YYYY-MM."""
        first = datetime.strptime(f"{month}-01 +0000", "%Y-%m-%d %z")
        return cls(first, (first + 31 * _DAY).replace(day=1))

    @cached_property
    def start(self) -> int:
        """First instant of the month."""
        return nanoseconds(self.first)

    @cached_property
    def end(self) -> int:
        """First instant after the month."""
        return nanoseconds(self.last)

    @cached_property
    def days(self) -> list[datetime]:
        """Midnights of the month."""
        return [self.first + n * _DAY for n in range((self.last - self.first).days)]

    def steps(self, grain: str) -> range:
        """First seconds of the time steps of the month, in Unix time."""
        return range(self.start // SECOND, self.end // SECOND, WIDTHS[grain])

    def holds(self, instant: int) -> bool:
        """Whether an instant lies in the month."""
        return self.start <= instant < self.end

    @cached_property
    def _loads(self) -> tuple[list[int], list[float]]:
        loads = accumulate(1.0 if day.weekday() < 5 else 0.35 for day in self.days)
        return [nanoseconds(day) for day in self.days], list(loads)

    def moment(self, rng: Random, profile: str) -> int:
        """Return a random instant of the month: busy on working days and in the hours of the profile.

        `inner` keeps a day away from both edges of the month.
        """
        days, loads = self._loads
        hours = _HOURS.get(profile, _HOURS["office"])
        while True:
            day = rng.choices(days, cum_weights=loads)[0]
            hour = rng.choices(range(24), hours)[0]
            at = day + hour * 3600 * SECOND + rng.randrange(3600 * SECOND)
            is_inner = profile != "inner" or days[0] < day < days[-1]
            if is_inner and self.start + self.margin <= at < self.end - self.margin:
                return at
