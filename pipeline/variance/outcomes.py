"""The table of outcomes: what came of traces and conversations, as somebody else recorded it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import polars as pl

from pipeline.content import open_content
from pipeline.errors import SourceError, StorageError
from pipeline.findings import assemble, finding
from pipeline.intake.file_rows import MAX_EXPORT_BYTES
from pipeline.intake.readers import text
from pipeline.parsing.tables import cells
from pipeline.settings import Settings
from pipeline.storage import list_files
from pipeline.stored import StoredFile

ROWS, REFUSED = "outcome.rows", "outcome.refused"
"""Names under which a close hands them over beside the raw tables."""

MOST = 1_000_000
"""A row that stands for more tasks is a mistake."""

_WANTED = ("trace_id", "conversation_id", "outcome", "count")
_ROW_SCHEMA = pl.Schema(
    {"trace_id": pl.String(), "conversation_id": pl.String(), "outcome": pl.String(), "count": pl.Int64()}
)
NO_OUTCOMES = _ROW_SCHEMA.to_frame()
_REFUSED_SCHEMA = pl.Schema({"uri": pl.String(), "line": pl.Int64(), "reason": pl.String()})
_HINT = "The columns are trace_id or conversation_id, outcome, and count where a row stands for several."


class _Told(NamedTuple):
    rows: list[tuple[str | None, str | None, str, int]]
    refused: list[tuple[str, int | None, str]]


def read_outcomes(settings: Settings) -> dict[str, pl.DataFrame]:
    """Return the rows of the configured files, and what is refused of them with file, line and reason.

    Nothing raises: without this table, there are no figures of tasks and all others.
    """
    told = _Told([], [])
    if (uri := settings.outcomes.uri) is not None:
        try:
            files = list_files(settings.root, uri, settings.s3.endpoint_url).files
        except StorageError as error:
            told.refused.append((uri, None, error.reason))
        else:
            for file in files:
                _take(file, told)
            if not files:
                told.refused.append((uri, None, "There is no such file."))
    rows = pl.DataFrame(told.rows, schema=_ROW_SCHEMA, orient="row")
    return {
        ROWS: rows.sort(pl.all(), nulls_last=True),
        REFUSED: pl.DataFrame(told.refused, schema=_REFUSED_SCHEMA, orient="row").sort(pl.all()),
    }


def _take(file: StoredFile, told: _Told) -> None:
    try:
        content = _bytes(file)
    except (OSError, SourceError, StorageError) as error:
        reason = getattr(error, "reason", None) or f"It cannot be read ({type(error).__name__})."
        told.refused.append((file.uri, None, reason))
        return
    table = cells(content, _WANTED)
    if not table.rejects and (missing := _missing(table.header)):
        told.refused.append((file.uri, 1, f"There is no column {missing}."))
        return
    for line, row in table.rows:
        reason = _wrong(row)
        if reason:
            told.refused.append((file.uri, line, reason))
        else:
            ids = (text(row.get("trace_id", "").lower()), text(row.get("conversation_id")))
            told.rows.append((*ids, row["outcome"].casefold(), int(row.get("count", "1"))))
    told.refused.extend((file.uri, reject.line, reject.reason) for reject in table.rejects)


def _bytes(file: StoredFile) -> bytes:
    with open_content(file) as (content, stream):
        data = stream.read(MAX_EXPORT_BYTES + 1)
    if content.broken or len(data) > MAX_EXPORT_BYTES:
        reason = content.broken or f"it has more than {MAX_EXPORT_BYTES:,} bytes"
        raise SourceError("unreadable", f"The file cannot be read whole: {reason}.", _HINT)
    return data


def _missing(header: Sequence[str]) -> str | None:
    if "outcome" not in header:
        return "outcome"
    return None if {"trace_id", "conversation_id"} & set(header) else "trace_id or conversation_id"


def _wrong(row: Mapping[str, str]) -> str | None:
    """What is wrong with a row; no cell is repeated in it, because cells may name people."""
    if "trace_id" not in row and "conversation_id" not in row:
        return "It has neither trace_id nor conversation_id."
    if "outcome" not in row:
        return "It has no outcome."
    count = row.get("count", "1")
    if not (count.isascii() and count.isdigit() and len(count) <= 7 and 1 <= int(count) <= MOST):
        return f"Its count is no whole number from 1 to {MOST:,}."
    return None


def tasks_of(calls: pl.DataFrame, outcomes: pl.DataFrame, resolved: Sequence[str]) -> pl.DataFrame:
    """Return `call_id`, `task_id`, `task` and `resolved_task` of calls: how many tasks their id stands for.

    A row that names a conversation is about it, also where it names a trace as well; a call belongs to its
    conversation's outcomes before its trace's, and to one of them only.
    """
    words = [word.casefold() for word in resolved]
    is_talk = pl.col("conversation_id").is_not_null()
    told = outcomes.with_columns(
        pl.when(is_talk).then(pl.lit("conversation")).otherwise(pl.lit("trace")).alias("what"),
        pl.coalesce("conversation_id", "trace_id").alias("id"),
    )
    counts = told.group_by("what", "id").agg(
        task=pl.col("count").sum(),
        resolved_task=pl.col("count").filter(pl.col("outcome").is_in(words)).sum(),
    )
    found = []
    for what in ("conversation", "trace"):
        mine = counts.filter(what=what).select(
            "task",
            "resolved_task",
            pl.col("id").alias(f"{what}_id"),
            pl.format(f"{what}/{{}}", "id").alias("task_id"),
        )
        found.append(calls.select("call_id", f"{what}_id").join(mine, on=f"{what}_id").drop(f"{what}_id"))
    first, second = (frame.select("call_id", "task_id", "task", "resolved_task") for frame in found)
    return pl.concat([first, second.join(first, on="call_id", how="anti")])


def outcome_findings(month: str, frames: Mapping[str, pl.DataFrame], tasks: pl.DataFrame) -> pl.DataFrame:
    """Return a finding per refused row, and one of the ids that no billed call of the month has."""
    refused = frames.get(REFUSED, _REFUSED_SCHEMA.to_frame())
    parts = [
        finding(
            month, "outcome_refused", "warning",
            f"Outcomes: {uri}{f', line {line},' if line else ''} is not counted. {reason}",
            f"{_HINT} Correct it and close again.",
        )
        for uri, line, reason in refused.rows()
    ]  # fmt: skip
    rows = frames.get(ROWS, NO_OUTCOMES)
    is_talk = pl.col("conversation_id").is_not_null()
    named = rows.select(is_talk, id=pl.coalesce("conversation_id", "trace_id")).n_unique()
    if alone := named - tasks["task_id"].n_unique():
        parts.append(
            finding(
                month, "outcome_without_calls", "note",
                f"{alone:,} of {named:,} traces and conversations with an outcome have no billed call of the "
                "month to themselves.",
                "Nothing, where the table is of other months too; else compare its ids with those of spans.",
            )
        )  # fmt: skip
    return assemble(parts)
