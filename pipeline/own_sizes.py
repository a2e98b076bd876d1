"""What a call without usage shows of its own size: its text on the span, or the same request sent again."""

import polars as pl

from pipeline.model_families import with_family
from pipeline.token_ratios import with_recount

LOOKED_AT = (
    "trace_id", "model", "request_model", "response_model", "operation", "text_class", "counted_input_tokens",
    "counted_output_tokens", "counted_messages", "counted_tools", "counted_tool_tokens", "counted_tool_calls",
)  # fmt: skip
"""Columns of calls that are needed here, beside those that tell of usage and time."""

_REQUEST = ["trace_id", "service", "model", "operation"]
_LONGEST_WAIT = pl.duration(minutes=2)
"""Wrappers pause for a minute at most, unless told otherwise, before they send a request again."""
_LIKE = 0.1
"""Relative error of taking the next request for the same one: it may be another turn."""
_OTHER_ANSWER = 0.3
"""Relative spread of a second answer to the same request."""
_LEAST_ERROR = 1.0


def with_own_sizes(table: pl.DataFrame) -> pl.DataFrame:
    """Return calls with `_own_input`, `_own_output`, their standard errors, and `_text_output`.

    All are null on calls with usage and where the call shows nothing. The text comes first. Else the size is
    that of the answered request that follows a failed one at once, in the same trace, to the same model.
    `_text_output` is what had arrived when the call ended; models that think bill more than they show, so
    that theirs is null. Needs `row`, a number, and `_input` and `_output`, what each call recorded.
    """
    shown, again = _texts(table), _next(table)
    own = shown.join(again, on="row", how="full", coalesce=True).select(
        "row",
        "_text_output",
        _own_input=pl.coalesce("_text_input", "_again_input"),
        _own_input_error=pl.coalesce("_text_input_error", _LIKE * pl.col("_again_input")),
        _own_output=pl.coalesce("_text_output", "_again_output"),
        _own_output_error=pl.coalesce("_text_output_error", _OTHER_ANSWER * pl.col("_again_output")),
    )
    return table.join(own, on="row", how="left", maintain_order="left")


def _texts(table: pl.DataFrame) -> pl.DataFrame:
    """What the local count says of calls whose spans carry text and no usage, by `row`."""
    is_silent = pl.col("usage_quality").is_in(["absent", "false_zero"])
    told = table.filter(is_silent & pl.any_horizontal(pl.col("^counted_.*put_tokens$").is_not_null()))
    counted = with_recount(with_family(told))
    error = {
        side: pl.col(f"recount_{side}_tokens") * pl.col(f"recount_{side}_error")
        for side in ("input", "output")
    }
    is_whole = ~pl.col("is_reasoning_model")
    return counted.select(
        "row",
        _text_input="recount_input_tokens",
        _text_input_error=error["input"].clip(_LEAST_ERROR),
        _text_output=pl.when(is_whole).then("recount_output_tokens"),
        _text_output_error=pl.when(is_whole).then(error["output"].clip(_LEAST_ERROR)),
    )


def _next(table: pl.DataFrame) -> pl.DataFrame:
    """The size of the answered request that follows a failed one, with only failed ones between, by `row`."""
    failed = (pl.col("usage_quality") == "absent") & ~pl.col("failure").is_in(["completed", "cancelled"])
    answered = (pl.col("usage_quality") == "recorded") & (pl.col("failure") == "completed")
    wait = pl.col("started_at").shift(-1).over(_REQUEST) - pl.col("ended_at")
    goes_on = failed & wait.is_between(pl.duration(), _LONGEST_WAIT).fill_null(value=False)
    size = pl.struct(given=pl.when(answered).then("_input"), made=pl.when(answered).then("_output"))
    traces = table.filter(failed).select("trace_id").unique()
    some = (
        table.join(traces, on="trace_id", how="semi").sort("started_at", "row").with_columns(_goes_on=goes_on)
    )
    ahead = pl.when(~pl.col("_goes_on")).then(size).backward_fill().over(_REQUEST)
    return (
        some.with_columns(_ahead=ahead)
        .filter("_goes_on")
        .select(
            "row",
            _again_input=pl.col("_ahead").struct.field("given"),
            _again_output=pl.col("_ahead").struct.field("made"),
        )
    )
