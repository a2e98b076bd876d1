"""A month through the real graph: the job and the command line are two ways to the same bytes."""

from hashlib import sha256
from pathlib import Path

import dagster as dg
import pytest

from assets import close, laws
from assets.definitions import build_defs
from pipeline.health import DAILY, MONTHLY
from pipeline.period import Month
from schemas.tables import TABLES

MONTH = "2026-10"


def _world(folder: Path) -> Path:
    world = pytest.importorskip("pipeline.simulator.world", reason="there is no simulator yet")
    world.write(folder, seed=11, month=MONTH, calls=600, progress=lambda what, done, whole: None)
    return folder / "tallystick.toml"


def _run(config: Path, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    job = build_defs(config).resolve_job_def("close_month")
    return job.execute_in_process(partition_key=MONTH, instance=instance)


def _published(config: Path) -> dict[str, str]:
    folder = config.parent / "output" / MONTH
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def run_twice(tmp_path_factory) -> tuple[Path, dict[str, str], dg.ExecuteInProcessResult]:
    """A month closed twice as a job: the configuration, what the first run published, the second run."""
    config = _world(tmp_path_factory.mktemp("job"))
    with dg.DagsterInstance.ephemeral() as instance:
        _run(config, instance)
        first = _published(config)
        return config, first, _run(config, instance)


def test_a_month_materialises_every_table_and_every_law_holds(run_twice) -> None:
    _, _, result = run_twice

    keys = {event.asset_key.to_user_string() for event in result.get_asset_materialization_events()}
    checks = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    assert {table.name.replace(".", "/") for table in TABLES} <= keys
    assert {"published/index", "published/teams", "published/workbook", "published/exports"} <= keys
    assert {name: checks[name] for name in laws.CHECKS} == dict.fromkeys(laws.CHECKS, True)
    assert set(checks) == {*laws.CHECKS, *(watch.code for watch in (*DAILY, *MONTHLY)), "sources_can_be_read"}


def test_a_second_run_changes_no_byte(run_twice) -> None:
    config, first, _ = run_twice

    assert "index.html" in first
    assert _published(config) == first


def test_the_command_line_writes_the_same_bytes(run_twice, tmp_path) -> None:
    _, first, _ = run_twice
    config = _world(tmp_path / "command")

    close.close_month(close.load_settings(config), Month.parse(MONTH))

    assert _published(config) == first
