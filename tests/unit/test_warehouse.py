import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from pipeline.errors import ContractError, WarehouseError
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
