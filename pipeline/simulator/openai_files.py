"""OpenAI's usage and cost exports, as pages of its API: organization/usage and organization/costs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from pipeline.simulator.billing import SEARCH_PRICE, Bill, Count, Meter
from pipeline.simulator.clock import Clock
from pipeline.simulator.leaves import Leaves

_TIERS = {"standard": "default", "batch": "default"}
KIND_WORDS = {"input_uncached": "input", "cache_read": "cached input", "output": "output"}
"""Kind -> word of a line item."""
_MODALITIES = ("audio", "image")
_LIMITS = {"day": 31, "hour": 168, "minute": 1440}
"""Most time steps that the API puts on one page."""

Rows = list[tuple[Meter, Count]]


def write_usage(folder: Path, bill: Bill, clock: Clock, rng: Random) -> None:
    """Write the final pull by key, one from the middle of the month, one by model, and embeddings."""
    folder.mkdir(parents=True, exist_ok=True)
    late = f"{clock.last + timedelta(days=3):%Y-%m-%d}"
    early = f"{clock.first + timedelta(days=14):%Y-%m-%d}"
    rows = [row for row in bill.of("openai") if row[0].operation != "embeddings"]
    embeddings = [row for row in bill.of("openai") if row[0].operation == "embeddings"]
    steps = clock.steps(bill.grain)
    most = _LIMITS[bill.grain]
    _write_pages(folder, f"completions-by-key_{late}", _buckets(steps, rows, _by_key), _usual(bill.grain))
    days = [f"{day:%Y-%m-%d}" for day in clock.days[:15]]
    half = steps[: 15 * 86_400 // steps.step]
    unsettled = _unsettled(rows, days, rng)
    _write_pages(folder, f"completions-by-key_{early}", _buckets(half, unsettled, _by_key), most)
    _write_pages(folder, f"completions-by-model_{late}", _buckets(steps, _per_model(rows), _by_model), most)
    _write_pages(folder, f"embeddings-by-key_{late}", _buckets(steps, embeddings, _embedding), most)


def write_costs(folder: Path, bill: Bill, clock: Clock) -> None:
    """Write the cost export by line item and project.

    How line items name the service tier is not known, so tiers of a model share its line items.
    """
    days = [f"{day:%Y-%m-%d}" for day in clock.days]
    found: dict[str, list[dict[str, Any]]] = {day: [] for day in days}
    for (day, project, model, kind), (dollars, tokens) in sorted(bill.amounts("openai").items()):
        found[day].append(cost_row(dollars, f"{model}, {KIND_WORDS[kind]}", project, tokens, "tokens"))
    for day in days:
        searches = bill.searches["openai", day]
        found[day].append(cost_row(searches * SEARCH_PRICE, "web search tool calls", "proj_shop"))
    write_cost_pages(folder, clock, found)


def write_cost_pages(folder: Path, clock: Clock, found: Mapping[str, Sequence[dict[str, Any]]]) -> None:
    """Write rows by day, all pages in one file; every day of the month is there."""
    folder.mkdir(parents=True, exist_ok=True)
    buckets = [
        _bucket(step, 86_400, list(results))
        for step, results in zip(clock.steps("day"), found.values(), strict=True)
    ]
    pages = [_page(buckets[at : at + 7], at + 7 < len(buckets)) for at in range(0, len(buckets), 7)]
    late = f"{clock.last + timedelta(days=3):%Y-%m-%d}"
    (folder / f"costs_{late}.json").write_bytes(_encode(pages))


def _usual(grain: str) -> int:
    """A page of days holds 7 of them unless more are asked for."""
    return 7 if grain == "day" else _LIMITS[grain]


def cost_row(
    dollars: Decimal, item: str, project: str, quantity: int | None = None, unit: str | None = None
) -> dict[str, Any]:
    """Return a row of the costs of a line item and project."""
    return {
        "object": "organization.costs.result",
        "amount": {"value": float(dollars), "currency": "usd"},
        "line_item": item,
        "quantity": None if quantity is None else float(quantity),
        "quantity_unit": unit,
        "project_id": project,
        "api_key_id": None,
        "user_id": None,
        "api_source": None,
    }


def _unsettled(rows: Rows, days: Sequence[str], rng: Random) -> Rows:
    """What the export said in the middle of the month: the last days not complete, one row too high."""
    part = {days[-1]: 0.5, days[-2]: 0.97}
    result = []
    for meter, count in rows:
        if meter.day not in days:
            continue
        share = part.get(meter.day, 1.0)
        leaves = Leaves(*(int(tokens * share) for tokens in count.leaves))
        result.append((meter, Count(leaves, max(1, int(count.requests * share)))))
    settled = [at for at, (meter, _) in enumerate(result) if meter.day not in part]
    if settled:
        at = rng.choice(settled)
        meter, count = result[at]
        result[at] = (meter, Count(count.leaves.plus(Leaves(input_uncached=1200)), count.requests))
    return result


def _per_model(rows: Rows) -> Rows:
    sums: dict[Meter, Count] = {}
    for meter, count in rows:
        only = meter._replace(project="", key="", tier="")
        total = sums.setdefault(only, Count())
        total.leaves = total.leaves.plus(count.leaves)
        total.requests += count.requests
    return sorted(sums.items())


def _buckets(
    steps: range, rows: Rows, write: Callable[[Meter, Count], dict[str, Any]]
) -> list[dict[str, Any]]:
    found: dict[int, list[dict[str, Any]]] = {step: [] for step in steps}
    for meter, count in rows:
        found[meter.step].append(write(meter, count))
    return [_bucket(step, steps.step, results) for step, results in found.items()]


def _bucket(start: int, width: int, results: list[dict[str, Any]]) -> dict[str, Any]:
    return {"object": "bucket", "start_time": start, "end_time": start + width, "results": results}


def _by_key(meter: Meter, count: Count) -> dict[str, Any]:
    """Grouped by project, key, model, batch and tier: input holds cached tokens."""
    return _counts(count) | {
        "project_id": meter.project,
        "user_id": None,
        "api_key_id": meter.key,
        "model": meter.model,
        "batch": meter.tier == "batch",
        "service_tier": _TIERS.get(meter.tier, meter.tier),
        "api_source": None,
    }


def _by_model(meter: Meter, count: Count) -> dict[str, Any]:
    empty = dict.fromkeys(("project_id", "user_id", "api_key_id", "batch", "service_tier", "api_source"))
    return _counts(count) | empty | {"model": meter.model}


def _counts(count: Count) -> dict[str, Any]:
    leaves = count.leaves
    told: dict[str, Any] = {
        "object": "organization.usage.completions.result",
        "input_tokens": leaves.input,
        "input_cached_tokens": leaves.cache_read,
        "input_cache_write_tokens": 0,
        "input_uncached_tokens": leaves.input_uncached,
        "output_tokens": leaves.output,
        "input_text_tokens": leaves.input_uncached,
        "output_text_tokens": leaves.output,
        "input_cached_text_tokens": leaves.cache_read,
        "num_model_requests": count.requests,
    }
    for modality in _MODALITIES:
        told |= dict.fromkeys(
            (f"input_{modality}_tokens", f"input_cached_{modality}_tokens", f"output_{modality}_tokens"), 0
        )
    return told


def _embedding(meter: Meter, count: Count) -> dict[str, Any]:
    return {
        "object": "organization.usage.embeddings.result",
        "input_tokens": count.leaves.input,
        "num_model_requests": count.requests,
        "project_id": meter.project,
        "user_id": None,
        "api_key_id": meter.key,
        "model": meter.model,
    }


def _write_pages(folder: Path, name: str, buckets: Sequence[dict[str, Any]], limit: int) -> None:
    starts = range(0, len(buckets), limit)
    for number, at in enumerate(starts, start=1):
        has_more = number < len(starts)
        page = _page(buckets[at : at + limit], has_more)
        (folder / f"{name}_page{number}.json").write_bytes(_encode(page))


def _page(buckets: Iterable[dict[str, Any]], has_more: bool) -> dict[str, Any]:
    found = list(buckets)
    following = f"page_{found[-1]['end_time']}" if has_more else None
    return {"object": "page", "data": found, "has_more": has_more, "next_page": following}


def _encode(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"
