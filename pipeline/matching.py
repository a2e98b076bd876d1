"""Calls and the requests of a per-request meter, matched one to one: by id, else by time and token counts."""

from typing import NamedTuple

import polars as pl

from pipeline.assignment import Sides, assign
from pipeline.onesided import family
from schemas.types import KIND_COLUMNS

_SELLER = ("provider", "account", "family")
_ACCOUNT = ("account",)
_PAIR = ["call", "request", "how", "is_kept"]
_ATTEMPT = r"-attempt-\d+$"
"""What proxies add to the id of a request that they sent again."""

_SLACK = pl.duration(seconds=2)
"""How far two clocks may be apart, and how long a request travels."""

_NEAR = pl.duration(days=1)
"""Equal ids further apart than this are a coincidence."""

_LEARNING = 5
"""Pairs by id from which the offset of a log's clock is learned."""

_UNREAD = ("false_zero", "absent")
"""Qualities of usage whose counts say nothing; a placeholder's output does not either."""

_OUTPUTS = [name for name in KIND_COLUMNS if name.startswith("output")]
_INPUTS = [name for name in KIND_COLUMNS if name not in _OUTPUTS]


class Matched(NamedTuple):
    """What a per-request meter tells of which call.

    `facts`: one row per request that belongs to a call: `call_id`, `request` (index of the row in the
    requests given), `how` (response_id, request_id, assigned, attempt), `is_kept` (false for attempts whose
    answer the call did not keep), and all columns of the request. A billed iteration beside the message
    (`part`) is a row of its own. `leftovers`: the other requests, with `request`.
    """

    facts: pl.DataFrame
    leftovers: pl.DataFrame


def match(calls: pl.DataFrame, requests: pl.DataFrame, attempts: pl.DataFrame | None = None) -> Matched:
    """Return which request is which call's, from rows of core.call, core.request and core.attempt.

    An id counts where it is one call's and one request's in the account; ids of stubs and of streams that
    repeat never do. What is left is assigned within provider, account and model family by time and tokens
    (`pipeline/assignment.py`), then, where counts agree, across providers and models of the account, whose
    names spans get wrong. A pair that is no better than none is not made. The requests that then remain go to
    attempts that calls are known to have made and not kept.
    """
    numbered = requests.with_row_index("request").with_columns(pl.col("request").cast(pl.Int64))
    messages = _sized(numbered.filter(pl.col("part") == "message").sort(_order(requests), nulls_last=True))
    calls = _narrow(calls, requests)
    pairs = _by_id(calls, messages, "response_id")
    pairs = pl.concat([pairs, _by_id(*_rest(calls, messages, pairs), "request_id")])
    clocks = _clocks(calls, messages, pairs)
    tries = _tries(attempts, calls)
    for key in (_SELLER, _ACCOUNT):
        left, right = _rest(calls, messages, pairs)
        found = assign(Sides(_asking(left, clocks, tries, key), _answering(right, key)))
        pairs = pl.concat([pairs, _named(found, left, right, "assigned", is_kept=True)])
    _, right = _rest(calls, messages, pairs)
    again = _again(calls, pairs, tries, messages)
    found = assign(Sides(_waiting(again, clocks), _answering(right, _SELLER)))
    pairs = pl.concat([pairs, _named(found, again, right, "attempt", is_kept=False)])
    told = pl.concat([pairs, _parts(numbered, pairs)])
    named = told.select(pl.lit(calls["call_id"]).gather("call").alias("call_id"), pl.all().exclude("call"))
    facts = named.join(numbered, on="request").sort("call_id", "request")
    return Matched(facts, numbered.join(facts, on="request", how="anti").sort("request"))


def _narrow(calls: pl.DataFrame, requests: pl.DataFrame) -> pl.DataFrame:
    """What matching looks at, of the calls of accounts that have requests, by `call`: a number."""
    quality = pl.col("usage_quality")
    rows = calls.lazy().filter(pl.col("account").is_in(requests["account"].unique().implode()))
    return (
        rows.select(
            "call_id", "provider", "account", "model", "response_id", "request_id", "started_at", "ended_at",
            "attempt_count",
            is_free=pl.col("not_billed_reason").is_not_null(),
            is_estimate=quality == "estimated",
            input=pl.when(~quality.is_in(_UNREAD)).then(_sum(_INPUTS)),
            output=pl.when(~quality.is_in([*_UNREAD, "placeholder"])).then(_sum(_OUTPUTS)),
        )
        .join(_families(calls).lazy(), on="model", how="left", nulls_equal=True)
        .with_columns(call=pl.int_range(pl.len(), dtype=pl.Int64))
        .collect()
    )  # fmt: skip


def _sized(messages: pl.DataFrame) -> pl.DataFrame:
    """Add `family`, `input` and `output`."""
    return messages.join(
        _families(messages), on="model", how="left", nulls_equal=True, maintain_order="left"
    ).with_columns(input=_sum(_INPUTS), output=_sum(_OUTPUTS))


def _families(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(pl.col("model").unique()).with_columns(family=family("model"))


def _order(requests: pl.DataFrame) -> list[str]:
    first = ["account", "started_at", "model", "response_id", "request_id"]
    return [*first, *(name for name in requests.columns if name not in first)]


def _rest(
    calls: pl.DataFrame, messages: pl.DataFrame, pairs: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    return (
        calls.filter(~pl.col("call").is_in(pairs["call"].implode())),
        messages.join(pairs, on="request", how="anti", maintain_order="left"),
    )


def _by_id(calls: pl.DataFrame, messages: pl.DataFrame, name: str) -> pl.DataFrame:
    """Pairs of equal ids; of several attempts under one id the last one is kept."""
    key = ["account", name]
    theirs = messages.drop_nulls(name).with_columns(pl.col(name).alias("sent"))
    theirs = theirs.with_columns(pl.col(name).str.replace(_ATTEMPT, ""))
    theirs = theirs.filter(pl.col("sent").n_unique().over(key) == pl.len().over(key))
    own = calls.select(*key, "call", begun_at="started_at").join(theirs, on=key, how="semi")
    pairs = own.filter(pl.len().over(key) == 1).join(theirs.select(*key, "request", "started_at"), on=key)
    is_near = ((pl.col("started_at") - pl.col("begun_at")).abs() <= _NEAR).fill_null(value=True)
    return (
        pairs.filter(is_near)
        .sort("call", "started_at", "request", nulls_last=True)
        .select(
            "call",
            "request",
            how=pl.lit(name),
            is_kept=pl.col("call").ne_missing(pl.col("call").shift(-1)),
        )
    )


def _clocks(calls: pl.DataFrame, messages: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """How far the log of each account runs behind the spans, from the pairs by id: `account`, `offset`."""
    begun = calls.filter(pl.col("attempt_count") == 1).select("call", "account", begun_at="started_at")
    known = pairs.join(begun, on="call").join(messages.select("request", "started_at"), on="request")
    offsets = known.group_by("account").agg(
        offset=(pl.col("started_at") - pl.col("begun_at")).median(), pairs=pl.len()
    )
    return offsets.filter(pl.col("pairs") >= _LEARNING).select("account", "offset").sort("account")


def _tries(attempts: pl.DataFrame | None, calls: pl.DataFrame) -> pl.DataFrame:
    """HTTP spans of calls: `call`, `attempt_number`, `started_at`, `ended_at`, `is_last`."""
    schema = pl.Schema(
        {"call_id": pl.String(), "attempt_number": pl.Int64()}
        | dict.fromkeys(("started_at", "ended_at"), pl.Datetime("us", "UTC"))
    )
    frame = schema.to_frame() if attempts is None else attempts.select(schema.names())
    seen = (
        frame.join(calls.select("call", "call_id"), on="call_id")
        .drop("call_id")
        .sort("call", "attempt_number")
    )
    last = pl.col("attempt_number") == pl.col("attempt_number").max().over("call")
    return seen.with_columns(is_last=last)


def _asking(
    calls: pl.DataFrame, clocks: pl.DataFrame, tries: pl.DataFrame, key: tuple[str, ...]
) -> pl.DataFrame:
    """Calls that may be billed, as the left side: their kept request starts while they run."""
    last = tries.filter("is_last").select("call", last_at="started_at")
    rows = (
        calls.with_row_index("left")
        .filter(~pl.col("is_free"))
        .join(last, on="call", how="left", maintain_order="left")
    )
    took = (pl.col("ended_at") - pl.col("started_at")).dt.total_microseconds() / 1e6
    is_vague = (pl.col("attempt_count") > 1) & pl.col("last_at").is_null()
    rows = rows.with_columns(
        name="call_id",
        expected_at=pl.coalesce("last_at", "started_at"),
        spread=1.0 + pl.when(is_vague).then(took).otherwise(0.1 * took),
    )
    return _left(rows, clocks, key)


def _again(
    calls: pl.DataFrame, pairs: pl.DataFrame, tries: pl.DataFrame, messages: pl.DataFrame
) -> pl.DataFrame:
    """Attempts without a request that calls made and did not keep: by HTTP spans, else by their number."""
    counts = pairs.group_by("call").agg(had=(~pl.col("is_kept")).sum())
    kept = pairs.filter("is_kept").join(messages, on="request").select("call", "input")
    many = calls.filter(pl.col("attempt_count") > 1).drop("input").join(counts, on="call", how="left")
    many = many.join(kept, on="call", how="left").with_columns(pl.col("had").fill_null(0))
    many = many.drop("started_at", "ended_at").hstack(many.select(begun_at="started_at", over_at="ended_at"))
    seen = many.join(tries.filter(~pl.col("is_last")).drop("is_last"), on="call")
    blind = many.join(tries, on="call", how="anti").with_columns(
        attempt_number=pl.int_ranges(1, pl.col("attempt_count") - pl.col("had")),
        started_at="begun_at",
        ended_at="over_at",
    )
    blind = blind.explode("attempt_number").drop_nulls("attempt_number")
    rows = pl.concat([seen.filter(pl.col("had") == 0), blind.select(seen.columns)])
    return rows.sort("call_id", "attempt_number").with_columns(
        is_seen=pl.col("call").is_in(seen["call"].implode())
    )


def _waiting(again: pl.DataFrame, clocks: pl.DataFrame) -> pl.DataFrame:
    """Attempts that were not kept, as the left side: the same input, another output."""
    took = (pl.col("ended_at") - pl.col("started_at")).dt.total_microseconds() / 1e6
    rows = again.with_row_index("left").with_columns(
        name="left",
        expected_at="started_at",
        spread=1.0 + pl.when("is_seen").then(0.1 * took).otherwise(took),
        output=pl.lit(None, pl.Int64),
        is_estimate=pl.lit(value=False),
    )
    return _left(rows, clocks, _SELLER)


def _left(rows: pl.DataFrame, clocks: pl.DataFrame, key: tuple[str, ...]) -> pl.DataFrame:
    shift = pl.col("offset").fill_null(pl.duration(seconds=0))
    rows = rows.join(clocks, on="account", how="left", maintain_order="left")
    return rows.select(
        pl.col("left").cast(pl.Int64),
        "name",
        "provider",
        "model",
        "family",
        pl.col("expected_at") + shift,
        "spread",
        "input",
        "output",
        "is_estimate",
        key=pl.struct(key),
        from_at=pl.col("started_at") + shift - _SLACK,
        to_at=pl.col("ended_at") + shift + _SLACK,
    )


def _answering(messages: pl.DataFrame, key: tuple[str, ...]) -> pl.DataFrame:
    return messages.with_row_index("right").select(
        pl.col("right").cast(pl.Int64),
        "provider",
        "model",
        "family",
        "input",
        "output",
        key=pl.struct(key),
        at="started_at",
    )


def _named(
    found: pl.DataFrame, left: pl.DataFrame, right: pl.DataFrame, how: str, *, is_kept: bool
) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "call": left["call"].gather(found["left"]),
            "request": right["request"].gather(found["right"]),
        }
    ).select("call", "request", how=pl.lit(how), is_kept=pl.lit(is_kept))


def _parts(numbered: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """Iterations billed beside a message, under its ids."""
    parts = numbered.filter(pl.col("part") != "message")
    owners = pairs.join(numbered, on="request")
    found = [
        parts.drop_nulls(name)
        .select("account", name, "request")
        .join(
            owners.drop_nulls(name)
            .filter(pl.len().over("account", name) == 1)
            .select("account", name, "call", "how", "is_kept"),
            on=["account", name],
        )
        .select(_PAIR)
        for name in ("response_id", "request_id")
    ]
    return pl.concat(found).unique("request", keep="first", maintain_order=True)


def _sum(names: list[str]) -> pl.Expr:
    """Sum of what is known; null where nothing is."""
    columns = [pl.col(name) for name in names]
    total = pl.sum_horizontal([column.fill_null(0) for column in columns]).cast(pl.Int64)
    return pl.when(pl.any_horizontal([column.is_not_null() for column in columns])).then(total)
