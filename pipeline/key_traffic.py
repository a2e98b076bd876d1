"""The traffic of an account by key and by service, side by side: what tells which service uses which key.

A usage export that is grouped by project, workspace or key shows the course of each; the traces show the
course of each service. Spans seldom name a key.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

import numpy as np
import polars as pl

from pipeline.sizes import INPUT, OUTPUT

Array = np.ndarray
"""Float64."""

_ACCOUNT = ["provider", "account"]
_CELL = ["measure", "model", "step"]
_COUNTED = ("recorded", "estimated")
_HOUR = timedelta(hours=1)
_ENOUGH = 10
"""Days from which on days will do; fewer are taken by the hour, where the export tells hours."""


class Traffic(NamedTuple):
    """One account: keys and services by cells, a cell being a measure of a model in a time step."""

    provider: str
    account: str
    keys: pl.DataFrame
    """`column` (`project_id` or `api_key_id`) and `key`: the rows of `metered`."""
    services: pl.DataFrame
    """`service` and its `team`: the rows of `traced`."""
    metered: Array
    """Keys by cells: requests where the export counts them, input and output tokens."""
    traced: Array
    """Services by cells, as expected on the meter: a call without usage is like its siblings, and kept calls
    stand for those that were sampled away."""
    doubt: Array
    """Services by cells: variance of `traced` from sampling."""
    usual: Array
    """Cells: what one call usually adds."""
    measure: Array
    """Cells: `requests`, `input` or `output`."""


def traffic(usage: pl.DataFrame, calls: pl.DataFrame) -> Iterator[Traffic]:
    """Yield the accounts whose export tells keys apart and that have no request log of their own.

    `usage`: rows of the export that counts, in core words with `scope`. `calls`: core.call with `kept_share`.
    What a configured scope holds is left out, and calls that nobody bills.
    """
    in_account = pl.col("scope") == pl.col("account")
    told = pl.any_horizontal(pl.col("project_id", "api_key_id").is_not_null())
    rows = usage.filter(in_account, told, ~pl.col("is_empty")).sort(_ACCOUNT)
    own = calls.filter(in_account, pl.col("not_billed_reason").is_null())
    for (provider, account), some in rows.group_by(_ACCOUNT, maintain_order=True):
        spans = own.filter(pl.col("provider") == provider, pl.col("account") == account)
        if spans.height:
            yield _account(str(provider), str(account), some, spans)


def _account(provider: str, account: str, usage: pl.DataFrame, calls: pl.DataFrame) -> Traffic:
    every = _step(usage)
    has_key = pl.col("api_key_id").is_not_null()
    by_key = usage.select(
        "model",
        column=pl.when(has_key).then(pl.lit("api_key_id")).otherwise(pl.lit("project_id")),
        key=pl.coalesce("api_key_id", "project_id"),
        step=pl.col("bucket_start_at").dt.truncate(every),
        requests=pl.col("request_count").cast(pl.Float64),
        input=INPUT,
        output=OUTPUT,
    )
    measures = ["requests", "input", "output"][int(by_key["requests"].null_count() > 0) :]
    spans = _expected(calls.with_columns(step=pl.col("ended_at").dt.truncate(every)))
    keys = by_key.select("column", "key").unique().sort(pl.all())
    services = spans.group_by("service").agg(pl.col("team").mode().sort().first()).sort("service")
    metered = pl.concat(
        by_key.group_by(*keys.columns, *_CELL[1:])
        .agg(pl.col(measures).sum())
        .select(*keys.columns, *_CELL[1:], measure=pl.lit(name), tokens=name)
        for name in measures
    )
    traced = _summed(spans, measures)
    cells = pl.concat([frame.select(_CELL) for frame in (metered, traced)]).unique().sort(_CELL)
    sums = traced.group_by("measure", "model").agg(pl.col("kept", "calls").sum())
    usual = cells.join(sums, on=["measure", "model"], how="left", maintain_order="left")
    usual = usual.select((pl.col("kept") / pl.col("calls")).fill_null(1.0).clip(1.0))
    return Traffic(
        provider,
        account,
        keys,
        services,
        _matrix(metered, keys, cells, "tokens"),
        _matrix(traced, services.select("service"), cells, "tokens"),
        _matrix(traced, services.select("service"), cells, "doubt"),
        usual.to_series().to_numpy(),
        cells["measure"].to_numpy(),
    )


def _step(usage: pl.DataFrame) -> str:
    width = (pl.col("bucket_end_at") - pl.col("bucket_start_at")).max()
    days = pl.col("bucket_start_at").dt.date().n_unique()
    has_hours, has_days = usage.select(width <= _HOUR, days >= _ENOUGH).row(0)
    return "1h" if has_hours and not has_days else "1d"


def _expected(calls: pl.DataFrame) -> pl.DataFrame:
    """Calls as rows of one request, with `weight`: how many calls each stands for."""
    is_known = pl.col("usage_quality").is_in(_COUNTED)
    sizes = {"input": INPUT, "output": OUTPUT}
    whole = [pl.when(is_known).then(size).alias(name) for name, size in sizes.items()]
    rows = calls.select(
        "service", "team", "model", "step", *whole, requests=pl.lit(1.0), weight=1 / pl.col("kept_share")
    )
    means = [pl.col(name).fill_null(pl.col(name).mean().over("service", "model")) for name in sizes]
    return rows.with_columns(means).with_columns(pl.col(list(sizes)).fill_null(0.0))


def _summed(spans: pl.DataFrame, measures: list[str]) -> pl.DataFrame:
    """Sums by service and cell: what calls and those they stand for used, its variance, what was kept."""
    weight = pl.col("weight")
    sums = spans.group_by("service", *_CELL[1:]).agg(
        pl.len().alias("calls"),
        *[pl.col(name).sum().alias(f"kept_{name}") for name in measures],
        *[(weight * pl.col(name)).sum().alias(name) for name in measures],
        *[(weight * (weight - 1) * pl.col(name) ** 2).sum().alias(f"doubt_{name}") for name in measures],
    )
    return pl.concat(
        sums.select(
            "service", *_CELL[1:], "calls",
            measure=pl.lit(name), tokens=name, doubt=f"doubt_{name}", kept=f"kept_{name}",
        )
        for name in measures
    )  # fmt: skip


def _matrix(rows: pl.DataFrame, names: pl.DataFrame, cells: pl.DataFrame, value: str) -> Array:
    """Sums of a column by name and cell."""
    shape = (names.height, cells.height)
    at = rows.join(names.with_row_index("row"), on=names.columns).join(cells.with_row_index("cell"), on=_CELL)
    index = at["row"].to_numpy().astype(np.int64) * shape[1] + at["cell"].to_numpy()
    sums = np.bincount(index, at[value].to_numpy(), shape[0] * shape[1])
    return np.asarray(sums.reshape(shape))
