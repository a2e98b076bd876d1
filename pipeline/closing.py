"""How a month stands: preliminary, closed or restated, by a ledger of events whose rows are only added."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from typing import Any, NamedTuple

import polars as pl

from pipeline.errors import ConfigError
from pipeline.period import Month
from pipeline.settings import Settings
from pipeline.stored import printable
from schemas.report import Closing, LockedFile, LockedQuarantine

LOCKS = ("closed", "restated")
OUTCOMES = "table of outcomes"
"""Its name among the rules of a lock, beside the sections of the configuration."""

LEDGER_SCHEMA = pl.Schema(Closing.empty().schema)
_STATED = {"provider", "account", "pulled_at"}
_NAME, _WHY = 120, 400


class Standing(NamedTuple):
    """Where a month stands."""

    state: str
    """preliminary, closed or restated."""
    version: int
    """Of the latest lock; 0 when there was none."""
    lock: Mapping[str, Any] | None = None
    """Row of the latest lock."""
    reopened: Mapping[str, Any] | None = None
    """Row of the reopening, while the month is open again."""
    signatures: Mapping[str, Mapping[str, Any]] = {}
    """prepared, reviewed -> row, of the latest lock."""

    @property
    def is_locked(self) -> bool:
        """Whether nothing of the month may change."""
        return self.state != "preliminary"


class Person(NamedTuple):
    """Who does something, when, and why."""

    name: str
    at: datetime
    why: str | None = None


def person(name: str, at: datetime, why: str | None = None) -> Person:
    """Return who does something, in words fit for any place where they are shown.

    Raises:
        ConfigError: the name or the reason is empty or too long.
    """
    return Person(
        _words(name, "--by", _NAME),
        at.replace(microsecond=0),
        None if why is None else _words(why, "--why", _WHY),
    )


def _words(text: str, option: str, length: int) -> str:
    clean = "".join(char if char.isprintable() else printable(char) for char in " ".join(text.split()))
    if not clean:
        raise ConfigError(f"{option} says nothing. Write who or why, for whoever reads the report.")
    if len(clean) > length:
        raise ConfigError(f"{option} has {len(clean):,} characters; write at most {length}.")
    return clean


def standing(ledger: pl.DataFrame) -> Standing:
    """Return how a month stands from its rows of report.closing."""
    locks = ledger.filter(pl.col("event").is_in(LOCKS)).sort("locked_version")
    if locks.is_empty():
        return Standing("preliminary", 0)
    lock = locks.row(-1, named=True)
    last = {
        row["event"]: row
        for row in ledger.filter(locked_version=lock["locked_version"]).iter_rows(named=True)
    }
    signed = {event: last[event] for event in ("prepared", "reviewed") if event in last}
    reopened = last.get("reopened")
    state = "preliminary" if reopened else lock["event"]
    return Standing(state, lock["locked_version"], lock, reopened, signed)


def event(month: Month, number: int, what: str, who: Person, **more: Any) -> pl.DataFrame:
    """Return one row of report.closing."""
    row = {
        **dict.fromkeys(LEDGER_SCHEMA),
        "month": str(month),
        "locked_version": number,
        "event": what,
        "recorded_at": who.at,
        "recorded_by": who.name,
        "why": who.why,
        **more,
    }
    return pl.DataFrame([row], schema=LEDGER_SCHEMA)


def locked_files(month: Month, number: int, files: pl.DataFrame, of_month: pl.DataFrame) -> pl.DataFrame:
    """Return report.locked_file: raw.file as it is; `of_month` are the contents that touch the month."""
    here = of_month.with_columns(is_of_month=pl.lit(value=True))
    marked = files.join(here, on=["kind", "file_id"], how="left").with_columns(
        pl.col("is_of_month").fill_null(value=False)
    )
    return _numbered(marked, month, number, LockedFile.empty().columns)


def locked_quarantine(month: Month, number: int, quarantine: pl.DataFrame) -> pl.DataFrame:
    """Return report.locked_quarantine: raw.quarantine as it is."""
    return _numbered(quarantine, month, number, LockedQuarantine.empty().columns)


def _numbered(frame: pl.DataFrame, month: Month, number: int, columns: list[str]) -> pl.DataFrame:
    return frame.with_columns(
        pl.lit(str(month)).alias("month"), pl.lit(number, pl.Int64).alias("locked_version")
    ).select(columns)


def hashes(
    settings: Settings, files: pl.DataFrame, rates: pl.DataFrame, outcomes: pl.DataFrame
) -> dict[str, str]:
    """Return what a lock records of inputs, rules and prices; `outcomes` are rows that no file landed."""
    contents = files.filter(pl.col("duplicate_of").is_null()).select("kind", "file_id", "decoder")
    sections = rules(settings)
    inputs: list[tuple[Any, ...]] = sorted(contents.rows())
    if outcomes.height:
        inputs += outcomes.rows()
        sections[OUTCOMES] = _hash(outcomes.rows())[:16]
    ours = version("tallystick")
    prices = _hash(sorted(map(str, rates.rows())))
    return {
        "inputs_hash": _hash(inputs),
        "rules_hash": _hash([sections, ours]),
        "rules": json.dumps(sections, sort_keys=True),
        "price_card": f"genai-prices {version('genai-prices')}, rates {prices[:16]}",
        "tallystick_version": ours,
    }


def rules(settings: Settings) -> dict[str, str]:
    """Return the hash of each section of the configuration that figures depend on."""
    sections = settings.model_dump(
        mode="json", exclude={"root", "output", "sources", "s3", "landing", "schedule", "health", "delivery"}
    )
    stated = [source.model_dump_json(include=_STATED) for source in settings.sources]
    sections["sources"] = sorted(stated)
    return {name: _hash(value)[:16] for name, value in sections.items()}


def _hash(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
