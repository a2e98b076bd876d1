"""How many tokens a complete answer would have: for calls that say nothing, or only a part.

First from the call itself: its recorded input, the text on its span, the same request sent again, the length
of its answer's stream, the turn before it in its conversation. Then from completed siblings of the same
service, operation and model, shrunk to those of the model where they are few.
"""

from collections.abc import Sequence

import polars as pl

from pipeline.cause import BUCKET
from pipeline.fates import AGREES
from pipeline.grouping import numbers
from pipeline.kind_shares import INPUT_KINDS, WRITES, kind_shares
from pipeline.own_sizes import LOOKED_AT, with_own_sizes
from schemas.types import TOKEN_KINDS

WHOLE = tuple(f"whole_{kind}" for kind in TOKEN_KINDS)
"""Expected tokens of a complete answer, one column a kind."""

OUTPUT_KINDS = tuple(kind for kind in TOKEN_KINDS if kind.startswith("output"))

_GROUPS = (
    ("provider", "account", "model", "service", "operation"),
    ("provider", "model", "operation"),
    ("provider", "operation"),
)
"""Siblings, nearest first."""

_LOOKED_AT = [
    "service", "conversation_id", "started_at", "ended_at", "fate", "failure", "usage_quality",
    "cache_breakdown", "attempts_made", "reasoning_tokens", *(f"{kind}_tokens" for kind in TOKEN_KINDS),
    *LOOKED_AT,
]  # fmt: skip

_LEAST_CALLS = 8
_OVERHEAD = 50.0
"""Tokens whose time stands for the time to the first one."""
_FEW_TIMES = 3.0
_LEAST_EXCESS = 4.0
"""Seconds beyond three times the usual pace from which a duration is taken for something else."""

_PRIOR_RATIOS = 30

_PRIOR_CALLS = 4.0
"""Weight of the wider group, in calls of the nearer one."""

_PLACE = [name for name in BUCKET if name != "token_kind"]
_SECONDS = (pl.col("ended_at") - pl.col("started_at")).dt.total_microseconds() / 1e6


def total(columns: Sequence[str]) -> pl.Expr:
    """Return the sum of the named columns, unknown ones left out."""
    return pl.sum_horizontal([pl.col(name).fill_null(0) for name in columns]).cast(pl.Float64)


INPUT = total([f"{kind}_tokens" for kind in INPUT_KINDS])
OUTPUT = total([f"{kind}_tokens" for kind in OUTPUT_KINDS])


def with_sizes(calls: pl.DataFrame, metered: pl.DataFrame) -> pl.DataFrame:
    """Return calls with `whole_<kind>`, their errors, `made_output`, `progress` and `excess_seconds`.

    The errors, `whole_input_error` and `whole_output_error`, are standard errors in tokens. `made_output`:
    output generated until the call ended, by the time it took; for completed calls the whole. Calls that
    agree keep what they recorded, with no error. `progress`: output by the time that the call took, as a part
    of a usual answer.
    """
    table = _narrow(calls, metered).with_columns(_input=INPUT, _output=OUTPUT, _seconds=_SECONDS)
    table = with_own_sizes(table)
    table = _with_siblings(table)
    table = _with_previous_turn(table)
    table = _with_duration(table)
    knows_input = pl.col("input_uncached_tokens").is_not_null() & (pl.col("_input") > 0)
    own_kinds = knows_input & (pl.col("cache_breakdown") != "none")
    agrees = pl.col("fate").is_in([AGREES, "not_billed"])
    size = (
        pl.when(knows_input).then("_input").otherwise(pl.coalesce("_own_input", "_turn_input", "_mean_input"))
    )
    inputs = [
        pl.when(own_kinds)
        .then(_own(kind))
        .otherwise(size * pl.col(f"share_{kind}"))
        .fill_null(0.0)
        .alias(f"whole_{kind}")
        for kind in INPUT_KINDS
    ]
    failed = pl.col("_mean_output") * _failing_bias(table)
    is_cut = pl.col("failure").is_in(["cancelled", "broken"])
    own_output, own_error = (pl.when(~is_cut).then(name) for name in ("_own_output", "_own_output_error"))
    output = pl.when(agrees).then("_output").otherwise(pl.coalesce(own_output, "_full_output", failed))
    outputs = [
        output.fill_null(0.0).alias("whole_output"),
        *[pl.lit(0.0).alias(f"whole_{kind}") for kind in OUTPUT_KINDS if kind != "output"],
    ]
    errors = [
        pl.when(knows_input).then(0.0)
        .otherwise(pl.coalesce("_own_input_error", "_turn_error", "_input_error"))
        .fill_null(0.0).alias("whole_input_error"),
        pl.when(agrees).then(0.0).otherwise(pl.coalesce(own_error, "_full_error", "_output_error"))
        .fill_null(0.0).alias("whole_output_error"),
        pl.when(agrees).then("_output").otherwise(pl.coalesce("_text_output", "_made_output", failed))
        .fill_null(0.0).alias("made_output"),
    ]  # fmt: skip
    return calls.hstack(table.select(*inputs, *outputs, *errors, "excess_seconds", "progress"))


def _narrow(calls: pl.DataFrame, metered: pl.DataFrame) -> pl.DataFrame:
    """What sizes are worked out from, in the order of the calls; groups are numbers, named `_by_<depth>`."""
    groups = [numbers(calls, group).alias(f"_by_{depth}") for depth, group in enumerate(_GROUPS)]
    talk = numbers(calls, ["service", "conversation_id"]).alias("_talk")
    shares = kind_shares(calls, metered)
    return calls.select(_LOOKED_AT).with_columns(*groups, talk, *shares, row=pl.int_range(pl.len()))


def _own(kind: str) -> pl.Expr:
    """Recorded tokens of a kind; writes of unknown lifetime go to those that the meter knows."""
    own = pl.col(f"{kind}_tokens").fill_null(0).cast(pl.Float64)
    if kind not in WRITES:
        return own
    lasting = pl.sum_horizontal([pl.col(f"share_{name}") for name in WRITES[:-1]])
    lumped = pl.col("cache_write_other_tokens").fill_null(0)
    if kind == WRITES[-1]:
        return pl.when(lasting > 0).then(0.0).otherwise(own)
    return own + pl.when(lasting > 0).then(lumped * pl.col(f"share_{kind}") / lasting).otherwise(0.0)


def _failing_bias(table: pl.DataFrame) -> float:
    """How much longer the answers of calls are that needed another attempt: long calls fail more often.

    Learned from retried calls with recorded usage, each against its siblings; the prior is 1.25.
    """
    retried = table.filter(_is_sibling() & (pl.col("attempts_made") > 1) & (pl.col("_mean_output") > 0))
    ratios = retried.select((pl.col("_output") / pl.col("_mean_output")).clip(0, 5)).to_series()
    return round((1.25 * _PRIOR_RATIOS + float(ratios.sum())) / (_PRIOR_RATIOS + ratios.len()), 6)


def _is_sibling() -> pl.Expr:
    """Completed calls with counts; those of a local tokenizer are near enough to be like."""
    agrees = (pl.col("fate") == AGREES) & (pl.col("usage_quality") == "recorded")
    return agrees | ((pl.col("fate") == "tokenizer_mismatch") & (pl.col("usage_quality") == "estimated"))


def _with_siblings(table: pl.DataFrame) -> pl.DataFrame:
    """`_mean_input`, `_mean_output` and the standard deviations of a single call, from completed siblings."""
    siblings = table.filter(_is_sibling())
    for depth in reversed(range(len(_GROUPS))):
        group = f"_by_{depth}"
        sums = siblings.group_by(group).agg(
            pl.len().cast(pl.Float64).alias("_n"),
            pl.col("_input").mean().alias("_i"), pl.col("_output").mean().alias("_o"),
            pl.col("_input").std().alias("_si"), pl.col("_output").std().alias("_so"),
        )  # fmt: skip
        table = table.join(sums, on=group, how="left", maintain_order="left")
        if depth == len(_GROUPS) - 1:
            kept = {"_mean_input": "_i", "_mean_output": "_o", "_input_error": "_si", "_output_error": "_so"}
            table = table.with_columns(pl.col(new).alias(name) for name, new in kept.items())
        else:
            weight = pl.col("_n").fill_null(0.0) / (pl.col("_n").fill_null(0.0) + _PRIOR_CALLS)
            table = table.with_columns(
                (pl.col(new).fill_null(pl.col(name)) * weight + pl.col(name) * (1 - weight)).alias(name)
                for name, new in (
                    ("_mean_input", "_i"), ("_mean_output", "_o"),
                    ("_input_error", "_si"), ("_output_error", "_so"),
                )
            )  # fmt: skip
        table = table.drop("_n", "_i", "_o", "_si", "_so")
    return table


def _with_previous_turn(table: pl.DataFrame) -> pl.DataFrame:
    """`_turn_input`: the context that the conversation had grown to before the call, plus a usual message.

    The first call of a conversation is like the first calls of others.
    """
    talk, near = "_talk", "_by_0"
    talks = pl.col("conversation_id").is_not_null()
    order = table.select("started_at", "row").sort("started_at", maintain_order=True)["row"]
    table = table[order].with_columns(
        _first=talks & (pl.int_range(pl.len()).over(talk) == 0), _known=_is_sibling() & talks
    )
    context = pl.col("_input") + pl.col("_output") - pl.col("reasoning_tokens").fill_null(0)
    before = pl.when(pl.col("_known")).then(context).forward_fill().shift(1).over(talk)
    table = table.with_columns(_before=pl.when(talks).then(before))
    step = pl.col("_input") - pl.col("_before")
    grown = pl.col("_before") + step.filter(pl.col("_known") & (step >= 0)).median().over(
        "service"
    ).fill_null(0)
    first = pl.col("_input").filter(pl.col("_first") & pl.col("_known"))
    return table.with_columns(
        _turn_input=pl.when("_first").then(first.mean().over(near)).otherwise(grown),
        _turn_error=pl.when("_first")
        .then(first.std().over(near))
        .otherwise(step.filter(pl.col("_known")).std().over("service")),
    ).drop("_before", "_first", "_known")[order.arg_sort()]


def _with_duration(table: pl.DataFrame) -> pl.DataFrame:
    """Add what the duration of a call tells of its output, by a line through its completed siblings.

    `_made_output`: output generated until the call ended. `_full_output`: the whole answer, given that much.
    `excess_seconds`: how much longer a completed call took than its output explains; null where that is
    within what siblings of one attempt show.
    """
    group = "_by_0"
    table = _with_line(table, group)
    by_time = (pl.col("_seconds") - pl.col("_y")) / pl.col("_slope") + pl.col("_x")
    noise = ((by_time - pl.col("_output")) ** 2).filter(pl.col("_fits")).mean().over(group)
    table = table.with_columns(_by_time=by_time, _noise=noise)
    has_line = (pl.col("_n") >= _LEAST_CALLS) & (pl.col("_slope") > 0)
    ends = pl.col("failure").is_in(["completed", "cancelled", "broken"])
    is_told = has_line & ends & (pl.col("attempts_made") == 1)
    spread, error = pl.col("_spread"), pl.col("_noise")
    weight = spread / (spread + error)
    blend = (weight * pl.col("_by_time") + (1 - weight) * pl.col("_mean_output")).clip(1.0)
    is_whole = pl.col("failure") == "completed"
    made = pl.when(is_told & is_whole).then(blend).when(is_told).then(pl.col("_by_time").clip(1.0))
    longer = pl.col("_mean_output") + pl.col("_by_time").clip(1.0) / 2
    return table.with_columns(
        _made_output=made,
        _full_output=pl.when(is_told & is_whole).then(blend).when(is_told).then(longer),
        progress=pl.when(is_told & (pl.col("_mean_output") > 0)).then(
            pl.col("_by_time").clip(0.0) / pl.col("_mean_output")
        ),
        _full_error=pl.when(is_told & is_whole).then((spread * error / (spread + error)).sqrt()),
        excess_seconds=pl.when(has_line & _is_sibling() & (pl.col("_seconds") > pl.col("_limit"))).then(
            pl.col("_seconds") - pl.col("_y") - pl.col("_slope") * (pl.col("_output") - pl.col("_x"))
        ),
    )


def _with_line(table: pl.DataFrame, group: str) -> pl.DataFrame:
    """Fit duration on output, by group, through siblings that took no more than a few times the usual."""
    usable = _is_sibling() & (pl.col("attempts_made") == 1) & (pl.col("_output") > 0)
    pace = (pl.col("_seconds") / (pl.col("_output") + _OVERHEAD)).filter(usable).median().over(group)
    table = table.with_columns(_limit=_FEW_TIMES * pace * (pl.col("_output") + _OVERHEAD) + _LEAST_EXCESS)
    fits = usable & (pl.col("_seconds") <= pl.col("_limit"))
    x, y = pl.col("_output").filter(fits), pl.col("_seconds").filter(fits)
    return table.with_columns(
        _slope=(pl.cov(x, y) / x.var()).over(group), _x=x.mean().over(group), _y=y.mean().over(group),
        _n=fits.sum().over(group), _spread=x.var().over(group), _fits=fits,
    )  # fmt: skip
