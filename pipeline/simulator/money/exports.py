"""Cost exports: OpenAI's pages with quantities, Anthropic's Console CSV with cents on every row."""

import csv
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path

from pipeline.simulator.billing import TITLES
from pipeline.simulator.clock import Clock
from pipeline.simulator.invoices import cents
from pipeline.simulator.money.charges import Charge
from pipeline.simulator.money.papers import DailyFees
from pipeline.simulator.money.price_list import list_price
from pipeline.simulator.openai_files import KIND_WORDS, cost_row, write_cost_pages

_OPENAI_FEES = {
    "web_search": ("web search tool calls", None),
    "storage": ("file search storage", "gibibyte_hours"),
    "images": ("image generation", "images"),
}
_CONSOLE_FEES = {
    "web_search": "web_search",
    "sessions": "session_usage",
    "code_execution": "code_execution",
}
_CONSOLE_KINDS = {
    "input_uncached": "input_no_cache",
    "cache_read": "input_cache_read",
    "cache_write_5m": "input_cache_write_5m",
    "cache_write_1h": "input_cache_write_1h",
    "output": "output",
}
_CONSOLE = (
    "usage_date_utc", "model", "workspace", "api_key", "usage_type", "context_window", "token_type",
    "cost_usd", "list_price_usd", "cost_type", "inference_geo", "speed",
)  # fmt: skip


def write_openai_costs(folder: Path, clock: Clock, charges: Iterable[Charge], fees: DailyFees) -> None:
    """Write the costs by line item and project: dollars with all their decimals, and quantities."""
    found: dict[str, list[dict[str, object]]] = {f"{day:%Y-%m-%d}": [] for day in clock.days}
    for charge in charges:
        used = charge.used
        item = f"{used.model}, {KIND_WORDS[used.kind]}"
        found[str(used.day)].append(cost_row(charge.amount, item, used.project, charge.billed, "tokens"))
    for (day, fee), dollars in fees.items():
        words, unit = _OPENAI_FEES[fee]
        quantity = None if unit is None else int(dollars * 100)
        found[str(day)].append(cost_row(dollars, words, "proj_shop", quantity, unit))
    write_cost_pages(folder, clock, found)


def write_console_costs(folder: Path, clock: Clock, charges: Iterable[Charge], fees: DailyFees) -> None:
    """Write the cost CSV of Anthropic's Console: `cost_usd` is in whole cents, and no row has a quantity."""
    folder.mkdir(parents=True, exist_ok=True)
    last = clock.days[-1]
    path = folder / f"claude_api_cost_{clock.first:%Y_%m_%d}_to_{last:%Y_%m_%d}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.DictWriter(file, _CONSOLE, lineterminator="\n")
        out.writeheader()
        out.writerows(_console_row(charge) for charge in charges)
        out.writerows(_console_fee(day, fee, dollars) for (day, fee), dollars in fees.items())


def _console_row(charge: Charge) -> dict[str, str]:
    used = charge.used
    listed = list_price(used.model, used.tier, used.kind, used.day)
    return {
        "usage_date_utc": str(used.day),
        "model": TITLES[used.model],
        "workspace": used.project,
        "api_key": f"key-{used.project}",
        "usage_type": "batch" if used.tier == "batch" else "message",
        "context_window": "≤ 200k",
        "token_type": _CONSOLE_KINDS[used.kind],
        "cost_usd": str(cents(charge.amount)),
        "list_price_usd": str(cents(listed * charge.billed / 1_000_000)),
        "cost_type": "token",
        "inference_geo": "not_available",
        "speed": "standard",
    }


def _console_fee(day: date, fee: str, dollars: Decimal) -> dict[str, str]:
    return {
        "usage_date_utc": str(day),
        "workspace": "wrkspc_platform",
        "api_key": "key-wrkspc_platform",
        "usage_type": "message",
        "token_type": _CONSOLE_FEES[fee],
        "cost_usd": str(dollars),
        "list_price_usd": str(dollars),
        "cost_type": _CONSOLE_FEES[fee],
    }
