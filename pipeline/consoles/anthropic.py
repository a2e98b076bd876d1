"""Anthropic's Console: the CSVs of tokens (`claude_api_tokens_…csv`) and of cost (`claude_api_cost_…csv`).

Header generations seen in real files: of tokens 2025 (with one column of cache writes in the oldest),
2026-02 with `context_window`, 2026-03 with `inference_geo` and `speed`; of cost 2025-12, and 2026-04 with
more columns (`list_price_usd` is one of them). Days are UTC, keys and workspaces are names, not ids, and a
key that is left out is use of the Console itself. Dollars are rounded to cents on every line of cost.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pipeline.parsing.csv_records import Layout, csv_records, told_apart, utc_day
from pipeline.parsing.csv_rows import header_of
from pipeline.parsing.export_values import count, money, required_count, text
from pipeline.parsing.pages import grouped
from pipeline.parsing.raw_rows import parsed
from pipeline.provider import ExportFormat, Parsed

_INPUT, _OUTPUT = "usage_input_tokens_no_cache", "usage_output_tokens"
_OTHER_KINDS = {
    "cache_read_tokens": "usage_input_tokens_cache_read",
    "cache_write_5m_tokens": "usage_input_tokens_cache_write_5m",
    "cache_write_1h_tokens": "usage_input_tokens_cache_write_1h",
    "cache_write_other_tokens": "usage_input_tokens_cache_write",
}
_NO_WORD = "not_available"
_USAGE_WORDS = {
    "api_key": "api_key_id",
    "workspace": "workspace_id",
    "model_version": "model",
    "usage_type": "service_tier",
    "context_window": "context_window",
    "inference_geo": "inference_geo",
    "speed": "speed",
}
_COST_WORDS = {
    "api_key": "api_key_id",
    "workspace": "workspace_id",
    "model": "model",
    "usage_type": "usage_type",
    "context_window": "context_window",
    "token_type": "token_type",
    "cost_type": "cost_type",
    "inference_geo": "inference_geo",
    "speed": "speed",
}
_KINDS = {
    "input_no_cache": "input_uncached",
    "input_cache_read": "cache_read",
    "input_cache_write_5m": "cache_write_5m",
    "input_cache_write_1h": "cache_write_1h",
    "output": "output",
}
_FEES = ("web_search", "code_execution", "session_usage")
_NULL_MEANS = {"workspace_id": "default", "api_key_id": "console", "project_id": "default"}


def _words(cells: Mapping[str, Any], words: Mapping[str, str]) -> dict[str, str]:
    """Dimensions under the names of the Admin API; its default workspace has no id, here it has a name."""
    sent = {name: text(cells, column) for column, name in words.items()}
    if sent["workspace_id"] == "Default":
        sent["workspace_id"] = "default"
    return {name: value for name, value in sent.items() if value not in (None, _NO_WORD)}


def _day(cells: Mapping[str, Any]) -> dict[str, Any]:
    start, end = utc_day(cells, "usage_date_utc")
    return {"bucket_start_at": start, "bucket_end_at": end, "is_empty": False}


def _usage(cells: dict[str, Any]) -> dict[str, Any]:
    sent = _words(cells, _USAGE_WORDS)
    return {
        **_day(cells),
        "input_uncached_tokens": required_count(cells, _INPUT),
        **{kind: count(cells, column) for kind, column in _OTHER_KINDS.items()},
        "output_tokens": required_count(cells, _OUTPUT),
        **{name: sent.get(name) for name in ("api_key_id", "workspace_id", "model", "service_tier")},
        "dimensions": sent,
    }


def _cost(cells: dict[str, Any]) -> dict[str, Any]:
    sent = _words(cells, _COST_WORDS)
    token_type, cost_type = sent.get("token_type"), sent.get("cost_type")
    kind = _KINDS.get(token_type or "")
    is_fee = cost_type in _FEES or token_type in _FEES
    words = (sent.get("model"), token_type or cost_type)
    return {
        **_day(cells),
        "workspace_id": sent.get("workspace_id"),
        "line_item": ", ".join(word for word in words if word) or None,
        "model": sent.get("model"),
        "service_tier": "batch" if sent.get("usage_type", "").lower().startswith("batch") else None,
        "token_kind": kind,
        "cost_type": "tokens" if kind else "fee" if is_fee else "unknown",
        "amount": money(cells.get("cost_usd"), "cost_usd"),
        "currency": "USD",
        "dimensions": sent,
    }


def parse_usage(content: bytes) -> Parsed:
    """Read a token CSV: one row per line; web searches are no tokens, they are a fee in the cost CSV."""
    numbers = frozenset((_INPUT, _OUTPUT, *_OTHER_KINDS.values()))
    layout = Layout(("usage_date_utc", "model_version", _INPUT, _OUTPUT), numbers, _usage)
    return _parse(content, "raw.usage", layout)


def parse_costs(content: bytes) -> Parsed:
    """Read a cost CSV: dollars as billed, in whole cents; list prices are left aside."""
    return _parse(
        content, "raw.cost", Layout(("usage_date_utc", "cost_usd"), frozenset(("cost_usd",)), _cost)
    )


def _parse(content: bytes, table: str, layout: Layout) -> Parsed:
    found, rejects = csv_records(content, layout)
    rows = [
        {**row, "provider": "anthropic", "endpoint": "messages", "project_id": row.get("workspace_id")}
        for row in grouped(found, _NULL_MEANS)
    ]
    return parsed(table, told_apart(rows, [record.pull for record in found]), rejects)


def _holds(column: str) -> Callable[[bytes], bool]:
    return lambda head: {"usage_date_utc", column} <= header_of(head)


FORMATS = (
    ExportFormat("anthropic_console_tokens_csv", "usage", "raw.usage", _holds(_OUTPUT), parse_usage),
    ExportFormat("anthropic_console_cost_csv", "cost", "raw.cost", _holds("cost_usd"), parse_costs),
)
