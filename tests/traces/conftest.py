"""A month of requests, and what landing makes of any dump of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest

from pipeline.content import open_content, read_lines
from pipeline.landing import land
from pipeline.settings import Settings
from pipeline.simulator import world
from pipeline.source_settings import Source
from pipeline.warehouse import Warehouse
from schemas.tables import BY_NAME


class Landed(NamedTuple):
    """Spans without their place, in order of ids; rejects; format of the file."""

    spans: pl.DataFrame
    rejects: list[dict[str, Any]]
    format: str


PLACE = ("file_id", "line", "position")


@pytest.fixture(scope="session")
def month(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The trace requests of a simulated month: all dialects, texts, exceptions, sampling marks."""
    folder = tmp_path_factory.mktemp("month")
    world.write(folder, seed=5, month="2026-10", calls=400)
    lines = [line for path in sorted((folder / "traces").iterdir()) for line in _lines(path)]
    return [request for request in map(_json, lines) if request and "resourceSpans" in request]


def _lines(path: Path) -> list[bytes]:
    with open_content(path) as (content, stream):
        return [line.data for line in read_lines(content, stream)]


def _json(line: bytes) -> dict[str, Any] | None:
    try:
        return json.loads(line)
    except ValueError:
        return None


@pytest.fixture
def landing(tmp_path: Path) -> Callable[..., Landed]:
    """Land one file of these bytes, alone."""

    def run(content: bytes, name: str = "dump", **options: Any) -> Landed:
        path = tmp_path / "dumps" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        source = Source(name="otel", kind="traces", uri=f"dumps/{name}", **options)
        with Warehouse.open(None) as warehouse:
            (told,) = land(Settings(sources=(source,), root=tmp_path), warehouse).sources
            spans = warehouse.read(BY_NAME["raw.span"])
            rejects = warehouse.read(BY_NAME["raw.quarantine"]).rows(named=True)
            (file,) = warehouse.read(BY_NAME["raw.file"]).rows(named=True)
        assert told.rows["rows_read"] == spans.height + len(rejects)
        assert all(reject["reason"] and reject["advice"] for reject in rejects)
        placed = spans.sort("line", "position").drop(PLACE)
        return Landed(placed, rejects, file["format"])

    return run
