"""What the close found and wrote down: coverage, the unexplained, words and prices that nobody knows."""

from collections.abc import Callable

import polars as pl

from pipeline.watch import Alarm, Facts, Watch


def _of(*codes: str) -> Callable[[Facts], list[Alarm]]:
    """Return what makes an alarm of every finding with one of the codes."""

    def find(facts: Facts) -> list[Alarm]:
        rows = facts.frames["findings"].filter(pl.col("code").is_in(codes)).sort("code", "message")
        columns = rows.select("provider", "account", "message", "advice").rows()
        return [
            Alarm(" ".join(filter(None, (provider, account))) or "the month", message, advice)
            for provider, account, message, advice in columns
        ]

    return find


COVERAGE = Watch(
    "meters_cover_the_month",
    "core.coverage",
    "Every account has a meter for the whole month, and a bill.",
    ("findings",),
    _of("incomplete_export", "incomplete_cost_export", "unmetered", "no_bill"),
)
UNEXPLAINED = Watch(
    "unexplained_is_immaterial",
    "recon.bridge",
    "What is unexplained is below the materiality.",
    ("findings",),
    _of("unexplained_material"),
)
UNPRICED = Watch(
    "all_is_priced", "recon.expected_rate", "Every metered token has a price.", ("findings",), _of("unpriced")
)
UNMAPPED = Watch(
    "all_words_are_known",
    "core.unmapped",
    "Every model, SKU, provider and account is known.",
    ("findings",),
    _of("unmapped", "perhaps_alias"),
)
