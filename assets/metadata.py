"""What the UI shows beside an asset, derived from its contract; no figure is computed here."""

from decimal import Decimal
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import dagster as dg

from assets.dictionary import nullable_columns, type_name
from schemas.tables import Table


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


def code_version(table: Table) -> str:
    """Return a word that changes with the version of Tallystick and with the table's contract."""
    shape = repr((table.name, list(table.schema.items()), table.reads))
    return f"{version('tallystick')}-{sha256(shape.encode()).hexdigest()[:8]}"


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """Return metadata in types that Dagster takes: decimals become text, to the last digit."""
    return {key: str(value) if isinstance(value, Decimal) else value for key, value in values.items()}
