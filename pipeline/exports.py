"""Published files: Parquet and CSV of the tables that anyone may build on; same rows, same bytes."""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from pipeline.disk import writing
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
        parquet, csv = (folder / f"{table.exported}.{kind}" for kind in ("parquet", "csv"))
        with writing(parquet):
            frame.write_parquet(parquet, compression="zstd", statistics=False)
        with writing(csv):
            inert(frame).write_csv(csv, datetime_format=_INSTANT)
        names += [parquet.name, csv.name]
    return tuple(names)


def write_files(files: Iterable[tuple[str, str | bytes]], folder: Path) -> tuple[str, ...]:
    """Write pages below the folder as they come; return their names. A name that leaves it is refused."""
    names, root = [], folder.resolve()
    for name, content in files:
        path = (root / name).resolve()
        if not path.is_relative_to(root):
            raise ValueError(f"page name {name!r} leaves the folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        with writing(path):
            path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        names.append(name)
    return tuple(sorted(names))


@contextmanager
def whole(fresh: Path) -> Iterator[None]:
    """Make a folder, and remove it unless all goes well: on a full disk, half of it takes room."""
    try:
        fresh.mkdir(parents=True)
        yield
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


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
