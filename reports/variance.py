"""This month beside the last one: what moved the cost, by team on the index and by model on a team's page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl

from pipeline.money import to_cents
from pipeline.period import Month
from reports import format as fmt
from reports.rounding import ZERO
from reports.view import Usd

EFFECTS = ("price", "cache_hit", "mix", "volume", "unpriced")
"""In the order of the page."""

TITLES: Mapping[str, tuple[str, str]] = {
    "price": ("Price", "other rates for the same tokens"),
    "cache_hit": ("Cache hits", "another share of the input read from or written to the cache"),
    "mix": ("Mix", "another share of models, tiers and output"),
    "volume": ("Volume", "more or fewer tokens, and what is new or gone"),
    "unpriced": ("Unpriced", "tokens whose price is known in one month only; no saving"),
}
"""Title and sentence of each effect."""

LISTED = 15
_AMOUNTS = ("prior", *EFFECTS, "now")
_COLUMNS = {"prior": "prior_usd", "now": "usd", **{name: f"{name}_usd" for name in EFFECTS}}
_STATE = {"new": "new", "gone": "gone"}


@dataclass(frozen=True)
class Moved:
    """A row: last month, the effects in their order, this month; the cents add up."""

    name: str
    detail: str
    prior: Usd
    effects: tuple[Usd, ...]
    now: Usd


@dataclass(frozen=True)
class Change:
    """The table of a page. Without rows there is nothing to compare, and `sentence` says why."""

    sentence: str
    prior_month: str
    effects: tuple[str, ...]
    """Codes of the effects that are shown: the unpriced only where there is any."""
    rows: tuple[Moved, ...]
    total: Moved | None
    once: tuple[str, ...]
    """What is new and what is gone, in words."""


def change(table: pl.DataFrame, month: str, team: str | None) -> Change:
    """Return recon.variance by team, or the lines of one team; the smallest ones together in one row."""
    mine = table if team is None else table.filter(team=team)
    before = _before(month)
    if mine.is_empty() or mine["prior_month"].null_count():
        return Change(_nothing(before, is_empty=mine.is_empty()), before, (), (), None, ())
    keys = ["team"] if team is None else ["model", "provider", "account", "service_tier", "line"]
    sums = _folded(_summed(mine, keys), keys)
    rows, total = _rows(sums, keys)
    is_shown = {name for name in EFFECTS if name != "unpriced" or _differs(sums, name)}
    shown = tuple(name for name in EFFECTS if name in is_shown)
    return Change(_sentence(total, before), before, shown, rows, total, _once(mine))


def _before(month: str) -> str:
    is_month = month[:4].isdigit()
    return fmt.month_name(str(Month.parse(month).plus(-1))) if is_month else "the month before"


def _nothing(before: str, *, is_empty: bool) -> str:
    if is_empty:
        return "Nothing is metered, so that there is nothing to compare."
    return (
        f"{before} was not closed here, so that there is nothing to compare with. "
        "Close it and then this month again, and what moved the cost stands here."
    )


def _summed(mine: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    known = [
        pl.when(pl.col(name).is_not_null().any()).then(pl.col(name).sum()).alias(name)
        for name in _COLUMNS.values()
    ]
    sums = mine.group_by(keys).agg(*known, pl.col("prior_unpriced_tokens", "unpriced_tokens").sum())
    size = (pl.col("usd").fill_null(0) - pl.col("prior_usd").fill_null(0)).abs()
    return sums.sort(-size, *keys)


def _folded(sums: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """The rows that moved most, and one for the others."""
    if sums.height <= LISTED + 1:
        return sums
    rest = sums.slice(LISTED)
    name = dict.fromkeys(keys, "") | {keys[0]: f"{rest.height:,} others"}
    words = rest.with_columns(pl.lit(word).alias(key) for key, word in name.items())
    return pl.concat([sums.head(LISTED), _summed(words, keys).select(sums.columns)])


def _rows(sums: pl.DataFrame, keys: Sequence[str]) -> tuple[tuple[Moved, ...], Moved]:
    exact = {name: sums[column].to_list() for name, column in _COLUMNS.items()}
    cents = {name: to_cents([amount or ZERO for amount in exact[name]]) for name in _AMOUNTS}
    cents["volume"] = [
        now - prior - sum(others, ZERO)
        for now, prior, *others in zip(
            cents["now"], cents["prior"], *(cents[name] for name in EFFECTS if name != "volume"), strict=True
        )
    ]
    rows = tuple(
        _moved(_words(row, keys), row, {name: (exact[name][i], cents[name][i]) for name in _AMOUNTS})
        for i, row in enumerate(sums.iter_rows(named=True))
    )
    whole = {name: (_sum(exact[name]), sum(cents[name], ZERO)) for name in _AMOUNTS}
    parts = {name: sums[name].sum() for name in ("prior_unpriced_tokens", "unpriced_tokens")}
    return rows, _moved(("All", ""), parts, whole)


def _words(row: Mapping[str, Any], keys: Sequence[str]) -> tuple[str, str]:
    name = str(row[keys[0]])
    if len(keys) == 1 or not row["provider"]:
        return name, ""
    tier = "" if row["service_tier"] in {"standard", "all"} else f", {row['service_tier']}"
    state = f", {_STATE[row['line']]}" if row["line"] in _STATE else ""
    return name, f"{row['provider']} {row['account']}{tier}{state}"


def _moved(
    words: tuple[str, str], parts: Mapping[str, Any], amounts: Mapping[str, tuple[Decimal | None, Decimal]]
) -> Moved:
    def usd(name: str, *, is_partial: bool = False) -> Usd:
        exact, cents = amounts[name]
        return Usd(exact, None if exact is None else cents, is_partial)

    prior = usd("prior", is_partial=bool(parts["prior_unpriced_tokens"]))
    now = usd("now", is_partial=bool(parts["unpriced_tokens"]))
    return Moved(*words, prior, tuple(usd(name) for name in EFFECTS), now)


def _sum(amounts: Sequence[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known, ZERO) if known else None


def _differs(sums: pl.DataFrame, name: str) -> bool:
    return bool((sums[_COLUMNS[name]].fill_null(0) != 0).any())


def _sentence(total: Moved, before: str) -> str:
    prior, now = total.prior.shown, total.now.shown
    if prior is None or now is None:
        return f"The usage of this month or of {before} has no known price, so that no change is known."
    told = f"Metered usage costs {fmt.usd(now)} at the expected rate"
    gap = now - prior
    if not gap:
        return f"{told}, as in {before}."
    share = f" ({fmt.signed_percent(gap, prior)})" if prior else ""
    more = "more" if gap > 0 else "less"
    sizes = {name: usd.shown or ZERO for name, usd in zip(EFFECTS, total.effects, strict=True)}
    most = max(EFFECTS, key=lambda name: abs(sizes[name]))
    title, words = TITLES[most]
    return (
        f"{told}, {fmt.usd(abs(gap))} {more} than in {before}{share}. What moved it most is "
        f"{title.lower()}, {fmt.signed_usd(sizes[most])}: {words}."
    )


def _once(mine: pl.DataFrame) -> tuple[str, ...]:
    """The lines of one month only; their dollars are in volume."""
    found = []
    for state, column in (("new", "usd"), ("gone", "prior_usd")):
        lines = mine.filter(line=state)
        if lines.height:
            count = fmt.plural(lines.height, "line")
            verb = "is" if lines.height == 1 else "are"
            found.append(f"{count} {verb} {state}, {fmt.usd(_sum(lines[column].to_list()))}")
    return tuple(found)
