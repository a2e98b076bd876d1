"""What a call without usage shows of its own size: its text on the span, or the same request sent again."""

import polars as pl

from pipeline.model_families import with_family
from pipeline.token_ratios import with_recount

_REQUEST = ["trace_id", "service", "model", "operation"]
_LONGEST_WAIT = pl.duration(minutes=2)
"""Wrappers pause for a minute at most, unless told otherwise, before they send a request again."""
_LIKE = 0.1
"""Relative error of taking the next request for the same one: it may be another turn."""
_OTHER_ANSWER = 0.3
"""Relative spread of a second answer to the same request."""
_LEAST_ERROR = 1.0

_TEXT = ("_text_input", "_text_input_error", "_text_output", "_text_output_error")
_AGAIN = ("_again_input", "_again_output")


def with_own_sizes(table: pl.DataFrame) -> pl.DataFrame:
    """Return calls with `_own_input`, `_own_output`, their standard errors, and `_text_output`.

    All are null on calls with usage and where the call shows nothing. The text comes first. Else the size is
    that of the answered request that follows a failed one at once, in the same trace, to the same model.
    `_text_output` is what had arrived when the call ended; models that think bill more than they show, so
    that theirs is null. Needs `_input` and `_output`, what each call recorded.
    """
    rows = _with_next(_with_text(table))
    return rows.with_columns(
        _own_input=pl.coalesce("_text_input", "_again_input"),
        _own_input_error=pl.coalesce("_text_input_error", _LIKE * pl.col("_again_input")),
        _own_output=pl.coalesce("_text_output", "_again_output"),
        _own_output_error=pl.coalesce("_text_output_error", _OTHER_ANSWER * pl.col("_again_output")),
    ).drop(*_TEXT[:2], _TEXT[3], *_AGAIN)


def _with_text(table: pl.DataFrame) -> pl.DataFrame:
    """Add what the local count says of calls whose spans carry text and no usage."""
    is_silent = pl.col("usage_quality").is_in(["absent", "false_zero"])
    told = table.filter(is_silent & pl.any_horizontal(pl.col("^counted_.*put_tokens$").is_not_null()))
    counted = with_recount(with_family(told))
    sides = [
        column
        for side in ("input", "output")
        for column in (
            pl.col(f"recount_{side}_tokens").alias(f"_text_{side}"),
            (pl.col(f"recount_{side}_tokens") * pl.col(f"recount_{side}_error"))
            .clip(_LEAST_ERROR)
            .alias(f"_text_{side}_error"),
        )
    ]
    shown = counted.select("call_id", "is_reasoning_model", *sides).with_columns(
        pl.when(~pl.col("is_reasoning_model")).then(name).alias(name) for name in _TEXT[2:]
    )
    return table.join(shown.drop("is_reasoning_model"), on="call_id", how="left", maintain_order="left")


def _with_next(table: pl.DataFrame) -> pl.DataFrame:
    """Add the size of the answered request that follows a failed one, with only failed ones between them."""
    failed = (pl.col("usage_quality") == "absent") & ~pl.col("failure").is_in(["completed", "cancelled"])
    answered = (pl.col("usage_quality") == "recorded") & (pl.col("failure") == "completed")
    wait = pl.col("started_at").shift(-1).over(_REQUEST) - pl.col("ended_at")
    goes_on = failed & wait.is_between(pl.duration(), _LONGEST_WAIT).fill_null(value=False)
    size = pl.struct(given=pl.when(answered).then("_input"), made=pl.when(answered).then("_output"))
    ordered = table.sort("started_at", "call_id").with_columns(_goes_on=goes_on)
    ahead = pl.when(~pl.col("_goes_on")).then(size).backward_fill().over(_REQUEST)
    found = ordered.with_columns(_ahead=pl.when("_goes_on").then(ahead))
    return found.with_columns(
        _again_input=pl.col("_ahead").struct.field("given"),
        _again_output=pl.col("_ahead").struct.field("made"),
    ).drop("_goes_on", "_ahead")
