"""The tables of a month from what has landed; nothing is written."""

from collections.abc import Callable
from datetime import timedelta

import polars as pl

from pipeline.calls import Calls, Context, combined, resolve_part
from pipeline.causes import CAUSES
from pipeline.charges.ledgers import EARLIER
from pipeline.edges import neighbours
from pipeline.journal import NAME as JOURNAL
from pipeline.models import with_model
from pipeline.month import Registries, month_tables
from pipeline.period import Month
from pipeline.providers import PROVIDERS
from pipeline.settings import Settings
from pipeline.variance.earlier import MONTHS, STEPS, first_of_trend
from pipeline.variance.outcomes import read_outcomes
from pipeline.warehouse import Warehouse
from schemas.tables import BY_NAME

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done and how much there is."""

_EXPORTS = ("raw.usage", "raw.cost", "raw.request")
_OF_MONTH = "file_id in (select file_id from {} group by file_id having max({}) >= $start and min({}) < $end)"
"""Files that reach into a stretch of time, with all of their rows: how far they reach orders their pulls."""
_LAST = (
    "rowid in (select rowid from raw.cost "
    "qualify row_number() over (partition by file_id order by is_empty, bucket_end_at desc) = 1)"
)
"""A row for the reach of every file: those of one delivery have the order of the latest of them."""
_STEPS = ("bucket_end_at", "bucket_start_at")
_WHERE = {
    "raw.usage": _OF_MONTH.format("raw.usage", *_STEPS),
    "raw.cost": f"({_OF_MONTH.format('raw.cost', *_STEPS)}) or {_LAST}",
    "raw.request": _OF_MONTH.format("raw.request", "started_at", "started_at"),
}

_MARGIN = timedelta(days=2)
"""How far around a month the spans of its traces are looked for."""

_SPANS_A_BATCH = 200_000


def computer(
    config: Settings, warehouse: Warehouse, tell: Progress
) -> Callable[[Month], dict[str, pl.DataFrame]]:
    """Return what computes the tables of a month from what has landed."""
    return lambda month: month_of(config, month, warehouse, tell)


def month_of(config: Settings, month: Month, warehouse: Warehouse, tell: Progress) -> dict[str, pl.DataFrame]:
    """Return the tables of a month."""
    raw = read_raw(config, month, warehouse)
    tell("reading spans", 0, 1)
    calls = resolve_calls(config, month, warehouse)
    tell("reading spans", 1, 1)
    tell("explaining the drift", 0, 1)
    earlier = {name: _before(warehouse, name, month) for name in (*EARLIER, JOURNAL)}
    before = earlier | _trend(warehouse, month)
    beside = before | read_outcomes(config)
    tables = month_tables(config, month, raw | beside, calls, Registries(CAUSES, PROVIDERS))
    tell("explaining the drift", 1, 1)
    return tables


def _before(warehouse: Warehouse, name: str, month: Month) -> pl.DataFrame:
    return warehouse.read(BY_NAME[name], "month < $month", month=str(month))


def _trend(warehouse: Warehouse, month: Month) -> dict[str, pl.DataFrame]:
    """The months before that were closed, and their bridges, as far back as a trend goes."""
    place = {"first": first_of_trend(month), "month": str(month)}
    closed = warehouse.read(BY_NAME["report.close"], "month >= $first and month < $month", **place)
    return {MONTHS: closed.select("month"), STEPS: warehouse.run("earlier_steps", **place)}


def models(config: Settings, warehouse: Warehouse, *, counted: bool = False) -> pl.DataFrame:
    """Return provider, account and model of what is metered and billed, as metered, in all months.

    Of cost lines only those that count tokens, where `counted` asks for it.
    """
    known = warehouse.run("models", counted=counted)
    return with_model(known, config).unique().sort(pl.all())


def read_raw(config: Settings, month: Month, warehouse: Warehouse) -> dict[str, pl.DataFrame]:
    """Return what landed of a month's exports, bills and logs, all invoices, and the list of files.

    Months before come with it where a contract's floor counts their volumes.
    """
    start, end = month.window(_MARGIN)
    counted = [each.valid_from for each in config.contracts if each.floor and each.valid_from]
    earlier = [Month.of_day(day).window(_MARGIN)[0] for day in counted]
    times = {"start": min([start, *earlier]), "end": end}
    exports = {name: warehouse.read(BY_NAME[name], _WHERE[name], **times) for name in _EXPORTS}
    return exports | {name: warehouse.read(BY_NAME[name]) for name in ("raw.file", "raw.invoice")}


def resolve_calls(config: Settings, month: Month, warehouse: Warehouse) -> Calls:
    """Resolve the month's spans trace by trace, in batches of whole traces."""
    start, end = month.window(_MARGIN)
    where = "ended_at >= $start and ended_at < $end and hash(trace_id) % $batches = $batch"
    context = Context(settings=config, known_models=models(config, warehouse, counted=True))
    count = warehouse.query(
        "select count(*) as spans from raw.span where ended_at >= $start and ended_at < $end",
        start=start,
        end=end,
    )["spans"][0]
    batches = count // _SPANS_A_BATCH + 1
    parts = [
        resolve_part(
            warehouse.read(BY_NAME["raw.span"], where, start=start, end=end, batches=batches, batch=batch),
            context,
        )
        for batch in range(batches)
    ]
    *found, _ = whole = combined(parts)
    frames = [frame.filter(pl.col("month") == str(month)) for frame in found]
    ordered = [frame.sort(pl.all(), nulls_last=True) for frame in frames]
    return Calls(*ordered)._replace(edges=neighbours(whole.calls, month))
