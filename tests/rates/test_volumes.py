"""Volumes of contracts from the meter, and the findings of a month's rates."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from pipeline.contract_settings import Contract, Floor, Price
from pipeline.meters import Meters
from pipeline.period import Month
from pipeline.pricing import RateCard
from pipeline.providers import PROVIDERS
from pipeline.rates.dollars import priced
from pipeline.rates.list_prices import long_from
from pipeline.rates.rate_findings import rate_findings
from pipeline.rates.served import served, told_by_export, told_by_length
from pipeline.rates.volumes import MeteredVolumes
from pipeline.settings import Settings
from schemas.tables import BY_NAME
from schemas.types import ALL, KIND_COLUMNS

SEPTEMBER, OCTOBER = Month(2026, 9), Month(2026, 10)
PLACE = {"provider": "openai", "account": "main", "scope": "main", "service_tier": "standard"}
PRICES = (Price(provider="openai", model="m-1", token_kind="output", usd_per_million=Decimal(2)),)  # noqa: S106


def contract(**more: Any) -> Contract:
    terms = {
        "name": "deal", "provider": "openai", "discount_percent": Decimal(20), "valid_from": date(2026, 1, 1),
        "models": ("m-*",), "floor": Floor(monthly_tokens=100),
    }  # fmt: skip
    return Contract(**{**terms, **more})


def day_start(month: Month, day: int) -> datetime:
    return datetime.combine(month.first_day, datetime.min.time(), UTC) + timedelta(days=day - 1)


def meters(month: Month, *rows: tuple[int, str, int], days: int | None = None, **more: Any) -> Meters:
    """Output tokens (day, model, tokens); the first `days` days are covered, all when left out."""
    count = (month.next.first_day - month.first_day).days if days is None else days
    place = {**PLACE, **more}
    served = pl.DataFrame(
        [
            {
                **place, "model": model, "context": ALL, "geography": ALL, "output_tokens": tokens,
                "bucket_start_at": day_start(month, day), "bucket_end_at": day_start(month, day + 1),
            }
            for day, model, tokens in rows
        ],
        schema={**BY_NAME["core.metered"].schema, "context": pl.String, "geography": pl.String},
    )  # fmt: skip
    coverage = pl.DataFrame(
        [
            {
                "month": str(month), "provider": place["provider"], "account": place["account"],
                "endpoint": "completions", "meter": "usage", "grouping": "model",
                "bucket_start_at": day_start(month, day), "bucket_end_at": day_start(month, day + 1),
            }
            for day in range(1, count + 1)
        ],
        schema=BY_NAME["core.coverage"].schema,
    )  # fmt: skip
    none = pl.DataFrame()
    return Meters(none, coverage, none, none, none, served)


def both(one: Meters, other: Meters) -> Meters:
    return one._replace(
        served=pl.concat([one.served, other.served]), coverage=pl.concat([one.coverage, other.coverage])
    )


def volume(terms: Contract, found: dict[Month, Meters], month: Month = SEPTEMBER) -> tuple[Decimal, bool]:
    card = RateCard(Settings(prices=PRICES, contracts=(terms,)), PROVIDERS)
    nothing = meters(month, days=0)
    return tuple(MeteredVolumes(lambda it: found.get(it, nothing), card, OCTOBER)(terms, month))


def test_the_volume_is_what_the_contract_covers() -> None:
    rows = ((1, "m-1", 7), (30, "m-2", 5), (2, "n-1", 1000))
    september = both(meters(SEPTEMBER, *rows), meters(SEPTEMBER, (1, "m-1", 100), account="other"))

    assert volume(contract(), {SEPTEMBER: september}) == (112, True)
    assert volume(contract(account="main"), {SEPTEMBER: september}) == (12, True)
    assert volume(contract(token_kinds=("input_uncached",)), {SEPTEMBER: september}) == (0, True)
    assert volume(contract(provider="anthropic"), {SEPTEMBER: september}) == (0, False)


def test_days_outside_the_contract_do_not_count() -> None:
    september = meters(SEPTEMBER, (9, "m-1", 1), (10, "m-1", 10), (19, "m-1", 100), (20, "m-1", 1000))
    terms = contract(valid_from=date(2026, 9, 10), valid_to=date(2026, 9, 20))

    assert volume(terms, {SEPTEMBER: september})[0] == 110


@pytest.mark.parametrize(("days", "is_whole"), [(30, True), (29, False), (0, False)])
def test_a_month_is_whole_when_all_of_its_days_are_covered(days: int, is_whole: bool) -> None:
    found = {SEPTEMBER: meters(SEPTEMBER, (1, "m-1", 7), days=days), OCTOBER: meters(OCTOBER)}

    assert volume(contract(), found) == (7, is_whole)


def test_a_month_that_lacks_an_account_of_the_month_closed_is_not_whole() -> None:
    october = both(meters(OCTOBER), meters(OCTOBER, account="other"))
    found = {SEPTEMBER: meters(SEPTEMBER, (1, "m-1", 7)), OCTOBER: october}

    assert volume(contract(), found) == (7, False)
    assert volume(contract(account="main"), found) == (7, True)


def test_a_floor_in_dollars_counts_at_list_price_and_not_at_the_contract() -> None:
    terms = contract(floor=Floor(monthly_usd=Decimal(1)))

    assert volume(terms, {SEPTEMBER: meters(SEPTEMBER, (1, "m-1", 500_001))}) == (Decimal("1.000002"), True)


def test_tokens_without_a_list_price_leave_a_volume_in_dollars_open() -> None:
    terms = contract(floor=Floor(monthly_usd=Decimal(1)))

    found = volume(terms, {SEPTEMBER: meters(SEPTEMBER, (1, "m-1", 500_000), (1, "m-unknown", 1))})

    assert found == (Decimal(1), False)


def findings(
    meter: Meters, *contracts: Contract, month: Month = OCTOBER, calls: Sequence[dict[str, Any]] = ()
) -> dict[str, str]:
    card = RateCard(Settings(prices=PRICES, contracts=contracts), PROVIDERS)
    schema = BY_NAME["recon.bridge"].schema
    sums = meter.served.group_by(*PLACE, "model").agg(tokens=pl.col("output_tokens").sum())
    cells = sums.with_columns(token_kind=pl.lit("output"))
    bridge = pl.concat([pl.DataFrame(schema=schema), cells], how="diagonal")
    found = priced(bridge, meter.served, month, card)
    rows = rate_findings(month, card, (), found, pl.DataFrame(calls, schema=BY_NAME["core.call"].schema))
    BY_NAME["recon.finding"].contract.validate(rows)
    return dict(rows.select("code", "message").rows())


def test_rival_contracts_are_an_error_with_their_tokens() -> None:
    rivals = contract(floor=None), contract(name="other", discount_percent=Decimal(10), floor=None)

    found = findings(meters(OCTOBER, (1, "m-1", 7), (2, "m-1", 5), (1, "n-1", 1)), *rivals)

    assert found["contract_overlap"].startswith("Contracts 'deal' and 'other' both price 12 tokens")


def test_a_contract_that_covers_nothing_metered_is_told_while_it_holds() -> None:
    meter = meters(OCTOBER, (1, "n-1", 7))

    assert "contract_unused" in findings(meter, contract())
    assert findings(meter, contract(valid_to=date(2026, 10, 1))) == {}
    assert "contract_unused" in findings(meter, contract(valid_to=date(2026, 10, 2)))
    assert findings(meter, contract(valid_from=date(2026, 11, 1), floor=None)) == {}
    assert findings(meters(OCTOBER, (1, "m-1", 7)), contract()) == {}


def test_a_list_without_a_change_near_the_month_is_old() -> None:
    later = Month(2031, 1)

    found = findings(meters(later, (1, "gpt-5", 7)), month=later)

    assert set(found) == {"old_price_list"}
    assert "genai-prices" in found["old_price_list"]
    assert findings(meters(OCTOBER, (1, "gpt-5", 7))) == {}
    assert findings(meters(later, (1, "m-1", 7)), month=later) == {}


def test_a_rate_that_changes_inside_a_step_of_the_meter_is_told() -> None:
    terms = contract(valid_from=date(2026, 10, 2), floor=None)
    meter = meters(OCTOBER, (1, "m-1", 7), (2, "m-1", 3))
    long = meter.served.with_columns(
        bucket_end_at=pl.lit(day_start(OCTOBER, 4)).cast(pl.Datetime("us", "UTC"))
    )

    assert set(findings(meter._replace(served=long), terms)) == {"rate_change_inside_step"}
    assert findings(meter, terms) == {}
    assert findings(meter._replace(served=long), contract(floor=None)) == {}


def test_long_calls_that_the_meter_does_not_tell_apart_are_noted() -> None:
    model = "gpt-5.4"
    limit = long_from("openai", model, OCTOBER.first_day)
    assert limit is not None
    call = {**PLACE, "model": model, "not_billed_reason": None, "output_tokens": 9}
    calls = [
        {**call, "input_uncached_tokens": 1, "cache_read_tokens": limit},
        {**call, "cache_read_tokens": limit},
    ]
    meter = meters(OCTOBER, (1, model, 7))
    told = meter.served.with_columns(context=pl.lit("short"))

    found = findings(meter, calls=calls)

    assert f"At least 1 calls of '{model}'" in found["length_not_told"]
    assert f"{limit + 10:,} tokens" in found["length_not_told"]
    assert findings(meter._replace(served=told), calls=calls) == {}
    assert findings(meter, calls=[{**row, "not_billed_reason": "gateway cache"} for row in calls]) == {}


def test_the_length_of_each_request_tells_its_price() -> None:
    model, limit = "gpt-5.4", long_from("openai", "gpt-5.4", OCTOBER.first_day)
    rows = [(model, limit), (model, (limit or 0) + 1), ("gpt-5", 10_000_000), ("no-such-model", 1)]
    requests = pl.DataFrame(
        [{"provider": "openai", "model": name, "cache_read_tokens": size} for name, size in rows],
        schema={"provider": pl.String, "model": pl.String, **dict.fromkeys(KIND_COLUMNS, pl.Int64)},
    )

    found = told_by_length(requests, PROVIDERS, OCTOBER.first_day)

    assert found["context"].to_list() == ["short", "long", ALL, ALL]


@pytest.mark.parametrize(
    ("dimensions", "told"),
    [
        ('{"context_window":"0-200k","inference_geo":"US"}', ("short", "us")),
        ('{"context_window":"≤ 200k","inference_geo":"not_available"}', ("short", ALL)),
        ('{"context_window":"200k-1M"}', ("long", ALL)),
        ("{}", (ALL, ALL)),
        ('{"context_window":null,"inference_geo":"global"}', (ALL, "global")),
    ],
)
def test_the_words_of_an_export_for_length_and_place(dimensions: str, told: tuple[str, str]) -> None:
    found = told_by_export(pl.DataFrame({"dimensions": [dimensions]}))

    assert found.select("context", "geography").rows() == [told]


def test_a_cell_that_takes_back_more_than_it_counts_is_none_and_tells_nothing() -> None:
    both_lengths = pl.concat(
        meters(OCTOBER, (1, "m-1", tokens)).served.with_columns(context=pl.lit(word))
        for word, tokens in (("short", 5), ("long", -9))
    )
    cell = ["provider", "account", "model", "bucket_start_at"]
    cut = meters(OCTOBER, (1, "m-1", 0)).served

    found = served(both_lengths, cut, cell)

    assert found.select("context", "output_tokens").rows() == [(ALL, 0)]
    kept = served(both_lengths.with_columns(output_tokens=pl.lit(3, pl.Int64)), cut, cell)
    assert kept.select("context", "output_tokens").rows() == [("long", 3), ("short", 3)]
