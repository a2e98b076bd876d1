"""Where each column comes from: the columns of its name in the tables that its own reads, else what is here.

`FROM` names the sources of a column that has another name there, or whose name there means something else.
`MADE` says why a column has none: it is a word or a number that the code or the configuration gives.
"""

from collections.abc import Mapping

from schemas.lineage import core, recon, report
from schemas.lineage.words import Sources, spread
from schemas.tables import BY_NAME, Table

FROM: Mapping[str, Sources] = {
    table: spread(columns) for part in (core, recon, report) for table, columns in part.FROM.items()
}
"""Table -> column -> its sources as `layer.table.column`, all of them."""

MADE: Mapping[str, Mapping[str, str]] = {
    table: {name: why for names, why in columns.items() for name in names.split()}
    for part in (core, recon, report)
    for table, columns in part.MADE.items()
}
"""Table -> column -> what it is instead."""


def sources(table: Table) -> dict[str, tuple[tuple[str, str], ...]]:
    """Return column -> the tables and columns that it comes from; a column that is made here has no entry."""
    named, made = FROM.get(table.name, {}), MADE.get(table.name, {})
    found = {
        column: named.get(
            column, tuple((name, column) for name in table.reads if column in BY_NAME[name].schema)
        )
        for column in table.schema
        if column not in made
    }
    return {column: places for column, places in found.items() if places}
