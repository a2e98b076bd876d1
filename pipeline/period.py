"""Months as half-open intervals of instants, in UTC or in a provider's billing zone."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from pipeline.errors import ConfigError


@dataclass(frozen=True, order=True)
class Month:
    """A calendar month; `start` is inside, `end` is not."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> "Month":
        """Return the month that `YYYY-MM` names."""
        try:
            day = datetime.strptime(f"{text}-01", "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError:
            raise ConfigError(f"'{text}' is not a month. Write it as YYYY-MM, for example 2026-10.") from None
        return cls(day.year, day.month)

    @classmethod
    def of(cls, instant: datetime) -> "Month":
        """Return the month in which an instant lies, in the zone of the instant."""
        return cls(instant.year, instant.month)

    @classmethod
    def of_day(cls, day: date) -> "Month":
        """Return the month in which a day lies."""
        return cls(day.year, day.month)

    def __str__(self) -> str:
        """YYYY-MM."""
        return f"{self.year:04d}-{self.number:02d}"

    @property
    def first_day(self) -> date:
        """First day of the month."""
        return date(self.year, self.number, 1)

    @property
    def last_day(self) -> date:
        """Last day of the month."""
        return self.next.first_day - timedelta(days=1)

    @property
    def next(self) -> "Month":
        """The month after."""
        return Month(self.year + self.number // 12, self.number % 12 + 1)

    def plus(self, months: int) -> "Month":
        """The month that many months later, or earlier for a negative number."""
        years, number = divmod(self.year * 12 + self.number - 1 + months, 12)
        return Month(years, number + 1)

    def start(self, zone: str = "UTC") -> datetime:
        """First instant of the month in a zone, as UTC."""
        return datetime(self.year, self.number, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC)

    def end(self, zone: str = "UTC") -> datetime:
        """First instant after the month in a zone, as UTC."""
        return self.next.start(zone)

    def window(self, margin: timedelta) -> tuple[datetime, datetime]:
        """The month and a margin on both sides: where context of its traces may lie."""
        return self.start() - margin, self.end() + margin
