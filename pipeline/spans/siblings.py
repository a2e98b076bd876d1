"""Spans of different instrumentations that start together: one call, matched one to one.

They are siblings. Or one stands deeper: LangGraph runs its steps outside the current context, so that the
span of the provider's SDK hangs from where the graph was called. Then their counts must be equal, or both
must have failed without any.
"""

from collections.abc import Iterator

import polars as pl

from pipeline.spans.likeness import COMPARED, EDGE, likeness

TOLERANCE = pl.duration(milliseconds=50)
"""How far apart two instrumentations of one call start, at most."""

_DEPTH = 64
"""Levels that are looked up, at most; rings of parents end here."""

_FAMILIES = (["trace_id", "parent_span_id"], ["trace_id"])
"""Within what two spans of one call are looked for, nearest first."""

_NEIGHBOURS = 16
"""How many later siblings a span is compared with: twins start next to each other."""


def sibling_edges(calls: pl.DataFrame, edges: pl.DataFrame, parent: pl.Series) -> pl.DataFrame:
    """Return pairs of spans that report one call: equal counts first, then siblings, then those near in time.

    `edges` are pairs that are known already: a span has one twin in each other scope, at most. `parent` is
    that of the tree.
    """
    near, wide = (_candidates(calls, family) for family in _FAMILIES)
    deeper = wide.filter("is_certain").join(near, on=["node", "other"], how="anti")
    deeper = deeper.filter(_hangs_above(deeper, parent))
    pairs = pl.concat([near.with_columns(far=pl.lit(0)), deeper.with_columns(far=pl.lit(1))])
    taken = _taken(calls, edges)
    found = []
    for _ in range(_NEIGHBOURS):
        for side in ("node", "other"):
            scope = "scope_other" if side == "node" else "scope_node"
            pairs = pairs.join(taken, left_on=[side, scope], right_on=["node", "scope"], how="anti")
        if pairs.is_empty():
            break
        place = pl.int_range(pl.len())
        best = pairs.sort("score", "far", "apart", "turns", "node", "other").filter(
            place.over("node", "scope_other") == 0, place.over("other", "scope_node") == 0
        )
        found.append(best.select("node", "other"))
        taken = pl.concat([taken, _both_ways(best)])
    return pl.concat([EDGE.to_frame(), *found])


def _candidates(calls: pl.DataFrame, family: list[str]) -> pl.DataFrame:
    """Pairs of near spans of a family that could be one call, with how well they agree."""
    table = (
        calls.select("trace_id", pl.col("parent_span_id").fill_null(""), "status", *COMPARED)
        .filter(pl.col("scope_name").n_unique().over(family) > 1)
        .sort(*family, "scope_name", "started_at", "node")
        .with_columns(pl.int_range(pl.len()).over(*family, "scope_name").alias("turn"))
        .sort(*family, "started_at", "turn", "node")
    )
    return pl.concat([_EMPTY_PAIRS, *_shifted(table, family)])


_EMPTY_PAIRS = pl.DataFrame(
    schema={
        "node": pl.UInt32,
        "other": pl.UInt32,
        "scope_node": pl.String,
        "scope_other": pl.String,
        "score": pl.Int32,
        "apart": pl.Duration("us"),
        "turns": pl.Int64,
        "is_certain": pl.Boolean,
    }
)


def _shifted(table: pl.DataFrame, family: list[str]) -> Iterator[pl.DataFrame]:
    for distance in range(1, min(_NEIGHBOURS, table.height - 1) + 1):
        later = table.slice(distance).rename(lambda name: f"{name}_other")
        pairs = pl.concat([table.head(table.height - distance), later], how="horizontal")
        apart = pl.col("started_at_other") - pl.col("started_at")
        close = pairs.filter(
            *[pl.col(name) == pl.col(f"{name}_other") for name in family],
            pl.col("scope_name") != pl.col("scope_name_other"),
            apart <= TOLERANCE,
            pl.col("ended_at") + TOLERANCE >= pl.col("started_at_other"),
        )
        yield (
            close.select(
                "node",
                pl.col("node_other").alias("other"),
                pl.col("scope_name").alias("scope_node"),
                pl.col("scope_name_other").alias("scope_other"),
                likeness("_other").cast(pl.Int32).alias("score"),
                apart.alias("apart"),
                (pl.col("turn") - pl.col("turn_other")).abs().alias("turns"),
                _is_certain().alias("is_certain"),
            ).filter(pl.col("score").is_not_null())
        )


def _hangs_above(pairs: pl.DataFrame, parent: pl.Series) -> pl.Series:
    """Whether the span that is right above one of a pair stands above the other as well."""
    found = pl.Series("found", [False] * pairs.height, dtype=pl.Boolean)
    for side, other in (("node", "other"), ("other", "node")):
        place, up = parent.gather(pairs[side]), parent.gather(pairs[other])
        for _ in range(_DEPTH):
            if up.null_count() == pairs.height:
                break
            found |= (up == place).fill_null(value=False)
            up = parent.gather(up)
    return found


def _is_certain() -> pl.Expr:
    """Equal counts of something; or no counts, two errors, and the same end."""
    whole, whole_other = (
        pl.sum_horizontal(f"whole_input{suffix}", f"whole_output{suffix}") for suffix in ("", "_other")
    )
    counts = pl.col("has_usage") & pl.col("has_usage_other") & (whole == whole_other) & (whole > 0)
    silent = ~pl.col("has_usage") & ~pl.col("has_usage_other")
    failed = (pl.col("status") == "error") & (pl.col("status_other") == "error")
    together = (pl.col("ended_at") - pl.col("ended_at_other")).abs() <= TOLERANCE
    return (counts | (silent & failed & together)).fill_null(value=False)


def _taken(calls: pl.DataFrame, edges: pl.DataFrame) -> pl.DataFrame:
    """Which span already has a twin in which scope."""
    scopes = calls.select("node", scope="scope_name")
    pairs = edges.join(scopes.rename({"scope": "scope_node"}), on="node").join(
        scopes.rename({"node": "other", "scope": "scope_other"}), on="other"
    )
    return _both_ways(pairs)


def _both_ways(pairs: pl.DataFrame) -> pl.DataFrame:
    return pl.concat(
        [
            pairs.select("node", scope="scope_other"),
            pairs.select(node="other", scope="scope_node"),
        ]
    ).unique()
