"""Itemised bills: a meter where there is none, taken whole, corrected by billing period, in several files."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from pipeline.bills import bill
from pipeline.meters import meter
from pipeline.period import Month
from pipeline.settings import Settings
from schemas.tables import BY_NAME

OCTOBER = Month(2026, 10)
ITEMISED = "cur+line_item+project_id"
HEAD = "bucket_start_at | bucket_end_at | model | token_kind | quantity | quantity_unit | amount"
FOUR = "2026-10-03T04:00 | 2026-10-03T05:00"
FIVE = "2026-10-03T05:00 | 2026-10-03T06:00"
MONTH = "2026-10-01T00:00 | 2026-11-01T00:00"


def period(month: str, **more: str) -> str:
    pairs = {"billing_period": month, **more}
    return "{" + ",".join(f'"{name}":"{value}"' for name, value in pairs.items()) + "}"


@pytest.fixture
def lines(cost):
    """Rows of an itemised bill of Bedrock."""

    def build(text: str, **constant):
        defaults = {"provider": "aws.bedrock", "grouping": ITEMISED, "dimensions": period("2026-10")}
        return cost(text, **{**defaults, **constant})

    return build


@pytest.fixture
def metered(usage, requests, invoices, files):
    def build(**raw):
        empty = {"usage": usage(), "requests": requests(), "invoices": invoices(), "files": files()}
        found = meter(**{**empty, **raw}, settings=Settings(), month=OCTOBER)
        for name, frame in zip(("metered", "coverage"), found[:2], strict=True):
            BY_NAME[f"core.{name}"].contract.validate(frame)
        return found

    return build


@pytest.fixture
def billed(invoices, files):
    def build(rows, known=None):
        return bill(rows, invoices(), files() if known is None else known, Settings(), OCTOBER)

    return build


def test_quantities_of_a_bill_meter_an_account_that_has_no_meter(metered, lines) -> None:
    rows = lines(f"""
        {HEAD}
        {FOUR} | m | input_uncached | 2.5 | 1K tokens | 1
        {FIVE} | m | input_uncached | 700 | tokens    | 1
        {FIVE} | m | output         | 0.1 | 1M tokens | 1
        2026-10-05T00:00 | 2026-10-05T01:00 | m | output | 3 | 1K tokens | 1
        {FOUR} | m | output         | 9   | Units     | 1
    """)

    found = metered(cost=rows)

    columns = [
        "meter",
        "endpoint",
        "bucket_start_at",
        "bucket_end_at",
        "input_uncached_tokens",
        "output_tokens",
    ]
    day = [datetime(2026, 10, n, tzinfo=UTC) for n in range(7)[1:]]
    assert found.metered.select(columns).rows() == [
        ("cost", "all", day[2], day[3], 3200, 100_000),
        ("cost", "all", day[4], day[5], None, 3000),
    ]
    assert found.coverage["bucket_start_at"].to_list() == day[2:5]
    assert set(found.coverage["meter"]) == {"cost"}


@pytest.mark.parametrize("own", ["usage", "requests"])
def test_a_meter_of_its_own_goes_before_the_bill(metered, lines, usage, requests, own) -> None:
    rows = lines(f"{HEAD}\n{FOUR} | m | output | 3 | 1K tokens | 1")
    meters = {
        "usage": usage("bucket_start_at | bucket_end_at | output_tokens\n"
                       "2026-10-01T00:00 | 2026-10-02T00:00 | 5", provider="aws.bedrock"),
        "requests": requests("started_at | model | output_tokens\n2026-10-01T00:00 | m | 5", provider="aws.bedrock"),
    }  # fmt: skip

    found = metered(cost=rows, **{own: meters[own]})

    assert found.metered.select("meter", "output_tokens").rows() == [(own, 5)]


def test_the_bill_goes_before_the_invoice(metered, lines, invoices) -> None:
    rows = lines(f"{HEAD}\n{FOUR} | m | output | 3 | 1K tokens | 1")
    manifest = invoices("model | token_kind | quantity | quantity_unit | amount | total\n"
                        "m | output | 4 | 1K tokens | 1 | 1", provider="aws.bedrock")  # fmt: skip

    assert metered(cost=rows, invoices=manifest).metered["output_tokens"].to_list() == [3000]


def test_lines_for_a_month_meter_the_month(metered, lines) -> None:
    found = metered(cost=lines(f"{HEAD}\n{MONTH} | m | output | 3 | 1K tokens | 1"))

    assert found.metered["bucket_end_at"].to_list() == [datetime(2026, 11, 1, tzinfo=UTC)]
    assert found.coverage.height == 1


def test_credits_tax_and_what_is_for_no_model_count_no_tokens(metered, lines) -> None:
    rows = lines(f"""
        {HEAD} | cost_type
        {FOUR} | m    | null   | 3    | 1K tokens | -1 | credit
        {FOUR} | null | null   | null | null      | 1  | tax
        {FOUR} | null | null   | null | null      | 1  | other
        {FOUR} | null | output | 5    | 1K tokens | 1  | other
    """)

    assert metered(cost=rows).metered.is_empty()


def test_hours_days_and_months_of_a_bill_stand_side_by_side(billed, lines) -> None:
    rows = lines(f"""
        {HEAD} | cost_type
        {FOUR} | m | output | 3 | 1K tokens | 1.5 | tokens
        {FIVE} | m | output | 3 | 1K tokens | 1.6 | tokens
        2026-10-03T00:00 | 2026-10-04T00:00 | null | null | null | null | 0.25 | fee
        {MONTH} | null | null | null | null | 0.4  | tax
        {MONTH} | null | null | null | null | -0.1 | credit
        {MONTH} | null | null | null | null | 2    | adjustment
        {FOUR}  | null | null | null | null | 99   | other
    """)

    found = billed(rows)

    assert sorted(found.billed.select("category", "amount_usd").rows()) == [
        ("adjustment", Decimal(2)), ("credit", Decimal("-0.1")), ("fee", Decimal("0.25")),
        ("tax", Decimal("0.4")), ("usage", Decimal("1.5")), ("usage", Decimal("1.6")),
    ]  # fmt: skip
    assert found.unmapped.is_empty()


def test_what_is_for_no_model_is_told_with_its_size(billed, lines) -> None:
    rows = lines(f"""
        bucket_start_at | bucket_end_at | line_item | amount | cost_type
        {FOUR} | EC2 | 1    | other
        {FIVE} | S3  | 2.25 | other
        {FIVE} | EC2 | 1.5  | other
        2026-11-03T04:00 | 2026-11-03T05:00 | EC2 | 7 | other
    """)

    (row,) = [row for row in billed(rows).findings.to_dicts() if row["code"] == "not_llm_cost"]

    assert row["severity"] == "note"
    assert "3 rows over 4.75 USD" in row["message"]
    assert "(EC2, S3)" in row["message"]


def test_an_hour_without_charges_is_no_gap_and_a_day_before_the_bill_is_one(billed, lines) -> None:
    rows = lines(f"""
        {HEAD}
        {FOUR} | m | output | 3 | 1K tokens | 1
        2026-10-31T22:00 | 2026-10-31T23:00 | m | output | 3 | 1K tokens | 1
    """)

    (row,) = [row for row in billed(rows).findings.to_dicts() if row["code"] == "incomplete_cost_export"]

    assert "lacks 2 of 31 days" in row["message"]
    assert "2026-10-01 to 2026-10-02" in row["message"]


def test_a_later_delivery_replaces_and_the_parts_of_one_add_up(billed, lines, files) -> None:
    text = f"{HEAD}\n{FOUR} | m | output | 3 | 1K tokens | {{}}"
    rows = lines(text.format("1"), file_id="a1").vstack(lines(text.format("2"), file_id="a2"))
    rows = rows.vstack(lines(text.format("10"), file_id="b1")).vstack(lines(text.format("20"), file_id="b2"))
    known = files("""
        file_id | uri                                     | pulled_at        | pulled_at_basis
        a1      | cur/2026-11-01/bedrock-00001.csv.gz     | 2026-11-01T00:00 | name
        a2      | cur/2026-11-01/bedrock-00002.csv.gz     | 2026-11-01T00:00 | name
        b1      | cur/2026-11-05/bedrock-00001.snappy.parquet | 2026-11-05T00:00 | name
        b2      | cur/2026-11-05/bedrock-00002.snappy.parquet | 2026-11-05T00:00 | name
    """)

    assert sorted(billed(rows, known).billed["amount_usd"]) == [Decimal(10), Decimal(20)]


def test_a_correction_in_the_next_bill_adds_to_the_month_that_it_corrects(billed, lines, files) -> None:
    text = f"{HEAD}\n{FOUR} | m | output | {{}} | 1K tokens | {{}}"
    rows = lines(text.format(3, 3), file_id="oct").vstack(
        lines(text.format(-1, -1), file_id="nov", dimensions=period("2026-11", charge_class="Correction"))
    )
    known = files("""
        file_id | uri     | pulled_at        | pulled_at_basis
        oct     | oct.csv | 2026-11-01T00:00 | name
        nov     | nov.csv | 2026-12-01T00:00 | name
    """)

    assert sorted(billed(rows, known).billed["amount_usd"]) == [Decimal(-1), Decimal(3)]


def test_two_kinds_of_bill_of_one_account_are_never_added(billed, lines, files) -> None:
    text = f"{HEAD}\n{FOUR} | m | output | 3 | 1K tokens | 3"
    rows = lines(text, file_id="cur").vstack(
        lines(text, file_id="focus", grouping="focus+line_item+project_id")
    )
    known = files("file_id | uri\ncur | cur.csv\nfocus | focus.csv")

    found = billed(rows, known)

    assert found.billed.select("amount_usd", "billed_on").rows() == [(Decimal(3), date(2026, 10, 3))]
