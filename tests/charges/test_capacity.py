"""Capacity that is paid by the hour: used and idle, with the arithmetic written out."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.charges.capacity import Metered, with_idle
from pipeline.contract_settings import Contract
from pipeline.period import Month
from schemas.tables import BY_NAME
from tests.allocating.conftest import Company
from tests.focus.rows import frame

D = Decimal
MONTH = Month.parse("2026-10")
PTU = {
    "name": "ptu", "units": 10, "usd_per_unit_hour": 2, "models": ["gpt-5*"], "tokens_per_unit_hour": 1000,
    "token_weights": {"output": 4, "cache_read": 0},
}  # fmt: skip
LINE = {
    "category": "fee", "origin": "invoice", "fee_kind": "provisioned_hours", "invoice_id": "INV", "line_item": "PTU hours",
}  # fmt: skip


def contract(**more: Any) -> Contract:
    return Contract.model_validate({"name": "c", "provider": "openai", "capacity": [PTU]} | more)


def capacity(**more: Any) -> Contract:
    return contract(capacity=[{name: value for name, value in (PTU | more).items() if value is not None}])


def charges(*amounts: object, **more: Any) -> pl.DataFrame:
    rows = [
        LINE | {"line_number": number, "fee_usd": D(str(usd)), "billed_usd": D(str(usd))} | more
        for number, usd in enumerate(amounts, 1)
    ]
    return frame("recon.charge", rows)


def metered(
    days: int = 31, tokens: dict[tuple[str, str], int] | None = None, day: date | None = None
) -> Metered:
    told = {("gpt-5", "input_uncached"): 1_000_000} if tokens is None else tokens
    rows = [("openai", "acme", model, "standard", kind, day, count) for (model, kind), count in told.items()]
    names = ["provider", "account", "model", "service_tier", "token_kind", "billed_on", "tokens"]
    steps = [
        {
            "endpoint": "all",
            "bucket_start_at": datetime(2026, 10, 1, tzinfo=UTC),
            "bucket_end_at": datetime(2026, 10, 31, tzinfo=UTC)
            if days < 31
            else datetime(2026, 11, 1, tzinfo=UTC),
        }
    ]
    schema = dict.fromkeys(names, pl.String()) | {"billed_on": pl.Date(), "tokens": pl.Int64()}
    return Metered(
        pl.DataFrame(rows, schema=schema, orient="row"), frame("core.coverage", steps if days else [])
    )


def test_what_the_tokens_do_not_take_up_is_idle() -> None:
    # 10,000 dollars at 2 an hour are 5,000 hours. 1,000,000 + 4 x 250,000 + 0 x 9,000,000 tokens take 2,000.
    tokens = {
        ("gpt-5", "input_uncached"): 1_000_000,
        ("gpt-5-mini", "output"): 250_000,
        ("gpt-5", "cache_read"): 9_000_000,
        ("o3", "output"): 7_000_000,
    }
    rows, found = with_idle(charges(6000, 4000), metered(tokens=tokens), (contract(),), MONTH)
    assert rows["idle_usd"].to_list() == [D(3600), D(2400)]
    assert found.select("code", "severity", "usd").rows() == [("idle_capacity", "note", D(6000))]
    assert found["message"].item() == (
        "Capacity 'ptu' of contract 'c' is billed at 10,000.00 USD for 5,000 hours of a unit: 40.0 % was used, "
        "6,000.00 USD lay idle."
    )


def test_more_than_it_can_serve_leaves_nothing_idle() -> None:
    tokens = {("gpt-5", "output"): 2_000_000}
    rows, found = with_idle(charges(10_000), metered(tokens=tokens), (contract(),), MONTH)
    assert rows["idle_usd"].to_list() == [D(0)]
    assert "160.0 % was used, 0.00 USD lay idle" in found["message"].item()
    assert found["advice"].item().startswith("More tokens are metered than it can serve")


def test_metered_and_unused_is_idle_in_whole() -> None:
    rows, _ = with_idle(charges(10_000), metered(tokens={}), (contract(),), MONTH)
    assert rows["idle_usd"].to_list() == [D(10_000)]


@pytest.mark.parametrize(
    ("made", "lines", "read", "why"),
    [
        (capacity(tokens_per_unit_hour=None, token_weights=None), charges(100), metered(), "does not say how many tokens"),
        (capacity(usd_per_unit_hour=0), charges(100), metered(), "tells how many hours were bought"),
        (contract(), charges(100, -100), metered(), "tells how many hours were bought"),
        (contract(), charges(14_902), metered(), "7,451 hours are billed, and its units have 7,450"),
        (contract(), charges(100), metered(days=0), "its account has no meter"),
        (contract(), charges(100), metered(days=30), "does not cover all days"),
        (contract(provider="anthropic"), charges(100), metered(), "no contract names the capacity"),
        (contract(account="other"), charges(100), metered(), "no contract names the capacity"),
        (contract(), charges(100, model="o3"), metered(), "no contract names the capacity"),
        (contract(capacity=[PTU, PTU | {"name": "b"}]), charges(100, line_item="GSU"), metered(), "several capacities"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_said_and_nothing_is_claimed(
    made: Contract, lines: pl.DataFrame, read: Metered, why: str
) -> None:
    rows, found = with_idle(lines, read, (made,), MONTH)
    assert rows.equals(lines)
    assert found["code"].to_list() == ["idle_capacity"]
    assert found["usd"].to_list() == [None]
    assert why in found["message"].item()
    assert "cannot be told" in found["message"].item()


def test_of_several_capacities_a_line_names_its_own() -> None:
    made = contract(capacity=[PTU | {"name": "day"}, PTU | {"name": "night"}])
    rows, _ = with_idle(charges(10_000, line_item="PTU hours, Night"), metered(), (made,), MONTH)
    assert rows["idle_usd"].to_list() == [D(8000)]


def test_tokens_of_days_before_the_contract_do_not_count() -> None:
    made = contract(valid_from=date(2026, 10, 2))
    for day, idle in ((date(2026, 10, 1), 10_000), (date(2026, 10, 2), 8000)):
        rows, _ = with_idle(charges(10_000), metered(day=day), (made,), MONTH)
        assert rows["idle_usd"].to_list() == [D(idle)]


def test_only_tiers_of_the_contract_use_it() -> None:
    rows, _ = with_idle(charges(10_000), metered(), (contract(service_tiers=["provisioned"]),), MONTH)
    assert rows["idle_usd"].to_list() == [D(10_000)]


def test_other_fees_are_no_capacity_and_without_any_nothing_is_said() -> None:
    lines = charges(100, fee_kind="web_search")
    rows, found = with_idle(lines, metered(), (contract(),), MONTH)
    assert rows.equals(lines)
    assert found.is_empty()


AMOUNTS = st.lists(st.integers(-(10**6), 10**6).map(lambda n: D(n).scaleb(-3)), min_size=1, max_size=6)


@given(AMOUNTS, st.integers(0, 10**7))
def test_idle_is_a_part_of_what_is_billed_and_no_line_has_more_than_it_bills(
    amounts: list[Decimal], count: int
) -> None:
    rows, found = with_idle(
        charges(*amounts), metered(tokens={("gpt-5", "output"): count}), (contract(),), MONTH
    )
    total = sum(amounts)
    if total <= 0:
        assert rows["idle_usd"].null_count() == len(amounts)
        return
    wanted = max(total - D(4 * count) / 1000 * 2, D(0))
    assert rows["idle_usd"].sum() == found["usd"].item() == wanted
    assert all(0 <= idle <= max(usd, D(0)) for idle, usd in rows.select("idle_usd", "fee_usd").rows())


def test_idle_dollars_are_a_pool_of_their_own(table: Callable[..., pl.DataFrame]) -> None:
    company = Company(table)
    company.bill(
        "line_number | category | fee_usd | idle_usd | billed_usd\n1 | usage | 0 | null | 40.00\n"
        "2 | fee | 100.00 | 60.00 | 100.00"
    )
    company.meter("team | tokens | usd\nblue | 100 | 1\nred | 300 | 3")
    beside = [row[1:] for row in company.shares("line_number", "team", "is_pool", "pool") if row[0] == 2]
    assert beside == [
        ("blue", False, "fees", D("10.00")),
        ("idle", True, "idle", D("60.00")),
        ("red", False, "fees", D("30.00")),
    ]
    company.configure(idle={"method": "even", "teams": ["red", "blue"]})
    assert [row for row in company.shares("team", "pool", "method") if row[1] == "idle"] == [
        ("blue", "idle", "even", D("30.00")),
        ("red", "idle", "even", D("30.00")),
    ]


def test_a_line_of_recon_charge_may_be_idle_in_whole(table: Callable[..., pl.DataFrame]) -> None:
    rows, _ = with_idle(charges(10_000), metered(tokens={}), (contract(),), MONTH)
    assert dict(rows.schema) == dict(BY_NAME["recon.charge"].schema)
