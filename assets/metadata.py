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
from schemas.tables import BY_NAME, Table


def column_schema(table: Table) -> dg.TableSchema:
    """Return the columns of a table with type, meaning and whether they may be null."""
    optional = nullable_columns(table)
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=name,
                type=type_name(dtype),
                description=table.descriptions[name],
                constraints=dg.TableColumnConstraints(nullable=name in optional),
            )
            for name, dtype in table.schema.items()
        ]
    )


def column_lineage(table: Table) -> dg.TableColumnLineage:
    """Return which columns each column of a table comes from.

    Derived from the contracts: a column has one name and one meaning in all tables, so that it comes from
    the columns of its name in the tables that its own reads. What is computed under a new name has none.
    """
    upstream = [BY_NAME[name] for name in table.reads]
    deps = {
        column: [
            dg.TableColumnDep(asset_key=dg.AssetKey(other.name.split(".")), column_name=column)
            for other in upstream
            if column in other.schema
        ]
        for column in table.schema
    }
    return dg.TableColumnLineage({column: found for column, found in deps.items() if found})


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
