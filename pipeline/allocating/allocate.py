"""Every billed line shared among teams and pools, in both views, to the cent. Pure."""

from collections.abc import Iterable

import polars as pl

from pipeline.allocating.apportion import UNITS, apportion, dollars, to_cents
from pipeline.allocating.lines import amounts, keys_of, lines_of, users_of, with_keys
from pipeline.allocating.methods import CENTS
from pipeline.allocating.owners import TRAITS, UNINSTRUMENTED, UNOWNED, owners
from pipeline.allocating.sharing import SHARE, shares_of
from pipeline.period import Month
from pipeline.settings import Settings
from schemas.allocation import VIEWS, Allocation

_SCHEMA = pl.Schema(Allocation.empty().schema)
_BY_LINE = ["view", "line_id", "team", "feature", "environment", "workload", "pool", "method"]


def allocate(
    charges: pl.DataFrame, bridge: pl.DataFrame, calls: pl.DataFrame, settings: Settings, month: Month
) -> pl.DataFrame:
    """Return recon.allocation of a month's recon.charge.

    `bridge` is recon.bridge with its dollars, `calls` the billed calls with their workloads. The shares of a
    line add up to what it bills, in both views; by view, bill and team they are whole cents. A line goes to
    those who used its model, tier and kind in the month, or what of these it tells; what no call carries goes
    by the method that the configuration names for it, which stands on the row.
    """
    lines = lines_of(charges, settings.contracts)
    keys = keys_of(lines)
    users = users_of(keys.drop("is_account"), owners(bridge, calls))
    lines = _unknown_models(with_keys(lines, keys), users)
    parts = amounts(lines)
    places = keys.select("key", "provider", "account", "is_account")
    wanted = parts.select("key", "kind").unique()
    rules = settings.allocation, teams_of(calls, settings)
    views = [
        _view(view, parts, shares_of(view, users, places, wanted, rules)).select(_COLUMNS) for view in VIEWS
    ]
    rows = pl.concat(views).join(lines.drop("bill", "kind", "counted"), on="line_id", how="left")
    return (
        rows.with_columns(month=pl.lit(str(month)), usd=dollars("units"))
        .sort(_BY_LINE, nulls_last=True)
        .select(_SCHEMA.names())
        .cast(_SCHEMA)
    )


_COLUMNS = ["view", "line_id", *SHARE, "tokens", "units"]


def teams_of(calls: pl.DataFrame, settings: Settings) -> list[str]:
    """Return all teams: those that rules, scopes and `[allocation]` name, and those of the month's calls."""
    named = {rule.team for rule in settings.teams} | {scope.team for scope in settings.scopes if scope.team}
    called = {*calls["team"].unique(), *calls["initiating_team"].unique()}
    return sorted((named | called | {*settings.allocation.teams}) - {UNOWNED, UNINSTRUMENTED})


def _unknown_models(lines: pl.DataFrame, users: pl.DataFrame) -> pl.DataFrame:
    """Lines that charge for the usage of a model which nobody is metered or traced with: unexplained."""
    wide = users.filter("is_wide")["key"].unique().implode()
    is_unknown = (pl.col("kind") == "usage") & pl.col("key").is_in(wide)
    return lines.with_columns(kind=pl.when(is_unknown).then(pl.lit("unexplained")).otherwise("kind"))


def _view(view: str, parts: pl.DataFrame, shares: pl.DataFrame) -> pl.DataFrame:
    ordered = shares.sort("key", "kind", "team", *TRAITS, "pool", "method", nulls_last=True)
    numbered = ordered.with_row_index("place")
    rows = parts.join(numbered, on=["key", "kind"], how="left").sort("amount_id", "place")
    rows = rows.with_columns(
        units=apportion(rows, "amount_id", "amount", "share"),
        tokens=apportion(rows.with_columns(pl.col("counted").fill_null(0)), "amount_id", "counted", "share"),
    )
    rows = rows.with_columns(tokens=pl.when(pl.col("counted").is_not_null()).then("tokens").cast(pl.Int64))
    rows = rows.filter((pl.col("units") != 0) | (pl.col("tokens").fill_null(0) != 0))
    told = rows.select("line_id", "bill", *SHARE, "tokens", "units")
    return pl.concat([told, _cents(told)]).with_columns(view=pl.lit(view))


def _cents(rows: pl.DataFrame) -> pl.DataFrame:
    """Shares of the last line of a bill that make the parts of teams whole cents, and add up to nothing."""
    last = rows.group_by("bill").agg(pl.col("line_id").max())
    sums = rows.group_by("bill", "team", "is_pool").agg(pl.col("units").sum()).sort("bill", "team", "is_pool")
    gaps = sums.with_columns(units=to_cents(sums, "bill", "units")).filter(pl.col("units") != 0)
    blank = [pl.lit(None, pl.String).alias(name) for name in TRAITS]
    method, words = CENTS
    return (
        gaps.join(last, on="bill")
        .with_columns(
            *blank,
            pool=pl.lit("rounding"),
            method=pl.lit(method),
            method_details=pl.lit(words),
            tokens=pl.lit(None, pl.Int64),
            units=pl.col("units").cast(UNITS),
        )
        .select(rows.columns)
    )


def added_up(allocation: pl.DataFrame, by: Iterable[str]) -> pl.DataFrame:
    """Return the dollars of an allocation by columns, as `usd`."""
    keys = list(by)
    return allocation.group_by(keys).agg(pl.col("usd").sum()).sort(keys, nulls_last=True)
