"""Published files: Parquet and CSV of the tables that anyone may build on; same rows, same bytes."""

import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl

from schemas.tables import TABLES

_FORMULA = r"^[=+\-@\t\r]"
"""What a spreadsheet would run: such text gets an apostrophe in CSV."""

_INSTANT = "%Y-%m-%dT%H:%M:%S%.fZ"
"""Instants in CSV, all of them UTC: ISO 8601, which FOCUS wants too."""


def export_tables(tables: Mapping[str, pl.DataFrame], folder: Path) -> tuple[str, ...]:
    """Write each exported table as `<name>.parquet` and `<name>.csv`; return the names of the files."""
    names: list[str] = []
    for table in TABLES:
        if table.exported is None:
            continue
        frame = tables[table.name].drop(table.export_without)
        frame = frame.sort(pl.all(), nulls_last=True)
        try:
            frame.write_parquet(folder / f"{table.exported}.parquet", compression="zstd", statistics=False)
            inert(frame).write_csv(folder / f"{table.exported}.csv", datetime_format=_INSTANT)
        except (
            pl.exceptions.PolarsError,
            OSError,
        ) as error:  # what Polars makes of a full disk has no number
            number = re.search(r"(?:os error|Errno) (\d+)", str(error))
            told = f"{folder / table.exported} cannot be written: {error}"
            raise OSError(int(number[1]) if number else 0, told) from error
        names += [f"{table.exported}.parquet", f"{table.exported}.csv"]
    return tuple(names)


def write_files(files: Iterable[tuple[str, str | bytes]], folder: Path) -> tuple[str, ...]:
    """Write pages below the folder as they come; return their names. A name that leaves it is refused."""
    names, root = [], folder.resolve()
    for name, content in files:
        path = (root / name).resolve()
        if not path.is_relative_to(root):
            raise ValueError(f"page name {name!r} leaves the folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        names.append(name)
    return tuple(sorted(names))


def swap(fresh: Path, target: Path) -> None:
    """Put a finished folder in the place of the published one; `recover` mends what a kill leaves."""
    retired = target.with_name(f".{target.name}.old")
    shutil.rmtree(retired, ignore_errors=True)
    if target.exists():
        target.rename(retired)
    fresh.rename(target)
    shutil.rmtree(retired, ignore_errors=True)


def recover(target: Path) -> None:
    """Bring the published folder back if a run was killed in the middle of a swap."""
    retired = target.with_name(f".{target.name}.old")
    if retired.exists() and not target.exists():
        retired.rename(target)


def inert(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with an apostrophe before text that a spreadsheet would run."""
    text = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    return frame.with_columns(
        pl.when(pl.col(name).str.contains(_FORMULA))
        .then("'" + pl.col(name))
        .otherwise(pl.col(name))
        .alias(name)
        for name in text
    )
