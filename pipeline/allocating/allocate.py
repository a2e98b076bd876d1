"""Every billed line shared among teams and pools, in both views, to the cent. Pure."""

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
    views = [_view(view, parts, shares_of(view, users, places, wanted, rules)) for view in VIEWS]
    named = lines.drop("bill", "kind", "counted", "key")
    return pl.concat([_shaped(rows, named, month) for rows in views])


def _shaped(rows: pl.DataFrame, lines: pl.DataFrame, month: Month) -> pl.DataFrame:
    whole = rows.join(lines, on="line_id", how="left", maintain_order="left")
    told = whole.with_columns(month=pl.lit(str(month)), usd=dollars("units"))
    return told.select(_SCHEMA.names()).cast(_SCHEMA)


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
    """The amounts of a view shared out, lines in their order; a share of nothing is no row."""
    takers = shares.sort("key", "kind", "team", *TRAITS, "pool", "method", "method_details", nulls_last=True)
    takers = takers.with_row_index("taker")
    rows = parts.join(takers.select("key", "kind", "taker", "share"), on=["key", "kind"]).drop("key", "kind")
    rows = rows.sort("amount_id", "taker")
    rows = rows.with_columns(
        units=apportion(rows, "amount_id", "amount", "share"),
        tokens=apportion(rows.with_columns(pl.col("counted").fill_null(0)), "amount_id", "counted", "share"),
    ).select(
        "line_id",
        "bill",
        "taker",
        "units",
        tokens=pl.when(pl.col("counted").is_not_null()).then("tokens").cast(pl.Int64),
    )
    rows = rows.filter((pl.col("units") != 0) | (pl.col("tokens").fill_null(0) != 0))
    cents = _cents(rows, takers.select("taker", "team", "is_pool"))
    told = rows.join(takers.select("taker", *SHARE), on="taker", how="left", maintain_order="left")
    both = pl.concat([told.select(cents.columns), cents])
    return both.sort("line_id", maintain_order=True).with_columns(view=pl.lit(view))


def _cents(rows: pl.DataFrame, takers: pl.DataFrame) -> pl.DataFrame:
    """Shares of the last line of a bill that make the parts of teams whole cents, and add up to nothing."""
    last = rows.group_by("bill").agg(pl.col("line_id").max())
    parts = rows.group_by("bill", "taker").agg(pl.col("units").sum()).join(takers, on="taker")
    sums = parts.group_by("bill", "team", "is_pool").agg(pl.col("units").sum())
    sums = sums.sort("bill", "team", "is_pool")
    gaps = sums.with_columns(units=to_cents(sums, "bill", "units")).filter(pl.col("units") != 0)
    blank = [pl.lit(None, pl.String).alias(name) for name in TRAITS]
    method, words = CENTS
    told = gaps.join(last, on="bill", maintain_order="left").with_columns(
        *blank,
        pool=pl.lit("rounding"),
        method=pl.lit(method),
        method_details=pl.lit(words),
        tokens=pl.lit(None, pl.Int64),
        units=pl.col("units").cast(UNITS),
    )
    return told.select("line_id", *SHARE, "tokens", "units")
