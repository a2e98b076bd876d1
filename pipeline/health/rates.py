"""Rates on the bill that are not those of the months before."""

from decimal import Decimal
from statistics import median
from typing import Any

import polars as pl

from pipeline.health.months import before
from pipeline.watch import Alarm, Facts, Watch

_PLACE = ["provider", "account", "model", "service_tier", "token_kind"]
_MILLION = 10**6


def _find(facts: Facts) -> list[Alarm]:
    rows = facts.frames["billed_rates"].filter(pl.col("quantity") > 0)
    past: dict[tuple[Any, ...], list[Decimal]] = {}
    for *place, usd, quantity in before(facts, rows).select(*_PLACE, "usd", "quantity").rows():
        past.setdefault(tuple(place), []).append(usd / quantity)
    percent = Decimal(str(facts.settings.health.rate_change_percent))
    alarms = []
    for *place, usd, quantity in (
        rows.filter(month=facts.month).sort(_PLACE).select(*_PLACE, "usd", "quantity").rows()
    ):
        usual = median(past.get(tuple(place), [Decimal(0)]))
        rate = usd / quantity
        if usual and abs(rate - usual) * 100 > percent * abs(usual):
            alarms.append(_changed(place, rate, usual))
    return alarms


def _changed(place: list[str], rate: Decimal, usual: Decimal) -> Alarm:
    provider, account, model, tier, kind = place
    change = (rate - usual) * 100 / abs(usual)
    return Alarm(
        f"{provider} {account}",
        f"{provider} account '{account}' bills {kind} of {model} ({tier}) at {rate * _MILLION:,.4f} "
        f"USD a million; {usual * _MILLION:,.4f} in the months before ({change:+.1f} %).",
        "See whether a contract or a tier has lapsed, or the price list has changed; else dispute the line.",
    )


RATES = Watch(
    "rates_are_those_of_before",
    "core.billed",
    "No billed rate has changed against the months before.",
    ("billed_rates",),
    _find,
)
