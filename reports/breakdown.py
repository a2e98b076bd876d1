"""Where the drift sits: by model and token kind, service and feature, provider; the largest first."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import polars as pl

from pipeline.money import to_cents
from reports.rounding import ZERO
from reports.view import Breakdown, Row, Usd

_SIZES = (
    pl.col("tokens").filter(pl.col("step") == "traced").sum().alias("traced"),
    pl.col("tokens").sum().alias("metered"),
    pl.col("tokens").filter(pl.col("step") == "unexplained").sum().alias("unexplained"),
    pl.col("tokens").abs().filter(pl.col("step") != "traced").sum().alias("gross"),
    pl.when(pl.col("usd").is_not_null().any()).then(pl.col("usd").sum()).alias("usd"),
    (pl.col("usd").is_null() & (pl.col("tokens") != 0)).any().alias("is_partial"),
)


def breakdown(bridge: pl.DataFrame, keys: Sequence[str], metered_usd: Decimal, top: int) -> Breakdown:
    """Return the bridge by the keys, most gross drift first; dollars add up to the metered dollars."""
    order = ["gross", "metered", *keys]
    sizes = _sizes(bridge, keys).sort(order, descending=[True, True, *(False for _ in keys)])
    rows = _rows(sizes, keys, to_cents(_amounts(sizes), metered_usd) if sizes.height else [])
    return Breakdown(
        rows=tuple(rows[:top]),
        rest=_sum(rows[top:]) if rows[top:] else None,
        rest_count=max(0, len(rows) - top),
        total=_sum(rows),
    )


def with_parts(table: Breakdown, bridge: pl.DataFrame, keys: Sequence[str], part: str) -> Breakdown:
    """Return the breakdown with each shown row split by one more dimension, in the order of the tables."""
    sizes = _sizes(bridge, [*keys, part]).sort([*keys, part])
    groups = sizes.partition_by(keys, as_dict=True, maintain_order=True)
    rows = tuple(replace(row, parts=_parts(groups[row.labels], part, row)) for row in table.rows)
    return replace(table, rows=rows)


def with_billed(table: Breakdown, billed: Mapping[str, Decimal]) -> Breakdown:
    """Return the providers with their billed dollars; a provider that only bills gets a row of its own."""
    known = {row.labels[0] for row in table.rows}
    nothing = Usd(ZERO, ZERO)
    others = [Row((name,), 0, 0, 0, nothing) for name in sorted(billed) if name not in known]
    rows = tuple(replace(row, billed=billed.get(row.labels[0])) for row in (*table.rows, *others))
    amount = sum(billed.values(), ZERO) if billed else None
    return replace(table, rows=rows, total=replace(table.total, billed=amount))


def _sizes(bridge: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """The sizes of each group that has any token at all."""
    sizes = bridge.group_by(keys).agg(*_SIZES)
    return sizes.filter((pl.col("traced") != 0) | (pl.col("gross") != 0))


def _parts(sizes: pl.DataFrame, part: str, row: Row) -> tuple[Row, ...]:
    amounts = to_cents(_amounts(sizes), row.usd.shown)
    return tuple(_rows(sizes, [part], amounts))


def _amounts(sizes: pl.DataFrame) -> list[Decimal]:
    return [amount or ZERO for amount in sizes["usd"]]


def _rows(sizes: pl.DataFrame, keys: Sequence[str], amounts: list[Decimal]) -> list[Row]:
    return [
        Row(
            labels=tuple(str(row[key]) for key in keys),
            traced=row["traced"],
            metered=row["metered"],
            unexplained=row["unexplained"],
            usd=Usd(row["usd"], amount if row["usd"] is not None else None, row["is_partial"]),
        )
        for row, amount in zip(sizes.iter_rows(named=True), amounts, strict=True)
    ]


def _sum(rows: Sequence[Row]) -> Row:
    known = [row.usd for row in rows if row.usd.exact is not None]
    is_partial = len(known) < len(rows) or any(usd.is_partial for usd in known)
    exact = sum((usd.exact or ZERO for usd in known), ZERO)
    shown = sum((usd.shown or ZERO for usd in known), ZERO)
    return Row(
        labels=(),
        traced=sum(row.traced for row in rows),
        metered=sum(row.metered for row in rows),
        unexplained=sum(row.unexplained for row in rows),
        usd=Usd(exact, shown, is_partial) if known or not rows else Usd(None, None),
    )
