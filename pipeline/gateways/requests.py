"""What the request logs of gateways share: nested counts as disjoint kinds, logs as tables or as JSON."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pipeline.errors import SourceError
from pipeline.parsing.csv_records import Layout, csv_records
from pipeline.parsing.export_values import iso_instant, shown
from pipeline.parsing.json_records import json_records
from pipeline.parsing.raw_rows import parsed
from pipeline.provider import Parsed, Reject
from schemas.types import KIND_COLUMNS

LANDED = ("file_id", "source")
"""Columns that landing adds; the account comes from the configuration where a log names none."""

_TWICE = "Nothing to do if the log was put together of parts that overlap: it counts once."

AGAIN = "Export the log again; if the number is still there, ask those who run the gateway."


def disjoint(prompt: int | None, completion: int | None, inside: Mapping[str, int | None]) -> dict[str, Any]:
    """Return the disjoint kinds of a prompt that holds its cached, written and modal tokens, and an answer.

    `inside` has the parts by column of raw.request. What is not told stays null; plain input and output are
    what is left.

    Raises:
        SourceError: the parts are more than what holds them.
    """
    sides = {"input_uncached_tokens": ("prompt", prompt), "output_tokens": ("completion", completion)}
    found: dict[str, Any] = dict(inside)
    for column, (side, total) in sides.items():
        is_output = column == "output_tokens"
        parts = [(n, v) for n, v in inside.items() if v and n.startswith("output") == is_output]
        if total is not None and sum(v for _, v in parts) > total:
            told = " + ".join(f"{name} {value}" for name, value in parts)
            raise SourceError("parts_disagree", f"{told} exceed the {total} {side} tokens.", AGAIN)
        found[column] = None if total is None else total - sum(v for _, v in parts)
    if all(found.get(name) is None for name in KIND_COLUMNS):
        raise SourceError("bad_request", "The record has no token count.", AGAIN)
    return found


def instant(record: Mapping[str, Any], name: str) -> datetime:
    """Return a time; without an offset it is UTC."""
    try:
        return iso_instant(record, name)
    except SourceError as error:
        raise SourceError(error.code, error.reason, AGAIN) from None


def from_csv(content: bytes, layout: Layout) -> Parsed:
    """Read a log that is a table: one row per line."""
    found, rejects = csv_records(content, layout)
    return _parsed([record.row for record in found], rejects)


def from_json(content: bytes, read: Callable[[dict[str, Any]], dict[str, Any]]) -> Parsed:
    """Read a log that is JSON: one row per record."""
    return _parsed(*json_records(content, read))


def _parsed(rows: Sequence[dict[str, Any]], rejects: Sequence[Reject]) -> Parsed:
    """Refuse what a log holds twice: the id of a record is its key in the gateway's own table."""
    first: dict[str, int] = {}
    kept: list[dict[str, Any]] = []
    refused = list(rejects)
    for row in rows:
        name = row["response_id"]
        if name is not None and name in first:
            reason = f"The record {shown(name)} stands on line {first[name]} already."
            refused.append(Reject(row["line"], row["position"], None, "repeated_record", reason, _TWICE))
        else:
            first.setdefault(name, row["line"])
            kept.append(row)
    return parsed("raw.request", kept, refused, LANDED)
