"""Exact claims from a per-request meter: what it counted for each call, less what the trace recorded."""

import polars as pl

from pipeline.cause import BUCKET, CLAIM_SCHEMA, OWNER, Evidence, claims
from pipeline.metering.zones import local_day
from pipeline.tokens import unpivot
from schemas.types import KIND_COLUMNS

PLACE = [name for name in BUCKET if name != "token_kind"]

_ACCOUNT = ["provider", "account"]
_SPAN = ["trace_id", "span_id"]
_CACHED = [name for name in KIND_COLUMNS if name.startswith("cache_")]
_PLAIN = "input_uncached_tokens"
_ANSWERED = ("agrees", "tokenizer_mismatch", "reasoning")
"""Fates of calls that count as a request of the meter without any claim."""
_BASE, _METERED = "_base", "_metered"
_OF_CALL = [
    "call_id", *PLACE, *OWNER, *_SPAN, "month", "started_at", "fate", "usage_quality", "not_billed_reason",
    *KIND_COLUMNS,
]  # fmt: skip
_MATCHED = pl.format("per-request meter, matched by {}", pl.col("how").str.replace("_", " "))
_SHARED = "facts"


def claims_from_facts(evidence: Evidence, step: str) -> pl.DataFrame:
    """Return the exact claims of one step of the bridge that a per-request meter proves.

    - its fate: what the meter counted for a matched call less what was recorded, in the request's time step
      (of a call that seemed to agree: `duplicate_spans`, `reasoning` or `missing_usage`, by sign and kind);
    - `cache_convention`: the part of it that stands in another kind of input, adding up to zero;
    - `retries`: requests of attempts that were not kept;
    - `summary_compaction`, else `missing_usage`: iterations beside the message;
    - `not_billed`: calls that the account's own log does not list;
    - `period_boundary`: what was recorded, moved from the step of the call to that of its request;
    - requests of the account's own log that are no call's, where `pipeline/leftovers.py` puts them.
    """
    if "call_id" not in evidence.facts.columns or "fate" not in evidence.calls.columns:
        return CLAIM_SCHEMA.to_frame()
    if _SHARED not in evidence.shared:
        evidence.shared[_SHARED] = _told(evidence)
    return claims(evidence.shared[_SHARED].filter(pl.col("step") == step))


def without_told_iterations(rows: pl.DataFrame, evidence: Evidence) -> pl.DataFrame:
    """Return those of some calls whose iterations beside the answer no per-request meter lists."""
    if "call_id" not in evidence.facts.columns:
        return rows
    parts = evidence.facts.filter(pl.col("part") != "message")
    logs = evidence.requests.filter("is_meter").select(_ACCOUNT).unique()
    return rows.join(logs, on=_ACCOUNT, how="anti").join(parts, on="call_id", how="anti")


def _told(evidence: Evidence) -> pl.DataFrame:
    """All that the meter proves, with `step`."""
    calls = evidence.calls.select(_OF_CALL)
    compared = _compared(evidence, calls)
    parts = [
        _differences(compared),
        _conventions(compared),
        _whole(evidence, calls),
        _unlisted(evidence, calls),
        _moves(compared),
        _late_comers(evidence),
        _leftover(evidence),
    ]
    return pl.concat(parts).filter((pl.col("tokens") != 0) | (pl.col("requests") != 0))


def _compared(evidence: Evidence, calls: pl.DataFrame) -> pl.DataFrame:
    """Matched calls, with wide columns of what other exact claims leave (`_base`) and of the meter."""
    facts = evidence.facts.filter(pl.col("is_kept") & (pl.col("part") == "message"))
    counted = [pl.col(name).alias(f"{name}{_METERED}") for name in KIND_COLUMNS]
    told = facts.select("call_id", "is_meter", "how", *counted, request_at="bucket_start_at")
    rows = with_base(calls.join(told, on="call_id"), evidence.corrections)
    moves_on = pl.when("is_meter").then("request_at").otherwise("bucket_start_at")
    known = [
        pl.when(pl.col("is_meter") | pl.col(f"{name}{_METERED}").is_not_null())
        .then(pl.col(f"{name}{_METERED}").fill_null(0) - pl.col(f"{name}{_BASE}"))
        .otherwise(0)
        .alias(name)
        for name in KIND_COLUMNS
    ]
    return _with_convention(rows.with_columns(*known, request_at=moves_on))


def with_base(calls: pl.DataFrame, corrections: pl.DataFrame) -> pl.DataFrame:
    """Add `<kind>_base`: what a call recorded and the corrections of other steps leave of it."""
    signed = corrections.filter(pl.col("step") != "duplicate_spans").join(calls, on="call_id", how="semi")
    moved = signed.group_by("call_id").agg(
        pl.col("tokens").filter(pl.col("token_kind") == name.removesuffix("_tokens")).sum().alias(f"_{name}")
        for name in KIND_COLUMNS
    )
    base = [
        (pl.col(name).fill_null(0) + pl.col(f"_{name}").fill_null(0)).alias(f"{name}{_BASE}")
        for name in KIND_COLUMNS
    ]
    joined = calls.join(moved, on="call_id", how="left", maintain_order="left").with_columns(base)
    return joined.drop(f"_{name}" for name in KIND_COLUMNS)


def _with_convention(rows: pl.DataFrame) -> pl.DataFrame:
    """Add `_moved_<kind>`: the part of the difference that only stands in another kind of input.

    All that differs in cached kinds, with the opposite in plain input: where plain input was recorded too
    high by cached tokens, or too low, or was estimated as one sum. Where the span has nothing of the cached
    tokens at all, nothing is moved.
    """
    cached = pl.sum_horizontal(_CACHED)
    inputs = [f"{name}{_BASE}" for name in (_PLAIN, *_CACHED)]
    is_opposite = (pl.col(_PLAIN) * cached < 0) | (cached == 0) | (pl.col("usage_quality") == "estimated")
    moves = is_opposite & (pl.sum_horizontal(inputs) > 0)
    moved = {_PLAIN: -cached} | {name: pl.col(name) for name in _CACHED}
    return rows.with_columns(
        pl.when(moves).then(moved[name]).otherwise(0).alias(f"_moved_{name}") for name in moved
    )


def _differences(rows: pl.DataFrame) -> pl.DataFrame:
    """Metered less recorded, but for what stands in other kinds of input."""
    moves = {name: pl.col(f"_moved_{name}") for name in (_PLAIN, *_CACHED)}
    rest = [pl.col(name) - moves.get(name, 0) for name in KIND_COLUMNS]
    is_request = ~pl.col("is_meter") & ~pl.col("fate").is_in(_ANSWERED)
    table = rows.with_columns(*rest, requests=is_request.cast(pl.Float64), reason=_MATCHED)
    differs = pl.any_horizontal(pl.col(KIND_COLUMNS) != 0) | is_request
    table = table.filter(differs).with_columns(bucket_start_at="request_at")
    return _long(table, _cause())


def _conventions(rows: pl.DataFrame) -> pl.DataFrame:
    """What stands in other kinds of input."""
    moves = {name: pl.col(f"_moved_{name}") for name in (_PLAIN, *_CACHED)}
    wide = [moves.get(name, pl.lit(0, pl.Int64)).alias(name) for name in KIND_COLUMNS]
    some = rows.filter(pl.any_horizontal(moved != 0 for moved in moves.values()))
    table = some.with_columns(*wide, requests=pl.lit(0.0), reason=_MATCHED, bucket_start_at="request_at")
    return _long(table, pl.lit("cache_convention"))


def _cause() -> pl.Expr:
    """The step of a difference: the call's fate; where it seemed to agree, what the difference looks like.

    Less than recorded: the instrumentation counted twice. More output than recorded: the answer was recorded
    without its reasoning. More of what was not recorded at all: its usage is missing.
    """
    is_short = pl.any_horizontal(
        (pl.col("token_kind") == name.removesuffix("_tokens")) & (pl.col(f"{name}{_BASE}") > 0)
        for name in KIND_COLUMNS
        if name.startswith("output")
    )
    return (
        pl.when(pl.col("fate") != "agrees")
        .then("fate")
        .when(pl.col("tokens") < 0)
        .then(pl.lit("duplicate_spans"))
        .when(is_short)
        .then(pl.lit("reasoning"))
        .otherwise(pl.lit("missing_usage"))
    )


def _long(rows: pl.DataFrame, step: pl.Expr) -> pl.DataFrame:
    """Rows of tokens by kind; the requests of a row stay on its output."""
    keep = [*PLACE, *OWNER, *_SPAN, "requests", "reason"]
    needed = [name for name in step.meta.root_names() if name not in {*keep, "token_kind", "tokens"}]
    first = pl.col("token_kind") == "output"
    return (
        unpivot(rows.with_columns(pl.col("output_tokens").fill_null(0)), [*keep, *dict.fromkeys(needed)])
        .with_columns(requests=pl.when(first).then("requests").otherwise(0.0))
        .select(*BUCKET, *OWNER, *_SPAN, "tokens", "requests", "reason", step=step)
    )


def _whole(evidence: Evidence, calls: pl.DataFrame) -> pl.DataFrame:
    """Requests beside the kept message: attempts that were not kept, and billed iterations."""
    part = pl.col("part")
    cause = (
        pl.when(~pl.col("is_kept"))
        .then(pl.lit("retries"))
        .when(part.str.starts_with("compaction"))
        .then(pl.lit("summary_compaction"))
        .otherwise(pl.lit("missing_usage"))
    )
    extra = evidence.facts.filter(~(pl.col("is_kept") & (part == "message"))).with_columns(step=cause)
    own = calls.select("call_id", *OWNER, *_SPAN, *[pl.col(n).alias(f"_{n}") for n in PLACE])
    rows = extra.join(own, on="call_id").with_columns(
        *[pl.when("is_meter").then(name).otherwise(f"_{name}").alias(name) for name in PLACE],
        requests=(part == "message").cast(pl.Float64),
        reason=pl.when("is_kept")
        .then(pl.format("per-request meter: billed {} beside the answer", "part"))
        .otherwise(pl.lit("per-request meter: an attempt that was not kept")),
    )
    return _long(rows, pl.col("step"))


def _unlisted(evidence: Evidence, calls: pl.DataFrame) -> pl.DataFrame:
    """Calls that the log of their account lacks: not billed, or begun in another month and listed there."""
    logs = evidence.requests.filter("is_meter").select(_ACCOUNT).unique()
    kept = evidence.facts.filter("is_kept").select("call_id")
    own = calls.filter(pl.col("not_billed_reason").is_null()).join(logs, on=_ACCOUNT, how="semi")
    rows = with_base(own.join(kept, on="call_id", how="anti"), evidence.corrections)
    began = local_day(pl.col("started_at")).dt.strftime("%Y-%m") != pl.col("month")
    elsewhere = began.fill_null(value=False)
    is_told = pl.col("fate").is_in(_ANSWERED)
    reason = (
        pl.when("elsewhere")
        .then(pl.lit("the request began in another month, and the meter lists it there"))
        .otherwise(pl.lit("the meter of this account never lists the request"))
    )
    return _long(
        rows.with_columns(elsewhere=elsewhere).with_columns(
            *[-pl.col(f"{name}{_BASE}").alias(name) for name in KIND_COLUMNS],
            requests=pl.when(is_told).then(-1.0).otherwise(0.0),
            reason=reason,
        ),
        pl.when("elsewhere").then(pl.lit("period_boundary")).otherwise(pl.lit("not_billed")),
    )


def _moves(compared: pl.DataFrame) -> pl.DataFrame:
    """What was recorded of a call, out of its own time step and into that of its request."""
    rows = compared.filter(pl.col("request_at") != pl.col("bucket_start_at"))
    count = pl.col("fate").is_in(_ANSWERED).cast(pl.Float64)
    reason = pl.lit("per-request meter: the request is dated in another time step than the call")
    return pl.concat(
        _long(
            rows.with_columns(
                *[(sign * pl.col(f"{name}{_BASE}")).alias(name) for name in KIND_COLUMNS],
                requests=sign * count,
                reason=reason,
                bucket_start_at=at,
            ),
            pl.lit("period_boundary"),
        )
        for sign, at in ((-1, "bucket_start_at"), (1, "request_at"))
    )


def _late_comers(evidence: Evidence) -> pl.DataFrame:
    """Requests of this month whose call the traces put into the month before or after."""
    facts = evidence.facts.filter("is_meter")
    if evidence.edges.is_empty():
        facts = facts.clear()
        owners = evidence.calls.clear()
    else:
        owners = evidence.edges
    rows = facts.join(owners.select("call_id", *OWNER, *_SPAN), on="call_id").with_columns(
        requests=(pl.col("part") == "message").cast(pl.Float64),
        reason=pl.lit("per-request meter: the traces put this call into the month beside it"),
    )
    return _long(rows, pl.lit("period_boundary"))


def _leftover(evidence: Evidence) -> pl.DataFrame:
    """Requests that are no call's, by the step that `leftovers` gives them."""
    if "step" not in evidence.leftovers.columns:
        return _long(_nothing(), pl.lit(""))
    rows = evidence.leftovers.with_columns(requests=(pl.col("part") == "message").cast(pl.Float64))
    return _long(rows, pl.col("step"))


def _nothing() -> pl.DataFrame:
    text = dict.fromkeys([*PLACE, *OWNER, *_SPAN, "reason"], pl.String())
    counts = dict.fromkeys(KIND_COLUMNS, pl.Int64())
    return pl.Schema(
        {**text, **counts, "bucket_start_at": pl.Datetime("us", "UTC"), "requests": pl.Float64()}
    ).to_frame()
