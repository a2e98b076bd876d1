"""The command line as a user runs it: a process, its output and its exit code."""

import subprocess
import sys
from pathlib import Path

import pytest


def tallystick(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("tallystick")), *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def test_the_demo_ends_with_zero_and_says_where_the_report_is(tmp_path: Path) -> None:
    done = tallystick("demo", "--dir", "it", "--calls", "300", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "was billed $" in done.stdout
    report = tmp_path / "it" / "output" / "2026-10" / "index.html"
    assert "Report: it/output/2026-10/index.html" in done.stdout
    assert report.exists()


def test_another_demo_takes_the_place_of_the_first_and_of_nothing_else(tmp_path: Path) -> None:
    words = ("demo", "--calls", "120", "--dir")
    assert tallystick(*words, "it", "--seed", "1", folder=tmp_path).returncode == 0
    assert tallystick(*words, "it", "--seed", "2", folder=tmp_path).returncode == 0
    assert tallystick(*words, "new", "--seed", "2", folder=tmp_path).returncode == 0
    bridges = [(tmp_path / name / "output" / "2026-10" / "bridge.csv").read_bytes() for name in ("it", "new")]
    assert bridges[0] == bridges[1]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    refused = tallystick(*words, "mine", folder=tmp_path)
    assert refused.returncode == 2
    assert "Choose another folder" in refused.stderr
    assert (tmp_path / "mine" / "notes.txt").read_text() == "keep"


def test_a_close_prints_the_tie_out_and_tells_of_findings(month_folder: Path) -> None:
    done = tallystick("close", "2026-10", folder=month_folder)
    assert done.returncode in {0, 1}, done.stderr
    assert "metered_at_expected_rate" in done.stdout
    assert "Findings:" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_close_ends_with_one_when_the_unexplained_is_material(month_folder: Path) -> None:
    config = month_folder / "tallystick.toml"
    text = (
        config.read_text("utf-8")
        .replace('usd = "5"', 'usd = "0.01"')
        .replace('percent = "3"', 'percent = "0.01"')
    )
    config.write_text(text, "utf-8")
    done = tallystick("close", "2026-10", folder=month_folder)
    assert done.returncode == 1
    assert "unexplained_material" in done.stdout


def test_landing_twice_lands_nothing_the_second_time(month_folder: Path) -> None:
    first = tallystick("land", folder=month_folder)
    second = tallystick("land", folder=month_folder)
    assert first.returncode == second.returncode == 0
    assert "new" in first.stdout
    assert "unchanged" in second.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("close", "2026-13"), "YYYY-MM"),
        (("close", "2026-10", "--config", "nowhere.toml"), "tallystick demo"),
        (("land", "--source", "nothing"), "Known sources:"),
    ],
)
def test_a_mistake_ends_with_two_and_says_what_to_do(
    month_folder: Path, words: tuple[str, ...], told: str
) -> None:
    done = tallystick(*words, folder=month_folder)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_check_names_unknown_keys_and_missing_sources_at_once(month_folder: Path) -> None:
    config = month_folder / "tallystick.toml"
    good = config.read_text("utf-8")
    config.write_text("compny = 'x'\n" + good, "utf-8")
    unknown = tallystick("check", folder=month_folder)
    assert unknown.returncode == 2
    assert "Did you mean 'company'?" in unknown.stderr
    config.write_text(good.replace('uri = "traces"', 'uri = "traces-of-last-year"'), "utf-8")
    missing = tallystick("check", folder=month_folder)
    assert missing.returncode == 2
    assert "traces-of-last-year" in missing.stdout
