"""`[schedule]` of the configuration: when things run by themselves, in which time zone."""

from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from pipeline.sections import Section

_Hour = Annotated[int, Field(ge=0, le=23)]


class Schedule(Section):
    """When things run by themselves, on the clock of one time zone."""

    enabled: bool = False
    """Whether schedules and sensors are on from the start; else somebody turns them on in the UI."""
    timezone: str = "UTC"
    """Name of a zone of the IANA database; the hours below are read on its clock."""
    landing_hour: _Hour = 2
    """Every day at this hour what is new is landed."""
    preliminary_day: Annotated[int, Field(ge=1, le=28)] = 3
    """Day of the month on which the month before is closed, with or without its invoices."""
    closing_hour: _Hour = 6
    """Hour of every close that nobody asks for."""
    closing_days: Annotated[int, Field(ge=0, le=60)] = 3
    """A month is closed so many days after the last of its invoices landed."""
    mail: bool = False
    """Whether the close that follows the invoices is mailed."""

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):  # not found, not a name, a folder of the database
            raise ValueError(
                "this is no time zone; write one as the IANA database does, for example Europe/Berlin"
            ) from None
        return value
