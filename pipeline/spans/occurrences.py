"""Occurrences of spans: the same span may be exported twice, in one file or in several."""

from typing import NamedTuple

import polars as pl

from pipeline.errors import BalanceError
from pipeline.tokens import HAS_USAGE, TOTAL
from schemas.types import KIND_COLUMNS


class Occurrences(NamedTuple):
    """Spans, each once, and what else the files hold of them."""

    nodes: pl.DataFrame
    """One row per (`trace_id`, `span_id`), in their order: of several occurrences the fullest."""
    again: pl.DataFrame
    """The other occurrences, with `node`, the row of `nodes` that they repeat."""


def occurrences(spans: pl.DataFrame) -> Occurrences:
    """Return spans and repetitions, in an order that does not depend on that of the rows."""
    known = pl.sum_horizontal([pl.col(name).is_not_null() for name in KIND_COLUMNS]).cast(pl.Int64)
    keys = spans.select(
        "trace_id",
        "span_id",
        TOTAL.alias("size"),
        known.alias("known"),
        "file_id",
        "line",
        "position",
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"),
    ).sort(
        "trace_id",
        "span_id",
        "size",
        "known",
        "file_id",
        "line",
        "position",
        descending=[False, False, True, True, False, False, False],
    )
    changes = [pl.col(name) != pl.col(name).shift(1) for name in ("trace_id", "span_id")]
    is_new = keys.select(pl.any_horizontal(changes).fill_null(True).alias("is_new"))["is_new"]
    node = (is_new.cast(pl.UInt32).cum_sum() - 1).alias("node")
    repeated = spans[keys["row"].filter(~is_new)].with_columns(node.filter(~is_new))
    return Occurrences(spans[keys["row"].filter(is_new)], repeated)


def traced_rows(found: Occurrences, members: pl.DataFrame, owners: pl.DataFrame) -> pl.DataFrame:
    """Return every occurrence with usage, as logged, in the dimensions of its call.

    `members` is `node`, `call`, `reason`; `owners` is `call` and the call's dimensions. `reason` says why an
    occurrence is dropped and is null where it is kept.
    """
    columns = [*_LOGGED, *KIND_COLUMNS]
    first = found.nodes.select(pl.int_range(pl.len(), dtype=pl.UInt32).alias("node"), *columns)
    again = found.again.select("node", *columns).filter(HAS_USAGE)
    table = pl.concat(
        [
            first.filter(HAS_USAGE).with_columns(pl.lit(None, pl.String).alias("_again")),
            again.with_columns(pl.lit("span_exported_again").alias("_again")),
        ]
    )
    placed = table.join(members, on="node").join(owners, on="call")
    if placed.height != table.height:
        raise BalanceError(
            f"{table.height - placed.height} of {table.height} spans with usage report on no call. "
            "This is a bug in pipeline/spans/grouping.py; please report it with the trace."
        )
    return placed.with_columns(pl.coalesce("_again", "reason").alias("reason"))


_LOGGED = (
    "file_id",
    "line",
    "position",
    "trace_id",
    "span_id",
    "dialect",
    "ended_at",
    "is_contradictory",
)
