"""Whatever is billed, by whatever method: teams and pools add up to it, in both views, to the cent."""

from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.allocating.allocate import allocate
from pipeline.allocating.apportion import UNITS, apportion, to_cents
from pipeline.errors import BalanceError
from pipeline.money import split_integer
from pipeline.period import Month
from pipeline.settings import Settings
from schemas.allocation import POOLS, VIEWS
from schemas.tables import BY_NAME
from tests.allocating.conftest import CALL, CELL, LINE

TEAMS = ("a", "b", "c", "d", "e", "f", "g")
CATEGORIES = ("usage", "fee", "minimum", "credit", "discount", "tax", "rounding", "adjustment")
CONTRACT = {"name": "c", "provider": "openai", "account": "acme", "commitment_usd": 1}

fine = st.one_of(st.integers(-(10**21), 10**21), st.integers(-100, 100))
"""Amounts in units of 10^-12 dollars: up to a billion, and dust."""

line = st.fixed_dictionaries(
    {
        "account": st.sampled_from(["acme", "other"]),
        "invoice_id": st.sampled_from(["A", "B", None]),
        "category": st.sampled_from(CATEGORIES),
        "model": st.sampled_from(["m", "n", "ghost", None]),
        "token_kind": st.sampled_from(["output", "input_uncached", None]),
        "service_tier": st.sampled_from(["standard", "all"]),
        "quantity": st.one_of(st.none(), st.integers(-(10**12), 10**12).map(Decimal)),
        "billed_usd": fine.map(lambda units: Decimal(units).scaleb(-12)),
        "currency_usd": fine.map(lambda units: Decimal(units).scaleb(-12)),
    }
)
step = st.fixed_dictionaries(
    {
        "account": st.sampled_from(["acme", "other"]),
        "scope": st.sampled_from(["acme", "key"]),
        "model": st.sampled_from(["m", "n"]),
        "token_kind": st.sampled_from(["output", "input_uncached"]),
        "team": st.sampled_from(["a", "b", "unowned", "uninstrumented"]),
        "step": st.sampled_from(["traced", "retries", "unexplained", "uninstrumented"]),
        "basis": st.sampled_from(["exact", "estimated"]),
        "tokens": st.integers(-(10**12), 10**12),
        "usd": st.one_of(st.none(), fine.map(lambda units: Decimal(units).scaleb(-12))),
    }
)
call = st.fixed_dictionaries(
    {
        "account": st.sampled_from(["acme", "other", "third"]),
        "model": st.sampled_from(["m", "n"]),
        "team": st.sampled_from(["a", "b", "unowned"]),
        "initiating_team": st.sampled_from(["a", "c", "unowned"]),
        "environment": st.sampled_from(["ci", "unknown"]),
        "workload": st.sampled_from(["serving", "evaluation"]),
        "output_tokens": st.one_of(st.none(), st.integers(0, 10**12)),
    }
)
method = st.one_of(
    st.sampled_from(["pool", "even", "proportional"]),
    st.just({"method": "even", "teams": ["b", "g"]}),
    st.just({"method": "fixed", "shares": {"a": "33.3", "c": "0.7", "g": "66"}}),
)
methods = st.fixed_dictionaries({}, optional={pool: method for pool in POOLS if pool != "usage"})


def charges_of(lines: list[dict[str, Any]]) -> pl.DataFrame:
    """Lines with one more on each bill that makes it whole cents, as every bill has."""
    numbered = [{**LINE, **row, "line_number": number} for number, row in enumerate(lines, 1)]
    for account, invoice in dict.fromkeys((row["account"], row["invoice_id"]) for row in numbered):
        mine = [r["billed_usd"] for r in numbered if (r["account"], r["invoice_id"]) == (account, invoice)]
        missing = round(sum(mine), 2) - sum(mine)
        place = {"account": account, "invoice_id": invoice, "line_number": len(lines) + 1}
        numbered.append(
            {**LINE, **place, "category": "rounding", "service_tier": "all", "billed_usd": missing}
        )
    return pl.DataFrame(numbered, schema=BY_NAME["recon.charge"].schema)


def settings_of(allocation: dict[str, Any], *, has_commitment: bool = False) -> Settings:
    rules = [{"team": team, "service": team} for team in TEAMS]
    contracts = [CONTRACT] if has_commitment else []
    return Settings.model_validate({"teams": rules, "allocation": allocation, "contracts": contracts})


def check(allocation: pl.DataFrame, charges: pl.DataFrame) -> None:
    """The contract of the table: lines, cents of teams, invoices, tokens."""
    place = ["provider", "account", "invoice_id"]
    for view in VIEWS:
        rows = allocation.filter(view=view)
        lines = rows.group_by(*place, "line_number").agg(pl.col("usd").sum())
        both = charges.join(lines, on=[*place, "line_number"], how="full", coalesce=True, nulls_equal=True)
        assert both.filter(pl.col("billed_usd").fill_null(0) != pl.col("usd").fill_null(0)).is_empty()
        for amount in rows.group_by(*place, "team").agg(pl.col("usd").sum())["usd"]:
            assert amount == round(amount, 2)
        counted = charges.filter(pl.col("token_kind").is_not_null())["quantity"].sum()
        assert rows["tokens"].sum() == int(counted)


@given(
    st.lists(line, min_size=1, max_size=6), st.lists(step, max_size=8), st.lists(call, max_size=5), methods,
    st.booleans(),
)  # fmt: skip
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_teams_add_up_to_every_line_and_bill(
    lines: list[dict[str, Any]],
    steps: list[dict[str, Any]],
    calls: list[dict[str, Any]],
    allocation: dict[str, Any],
    has_commitment: bool,
) -> None:
    charges = charges_of(lines)
    bridge = pl.DataFrame([{**CELL, **row} for row in steps], schema=BY_NAME["recon.bridge"].schema)
    schema = pl.Schema({**BY_NAME["core.call"].schema, "workload": pl.String()})
    called = pl.DataFrame([{**CALL, **row} for row in calls], schema=schema)
    rules = settings_of(allocation, has_commitment=has_commitment)
    found = allocate(charges, bridge, called, rules, Month(2026, 10))
    check(found, charges)
    BY_NAME["recon.allocation"].contract.validate(found)


@pytest.mark.parametrize("method", ["even", {"method": "fixed", "shares": dict.fromkeys(TEAMS[:4], 25)}])
@pytest.mark.parametrize("usd", ["0.01", "-0.01", "0.06", "-0.08", "0.00"])
@pytest.mark.parametrize("category", ["credit", "tax", "usage"])
def test_a_cent_over_seven_teams_goes_to_one(category: str, usd: str, method: Any) -> None:
    pool = {"credit": "credits", "tax": "tax", "usage": "uninstrumented"}[category]
    charges = charges_of([{"category": category, "billed_usd": Decimal(usd)}])
    bridge, call = (BY_NAME[name].schema for name in ("recon.bridge", "core.call"))
    called = pl.Schema({**call, "workload": pl.String()}).to_frame()
    found = allocate(charges, bridge.to_frame(), called, settings_of({pool: method}), Month(2026, 10))
    check(found, charges)
    parts = found.filter(view="initiating").group_by("team").agg(pl.col("usd").sum())["usd"]
    count = 7 if method == "even" else 4
    cents = [part for part in parts if part]
    assert sum(cents, Decimal(0)) == Decimal(usd)
    assert all(abs(part) <= abs(Decimal(usd)) / count + Decimal("0.01") for part in cents)


weights = st.lists(st.integers(0, 10**24), min_size=1, max_size=12)


@given(st.lists(st.tuples(st.integers(-(10**24), 10**24), weights), min_size=1, max_size=5))
def test_columns_are_split_like_one_total_at_a_time(groups: list[tuple[int, list[int]]]) -> None:
    frame = pl.DataFrame(
        [(number, total, weight) for number, (total, own) in enumerate(groups) for weight in own],
        schema={"group": pl.Int64, "total": UNITS, "weight": UNITS},
        orient="row",
    )
    parts = frame.with_columns(part=apportion(frame, "group", "total", "weight"))
    for number, (total, own) in enumerate(groups):
        mine = parts.filter(group=number)["part"].to_list()
        assert sum(mine) == total
        whole = sum(own)
        if whole > 10**12:  # weights are cut to what 128 bits can multiply
            exact = [abs(total) * weight // whole for weight in own]
            slack = 2 + abs(total) * len(own) * 10**12 // whole
            assert all(abs(abs(p) - e) <= slack for p, e in zip(mine, exact, strict=True))


small = st.lists(st.integers(0, 10**6), min_size=1, max_size=12)


@given(st.lists(st.tuples(st.integers(-(10**15), 10**15), small), min_size=1, max_size=5))
def test_small_weights_are_split_exactly(groups: list[tuple[int, list[int]]]) -> None:
    frame = pl.DataFrame(
        [(number, total, weight) for number, (total, own) in enumerate(groups) for weight in own],
        schema={"group": pl.Int64, "total": UNITS, "weight": UNITS},
        orient="row",
    )
    found = apportion(frame, "group", "total", "weight").to_list()
    assert found == [part for total, own in groups for part in split_integer(total, own)]


def test_a_group_beside_a_very_large_one_is_split_as_if_it_were_alone() -> None:
    large, small = (10**15, [10**30, 10**30]), (10, [5, 5])
    rows = [(n, total, w) for n, (total, weights) in enumerate([large, small]) for w in weights]
    frame = pl.DataFrame(rows, schema={"group": pl.Int64, "total": UNITS, "weight": UNITS}, orient="row")
    assert apportion(frame, "group", "total", "weight").to_list() == [10**15 // 2, 10**15 // 2, 5, 5]


def test_parts_that_are_no_whole_cents_together_are_a_bug() -> None:
    frame = pl.DataFrame({"bill": [1, 1], "units": [1, 2]}, schema={"bill": pl.Int64, "units": UNITS})
    with pytest.raises(BalanceError, match="1 bills are no whole cents"):
        to_cents(frame, "bill", "units")
