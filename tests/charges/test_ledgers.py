"""Late invoices and prepaid credit, over three months, with the arithmetic written out."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from pipeline.bills import bill
from pipeline.charges.arrivals import Arrivals
from pipeline.charges.grant_findings import grant_findings
from pipeline.charges.ledgers import ledgers
from pipeline.period import Month
from pipeline.settings import Settings
from schemas.tables import BY_NAME
from tests.charges.bills import meter

Frame = Callable[..., pl.DataFrame]
RAW = BY_NAME["raw.invoice"].schema
NOTHING = {name: BY_NAME[name].schema.to_frame() for name in ("raw.file", "raw.cost", "recon.tieout")}
HEAD = {
    "file_id": "f", "line": 1, "source": "s", "provider": "anthropic", "account": "acme", "issuer": "Anthropic",
    "currency": "USD",
}  # fmt: skip


def invoices(table: Frame, text: str) -> pl.DataFrame:
    rows = table(text, RAW, **HEAD).with_columns(total=pl.col("amount").sum().over("invoice_id"))
    return rows.with_columns(position=pl.int_range(pl.len()).cast(pl.Int64)).select(RAW.names())


def closed(
    month: str, rows: pl.DataFrame, before: dict[str, pl.DataFrame], tieout: pl.DataFrame, tokens: int = 0
) -> dict[str, pl.DataFrame]:
    arrivals = Arrivals(rows, NOTHING["raw.file"], Settings(), Month.parse(month))
    metered = meter({"input_uncached": tokens}, days=1) if tokens else meter({"output": 1}).clear()
    return ledgers(before, metered, tieout, arrivals)


def standing(table: Frame, usd: str, invoice_id: str = "null") -> pl.DataFrame:
    """A tie-out in which the cost export, or an invoice, bills an amount."""
    text = f"invoice_id | component | usd\n{invoice_id} | billed | {usd}"
    return table(text, BY_NAME["recon.tieout"].schema, month="x", provider="anthropic", account="acme")


LATE = """
invoice_id | issued_on  | period_start_on | period_end_on | category | amount
INV-9      | 2026-11-20 | 2026-09-01      | 2026-10-01    | usage    | 31.50
INV-9      | 2026-11-20 | 2026-09-01      | 2026-10-01    | tax      | 2.60
"""


def test_usage_without_an_invoice_is_accrued_and_reversed_when_the_invoice_comes(table: Frame) -> None:
    none, late = RAW.to_frame(), invoices(table, LATE)
    september = closed("2026-09", none, {}, NOTHING["recon.tieout"], tokens=10_000_000)["recon.accrual"]
    assert september.select("entry", "for_month", "usd").rows() == [("accrual", "2026-09", Decimal(30))]

    before = {"recon.accrual": september}
    october = closed("2026-10", late, before, NOTHING["recon.tieout"])["recon.accrual"]
    assert october.is_empty()  # it is issued in November

    november = closed("2026-11", late, before, NOTHING["recon.tieout"])["recon.accrual"]
    assert november.select("entry", "for_month", "invoice_id", "usd").rows() == [
        ("reversal", "2026-09", None, Decimal(-30)),
        ("invoice", "2026-09", "INV-9", Decimal("34.10")),
    ]
    before = {"recon.accrual": pl.concat([september, november])}
    assert closed("2026-12", late, before, NOTHING["recon.tieout"])["recon.accrual"].is_empty()


def test_usage_that_an_invoice_bills_is_not_accrued_and_a_cost_export_is_no_invoice(table: Frame) -> None:
    none = RAW.to_frame()
    billed = closed("2026-10", none, {}, standing(table, "30.00", "INV-1"), tokens=10_000_000)
    assert billed["recon.accrual"].is_empty()
    awaited = closed("2026-10", none, {}, standing(table, "29.00"), tokens=10_000_000)
    assert awaited["recon.accrual"]["usd"].to_list() == [Decimal(30)]


def test_tokens_without_a_price_are_counted_beside_the_accrual() -> None:
    metered = meter({"input_uncached": 7}, days=1).with_columns(
        usd_per_token=pl.lit(None, pl.Decimal(38, 12))
    )
    arrivals = Arrivals(RAW.to_frame(), NOTHING["raw.file"], Settings(), Month.parse("2026-10"))
    rows = ledgers({}, metered, NOTHING["recon.tieout"], arrivals)["recon.accrual"]
    assert rows.select("usd", "unpriced_tokens").rows() == [(Decimal(0), 7)]


TOP_UPS = """
invoice_id | issued_on  | period_start_on | period_end_on | category   | grant_id | amount
TOP-1      | 2026-09-02 | 2026-09-01      | 2026-10-01    | prepayment | null     | 50.00
TOP-2      | 2026-10-05 | 2026-10-01      | 2026-11-01    | prepayment | promo    | 20.00
"""


def test_a_top_up_is_no_usage_and_what_is_used_is_drawn_from_the_oldest_grant(table: Frame) -> None:
    rows = invoices(table, TOP_UPS)
    september = closed("2026-09", rows, {}, standing(table, "40.00"))["recon.prepaid"]
    assert september.select("grant_id", "entry", "usd", "balance_usd").rows() == [
        ("TOP-1", "granted", Decimal(50), Decimal(50)),
        ("TOP-1", "drawn", Decimal(-40), Decimal(10)),
    ]
    october = closed("2026-10", rows, {"recon.prepaid": september}, standing(table, "35.00"))["recon.prepaid"]
    assert october.select("grant_id", "entry", "usd", "balance_usd").rows() == [
        ("promo", "granted", Decimal(20), Decimal(20)),
        ("TOP-1", "drawn", Decimal(-10), Decimal(0)),
        ("promo", "drawn", Decimal(-20), Decimal(0)),
        ("promo", "overdrawn", Decimal(-5), Decimal(-5)),
    ]
    found = bill(NOTHING["raw.cost"], rows, NOTHING["raw.file"], Settings(), Month.parse("2026-10"))
    assert found.billed.is_empty()
    assert found.findings["code"].to_list() == ["prepayment"]
    assert (
        "Invoice TOP-2 of anthropic account 'acme' buys credit of 20.00 USD" in found.findings["message"][0]
    )


def test_a_credit_that_names_its_grant_is_drawn_from_it_in_the_month_of_the_usage(table: Frame) -> None:
    rows = invoices(
        table,
        TOP_UPS.rstrip()
        + """
        INV-3      | 2026-11-02 | 2026-10-01      | 2026-11-01    | usage      | null     | 33.00
        INV-3      | 2026-11-02 | 2026-10-01      | 2026-11-01    | credit     | promo    | -12.00
        """.rstrip(),
    )
    october = closed("2026-10", rows, {}, standing(table, "21.00", "INV-3"))["recon.prepaid"]
    assert october.select("grant_id", "entry", "usd", "balance_usd").rows() == [
        ("promo", "granted", Decimal(20), Decimal(20)),
        ("promo", "drawn", Decimal(-12), Decimal(8)),
    ]


@pytest.mark.parametrize(("status", "invoice"), [("Voided", []), ("Issued", ["INV-9"]), ("null", ["INV-9"])])
def test_a_voided_invoice_charges_nothing_and_is_told(table: Frame, status: str, invoice: list[str]) -> None:
    rows = invoices(table, LATE).with_columns(issue_status=pl.lit(None if status == "null" else status))
    found = bill(NOTHING["raw.cost"], rows, NOTHING["raw.file"], Settings(), Month.parse("2026-09"))
    assert found.billed["invoice_id"].unique().to_list() == invoice
    told = found.findings.filter(code="invoice_voided")["message"].to_list()
    expected = "Invoice INV-9 of anthropic account 'acme' over 34.10 USD is voided: it charges nothing."
    assert told == ([] if invoice else [expected])


def test_the_rate_of_the_invoice_stands_beside_that_of_the_books(table: Frame) -> None:
    rows = invoices(table, LATE).with_columns(currency=pl.lit("EUR"), exchange_rate=Decimal("1.10"))
    months = (NOTHING["raw.file"], Settings(exchange_rates={"EUR": Decimal("1.08")}), Month.parse("2026-09"))
    both = bill(NOTHING["raw.cost"], rows.cast(dict(RAW)), *months).billed
    assert both.select("amount_usd", "stated_usd").rows() == [
        (Decimal("34.02"), Decimal("34.65")),
        (Decimal("2.808"), Decimal("2.86")),
    ]
    alone = bill(NOTHING["raw.cost"], rows.cast(dict(RAW)), months[0], Settings(), months[2]).billed
    assert alone["amount_usd"].to_list() == [Decimal("34.65"), Decimal("2.86")]


EXPIRING = """
invoice_id | issued_on  | period_start_on | period_end_on | category   | grant_id | expires_on | amount
TOP-1      | 2026-09-02 | 2026-09-01      | 2026-10-01    | prepayment | promo    | 2026-10-20 | 50.00
TOP-2      | 2026-10-05 | 2026-10-01      | 2026-11-01    | prepayment | bought   | 2027-10-04 | 20.00
"""


def test_what_is_left_on_the_last_day_expires_after_the_draws_and_is_told_a_month_before(
    table: Frame,
) -> None:
    rows = invoices(table, EXPIRING)
    september = closed("2026-09", rows, {}, standing(table, "10.00"))["recon.prepaid"]
    assert september.select("grant_id", "entry", "balance_usd").rows() == [
        ("promo", "granted", Decimal(50)),
        ("promo", "drawn", Decimal(40)),
    ]
    told = grant_findings(Month.parse("2026-09"), None, september)
    assert told.select("code", "severity", "usd").rows() == [("grant_expires", "warning", Decimal(40))]
    assert "are left at the end of the month, and expire on 2026-10-20" in told["message"].item()

    october = closed("2026-10", rows, {"recon.prepaid": september}, standing(table, "15.00"))["recon.prepaid"]
    last = date(2026, 10, 20)
    assert october.select("grant_id", "entry", "usd", "balance_usd", "expires_on").rows() == [
        ("bought", "granted", Decimal(20), Decimal(20), date(2027, 10, 4)),
        ("promo", "drawn", Decimal(-15), Decimal(25), last),
        ("promo", "expired", Decimal(-25), Decimal(0), last),
    ]
    told = grant_findings(Month.parse("2026-10"), september, october)
    assert told.select("code", "usd").rows() == [("grant_expired", Decimal(25))]

    before = pl.concat([september, october])
    november = closed("2026-11", rows, {"recon.prepaid": before}, standing(table, "30.00"))["recon.prepaid"]
    assert november.select("grant_id", "entry", "usd").rows() == [
        ("bought", "drawn", Decimal(-20)),
        ("bought", "overdrawn", Decimal(-10)),
    ]
    assert grant_findings(Month.parse("2026-11"), before, november).is_empty()


@pytest.mark.parametrize(("last_day", "draws"), [("2026-08-31", False), ("2026-09-01", True)])
def test_a_grant_whose_last_day_was_before_the_month_pays_for_nothing(
    table: Frame, last_day: str, draws: bool
) -> None:
    rows = invoices(table, EXPIRING.replace("2026-10-20", last_day))
    september = closed("2026-09", rows, {}, standing(table, "10.00"))["recon.prepaid"]
    entries = dict(september["entry", "usd"].rows())
    assert entries.pop("granted") == Decimal(50)
    assert entries == (
        {"drawn": Decimal(-10), "expired": Decimal(-40)}
        if draws
        else {"expired": Decimal(-50), "overdrawn": Decimal(-10)}
    )
    assert sum(september["usd"]) == (Decimal(0) if draws else Decimal(-10))


def test_a_grant_without_a_last_day_does_not_expire(table: Frame) -> None:
    rows = invoices(table, TOP_UPS)
    september = closed("2026-09", rows, {}, NOTHING["recon.tieout"])["recon.prepaid"]
    later = closed("2036-09", rows, {"recon.prepaid": september}, NOTHING["recon.tieout"])["recon.prepaid"]
    assert september["expires_on"].to_list() == [None]
    assert later.is_empty()
    assert grant_findings(Month.parse("2036-09"), september, later).is_empty()
