"""Records that cannot be read, where their share grows from one day to the next."""

from typing import Any

import polars as pl

from pipeline.watch import Alarm, Facts, Watch


def _find(facts: Facts) -> list[Alarm]:
    rows = facts.frames["records_by_day"]
    place = ["source", "kind"]
    # a file of which nothing could be read tells no day: it counts as the newest
    dated = rows.with_columns(
        is_newest=(pl.col("day") == pl.col("day").max().over(place)).fill_null(value=True)
    )
    shares = (
        dated.group_by(place)
        .agg(
            bad=pl.col("rows_quarantined").filter("is_newest").sum(),
            read=pl.col("rows_read").filter("is_newest").sum(),
            bad_before=pl.col("rows_quarantined").filter(~pl.col("is_newest")).sum(),
            read_before=pl.col("rows_read").filter(~pl.col("is_newest")).sum(),
            day=pl.col("day").max(),
        )
        .sort(place)
    )
    found = [_grown(row, facts.settings.health.quarantine_percent) for row in shares.iter_rows(named=True)]
    return [alarm for alarm in found if alarm]


def _grown(row: dict[str, Any], percent: float) -> Alarm | None:
    bad, read = row["bad"], row["read"]
    if not bad or bad * 100 <= percent * read:
        return None
    if row["read_before"] and bad * row["read_before"] <= 2 * row["bad_before"] * read:
        return None
    day = f"of {row['day']:%Y-%m-%d}" if row["day"] else "of unknown days"
    before = f"; before, {row['bad_before']:,} of {row['read_before']:,}" if row["read_before"] else ""
    return Alarm(
        row["source"],
        f"{bad:,} of {read:,} records of source '{row['source']}' ({row['kind']}) {day} cannot be "
        f"read{before}.",
        "See raw.quarantine for file, line and reason; mend the exporter, or fetch the files once more.",
    )


QUARANTINE = Watch(
    "quarantine_does_not_grow",
    "raw.quarantine",
    "No source has more records that cannot be read than before.",
    ("records_by_day",),
    _find,
)
