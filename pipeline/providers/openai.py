"""OpenAI: usage and costs of the organization API, its words for models and tiers."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from pipeline.errors import SourceError
from pipeline.parsing.export_values import (
    PULL_AGAIN,
    count,
    currency,
    money,
    required_count,
    shown,
    text,
    unix_instant,
)
from pipeline.parsing.line_items import line_item
from pipeline.parsing.pages import Page, Shape, grouped, objects, records
from pipeline.parsing.personal import hashed
from pipeline.parsing.raw_rows import parsed
from pipeline.provider import ExportFormat, Parsed, Provider

DIMENSIONS = (
    "project_id",
    "user_id",
    "api_key_id",
    "model",
    "batch",
    "service_tier",
    "api_source",
    "line_item",
)

_USAGE = "organization.usage."
_COSTS = "organization.costs.result"
_METERED = ("completions", "embeddings")
_ALIASES = {
    "chatgpt-4o": "chatgpt-4o-latest",
    "gpt-3.5-turbo": "gpt-3.5-turbo-0125",
    "gpt-4": "gpt-4-0613",
    "gpt-4-turbo": "gpt-4-turbo-2024-04-09",
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
    "gpt-4.1-nano": "gpt-4.1-nano-2025-04-14",
    "gpt-4.5-preview": "gpt-4.5-preview-2025-02-27",
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "gpt-5-nano": "gpt-5-nano-2025-08-07",
    "gpt-5-pro": "gpt-5-pro-2025-10-06",
    "gpt-5.1": "gpt-5.1-2025-11-13",
    "gpt-5.2": "gpt-5.2-2025-12-11",
    "gpt-5.4": "gpt-5.4-2026-03-05",
    "o1": "o1-2024-12-17",
    "o1-mini": "o1-mini-2024-09-12",
    "o1-preview": "o1-preview-2024-09-12",
    "o1-pro": "o1-pro-2025-03-19",
    "o3": "o3-2025-04-16",
    "o3-mini": "o3-mini-2025-01-31",
    "o3-pro": "o3-pro-2025-06-10",
    "o4-mini": "o4-mini-2025-04-16",
    "text-embedding-ada-002-v2": "text-embedding-ada-002",
}
_MODELS = frozenset(_ALIASES) | frozenset(_ALIASES.values())


def leaves(result: Mapping[str, Any]) -> dict[str, int | None]:
    """Return the disjoint leaves of a completions result; they add up to its input and output.

    `input_tokens` includes cached and cache-write tokens; audio and image columns split what is not cached;
    `output_tokens` includes reasoning (openai-openapi, UsageCompletionsResult).
    """
    total, output = required_count(result, "input_tokens"), required_count(result, "output_tokens")
    cached, written = count(result, "input_cached_tokens"), count(result, "input_cache_write_tokens")
    uncached = count(result, "input_uncached_tokens")
    if uncached is None:
        uncached = total - (cached or 0) - (written or 0)
    found = uncached + (cached or 0) + (written or 0)
    if uncached < 0 or found != total:
        reason = (
            f"input_tokens is {total}, but uncached, cached and cache-write tokens "
            f"({max(uncached, 0)} + {cached or 0} + {written or 0}) do not add up to it."
        )
        raise SourceError("parts_disagree", reason, PULL_AGAIN)
    modal = {f"{side}_{kind}_tokens": 0 for side in ("input", "output") for kind in ("audio", "image")}
    split = {name: count(result, name) for name in modal}
    return {
        "input_uncached_tokens": _rest(uncached, "input", split),
        "cache_read_tokens": cached,
        "cache_write_other_tokens": written,
        "output_tokens": _rest(output, "output", split),
        **split,
    }


def _rest(total: int, side: str, split: Mapping[str, int | None]) -> int:
    parts = [split[f"{side}_{kind}_tokens"] or 0 for kind in ("audio", "image")]
    if sum(parts) > total:
        reason = f"{side} audio and image tokens ({parts[0]} + {parts[1]}) exceed the {total} that hold them."
        raise SourceError("parts_disagree", reason, PULL_AGAIN)
    return total - sum(parts)


def usage_row(result: dict[str, Any]) -> dict[str, Any]:
    """Return a result of the usage API as a row of raw.usage, with its dimensions as a dict."""
    is_completions = "output_tokens" in result or "completions" in str(result.get("object"))
    metered = (
        leaves(result)
        if is_completions
        else {"input_uncached_tokens": required_count(result, "input_tokens")}
    )
    sent = _dimensions(result)
    return {
        **metered,
        "request_count": count(result, "num_model_requests"),
        "provider": "openai",
        **{name: sent.get(name) for name in ("project_id", "api_key_id", "model", "service_tier")},
        **({"service_tier": "batch"} if sent.get("batch") else {}),
        "dimensions": sent,
    }


def _dimensions(result: Mapping[str, Any]) -> dict[str, Any]:
    words = (name for name in DIMENSIONS if name not in ("batch", "user_id"))
    sent: dict[str, Any] = {name: text(result, name) for name in words}
    sent["user_id"] = hashed(result, "user_id")
    batch = result.get("batch")
    if batch is not None and not isinstance(batch, bool):
        raise SourceError("bad_text", f"batch is {shown(batch)}, not true or false.", PULL_AGAIN)
    return {name: value for name, value in {**sent, "batch": batch}.items() if value is not None}


def cost_row(result: dict[str, Any]) -> dict[str, Any]:
    """Return a result of the costs API as a row of raw.cost, with its dimensions as a dict."""
    amount = result.get("amount")
    if not isinstance(amount, dict):
        raise SourceError("missing_field", "amount is missing or no object.", PULL_AGAIN)
    sent = _dimensions(result)
    quantity, unit = result.get("quantity"), text(result, "quantity_unit")
    return {
        "provider": "openai",
        "project_id": sent.get("project_id"),
        "line_item": sent.get("line_item"),
        **line_item(sent.get("line_item"), unit, _MODELS),
        "quantity": None if quantity is None else money(quantity, "quantity"),
        "quantity_unit": unit,
        "amount": money(amount.get("value"), "amount.value"),
        "currency": currency(amount.get("currency")),
        "dimensions": sent,
    }


def times(bucket: dict[str, Any]) -> tuple[datetime, datetime]:
    """Return the first instant of a bucket and the first after it."""
    return unix_instant(bucket, "start_time"), unix_instant(bucket, "end_time")


def _endpoint(page: Page, default: str) -> str | None:
    """Endpoint by what the results call themselves, else by the path, else by the fields."""
    said = " ".join(objects(page)) or page.path
    if said is None:
        return default
    return next((name for name in _METERED if f"usage.{name}" in said or f"usage/{name}" in said), None)


def _costs_endpoint(page: Page) -> str | None:
    said = " ".join(objects(page)) or page.path or "costs"
    return "costs" if "costs" in said else None


def parse_usage(content: bytes, endpoint: str) -> Parsed:
    """Read usage pages; those of completions and embeddings alike, whichever the file holds."""
    shape = Shape(partial(_endpoint, default=endpoint), times, usage_row, f"openai_usage_{endpoint}")
    found, rejects = records(content, shape)
    rows = [{**row, "provider": "openai"} for row in grouped(found, {})]
    return parsed("raw.usage", rows, rejects)


def parse_costs(content: bytes) -> Parsed:
    """Read pages of the costs endpoint; amounts are dollars as JSON numbers, taken from their digits."""
    found, rejects = records(content, Shape(_costs_endpoint, times, cost_row, "openai_costs"))
    rows = [{"cost_type": "unknown", **row, "provider": "openai"} for row in grouped(found, {})]
    return parsed("raw.cost", rows, rejects)


def _is_pages(head: bytes) -> bool:
    return head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") and b'"start_time"' in head


def _is_completions(head: bytes) -> bool:
    if not _is_pages(head) or b'"uncached_input_tokens"' in head:
        return False
    if b'"organization.' in head:
        return b'"organization.usage.completions' in head
    return b'"output_tokens"' in head or (b'"input_tokens"' not in head and b'"amount"' not in head)


def _is_embeddings(head: bytes) -> bool:
    if not _is_pages(head) or _is_completions(head):
        return False
    if b'"organization.' in head:
        return b'"organization.usage.embeddings' in head
    return b'"input_tokens"' in head


def _is_costs(head: bytes) -> bool:
    if not _is_pages(head):
        return False
    return _COSTS.encode() in head or (f'"{_USAGE}'.encode() not in head and b'"input_tokens"' not in head)


PROVIDER = Provider(
    slug="openai",
    title="OpenAI",
    formats=(
        ExportFormat(
            "openai_usage_completions",
            "usage",
            "raw.usage",
            _is_completions,
            partial(parse_usage, endpoint="completions"),
        ),
        ExportFormat(
            "openai_usage_embeddings",
            "usage",
            "raw.usage",
            _is_embeddings,
            partial(parse_usage, endpoint="embeddings"),
        ),
        ExportFormat("openai_costs", "cost", "raw.cost", _is_costs, parse_costs),
    ),
    hosts=("api.openai.com", ".api.openai.com"),
    logged_names=("openai",),
    model_prefixes=(
        "gpt-3.5-",
        "gpt-4",
        "gpt-5",
        "gpt-6",
        "chatgpt-",
        "o1",
        "o3",
        "o4-",
        "text-embedding-3-",
    ),
    model_aliases=_ALIASES,
    tiers={"default": "standard", "auto": "standard", "scale": "standard"},
    prices_id="openai",
    cache_writes=("cache_write_other",),
)
