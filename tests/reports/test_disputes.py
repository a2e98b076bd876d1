"""Claims: what bills hold beyond the agreed and the metered, each with a query that shows it again."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest

from pipeline.disputes import disputes
from reports.disputes import render_disputes
from schemas.tables import BY_NAME

D = Decimal
BILL = {"month": "2026-10", "provider": "openai", "account": "acme", "invoice_id": "INV-'7"}
PARTS = ("quantity", "price", "fee", "minimum", "credit", "discount", "tax", "currency", "rounding", "billed")


def frame(name: str, *rows: dict) -> pl.DataFrame:
    schema = BY_NAME[name].schema
    return pl.DataFrame([{column: row.get(column) for column in schema} for row in rows], schema=schema)


def charge(number: int, expected: str, quantity: str = "0", price: str = "0", **more) -> dict:
    parts = {f"{name}_usd": D(0) for name in PARTS} | {"quantity_usd": D(quantity), "price_usd": D(price)}
    parts["billed_usd"] = D(expected) + D(quantity) + D(price)
    return {
        **BILL, "line_number": number, "origin": "cost", "category": "usage", "line_item": "gpt-5, input",
        "model": "gpt-5", "service_tier": "standard", "token_kind": "input_uncached", "expected_usd": D(expected),
        "billed_on": date(2026, 10, number), "file_id": "ab12", "line": number, "position": 0, **parts, **more,
    }  # fmt: skip


def effect(number: int, name: str, usd: str, why: str = "the list price of 2026-10-01") -> dict:
    where = {"model": "gpt-5", "service_tier": "standard", "token_kind": "input_uncached"}
    return {**BILL, "line_number": number, "effect": name, "usd": D(usd), "reason": why, **where}


def call(number: int, tokens: int, response: str | None, day: int = 1, **more) -> dict:
    return {
        **BILL, "call_id": f"c{number}", "model": "gpt-5", "response_id": response, "input_uncached_tokens": tokens,
        "ended_at": datetime(2026, 10, day, 12, tzinfo=UTC), **more,
    }  # fmt: skip


def counted(first: int, end: int, meter: str = "usage") -> pl.DataFrame:
    """What a meter covers of October, from a day on, before another."""
    place = {**BILL, "endpoint": "all", "meter": meter, "grouping": "model"}
    ends = {"bucket_start_at": first, "bucket_end_at": end}
    instants = {name: datetime(2026, 10, day, tzinfo=UTC) for name, day in ends.items()}
    return frame("core.coverage", place | instants)


CHARGES = (
    charge(1, "10", price="2"),
    charge(2, "10", quantity="5"),
    charge(3, "10", price="0.004"),
    charge(4, "10", price="1.5"),
    charge(5, "10", price="-3"),
)
EFFECTS = (
    effect(1, "contract_not_applied", "2"),
    effect(3, "wrong_kind", "0.004"),
    effect(4, "unexplained_price", "1.5", "no known rate explains it"),
    effect(5, "long_context", "-3"),
)


@pytest.fixture
def tables() -> dict[str, pl.DataFrame]:
    tax = {
        **BILL, "code": "tax_off_base", "severity": "warning", "team": "", "usd": D("19"), "subject": "INV-'7",
        "message": "Invoice INV-'7 of openai account 'acme' adds 38.00 USD of tax at 19 %.", "advice": "",
    }  # fmt: skip
    made = {
        "recon.charge": frame("recon.charge", *CHARGES),
        "recon.price_effect": frame("recon.price_effect", *EFFECTS),
        "recon.finding": frame("recon.finding", tax),
        "report.close": frame("report.close"),
        "core.coverage": counted(1, 10),
    }
    calls = frame(
        "core.call",
        call(1, 100, "resp-small"), call(2, 900, "resp-large"), call(3, 500, None),
        call(4, 50, "other-day", day=9), call(5, 70, "cached", not_billed_reason="cache_hit"),
    )  # fmt: skip
    made["report.dispute"] = disputes("2026-10", made, calls)
    return made


def test_claims_are_what_a_rule_names_and_questions_what_none_does(tables) -> None:
    rows = tables["report.dispute"].select("line_number", "reason", "standing", "claim_usd").rows()
    assert rows == [
        (1, "contract_not_applied", "claim", D(2)),
        (2, "quantity", "claim", D(5)),
        (4, "unexplained_price", "question", D("1.5")),
        (None, "tax", "claim", D(19)),
    ]


@pytest.mark.parametrize("coverage", [frame("core.coverage"), counted(1, 10, "requests"), counted(1, 2)])
def test_tokens_are_not_claimed_where_no_usage_export_counts_them(tables, coverage: pl.DataFrame) -> None:
    """Line 2 is of the 2nd: absent is not zero."""
    found = disputes("2026-10", {**tables, "core.coverage": coverage}, frame("core.call"))

    assert "quantity" not in set(found["reason"])


def test_tax_is_claimed_from_its_invoice_whatever_that_is_called(tables) -> None:
    words = "Invoice Bill of October of openai account 'acme' adds 38.00 USD of tax at 19 %."
    told = {"subject": pl.lit("Bill of October"), "message": pl.lit(words)}
    tables["recon.finding"] = tables["recon.finding"].with_columns(**told)

    found = disputes("2026-10", tables, frame("core.call")).filter(reason="tax")

    assert found["invoice_id"].to_list() == ["Bill of October"]


def test_a_line_should_bill_what_is_left_without_the_claims(tables) -> None:
    first = tables["report.dispute"].row(0, named=True)
    assert (first["billed_usd"], first["expected_usd"]) == (D(12), D(10))
    assert first["found_at"] == "ab12:1:0"


def test_the_requests_of_a_line_are_those_of_its_day_the_largest_first(tables) -> None:
    first, second = tables["report.dispute"].head(2).iter_rows(named=True)
    assert (first["request_count"], first["request_ids"]) == (2, "resp-large resp-small")
    assert (second["request_count"], second["request_ids"]) == (None, None)


def test_every_query_shows_its_claim_again(tables, tmp_path: Path) -> None:
    for name, file in (("recon.charge", "charges"), ("recon.price_effect", "price_effects")):
        tables[name].write_parquet(tmp_path / f"{file}.parquet")
    with duckdb.connect() as connection:
        connection.execute(f"set file_search_path = '{tmp_path}'")
        for row in tables["report.dispute"].filter(reason="tax").iter_rows(named=True):
            assert len(connection.sql(row["query"]).pl()) == 5
        for row in tables["report.dispute"].filter(pl.col("reason") != "tax").iter_rows(named=True):
            [found] = connection.sql(row["query"]).pl().iter_rows(named=True)
            assert found["claim_usd"] == row["claim_usd"]


def test_the_letter_names_sums_and_rules_and_the_file_every_line(tables) -> None:
    files = render_disputes(tables, "Acme")
    assert sorted(files) == ["dispute/openai.csv", "dispute/openai.txt"]
    letter = files["dispute/openai.txt"]
    assert "It charges $26.00 beyond" in letter
    assert "Contract not applied: +$2.00 on 1 line of invoice INV-'7" in letter
    assert "bill $1.50 beyond what we expect" in letter
    assert files["dispute/openai.csv"].count("\n") == 5


def test_no_claims_make_no_files(tables) -> None:
    assert render_disputes({**tables, "report.dispute": tables["report.dispute"].clear()}, "Acme") == {}


def test_names_from_files_run_nowhere(tables) -> None:
    hostile = tables["report.dispute"].with_columns(
        line_item=pl.lit('=HYPERLINK("http://x")'),
        provider=pl.lit("../../x\n"),
        invoice_id=pl.lit("a\nBcc: x"),
    )
    files = render_disputes({**tables, "report.dispute": hostile}, "Acme")
    assert all(name.count("/") == 1 and "\n" not in name for name in files)
    table = pl.read_csv(next(files[name].encode() for name in files if name.endswith("csv")))
    assert set(table["line_item"]) == {'\'=HYPERLINK("http://x")'}
    assert "\nBcc" not in next(files[name] for name in files if name.endswith("txt"))
