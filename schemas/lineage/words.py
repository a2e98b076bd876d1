"""How lineage is written down: several columns on one line, `{}` for the column's own name."""

from collections.abc import Mapping

from schemas.types import KIND_COLUMNS

Sources = Mapping[str, tuple[tuple[str, str], ...]]
"""Column -> tables and columns."""

KINDS = " ".join(KIND_COLUMNS)
"""The columns of all token kinds."""


def kinds(table: str) -> str:
    """Return the columns of all token kinds of a table: where a long form comes from."""
    return " ".join(f"{table}.{name}" for name in KIND_COLUMNS)


def spread(columns: Mapping[str, str]) -> Sources:
    """Return one entry a column for lines whose key names several."""
    return {
        name: tuple(_place(word.replace("{}", name)) for word in told.split())
        for names, told in columns.items()
        for name in names.split()
    }


def _place(word: str) -> tuple[str, str]:
    table, _, column = word.rpartition(".")
    return table, column
