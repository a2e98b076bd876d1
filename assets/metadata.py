"""What the UI shows beside an asset, derived from its contract; no figure is computed here."""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from decimal import Decimal
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from assets.dictionary import nullable_columns, type_name
from pipeline.causes import CAUSES
from reports.bridge_plot import bridge_plot
from reports.view import CauseText, step_texts
from schemas.lineage import MADE, sources
from schemas.tables import Table
from schemas.types import KIND_COLUMNS


def column_schema(table: Table) -> dg.TableSchema:
    """Return the columns of a table with type, meaning, where they come from, and whether they may be null.

    The sources are links in the meaning: the UI that is free shows no other lineage of columns.
    """
    optional = nullable_columns(table)
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=name,
                type=type_name(dtype),
                description=f"{table.descriptions[name]}\n\n{_origin(table, name)}".strip(),
                constraints=dg.TableColumnConstraints(nullable=name in optional),
            )
            for name, dtype in table.schema.items()
        ]
    )


def column_lineage(table: Table) -> dg.TableColumnLineage:
    """Return which columns each column of a table comes from; see `schemas.lineage`."""
    deps = {
        column: [
            dg.TableColumnDep(asset_key=dg.AssetKey(name.split(".")), column_name=other)
            for name, other in places
        ]
        for column, places in sources(table).items()
    }
    return dg.TableColumnLineage(deps)


def _origin(table: Table, column: str) -> str:
    """Return in Markdown, with links, which assets a column comes from; nothing for raw tables."""
    places: dict[str, list[str]] = {}
    for name, other in sources(table).get(column, ()):
        places.setdefault(name, []).append(other)
    told = [
        f"[{name}](/assets/{name.replace('.', '/')}) {_names(columns)}" for name, columns in places.items()
    ]
    if told:
        return f"From {'; '.join(told)}."
    why = MADE.get(table.name, {}).get(column)
    return f"Made here: {why}." if why else ""


def _names(columns: list[str]) -> str:
    """Return the names of columns; those of all token kinds in one word."""
    has_all = set(columns).issuperset(KIND_COLUMNS)
    named = [name for name in columns if not has_all or name not in KIND_COLUMNS]
    return ", ".join([*(["all token kinds"] if has_all else []), *(f"`{name}`" for name in named)])


def preview(frame: pl.DataFrame) -> dg.TableMetadataValue:
    """Return rows as a table of plain text: what a trace calls something is never read as Markdown."""
    texts = frame.select(pl.all().cast(pl.String).fill_null(""))
    columns = [dg.TableColumn(name, "string") for name in frame.columns]
    records = [dg.TableRecord(row) for row in texts.iter_rows(named=True)]
    return dg.MetadataValue.table(records, schema=dg.TableSchema(columns=columns))


def plot(steps: Mapping[str, int]) -> dg.MarkdownMetadataValue:
    """Return the bridge as an image that the asset page shows."""
    texts = step_texts({cause.code: CauseText(cause.code, cause.title, "", "") for cause in CAUSES})
    svg = bridge_plot(steps, {code: text.title for code, text in texts.items()})
    image = b64encode(svg.encode()).decode()
    return dg.MetadataValue.md(f"![From traced to metered, in tokens](data:image/svg+xml;base64,{image})")


def size_bytes(folder: Path, names: Iterable[str]) -> int:
    """Return the bytes of published files."""
    return sum((folder / name).stat().st_size for name in names)


def code_version(table: Table) -> str:
    """Return a word that changes with the version of Tallystick and with the table's contract."""
    shape = repr((table.name, list(table.schema.items()), table.reads))
    return f"{version('tallystick')}-{sha256(shape.encode()).hexdigest()[:8]}"


def paragraphs(text: str) -> str:
    """Return lines as Markdown, which the UI reads: each a paragraph, and no name a link or a tag."""
    return text.replace("](", "]\\(").replace("<", "\\<").replace("\n", "\n\n")


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """Return metadata in types that Dagster takes: decimals become text, to the last digit."""
    return {key: str(value) if isinstance(value, Decimal) else value for key, value in values.items()}
