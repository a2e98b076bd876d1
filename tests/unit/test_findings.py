"""What a reader is told: few rows, each with its size and what to do."""

from collections.abc import Callable
from decimal import Decimal

import polars as pl
import pytest

from pipeline import findings as find
from pipeline.settings import Materiality
from schemas.tables import BY_NAME

Frame = Callable[..., pl.DataFrame]
MONTH = "2026-10"
BRIDGE = BY_NAME["recon.bridge"].schema
CELL = {
    "provider": "openai",
    "account": "acme",
    "scope": "acme",
    "model": "m",
    "service_tier": "standard",
    "token_kind": "output",
    "step": "traced",
}


def many(count: int, code: str = "no_bill") -> list[pl.DataFrame]:
    return [
        find.finding(
            MONTH,
            code,
            "warning",
            f"Account {n} is metered.",
            "Add a source.",
            provider="openai",
            account=f"a{n:02}",
            tokens=n,
        )
        for n in range(1, count + 1)
    ]


def test_forty_findings_of_a_kind_are_the_largest_three_and_one_for_the_rest() -> None:
    rows = find.fold(find.assemble(many(40)))
    # The 37 others are accounts 1 to 37: 37 * 38 / 2 = 703 tokens.
    assert rows.select("account", "tokens").sort("tokens").rows() == [
        ("a38", 38), ("a39", 39), ("a40", 40), ("", 703),
    ]  # fmt: skip
    assert rows.filter(pl.col("account") == "")["message"].to_list() == [
        "37 more like the 3 largest 'no_bill' of openai (accounts a01, a02, a03 and 34 more), "
        "together 703 tokens."
    ]


@pytest.mark.parametrize("count", [1, 3, 4])
def test_few_findings_stand_as_they_are(count: int) -> None:
    rows = find.assemble(many(count))
    assert find.fold(rows).equals(rows)


def test_kinds_are_not_folded_into_each_other() -> None:
    rows = find.assemble([*many(3), *many(3, "unpriced")])
    assert find.fold(rows).equals(rows)


def test_no_size_is_invented_for_what_has_none() -> None:
    rows = find.fold(find.assemble(many(9)).with_columns(tokens=pl.lit(None, pl.Int64)))
    assert rows["tokens"].null_count() == rows.height
    assert rows["usd"].null_count() == rows.height


def unexplained(table: Frame, usd: str) -> pl.DataFrame:
    return table(f"step | tokens | usd\nunexplained | 5 | {usd}", BRIDGE, **CELL)


@pytest.mark.parametrize(
    ("usd", "billed", "expected"), [("50", "1000", 1), ("50", "-1000", 1), ("9", "1000", 0)]
)
def test_materiality_is_a_share_of_the_size_of_the_bill(
    table: Frame, usd: str, billed: str, expected: int
) -> None:
    bounds = Materiality(usd=Decimal(10), percent=Decimal(3))
    rows = find.material_unexplained(MONTH, unexplained(table, usd), Decimal(billed), bounds)
    assert rows.height == expected


def test_dollars_that_nothing_was_billed_for_are_material(table: Frame) -> None:
    bridge = table("step | tokens | usd\ntraced | 5 | -50\nunexplained | 5 | 50", BRIDGE, **CELL)
    assert find.material_unexplained(MONTH, bridge, None, Materiality(usd=Decimal(10))).height == 1


def charges(table: Frame, text: str) -> pl.DataFrame:
    return table(text, BY_NAME["core.billed"].schema, provider="openai", account="acme", origin="invoice")


def test_a_credit_note_is_no_bill(table: Frame) -> None:
    bridge = table("tokens\n70", BRIDGE, **CELL)
    tieout = BY_NAME["recon.tieout"].schema.to_frame()
    note = charges(table, "category | amount_usd\ncredit | -3")
    rows = find.bills_awaited(MONTH, tieout, note, bridge)
    assert rows.select("code", "tokens").rows() == [("no_bill", 70)]


def test_an_invoice_without_an_exchange_rate_is_a_bill(table: Frame) -> None:
    bridge = table("tokens\n70", BRIDGE, **CELL)
    tieout = BY_NAME["recon.tieout"].schema.to_frame()
    line = charges(table, "category | amount_usd | currency\nusage | null | EUR")
    assert find.bills_awaited(MONTH, tieout, line, bridge).is_empty()


def test_rows_that_name_no_model_ask_for_no_alias(table: Frame) -> None:
    bridge = table(
        "model | step | tokens\nall | uninstrumented | 70\nm | traced | 5\nm | not_billed | -5",
        BRIDGE,
        **CELL,
    )
    assert find.one_sided_models(MONTH, bridge).is_empty()


def test_unexplained_tokens_without_a_price_are_found_though_nothing_is_metered(table: Frame) -> None:
    text = """
    model | step        | tokens | usd
    x     | traced      | 100    | null
    x     | unexplained | -100   | null
    own   | traced      | 100    | null
    own   | not_billed  | -100   | null
    m     | traced      | 100    | 1
    """
    rows = find.unpriced(MONTH, table(text, BRIDGE, **CELL))
    assert rows["message"].to_list() == [
        "0 metered tokens of model 'x' in openai account 'acme' have no known price; "
        "100 tokens of it are unexplained, in no dollars."
    ]
