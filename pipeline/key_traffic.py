"""The traffic of an account by key and by service, side by side: what tells which service uses which key.

A usage export that is grouped by project, workspace or key shows the course of each; the traces show the
course of each service. Spans seldom name a key.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import polars as pl

from pipeline.sizes import INPUT, OUTPUT

Array = np.ndarray
"""Float64."""

_ACCOUNT = ["provider", "account"]
_CELL = ["measure", "model", "step"]
_COUNTED = ("recorded", "estimated")
_HOUR = 3600


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
    width = usage.select((pl.col("bucket_end_at") - pl.col("bucket_start_at")).max()).item()
    every = "1h" if width.total_seconds() <= _HOUR else "1d"
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
    metered, traced = (
        frame.unpivot(measures, index=[*names, *_CELL[1:]], variable_name="measure", value_name="tokens")
        for frame, names in ((by_key, keys.columns), (spans, ["service", "weight"]))
    )
    cells = pl.concat([frame.select(_CELL) for frame in (metered, traced)]).unique().sort(_CELL)
    mean = traced.group_by("measure", "model").agg(pl.col("tokens").mean())
    usual = cells.join(mean, on=["measure", "model"], how="left", maintain_order="left")
    weight, tokens = pl.col("weight"), pl.col("tokens")
    scaled = traced.with_columns(tokens=weight * tokens, doubt=weight * (weight - 1) * tokens**2)
    return Traffic(
        provider,
        account,
        keys,
        services,
        _matrix(metered, keys, cells, "tokens"),
        _matrix(scaled, services.select("service"), cells, "tokens"),
        _matrix(scaled, services.select("service"), cells, "doubt"),
        usual["tokens"].fill_null(1.0).clip(1.0).to_numpy(),
        cells["measure"].to_numpy(),
    )


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


def _matrix(rows: pl.DataFrame, names: pl.DataFrame, cells: pl.DataFrame, value: str) -> Array:
    """Sums of a column by name and cell."""
    shape = (names.height, cells.height)
    at = rows.join(names.with_row_index("row"), on=names.columns).join(cells.with_row_index("cell"), on=_CELL)
    index = at["row"].to_numpy().astype(np.int64) * shape[1] + at["cell"].to_numpy()
    sums = np.bincount(index, at[value].to_numpy(), shape[0] * shape[1])
    return np.asarray(sums.reshape(shape))
