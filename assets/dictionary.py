"""The data dictionary of the published tables, from the contracts; `--write` puts it into README.md."""

import re
import sys
from pathlib import Path

import polars as pl

from schemas.tables import TABLES, Table

BEGIN = "<!-- dictionary -->"
END = "<!-- /dictionary -->"

_TYPES = {
    pl.String: "text",
    pl.Int64: "integer",
    pl.Float64: "number",
    pl.Boolean: "true or false",
    pl.Date: "date",
}


def type_name(dtype: pl.DataType) -> str:
    """Return the type of a column in a reader's words, for example `decimal(38, 12)`."""
    if isinstance(dtype, pl.Decimal):
        return f"decimal({dtype.precision}, {dtype.scale})"
    if isinstance(dtype, pl.Datetime):
        return "instant, UTC"
    return _TYPES[dtype.base_type()]


def nullable_columns(table: Table) -> frozenset[str]:
    """Return the columns of a table that may be null."""
    columns = table.contract.to_schema().columns
    return frozenset(name for name, column in columns.items() if column.nullable)


def data_dictionary() -> str:
    """Return the published tables as Markdown: what a row is, and each column with type and meaning."""
    return "\n\n".join(_section(table) for table in TABLES if table.exported)


def replace_block(text: str) -> str:
    """Return a document whose block between the markers is the current dictionary.

    Raises:
        ValueError: the document has not both markers.
    """
    block = f"{BEGIN}\n\n{data_dictionary()}\n\n{END}"
    changed, count = re.subn(
        f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: block, text, count=1, flags=re.DOTALL
    )
    if not count:
        raise ValueError(f"The document has no {BEGIN} and {END}. Add both lines where the tables belong.")
    return changed


def _section(table: Table) -> str:
    optional = nullable_columns(table)
    rows = [
        f"| `{name}` | {type_name(dtype)}{', or null' if name in optional else ''} | {_cell(table, name)} |"
        for name, dtype in table.schema.items()
        if name not in table.export_without
    ]
    return "\n".join(
        [
            f"#### `{table.exported}`",
            "",
            table.grain,
            "",
            "| column | type | meaning |",
            "|---|---|---|",
            *rows,
        ]
    )


def _cell(table: Table, name: str) -> str:
    return table.descriptions[name].replace("|", "\\|")


def main(arguments: list[str]) -> None:
    """Write the dictionary into README.md, or to standard output without `--write`."""
    if arguments == ["--write"]:
        readme = Path("README.md")
        readme.write_text(replace_block(readme.read_text("utf-8")), "utf-8")
    else:
        sys.stdout.write(data_dictionary() + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
