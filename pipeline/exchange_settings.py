"""`exchange_rates` of the configuration: what a unit of another currency is worth, by day or month."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator as After
from pydantic import BeforeValidator, Field, field_validator, model_validator

from pipeline.period import Month
from pipeline.sections import Section
from pipeline.settings_errors import month_name

_STATED = "configuration"


class ExchangeRate(Section):
    """US dollars for one unit of a currency, as stated by somebody, for a day, a month or always."""

    currency: str
    """ISO 4217 code."""
    usd: Decimal = Field(gt=0)
    """US dollars for one unit."""
    day: date | None = None
    """The day on which it holds."""
    month: str | None = None
    """The month in which it holds, as YYYY-MM."""
    source: str = Field(default=_STATED, min_length=1)
    """Who states it: the invoice, the books, a central bank."""

    @field_validator("currency")
    @classmethod
    def _is_a_code(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z]{3}", value):
            raise ValueError("write the currency as its code of three letters, for example EUR")
        return value.upper()

    @field_validator("month")
    @classmethod
    def _is_a_month(cls, value: str | None) -> str | None:
        return value if value is None else month_name(value)

    @model_validator(mode="after")
    def _is_of_one_time(self) -> "ExchangeRate":
        if self.day and self.month:
            raise ValueError(f"the rate of {self.currency} is of a day or of a month; remove one of them")
        return self


def _from_table(value: Any) -> Any:
    """Read `[exchange_rates]` with one rate a currency as well as `[[exchange_rates]]`."""
    if not isinstance(value, dict):
        return value
    return tuple({"currency": code, "usd": rate} for code, rate in value.items())


def _are_of_different_times(rates: tuple[ExchangeRate, ...]) -> tuple[ExchangeRate, ...]:
    counts = Counter((rate.currency, rate.day, rate.month) for rate in rates)
    for (currency, day, month), count in counts.items():
        if count > 1:
            raise ValueError(
                f"{currency} has {count} rates for {day or month or 'all days'}; keep one of them"
            )
    return rates


ExchangeRates = Annotated[
    tuple[ExchangeRate, ...], BeforeValidator(_from_table), After(_are_of_different_times)
]
"""A table of currencies, or dated rates with their source."""


def exchange_rate(
    rates: Sequence[ExchangeRate], currency: str, day: date | None, month: Month
) -> ExchangeRate | None:
    """Return the rate of a day, else of the month closed, else for all days; null where there is none.

    A day's rate is never taken for another day. An invoice is issued after its month: without a rate of the
    day of issue it takes that of the month that it bills.
    """
    mine = [rate for rate in rates if rate.currency == currency]
    times = {(rate.day, rate.month): rate for rate in mine}
    wanted = ([(day, None)] if day else []) + [(None, str(month)), (None, None)]
    return next((times[time] for time in wanted if time in times), None)
