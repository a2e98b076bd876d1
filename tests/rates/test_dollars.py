"""Dollars of the bridge: each day at its rate, the steps of a cell sharing its dollars without a remainder."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contract_settings import Contract, Price
from pipeline.errors import BalanceError
from pipeline.money import TINY, proportional
from pipeline.period import Month
from pipeline.pricing import RateCard
from pipeline.providers import PROVIDERS
from pipeline.rates.dollars import CELL, priced
from pipeline.settings import Settings
from schemas.tables import BY_NAME
from schemas.types import ALL, KIND_COLUMNS

OCTOBER = Month(2026, 10)
START = datetime(2026, 10, 1, tzinfo=UTC)
PLACE = {"provider": "openai", "account": "main", "scope": "main", "model": "m", "service_tier": "standard"}
PRICES = tuple(
    Price(provider="openai", model="m", token_kind=kind, usd_per_million=Decimal(usd))
    for kind, usd in (("output", "0.3"), ("input_uncached", "0.075"))
)
SERVED = {
    **dict.fromkeys([*PLACE, "context", "geography"], pl.String),
    "bucket_start_at": pl.Datetime("us", "UTC"),
    "bucket_end_at": pl.Datetime("us", "UTC"),
    **dict.fromkeys(KIND_COLUMNS, pl.Int64),
}


def card(*contracts: Contract) -> RateCard:
    return RateCard(Settings(prices=PRICES, contracts=contracts), PROVIDERS)


def discount(percent: str = "12.5", **more) -> Contract:
    return Contract(name="deal", provider="openai", discount_percent=Decimal(percent), **more)


def served(*rows: tuple[int, int], days: int = 1, **more) -> pl.DataFrame:
    """Output tokens by day of October: (day, tokens)."""
    told = {**PLACE, "context": ALL, "geography": ALL, **more}
    return pl.DataFrame(
        [
            {
                **told,
                "bucket_start_at": START + timedelta(days=day - 1),
                "bucket_end_at": START + timedelta(days=day - 1 + days),
                "output_tokens": tokens,
            }
            for day, tokens in rows
        ],
        schema=SERVED,
    )


def bridge(*tokens: int, kind: str = "output", **more) -> pl.DataFrame:
    """One cell, a row a team."""
    schema = BY_NAME["recon.bridge"].schema
    rows = [
        {
            **PLACE, "month": "2026-10", "token_kind": kind, "team": f"t{number}", "service": "s", "feature": "",
            "step": "traced", "tokens": count, "tokens_low": count, "tokens_high": count, "basis": "exact",
            "evidence_count": 1, **more,
        }
        for number, count in enumerate(tokens)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=schema)


def dollars(steps: pl.DataFrame, meter: pl.DataFrame, found: RateCard) -> list[Decimal | None]:
    rows = priced(steps, meter, OCTOBER, found).bridge
    BY_NAME["recon.bridge"].contract.validate(rows)
    return rows["usd"].to_list()


def test_without_changes_a_step_is_its_tokens_at_the_rate() -> None:
    found = dollars(bridge(1000, -30, 7), served((3, 900), (9, 77)), card())

    assert found == [Decimal("0.0003"), Decimal("-0.000009"), Decimal("0.0000021")]


def test_each_day_costs_its_own_rate_from_the_day_that_a_contract_starts() -> None:
    deal = card(discount("12.5", valid_from=date(2026, 10, 15)))
    whole = Decimal(1001) * Decimal("0.0000003") + Decimal(502) * Decimal("0.0000002625")

    found = dollars(bridge(1503), served((14, 1001), (15, 502)), deal)

    assert found == [whole]
    assert dollars(bridge(1503), served((15, 1001), (16, 502)), deal) == [1503 * Decimal("0.0000002625")]


def test_the_steps_share_the_dollars_of_their_cell_by_their_tokens() -> None:
    deal = card(discount("50", valid_from=date(2026, 10, 15)))

    found = dollars(bridge(300, -100, 200), served((1, 100), (20, 300)), deal)

    whole = 100 * Decimal("0.0000003") + 300 * Decimal("0.00000015")
    assert sum(found) == whole
    assert found == [whole * share / 4 for share in (3, -1, 2)]


@given(
    st.lists(st.integers(-(10**13), 10**13), min_size=1, max_size=7),
    st.lists(st.tuples(st.integers(1, 31), st.integers(0, 10**12)), min_size=1, max_size=9),
    st.decimals(-20, 100, places=2),
)
def test_the_dollars_of_the_steps_are_those_of_the_days_whatever_the_numbers(steps, days, percent) -> None:
    total = sum(tokens for _, tokens in days)
    counts = [*steps, total - sum(steps)]
    deal = card(discount(str(percent), valid_from=date(2026, 10, 11), valid_to=date(2026, 10, 21)))
    rates = {day: deal.rate("openai", "m", "standard", "output", date(2026, 10, day)) for day, _ in days}
    whole = sum((tokens * rates[day].usd_per_token for day, tokens in days), Decimal(0))

    found = dollars(bridge(*counts), served(*days), deal)

    assert sum(found, Decimal(0)) == whole
    for tokens, usd in zip(counts, found, strict=True):
        assert total == 0 or abs(usd * total - whole * tokens) <= TINY * total


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1), st.integers(-(10**20), 10**20))
def test_parts_in_proportion_add_up_and_are_off_by_less_than_one(tokens: list[int], total: int) -> None:
    whole = sum(tokens)
    if whole <= 0:
        with pytest.raises(ValueError, match="nothing to split over"):
            proportional(total, tokens)
        return

    parts = proportional(total, tokens)

    assert sum(parts) == total
    assert all(abs(part * whole - total * mine) < whole for part, mine in zip(parts, tokens, strict=True))


def test_what_is_left_over_goes_to_the_largest_remainders() -> None:
    assert proportional(1, [1, 2]) == [0, 1]
    assert proportional(-1, [1, 2]) == [0, -1]
    assert proportional(10, [-1, 4, 4]) == [-2, 6, 6]  # -10/7, 40/7, 40/7: floors -2, 5, 5 leave two
    assert proportional(2, [1, 1, 1]) == [1, 1, 0]


def test_a_cell_with_a_day_that_nobody_can_price_has_no_dollars() -> None:
    deal = RateCard(
        Settings(
            prices=(
                Price(
                    provider="openai", model="m", token_kind="output", usd_per_million=Decimal(1),  # noqa: S106
                    valid_to=date(2026, 10, 15),
                ),
            )
        ),
        PROVIDERS,
    )  # fmt: skip

    found = priced(bridge(30), served((14, 10), (15, 20)), OCTOBER, deal)

    assert found.bridge["usd"].to_list() == [None]
    assert found.metered.select("tokens", "usd_per_token", "usd").rows() == [
        (10, Decimal("0.000001"), None),
        (20, None, None),
    ]
    assert dollars(bridge(10), served((14, 10)), deal) == [Decimal("0.00001")]


def test_steps_without_metered_tokens_go_at_the_rate_of_the_last_day() -> None:
    deal = card(discount("50", valid_from=date(2026, 10, 31)))

    found = dollars(bridge(1000, -1000), served(), deal)

    assert found == [Decimal("0.00015"), Decimal("-0.00015")]


def test_a_contract_of_one_account_prices_that_account_alone() -> None:
    deal = card(discount("50", account="main"))
    meter = pl.concat([served((1, 100)), served((1, 100), account="other")])
    steps = pl.concat([bridge(100), bridge(100, account="other")])

    assert dollars(steps, meter, deal) == [100 * Decimal("0.00000015"), 100 * Decimal("0.0000003")]


def test_what_the_meter_tells_of_length_and_place_is_priced() -> None:
    prices = (
        *PRICES,
        Price(provider="openai", model="m", token_kind="output", usd_per_million=Decimal(6), context="long"),  # noqa: S106
        Price(provider="openai", model="m", token_kind="output", usd_per_million=Decimal(9), geography="eu"),  # noqa: S106
    )
    found = RateCard(Settings(prices=prices), PROVIDERS)
    meter = pl.concat(
        [served((1, 10), context="short"), served((1, 20), context="long"), served((1, 40), geography="eu")]
    )

    usd = 10 * Decimal("0.0000003") + 20 * Decimal("0.000006") + 40 * Decimal("0.000009")
    assert dollars(bridge(70), meter, found) == [usd]


def test_a_step_of_the_meter_longer_than_a_day_is_spread_evenly_and_marked() -> None:
    deal = card(discount("50", valid_from=date(2026, 10, 2)))

    found = priced(bridge(11), served((1, 11), days=3), OCTOBER, deal)

    days = [(date(2026, 10, 1), 4), (date(2026, 10, 2), 4), (date(2026, 10, 3), 3)]
    assert found.days.select("day", "tokens").rows() == days
    assert found.days["is_spread"].all()
    assert found.bridge["usd"].to_list() == [4 * Decimal("0.0000003") + 7 * Decimal("0.00000015")]


def test_days_of_an_invoice_beyond_the_month_count_as_its_last_day() -> None:
    deal = card(discount("50", valid_from=date(2026, 10, 31)))

    found = priced(bridge(40), served((30, 40), days=4), OCTOBER, deal)

    assert found.bridge["usd"].to_list() == [10 * Decimal("0.0000003") + 30 * Decimal("0.00000015")]


def test_hours_belong_to_the_billing_day_of_the_provider() -> None:
    """Google bills by days of Pacific time: seven in the morning UTC is still the day before."""
    price = Price(provider="gcp.gemini", model="m", token_kind="output", usd_per_million=Decimal(1),  # noqa: S106
                  valid_from=date(2026, 10, 2))  # fmt: skip
    old = Price(provider="gcp.gemini", model="m", token_kind="output", usd_per_million=Decimal(5))  # noqa: S106
    found = RateCard(Settings(prices=(old, price)), PROVIDERS)
    hours = pl.concat(
        served((1, tokens), provider="gcp.gemini").with_columns(
            bucket_start_at=pl.lit(datetime(2026, 10, 2, hour, tzinfo=UTC)).cast(SERVED["bucket_start_at"]),
            bucket_end_at=pl.lit(datetime(2026, 10, 2, hour + 1, tzinfo=UTC)).cast(SERVED["bucket_end_at"]),
        )
        for hour, tokens in ((6, 100), (7, 10))
    )

    usd = dollars(bridge(110, provider="gcp.gemini"), hours, found)

    assert usd == [100 * Decimal("0.000005") + 10 * Decimal("0.000001")]


def test_a_bridge_that_is_not_its_meter_is_a_bug() -> None:
    with pytest.raises(BalanceError, match="do not add up to their meter"):
        priced(bridge(5), served((1, 4)), OCTOBER, card())


def test_the_metered_side_of_the_tie_out_is_the_bridge() -> None:
    deal = card(discount("33.3", valid_from=date(2026, 10, 15)))
    steps = pl.concat([bridge(7, 3, -1), bridge(13, scope="narrow", service_tier="batch")])
    meter = pl.concat([served((1, 4), (20, 5)), served((3, 13), scope="narrow", service_tier="batch")])

    found = priced(steps, meter, OCTOBER, deal)

    sums = found.bridge.group_by(CELL).agg(pl.col("usd").sum(), pl.col("tokens").sum()).sort(CELL)
    metered = found.metered.group_by(CELL).agg(pl.col("usd").sum(), pl.col("tokens").sum()).sort(CELL)
    assert sums.rows() == metered.rows()
