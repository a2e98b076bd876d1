"""A simulated month with capacity by the hour and a grant that expires: from the files to the books."""

import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from assets.close import close_month, load_settings
from pipeline.period import Month
from pipeline.warehouse import Warehouse
from schemas.tables import BY_NAME

MONTH = Month.parse("2026-10")
BILLED = Decimal("1488.00")
CONTRACT = """
[[contracts]]
name = "reserved"
provider = "openai"

[[contracts.capacity]]
name = "main"
units = 2
usd_per_unit_hour = "1"
tokens_per_unit_hour = 1_000_000
"""
HEAD = """
issuer = "OpenAI"
provider = "openai"
account = "{account}"
currency = "USD"
period = "2026-10"
issued_on = 2026-10-05
total = {total}
invoice_id = "{name}"

[[lines]]
description = "{text}"
amount = {total}
"""
GRANT = 'category = "prepayment"\ngrant_id = "promo"\nexpires = "2026-10-31"\n'


@pytest.fixture
def closed(month_folder: Path) -> Iterator[Warehouse]:
    """October with a bill for 1,488 hours at a dollar, and with 50 dollars of credit that ends with it."""
    first = next(iter((month_folder / "invoices").glob("openai*"))).read_text("utf-8")
    account = tomllib.loads(first)["account"]
    for name, total, text, more in (
        ("PTU-1", BILLED, "Provisioned throughput", 'category = "fee"\n'),
        ("TOP-1", 50, "Credit", GRANT),
    ):
        written = HEAD.format(account=account, total=total, name=name, text=text) + more
        (month_folder / "invoices" / f"{name}.toml").write_text(written, "utf-8")
    config = month_folder / "tallystick.toml"
    config.write_text(config.read_text("utf-8") + CONTRACT, "utf-8")
    settings = load_settings(config)
    close_month(settings, MONTH)
    with Warehouse.open(settings.warehouse_file) as warehouse:
        yield warehouse


def test_idle_hours_and_lost_credit_stand_in_every_table(closed: Warehouse) -> None:
    def read(name: str) -> pl.DataFrame:
        return closed.read(BY_NAME[name], "month = $month", month="2026-10")

    metered = read("core.metered").filter(provider="openai")
    tokens = sum(metered[name].sum() for name in metered.columns if name.endswith("_tokens"))
    idle = BILLED - Decimal(tokens) / 1_000_000
    assert 0 < idle < BILLED
    (charge,) = read("recon.charge").filter(invoice_id="PTU-1").to_dicts()
    assert (charge["fee_kind"], charge["idle_usd"]) == ("provisioned_hours", idle)
    shares = read("recon.allocation").filter(view="executing", invoice_id="PTU-1")
    assert abs(shares.filter(pool="idle")["usd"].sum() - idle) < Decimal("0.005")
    assert shares["usd"].sum() == BILLED
    meters = read("report.allocation").filter(pl.col("InvoiceId") == "PTU-1")["SkuMeter"].drop_nulls()
    assert set(meters) == {"provisioned_hours"}

    found = read("recon.finding")
    assert found.filter(code="idle_capacity")["usd"].to_list() == [idle]
    assert found.filter(code="grant_expired")["usd"].to_list() == [Decimal(50)]
    lost = read("recon.prepaid").filter(entry="expired")
    assert lost.select("grant_id", "usd", "balance_usd").rows() == [("promo", Decimal(-50), Decimal(0))]
    posted = read("report.journal").filter(entry="prepaid_expired").sort("line_number")
    assert posted["account"].to_list() == ["expired_llm_credit", "prepaid_llm_credit"]
    assert posted["debit"].to_list() == [Decimal(50), Decimal(0)]
