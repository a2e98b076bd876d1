import multiprocessing
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from pipeline.closing import Person, event, standing
from pipeline.errors import ContractError, WarehouseError
from pipeline.findings import finding
from pipeline.migration import NUMBER, VALUES_OF_BEFORE
from pipeline.period import Month
from pipeline.warehouse import Warehouse
from schemas.tables import BY_NAME

TIEOUT = BY_NAME["recon.tieout"]
Frame = Callable[..., pl.DataFrame]


def rows(table: Frame, usd: str) -> pl.DataFrame:
    text = f"component | usd\ntax | {usd}"
    return table(text, TIEOUT.schema, month="2026-10", provider="openai", account="a", invoice_id=None)


def test_a_month_is_replaced_and_not_added_to(table: Frame, tmp_path: Path) -> None:
    for usd in ("1.5", "2.5"):
        with Warehouse.open(tmp_path / "w.duckdb") as warehouse, warehouse.transaction():
            warehouse.replace_month(TIEOUT, "2026-10", rows(table, usd))
    with Warehouse.open(tmp_path / "w.duckdb") as warehouse:
        assert warehouse.read(TIEOUT).equals(rows(table, "2.5"))


def test_a_failure_leaves_the_last_good_state(table: Frame, tmp_path: Path) -> None:
    with Warehouse.open(tmp_path / "w.duckdb") as warehouse:
        warehouse.insert(TIEOUT, rows(table, "1.5"))
        with pytest.raises(ContractError), warehouse.transaction():  # noqa: PT012
            warehouse.replace_month(TIEOUT, "2026-10", rows(table, "2.5"))
            warehouse.insert(TIEOUT, rows(table, "3").with_columns(component=pl.lit("gift")))
        assert warehouse.read(TIEOUT).equals(rows(table, "1.5"))


def test_a_frame_of_another_shape_is_named_column_by_column(table: Frame) -> None:
    with Warehouse.open(None) as warehouse, pytest.raises(ContractError, match="usd: Float64"):
        warehouse.insert(TIEOUT, rows(table, "1").cast({"usd": pl.Float64}))


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_every_table_reads_back_with_the_types_of_its_contract(name: str) -> None:
    with Warehouse.open(None) as warehouse:
        assert warehouse.read(BY_NAME[name]).schema == BY_NAME[name].schema


def _hold(path: Path, seconds: float, held: "multiprocessing.synchronize.Event") -> None:
    with Warehouse.open(path):
        held.set()
        time.sleep(seconds)


def _holder(path: Path, seconds: float) -> "multiprocessing.process.BaseProcess":
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    process = context.Process(target=_hold, args=(path, seconds, held))
    process.start()
    assert held.wait(30)
    return process


def test_a_second_writer_waits_for_the_first(tmp_path: Path) -> None:
    process = _holder(tmp_path / "w.duckdb", 1.0)
    with Warehouse.open(tmp_path / "w.duckdb", wait_seconds=30) as warehouse:
        assert warehouse.read(TIEOUT).is_empty()
    process.join()


def test_whoever_waits_in_vain_is_told_for_whom(tmp_path: Path) -> None:
    process = _holder(tmp_path / "w.duckdb", 3.0)
    try:
        waiting = Warehouse.open(tmp_path / "w.duckdb", wait_seconds=0.3)
        with pytest.raises(WarehouseError, match=rf"held by process {process.pid}"), waiting:
            pass
    finally:
        process.join()


def test_a_slow_query_draws_no_progress_bar_into_what_a_command_prints() -> None:
    with Warehouse.open(None) as warehouse:
        shown = warehouse.query("select current_setting('enable_progress_bar') as is_shown")
    assert shown["is_shown"].to_list() == [False]


FINDING, CLOSING = BY_NAME["recon.finding"], BY_NAME["report.closing"]


def older(path: Path, *statements: str) -> None:
    """Make the file one of an older schema: by what is dropped from it."""
    with Warehouse.open(path) as warehouse:
        for statement in (*statements, "drop table if exists main.schema_number"):
            warehouse._connection.execute(statement)


def locked(path: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A warehouse with a finding, and with a month that is locked and signed."""
    month, who = Month(2026, 10), Person("Ann", datetime(2026, 11, 5, 9, tzinfo=UTC))
    told = finding("2026-10", "unpriced", "warning", "1 token of 'm'.", "Add a price.", subject="m")
    facts = {"close_id": "c", "results_hash": "r", "inputs_hash": "i", "rules_hash": "h"}
    ledger = pl.concat([event(month, 1, "closed", who, **facts), event(month, 1, "prepared", who)])
    with Warehouse.open(path) as warehouse:
        warehouse.insert(FINDING, told)
        warehouse.insert(CLOSING, ledger)
    return told, ledger


def test_a_warehouse_of_an_older_schema_keeps_its_locks(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    told, ledger = locked(path)
    older(
        path,
        "alter table recon.finding drop column subject",
        "alter table report.closing drop column rules",
        "drop table recon.price_effect",
    )
    for _ in range(2):  # the second opening finds nothing to do
        with Warehouse.open(path) as warehouse:
            assert warehouse.read(FINDING).equals(told.with_columns(subject=pl.lit("")))
            kept = warehouse.read(CLOSING)
            assert kept.sort("event").equals(ledger.sort("event"))
            assert standing(kept).state == "closed"
            assert standing(kept).signatures.keys() == {"prepared"}
            assert warehouse.read(BY_NAME["recon.price_effect"]).is_empty()
            assert warehouse.query("select number from main.schema_number")["number"].to_list() == [NUMBER]
            warehouse.insert(FINDING, told)
            warehouse.delete(FINDING, "subject", ["m"])


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            "alter table report.closing drop column recorded_by",
            "lacks recorded_by, and nobody knows its value",
        ),
        (
            "alter table report.closing alter locked_version type varchar",
            "has locked_version as VARCHAR, and",
        ),
        (
            "alter table report.closing add column mood varchar",
            "has a column mood, which this version does not",
        ),
    ],
)
def test_what_cannot_be_carried_over_is_refused_and_left_as_it_was(
    tmp_path: Path, statement: str, words: str
) -> None:
    path = tmp_path / "w.duckdb"
    locked(path)
    older(path, "alter table recon.finding drop column subject", statement)
    for _ in range(2):
        with pytest.raises(WarehouseError, match=words) as refused, Warehouse.open(path):
            pass
        assert "report.closing" in str(refused.value)
        assert "With locked months, keep it and use the version that made it." in str(refused.value)


def test_an_empty_table_takes_any_column(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    older(path, "alter table report.closing drop column recorded_by")
    with Warehouse.open(path) as warehouse:
        assert warehouse.read(CLOSING).is_empty()


def test_a_warehouse_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    with Warehouse.open(path) as warehouse:
        warehouse._connection.execute("update main.schema_number set number = number + 1")
    with (
        pytest.raises(WarehouseError, match=f"has schema {NUMBER + 1}.*a newer version"),
        Warehouse.open(path),
    ):
        pass


@pytest.mark.parametrize(("name", "column"), sorted(VALUES_OF_BEFORE))
def test_a_value_of_before_is_of_a_column_that_may_not_be_null(name: str, column: str) -> None:
    assert not BY_NAME[name].contract.to_schema().columns[column].nullable
