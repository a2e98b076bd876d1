"""recon.variance and recon.history: every line of usage beside itself a month ago."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any

import polars as pl

from pipeline.period import Month
from pipeline.variance.earlier import KNOWN, LINE, Earlier, steps_of
from pipeline.variance.effects import Cell, Effects, effects
from schemas.variance import History, Variance

_SUMS = ("tokens", "unpriced_tokens", "usd")
_NOTHING = Decimal(0)
_SCHEMA = pl.Schema(Variance.empty().schema)


def variance(bridge: pl.DataFrame, month: Month, earlier: Earlier) -> pl.DataFrame:
    """Return recon.variance: `prior_usd` and the effects of a line add up to its `usd`.

    The cost is metered tokens at their expected rates, as the bridge has it. Lines without tokens and dollars
    in both months are left out. A line that the month before does not have counts zero there: that month was
    closed. A kind that lacks a price for a part of its tokens in either month has no effect but `unpriced`.
    """
    now, before = _cells(steps_of(bridge)), str(month.plus(-1))
    if before not in earlier.months:
        rows = list(_alone(now))
    else:
        rows = list(_compared(_cells(earlier.steps.filter(month=before)), now))
    prior = before if before in earlier.months else None
    named = [{"month": str(month), "prior_month": prior, **row} for row in rows]
    return pl.DataFrame(named, schema=_SCHEMA).sort(LINE)


def history(bridge: pl.DataFrame, month: Month, earlier: Earlier) -> pl.DataFrame:
    """Return recon.history: the steps of each team, of the month and of those before that were closed."""
    keys = ["history_month", "team", "step"]
    steps = pl.concat([earlier.steps, steps_of(bridge)]).rename({"month": "history_month"})
    sums = steps.group_by(keys).agg(pl.col("tokens", "unpriced_tokens").sum(), KNOWN)
    told = sums.with_columns(pl.lit(str(month)).alias("month"))
    return told.select(History.empty().columns).cast(dict(History.empty().schema)).sort(keys)  # type: ignore[arg-type]


_Cells = dict[tuple[str, ...], dict[str, dict[str, Any]]]
"""Line -> token kind -> tokens, unpriced tokens and dollars."""


def _cells(steps: pl.DataFrame) -> _Cells:
    kinds = steps.group_by(*LINE, "token_kind").agg(pl.col("tokens", "unpriced_tokens").sum(), KNOWN)
    found: _Cells = {}
    for row in kinds.sort(*LINE, "token_kind").iter_rows(named=True):
        if any(row[name] for name in _SUMS):
            line = tuple(row[name] for name in LINE)
            found.setdefault(line, {})[row["token_kind"]] = {name: row[name] for name in _SUMS}
    return found


def _whole(kinds: Mapping[str, Mapping[str, Any]], prefix: str = "") -> dict[str, Any]:
    """The sums of a line; dollars are null where tokens are there and none has a price."""
    known = [cell["usd"] for cell in kinds.values() if cell["usd"] is not None]
    return {
        f"{prefix}tokens": sum(cell["tokens"] for cell in kinds.values()),
        f"{prefix}unpriced_tokens": sum(cell["unpriced_tokens"] for cell in kinds.values()),
        f"{prefix}usd": sum(known, _NOTHING) if known or not kinds else None,
    }


def _alone(now: _Cells) -> Iterator[dict[str, Any]]:
    for line, kinds in now.items():
        yield {**dict(zip(LINE, line, strict=True)), "line": "no_prior", **_whole(kinds)}


def _compared(before: _Cells, now: _Cells) -> Iterator[dict[str, Any]]:
    for _, mine in groupby(sorted(before.keys() | now.keys()), key=itemgetter(0)):
        pairs = {line: (before.get(line, {}), now.get(line, {})) for line in mine}
        cells = {line: list(_priced(*pair)) for line, pair in pairs.items()}
        found = effects(cells, frozenset(before.keys() & now.keys()))
        for line, pair in pairs.items():
            yield _row(line, pair, found[line] if cells[line] else None)


def _row(
    line: Sequence[str], pair: tuple[Mapping[str, Any], Mapping[str, Any]], found: Effects | None
) -> dict[str, Any]:
    prior, now = pair
    moved = {f"{name}_usd": amount for name, amount in found._asdict().items()} if found else {}
    return {
        **dict(zip(LINE, line, strict=True)),
        "line": "both" if prior and now else "new" if now else "gone",
        **_whole(prior, "prior_"),
        **_whole(now),
        **moved,
        "unpriced_usd": _unpriced(prior, now),
    }


def _priced(prior: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Cell]:
    """The kinds of a line whose tokens all have a price in both months."""
    for kind in sorted(prior.keys() | now.keys()):
        if not _lacks_a_price(kind, prior, now):
            old, new = prior.get(kind, {}), now.get(kind, {})
            yield Cell(
                kind,
                old.get("tokens", 0),
                old.get("usd") or _NOTHING,
                new.get("tokens", 0),
                new.get("usd") or _NOTHING,
            )


def _unpriced(prior: Mapping[str, Any], now: Mapping[str, Any]) -> Decimal | None:
    """The change in known dollars of kinds without a price; null where none of their dollars is known."""
    kinds = [kind for kind in sorted(prior.keys() | now.keys()) if _lacks_a_price(kind, prior, now)]
    old, new = ([side.get(kind, {}).get("usd") for kind in kinds] for side in (prior, now))
    if kinds and all(amount is None for amount in (*old, *new)):
        return None
    return sum((amount or _NOTHING for amount in new), _NOTHING) - sum(
        (amount or _NOTHING for amount in old), _NOTHING
    )


def _lacks_a_price(kind: str, prior: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    return any(side.get(kind, {}).get("unpriced_tokens") for side in (prior, now))
