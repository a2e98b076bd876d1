"""The tier of the meter is what is priced, whatever a response says of its own.

Some responses report the default tier for requests that are billed as priority; others report the tier that
was asked for and not the one that served them.
"""

from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.calls import Calls
from pipeline.contract_settings import Price
from pipeline.period import Month
from pipeline.pricing import RateCard
from pipeline.providers import PROVIDERS
from pipeline.rates.dollars import CELL, priced
from pipeline.reconcile import explain_drift
from pipeline.settings import Settings
from schemas.types import ALL
from tests.laws.test_bridge import RULES, few
from tests.laws.worlds import KINDS, MONTH, World, world_of, worlds

D = Decimal
PRICES = {
    (model, kind, tier): D(number + 1) * (4 if tier == "flex" else 1)
    for model in ("m", "n")
    for number, kind in enumerate(KINDS)
    for tier in ("standard", "flex")
}
"""Dollars a million tokens; the other tier costs four times as much, so that a mistake shows."""

CARD = RateCard(
    Settings(
        prices=tuple(
            Price(provider="openai", model=model, token_kind=kind, service_tier=tier, usd_per_million=usd)
            for (model, kind, tier), usd in PRICES.items()
        )
    ),
    PROVIDERS,
)


def dollars(world: World) -> dict[tuple[Any, ...], Decimal]:
    """Dollars of the bridge by cell, where the meter tells the tier."""
    served = world.meters.metered.with_columns(context=pl.lit(ALL), geography=pl.lit(ALL))
    bridge = explain_drift(world.calls, world.meters, MONTH, RULES).bridge
    rows = priced(bridge, served, Month.parse(MONTH), CARD).bridge
    told = rows.filter(pl.col("service_tier").is_in(["standard", "flex"]), pl.col("provider") == "openai")
    sums = told.filter(pl.col("usd").is_not_null()).group_by(CELL).agg(pl.col("usd").sum())
    return {tuple(key): usd for *key, usd in sums.rows() if usd}


def expected(world: World) -> dict[tuple[Any, ...], Decimal]:
    """Metered tokens at the price of the meter's tier."""
    found: dict[tuple[Any, ...], Decimal] = {}
    for row in world.meters.metered.filter(pl.col("model") != ALL, pl.col("service_tier") != ALL).to_dicts():
        for kind in KINDS:
            if tokens := row[f"{kind}_tokens"]:
                key = (*(row[name] for name in CELL[:-1]), kind)
                usd = tokens * PRICES[row["model"], kind, row["service_tier"]] / 1_000_000
                found[key] = found.get(key, D(0)) + usd
    return found


def lying(world: World, says: dict[str, str]) -> World:
    """The same world, in which spans say another tier."""
    frames = [
        frame.with_columns(pl.col("service_tier").replace(says)) if "service_tier" in frame.columns else frame
        for frame in world.calls
    ]
    return world._replace(calls=Calls(*frames))


@few
@given(worlds, st.sampled_from([{}, {"flex": "standard"}, {"standard": "flex", "flex": "standard"}]))
def test_what_spans_say_of_their_tier_moves_no_dollars(world: World, says: dict[str, str]) -> None:
    assert dollars(lying(world, says)) == expected(world)


@pytest.mark.parametrize(("said", "is_open"), [("flex", False), ("standard", True)])
def test_a_response_that_says_another_tier_leaves_its_tokens_open_and_not_cheaper(
    said: str, is_open: bool
) -> None:
    none = dict.fromkeys(KINDS)
    call = {
        "account": "a", "scope": "account", "model": "m", "service_tier": said, "team": "red", "operation": "chat",
        "minute": 60, "cache_breakdown": "full", "not_billed_reason": None, "dialect": "opentelemetry",
        "root_kind": "server", "agent_level": "none", "usage_quality": "recorded", "error_type": None,
        "finish_reasons": "stop", "is_stream": False, "seconds": 1, "sampling_threshold": None,
        "conversation_id": None, "failed": [], "has_http_spans": False, "tokens": none | {"output": 1000},
        "copies": [],
    }  # fmt: skip
    metered = [("account", "m", "flex", none | {"output": 1000}, 1)]
    steps = (24, [("model+service_tier", metered), None, None, None])
    world = world_of(
        [call], [], {"a": ("usage", {"completions": steps, "embeddings": (24, [None] * 4)}), "b": None}
    )

    bridge = explain_drift(world.calls, world.meters, MONTH, RULES).bridge
    rest = bridge.filter(pl.col("step") != "traced")["tokens"].abs().sum()
    assert dollars(world) == {("openai", "a", "a", "m", "flex", "output"): D("0.016")}
    assert (rest > 0) == is_open
