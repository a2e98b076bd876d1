"""The row that sums a close up: its status, its id and the sentence that it opens with."""

from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from pipeline.findings import finding
from pipeline.period import Month
from pipeline.settings import Settings
from pipeline.summary import close_id, close_row, headline
from schemas.tables import BY_NAME

OCTOBER = Month(2026, 10)
READ = (
    "raw.file", "core.traced", "core.call", "recon.bridge", "recon.tieout", "recon.finding", "report.team",
)  # fmt: skip


def status(*codes: str) -> str:
    tables = {name: BY_NAME[name].schema.to_frame() for name in READ}
    rows = [finding("2026-10", code, "note", "What.", "Do.") for code in codes]
    tables["recon.finding"] = pl.concat([tables["recon.finding"], *rows])
    return str(close_row(Settings(), OCTOBER, tables, "genai-prices 0")["status"][0])


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ((), "complete"),
        (("perhaps_alias",), "complete"),
        (("unpriced", "perhaps_alias"), "preliminary"),
        (("invoice_awaited",), "preliminary"),
        (("quarantine",), "incomplete"),
        (("incomplete_export",), "incomplete"),
        (("incomplete_cost_export", "invoice_awaited"), "incomplete"),
        (("unknown_currency",), "incomplete"),
        (("no_bill",), "incomplete"),
        (("unmetered", "invoice_awaited"), "incomplete"),
    ],
)
def test_the_status_says_whether_a_part_of_the_month_is_not_known(
    codes: tuple[str, ...], expected: str
) -> None:
    assert status(*codes) == expected


def teams(traced: str, rest: str) -> pl.DataFrame:
    row = {"traced_usd": Decimal(traced), "unexplained_usd": Decimal(rest)}
    return pl.DataFrame([row], schema=BY_NAME["report.team"].schema)


def test_a_net_credit_has_a_positive_share() -> None:
    row = {"billed_usd": Decimal(-200), "span_count": 5}
    text = headline("Acme", OCTOBER, row, teams("10", "4"))
    assert "−$200.00, $4.00 (2.0 %) more than" in text


def test_a_month_without_any_bill_says_so() -> None:
    row: dict[str, Any] = {
        "billed_usd": None, "metered_tokens": 90, "traced_tokens": 100, "unexplained_tokens": -3, "span_count": 5,
    }  # fmt: skip
    text = headline("Acme", OCTOBER, row, teams("0", "0"))
    assert text == (
        "October 2026: Acme has no bill yet; its meters count 90 tokens, 3 tokens (3.3 %) less than "
        "traces and known causes add up to."
    )


def test_a_month_without_bill_and_meter_is_not_said_to_be_accounted_for() -> None:
    row: dict[str, Any] = {
        "billed_usd": None,
        "metered_tokens": 0,
        "traced_tokens": 0,
        "unexplained_tokens": 0,
        "span_count": 5,
    }
    text = headline("Acme", OCTOBER, row, teams("0", "0"))
    assert text == "October 2026: Acme has no bill and no metered tokens."


def test_a_month_without_any_trace_is_neither_accounted_for_nor_unexplained() -> None:
    row: dict[str, Any] = {"billed_usd": Decimal("12.3"), "span_count": 0}
    end = ", and no trace of the month was read that it could be compared with."
    text = headline("Acme", OCTOBER, row, teams("0", "0"))
    assert text == f"October 2026: Acme was billed $12.30{end}"
    row |= {"billed_usd": None, "metered_tokens": 90, "unexplained_tokens": 0}
    assert headline("Acme", OCTOBER, row, teams("0", "0")).endswith(f"its meters count 90 tokens{end}")


def files(source: str) -> pl.DataFrame:
    row = {"source": source, "uri": "u", "file_id": "f", "kind": "traces", "format": "x", "decoder": "d"}
    return pl.DataFrame([row], schema=BY_NAME["raw.file"].schema)


def settings(account: str, uri: str = "traces") -> Settings:
    source = {"name": "s", "kind": "traces", "uri": uri, "account": account}
    return Settings.model_validate({"sources": [source]})


def test_another_account_for_the_same_file_is_another_close() -> None:
    one, other = (close_id(settings(account), OCTOBER, files("s")) for account in ("acme", "other"))
    assert one != other


def test_where_files_lie_does_not_change_the_close() -> None:
    one, other = (close_id(settings("acme", uri), OCTOBER, files("s")) for uri in ("here", "there"))
    assert one == other
