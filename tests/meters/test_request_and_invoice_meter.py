"""Accounts without a usage export: the request log meters, else the invoice, never two of them."""

from datetime import UTC, datetime

import pytest

from pipeline.meters import meter
from pipeline.period import Month
from pipeline.settings import Settings
from schemas.tables import BY_NAME

OCTOBER = Month(2026, 10)


@pytest.fixture
def metered(usage, requests, cost, invoices, files):
    def build(**raw):
        empty = {"usage": usage(), "requests": requests(), "cost": cost(), "invoices": invoices()}
        empty["files"] = files()
        found = meter(**{**empty, **raw}, settings=Settings(), month=OCTOBER)
        for name, frame in zip(("metered", "coverage", "request"), found[:3], strict=True):
            BY_NAME[f"core.{name}"].contract.validate(frame)
        return found

    return build


def test_requests_are_counted_in_days(metered, requests) -> None:
    rows = requests("""
        started_at       | request_id | model | part       | input_uncached_tokens | output_tokens
        2026-10-03T01:00 | r1         | m     | message    | 10                    | 1
        2026-10-03T23:59 | r2         | m     | message    | 20                    | 2
        2026-10-03T23:59 | r2         | m     | compaction | 400                   | 4
        2026-10-05T00:00 | r3         | m     | message    | 30                    | null
    """)

    found = metered(requests=rows)

    columns = ["meter", "endpoint", "service_tier", "request_count", "input_uncached_tokens", "output_tokens"]
    assert found.metered.select(columns).rows() == [
        ("requests", "all", "all", 2, 430, 7),
        ("requests", "all", "all", 1, 30, None),
    ]
    assert found.coverage["bucket_start_at"].dt.day().to_list() == [3, 4, 5]
    assert found.requests.height == 4
    assert found.findings["message"][0].endswith("2026-10-01 to 2026-10-02, 2026-10-06 to 2026-10-31.")


def test_a_log_covers_its_whole_span_for_every_account_in_it(metered, requests) -> None:
    rows = requests("""
        started_at       | provider | model | output_tokens
        2026-10-01T00:00 | groq     | m     | 1
        2026-10-31T23:00 | groq     | m     | 1
        2026-10-15T00:00 | deepseek | m     | 1
    """)

    coverage = metered(requests=rows).coverage

    assert coverage.group_by("provider").len().sort("provider").rows() == [("deepseek", 31), ("groq", 31)]


def test_google_bills_by_pacific_days(metered, requests) -> None:
    """2026-10-01T06:59Z is 30 September in Los Angeles; 2026-11-01T06:59Z is 31 October."""
    rows = requests(
        """
        started_at       | model | output_tokens
        2026-10-01T06:59 | m     | 1
        2026-10-01T07:00 | m     | 2
        2026-11-01T06:59 | m     | 4
    """,
        provider="gcp.gemini",
    )

    assert metered(requests=rows).metered.select(
        "bucket_start_at", "bucket_end_at", "output_tokens"
    ).rows() == [
        (datetime(2026, 10, 1, 7, tzinfo=UTC), datetime(2026, 10, 2, 7, tzinfo=UTC), 2),
        (datetime(2026, 10, 31, 7, tzinfo=UTC), datetime(2026, 11, 1, 7, tzinfo=UTC), 4),
    ]


def test_a_request_in_two_overlapping_logs_counts_once(metered, requests) -> None:
    rows = requests("""
        file_id | started_at       | request_id | model | output_tokens
        f1      | 2026-10-03T01:00 | r1         | m     | 1
        f2      | 2026-10-03T01:00 | r1         | m     | 1
        f2      | 2026-10-03T02:00 | r2         | m     | 2
        f1      | 2026-10-03T03:00 | null       | m     | 4
        f1      | 2026-10-03T03:00 | null       | m     | 4
        f2      | 2026-10-03T03:00 | null       | m     | 4
        f2      | 2026-10-03T03:00 | null       | m     | 8
    """)

    assert metered(requests=rows).metered["output_tokens"].to_list() == [1 + 2 + 4 + 4 + 8]


def test_tiers_are_told_apart_where_the_log_names_any(metered, requests) -> None:
    rows = requests("""
        started_at       | account | service_tier | model | output_tokens
        2026-10-03T01:00 | a       | on_demand    | m     | 1
        2026-10-03T01:00 | a       | null         | m     | 2
        2026-10-03T01:00 | b       | null         | m     | 4
    """)

    assert metered(requests=rows).metered.select("account", "service_tier", "output_tokens").rows() == [
        ("a", "standard", 3),
        ("b", "all", 4),
    ]


def test_a_usage_export_goes_before_a_request_log_and_a_log_before_an_invoice(
    metered, usage, requests, invoices
) -> None:
    exported = usage(
        """
        bucket_start_at  | bucket_end_at    | account | output_tokens
        2026-10-01T00:00 | 2026-10-02T00:00 | a       | 100
    """,
        provider="groq",
    )
    logged = requests("""
        started_at       | account | model | output_tokens
        2026-10-03T01:00 | a       | m     | 1
        2026-10-03T01:00 | b       | m     | 2
    """)
    billed = invoices(
        """
        account | token_kind | quantity | quantity_unit | amount | total | model
        a       | output     | 7        | tokens        | 1      | 1     | m
        b       | output     | 7        | tokens        | 1      | 1     | m
        c       | output     | 7        | tokens        | 1      | 1     | m
    """,
        provider="groq",
    )

    found = metered(usage=exported, requests=logged, invoices=billed)

    assert found.metered.select("account", "meter", "output_tokens").rows() == [
        ("a", "usage", 100),
        ("b", "requests", 2),
        ("c", "invoice", 7),
    ]
    assert found.requests["account"].to_list() == ["a", "b"]
    assert found.coverage.select("account", "meter").unique().sort("account").rows() == [
        ("a", "usage"),
        ("b", "requests"),
        ("c", "invoice"),
    ]


def test_token_quantities_of_an_invoice_meter_its_period(metered, invoices) -> None:
    lines = invoices("""
        category | model | token_kind     | quantity | quantity_unit | amount | total
        usage    | m     | input_uncached | 40.5     | 1M tokens     | 81     | 100
        usage    | m     | input_uncached | 2        | 1K tokens     | 1      | 100
        usage    | m     | output         | 12       | tokens        | 2      | 100
        fee      | null  | null           | 3        | hours         | 6      | 100
        usage    | null  | null           | 5        | 1M tokens     | 10     | 100
    """)

    found = metered(invoices=lines)

    row = found.metered.row(0, named=True)
    assert found.metered.height == 1
    assert (row["input_uncached_tokens"], row["output_tokens"], row["cache_read_tokens"]) == (
        40_502_000,
        12,
        None,
    )
    assert (row["model"], row["service_tier"], row["request_count"]) == ("m", "all", None)
    assert row["bucket_start_at"] == datetime(2026, 10, 1, tzinfo=UTC)
    assert row["bucket_end_at"] == datetime(2026, 11, 1, tzinfo=UTC)
    assert found.findings.is_empty()


def test_invoices_whose_periods_overlap_are_one_bucket(metered, invoices) -> None:
    lines = invoices("""
        invoice_id | period_start_on | period_end_on | token_kind | quantity | quantity_unit | amount | total
        A1         | 2026-10-01      | 2026-10-21    | output     | 100      | tokens        | 1      | 1
        A2         | 2026-10-10      | 2026-10-12    | output     | -30      | tokens        | -1     | -1
        A3         | 2026-10-21      | 2026-11-01    | output     | 5        | tokens        | 1      | 1
    """)

    found = metered(invoices=lines)

    assert found.metered.select("bucket_start_at", "bucket_end_at", "output_tokens").rows() == [
        (datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 21, tzinfo=UTC), 70),
        (datetime(2026, 10, 21, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), 5),
    ]
    assert found.findings.is_empty()


def test_more_tokens_taken_back_than_billed_count_as_none_and_are_found(metered, invoices) -> None:
    lines = invoices("""
        model | token_kind     | quantity | quantity_unit | amount | total
        m     | input_uncached | 100      | tokens        | 1      | 1
        m     | output         | 20       | tokens        | 1      | 1
        m     | output         | -50      | tokens        | -2     | 1
    """)

    found = metered(invoices=lines)

    assert found.metered.select("input_uncached_tokens", "output_tokens", "cache_read_tokens").rows() == [
        (100, 0, None)
    ]
    assert found.findings.select("code", "account", "tokens").rows() == [("negative_quantity", "main", -30)]
    assert "take back 30 tokens of model 'm'" in found.findings["message"][0]


def test_a_provider_that_no_table_knows_is_listed(metered, requests) -> None:
    rows = requests("started_at | model | output_tokens\n2026-10-03T01:00 | m | 9", provider="newcomer")

    assert metered(requests=rows).unmapped.select("subject", "value", "origin", "tokens").rows() == [
        ("provider", "newcomer", "requests", 9)
    ]


def test_nothing_gives_nothing(metered) -> None:
    assert all(frame.is_empty() for frame in metered())
