"""The last six months of each cause, as far as they were closed: figures, and bars beside each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from typing import Any, NamedTuple

import polars as pl

from reports import format as fmt
from reports.rounding import ZERO, cents
from reports.story import ordered
from reports.view import Bridge, CauseText, Line, Usd

COLUMN, GAP, HEIGHT = 24, 6, 40
_TENTH = Decimal("0.1")


@dataclass(frozen=True)
class Point:
    """What a closed month has of a cause; `usd` is null where it has nothing of it."""

    month: str
    usd: Usd | None
    tokens: int


@dataclass(frozen=True)
class Bar:
    """A month as a bar; coordinates in user units, as text with one decimal."""

    x: str
    y: str
    height: str
    css: str
    text: str
    """What appears on hover."""


@dataclass(frozen=True)
class Row:
    """A cause, a point for each month, and a bar for each that can be drawn."""

    code: str
    title: str
    points: tuple[Point, ...]
    bars: tuple[Bar, ...]
    zero: str
    """Height of the line from which bars go up and down."""


@dataclass(frozen=True)
class Trend:
    """The trend of a page; without rows there is nothing to draw, and `sentence` says why."""

    sentence: str
    months: tuple[str, ...]
    """Closed months, the oldest first."""
    rows: tuple[Row, ...]

    @property
    def width(self) -> int:
        """Width of a drawing in user units."""
        return COLUMN * len(self.months)

    def only(self, code: str) -> "Trend":
        """The same with the row of one cause."""
        return replace(self, rows=tuple(row for row in self.rows if row.code == code))


def trend(
    history: pl.DataFrame, bridge: Bridge, texts: Mapping[str, CauseText], month: str, team: str | None
) -> Trend:
    """Return recon.history of all or of one team: metered, the causes of the bridge, and those that are gone.

    The month itself is in the cents of its bridge, those before are rounded one by one.
    """
    months = tuple(sorted(set(history["history_month"])))
    if len(months) < 2:
        return Trend(_alone(month), months, ())
    mine = history if team is None else history.filter(pl.col("team") == team)
    found = _found(mine)
    lines = [bridge.metered, *ordered(bridge)]
    gone = sorted({step for step, _ in found} - {line.code for line in lines} - {"traced"})
    rows = [_row(line.code, line.title, _points(found, line.code, months, line)) for line in lines]
    rows += [_row(code, texts[code].title, _points(found, code, months, None)) for code in gone]
    count = f"{len(months)} of the last six months were closed here." if len(months) < 6 else ""
    return Trend(count, months, tuple(row for row in rows if any(point.usd for point in row.points)))


def _alone(month: str) -> str:
    return (
        f"No month of the five before {fmt.month_name(month)} was closed here, so that there is no trend yet."
    )


def _found(mine: pl.DataFrame) -> dict[tuple[str, str], dict[str, Any]]:
    """Step (or metered) and month -> tokens and dollars."""
    known = pl.when(pl.col("usd").is_not_null().any()).then(pl.col("usd").sum()).alias("usd")
    sums = (pl.col("tokens", "unpriced_tokens").sum(), known)
    by_step = mine.group_by("step", "history_month").agg(*sums)
    whole = mine.with_columns(pl.lit("metered").alias("step")).group_by("step", "history_month").agg(*sums)
    rows = pl.concat([by_step, whole]).filter((pl.col("tokens") != 0) | (pl.col("usd") != 0))
    return {(row["step"], row["history_month"]): row for row in rows.iter_rows(named=True)}


def _points(
    found: Mapping[tuple[str, str], dict[str, Any]], code: str, months: Sequence[str], line: Line | None
) -> tuple[Point, ...]:
    earlier = [_point(month, found.get((code, month))) for month in months[:-1]]
    now = Point(months[-1], line.usd, line.tokens or 0) if line else Point(months[-1], None, 0)
    return (*earlier, now)


def _point(month: str, row: Mapping[str, Any] | None) -> Point:
    if row is None:
        return Point(month, None, 0)
    usd = row["usd"]
    return Point(
        month, Usd(usd, None if usd is None else cents(usd), row["unpriced_tokens"] != 0), row["tokens"]
    )


def _row(code: str, title: str, points: tuple[Point, ...]) -> Row:
    """Bars of dollars, or of tokens where no month has a price."""
    is_priced = any(point.usd and point.usd.shown is not None for point in points)
    sizes = [
        None if point.usd is None else point.usd.shown if is_priced else Decimal(point.tokens)
        for point in points
    ]
    known = [size for size in sizes if size] or [ZERO]
    top, bottom = max(*known, ZERO), min(*known, ZERO)
    scale = _Scale(_part(top, top - bottom), top - bottom)
    css = "total" if code == "metered" else None
    bars = tuple(
        _bar(i, size, scale, css, _hover(point))
        for i, (point, size) in enumerate(zip(points, sizes, strict=True))
        if size
    )
    return Row(code, title, points, bars, str(scale.zero))


class _Scale(NamedTuple):
    zero: Decimal
    reach: Decimal


def _bar(i: int, size: Decimal, scale: _Scale, css: str | None, text: str) -> Bar:
    height = max(_part(abs(size), scale.reach), Decimal(1))
    top = scale.zero - height if size > 0 else scale.zero
    return Bar(str(i * COLUMN + GAP // 2), str(top), str(height), css or ("up" if size > 0 else "down"), text)


def _part(size: Decimal, reach: Decimal) -> Decimal:
    if not reach:
        return Decimal(HEIGHT)
    with localcontext(prec=50):
        return (size * HEIGHT / reach).quantize(_TENTH)


def _hover(point: Point) -> str:
    usd = point.usd.shown if point.usd else None
    return f"{fmt.month_name(point.month)}: {fmt.signed_usd(usd)}, {fmt.signed_integer(point.tokens)} tokens"
