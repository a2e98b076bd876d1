"""Calls whose recorded counts are, or may be, an estimate that an instrumentation made from text.

Nobody marks estimates. A dialect says when it makes them; LiteLLM does so on any stream without usage, and
then writes a finished span like all others. Such streams are told apart by what an estimate cannot have.
"""

import polars as pl

from pipeline.dialect import Rule
from pipeline.dialects import DIALECTS
from pipeline.fates import AGREES
from pipeline.kind_shares import INPUT_KINDS
from pipeline.model_families import with_family
from pipeline.token_ratios import OWN_VOCABULARY, with_recount

ESTIMATED, SUSPECTED, MIXED = "estimated", "suspected", "mixed"

CHANCE = {ESTIMATED: (1.0, 0.0), SUSPECTED: (0.8, 0.15), MIXED: (0.07, 0.25)}
"""Chance that the counts of a call are an estimate, and its standard error: known to be; thoughts are missing
that its siblings have; a stream like all others, of which 3 to 10 % bring no usage. Whether a service asks
for usage is a matter of its code, so that the chance is by service, and often none or all."""


def scaled(gap: float, error: float, certainty: str) -> tuple[float, float]:
    """Return the prior and standard error of a gap that is there by the chance of `certainty`."""
    chance, doubt = CHANCE[certainty]
    spread = (chance**2 + doubt**2) * error**2 + doubt**2 * gap**2
    return chance * gap, float(spread**0.5)


def rate_code(name: str, certainty: str, service: str) -> str:
    """Return the code of a rate. Those of streams that may be estimates are by service, and one group.

    Whether such a stream was estimated decides over its tokenizer and its thoughts at once: learned one
    without the other, each would make up for what the other claims by its prior.
    """
    return name if certainty == ESTIMATED else f"estimate/{name}/{certainty}/{service}"


UNMATCHED = pl.col("not_billed_reason").is_null() & ~pl.col("is_matched")
"""Whether a call is billed and no per-request meter tells of it; the others are known exactly."""

RECORDED_INPUT = pl.sum_horizontal([pl.col(f"{kind}_tokens").fill_null(0) for kind in INPUT_KINDS])

_SHOWN = 0.5
"""From this share on of streams that show thoughts, a stream without them is suspected."""
_EQUAL, _NEAR = 0.01, 2
"""Counts within 1 % and 2 tokens of each other are one count."""


def codes_with(rule: Rule, *, unmarked: bool = False) -> list[str]:
    """Return the dialects with a quirk; `unmarked`: only those that the finished spans do not show."""
    return [
        dialect.code
        for dialect in DIALECTS
        if any(quirk.rule == rule and (quirk.unfinished_only or not unmarked) for quirk in dialect.quirks)
    ]


def with_estimates(calls: pl.DataFrame) -> pl.DataFrame:
    """Return the calls that are or may be estimated, with `certainty`, a key of CHANCE, and their recount.

    Of finished streams of a dialect that marks nothing: out are those with cached or reasoning tokens, which
    no local count knows, and those whose text is on the span and counts otherwise. Where it counts the same,
    the call is estimated, unless the provider would have counted the same.
    """
    is_marked = pl.col("fate") == "tokenizer_mismatch"
    streams = (
        pl.col("dialect").is_in(codes_with("estimated_counts", unmarked=True))
        & pl.col("is_stream").fill_null(value=False)
        & (pl.col("usage_quality") == "recorded")
        & (pl.col("operation") != "embeddings")
        & (pl.col("fate") == AGREES)
    )
    some = calls.filter(UNMATCHED & (is_marked | streams))
    known = with_recount(with_family(some)).with_columns(_is_marked=is_marked)
    shows = (pl.col("reasoning_tokens").fill_null(0) > 0).mean().over("service", "model", "dialect")
    counted, made = pl.col("counted_output_tokens"), pl.col("output_tokens")
    is_same = (counted - made).abs() <= _NEAR + _EQUAL * made
    proves = ~pl.col("family").is_in(OWN_VOCABULARY) | pl.col("is_reasoning_model")
    certainty = (
        pl.when(pl.col("_is_marked"))
        .then(pl.lit(ESTIMATED))
        .when((pl.col("cache_read_tokens").fill_null(0) > 0) | (pl.col("reasoning_tokens").fill_null(0) > 0))
        .then(None)
        .when(counted.is_not_null())
        .then(pl.when(is_same & proves).then(pl.lit(ESTIMATED)))
        .when(shows >= _SHOWN)
        .then(pl.lit(SUSPECTED))
        .otherwise(pl.lit(MIXED))
    )
    return (
        known.with_columns(certainty=certainty).drop("_is_marked").filter(pl.col("certainty").is_not_null())
    )
