"""When a month is closed that nobody asked for: so many days after the last of its invoices landed."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import polars as pl

from pipeline.period import Month
from pipeline.schedule_settings import Schedule
from pipeline.stored import StoredFile


class Seen(NamedTuple):
    """The invoices of a month as they were seen first, together."""

    invoices: str
    """Fingerprint of all of them."""
    landed_at: datetime


def invoices_of(rows: pl.DataFrame) -> dict[str, tuple[str, ...]]:
    """Return month -> its invoices, each with the id of its content."""
    told = rows.select("month", text=pl.concat_str("invoice_id", "file_id", separator=" "))
    groups = told.group_by("month", maintain_order=True).agg("text")
    return {month: tuple(texts) for month, texts in groups.rows()}


def fingerprint(words: Iterable[str]) -> str:
    """Return a word that is another one as soon as one of the words is, whatever their order."""
    return hashlib.sha256(json.dumps(sorted(words)).encode()).hexdigest()[:16]


def state_of(files: Iterable[StoredFile]) -> str:
    """Return what changes when a file of a place comes, goes or is written again."""
    return fingerprint(
        f"{file.uri} {(file.remote and file.version) or f'{file.size_bytes} {file.modified_at}'}"
        for file in files
    )


def note(seen: Mapping[str, Seen], landed: Mapping[str, Iterable[str]], now: datetime) -> dict[str, Seen]:
    """Return what has been seen by now: a month keeps its instant as long as its invoices are the same."""
    current = {month: fingerprint(invoices) for month, invoices in landed.items()}
    return {
        month: seen[month] if month in seen and seen[month].invoices == mark else Seen(mark, now)
        for month, mark in sorted(current.items())
    }


def closes_at(schedule: Schedule, landed_at: datetime) -> datetime:
    """Return the instant of the close that follows an invoice, in UTC.

    Days and hours are those of the schedule's clock, so that a day with 23 or 25 hours counts as one. With
    no days to wait, the close follows the invoice at once. An hour that a clock skips is taken as if it
    had not been put forward; of an hour that comes twice the first counts.
    """
    if schedule.closing_days == 0:
        return landed_at.astimezone(UTC)
    zone = ZoneInfo(schedule.timezone)
    day = landed_at.astimezone(zone).date() + timedelta(days=schedule.closing_days)
    return datetime.combine(day, time(schedule.closing_hour), zone).astimezone(UTC)


def due(schedule: Schedule, seen: Mapping[str, Seen], now: datetime) -> dict[str, str]:
    """Return the months whose close has come, with the fingerprint of their invoices."""
    return {
        month: state.invoices for month, state in seen.items() if closes_at(schedule, state.landed_at) <= now
    }


def month_before(schedule: Schedule, fires_at: datetime) -> Month:
    """Return the month before the one that the schedule's clock shows."""
    return Month.of(fires_at.astimezone(ZoneInfo(schedule.timezone))).plus(-1)


def written(seen: Mapping[str, Seen]) -> str:
    """Return what was seen as JSON, for a sensor's cursor."""
    return json.dumps(
        {month: [state.invoices, state.landed_at.isoformat()] for month, state in sorted(seen.items())}
    )


def read(cursor: str | None) -> dict[str, Seen]:
    """Return what a cursor says was seen; nothing where there is none."""
    facts = json.loads(cursor or "{}")
    return {month: Seen(mark, datetime.fromisoformat(at)) for month, (mark, at) in facts.items()}
