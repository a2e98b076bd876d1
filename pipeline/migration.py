"""What becomes of a warehouse that an older version made: what can be carried over is, the rest is refused.

A warehouse has the number of the schema it was last opened with; one without is of number 1. Tables that
are missing are made. A column that is missing is added if its contract lets it be null, if it has a value for
rows of before (`VALUES_OF_BEFORE`), or if its table is empty. Nothing is dropped and no type is changed.
"""

from collections.abc import Mapping
from typing import NamedTuple

from pipeline.errors import WarehouseError
from schemas.tables import Table

NUMBER = 4
"""Of the schema that this version writes: raise it with every change of a table."""

VALUES_OF_BEFORE: Mapping[tuple[str, str], str] = {
    ("recon.finding", "subject"): "",
    ("report.open_item", "subject"): "",
}
"""Table and column that may not be null -> its value in rows that were written before there was one."""

KEPT = "The file is as it was."


class Added(NamedTuple):
    """A column to add, with its value in the rows that are there."""

    name: str
    kind: str
    value: str | None


def refuse_newer(number: int) -> None:
    """Refuse a warehouse whose schema is newer than this version.

    Raises:
        WarehouseError: `number` is above that of this version.
    """
    if number > NUMBER:
        raise WarehouseError(
            f"This warehouse has schema {number}, and this version of Tallystick knows {NUMBER}: a newer "
            f"version made it. Install that version or a later one. {KEPT}"
        )


def columns_to_add(
    table: Table, present: Mapping[str, str], wanted: Mapping[str, str], *, is_empty: bool
) -> list[Added]:
    """Return the columns that a table of before lacks.

    Raises:
        WarehouseError: a column has another type, is not known any more, or cannot be filled.
    """
    for name, kind in present.items():
        if name not in wanted:
            raise _refusal(table, f"has a column {name}, which this version does not know")
        if wanted[name] != kind:
            raise _refusal(table, f"has {name} as {kind}, and this version as {wanted[name]}")
    contract = table.contract.to_schema().columns
    added = []
    for name in (name for name in wanted if name not in present):
        value = VALUES_OF_BEFORE.get((table.name, name))
        if value is None and not (contract[name].nullable or is_empty):
            raise _refusal(table, f"lacks {name}, and nobody knows its value in the rows that are there")
        added.append(Added(name, wanted[name], value))
    return added


def _refusal(table: Table, what: str) -> WarehouseError:
    return WarehouseError(
        f"Table {table.name} of this warehouse {what}: it cannot be carried over. Without locked months, "
        "move the warehouse file away and land again: the sources hold all it was made from. "
        f"With locked months, keep it and use the version that made it. {KEPT}"
    )
