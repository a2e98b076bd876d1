"""What all tests share: frames written as small text tables, typed by the contract."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import settings

settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, max_examples=500)
settings.load_profile("same")  # every run tries the same; --hypothesis-profile=search looks for more

ROOT = Path(__file__).parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let somebody who has looked at the difference rewrite the golden files."""
    parser.addoption("--update-golden", action="store_true", help="rewrite the files of tests/golden")


def _value(text: str, dtype: pl.DataType) -> object:
    if text in {"", "null"}:
        return None if text == "null" or dtype != pl.String else ""
    readers: dict[type, Callable[[str], object]] = {
        pl.Int64: int,
        pl.Float64: float,
        pl.Boolean: lambda word: {"true": True, "false": False}[word],
        pl.Decimal: Decimal,
        pl.Datetime: lambda word: datetime.fromisoformat(word + "+00:00"),
        pl.Date: date.fromisoformat,
    }
    return readers.get(type(dtype), str)(text)


@pytest.fixture
def table() -> Callable[..., pl.DataFrame]:
    """A frame from a text table: `name | name` and rows; columns that are left out take the given values."""

    def build(text: str, schema: pl.Schema, **constant: object) -> pl.DataFrame:
        lines = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]
        names = lines[0]
        unknown = set(names) - set(schema)
        assert not unknown, f"no such columns: {unknown}"
        rows = [
            {name: _value(cell, schema[name]) for name, cell in zip(names, line, strict=True)}
            for line in lines[1:]
        ]
        return pl.DataFrame([{**constant, **row} for row in rows], schema=schema)

    return build
