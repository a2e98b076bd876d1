"""An account of Anthropic with a contract on the output of a model, and the search over its prices."""

from collections.abc import Callable, Sequence
from decimal import Decimal

import polars as pl
import pytest

from pipeline.charges.search import PriceSearch
from pipeline.charges.tariffs import Tariffs
from pipeline.contract_settings import Price
from pipeline.period import Month
from pipeline.pricing import RateCard
from pipeline.providers import PROVIDERS
from pipeline.settings import Settings
from pipeline.tieout import Tied, tie_out
from tests.charges.bills import SONNET, Row, assert_adds_up, frame

MONTH = Month.parse("2026-10")


@pytest.fixture
def settings() -> Settings:
    """A contract on output: 12 dollars a million in place of 15; everything else at list."""
    contract = {"provider": "anthropic", "model": SONNET, "token_kind": "output", "usd_per_million": "12"}
    return Settings(prices=(Price.model_validate(contract),), exchange_rates={"EUR": Decimal("1.08")})


@pytest.fixture
def search(settings: Settings) -> PriceSearch:
    return PriceSearch(
        Tariffs(RateCard(settings, PROVIDERS)),
        MONTH,
        {"openai": ["o3", "gpt-5"], "anthropic": [SONNET, "claude-haiku-4-5-20251001"]},
    )


@pytest.fixture
def tied(search: PriceSearch) -> Callable[[pl.DataFrame, Sequence[Row]], Tied]:
    """Tie out; and hold lines, effects and components against each other."""

    def run(metered: pl.DataFrame, rows: Sequence[Row]) -> Tied:
        found = tie_out(metered, frame(rows), "2026-10", search)
        assert_adds_up(found)
        return found

    return run
