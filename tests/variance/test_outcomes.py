"""The table of outcomes: what is read, and what is refused with file, line and reason."""

from pathlib import Path

import polars as pl
import pytest

from pipeline.preflight import check
from pipeline.settings import Settings
from pipeline.variance.outcomes import REFUSED, ROWS, outcome_findings, read_outcomes, tasks_of

TRACE = "0AF7651916CD43DD8448EB211C80319C"
CALLS = pl.DataFrame(
    {"call_id": ["a", "b"], "trace_id": [TRACE.lower(), "other"], "conversation_id": [None, "talk"]},
    schema=dict.fromkeys(("call_id", "trace_id", "conversation_id"), pl.String),
)


def settings(root: Path, uri: str | None = "outcomes.csv") -> Settings:
    return Settings.model_validate({"root": root, "outcomes": {} if uri is None else {"uri": uri}})


def test_without_the_section_nothing_is_read_and_nothing_said(tmp_path: Path) -> None:
    found = read_outcomes(settings(tmp_path, None))

    assert (found[ROWS].height, found[REFUSED].height) == (0, 0)
    assert outcome_findings("2026-11", {}, tasks_of(CALLS, found[ROWS], ())).is_empty()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_csv_and_parquet_are_read_alike(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"outcomes.{suffix}"
    rows = {"trace_id": [TRACE, None], "conversation_id": [None, "talk"], "outcome": ["Resolved", "dropped"]}
    frame = pl.DataFrame({**rows, "count": [1, 3], "note": ["said things", ""]})
    frame.write_csv(path) if suffix == "csv" else frame.write_parquet(path)

    found = read_outcomes(settings(tmp_path, path.name))

    assert found[ROWS].rows() == [
        (TRACE.lower(), None, "resolved", 1),
        (None, "talk", "dropped", 3),
    ]
    assert found[REFUSED].is_empty()


def test_a_bad_row_costs_itself_alone_and_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "outcomes.csv").write_text(
        "conversation_id,outcome,count\n"
        "talk,resolved,2\n"
        ",resolved,1\n"
        "secret words,,1\n"
        "a,resolved,two\n"
        "b,resolved,0\n"
        "c,resolved,1000001\n"
        "d\n"
        "talk,resolved\n"
        "e,resolved,\n",
        "utf-8",
    )

    found = read_outcomes(settings(tmp_path))

    assert found[ROWS].select("conversation_id", "count").rows() == [("e", 1), ("talk", 2)]
    assert found[REFUSED]["line"].to_list() == [3, 4, 5, 6, 7, 8, 9]
    assert set(found[REFUSED]["uri"]) == {"outcomes.csv"}
    told = outcome_findings("2026-11", found, tasks_of(CALLS, found[ROWS], ("resolved",)))
    assert told.filter(code="outcome_refused").height == 7
    assert "outcomes.csv, line 4, is not counted. It has no outcome." in " ".join(told["message"])
    assert "secret" not in " ".join(told["message"])
    assert told.filter(code="outcome_without_calls")["message"].to_list() == [
        "1 of 2 traces and conversations with an outcome have no billed call of the month to themselves."
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "There is no such file."),
        (b"conversation_id,result\na,b\n", "There is no column outcome."),
        (b"outcome\nresolved\n", "There is no column trace_id or conversation_id."),
        (b"PAR1 and then nothing", "The file starts as Parquet"),
        (b"\x1f\x8b\x08\x00 broken", "The file cannot be read whole"),
        (b"", "There is no column outcome."),
    ],
)
def test_a_file_that_cannot_be_used_is_told_and_loses_nothing_else(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    if content is not None:
        (tmp_path / "outcomes.csv").write_bytes(content)

    found = read_outcomes(settings(tmp_path))

    assert found[ROWS].is_empty()
    assert len(found[REFUSED]) == 1
    assert found[REFUSED]["reason"][0].startswith(reason)


def test_a_check_tells_of_the_first_row_that_cannot_be_counted(tmp_path: Path) -> None:
    (tmp_path / "outcomes.csv").write_text("trace_id,outcome\nt,\nu,\n", "utf-8")
    source = [{"name": "t", "kind": "traces", "uri": "traces"}]
    config = settings(tmp_path).model_copy(
        update={"sources": Settings.model_validate({"sources": source}).sources}
    )

    (problem,) = (each for each in check(config) if each.where == "outcomes")

    assert problem.message == "outcomes.csv, line 2: It has no outcome. So it is with 1 more."
