"""A tiny month of each cloud: two traced calls and the file that the cloud delivers, closed to the cent."""

import gzip
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from assets.close import close_month, load_settings
from pipeline.period import Month
from pipeline.preflight import check

MONTH = Month.parse("2026-10")
SONNET = "anthropic.claude-sonnet-4-6"
GEMINI = "gemini-2.5-flash"
CALLS = (datetime(2026, 10, 3, 20, 4, 5, tzinfo=UTC), datetime(2026, 10, 4, 20, 7, tzinfo=UTC))
"""When the two calls ended: 1,000,000 tokens of input and 200,000 of output each."""

PRICES = "".join(
    f'[[prices]]\nprovider = "{provider}"\nmodel = "{model}"\ntoken_kind = "{kind}"\nusd_per_million = "{usd}"\n'
    for provider, model in (("aws.bedrock", SONNET), ("gcp.gemini", GEMINI))
    for kind, usd in (("input_uncached", 3), ("output", 15))
)

Closed = Callable[..., dict[str, pl.DataFrame]]


def spans(provider: str, model: str) -> bytes:
    words = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": provider, "gen_ai.request.model": model,
             "gen_ai.response.model": model}  # fmt: skip
    counts = {"gen_ai.usage.input_tokens": 1_000_000, "gen_ai.usage.output_tokens": 200_000}
    records = []
    for n, ended in enumerate(CALLS, start=1):
        pairs = [{"key": key, "value": {"stringValue": value}} for key, value in words.items()]
        pairs += [{"key": key, "value": {"intValue": str(value)}} for key, value in counts.items()]
        pairs.append({"key": "aws.request_id", "value": {"stringValue": f"req-{n}"}})
        nanos = int(ended.timestamp()) * 10**9
        span = {"traceId": f"{n:032x}", "spanId": f"{n:016x}", "name": f"chat {model}", "kind": 3,
                "startTimeUnixNano": str(nanos - 10**9), "endTimeUnixNano": str(nanos), "attributes": pairs}  # fmt: skip
        resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
        records.append({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]})
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


@pytest.fixture
def closed(tmp_path: Path) -> Closed:
    """Close traces and some files, given as kind, name and content; return what was published."""

    def run(traces: bytes, *files: tuple[str, str, bytes]) -> dict[str, pl.DataFrame]:
        sources = ""
        for kind, name, content in (("traces", "spans.jsonl", traces), *files):
            (tmp_path / kind).mkdir(exist_ok=True)
            (tmp_path / kind / name).write_bytes(content)
            if f'"{kind}"' not in sources:
                sources += f'[[sources]]\nkind = "{kind}"\nuri = "{kind}"\n'
        (tmp_path / "tallystick.toml").write_text(sources + PRICES, "utf-8")
        folder = close_month(load_settings(tmp_path / "tallystick.toml"), MONTH).folder
        return {path.stem: pl.read_parquet(path) for path in folder.glob("*.parquet")}

    return run


def charges(*rows: dict[str, Any]) -> pl.DataFrame:
    """Lines of a bill, in the columns of CUR 2.0."""
    base = {
        "bill_billing_period_start_date": datetime(2026, 10, 1, tzinfo=UTC),
        "line_item_line_item_type": "Usage",
        "line_item_product_code": "AmazonBedrock",
        "line_item_usage_type": "USE1-Claude4.6Sonnet-input-tokens",
        "line_item_usage_start_date": datetime(2026, 10, 3, 20, tzinfo=UTC),
        "line_item_usage_end_date": datetime(2026, 10, 3, 21, tzinfo=UTC),
        "line_item_usage_amount": None,
        "line_item_unblended_cost": 0.0,
        "line_item_currency_code": "USD",
        "pricing_unit": "1K tokens",
    }
    return pl.DataFrame(
        [{**base, **row} for row in rows], schema_overrides={"line_item_usage_amount": pl.Float64}
    )


def as_parquet(frame: pl.DataFrame) -> bytes:
    sink = io.BytesIO()
    frame.write_parquet(sink)
    return sink.getvalue()


LATER = {"line_item_usage_start_date": datetime(2026, 10, 4, 20, tzinfo=UTC),
         "line_item_usage_end_date": datetime(2026, 10, 4, 21, tzinfo=UTC)}  # fmt: skip
OUTPUT = {"line_item_usage_type": "USE1-Claude4.6Sonnet-output-tokens"}
BILL = charges(
    {"line_item_usage_amount": 1500.0, "line_item_unblended_cost": 4.5},
    {"line_item_usage_amount": 1000.0, "line_item_unblended_cost": 3.0, **LATER},
    {"line_item_usage_amount": 200.0, "line_item_unblended_cost": 3.3, **OUTPUT},
    {"line_item_usage_amount": 200.0, "line_item_unblended_cost": 3.3, **OUTPUT, **LATER},
    {"line_item_line_item_type": "Tax", "line_item_usage_type": None, "line_item_unblended_cost": 1.41},
    {"line_item_line_item_type": "Credit", "line_item_unblended_cost": -2.0},
    {
        "line_item_product_code": "AmazonEC2",
        "line_item_usage_type": "BoxUsage",
        "line_item_unblended_cost": 77.7,
    },
)


def assert_adds_up(found: dict[str, pl.DataFrame], metered: int, components: dict[str, str]) -> None:
    """The bridge leads from traced to metered, the tie-out from metered to billed, and both add up."""
    bridge = found["bridge"].group_by("step").agg(pl.col("tokens").sum())
    steps = dict(bridge.filter(pl.col("tokens") != 0).rows())
    tieout = dict(found["tieout"].filter(pl.col("usd") != 0).select("component", "usd").rows())
    assert steps["traced"] == 2_400_000
    assert sum(steps.values()) == metered
    assert tieout == {name: Decimal(usd) for name, usd in components.items()}
    assert sum(tieout.values()) == 2 * tieout["billed"]
    assert found["quarantine"].is_empty()


def codes(found: dict[str, pl.DataFrame]) -> set[str]:
    return set(found["open_items"]["code"])


def test_a_report_of_aws_meters_and_bills(closed: Closed) -> None:
    found = closed(
        spans("aws.bedrock", f"us.{SONNET}"), ("cost", "cur-00001.snappy.parquet", as_parquet(BILL))
    )

    assert_adds_up(
        found,
        2_900_000,
        {
            "metered_at_expected_rate": "13.50",
            "price": "0.60",
            "credits": "-2.00",
            "tax": "1.41",
            "billed": "13.51",
        },
    )
    assert "not_llm_cost" in codes(found)
    assert "unit_error" not in codes(found)


def test_a_report_in_csv_and_the_same_in_parquet_close_alike(closed: Closed) -> None:
    csv = BILL.with_columns(pl.col(pl.Datetime).dt.to_string("%Y-%m-%dT%H:%M:%SZ")).write_csv().encode()
    first = closed(spans("aws.bedrock", SONNET), ("cost", "cur-00001.csv.gz", gzip.compress(csv)))
    second = closed(spans("aws.bedrock", SONNET), ("cost", "cur-00001.csv.gz", as_parquet(BILL)))

    assert first["bridge"].equals(second["bridge"])
    assert first["tieout"].equals(second["tieout"])


def test_a_report_in_the_wrong_unit_is_called_out(closed: Closed) -> None:
    wrong = BILL.with_columns(pl.lit("tokens").alias("pricing_unit"))

    found = closed(spans("aws.bedrock", SONNET), ("cost", "cur.parquet", as_parquet(wrong)))

    messages = found["open_items"].filter(pl.col("code") == "unit_error")["message"].to_list()
    assert len(messages) == 2
    assert all("1,000 times more than the expected" in message for message in messages)


def test_a_log_of_invocations_meters_beside_the_bill(closed: Closed, tmp_path: Path) -> None:
    text = "what the customer wrote"
    lines = [
        {"schemaType": "ModelInvocationLog", "timestamp": ended.isoformat(), "requestId": f"req-{n}",
         "accountId": "111122223333", "modelId": f"us.{SONNET}",
         "input": {"inputBodyJson": {"messages": [text]}, "inputTokenCount": tokens},
         "output": {"outputBodyJson": text, "outputTokenCount": 200_000}}
        for n, (ended, tokens) in enumerate(zip(CALLS, (1_500_000, 1_000_000), strict=True), start=1)
    ]  # fmt: skip
    log = gzip.compress(b"".join(json.dumps(line).encode() + b"\n" for line in lines))

    found = closed(
        spans("aws.bedrock", f"us.{SONNET}"),
        ("requests", "20261003T200405Z.json.gz", log),
        ("cost", "cur.parquet", as_parquet(BILL)),
    )

    assert_adds_up(
        found,
        2_900_000,
        {
            "metered_at_expected_rate": "13.50",
            "price": "0.60",
            "credits": "-2.00",
            "tax": "1.41",
            "billed": "13.51",
        },
    )
    assert set(found["bridge"].filter(pl.col("tokens") != 0)["basis"]) == {"exact"}
    assert text.encode() not in (tmp_path / "tallystick.duckdb").read_bytes()


def test_a_focus_file_of_a_whole_cloud_meters_and_bills(closed: Closed, tmp_path: Path) -> None:
    head = (
        "ServiceProviderName,ServiceName,ChargeDescription,ChargeCategory,ChargePeriodStart,ChargePeriodEnd,"
    )
    head += "BillingPeriodStart,BillingCurrency,ConsumedQuantity,ConsumedUnit,BilledCost,InvoiceId\n"
    day = "2026-10-03T19:00:00Z,2026-10-03T20:00:00Z,2026-10-01T07:00:00Z,USD"
    late = day.replace("-03T", "-04T")
    side = "Generate content {} token count gemini 2.5 flash text"
    rows = [
        f"Google Cloud,Gemini API,{side.format('input')},Usage,{day},1500000,count,4.5,",
        f"Google Cloud,Gemini API,{side.format('input')},Usage,{late},1000000,count,3,",
        f"Google Cloud,Gemini API,{side.format('output')},Usage,{day},200000,count,3.3,",
        f"Google Cloud,Gemini API,{side.format('output')},Usage,{late},200000,count,3.3,",
        f"Google Cloud,Gemini API,Grounding with Google Search,Usage,{day},10,count,0.35,",
        f"Google Cloud,Gemini API,Promotion,Credit,{day},,,-1,",
        f"Google Cloud,Compute Engine,N2 core,Usage,{day},4,h,55.5,",
    ]

    found = closed(spans("gcp.gemini", GEMINI), ("cost", "focus.csv", (head + "\n".join(rows)).encode()))

    assert_adds_up(
        found,
        2_900_000,
        {
            "metered_at_expected_rate": "13.50",
            "price": "0.60",
            "fees": "0.35",
            "credits": "-1.00",
            "billed": "13.45",
        },
    )
    with duckdb.connect(str(tmp_path / "tallystick.duckdb"), read_only=True) as warehouse:
        counts = warehouse.execute(
            "select rows_read, rows_kept, rows_quarantined from raw.file where kind = 'cost'"
        )
        assert counts.fetchall() == [(7, 7, 0)]


def test_a_check_reads_the_columns_of_parquet_and_a_broken_file_is_set_aside(
    closed: Closed, tmp_path: Path
) -> None:
    found = closed(
        spans("aws.bedrock", SONNET),
        ("cost", "cur-00001.parquet", as_parquet(BILL)),
        ("cost", "broken.parquet", as_parquet(BILL)[:400]),
    )

    assert found["quarantine"].select("uri", "code").rows() == [("cost/broken.parquet", "broken_parquet")]
    assert found["tieout"].filter(pl.col("component") == "billed")["usd"].to_list() == [Decimal("13.51")]
    (tmp_path / "cost" / "broken.parquet").unlink()
    assert [
        p for p in check(load_settings(tmp_path / "tallystick.toml")) if p.where.startswith("source")
    ] == []
