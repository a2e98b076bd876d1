"""OpenRouter's daily activity: answers of `/api/v1/activity`, what every endpoint served and cost in a day.

Read from the model `ActivityItem` of openrouter 1.3.84. Days are UTC and completed; `usage` is dollars.
Prompts hold their cached tokens; where the API's own note applies and they do not (answers from its response
cache), the parts disagree and the record is refused.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pipeline.gateways.requests import disjoint
from pipeline.parsing.csv_records import told_apart, utc_day
from pipeline.parsing.export_values import count, money, required_count, text
from pipeline.parsing.json_records import json_records
from pipeline.parsing.pages import Record, grouped
from pipeline.parsing.raw_rows import parsed
from pipeline.provider import ExportFormat, Parsed

_WORDS = ("endpoint_id", "provider_name", "workspace_id")


def _day(item: Mapping[str, Any]) -> dict[str, Any]:
    start, end = utc_day(item, "date")
    model = text(item, "model_permaslug") or text(item, "model")
    sent = {"model": model, **{name: text(item, name) for name in _WORDS}}
    place = {"bucket_start_at": start, "bucket_end_at": end, "is_empty": False, "endpoint": "activity"}
    return {
        **place,
        "provider": "openrouter",
        "project_id": sent["workspace_id"],
        "model": model,
        "dimensions": {name: value for name, value in sent.items() if value is not None},
    }


def _usage(item: dict[str, Any]) -> dict[str, Any]:
    prompt, completion = required_count(item, "prompt_tokens"), required_count(item, "completion_tokens")
    inside = {"cache_read_tokens": count(item, "cached_tokens")}
    return {
        **_day(item),
        **disjoint(prompt, completion, inside),
        "request_count": count(item, "requests"),
    }


def _cost(item: dict[str, Any]) -> dict[str, Any]:
    row = _day(item)
    cost = {"amount": money(item.get("usage"), "usage"), "currency": "USD", "cost_type": "tokens"}
    return {**row, **cost}


def parse_usage(content: bytes) -> Parsed:
    """Read the tokens of the days, in disjoint kinds."""
    return _parse(content, "raw.usage", _usage)


def parse_costs(content: bytes) -> Parsed:
    """Read the dollars of the days; they name models, and no kinds of tokens."""
    return _parse(content, "raw.cost", _cost)


def _parse(content: bytes, table: str, read: Callable[[dict[str, Any]], dict[str, Any]]) -> Parsed:
    found, rejects = json_records(content, read)
    rows = grouped([Record(row["line"], row) for row in found], {})
    return parsed(table, told_apart(rows, [row["line"] for row in rows]), rejects)


def _is_activity(head: bytes) -> bool:
    names = (b'"model_permaslug"', b'"endpoint_id"', b'"prompt_tokens"')
    return head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") and all(name in head for name in names)


FORMATS = (
    ExportFormat("openrouter_activity_usage_json", "usage", "raw.usage", _is_activity, parse_usage),
    ExportFormat("openrouter_activity_cost_json", "cost", "raw.cost", _is_activity, parse_costs),
)
