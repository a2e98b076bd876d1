"""Whether two spans of different instrumentations can report one call: ids, models and counts compared."""

import polars as pl

EDGE = pl.Schema({"node": pl.UInt32(), "other": pl.UInt32()})
"""Two spans that report one call."""

COMPARED = (
    "node",
    "scope_name",
    "role",
    "started_at",
    "ended_at",
    "request_model",
    "response_model",
    "response_id",
    "logged_input",
    "whole_input",
    "whole_output",
    "has_usage",
    "has_wrong_output",
)

VENDORS = r"^(?:(?:us|eu|apac|global)\.)?(?:amazon|anthropic|cohere|meta|mistral|ai21|deepseek)\."
"""Region and vendor before a Bedrock model: some instrumentations cut them off."""


def comparable(spans: pl.DataFrame) -> pl.DataFrame:
    """Return the spans with what is compared: whole input and output, models without a vendor's prefix."""
    inputs = [
        name for name in spans.columns if name.startswith(("input_", "cache_")) and name.endswith("_tokens")
    ]
    outputs = ["output_tokens", "output_audio_tokens"]
    return spans.with_columns(
        _known_sum(inputs).alias("whole_input"), _known_sum(outputs).alias("whole_output")
    ).with_columns(
        (pl.col("whole_input").is_not_null() | pl.col("whole_output").is_not_null()).alias("has_usage"),
        *[pl.col(name).str.replace(VENDORS, "") for name in ("request_model", "response_model")],
    )


def _known_sum(names: list[str]) -> pl.Expr:
    known = pl.any_horizontal([pl.col(name).is_not_null() for name in names])
    return pl.when(known).then(pl.sum_horizontal([pl.col(name).fill_null(0) for name in names]))


def likeness(suffix: str) -> pl.Expr:
    """0 for equal counts, 1 for compatible ones, null when the two cannot be one call.

    The other span's columns carry the suffix. Outputs may differ where one of the two is known to be wrong.
    """
    other = {name: pl.col(f"{name}{suffix}") for name in COMPARED}
    same_id = pl.col("response_id").eq(other["response_id"]).fill_null(True)
    words, others = ("request_model", "response_model"), (other["request_model"], other["response_model"])
    equal = [pl.col(word).eq(its) for word in words for its in others]
    nameless = pl.all_horizontal([pl.col(word).is_null() for word in words]) | pl.all_horizontal(
        [its.is_null() for its in others]
    )
    same_model = pl.any_horizontal([known.fill_null(False) for known in equal]) | nameless
    same_input = pl.col("whole_input").eq(other["whole_input"]).fill_null(True) | pl.col("logged_input").eq(
        other["logged_input"]
    ).fill_null(False)
    same_output = pl.col("whole_output").eq(other["whole_output"]).fill_null(True)
    loose = pl.col("has_wrong_output") | other["has_wrong_output"]
    both = pl.col("has_usage") & other["has_usage"]
    return (
        pl.when(same_id & same_model & both & same_input & same_output)
        .then(0)
        .when(same_id & same_model & (~both | (same_input & loose)))
        .then(1)
    )
