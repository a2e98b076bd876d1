"""From a table of the registry to the asset of the same name."""

from collections.abc import Iterable

import dagster as dg

from assets.metadata import code_version, column_schema
from schemas.tables import Table

OWNERS = ["team:finops"]
POOL = "duckdb"
"""Runs with steps that open the warehouse take turns; see dagster.yaml."""

GROUPS = {
    layer: f"{number}_{layer}"
    for number, layer in enumerate(
        ("source", "raw", "core", "recon", "report", "published", "delivered"), start=1
    )
}
"""Layer -> group: the UI sorts groups by name, and numbers put them into the order in which they are read."""


def key_of(name: str) -> dg.AssetKey:
    """Return the asset key of a table: `core.call` is core/call."""
    return dg.AssetKey(name.split("."))


def table_spec(table: Table, deps: Iterable[dg.AssetKey]) -> dg.AssetSpec:
    """Return the asset of a table with everything that its contract says about it."""
    return dg.AssetSpec(
        key=key_of(table.name),
        deps=list(deps),
        description=table.grain,
        group_name=GROUPS[table.layer],
        kinds={"duckdb", "polars"},
        tags={"tallystick/layer": table.layer, "tallystick/exported": "yes" if table.exported else "no"},
        owners=OWNERS,
        code_version=code_version(table),
        metadata={"dagster/column_schema": column_schema(table), "dagster/table_name": table.name},
    )
