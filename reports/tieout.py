"""The tie-out as a grid: a row per invoice, a column per component, adding up both ways to the cent."""

from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from pipeline.money import to_cents
from reports.rounding import ZERO
from schemas.types import COMPONENTS

_PARTS = COMPONENTS[:-1]


@dataclass(frozen=True)
class Invoice:
    """One invoice, or one account that awaits it, in the cents of the page."""

    provider: str
    account: str
    invoice_id: str | None
    cells: dict[str, Decimal]
    """Component -> dollars; `billed` is the sum of the others."""


@dataclass(frozen=True)
class Grid:
    """All invoices of the month and the sums of their columns."""

    rows: tuple[Invoice, ...]
    components: tuple[str, ...]
    """The columns that hold anything, in fixed order, `billed` last."""
    total: dict[str, Decimal]
    exact_metered: Decimal
    exact_billed: Decimal


def grid(tieout: pl.DataFrame) -> Grid:
    """Return the tie-out in whole cents; every row and every column adds up as it stands."""
    keys = ["provider", "account", "invoice_id"]
    exact = (
        tieout.group_by([*keys, "component"])
        .agg(pl.col("usd").sum())
        .sort([*keys, "component"], nulls_last=True)
        .partition_by(keys, as_dict=True, maintain_order=True)
    )
    amounts = [dict(part.select("component", "usd").iter_rows()) for part in exact.values()]
    billed = to_cents([each.get("billed", ZERO) for each in amounts])
    rows = tuple(
        Invoice(str(key[0]), str(key[1]), key[2], _cells(each, total))
        for key, each, total in zip(exact, amounts, billed, strict=True)
    )
    total = {name: sum((row.cells[name] for row in rows), ZERO) for name in COMPONENTS}
    return Grid(
        rows=rows,
        components=tuple(c for c in COMPONENTS if c == "billed" or any(row.cells[c] for row in rows)),
        total=total,
        exact_metered=sum((each.get("metered_at_expected_rate", ZERO) for each in amounts), ZERO),
        exact_billed=sum((each.get("billed", ZERO) for each in amounts), ZERO),
    )


def billed_by_provider(table: Grid) -> dict[str, Decimal]:
    """Return the billed dollars of each provider, in the cents of the page."""
    found: dict[str, Decimal] = {}
    for row in table.rows:
        found[row.provider] = found.get(row.provider, ZERO) + row.cells["billed"]
    return found


def _cells(amounts: dict[str, Decimal], billed: Decimal) -> dict[str, Decimal]:
    parts = to_cents([amounts.get(name, ZERO) for name in _PARTS], billed)
    return {**dict(zip(_PARTS, parts, strict=True)), "billed": billed}
