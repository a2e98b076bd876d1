"""What the books and FinOps tools read of a closed month: FOCUS charges, invoices, periods, the journal."""

import csv
import shutil
import tomllib
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from assets.close import Lock, close_month, load_settings, publish
from pipeline import locking
from pipeline.closing import Person
from pipeline.parsing.focus import FORMAT, parse
from pipeline.parsing.tables import head_of
from pipeline.period import Month
from pipeline.warehouse import Warehouse

OCTOBER = Month.parse("2026-10")
ANN = Person("Ann", datetime(2026, 11, 5, 9, tzinfo=UTC))
RULES = """
[[closing.resolutions]]
code = "quarantine"
resolution = "accepted"
why = "torn lines"

[journal]
payables = "2000"
tax = "1400"
cost_centres = { search = "=SUM(A1)" }
"""
Sums = dict[str, Decimal]


@pytest.fixture(scope="module")
def folder(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed month of three providers, one of which bills in euros."""
    place = Path(shutil.copytree(pristine, tmp_path_factory.mktemp("ledger") / "month"))
    config = place / "tallystick.toml"
    config.write_text(config.read_text("utf-8") + RULES, "utf-8")
    close_month(load_settings(config), OCTOBER)
    return place


@pytest.fixture(scope="module")
def published(folder: Path) -> Path:
    return load_settings(folder / "tallystick.toml").output_folder / "2026-10"


@pytest.fixture(scope="module")
def billed(published: Path) -> Sums:
    rows = pl.read_parquet(published / "tieout.parquet").filter(component="billed")
    return dict(rows.select("invoice_id", "usd").rows())


def sums(rows: list[dict[str, str]], key: str, *columns: str) -> Sums:
    found: Sums = defaultdict(Decimal)
    for row in rows:
        found[row[key]] += sum((Decimal(row[name] or 0) for name in columns), Decimal(0))
    return found


def texts(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


def test_billed_cost_of_every_invoice_is_the_invoice(published: Path, billed: Sums) -> None:
    rows = texts(published / "allocation.csv")
    assert len(billed) == 3
    assert sums(rows, "InvoiceId", "BilledCost") == billed
    assert {row["ChargePeriodStart"][-10:] for row in rows} == {"T00:00:00Z"}
    assert "month" not in rows[0]
    names = list(rows[0])
    assert names == sorted(names, key=lambda name: name.startswith("x_"))  # columns of FOCUS first


def test_our_own_reader_of_focus_finds_the_same_money(published: Path) -> None:
    charges = pl.read_parquet(published / "allocation.parquet")
    for content in ((published / name).read_bytes() for name in ("allocation.csv", "allocation.parquet")):
        assert FORMAT.detect(head_of(content))
        back = parse(content)
        assert (back.read, back.rows.height, back.rejects) == (charges.height, charges.height, [])
        assert dict(back.rows.group_by("provider").agg(pl.col("amount").sum()).rows()) == dict(
            charges.group_by("x_Provider").agg(pl.col("BilledCost").sum()).rows()
        )
        tokens = back.rows.filter(pl.col("quantity_unit") == "Tokens").group_by("model", "token_kind")
        own = charges.filter(pl.col("ConsumedUnit") == "Tokens").group_by("x_ModelId", "x_TokenKind")
        assert sum(tokens.agg(pl.col("quantity").sum())["quantity"]) == sum(
            own.agg(pl.col("x_Tokens").sum())["x_Tokens"]
        )
        taxed = back.rows.filter(cost_type="tax")["amount"].sum()
        assert taxed == charges.filter(ChargeCategory="Tax")["BilledCost"].sum() > 0


def test_every_team_is_charged_what_the_report_says(published: Path) -> None:
    charges = (
        pl.read_parquet(published / "allocation.parquet")
        .group_by("x_Team")
        .agg(pl.col("EffectiveCost").sum())
    )
    teams = pl.read_parquet(published / "teams.parquet").filter(pl.col("billed_usd") != 0)
    assert dict(charges.filter(pl.col("EffectiveCost") != 0).rows()) == dict(
        teams.select("team", "billed_usd").rows()
    )


def test_invoices_are_as_printed_and_booked(folder: Path, published: Path, billed: Sums) -> None:
    printed = [
        tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
        for path in (folder / "invoices").glob("*.toml")
    ]
    rows = texts(published / "invoice_detail.csv")
    assert sums(rows, "InvoiceId", "PaymentCurrencyBilledCost") == {
        i["invoice_id"]: Decimal(str(i["total"])) for i in printed
    }
    assert {row["PaymentCurrency"] for row in rows} == {"USD", "EUR"}
    booked = {
        name: usd.quantize(Decimal("0.01")) for name, usd in sums(rows, "InvoiceId", "BilledCost").items()
    }
    assert booked == billed


def test_the_journal_balances_and_its_payables_are_the_invoices(published: Path, billed: Sums) -> None:
    rows = texts(published / "journal.csv")
    assert sums(rows, "entry_id", "debit") == sums(rows, "entry_id", "credit")
    assert sums([row for row in rows if row["account"] == "2000"], "invoice_id", "credit") == billed
    tax = pl.read_parquet(published / "tieout.parquet").filter(component="tax")["usd"].sum()
    assert (
        sum(sums([row for row in rows if row["account"] == "1400"], "invoice_id", "debit").values())
        == tax
        > 0
    )


def test_no_cell_of_the_journal_is_a_formula(published: Path) -> None:
    assert {row["cost_centre"] for row in texts(published / "journal.csv")} == {"", "'=SUM(A1)"}
    assert "=SUM(A1)" in set(pl.read_parquet(published / "journal.parquet")["cost_centre"])


def test_a_billing_period_is_closed_with_the_lock_and_open_when_the_month_is(
    folder: Path, published: Path
) -> None:
    assert {row["BillingPeriodStatus"] for row in texts(published / "billing_period.csv")} == {"Open"}
    settings = load_settings(folder / "tallystick.toml")
    done = close_month(settings, OCTOBER, lock=Lock(ANN, is_preparer=True))
    assert done.hinders == ()
    locked = texts(published / "billing_period.csv")
    assert {row["BillingPeriodStatus"] for row in locked} == {"Closed"}
    assert {row["BillingPeriodCreated"] for row in locked} == {"2026-11-05T09:00:00Z"}
    bytes_of = {path.name: path.read_bytes() for path in published.iterdir() if path.is_file()}
    again = close_month(settings, OCTOBER)
    assert again.changes is not None
    assert (again.changes.is_none, again.changes.tables) == (True, ())
    assert {path.name: path.read_bytes() for path in published.iterdir() if path.is_file()} == bytes_of
    with Warehouse.open(settings.warehouse_file) as warehouse:
        locking.reopen(OCTOBER, warehouse, ANN._replace(why="late", at=datetime(2026, 12, 1, tzinfo=UTC)))
    publish(settings, OCTOBER)
    reopened = texts(published / "billing_period.csv")
    assert {row["BillingPeriodStatus"] for row in reopened} == {"Open"}
    assert {row["BillingPeriodLastUpdated"] for row in reopened} == {"2026-12-01T00:00:00Z"}
