"""Anthropic: usage and cost reports of the Admin API, its words for models and tiers."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from pipeline.errors import SourceError
from pipeline.parsing.export_values import (
    PULL_AGAIN,
    count,
    currency,
    iso_instant,
    money,
    required_count,
    shown,
    text,
)
from pipeline.parsing.pages import Page, Shape, grouped, records
from pipeline.parsing.personal import hashed
from pipeline.parsing.raw_rows import parsed
from pipeline.provider import ExportFormat, GeographyRate, Parsed, Provider

USAGE_DIMENSIONS = (
    "account_id",
    "api_key_id",
    "context_window",
    "inference_geo",
    "model",
    "service_account_id",
    "service_tier",
    "speed",
    "workspace_id",
)
COST_DIMENSIONS = (
    "context_window",
    "cost_type",
    "description",
    "inference_geo",
    "model",
    "service_tier",
    "speed",
    "token_type",
    "workspace_id",
)

_NULL_MEANS = {"workspace_id": "default", "api_key_id": "console", "project_id": "default"}
_PERSONAL = ("account_id", "service_account_id")
_KINDS = {
    "uncached_input_tokens": "input_uncached",
    "cache_read_input_tokens": "cache_read",
    "cache_creation.ephemeral_5m_input_tokens": "cache_write_5m",
    "cache_creation.ephemeral_1h_input_tokens": "cache_write_1h",
    "output_tokens": "output",
}
_COST_TYPES = {"tokens": "tokens", "web_search": "fee", "code_execution": "fee", "session_usage": "fee"}
_DATED = {
    "claude-3-5-haiku": "20241022",
    "claude-3-5-sonnet": "20241022",
    "claude-3-7-sonnet": "20250219",
    "claude-3-haiku": "20240307",
    "claude-3-opus": "20240229",
    "claude-3-sonnet": "20240229",
    "claude-haiku-4-5": "20251001",
    "claude-opus-4-1": "20250805",
    "claude-opus-4-5": "20251101",
    "claude-sonnet-4-5": "20250929",
}
_SHOWN = {
    "Claude Haiku 3": "claude-3-haiku-20240307",
    "Claude Haiku 3.5": "claude-3-5-haiku-20241022",
    "Claude Haiku 4.5": "claude-haiku-4-5-20251001",
    "Claude Haiku 5.5": "claude-haiku-5-5",
    "Claude Fable 5": "claude-fable-5",
    "Claude Fable 5.1": "claude-fable-5-1",
    "Claude Fable 5.2": "claude-fable-5-2",
    "Claude Mythos 5.2": "claude-mythos-5-2",
    "Claude Opus 3": "claude-3-opus-20240229",
    "Claude Opus 4": "claude-opus-4-20250514",
    "Claude Opus 4.1": "claude-opus-4-1-20250805",
    "Claude Opus 4.5": "claude-opus-4-5-20251101",
    "Claude Opus 4.6": "claude-opus-4-6",
    "Claude Opus 4.7": "claude-opus-4-7",
    "Claude Opus 4.8": "claude-opus-4-8",
    "Claude Opus 5": "claude-opus-5",
    "Claude Opus 5.5": "claude-opus-5-5",
    "Claude Sonnet 3.5": "claude-3-5-sonnet-20241022",
    "Claude Sonnet 3.7": "claude-3-7-sonnet-20250219",
    "Claude Sonnet 4": "claude-sonnet-4-20250514",
    "Claude Sonnet 4.5": "claude-sonnet-4-5-20250929",
    "Claude Sonnet 4.6": "claude-sonnet-4-6",
    "Claude Sonnet 5": "claude-sonnet-5",
    "Claude Sonnet 5.5": "claude-sonnet-5-5",
}
_ALIASES = {
    **{alias: f"{alias}-{date}" for alias, date in _DATED.items()},
    **{f"{alias}-latest": f"{alias}-{date}" for alias, date in _DATED.items()},
    "claude-opus-4-0": "claude-opus-4-20250514",
    "claude-opus-4": "claude-opus-4-20250514",
    "claude-sonnet-4-0": "claude-sonnet-4-20250514",
    "claude-sonnet-4": "claude-sonnet-4-20250514",
    **_SHOWN,
}


def leaves(result: Mapping[str, Any]) -> dict[str, int | None]:
    """Return the disjoint leaves of a usage result, which are its fields.

    `uncached_input_tokens` excludes cache reads and writes; `output_tokens` includes thinking (Admin API,
    messages usage report). Web searches are no tokens: they are a fee in the cost report.
    """
    created = result.get("cache_creation")
    if created is not None and not isinstance(created, dict):
        raise SourceError("bad_count", f"cache_creation is {shown(created)}, not an object.", PULL_AGAIN)
    created = created or {}
    return {
        "input_uncached_tokens": required_count(result, "uncached_input_tokens"),
        "cache_read_tokens": count(result, "cache_read_input_tokens"),
        "cache_write_5m_tokens": count(created, "ephemeral_5m_input_tokens"),
        "cache_write_1h_tokens": count(created, "ephemeral_1h_input_tokens"),
        "output_tokens": required_count(result, "output_tokens"),
    }


def _dimensions(result: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    sent = {name: hashed(result, name) if name in _PERSONAL else text(result, name) for name in names}
    return {name: value for name, value in sent.items() if value is not None}


def _usage(result: dict[str, Any]) -> dict[str, Any]:
    sent = _dimensions(result, USAGE_DIMENSIONS)
    words = {name: sent.get(name) for name in ("api_key_id", "model", "service_tier", "workspace_id")}
    return {**leaves(result), **words, "dimensions": sent}


def _cost(result: dict[str, Any]) -> dict[str, Any]:
    sent = _dimensions(result, COST_DIMENSIONS)
    kind = _KINDS.get(sent.get("token_type", ""))
    cost_type = _COST_TYPES.get(sent.get("cost_type", ""), "unknown")
    return {
        "workspace_id": sent.get("workspace_id"),
        "line_item": sent.get("description") or (sent.get("cost_type") if cost_type == "fee" else None),
        "model": sent.get("model"),
        "service_tier": sent.get("service_tier"),
        "token_kind": kind,
        "cost_type": "unknown" if cost_type == "tokens" and kind is None else cost_type,
        "amount": dollars(result.get("amount")),
        "currency": currency(result.get("currency")),
        "dimensions": sent,
    }


def dollars(cents: Any) -> Decimal:
    """Return an amount of the cost report in dollars: it is written in cents, `"123.45"` is 1.2345."""
    return money(money(cents, "amount").scaleb(-2), "amount")


def _times(bucket: dict[str, Any]) -> tuple[datetime, datetime]:
    return iso_instant(bucket, "starting_at"), iso_instant(bucket, "ending_at")


def _holds(page: Page, field: str, endpoint: str) -> str | None:
    results = [
        result
        for bucket in page.buckets
        if isinstance(bucket, dict) and isinstance(bucket.get("results"), list)
        for result in bucket["results"]
        if isinstance(result, dict)
    ]
    return endpoint if not results or any(field in result for result in results) else None


def _usage_endpoint(page: Page) -> str | None:
    if page.path is not None and "usage_report/messages" not in page.path:
        return None
    return _holds(page, "uncached_input_tokens", "messages")


def _cost_endpoint(page: Page) -> str | None:
    if page.path is not None and "cost_report" not in page.path:
        return None
    return _holds(page, "amount", "cost_report")


def _projects(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "provider": "anthropic", "project_id": row.get("workspace_id")}


def parse_usage(content: bytes) -> Parsed:
    """Read pages of the messages usage report; a workspace is a project, null in a grouped one `default`."""
    shape = Shape(_usage_endpoint, _times, _usage, "anthropic_usage_messages")
    found, rejects = records(content, shape)
    return parsed("raw.usage", [_projects(row) for row in grouped(found, _NULL_MEANS)], rejects)


def parse_costs(content: bytes) -> Parsed:
    """Read pages of the cost report; amounts are text in cents and come out in dollars."""
    found, rejects = records(content, Shape(_cost_endpoint, _times, _cost, "anthropic_cost_report"))
    rows = [{"cost_type": "unknown", **_projects(row)} for row in grouped(found, _NULL_MEANS)]
    return parsed("raw.cost", rows, rejects)


def _is_pages(head: bytes) -> bool:
    return head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") and b'"starting_at"' in head


def _is_usage(head: bytes) -> bool:
    return _is_pages(head) and (b'"uncached_input_tokens"' in head or b'"amount"' not in head)


def _is_costs(head: bytes) -> bool:
    return _is_pages(head) and (b'"amount"' in head or b'"uncached_input_tokens"' not in head)


_IN_US = (
    "claude-opus-4-[678]*",
    "claude-sonnet-4-6*",
    "claude-opus-5*",
    "claude-sonnet-5*",
    "claude-haiku-5*",
    "claude-fable-5*",
    "claude-mythos-5*",
)
"""Models from 4.6 on: 1.1 times the list with inference_geo us (documentation, about-claude/pricing)."""

PROVIDER = Provider(
    slug="anthropic",
    title="Anthropic",
    formats=(
        ExportFormat("anthropic_usage_messages", "usage", "raw.usage", _is_usage, parse_usage),
        ExportFormat("anthropic_cost_report", "cost", "raw.cost", _is_costs, parse_costs),
    ),
    hosts=("api.anthropic.com",),
    logged_names=("anthropic",),
    model_prefixes=("claude-",),
    model_aliases=_ALIASES,
    tiers={
        "auto": "standard",
        "standard_only": "standard",
        "priority_on_demand": "priority",
        "flex_discount": "flex",
    },
    prices_id="anthropic",
    geography_rates=(GeographyRate("us", _IN_US, "1.1"),),
    cache_writes=("cache_write_5m", "cache_write_1h"),
)
