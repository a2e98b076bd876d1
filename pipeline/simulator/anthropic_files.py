"""Anthropic's usage and cost reports, as pages of its Admin API."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from pipeline.simulator.billing import SEARCH_PRICE, TITLES, Bill, Count, Meter
from pipeline.simulator.clock import WIDTHS, Clock

_KINDS = {
    "input_uncached": ("uncached_input_tokens", "Input Tokens"),
    "cache_read": ("cache_read_input_tokens", "Input Tokens, Cache Read"),
    "cache_write_5m": ("cache_creation.ephemeral_5m_input_tokens", "Input Tokens, Cache Write (5m)"),
    "cache_write_1h": ("cache_creation.ephemeral_1h_input_tokens", "Input Tokens, Cache Write (1h)"),
    "output": ("output_tokens", "Output Tokens"),
}
_SEARCHING = "wrkspc_growth"
"""Workspace whose calls search the web."""
_LIMITS = {"day": 7, "hour": 168, "minute": 1440}
"""Time steps on one page: the usual number for days, the most for the others."""

Buckets = dict[int, list[dict[str, Any]]]
"""Rows by first second of their time step."""


def write_usage(folder: Path, bill: Bill, clock: Clock) -> None:
    """Write the usage report by workspace, model, tier and context window: input without cached tokens."""
    found: Buckets = {step: [] for step in clock.steps(bill.grain)}
    searched: set[str] = set()
    for meter, count in _per_workspace(bill):
        first = meter.project == _SEARCHING and meter.day not in searched
        if first:
            searched.add(meter.day)
        searches = bill.searches["anthropic", meter.day] if first else 0
        found[meter.step].append(_usage(meter, count, searches))
    _write_pages(folder, "messages", found, clock, bill.grain)


def write_costs(folder: Path, bill: Bill, clock: Clock) -> None:
    """Write the cost report by description and workspace; amounts are text, in cents."""
    found = {f"{day:%Y-%m-%d}": list[dict[str, Any]]() for day in clock.days}
    for (day, project, model, kind), (dollars, _) in sorted(bill.amounts("anthropic").items()):
        found[day].append(_cost(project, dollars) | _tokens(model, kind))
    for day, rows in found.items():
        if searches := bill.searches["anthropic", day]:
            rows.append(_cost(_SEARCHING, searches * SEARCH_PRICE) | _search())
    steps = dict(zip(clock.steps("day"), found.values(), strict=True))
    _write_pages(folder, "cost", steps, clock, "day")


def _per_workspace(bill: Bill) -> list[tuple[Meter, Count]]:
    """Add the keys of a workspace up: the report is not grouped by key."""
    sums: dict[Meter, Count] = {}
    for meter, count in bill.of("anthropic"):
        only = meter._replace(key="")
        total = sums.setdefault(only, Count())
        total.leaves = total.leaves.plus(count.leaves)
        total.requests += count.requests
    return sorted(sums.items())


def _usage(meter: Meter, count: Count, searches: int) -> dict[str, Any]:
    leaves = count.leaves
    return {
        "uncached_input_tokens": leaves.input_uncached,
        "cache_read_input_tokens": leaves.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": leaves.cache_write_5m,
            "ephemeral_1h_input_tokens": leaves.cache_write_1h,
        },
        "output_tokens": leaves.output,
        "server_tool_use": {"web_search_requests": searches},
        "api_key_id": None,
        "workspace_id": meter.project,
        "model": meter.model,
        "service_tier": meter.tier,
        "context_window": meter.context,
        "inference_geo": None,
    }


def _cost(workspace: str, dollars: Decimal) -> dict[str, Any]:
    return {"currency": "USD", "amount": f"{(dollars * 100).normalize():f}", "workspace_id": workspace}


def _tokens(model: str, kind: str) -> dict[str, Any]:
    token_type, words = _KINDS[kind]
    return {
        "cost_type": "tokens",
        "description": f"{TITLES[model]} Usage - {words}",
        "model": model,
        "token_type": token_type,
        "service_tier": "standard",
        "context_window": "0-200k",
        "inference_geo": None,
    }


def _search() -> dict[str, Any]:
    empty = ("model", "token_type", "service_tier", "context_window", "inference_geo")
    return {"cost_type": "web_search", "description": "Web Search Usage", **dict.fromkeys(empty)}


def _write_pages(folder: Path, name: str, found: Buckets, clock: Clock, grain: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    late = f"{clock.last + timedelta(days=3):%Y-%m-%d}"
    width, limit = WIDTHS[grain], _LIMITS[grain]
    buckets = [
        {"starting_at": _written(step), "ending_at": _written(step + width), "results": results}
        for step, results in found.items()
    ]
    for number, at in enumerate(range(0, len(buckets), limit), start=1):
        page = _page(buckets[at : at + limit], at + limit < len(buckets))
        encoded = msgspec.json.format(msgspec.json.encode(page), indent=1)
        (folder / f"{name}_{late}_page{number}.json").write_bytes(encoded + b"\n")


def _written(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _page(buckets: Sequence[dict[str, Any]], has_more: bool) -> dict[str, Any]:
    following = f"page_{buckets[-1]['ending_at'].removesuffix('T00:00:00Z')}" if has_more else None
    return {"data": list(buckets), "has_more": has_more, "next_page": following}
