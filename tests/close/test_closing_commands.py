"""`close --lock`, `reopen` and `sign` as people type them, and as the scheduled job meets them."""

import json
import shutil
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from typer.testing import CliRunner

from assets.cli import app
from assets.definitions import build_defs
from pipeline.errors import ConfigError, TallystickError

HOSTILE = "\x1b[31mBob\n\u202e<script>alert(1)</script>"
ACCEPTED = '\n[[closing.resolutions]]\ncode = "quarantine"\nresolution = "accepted"\nwhy = "torn lines"\n'


def bytes_of(folder: Path) -> dict[str, bytes]:
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def run(folder: Path, *words: str) -> tuple[int, str]:
    """Exit code and standard output; what the command refuses is raised."""
    done = CliRunner().invoke(app, [*words, "--config", str(folder / "tallystick.toml")])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout


@pytest.fixture(scope="module")
def locked(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(shutil.copytree(pristine, tmp_path_factory.mktemp("commands") / "month"))
    with (folder / "tallystick.toml").open("a") as config:
        config.write(ACCEPTED)
    code, said = run(folder, "close", "2026-10", "--lock", "--by", "=Ann")
    assert (code, "2026-10 is closed, version 1." in said) == (0, True), said
    return folder


@pytest.fixture
def folder(locked: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(locked, tmp_path / "month"))


def late_invoice(folder: Path) -> None:
    first = next(iter((folder / "invoices").glob("openai*"))).read_text("utf-8")
    lines = ['invoice_id = "LATE"' if line.startswith("invoice_id") else line for line in first.splitlines()]
    (folder / "invoices" / "late.toml").write_text("\n".join(lines), "utf-8")


def test_a_locked_month_closed_again_ends_with_zero_and_says_that_it_stands(folder: Path) -> None:
    before = bytes_of(folder / "output")

    code, said = run(folder, "close", "2026-10")

    assert code == 0
    assert "Closed now it would have the same figures." in said
    assert bytes_of(folder / "output") == before


def test_late_data_ends_with_one_and_says_what_came_by_how_much_and_what_to_do(folder: Path) -> None:
    before = bytes_of(folder / "output")
    late_invoice(folder)
    _, landed = run(folder, "land")

    code, said = run(folder, "close", "2026-10", "--lock")

    assert code == 1
    assert "2026-10 is locked and stays as it is. Late for it: new: invoices/late.toml (invoice)." in landed
    for words in (
        "new: invoices/late.toml (invoice)",
        "LATE, billed: none -> ",
        'tallystick reopen 2026-10 --why "..."',
    ):
        assert words in said
    assert bytes_of(folder / "output") == before


def test_a_restatement_from_the_command_line(folder: Path) -> None:
    late_invoice(folder)
    code, said = run(folder, "reopen", "2026-10", "--why", f"late: {HOSTILE}", "--by", HOSTILE)
    assert (code, "Version 1 stays published" in said) == (0, True)

    code, said = run(folder, "close", "2026-10", "--lock", "--by", HOSTILE)

    assert (code, "2026-10 is restated, version 2." in said) == (0, True)
    root = folder / "output" / "2026-10"
    page = (root / "index.html").read_text("utf-8")
    told = [said, page, (root / "closing.csv").read_text("utf-8"), (root / "closing.json").read_text("utf-8")]
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    for text in told:
        assert "\x1b" not in text
        assert "\u202e" not in text
    csv = (root / "versions" / "1" / "closing.csv").read_text("utf-8")
    assert "'=Ann" in csv
    events = json.loads((root / "closing.json").read_text("utf-8"))["events"]
    assert sorted((item["locked_version"], item["event"]) for item in events) == [
        (1, "closed"), (1, "prepared"), (1, "reopened"), (2, "prepared"), (2, "restated"),
    ]  # fmt: skip
    assert all(set(item) >= {"recorded_at", "recorded_by"} for item in events)


def test_a_reviewer_signs_and_nobody_signs_twice(folder: Path) -> None:
    code, said = run(folder, "sign", "2026-10", "--as", "reviewer", "--by", "Bob")
    assert (code, said) == (0, "Version 1 of 2026-10 is signed by Bob as reviewer.\n")
    with pytest.raises(TallystickError, match="was reviewed by Bob"):
        run(folder, "sign", "2026-10", "--as", "reviewer", "--by", "Cyd")
    with pytest.raises(TallystickError, match="was prepared by =Ann"):
        run(folder, "sign", "2026-10", "--as", "preparer", "--by", "Cyd")

    ledger = pl.read_parquet(folder / "output" / "2026-10" / "closing.parquet")
    assert sorted(ledger["event"]) == ["closed", "prepared", "reviewed"]


@pytest.mark.parametrize(
    "words",
    [
        ("sign", "2026-10", "--by", "x" * 121),
        ("sign", "2026-10", "--by", " "),
        ("reopen", "2026-10", "--why", " "),
    ],
)
def test_a_name_or_a_reason_that_says_nothing_or_too_much_is_refused(
    folder: Path, words: tuple[str, ...]
) -> None:
    before = bytes_of(folder / "output")
    with pytest.raises(ConfigError, match=r"--by|--why"):
        run(folder, *words)
    assert bytes_of(folder / "output") == before


def test_a_month_that_cannot_be_locked_ends_with_one_and_says_why(folder: Path) -> None:
    config = folder / "tallystick.toml"
    config.write_text(config.read_text("utf-8").replace(ACCEPTED, ""), "utf-8")
    (folder / "tallystick.duckdb").unlink()
    shutil.rmtree(folder / "output")

    code, said = run(folder, "close", "2026-10", "--lock")

    assert code == 1
    assert "2026-10 is not locked. What hinders it:" in said
    assert " quarantine: " in said
    assert (folder / "output" / "2026-10" / "index.html").exists()


def test_the_scheduled_job_leaves_a_locked_month_alone(folder: Path) -> None:
    before = bytes_of(folder / "output")
    late_invoice(folder)
    job = build_defs(folder / "tallystick.toml").resolve_job_def("close_month")

    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(partition_key="2026-10", instance=instance)
        told = [record.user_message for record in instance.all_logs(result.run_id)]

    assert result.success
    assert bytes_of(folder / "output") == before
    assert any("2026-10 is locked and was left as it is" in line for line in told)
    assert any("new: invoices/late.toml (invoice)" in line for line in told)


def test_an_error_that_was_accepted_neither_hinders_nor_ends_with_one(folder: Path) -> None:
    config = folder / "tallystick.toml"
    text = (
        config.read_text("utf-8")
        .replace('usd = "5"', 'usd = "0.01"')
        .replace('percent = "3"', 'percent = "0.01"')
    )
    config.write_text(text, "utf-8")
    (folder / "tallystick.duckdb").unlink()
    shutil.rmtree(folder / "output")
    code, said = run(folder, "close", "2026-10", "--lock")
    assert (code, " unexplained_material: " in said) == (1, True)

    config.write_text(text + ACCEPTED.replace("quarantine", "unexplained_material"), "utf-8")
    code, said = run(folder, "close", "2026-10", "--lock")

    assert (code, "2026-10 is closed, version 1." in said) == (0, True), said
