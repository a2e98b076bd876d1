"""From metered to billed, with the arithmetic written out."""

from collections.abc import Callable
from decimal import Decimal

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pipeline.tieout import tie_out
from schemas.core import Billed

Frame = Callable[..., pl.DataFrame]
BILLED = pl.Schema(Billed.empty().schema)
METERED = pl.Schema(
    {
        "provider": pl.String,
        "account": pl.String,
        "model": pl.String,
        "service_tier": pl.String,
        "token_kind": pl.String,
        "tokens": pl.Int64,
        "usd": pl.Decimal(38, 12),
        "usd_per_token": pl.Decimal(38, 12),
    }
)
ACCOUNT = {"provider": "openai", "account": "acme", "service_tier": "standard"}
DEFAULTS = {**ACCOUNT, "month": "2026-10", "service_tier": "all", "currency": "USD", "invoice_id": None}


def billed(table: Frame, text: str) -> pl.DataFrame:
    frame = table(text, BILLED, **DEFAULTS)
    return frame.with_columns(amount=pl.col("amount_usd").fill_null(1))


def components(tieout: pl.DataFrame) -> dict[str, str]:
    return {
        name: f"{usd:.2f}"
        for name, usd in tieout.select("component", "usd").rows()
        if usd or name == "billed"
    }


def metered(table: Frame) -> pl.DataFrame:
    return table(
        """
        model | token_kind     | tokens  | usd  | usd_per_token
        m     | input_uncached | 4000000 | 10   | 0.0000025
        m     | output         | 1000000 | 10   | 0.00001
        """,
        METERED,
        **ACCOUNT,
    )


def test_credits_fees_and_tax_stand_beside_the_price(table: Frame) -> None:
    lines = billed(
        table,
        """
        origin  | invoice_id | category | amount_usd
        cost    | null       | usage    | 9.00
        cost    | null       | usage    | 10.00
        cost    | null       | fee      | 2.50
        invoice | INV-1      | usage    | 19.00
        invoice | INV-1      | fee      | 2.50
        invoice | INV-1      | credit   | -5.00
        invoice | INV-1      | tax      | 1.49
        """,
    )
    tied = tie_out(metered(table), lines, "2026-10")
    # Metered at list: 20.00. Usage was billed at 19.00: a price effect of -1.00.
    assert components(tied.tieout) == {
        "metered_at_expected_rate": "20.00",
        "price": "-1.00",
        "fees": "2.50",
        "credits": "-5.00",
        "tax": "1.49",
        "billed": "17.99",
    }
    assert tied.findings.is_empty()


def test_lines_with_more_tokens_than_metered_are_a_quantity(table: Frame) -> None:
    lines = billed(
        table,
        """
        origin  | invoice_id | category | model | token_kind     | quantity | amount_usd
        invoice | INV-1      | usage    | m     | input_uncached | 4400000  | 11.00
        invoice | INV-1      | usage    | m     | output         | 1000000  | 12.00
        """,
    )
    # 400,000 input tokens more, at 2.50 a million: 1.00. Output at 12 in place of 10: a price effect of 2.00.
    assert components(tie_out(metered(table), lines, "2026-10").tieout) == {
        "metered_at_expected_rate": "20.00",
        "quantity": "1.00",
        "price": "2.00",
        "billed": "23.00",
    }


def test_cents_rounded_per_line_are_rounding(table: Frame) -> None:
    lines = billed(
        table,
        """
        origin  | invoice_id | category | amount_usd
        cost    | null       | usage    | 10.004
        cost    | null       | usage    | 10.003
        invoice | INV-1      | usage    | 10.00
        invoice | INV-1      | usage    | 10.00
        """,
    )
    # The cost export holds 20.007: 0.007 above list is price, in cents 0.01; rounding per line is -0.007.
    assert components(tie_out(metered(table), lines, "2026-10").tieout) == {
        "metered_at_expected_rate": "20.00",
        "price": "0.01",
        "rounding": "-0.01",
        "billed": "20.00",
    }


def test_a_gap_beyond_rounding_is_found_with_its_size(table: Frame) -> None:
    lines = billed(
        table,
        """
        origin  | invoice_id | category | amount_usd
        cost    | null       | usage    | 14.40
        invoice | INV-1      | usage    | 20.00
        """,
    )
    findings = tie_out(metered(table), lines, "2026-10").findings
    assert findings["code"].to_list() == ["cost_invoice_mismatch"]
    assert findings["usd"].to_list() == [Decimal("5.60")]
    assert "INV-1 bills 5.60 USD more" in findings["message"][0]


def test_without_an_invoice_the_cost_export_stands_for_it(table: Frame) -> None:
    lines = billed(table, "origin | category | amount_usd\ncost | usage | 20.00\ncost | fee | 1.00")
    tieout = tie_out(metered(table), lines, "2026-10").tieout
    assert tieout["invoice_id"].null_count() == tieout.height
    assert components(tieout) == {"metered_at_expected_rate": "20.00", "fees": "1.00", "billed": "21.00"}


def test_a_cost_export_in_whole_cents_is_off_by_half_a_cent_a_line(table: Frame) -> None:
    def tied(text: str) -> dict[str, str]:
        return components(tie_out(metered(table), billed(table, text), "2026-10").tieout)

    lines = "origin | category | amount_usd\ncost | usage | 9.99\ncost | usage | 10.00\n"
    # Metered at list: 20.00. Two lines: up to a cent of rounding.
    assert tied(lines) == {"metered_at_expected_rate": "20.00", "rounding": "-0.01", "billed": "19.99"}
    assert tied(lines.replace("9.99", "9.98"))["price"] == "-0.02"
    assert tied(lines.replace("9.99", "9.992"))["price"] == "-0.01"


def test_a_credit_note_takes_no_share_of_the_metered(table: Frame) -> None:
    lines = billed(
        table,
        """
        origin  | invoice_id | category | amount_usd
        invoice | INV-1      | usage    | 20.00
        invoice | INV-2      | credit   | -3.00
        """,
    )
    tieout = tie_out(metered(table), lines, "2026-10").tieout
    assert components(tieout.filter(pl.col("invoice_id") == "INV-2")) == {
        "credits": "-3.00",
        "billed": "-3.00",
    }


def test_an_invoice_with_a_total_only_takes_its_fees_from_the_cost_export(table: Frame) -> None:
    lines = billed(
        table,
        """
        origin  | invoice_id | category   | amount_usd
        cost    | null       | usage      | 20.00
        cost    | null       | fee        | 2.50
        invoice | INV-1      | adjustment | 22.50
        invoice | INV-1      | tax        | 1.00
        """,
    )
    assert components(tie_out(metered(table), lines, "2026-10").tieout) == {
        "metered_at_expected_rate": "20.00",
        "fees": "2.50",
        "tax": "1.00",
        "billed": "23.50",
    }


def test_a_credit_note_alone_leaves_the_bill_to_the_cost_export(table: Frame) -> None:
    lines = billed(
        table,
        """
        origin  | invoice_id | category | amount_usd
        cost    | null       | usage    | 20.00
        invoice | INV-2      | credit   | -3.00
        """,
    )
    tieout = tie_out(metered(table), lines, "2026-10").tieout
    assert components(tieout.filter(pl.col("invoice_id").is_null())) == {
        "metered_at_expected_rate": "20.00",
        "billed": "20.00",
    }
    assert components(tieout.filter(pl.col("invoice_id") == "INV-2")) == {
        "credits": "-3.00",
        "billed": "-3.00",
    }


def test_a_credit_note_beside_a_total_only_invoice_leaves_its_fees_in_sight(table: Frame) -> None:
    lines = billed(
        table,
        """
        origin  | invoice_id | category   | amount_usd
        cost    | null       | usage      | 20.00
        cost    | null       | fee        | 2.50
        invoice | INV-1      | adjustment | 22.50
        invoice | INV-2      | credit     | -3.00
        """,
    )
    tied = tie_out(metered(table), lines, "2026-10")
    assert components(tied.tieout.filter(pl.col("invoice_id") == "INV-1")) == {
        "metered_at_expected_rate": "20.00",
        "fees": "2.50",
        "billed": "22.50",
    }
    assert tied.findings.is_empty()


def test_invoices_that_state_totals_only_share_what_was_metered(table: Frame) -> None:
    lines = billed(
        table,
        """
        origin  | invoice_id | category   | amount_usd
        invoice | INV-1      | adjustment | 5.00
        invoice | INV-2      | adjustment | 15.00
        """,
    )
    tieout = tie_out(metered(table), lines, "2026-10").tieout
    assert components(tieout.filter(pl.col("invoice_id") == "INV-1")) == {
        "metered_at_expected_rate": "5.00",
        "billed": "5.00",
    }
    assert components(tieout.filter(pl.col("invoice_id") == "INV-2")) == {
        "metered_at_expected_rate": "15.00",
        "billed": "15.00",
    }


def test_credits_that_both_sides_list_are_no_gap(table: Frame) -> None:
    lines = billed(
        table,
        """
        origin  | invoice_id | category | amount_usd
        cost    | null       | usage    | 20.00
        cost    | null       | credit   | -5.00
        invoice | INV-1      | usage    | 20.00
        invoice | INV-1      | credit   | -5.00
        """,
    )
    tied = tie_out(metered(table), lines, "2026-10")
    assert components(tied.tieout) == {
        "metered_at_expected_rate": "20.00",
        "credits": "-5.00",
        "billed": "15.00",
    }
    assert tied.findings.is_empty()


def test_the_quantity_of_a_credit_is_no_quantity_that_was_used(table: Frame) -> None:
    lines = billed(
        table,
        """
        origin  | invoice_id | category | model | token_kind     | quantity | amount_usd
        invoice | INV-1      | usage    | m     | input_uncached | 4000000  | 10.00
        invoice | INV-1      | usage    | m     | output         | 1000000  | 10.00
        invoice | INV-2      | credit   | m     | output         | 200000   | -2.00
        """,
    )
    tieout = tie_out(metered(table), lines, "2026-10").tieout
    assert tieout.filter(pl.col("component") == "quantity")["usd"].sum() == 0
    assert tieout.filter(pl.col("component") == "credits")["usd"].sum() == Decimal(-2)


def test_usage_that_is_taken_back_is_part_of_the_invoice_that_takes_it_back(table: Frame) -> None:
    lines = billed(
        table,
        """
        origin  | invoice_id | category | amount_usd
        invoice | INV-1      | usage    | -4.00
        invoice | INV-2      | usage    | 20.00
        """,
    )
    tieout = tie_out(metered(table), lines, "2026-10").tieout
    assert components(tieout.filter(pl.col("invoice_id") == "INV-1")) == {"price": "-4.00", "billed": "-4.00"}
    assert components(tieout.filter(pl.col("invoice_id") == "INV-2")) == {
        "metered_at_expected_rate": "20.00",
        "billed": "20.00",
    }


def test_an_account_with_a_line_of_unknown_value_is_not_tied_out(table: Frame) -> None:
    lines = billed(
        table,
        """
        origin  | invoice_id | category | amount_usd
        cost    | null       | usage    | 20.00
        invoice | INV-1      | usage    | null
        invoice | INV-1      | fee      | 2.00
        """,
    )
    assert tie_out(metered(table), lines, "2026-10").tieout.is_empty()


def test_a_cost_export_of_unknown_value_does_not_hide_the_invoice(table: Frame) -> None:
    lines = billed(
        table,
        """
        origin  | invoice_id | category | amount_usd
        cost    | null       | usage    | null
        invoice | INV-1      | usage    | 20.00
        """,
    )
    tied = tie_out(metered(table), lines, "2026-10")
    assert components(tied.tieout) == {"metered_at_expected_rate": "20.00", "billed": "20.00"}
    assert tied.findings.is_empty()


cents = st.integers(min_value=-(10**7), max_value=10**7).map(lambda n: Decimal(n) / 1000)
category = st.sampled_from(["usage", "fee", "minimum", "credit", "discount", "tax", "rounding", "adjustment"])
line = st.tuples(st.sampled_from(["INV-1", "INV-2"]), category, cents)


@given(st.lists(line, min_size=1, max_size=12), st.lists(cents, max_size=5), cents)
def test_components_are_whole_cents_and_add_up_to_billed(
    lines: list[tuple[str, str, Decimal]], costs: list[Decimal], expected: Decimal
) -> None:
    rows = [
        *(
            {"origin": "invoice", "invoice_id": name, "category": what, "amount_usd": usd}
            for name, what, usd in lines
        ),
        *({"origin": "cost", "category": "usage", "amount_usd": usd} for usd in costs),
    ]
    frame = pl.DataFrame([{**DEFAULTS, "amount": Decimal(0), **row} for row in rows], schema=BILLED)
    cell = {
        **ACCOUNT,
        "model": "m",
        "token_kind": "output",
        "tokens": 5,
        "usd": expected,
        "usd_per_token": None,
    }
    tieout = tie_out(pl.DataFrame([cell], schema=METERED), frame, "2026-10").tieout
    assert (tieout["usd"] == tieout["usd"].round(2)).all()
    for (_,), group in tieout.group_by("invoice_id"):
        parts = dict(group.select("component", "usd").rows())
        total = parts.pop("billed")
        assert sum(parts.values()) == total
    is_billed = any(what not in {"tax", "credit", "discount", "rounding"} for _, what, _ in lines)
    wanted = [usd for _, _, usd in lines] + ([] if is_billed else costs)
    totals = tieout.filter(pl.col("component") == "billed")["usd"]
    assert abs(totals.sum() - sum(wanted, Decimal(0))) <= Decimal("0.005") * totals.len()
