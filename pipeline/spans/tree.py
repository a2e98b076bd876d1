"""Traces as trees in columns: indexes of parents, and jumps over whole paths at once."""

import polars as pl

_JUMPS = 40
"""Every jump doubles the distance, so that this many cross any path; a ring of parents ends here."""


def parents(nodes: pl.DataFrame) -> pl.Series:
    """Return the row index of each span's parent; null on roots and where the parent was not exported.

    `nodes` has one row per (`trace_id`, `span_id`), and `parent_span_id`.
    """
    index = nodes.select("trace_id", parent_span_id="span_id").with_row_index("parent")
    found = nodes.select("trace_id", "parent_span_id").join(
        index, on=["trace_id", "parent_span_id"], how="left", maintain_order="left"
    )
    own = pl.Series("own", range(nodes.height), dtype=pl.UInt32)
    parent = found["parent"].cast(pl.UInt32)
    return _where(parent == own, None, parent).rename("parent")


def nearest(parent: pl.Series, stop: pl.Series) -> pl.Series:
    """Return the index of each row's nearest ancestor where `stop` is true; null when there is none."""
    jump = parent
    for _ in range(_JUMPS):
        going = jump.is_not_null() & ~stop.gather(jump).fill_null(False)
        if not going.any():
            return jump
        jump = _where(going, jump.gather(jump), jump)
    return _where(going, None, jump)


def tops(parent: pl.Series) -> pl.Series:
    """Return the index of the topmost ancestor of each row, itself where it has no parent."""
    own = pl.Series("top", range(len(parent)), dtype=parent.dtype)
    jump = _where(parent.is_null(), own, parent)
    for _ in range(_JUMPS):
        further = jump.gather(jump)
        if (further == jump).all():
            break
        jump = further
    return jump


def _where(condition: pl.Series, yes: pl.Series | None, no: pl.Series) -> pl.Series:
    return pl.select(pl.when(condition).then(yes).otherwise(no).cast(no.dtype)).to_series()
