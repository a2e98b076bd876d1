"""FOCUS files: versions and issuers side by side; what is for no model is kept, counted and told apart."""

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from pipeline.formats import FORMATS
from pipeline.parsing.focus import FORMAT, parse
from pipeline.parsing.tables import head_of

SAMPLE = Path(__file__).parents[3] / "shared" / "data" / "focus_1.0_sample.csv"

PERIOD = {
    "BillingCurrency": "USD",
    "BillingPeriodStart": "2026-10-01 00:00:00",
    "ChargeCategory": "Usage",
    "ChargePeriodStart": "2026-10-03 04:00:00",
    "ChargePeriodEnd": "2026-10-03 05:00:00",
}
AWS = {**PERIOD, "ProviderName": "AWS", "PublisherName": "Amazon Web Services, Inc.", "SubAccountId": "1111"}
AZURE = {**PERIOD, "ProviderName": "Microsoft", "SubAccountId": "/subscriptions/1"}
GOOGLE = {**PERIOD, "ServiceProviderName": "Google Cloud", "SubAccountId": "shop-prod"}
SOLORA = {**PERIOD, "ServiceProviderName": "Solora AI", "ServiceCategory": "AI and Machine Learning",
          "ServiceSubcategory": "Generative AI", "ConsumedUnit": "Tokens", "PricingUnit": "1000000 Tokens"}  # fmt: skip

CHARGES = {
    "AWS 1.0, usage type in a column of its own": (
        {**AWS, "ServiceName": "Amazon Bedrock", "x_UsageType": "USE1-Claude4.6Sonnet-output-tokens",
         "ConsumedQuantity": "2.5", "ConsumedUnit": "1K tokens", "BilledCost": "0.04125"},
        ("aws.bedrock", "anthropic.claude-sonnet-4-6", "output", "standard", "tokens", Decimal("2.5"),
         "1K tokens", Decimal("0.04125"))),
    "AWS, sold through the Marketplace": (
        {**AWS, "ServiceName": "Claude Haiku 4.5 (Amazon Bedrock Edition)",
         "SkuMeter": "USE1-MP:USE1_CacheReadInputTokenCount-Units", "ConsumedQuantity": "3",
         "ConsumedUnit": "Units", "BilledCost": "0.33"},
        ("aws.bedrock", "anthropic.claude-haiku-4-5-20251001-v1:0", "cache_read", "standard", "tokens",
         Decimal(3), "1M tokens", Decimal("0.33"))),
    "Azure, priced in a bare 1K": (
        {**AZURE, "ServiceName": "Azure OpenAI", "x_SkuMeterName": "gpt 4o 1120 cached Inp glbl Tokens",
         "ConsumedQuantity": "NULL", "PricingQuantity": "40", "PricingUnit": "1K", "BilledCost": "0.05"},
        ("azure.ai.openai", "gpt-4o-2024-11-20", "cache_read", "standard", "tokens", Decimal(40), "1K tokens",
         Decimal("0.05"))),
    "Azure, a service that sells other things too": (
        {**AZURE, "ServiceName": "Cognitive Services", "SkuMeter": "5.4 opt Dz 1M Tokens",
         "ConsumedQuantity": "7", "ConsumedUnit": "Units", "BilledCost": "1"},
        ("azure.ai.openai", "gpt-5.4-2026-03-05", "output", "standard", "tokens", Decimal(7), "Units", Decimal(1))),
    "Azure, provisioned throughput": (
        {**AZURE, "ServiceName": "Foundry Models", "ChargeDescription": "Provisioned Managed Global Unit",
         "ConsumedQuantity": "24", "ConsumedUnit": "Hours", "BilledCost": "24"},
        ("azure.ai.openai", None, None, None, "fee", Decimal(24), "Hours", Decimal(24))),
    "Google, 1.3 and later": (
        {**GOOGLE, "ServiceName": "Gemini API", "ConsumedQuantity": "34356", "ConsumedUnit": "count",
         "ChargeDescription": "Generate content output token count gemini 2.5 flash short input text",
         "BilledCost": "0.08589"},
        ("gcp.gemini", "gemini-2.5-flash", "output", "standard", "tokens", Decimal(34356), "tokens",
         Decimal("0.08589"))),
    "Google, a service that sells other things too": (
        {**GOOGLE, "ServiceName": "Vertex AI", "ConsumedQuantity": "5", "ConsumedUnit": "count",
         "SkuMeter": "Generate_content text input token count for gemini 3 flash batch", "BilledCost": "0.1"},
        ("gcp.vertex_ai", "gemini-3-flash-preview", "input_uncached", "batch", "tokens", Decimal(5), "tokens",
         Decimal("0.1"))),
    "another seller, 1.5 draft": (
        {**SOLORA, "ServiceName": "Solora API", "SkuMeter": "Cache Read Input Tokens", "BilledCost": "2.4",
         "ConsumedQuantity": "8000000", "PricingQuantity": "8",
         "SkuPriceDetails": '{"ModelId": "solora-2", "TokenDirection": "Input", "TokenCacheAction": "Read"}'},
        ("solora_ai", "solora-2", "cache_read", None, "tokens", Decimal(8_000_000), "Tokens", Decimal("2.4"))),
    "another seller, the draft before": (
        {**SOLORA, "ServiceName": "Solora API", "SkuMeter": "Cache Write Input Tokens", "BilledCost": "7.5",
         "PricingQuantity": "2", "SkuPriceDetails": '{"ModelId": "solora-2", "TokenType": "CacheWrite"}'},
        ("solora_ai", "solora-2", "cache_write_other", None, "tokens", Decimal(2), "1000000 Tokens", Decimal("7.5"))),
    "storage of a cache, in token-hours": (
        {**SOLORA, "ServiceName": "Solora API", "SkuMeter": "Context Cache Storage", "BilledCost": "6",
         "ConsumedQuantity": "6000000", "ConsumedUnit": "Token-Hours", "PricingUnit": "1000000 Token-Hours"},
        ("solora_ai", None, None, None, "fee", Decimal(6_000_000), "Token-Hours", Decimal(6))),
    "a seller of models only": (
        {**PERIOD, "ServiceProviderName": "Anthropic", "InvoiceIssuerName": "AWS", "ServiceName": "Claude API",
         "ChargeCategory": "Tax", "BilledCost": "1.9", "InvoiceId": ""},
        ("anthropic", None, None, None, "tax", None, None, Decimal("1.9"))),
    "another seller, through a cloud's marketplace": (
        {**SOLORA, "InvoiceIssuerName": "Amazon Web Services, Inc.", "ServiceName": "Solora API", "BilledCost": "3",
         "ConsumedQuantity": "100", "SkuPriceDetails": '{"ModelId": "solora-2", "TokenDirection": "Output"}'},
        ("solora_ai", "solora-2", "output", None, "tokens", Decimal(100), "Tokens", Decimal(3))),
    "a model of others on Bedrock": (
        {**PERIOD, "ServiceProviderName": "Anthropic", "HostProviderName": "AWS", "BilledCost": "2.2",
         "ServiceName": "Claude Haiku 4.5 (Amazon Bedrock Edition)", "ConsumedQuantity": "2",
         "SkuMeter": "USE1-MP:USE1_InputTokenCount-Units", "ConsumedUnit": "1M tokens"},
        ("aws.bedrock", "anthropic.claude-haiku-4-5-20251001-v1:0", "input_uncached", "standard", "tokens",
         Decimal(2), "1M tokens", Decimal("2.2"))),
    "a credit": (
        {**AWS, "ServiceName": "Amazon Bedrock", "ChargeCategory": "Credit", "BilledCost": "-5",
         "x_UsageType": "USE1-NovaPro-input-tokens", "ConsumedQuantity": "9", "ConsumedUnit": "1K tokens"},
        ("aws.bedrock", "amazon.nova-pro-v1:0", None, "standard", "credit", Decimal(9), "1K tokens", Decimal(-5))),
    "a correction": (
        {**AWS, "ServiceName": "Amazon Bedrock", "ChargeClass": "Correction", "BilledCost": "-0.8",
         "x_UsageType": "USE1-NovaPro-input-tokens", "ConsumedQuantity": "-1000", "ConsumedUnit": "1K tokens"},
        ("aws.bedrock", "amazon.nova-pro-v1:0", "input_uncached", "standard", "tokens", Decimal(-1000),
         "1K tokens", Decimal("-0.8"))),
    "an upfront purchase": (
        {**AZURE, "ServiceName": "Azure OpenAI", "ChargeCategory": "Purchase", "BilledCost": "100"},
        ("azure.ai.openai", None, None, None, "fee", None, None, Decimal(100))),
    "a machine": (
        {**AWS, "ServiceName": "Amazon Elastic Compute Cloud", "ConsumedQuantity": "1", "ConsumedUnit": "Hours",
         "ChargeDescription": "$0.0464 per Linux t2.medium hour", "BilledCost": "0.0464"},
        ("aws.bedrock", None, None, None, "other", None, None, Decimal("0.0464"))),
    "machines for learning": (
        {**AZURE, "ServiceName": "Azure Machine Learning", "ServiceCategory": "AI and Machine Learning",
         "ConsumedQuantity": "1", "ConsumedUnit": "Hours", "BilledCost": "0.149"},
        ("azure.ai.openai", None, None, None, "other", None, None, Decimal("0.149"))),
    "a cloud without models here": (
        {**PERIOD, "ProviderName": "Oracle", "ServiceName": "COMPUTE", "BilledCost": "0.012"},
        ("oracle", None, None, None, "other", None, None, Decimal("0.012"))),
}  # fmt: skip
COLUMNS = [
    "provider",
    "model",
    "token_kind",
    "service_tier",
    "cost_type",
    "quantity",
    "quantity_unit",
    "amount",
]


def as_csv(*rows: dict[str, str], null: str = "NULL") -> bytes:
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names)
    writer.writerows([row.get(name, null) for name in names] for row in rows)
    return text.getvalue().encode()


def as_parquet(*rows: dict[str, str]) -> bytes:
    """As Azure writes it: money as doubles, times as timestamps."""
    money = [name for row in rows for name in row if name.endswith(("Cost", "Quantity"))]
    frame = pl.read_csv(as_csv(*rows, null=""), infer_schema=False).with_columns(
        pl.col("^.*Period(Start|End)$").str.to_datetime(time_zone="UTC"),
        pl.col(*set(money)).replace("NULL", None).cast(pl.Float64),
    )
    sink = io.BytesIO()
    frame.write_parquet(sink)
    return sink.getvalue()


ALL = [row for row, _ in CHARGES.values()]


@pytest.mark.parametrize(("row", "expected"), CHARGES.values(), ids=CHARGES)
def test_a_charge_is_read_by_who_sells_what(row: dict, expected: tuple) -> None:
    found = parse(as_csv(row))

    assert found.rejects == []
    assert found.rows.select(COLUMNS).rows() == [expected]


@pytest.mark.parametrize(
    "content", [as_csv(*ALL), as_csv(*ALL, null=""), as_parquet(*ALL)], ids=["NULL", "blank", "parquet"]
)
def test_all_of_them_land_from_one_file(content: bytes) -> None:
    found = parse(content)

    assert found.rejects == []
    assert found.rows.select(COLUMNS).rows() == [expected for _, expected in CHARGES.values()]
    assert found.rows["bucket_start_at"].unique().to_list() == [datetime(2026, 10, 3, 4, tzinfo=UTC)]
    assert found.rows["bucket_end_at"].unique().to_list() == [datetime(2026, 10, 3, 5, tzinfo=UTC)]
    assert found.rows["project_id"][0] == "1111"


def test_what_is_for_no_model_keeps_the_name_of_its_service_and_nothing_else() -> None:
    row = parse(as_csv(CHARGES["a machine"][0])).rows.row(0, named=True)

    assert row["line_item"] == "Amazon Elastic Compute Cloud"
    assert json.loads(row["dimensions"]) == {
        "billing_period": "2026-10",
        "service": "Amazon Elastic Compute Cloud",
    }


def test_a_correction_belongs_to_its_billing_period() -> None:
    row = {**CHARGES["a correction"][0], "BillingPeriodStart": "2026-11-01"}

    dimensions = json.loads(parse(as_csv(row)).rows["dimensions"][0])

    assert (dimensions["billing_period"], dimensions["charge_class"]) == ("2026-11", "Correction")


@pytest.mark.parametrize(
    ("name", "value", "code", "words"),
    [
        ("BilledCost", "NULL", "missing_field", "BilledCost is missing"),
        ("BilledCost", "free", "bad_amount", "'free', not an amount"),
        ("BillingCurrency", "CCU", "unknown_currency", "'CCU'"),
        ("ChargePeriodStart", "10/03/2026", "bad_time", "'10/03/2026'"),
        ("ChargePeriodEnd", "2026-10-02", "bad_time", "before chargeperiodstart"),
        ("ChargeCategory", "", "missing_field", "chargecategory is missing"),
        ("ProviderName", "", "missing_field", "who sells"),
    ],
)
def test_a_bad_charge_is_refused_alone(name: str, value: str, code: str, words: str) -> None:
    good = {key: word for key, word in CHARGES["a credit"][0].items() if key != "PublisherName"}

    found = parse(as_csv(good, {**good, name: value}, good))

    assert found.rows["line"].to_list() == [2, 4]
    (reject,) = found.rejects
    assert (reject.line, reject.code) == (3, code)
    assert words in reject.reason
    assert reject.advice


def test_a_broken_quote_or_byte_costs_its_own_line_only() -> None:
    good = as_csv(*[CHARGES["a credit"][0]] * 3).splitlines(keepends=True)
    for spoilt in (b'"Amazon' + good[2][3:], good[2].replace(b"Amazon", b"\xff"), b"1,2\r\n"):
        found = parse(b"".join([*good[:2], spoilt, good[3]]))
        assert found.rows["line"].to_list() == [2, 4]
        assert [reject.line for reject in found.rejects] == [3]


def test_a_missing_column_is_named() -> None:
    assert "billedcost" in parse(as_csv(PERIOD)).rejects[0].reason
    assert "serviceprovidername" in parse(as_csv({**PERIOD, "BilledCost": "1"})).rejects[0].reason


def test_details_that_are_no_object_say_nothing() -> None:
    for text in ("[1]", "{", '{"ModelId": 3}', '"x"', "NULL"):
        row = {**CHARGES["a machine"][0], "SkuPriceDetails": text}
        assert parse(as_csv(row)).rows["cost_type"].to_list() == ["other"]


def test_below_a_second_header_nothing_is_read() -> None:
    content = as_csv(*ALL)

    found = parse(content + content)

    assert found.rows.height == len(ALL)
    assert {reject.code for reject in found.rejects} == {"second_header"}


@pytest.mark.parametrize("content", [as_csv(*ALL), as_parquet(*ALL)], ids=["csv", "parquet"])
def test_a_file_that_is_cut_anywhere_is_counted_never_raised(content: bytes) -> None:
    for size in range(0, len(content), 41):
        found = parse(content[:size])
        assert found.read == found.rows.height + len(found.rejects)


@pytest.mark.parametrize("content", [as_csv(PERIOD | {"BilledCost": "1", "ProviderName": "AWS"}).split(b"\n")[0],
                                     as_parquet(*ALL)], ids=["csv", "parquet"])  # fmt: skip
def test_a_file_without_charges_has_no_rows(content: bytes) -> None:
    empty = pl.read_parquet(content).clear() if content.startswith(b"PAR1") else None
    sink = io.BytesIO()
    if empty is not None:
        empty.write_parquet(sink)

    found = parse(sink.getvalue() or content)

    assert (found.read, found.rows.height) == (0, 0)


def test_damage_in_the_middle_of_a_parquet_file_is_one_reject() -> None:
    content = bytearray(as_parquet(*ALL))
    content[8:200] = b"\xff" * 192

    found = parse(bytes(content))

    assert found.read == found.rows.height + len(found.rejects)
    assert [(reject.line, reject.code) for reject in found.rejects] == [(1, "broken_parquet")]


def test_a_cut_loses_no_whole_charge() -> None:
    content = as_csv(*ALL)
    ends = [n + 1 for n, byte in enumerate(content) if byte == ord("\n")]

    for line, end in enumerate(ends[1:], start=2):
        assert parse(content[:end]).rows["line"].to_list() == list(range(2, line + 1))


def test_a_parquet_file_is_recognised_by_its_columns() -> None:
    head = head_of(as_parquet(*ALL))

    assert [export.name for export in FORMATS if export.detect(head)] == ["focus"]
    assert FORMAT.detect(as_csv(*ALL))
    assert not FORMAT.detect(b"InvoiceDetailId,BilledCost,ChargeCategory,InvoiceIssueDate\n")


@pytest.mark.skipif(not SAMPLE.exists(), reason="the sample is not part of the project")
def test_the_public_sample_lands_whole_and_holds_no_model() -> None:
    content = SAMPLE.read_bytes()
    written = list(csv.DictReader(io.StringIO(content.decode())))

    found = parse(content)

    assert (found.read, found.rejects) == (300, [])
    assert found.rows["cost_type"].unique().to_list() == ["other"]
    assert found.rows["amount"].sum() == sum(Decimal(row["BilledCost"]) for row in written)
    assert found.rows["line_item"].to_list() == [row["ServiceName"] for row in written]
    assert found.rows.group_by("provider").len().sort("len").rows() == [
        ("oracle", 7), ("azure.ai.openai", 51), ("aws.bedrock", 242),
    ]  # fmt: skip
