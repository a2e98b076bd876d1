"""Bills given to teams, with the arithmetic written out."""

from collections.abc import Callable
from decimal import Decimal

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pipeline.allocation import teams
from schemas.tables import BY_NAME

Frame = Callable[..., pl.DataFrame]
BRIDGE = BY_NAME["recon.bridge"].schema
CELL = {
    "provider": "openai",
    "account": "acme",
    "scope": "acme",
    "model": "m",
    "service_tier": "standard",
    "token_kind": "output",
    "step": "traced",
    "service": "s",
    "feature": "",
    "basis": "exact",
    "evidence_count": 1,
    "month": "2026-10",
}


def bridge_of(table: Frame, text: str) -> pl.DataFrame:
    return table(text, BRIDGE, **CELL)


def bill_of(table: Frame, usd: str, account: str = "acme") -> pl.DataFrame:
    text = f"component | usd\nbilled | {usd}"
    place = {"month": "2026-10", "provider": "openai", "account": account, "invoice_id": "INV-1"}
    return table(text, BY_NAME["recon.tieout"].schema, **place)


def calls_of(table: Frame, text: str = "") -> pl.DataFrame:
    schema = BY_NAME["core.call"].schema
    return table(text, schema, provider="openai", account="acme") if text else schema.to_frame()


def billed(bridge: pl.DataFrame, tieout: pl.DataFrame, calls: pl.DataFrame) -> dict[str, Decimal]:
    found = teams(bridge, tieout, calls, "2026-10")
    return dict(found.select("team", "billed_usd").rows())


def test_teams_share_a_bill_by_dollars_to_the_cent(table: Frame) -> None:
    bridge = bridge_of(table, "team | tokens | usd\nblue | 10 | 1\ngreen | 10 | 1\nred | 10 | 1")
    # A third of 10.00 each; the cent that is left goes to the first.
    assert billed(bridge, bill_of(table, "10.00"), calls_of(table)) == {
        "blue": Decimal("3.34"),
        "green": Decimal("3.33"),
        "red": Decimal("3.33"),
    }


def test_tokens_without_a_price_are_not_free(table: Frame) -> None:
    bridge = bridge_of(
        table, "team | model | tokens | usd\nblue | m | 600 | 6\nblue | n | 300 | null\nred | n | 300 | null"
    )
    # Priced tokens cost 0.01 on average, so 900 tokens of blue weigh 9 and 300 of red 3: three to one.
    assert billed(bridge, bill_of(table, "10.00"), calls_of(table)) == {
        "blue": Decimal("7.50"),
        "red": Decimal("2.50"),
    }


def test_where_nothing_has_a_price_all_tokens_are_alike(table: Frame) -> None:
    bridge = bridge_of(table, "team | tokens | usd\nblue | 100 | null\nred | 300 | null")
    assert billed(bridge, bill_of(table, "4.00"), calls_of(table)) == {
        "blue": Decimal("1.00"),
        "red": Decimal("3.00"),
    }


def test_a_team_whose_net_is_negative_takes_nothing_from_others(table: Frame) -> None:
    bridge = bridge_of(table, "team | tokens | usd\nblue | -100 | -1\nred | 300 | 3")
    assert billed(bridge, bill_of(table, "-4.00"), calls_of(table)) == {
        "blue": Decimal("0.00"),
        "red": Decimal("-4.00"),
    }


def test_the_bill_of_an_account_without_a_meter_goes_by_what_was_traced(table: Frame) -> None:
    calls = calls_of(
        table,
        """
        call_id | team | output_tokens | not_billed_reason
        1       | blue | 100           | null
        2       | red  | 300           | null
        3       | red  | 900           | gateway cache
        """,
    )
    assert billed(BRIDGE.to_frame(), bill_of(table, "4.00"), calls) == {
        "blue": Decimal("1.00"),
        "red": Decimal("3.00"),
    }


def test_a_bill_without_meter_and_calls_goes_to_a_pool(table: Frame) -> None:
    found = teams(BRIDGE.to_frame(), bill_of(table, "4.00"), calls_of(table), "2026-10")
    assert found.select("team", "is_pool", "billed_usd").rows() == [("uninstrumented", True, Decimal("4.00"))]


tokens = st.integers(-(10**12), 10**12)
share = st.tuples(st.sampled_from("abc"), tokens, st.booleans())
cents = st.integers(-(10**9), 10**9).map(lambda number: Decimal(number) / 100)


@given(st.lists(share, max_size=8), cents)
def test_the_parts_are_whole_cents_and_add_up(shares: list[tuple[str, int, bool]], total: Decimal) -> None:
    rows = [
        {**CELL, "team": team, "tokens": count, "usd": Decimal(count) / 10**6 if priced else None}
        for team, count, priced in shares
    ]
    tieout = pl.DataFrame(
        [{"provider": "openai", "account": "acme", "component": "billed", "usd": total}],
        schema=BY_NAME["recon.tieout"].schema,
    )
    calls = BY_NAME["core.call"].schema.to_frame()
    parts = teams(pl.DataFrame(rows, schema=BRIDGE), tieout, calls, "2026-10")["billed_usd"]
    assert parts.sum() == total
    assert all(part == part.quantize(Decimal("0.01")) for part in parts)
