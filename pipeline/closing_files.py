"""`closing.json`: how a month was closed and the hashes of its files, readable without the warehouse.

A published folder holds the versions before its own below `versions/`, each as it was published.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.closing import Standing
from pipeline.disk import writing
from pipeline.errors import TallystickError
from schemas.tables import TABLES

NAME = "closing.json"
VERSIONS = "versions"
LOCKED = tuple(
    f"{table.exported}.{kind}" for table in TABLES if table.exported and not table.is_ledger
    for kind in ("parquet", "csv")
)  # fmt: skip
"""Files whose bytes a lock records."""


def results_hash(folder: Path, names: Iterable[str] = LOCKED) -> str:
    """Return the hash over names and bytes of the tables of a month."""
    lines = [f"{name} {_sha256(folder / name)}\n" for name in sorted(names)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def write(folder: Path, ledger: pl.DataFrame, inputs: pl.DataFrame, names: Iterable[str]) -> str:
    """Write the manifest of a locked month into its folder; return its name."""
    facts = {
        "events": _events(ledger),
        "inputs": inputs.select("kind", "uri", "file_id", "decoder").unique().sort(pl.all()).to_dicts(),
        "files": [{"name": name, "sha256": _sha256(folder / name)} for name in sorted(names)],
    }
    text = json.dumps(facts, indent=1, ensure_ascii=False) + "\n"
    with writing(folder / NAME):
        (folder / NAME).write_text(text, "utf-8", newline="\n")
    return NAME


def hold(
    fresh: Path, target: Path, standing: Standing, month: str, files: tuple[str, ...]
) -> tuple[str, ...]:
    """See to it that a new folder of a locked month has the bytes of the lock; those of the old one count.

    Return which of `files` stand in it: a table that the version which locked does not know is taken out.

    Raises:
        TallystickError: neither what was written now nor what was published has these bytes.
    """
    if not standing.is_locked or standing.lock is None:
        return files
    wanted = standing.lock["results_hash"]
    if results_hash(fresh) == wanted:
        return files
    names = _tables(target)
    if not _has(target, names, wanted):
        raise TallystickError(
            f"The published files of the locked month {month} were changed or lost, and what this version of "
            "Tallystick writes is not byte for byte what was locked. Nothing was written. Bring the files "
            f'back from a copy, or run `tallystick reopen {month} --why "..."` and lock the month again.'
        )
    for name in names:  # another version of a library writes the same rows in other bytes
        shutil.copy(target / name, fresh / name)
    later = set(LOCKED).difference(names)
    for name in later:
        (fresh / name).unlink()
    return tuple(name for name in files if name not in later)


def _tables(folder: Path) -> tuple[str, ...]:
    """Return the tables that the manifest of a folder names: an older version has fewer."""
    try:
        named = {item["name"] for item in json.loads((folder / NAME).read_text("utf-8"))["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        return LOCKED
    return tuple(name for name in LOCKED if name in named)


def _has(folder: Path, names: Iterable[str], wanted: str) -> bool:
    try:
        return results_hash(folder, names) == wanted
    except OSError:
        return False


def refuse_strangers(target: Path, ledger: pl.DataFrame) -> None:
    """Raise when a folder holds a lock that the warehouse knows nothing of: it may not be replaced."""
    known = _events(ledger)
    unknown = [item for item in _written_events(target) if item not in known]
    if unknown:
        first = unknown[0]
        raise TallystickError(
            f"{target} holds version {first['locked_version']} of the month, {first['event']} on "
            f"{first['recorded_at']}, and this warehouse does not know of it. Nothing was written. Bring the "
            "warehouse back that locked it, or move the folder away and close again."
        )


def intact(folder: Path, ledger: pl.DataFrame) -> tuple[str, ...] | None:
    """Return the names of the published files when every one is as `closing.json` says; null else."""
    try:
        facts = json.loads((folder / NAME).read_text("utf-8"))
        names = {item["name"]: item["sha256"] for item in facts["files"]}
        if facts["events"] == _events(ledger) and all(_sha256(folder / n) == h for n, h in names.items()):
            return (*sorted(names), NAME)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def changed_files(folder: Path) -> tuple[str, ...]:
    """Return the files of a locked month that are no longer as `closing.json` says; none of an open month."""
    try:
        facts = json.loads((folder / NAME).read_text("utf-8"))
    except FileNotFoundError:
        return ()
    return tuple(
        item["name"]
        for item in facts["files"]
        if not (folder / item["name"]).is_file() or _sha256(folder / item["name"]) != item["sha256"]
    )


def keep_versions(target: Path, fresh: Path, standing: Standing) -> tuple[str, ...]:
    """Copy earlier versions of a month into the folder that will replace it; return their files."""
    if (target / VERSIONS).is_dir():
        shutil.copytree(target / VERSIONS, fresh / VERSIONS)
    number = _version(target)
    is_another = number is not None and (not standing.is_locked or number < standing.version)
    place = fresh / VERSIONS / str(number)
    if is_another and not place.exists():
        shutil.copytree(
            target, place, ignore=lambda folder, names: [VERSIONS] if Path(folder) == target else []
        )
    found = (path for path in (fresh / VERSIONS).rglob("*") if path.is_file())
    return tuple(sorted(str(path.relative_to(fresh)) for path in found))


def _version(folder: Path) -> int | None:
    """Return which locked version lies in a folder; null when none does."""
    return max((item["locked_version"] for item in _written_events(folder)), default=None)


def _written_events(folder: Path) -> list[dict[str, Any]]:
    """Return the events in the manifest of a folder; none where there is none that can be read."""
    try:
        events = json.loads((folder / NAME).read_text("utf-8"))["events"]
        return [
            item for item in events if int(item["locked_version"]) and item["event"] and item["recorded_at"]
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _events(ledger: pl.DataFrame) -> list[dict[str, Any]]:
    rows = ledger.sort("locked_version", "recorded_at", "event").iter_rows(named=True)
    return [_plain(row) for row in rows]


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    told = {**row, "recorded_at": f"{row['recorded_at']:%Y-%m-%dT%H:%M:%SZ}"}
    if row["rules"] is not None:
        told["rules"] = json.loads(row["rules"])
    return {name: value for name, value in told.items() if value is not None}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
