"""The same facts give the same exports, byte for byte, however they arrive."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl

PUBLIC = {
    "bridge": "month provider account scope model service_tier token_kind team service feature step "
    "tokens tokens_low tokens_high usd basis evidence_count",
    "tieout": "month provider account invoice_id component usd",
    "evidence": "step team trace_id span_id tokens usd reason",
}
"""Columns that others build on."""

Hashes = dict[str, str]
Close = Callable[[Path], Hashes]


def test_the_exports_are_there_with_their_columns(expected: Hashes, month_folder: Path, close: Close) -> None:
    assert {"bridge.parquet", "tieout.parquet", "evidence.parquet", "quarantine.parquet"} <= set(expected)
    assert {name.removesuffix(".parquet") + ".csv" for name in expected if name.endswith(".parquet")} <= set(
        expected
    )
    close(month_folder)
    published = month_folder / "output" / "2026-10"
    for name, columns in PUBLIC.items():
        assert pl.read_parquet(published / f"{name}.parquet").columns == columns.split()


def test_closing_twice_changes_nothing(expected: Hashes, month_folder: Path, close: Close) -> None:
    assert close(month_folder) == expected
    assert close(month_folder) == expected


def test_the_order_of_sources_and_files_changes_nothing(
    expected: Hashes, month_folder: Path, close: Close
) -> None:
    config = month_folder / "tallystick.toml"
    head, *sources = re.split(r"(?m)^(?=\[\[sources\]\])", config.read_text("utf-8"))
    last, tail = re.split(r"(?m)^(?=\[\[teams\]\]|# )", sources[-1], maxsplit=1)
    config.write_text("".join([head, *reversed([*sources[:-1], last]), tail]), "utf-8")
    names = sorted(path.name for path in (month_folder / "traces").iterdir())
    backwards = {name: f"{len(names) - i:03}-{name}" for i, name in enumerate(names)}
    for name, other in backwards.items():
        (month_folder / "traces" / name).rename(month_folder / "traces" / other)
    tables = close(month_folder)
    unnamed = {name for name in expected if not name.startswith(("quarantine", "open_items"))}
    assert {name: tables[name] for name in unnamed} == {name: expected[name] for name in unnamed}


def test_the_same_file_under_another_name_changes_nothing(
    expected: Hashes, month_folder: Path, close: Close
) -> None:
    traces = sorted((month_folder / "traces").iterdir())
    shutil.copy(traces[3], month_folder / "traces" / f"zz-copy-{traces[3].name}")
    usage = sorted((month_folder / "openai" / "usage").iterdir())[-1]
    shutil.copy(usage, usage.with_name(f"zz-copy-{usage.name}"))
    assert close(month_folder) == expected


def test_a_copy_of_an_older_pull_under_a_later_date_is_still_the_older_pull(
    expected: Hashes, month_folder: Path, close: Close
) -> None:
    pulls = sorted((month_folder / "openai" / "usage").glob("*2026-10-1*"))
    assert pulls, "the simulated month has a pull from its middle"
    for path in pulls:
        shutil.copy(path, path.with_name(re.sub(r"2026-10-1\d", "2026-12-24", path.name)))
    assert close(month_folder) == expected


def test_an_older_pull_beside_the_newer_one_changes_nothing(
    expected: Hashes, month_folder: Path, close: Close
) -> None:
    """An older pull had fewer tokens in its last days, and lacked the days after it."""
    newest = sorted((month_folder / "anthropic" / "usage").glob("*page*"))
    for page in newest:
        content = json.loads(page.read_text("utf-8"))
        content["data"] = [bucket for bucket in content["data"] if bucket["starting_at"] < "2026-10-20"]
        for bucket in content["data"]:
            for row in bucket["results"] if bucket["starting_at"] > "2026-10-18" else []:
                row["output_tokens"] //= 2
        older = page.with_name(re.sub(r"\d{4}-\d\d-\d\d", "2026-10-20", page.name))
        if content["data"]:
            older.write_text(json.dumps(content), "utf-8")
    assert close(month_folder) == expected


def test_files_that_come_in_two_halves_end_as_if_they_came_together(
    expected: Hashes, month_folder: Path, close: Close, tmp_path: Path
) -> None:
    late = sorted((month_folder / "traces").iterdir())[::2]
    for path in late:
        path.rename(tmp_path / path.name)
    assert close(month_folder) != expected
    for path in late:
        (tmp_path / path.name).rename(path)
    assert close(month_folder) == expected


def test_a_changed_file_replaces_its_own_rows(expected: Hashes, month_folder: Path, close: Close) -> None:
    trace = sorted((month_folder / "traces").glob("*.jsonl"))[5]
    whole = trace.read_bytes()
    trace.write_bytes(b"\n".join(whole.splitlines()[:-1]) + b"\n")
    assert close(month_folder) != expected
    trace.write_bytes(whole)
    assert close(month_folder) == expected
