"""Random calls, attempts, silences, corrections and meters of every shape, for the laws of the bridge."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import polars as pl
from hypothesis import strategies as st

from pipeline.calls import Calls
from pipeline.meters import Meters
from schemas.tables import BY_NAME

MONTH = "2026-10"
START = datetime(2026, 10, 1, tzinfo=UTC)
GROUPINGS = ("", "model", "model+service_tier", "model+project_id", "model+project_id+service_tier")
KINDS = ("input_uncached", "cache_write_other", "cache_write_1h", "output")
SILENT = ("absent", "false_zero")


class Occurrence(NamedTuple):
    account: str
    is_embedding: bool
    at: datetime
    tokens: dict[str, int | None]


class World(NamedTuple):
    calls: Calls
    meters: Meters
    traced: list[Occurrence]

    def with_frames(self, change: Callable[[pl.DataFrame], pl.DataFrame]) -> "World":
        """The same world with every frame changed."""
        return World(Calls(*map(change, self.calls)), Meters(*map(change, self.meters)), self.traced)


counts = st.one_of(st.none(), st.integers(0, 500))
minutes = st.integers(0, 4 * 24 * 60 - 1)
tokens = st.fixed_dictionaries(dict.fromkeys(KINDS, counts))
place = {
    "account": st.sampled_from(["a", "b", "own"]),
    "scope": st.sampled_from(["account", "index"]),
    "model": st.sampled_from(["m", "n", "unknown"]),
    "service_tier": st.sampled_from(["standard", "flex"]),
    "team": st.sampled_from(["red", "blue"]),
    "operation": st.sampled_from(["chat", "chat", "embeddings", "compact"]),
    "minute": minutes,
}
errors = st.sampled_from([None, None, "openai.APITimeoutError", "CancelledError", "BadRequestError"])
failures = st.sampled_from([429, 503, 529, None])
call = st.fixed_dictionaries(
    {
        **place,
        "cache_breakdown": st.sampled_from(["full", "none", "lumped_writes"]),
        "not_billed_reason": st.sampled_from([None, None, "mock"]),
        "dialect": st.sampled_from(["opentelemetry", "litellm"]),
        "root_kind": st.sampled_from(["server", "unknown"]),
        "agent_level": st.sampled_from(["none", "agent"]),
        "usage_quality": st.sampled_from(["recorded"] * 4 + ["estimated", "placeholder", "partial", *SILENT]),
        "error_type": errors,
        "finish_reasons": st.sampled_from([None, "stop"]),
        "is_stream": st.booleans(),
        "seconds": st.sampled_from([1, 30, 600]),
        "sampling_threshold": st.sampled_from([None, None, "8"]),
        "conversation_id": st.sampled_from([None, "c"]),
        "failed": st.lists(failures, max_size=2),
        "has_http_spans": st.booleans(),
        "tokens": tokens,
        "copies": st.lists(minutes, max_size=2),
    }
)
silence = st.fixed_dictionaries(
    {
        **place,
        "has_http_span": st.booleans(),
        "error_type": errors,
        "expected_calls": st.sampled_from([0.25, 1.0]),
    }
)
row = st.tuples(
    st.sampled_from(["account", "index"]),
    st.sampled_from(["m", "n"]),
    st.sampled_from(["standard", "flex"]),
    tokens,
    st.one_of(st.none(), st.integers(0, 6)),
)
step = st.one_of(st.none(), st.tuples(st.sampled_from(GROUPINGS), st.lists(row, max_size=3)))
series = st.tuples(st.sampled_from([1, 24]), st.lists(step, min_size=4, max_size=4))
export = st.fixed_dictionaries({"completions": series, "embeddings": series})
meter = st.one_of(
    st.none(),
    export.map(lambda drawn: ("usage", drawn)),
    st.lists(row, min_size=1, max_size=3).map(lambda rows: ("invoice", rows)),
)


def _leaves(counted: dict[str, int | None]) -> dict[str, int | None]:
    return {f"{kind}_tokens": count for kind, count in counted.items()}


def _frame(table: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows in the shape of a table; what the table has no column for is left out."""
    schema = BY_NAME[table].schema
    known = [{name: value for name, value in row.items() if name in schema} for row in rows]
    return pl.DataFrame(known, schema=schema).with_columns(month=pl.lit(MONTH))


def _place(one: dict[str, Any]) -> dict[str, Any]:
    own = {
        name: one[name] for name in ("account", "model", "service_tier", "team", "operation", "error_type")
    }
    own["scope"] = one["account"] if one["scope"] == "account" else one["scope"]
    own["provider"] = "self_hosted" if one["account"] == "own" else "openai"
    return own | {"service": "s", "feature": ""}


def _calls(drawn: list[dict[str, Any]], unseen: list[dict[str, Any]]) -> tuple[Calls, list[Occurrence]]:
    calls, attempts, traced, corrections, seen = [], [], [], [], []
    for number, one in enumerate(drawn):
        counted = dict.fromkeys(KINDS) if one["usage_quality"] in SILENT else one["tokens"]
        common = {**_place(one), "call_id": str(number), "trace_id": f"t{number}"}
        told = {name: one[name] for name in one if name in BY_NAME["core.call"].schema and name not in place}
        ends = [START + timedelta(minutes=minute) for minute in (one["minute"], *one["copies"])]
        calls.append(
            {**common, **told, **_leaves(counted), "span_id": str(number)}
            | {"started_at": ends[0] - timedelta(seconds=one["seconds"]), "ended_at": ends[0]}
            | {
                "environment": "prod",
                "initiating_team": one["team"],
                "initiating_service": "s",
                "span_count": 1,
            }
            | {"attempt_count": 1 + len(one["failed"]), "status": "error" if one["error_type"] else "ok"}
        )
        attempts += _attempts(common, one, ends[0]) if one["has_http_spans"] else []
        for copy, end in enumerate(ends):
            span = {**common, "span_id": str(number), "ended_at": end}
            span["dialect"] = one["dialect"]
            traced.append({**span, **_leaves(counted), "file_id": "f", "line": copy, "position": number})
            seen.append(Occurrence(one["account"], one["operation"] == "embeddings", end, counted))
            signs = [("duplicate_spans", "copy")] if copy else []
            signs += [("not_billed", "mock")] if not copy and one["not_billed_reason"] else []
            corrections += [
                {**span, "step": name, "reason": why, "token_kind": kind, "tokens": -count}
                for name, why in signs
                for kind, count in counted.items()
                if count
            ]
    names = ("core.traced", "core.call", "core.attempt", "core.correction", "core.silence")
    rows = (traced, calls, attempts, corrections, _silences(unseen))
    return Calls(*[_frame(name, some) for name, some in zip(names, rows, strict=True)]), seen


def _attempts(common: dict[str, Any], one: dict[str, Any], end: datetime) -> list[dict[str, Any]]:
    """The HTTP spans of a call: those that failed, and the last."""
    statuses = [*one["failed"], 200]
    ends = [end - timedelta(minutes=len(statuses) - number) for number in range(1, len(statuses) + 1)]
    return [
        common
        | {"span_id": f"{common['call_id']}/{number}", "attempt_number": number, "http_status": status}
        | {"started_at": ended - timedelta(seconds=30), "ended_at": ended}
        | {"error_type": None if status else "ConnectError"}
        for number, (status, ended) in enumerate(zip(statuses, ends, strict=True), start=1)
    ]


def _silences(drawn: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for number, one in enumerate(drawn):
        end = START + timedelta(minutes=one["minute"])
        told = {name: one[name] for name in ("has_http_span", "expected_calls")}
        when = {"started_at": end - timedelta(seconds=9), "ended_at": end}
        rows.append({**_place(one), **told, **when, "trace_id": f"u{number}", "span_id": f"u{number}"})
    return rows


def _usage(account: str, drawn: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    metered, covered = [], []
    for endpoint, (hours, days) in drawn.items():
        place = {"provider": "openai", "account": account, "endpoint": endpoint, "meter": "usage"}
        for day, found in enumerate(days):
            if found is None:
                continue
            grouping, rows = found
            for first in range(0, 24, hours):
                start = START + timedelta(days=day, hours=first)
                when = {"bucket_start_at": start, "bucket_end_at": start + timedelta(hours=hours)}
                covered.append({**place, **when, "grouping": grouping})
                metered += [
                    {**place, **when, **_leaves(counted)}
                    | {"scope": account if scope == "account" or "project" not in grouping else scope}
                    | {"model": model if "model" in grouping else "all"}
                    | {"service_tier": tier if "tier" in grouping else "all", "request_count": requests}
                    for scope, model, tier, counted, requests in rows
                ]
    return metered, covered


def _invoice(account: str, rows: list[Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    place = {"provider": "openai", "account": account, "endpoint": "all", "meter": "invoice"}
    when = {"bucket_start_at": START, "bucket_end_at": START + timedelta(days=31)}
    metered = [
        {**place, **when, **_leaves(counted), "scope": account, "model": model, "service_tier": "all"}
        for _, model, _, counted, _ in rows
    ]
    return metered, [{**place, **when, "grouping": "invoice"}]


def _meters(drawn: dict[str, Any]) -> Meters:
    metered: list[dict[str, Any]] = []
    covered: list[dict[str, Any]] = []
    for account, found in drawn.items():
        if found is not None:
            kind, content = found
            rows, steps = (_usage if kind == "usage" else _invoice)(account, content)
            metered += rows
            covered += steps
    key = ["provider", "account", "scope", "meter", "endpoint", "model", "service_tier", "bucket_start_at"]
    leaves = [name for name in BY_NAME["core.metered"].schema if name.endswith("_tokens")]
    frame = _frame("core.metered", metered).group_by([*key, "bucket_end_at", "month"], maintain_order=True)
    sums = [pl.when(pl.col(name).is_not_null().any()).then(pl.col(name).sum()).alias(name) for name in leaves]
    empty = {name: BY_NAME[name].schema.to_frame() for name in ("core.request", "core.unmapped")}
    requests = pl.col("request_count").sum()
    return Meters(
        frame.agg(pl.when(pl.col("request_count").is_not_null().all()).then(requests), *sums).select(
            BY_NAME["core.metered"].schema.names()
        ),
        _frame("core.coverage", covered),
        empty["core.request"],
        empty["core.unmapped"],
        BY_NAME["recon.finding"].schema.to_frame(),
        pl.DataFrame(),  # reconciliation counts tokens; what they cost does not matter to it
    )


def world_of(calls: list[dict[str, Any]], unseen: list[dict[str, Any]], metered: dict[str, Any]) -> World:
    found, traced = _calls(calls, unseen)
    return World(found, _meters(metered), traced)


worlds = st.builds(
    world_of,
    st.lists(call, max_size=8),
    st.lists(silence, max_size=3),
    st.fixed_dictionaries({"a": meter, "b": meter}),
)
