"""Counts as logged -> disjoint leaves, by the convention of the span's dialect."""

from collections.abc import Sequence

import polars as pl

from pipeline.dialect import Dialect
from pipeline.spans.recognise import UNFINISHED, quirky
from pipeline.tokens import HAS_USAGE
from schemas.types import KIND_COLUMNS

_INPUT, _OUTPUT, _TOTAL = pl.col("logged_input"), pl.col("logged_output"), pl.col("logged_total")
_SPLIT = pl.col("logged_cache_write_5m").fill_null(0) + pl.col("logged_cache_write_1h").fill_null(0)
_HAS_SPLIT = pl.col("logged_cache_write_5m").is_not_null() | pl.col("logged_cache_write_1h").is_not_null()
_WRITES = pl.coalesce("logged_cache_write", pl.when(_HAS_SPLIT).then(_SPLIT))
_CACHED = pl.col("logged_cache_read").fill_null(0) + _WRITES.fill_null(0)


def with_leaves(spans: pl.DataFrame, dialects: Sequence[Dialect]) -> pl.DataFrame:
    """Return recognised spans with leaves, `usage_quality`, `cache_breakdown`, `is_contradictory`.

    Leaves are null on spans that are no LLM spans, on auxiliary spans (a count is no usage) and on false
    zeros. Where the cached tokens exceed the input that should contain them and no total says why,
    `input_uncached_tokens` is null and `is_contradictory` is true.
    """
    return (
        spans.with_columns(
            _by_dialect(dialects, "cache_convention").alias("_convention"),
            _by_dialect(dialects, "cache_breakdown").alias("cache_breakdown"),
            quirky(spans, dialects, "wrong_output").alias("has_wrong_output"),
            *_is_nothing(quirky(spans, dialects, "false_zero_is_null")),
        )
        .with_columns(*_sides())
        .with_columns(*_input_leaves(), *_output_leaves())
        .with_columns(
            pl.when(pl.col("is_llm") & ~pl.col("_is_nothing")).then(pl.col(name)).alias(name)
            for name in KIND_COLUMNS
        )
        .with_columns(_quality(spans, dialects), _breakdown())
        .drop("_convention", "_is_nothing", "_false_zero", "_output", "_rest")
    )


def _by_dialect(dialects: Sequence[Dialect], attribute: str) -> pl.Expr:
    words = {dialect.code: str(getattr(dialect, attribute)) for dialect in dialects}
    return pl.col("dialect").replace_strict(words, default=None, return_dtype=pl.String)


def _is_nothing(is_known_to_happen: pl.Expr) -> list[pl.Expr]:
    """Input 0 and output 0: nothing was recorded, where the dialect does that or the call failed."""
    zero = (_INPUT == 0) & (_OUTPUT == 0) & (_CACHED == 0) & (_TOTAL.fill_null(0) == 0)
    failed = pl.col("status") == "error"
    false_zero = (zero & ~failed & is_known_to_happen & UNFINISHED).fill_null(False)
    return [
        false_zero.alias("_false_zero"),
        (false_zero | (zero & failed).fill_null(False)).alias("_is_nothing"),
    ]


def _sides() -> list[pl.Expr]:
    """Input, output and the input outside caches, which is negative where the numbers contradict.

    The total stands in for a missing side where it cannot hold anything else.
    """
    plain = pl.col("_convention").ne("exclusive") | (_CACHED == 0)
    output = pl.when(pl.col("operation") == "embeddings").then(_OUTPUT.fill_null(0)).otherwise(_OUTPUT)
    given = pl.coalesce(_INPUT, pl.when(plain & (output <= _TOTAL)).then(_TOTAL - output))
    made = pl.coalesce(_OUTPUT, pl.when(plain & (_TOTAL >= _INPUT)).then(_TOTAL - _INPUT))
    total_says_exclusive = (_CACHED > 0) & (_TOTAL == _INPUT + _OUTPUT + _CACHED)
    too_small = pl.col("_convention").eq("inclusive_if_total_says") & _TOTAL.is_null() & (_INPUT < _CACHED)
    is_exclusive = pl.col("_convention").eq("exclusive") | total_says_exclusive | too_small
    rest = pl.when(is_exclusive.fill_null(False)).then(given).otherwise(given - _CACHED)
    return [made.alias("_output"), rest.alias("_rest")]


def _input_leaves() -> list[pl.Expr]:
    rest = pl.when(pl.col("_rest") >= 0).then(pl.col("_rest"))
    audio = pl.min_horizontal("logged_input_audio", pl.max_horizontal("_rest", pl.lit(0)))
    audio = pl.when(pl.col("logged_input_audio").is_not_null()).then(audio)
    split_fits = _HAS_SPLIT & (_SPLIT == _WRITES)
    return [
        (rest - audio.fill_null(0)).alias("input_uncached_tokens"),
        pl.col("logged_cache_read").alias("cache_read_tokens"),
        pl.when(split_fits).then(pl.col("logged_cache_write_5m")).alias("cache_write_5m_tokens"),
        pl.when(split_fits).then(pl.col("logged_cache_write_1h")).alias("cache_write_1h_tokens"),
        pl.when(~split_fits).then(_WRITES).alias("cache_write_other_tokens"),
        audio.alias("input_audio_tokens"),
        pl.lit(None, pl.Int64).alias("input_image_tokens"),
        (pl.col("_rest") < 0).fill_null(False).alias("is_contradictory"),
    ]


def _output_leaves() -> list[pl.Expr]:
    audio = pl.min_horizontal("logged_output_audio", "_output")
    audio = pl.when(pl.col("logged_output_audio").is_not_null() & pl.col("_output").is_not_null()).then(audio)
    return [
        (pl.col("_output") - audio.fill_null(0)).alias("output_tokens"),
        audio.alias("output_audio_tokens"),
        pl.lit(None, pl.Int64).alias("output_image_tokens"),
    ]


def _quality(spans: pl.DataFrame, dialects: Sequence[Dialect]) -> pl.Expr:
    placeholder = (
        quirky(spans, dialects, "placeholder_output")
        & (pl.col("finish_reasons").fill_null("") == "")
        & _OUTPUT.is_between(1, 8)
    )
    one_sided = pl.col("input_uncached_tokens").is_null() | (
        pl.col("output_tokens").is_null() & pl.col("operation").ne("embeddings")
    )
    return (
        pl.when(pl.col("_false_zero"))
        .then(pl.lit("false_zero"))
        .when(~HAS_USAGE)
        .then(pl.lit("absent"))
        .when(placeholder)
        .then(pl.lit("placeholder"))
        .when(quirky(spans, dialects, "estimated_counts"))
        .then(pl.lit("estimated"))
        .when(one_sided)
        .then(pl.lit("partial"))
        .otherwise(pl.lit("recorded"))
        .alias("usage_quality")
    )


def _breakdown() -> pl.Expr:
    """What the dialect promises, corrected by what the span has: more, or a split that does not add up."""
    promised = pl.col("cache_breakdown").fill_null("none")
    split = pl.col("cache_write_5m_tokens").is_not_null() | pl.col("cache_write_1h_tokens").is_not_null()
    lumped = pl.col("cache_write_other_tokens") > 0
    return (
        pl.when(split)
        .then(pl.lit("full"))
        .when(lumped.fill_null(False))
        .then(pl.lit("lumped_writes"))
        .when(promised.eq("none") & pl.col("cache_read_tokens").is_not_null())
        .then(pl.lit("read_only"))
        .otherwise(promised)
        .alias("cache_breakdown")
    )
