"""Learned rates that moved: a provider bills, or a library logs, other than it did."""

from math import sqrt

import polars as pl

from pipeline.health.months import before
from pipeline.watch import Alarm, Facts, Watch

_ERRORS = 3
"""Standard errors beyond which a change is no chance."""


def _find(facts: Facts) -> list[Alarm]:
    rows = facts.frames["learned_rates"].filter(pl.col("is_separable"))
    past = (
        before(facts, rows)
        .group_by("rate")
        .agg(usual=pl.col("posterior").mean(), usual_error=pl.col("posterior_error").max(), months=pl.len())
    )
    both = rows.filter(month=facts.month).join(past, on="rate").sort("rate")
    bound = facts.settings.health.learned_change
    return [
        Alarm(
            row["rate"],
            f"The learned rate {row['rate']} ({row['steps']}) is {row['posterior']:.2f} ± "
            f"{row['posterior_error']:.2f}; {row['usual']:.2f} ± {row['usual_error']:.2f} over the "
            f"{row['months']} months before.",
            "The provider may bill such calls otherwise now, or a library logs them otherwise: read its "
            "changelog, "
            f"and look at the rows behind it with `tallystick explain {facts.month}`.",
        )
        for row in both.iter_rows(named=True)
        if abs(row["posterior"] - row["usual"])
        > max(bound, _ERRORS * sqrt(row["posterior_error"] ** 2 + row["usual_error"] ** 2))
    ]


LEARNED = Watch(
    "learned_rates_are_steady",
    "recon.rate",
    "No learned rate has moved against the months before.",
    ("learned_rates",),
    _find,
)
