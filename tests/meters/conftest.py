"""Raw rows as small text tables: what exports and manifests said, before anything is chosen."""

from collections.abc import Callable
from datetime import date

import polars as pl
import pytest

from schemas.tables import BY_NAME

Rows = Callable[..., pl.DataFrame]


def _placed(frame: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    """Give rows a place in their file, in the order in which they are written, unless they have one."""
    position = pl.int_range(pl.len()).over("file_id").cast(pl.Int64)
    return frame.with_columns(line=pl.col("line").fill_null(1), position=position).select(columns)


@pytest.fixture
def usage(table) -> Rows:
    """Rows of raw.usage; `start` and `hours` make the bucket."""
    schema = BY_NAME["raw.usage"].schema

    def build(text: str = "", **constant: object) -> pl.DataFrame:
        defaults = {
            "source": "s",
            "provider": "openai",
            "account": "main",
            "endpoint": "completions",
            "grouping": "model",
            "is_empty": False,
            "model": "gpt-4o-2024-08-06",
            "dimensions": "{}",
            "file_id": "f1",
        }
        if not text:
            return schema.to_frame()
        return _placed(table(text, schema, **{**defaults, **constant}), schema.names())

    return build


@pytest.fixture
def requests(table) -> Rows:
    """Rows of raw.request."""
    schema = BY_NAME["raw.request"].schema

    def build(text: str = "", **constant: object) -> pl.DataFrame:
        defaults = {"source": "s", "provider": "groq", "account": "main", "part": "message", "file_id": "f1"}
        if not text:
            return schema.to_frame()
        return _placed(table(text, schema, **{**defaults, **constant}), schema.names())

    return build


@pytest.fixture
def cost(table) -> Rows:
    """Rows of raw.cost."""
    schema = BY_NAME["raw.cost"].schema

    def build(text: str = "", **constant: object) -> pl.DataFrame:
        defaults = {
            "source": "s",
            "provider": "openai",
            "account": "main",
            "grouping": "line_item",
            "is_empty": False,
            "cost_type": "tokens",
            "dimensions": "{}",
            "currency": "USD",
            "file_id": "f1",
        }
        if not text:
            return schema.to_frame()
        return _placed(table(text, schema, **{**defaults, **constant}), schema.names())

    return build


@pytest.fixture
def invoices(table) -> Rows:
    """Rows of raw.invoice."""
    schema = BY_NAME["raw.invoice"].schema

    def build(text: str = "", **constant: object) -> pl.DataFrame:
        defaults = {
            "source": "s",
            "provider": "mistral_ai",
            "account": "main",
            "issuer": "Mistral AI",
            "invoice_id": "A1",
            "period_start_on": date(2026, 10, 1),
            "period_end_on": date(2026, 11, 1),
            "category": "usage",
            "currency": "USD",
            "file_id": "i1",
        }
        if not text:
            return schema.to_frame()
        return _placed(table(text, schema, **{**defaults, **constant}), schema.names())

    return build


@pytest.fixture
def files(table) -> Rows:
    """Rows of raw.file: which file was pulled when, as far as known."""
    schema = BY_NAME["raw.file"].schema

    def build(text: str = "", **constant: object) -> pl.DataFrame:
        defaults = {
            "source": "s",
            "kind": "usage",
            "format": "f",
            "size_bytes": 1,
            "rows_read": 1,
            "rows_kept": 1,
            "rows_quarantined": 0,
            "decoder": "d",
        }
        return table(text, schema, **{**defaults, **constant}) if text else schema.to_frame()

    return build
