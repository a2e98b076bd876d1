"""From cells to teams: every dollar of every invoice has a team or a named pool, to the cent."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import polars as pl

from pipeline.money import split
from pipeline.tokens import TOTAL
from schemas.report import Team

POOLS = ("unowned", "uninstrumented")
"""Names that stand for no team: calls without an owner, and traffic without calls."""

_NAMED = pl.col("step").is_in(["traced", "unexplained"]).not_()


def teams(bridge: pl.DataFrame, tieout: pl.DataFrame, calls: pl.DataFrame, month: str) -> pl.DataFrame:
    """Return report.team: the parts add up to the invoices over all teams.

    A team's part of an account's bill is in proportion to its metered tokens at the expected rate. Tokens
    without a price weigh as much as the account's others do on average, and are all alike where none has a
    price. The bill of an account without a meter goes by what its calls traced.
    """
    billed = _billed(bridge, tieout, calls)
    sums = bridge.group_by("team").agg(
        traced_tokens=pl.col("tokens").filter(pl.col("step") == "traced").sum(),
        metered_tokens=pl.col("tokens").sum(),
        explained_tokens=pl.col("tokens").filter(_NAMED).sum(),
        unexplained_tokens=pl.col("tokens").filter(pl.col("step") == "unexplained").sum(),
        traced_usd=pl.col("usd").filter(pl.col("step") == "traced").sum(),
        unexplained_usd=pl.col("usd").filter(pl.col("step") == "unexplained").sum(),
        unpriced_tokens=pl.col("tokens").filter(pl.col("usd").is_null()).sum().clip(0),
    )
    counts = calls.group_by("team").agg(call_count=pl.len().cast(pl.Int64))
    return (
        sums.join(gross_by_team(bridge), on="team", how="left")
        .join(counts, on="team", how="full", coalesce=True)
        .join(billed, on="team", how="full", coalesce=True)
        .with_columns(pl.col("billed_usd").fill_null(Decimal(0)))
        .with_columns(pl.exclude("team", "billed_usd").fill_null(0))
        .with_columns(
            month=pl.lit(month),
            is_pool=pl.col("team").is_in(POOLS),
            explained_usd=pl.col("billed_usd") - pl.col("traced_usd") - pl.col("unexplained_usd"),
        )
        .cast({name: dtype for name, dtype in Team.empty().schema.items() if name != "month"})
        .select(Team.empty().columns)
        .sort("team")
    )


def gross_by_team(bridge: pl.DataFrame) -> pl.DataFrame:
    """Return the sizes of all steps but traced, cell by cell, signs ignored, by team."""
    cells = bridge.filter(pl.col("step") != "traced").group_by(
        "team", "provider", "account", "scope", "model", "service_tier", "token_kind", "step"
    )
    return (
        cells.agg(pl.col("tokens").sum().abs())
        .group_by("team")
        .agg(gross_drift_tokens=pl.col("tokens").sum())
    )


def _billed(bridge: pl.DataFrame, tieout: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    totals = (
        tieout.filter(pl.col("component") == "billed")
        .group_by("provider", "account")
        .agg(pl.col("usd").sum())
    ).sort("provider", "account")
    weights = _weights(bridge, calls)
    parts: dict[str, Decimal] = {}
    for provider, account, total in totals.iter_rows():
        mine = weights.filter((pl.col("provider") == provider) & (pl.col("account") == account))
        _add(parts, _shares(mine, total))
    return pl.DataFrame(
        {"team": list(parts), "billed_usd": list(parts.values())},
        schema={"team": pl.String, "billed_usd": pl.Decimal(38, 12)},
    )


def _weights(bridge: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """Dollars, priced and unpriced tokens by account and team: metered, or traced where there is no meter."""
    place = ["provider", "account", "team"]
    is_priced = pl.col("usd").is_not_null()
    metered = bridge.group_by(place).agg(
        pl.col("usd").sum(),
        priced=pl.col("tokens").filter(is_priced).sum().clip(0),
        unpriced=pl.col("tokens").filter(~is_priced).sum().clip(0),
    )
    traced = (
        calls.filter(pl.col("not_billed_reason").is_null())
        .join(bridge, on=["provider", "account"], how="anti")
        .group_by(place)
        .agg(usd=pl.lit(None, bridge.schema["usd"]), priced=pl.lit(0, pl.Int64), unpriced=TOTAL.sum())
    )
    return pl.concat([metered, traced]).with_columns(pl.col("usd").fill_null(0).clip(0)).sort(place)


def _shares(weights: pl.DataFrame, total: Decimal) -> Mapping[str, Decimal]:
    if weights.is_empty():
        return {"uninstrumented": total}
    usd, priced, unpriced = (weights[name].to_list() for name in ("usd", "priced", "unpriced"))
    dollars, tokens = sum(usd, Decimal(0)), sum(priced)
    if not dollars or not tokens:
        column: Sequence[Decimal | int] = [mine + free for mine, free in zip(priced, unpriced, strict=True)]
    else:
        column = [mine * tokens + free * dollars for mine, free in zip(usd, unpriced, strict=True)]
    return dict(zip(weights["team"], split(total, column), strict=True))


def _add(parts: dict[str, Decimal], shares: Mapping[str, Decimal]) -> None:
    for team, amount in shares.items():
        parts[team] = parts.get(team, Decimal(0)) + amount
