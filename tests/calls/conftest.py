"""Spans written as small tables: what a row leaves out is what a plain, healthy span has."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from pipeline.calls import Calls, Context, resolve
from pipeline.settings import Settings
from schemas.tables import BY_NAME
from schemas.types import KIND_COLUMNS

SCHEMA = BY_NAME["raw.span"].schema
START = datetime(2026, 10, 5, 12, tzinfo=UTC)
KNOWN = pl.DataFrame(schema={"provider": pl.String, "account": pl.String, "model": pl.String})

SCOPES = {
    "openai": "opentelemetry.instrumentation.openai.v1",
    "inference": "openinference.instrumentation.openai",
    "sdk": "com.anthropic.sdk.python",
    "anthropic": "opentelemetry.instrumentation.anthropic",
    "genai": "opentelemetry.instrumentation.genai.openai",
    "v2": "opentelemetry.instrumentation.openai_v2",
    "platform": "com.anthropic.claude-platform",
    "bedrock": "opentelemetry.instrumentation.bedrock",
    "http": "opentelemetry.instrumentation.httpx",
    "ai": "ai",
    "app": "app",
}


def make_span(number: int, **given: object) -> dict[str, object]:
    """One row of raw.span. `at` and `for_ms` are milliseconds; ids are short words that are padded."""
    at, lasts = given.pop("at", 0), given.pop("for_ms", 1000)
    start = START + timedelta(milliseconds=at)
    scope = SCOPES.get(str(given.pop("scope", "openai")), "")
    ids = {
        "trace_id": str(given.pop("trace", "a")).rjust(32, "0"),
        "span_id": str(given.pop("id", number)).rjust(16, "0"),
        "parent_span_id": str(given["parent"]).rjust(16, "0") if given.get("parent") else None,
    }
    given.pop("parent", None)
    is_call = scope not in (SCOPES["http"], SCOPES["app"])
    plain = {
        "file_id": "f",
        "line": number,
        "position": 0,
        "source": "traces",
        "name": "chat",
        "kind": "client",
        "status": "unset",
        "started_at": start,
        "ended_at": start + timedelta(milliseconds=lasts),
        "scope_name": scope,
        "scope_version": "",
        "service": "shop",
        "labels": "{}",
        "resource_labels": "{}",
        "operation": "chat" if is_call else None,
        "provider_logged": "openai" if is_call else None,
        "request_model": "gpt-5" if is_call else None,
    }
    return {**dict.fromkeys(SCHEMA.names()), **plain, **ids, **given}


@pytest.fixture
def spans() -> Callable[..., pl.DataFrame]:
    """A frame of raw.span from one dict a span."""

    def build(*rows: dict[str, object]) -> pl.DataFrame:
        return pl.DataFrame([make_span(i, **row) for i, row in enumerate(rows, 1)], schema=SCHEMA)

    return build


@pytest.fixture
def resolved(spans: Callable[..., pl.DataFrame]) -> Callable[..., Calls]:
    """What spans resolve to; contracts and conservation are checked on the way."""

    def build(*rows: dict[str, object], settings: Settings | None = None, known: object = None) -> Calls:
        context = Context(settings or Settings(), KNOWN if known is None else known)
        calls = resolve(spans(*rows), context)
        check_contracts(calls)
        check_conservation(calls)
        return calls

    return build


def check_contracts(calls: Calls) -> None:
    """Every frame keeps the contract of its table."""
    names = ("core.traced", "core.call", "core.attempt", "core.correction", "core.silence", "core.call")
    for name, frame in zip(names, calls, strict=True):
        BY_NAME[name].contract.validate(frame)


def check_conservation(calls: Calls) -> None:
    """Traced and duplicates add up to the calls; what is not billed is what those calls used."""
    cell = ["month", "provider", "account", "scope", "model", "service_tier", "team", "service", "feature"]
    signed = [
        long(calls.traced, cell, 1),
        long(calls.calls, cell, -1),
        calls.corrections.filter(pl.col("step") == "duplicate_spans").select(*cell, "token_kind", "tokens"),
    ]
    rest = pl.concat(signed).group_by(*cell, "token_kind").agg(pl.col("tokens").sum())
    assert rest.filter(pl.col("tokens") != 0).is_empty()
    free = long(calls.calls.filter(pl.col("not_billed_reason").is_not_null()), cell, -1)
    taken = calls.corrections.filter(pl.col("step") == "not_billed")
    assert taken["tokens"].sum() == free["tokens"].sum()


def long(frame: pl.DataFrame, keep: list[str], sign: int) -> pl.DataFrame:
    return (
        frame.select(*keep, *KIND_COLUMNS)
        .unpivot(on=list(KIND_COLUMNS), index=keep, variable_name="token_kind", value_name="tokens")
        .with_columns(pl.col("token_kind").str.strip_suffix("_tokens"), pl.col("tokens").fill_null(0) * sign)
    )
