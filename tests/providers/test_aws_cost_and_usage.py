"""Cost and usage reports of AWS: charges for Bedrock, in both generations and both kinds of file."""

import csv
import gzip
import io
import json
from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.providers.aws_bedrock.cost_and_usage import FORMAT, parse

NAMES = {
    "bill_billing_period_start_date": "bill/BillingPeriodStartDate",
    "bill_invoice_id": "bill/InvoiceId",
    "line_item_line_item_type": "lineItem/LineItemType",
    "line_item_product_code": "lineItem/ProductCode",
    "line_item_usage_type": "lineItem/UsageType",
    "line_item_usage_start_date": "lineItem/UsageStartDate",
    "line_item_usage_end_date": "lineItem/UsageEndDate",
    "line_item_usage_amount": "lineItem/UsageAmount",
    "line_item_unblended_cost": "lineItem/UnblendedCost",
    "line_item_currency_code": "lineItem/CurrencyCode",
    "line_item_usage_account_id": "lineItem/UsageAccountId",
    "pricing_unit": "pricing/unit",
    "line_item_resource_id": "lineItem/ResourceId",
}
"""Column of 2.0 -> of the legacy report; the last is one that nobody reads."""

BASE = {
    "bill_billing_period_start_date": "2026-10-01T00:00:00Z",
    "line_item_line_item_type": "Usage",
    "line_item_product_code": "AmazonBedrock",
    "line_item_usage_start_date": "2026-10-03T04:00:00Z",
    "line_item_usage_end_date": "2026-10-03T05:00:00Z",
    "line_item_currency_code": "USD",
    "line_item_usage_account_id": "111122223333",
    "pricing_unit": "1K tokens",
    "line_item_resource_id": "arn:aws:iam::111122223333:user/jane@example.org",
}
LINES = [
    {**BASE, "line_item_usage_type": "USE1-Claude4.6Sonnet-input-tokens", "line_item_usage_amount": "302.527",
     "line_item_unblended_cost": "0.9983391"},
    {**BASE, "line_item_usage_type": "USE1-anthropic.claude-opus-4-8-mantle-cache-write-tokens-global-standard",
     "line_item_usage_amount": "0.000001", "line_item_unblended_cost": "6.25E-9"},
    {**BASE, "line_item_usage_type": "USE1-NovaPro-output-tokens-batch", "line_item_usage_amount": "-2",
     "line_item_unblended_cost": "-0.0032"},
    {**BASE, "line_item_usage_type": "USE1-Guardrail-ContentPolicyUnitsConsumed", "pricing_unit": "TextUnits",
     "line_item_usage_amount": "10", "line_item_unblended_cost": "0.0015"},
    {**BASE, "line_item_usage_type": "USE1-Claude4.6Sonnet-input-tokens", "line_item_line_item_type": "Credit",
     "line_item_usage_amount": "302.527", "line_item_unblended_cost": "-0.5"},
    {**BASE, "line_item_line_item_type": "Tax", "line_item_usage_end_date": "2026-10-31T23:59:59Z",
     "line_item_unblended_cost": "0.07", "bill_invoice_id": "77"},
    {**BASE, "line_item_product_code": "AmazonEC2", "line_item_usage_type": "USE1-BoxUsage:t3.micro",
     "line_item_usage_amount": "1", "line_item_unblended_cost": "0.0104", "pricing_unit": "Hrs"},
]  # fmt: skip
"""A report by hand: two spellings, a batch that is taken back, a fee, a credit, a tax and a machine."""


def as_csv(lines: list[dict[str, str]], legacy: bool = False, names: dict[str, str] = NAMES) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([old if legacy else name for name, old in names.items()])
    writer.writerows([line.get(name, "") for name in names] for line in lines)
    return text.getvalue().encode()


def as_parquet(lines: list[dict[str, str]]) -> bytes:
    """As Data Exports writes it: doubles, timestamps, and the product as a map."""
    names = [name for name in NAMES if not name.endswith(("_date", "_amount", "_cost"))]
    columns: dict[str, pa.Array] = {name: pa.array([line.get(name) for line in lines]) for name in names}
    for name in ("line_item_usage_amount", "line_item_unblended_cost"):
        columns[name] = pa.array([float(line[name]) if name in line else None for line in lines])
    for name in (n for n in NAMES if n.endswith("_date")):
        instants = [datetime.fromisoformat(line[name]) for line in lines]
        columns[name] = pa.array(instants, pa.timestamp("ns"))
    columns["product"] = pa.array([[("product_name", line.get("product", "Amazon Bedrock"))] for line in lines],
                                  pa.map_(pa.string(), pa.string()))  # fmt: skip
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


COLUMNS = ["model", "token_kind", "service_tier", "cost_type", "quantity", "quantity_unit", "amount"]
EXPECTED = [
    ("anthropic.claude-sonnet-4-6", "input_uncached", "standard", "tokens", Decimal("302.527"), "1K tokens",
     Decimal("0.9983391")),
    ("global.anthropic.claude-opus-4-8", "cache_write_other", "standard", "tokens", Decimal("0.000001"),
     "1K tokens", Decimal("0.00000000625")),
    ("amazon.nova-pro-v1:0", "output", "batch", "tokens", Decimal(-2), "1K tokens", Decimal("-0.0032")),
    (None, None, None, "fee", Decimal(10), "TextUnits", Decimal("0.0015")),
    ("anthropic.claude-sonnet-4-6", None, "standard", "credit", Decimal("302.527"), "1K tokens", Decimal("-0.5")),
    (None, None, None, "tax", None, "1K tokens", Decimal("0.07")),
    (None, None, None, "other", None, None, Decimal("0.0104")),
]  # fmt: skip


@pytest.mark.parametrize("content", [as_csv(LINES), as_csv(LINES, legacy=True), as_parquet(LINES)],
                         ids=["2.0", "legacy", "parquet"])  # fmt: skip
def test_a_line_becomes_a_charge_in_every_generation(content: bytes) -> None:
    found = parse(content)

    assert found.rejects == []
    assert found.rows.select(COLUMNS).rows() == EXPECTED
    assert set(found.rows["project_id"]) == {"111122223333"}
    assert found.rows["bucket_start_at"][0] == datetime(2026, 10, 3, 4, tzinfo=UTC)
    assert found.rows["bucket_end_at"][0] == datetime(2026, 10, 3, 5, tzinfo=UTC)
    assert found.rows["grouping"].unique().to_list() == ["cur+line_item+project_id"]
    assert json.loads(found.rows["dimensions"][5])["invoice_id"] == "77"
    assert "jane" not in str(found.rows.to_dicts())


def test_the_marketplace_sells_units_of_a_million_and_names_the_model_as_a_product() -> None:
    line = {**BASE, "line_item_product_code": "8xpj0q", "pricing_unit": "Units", "line_item_usage_amount": "1.5",
            "line_item_usage_type": "USW2-MP:USW2_output_tokens_global_standard-Units",
            "line_item_unblended_cost": "30"}  # fmt: skip
    names = {**NAMES, "product_product_name": "product/ProductName"}
    line["product_product_name"] = "Claude Opus 5.5 (Amazon Bedrock Edition)"

    row = parse(as_csv([line], legacy=True, names=names)).rows.row(0, named=True)

    assert (row["model"], row["token_kind"]) == ("global.anthropic.claude-opus-5-5", "output")
    assert (row["quantity"], row["quantity_unit"]) == (Decimal("1.5"), "1M tokens")
    assert json.loads(row["dimensions"])["unit"] == "Units"


def test_what_other_products_charge_is_kept_with_its_name_and_nothing_else() -> None:
    row = parse(as_parquet([{**LINES[6], "product": "Amazon Elastic Compute Cloud"}])).rows.row(0, named=True)

    assert (row["cost_type"], row["line_item"]) == ("other", "Amazon Elastic Compute Cloud")
    assert json.loads(row["dimensions"]).keys() == {"billing_period", "product"}


def test_two_lines_that_agree_in_all_but_money_are_two_charges() -> None:
    dimensions = [json.loads(text) for text in parse(as_csv([LINES[0], LINES[0]])).rows["dimensions"]]

    assert [row.get("copy") for row in dimensions] == [None, 2]


@pytest.mark.parametrize(
    ("name", "value", "code", "words"),
    [
        ("line_item_unblended_cost", "", "missing_field", "line_item_unblended_cost is missing"),
        ("line_item_unblended_cost", "1,5", "bad_amount", "'1,5', not an amount"),
        ("line_item_usage_amount", "many", "bad_amount", "'many', not an amount"),
        ("line_item_usage_start_date", "yesterday", "bad_time", "'yesterday'"),
        ("line_item_usage_end_date", "2026-10-02T00:00:00Z", "bad_time", "before line_item_usage_start_date"),
        ("line_item_currency_code", "XX", "unknown_currency", "'XX'"),
        ("line_item_line_item_type", "", "missing_field", "line_item_line_item_type is missing"),
    ],
)
def test_a_bad_line_is_refused_alone(name: str, value: str, code: str, words: str) -> None:
    found = parse(as_csv([LINES[0], {**LINES[0], name: value}, LINES[3]]))

    assert found.rows["line"].to_list() == [2, 4]
    (reject,) = found.rejects
    assert (reject.line, reject.code) == (3, code)
    assert words in reject.reason
    assert reject.advice


def test_a_missing_column_is_named() -> None:
    names = {name: old for name, old in NAMES.items() if name != "line_item_unblended_cost"}

    found = parse(as_csv(LINES, names=names))

    assert found.read == 1
    assert found.rejects[0].code == "missing_column"
    assert "line_item_unblended_cost" in found.rejects[0].reason


def test_below_a_second_header_nothing_is_read() -> None:
    content = as_csv(LINES)

    found = parse(content + content)

    assert found.rows.height == len(LINES)
    assert {reject.code for reject in found.rejects} == {"second_header"}
    assert len(found.rejects) == len(LINES) + 1


@pytest.mark.parametrize("content", [as_csv(LINES), as_parquet(LINES)], ids=["csv", "parquet"])
def test_a_report_that_is_cut_anywhere_is_counted_never_raised(content: bytes) -> None:
    for size in range(0, len(content), 37):
        found = parse(content[:size])
        assert found.read == found.rows.height + len(found.rejects)
        whole = found.rows.filter(pl.col("cost_type") == "tokens")["amount"].to_list()
        assert whole[:-1] == [Decimal("0.9983391"), Decimal("0.00000000625")][: max(len(whole) - 1, 0)]


def test_an_empty_report_has_no_rows() -> None:
    found = parse(as_csv([]))

    assert (found.read, found.rows.height, found.rejects) == (0, 0, [])


def test_a_compressed_report_is_the_same_report() -> None:
    assert parse(gzip.decompress(gzip.compress(as_csv(LINES)))).rows.equals(parse(as_csv(LINES)).rows)


def test_both_generations_are_recognised_by_their_columns() -> None:
    assert FORMAT.detect(as_csv(LINES))
    assert FORMAT.detect(as_csv(LINES, legacy=True))
    assert not FORMAT.detect(b"BilledCost,ChargeCategory,ChargePeriodStart\n")
