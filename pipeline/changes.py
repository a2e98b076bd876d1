"""What would change in a locked month, if it were closed again: which inputs, which rules, which figures."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import polars as pl

from pipeline.closing import OUTCOMES
from pipeline.figures import KEYS
from pipeline.findings import finding
from pipeline.period import Month
from pipeline.rates.sku import RATE_KEY
from schemas.tables import BY_NAME

SHOWN = 8


class Changes(NamedTuple):
    """A locked month beside what its inputs, rules and prices would make of it now."""

    month: str
    figures: pl.DataFrame
    """Keys, old, new and difference of every figure that would be another."""
    tables: tuple[str, ...]
    """Published tables with rows that would be others."""
    files: tuple[str, ...]
    """Files of the month that came, went or are read otherwise since the lock, in words."""
    rules: tuple[str, ...]
    """Sections of the configuration, version and price card that are others, in words."""

    @property
    def is_none(self) -> bool:
        """Whether no figure would change."""
        return self.figures.is_empty()

    @property
    def is_billed(self) -> bool:
        """Whether an invoice, or what a team is billed, would change."""
        return not self.figures.filter(pl.col("line") == "billed").is_empty()

    @property
    def billed(self) -> Decimal:
        """By how much the bills would change, in US dollars."""
        found = self.figures.filter(dimension="invoice", line="billed")["difference"]
        return sum(found, Decimal(0))


def changed_rules(lock: Mapping[str, Any], now: Mapping[str, str], rates: int) -> tuple[str, ...]:
    """Return what of the rules is another now, in words; `rates` is how many expected rates are."""
    old, new = json.loads(lock["rules"]), json.loads(now["rules"])
    sections = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    words = [f"the {name}" if name == OUTCOMES else f"[{name}] of the configuration" for name in sections]
    if lock["tallystick_version"] != now["tallystick_version"]:
        words.append(f"Tallystick: {lock['tallystick_version']} then, {now['tallystick_version']} now")
    if rates:
        words.append(f"{rates:,} of the expected rates: {lock['price_card']} then, {now['price_card']} now")
    return tuple(words)


def changed_files(then: pl.DataFrame, now: pl.DataFrame, of_month: pl.DataFrame) -> tuple[str, ...]:
    """Return the files of a month that came, went or are read otherwise since `then`, in words."""
    key = ["kind", "file_id"]
    old, new = (frame.filter(pl.col("duplicate_of").is_null()) for frame in (then, now))
    came = new.join(old, on=key, how="anti").join(of_month, on=key, how="semi")
    went = old.filter("is_of_month").join(new, on=key, how="anti")
    both = old.filter("is_of_month").join(new.select(*key, now="decoder"), on=key)
    read = both.filter(pl.col("decoder") != pl.col("now"))
    parts = (("new", came), ("replaced or removed", went), ("read otherwise", read))
    return tuple(
        f"{what}: {uri} ({kind})"
        for what, frame in parts
        for uri, kind in frame.select("uri", "kind").unique().sort("uri", "kind").rows()
    )


def changed_rates(then: pl.DataFrame, now: pl.DataFrame) -> int:
    """Return how many rates of recon.expected_rate are in both and differ."""
    key = [*RATE_KEY, "valid_from"]
    both = then.join(now.select(*key, now="usd_per_token"), on=key)
    return both.filter(pl.col("usd_per_token").ne_missing(pl.col("now"))).height


def late_text(found: tuple[Month, tuple[str, ...]]) -> str:
    """Return what to know of a locked month and its late files, on one line."""
    month, files = found
    more = f" and {len(files) - 3:,} more" if len(files) > 3 else ""
    return (
        f"{month} is locked and stays as it is. Late for it: {'; '.join(files[:3])}{more}. "
        f"`tallystick close {month}` says what would change."
    )


def differing(then: Mapping[str, pl.DataFrame], now: Mapping[str, pl.DataFrame]) -> tuple[str, ...]:
    """Return the published names of the tables of `now` that have other rows `then`, whatever their order."""

    def ordered(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.sort(pl.all(), nulls_last=True)

    others = (name for name in now if not ordered(now[name]).equals(ordered(then[name])))
    return tuple(sorted(str(BY_NAME[name].exported) for name in others))


def told(found: Changes) -> list[str]:
    """Return what would change, in lines: why first, then the largest figures."""
    lines = [*_shown(found.files, "files"), *_shown(found.rules, "rules")]
    for dimension in ("invoice", "team", "bridge"):
        rows = sorted(found.figures.filter(dimension=dimension).iter_rows(named=True), key=_rank)
        lines += _shown([_figure(row) for row in rows], f"figures of the {dimension}")
    return [f"  {line}" for line in lines]


def _rank(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Dollars before tokens, large before small."""
    return (row["unit"] != "usd", -abs(row["difference"]), *(row[name] for name in KEYS))


def _shown(lines: tuple[str, ...] | list[str], what: str) -> list[str]:
    rest = len(lines) - SHOWN
    return [*lines[:SHOWN], *([f"and {rest:,} more {what}"] if rest > 0 else [])]


def _figure(row: Mapping[str, Any]) -> str:
    place = " ".join(row[name] for name in ("provider", "account", "invoice_id", "team") if row[name])
    old, new, gap = (_amount(row[name], row["unit"]) for name in ("old", "new", "difference"))
    sign = "+" if row["difference"] > 0 else ""
    return f"{place}, {row['line']}: {old} -> {new} ({sign}{gap})"


def _amount(amount: Decimal | None, unit: str) -> str:
    if amount is None:
        return "none"
    return f"{amount:,.2f} USD" if unit == "usd" else f"{amount:,.0f} tokens"


def candidate(month: str, found: Changes) -> pl.DataFrame:
    """Return a finding of `month` about another month, which is locked and would be another now."""
    why = "; ".join(_shown([*found.files, *found.rules], "causes")[:4]) or "other months"
    return finding(
        month, "restatement_candidate", "warning" if found.is_billed else "note",
        f"The locked month '{found.month}' would be billed {found.billed:+,.2f} USD, and "
        f"{found.figures.height:,} of its figures would be others, because of {why}. "
        "Nothing of it was changed.",
        f'If that is right: `tallystick reopen {found.month} --why "..."`, then '
        f"`tallystick close {found.month} --lock`; `tallystick close {found.month}` lists the figures.",
        usd=found.billed,
    )  # fmt: skip
