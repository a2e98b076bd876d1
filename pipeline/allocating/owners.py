"""Who used what is billed: by model, tier and kind, each owner with a weight, and how that is known."""

import polars as pl

from pipeline.allocating.apportion import UNITS, units
from pipeline.tokens import TOTAL, unpivot

CELL = ["provider", "account", "model", "service_tier", "token_kind"]
TRAITS = ["feature", "environment", "workload"]
UNOWNED, UNINSTRUMENTED = "unowned", "uninstrumented"

_ACCOUNT = ["provider", "account"]
_BRIDGE_OWNER = ["team", "service", "feature"]
_KIND = [*_ACCOUNT, "model", "token_kind", *_BRIDGE_OWNER]
_TOLD = ["initiating", "environment", "workload"]
_IS_UNEXPLAINED = pl.col("step") == "unexplained"
_FINE = 1000
"""Weights are dollars to a thousandth of 10^-12, so that an average price of a token keeps its digits."""

OWNERS = pl.Schema(
    {
        **dict.fromkeys(CELL, pl.String()),
        "executing": pl.String(),
        "initiating": pl.String(),
        **dict.fromkeys(TRAITS, pl.String()),
        "rule": pl.String(),
        "weight": UNITS(),
    }
)
"""One row per cell, owner and rule; weights of an account are in proportion to metered dollars."""


def owners(bridge: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """Return OWNERS from recon.bridge with its dollars and the billed calls with their workloads.

    A team's weight in a cell is what it is metered for, causes and unexplained tokens included, at the
    expected rate; where it is negative it is nothing. Tokens without a price weigh as much as the account's
    others do on average. What the meter does not cover goes by the tokens that calls recorded. How the calls
    of an owner divide among initiating teams, environments and workloads is told by their recorded tokens,
    else by their number.
    """
    metered = _weighted(_netted(bridge)).join(_marks(bridge), on=[*CELL, "scope", "team"], how="left")
    spread = _spread(_parts(metered), calls)
    return pl.concat([spread, _traced(calls, bridge)]).sort(pl.exclude("weight"), nulls_last=True)


def _netted(bridge: pl.DataFrame) -> pl.DataFrame:
    """Tokens and dollars of each owner in a cell: all steps, and what of it is unexplained."""
    is_unpriced = pl.col("usd").is_null()
    usd = units("usd").fill_null(0)
    sums = bridge.group_by(*CELL, "scope", *_BRIDGE_OWNER).agg(
        pl.when((pl.col("step") == UNINSTRUMENTED).all()).then(pl.lit("owner")).alias("silent"),
        dollars=usd.sum(),
        rest_dollars=usd.filter(_IS_UNEXPLAINED).sum(),
        priced=pl.col("tokens").filter(~is_unpriced).sum(),
        free=pl.col("tokens").filter(is_unpriced).sum(),
        rest_free=pl.col("tokens").filter(is_unpriced & _IS_UNEXPLAINED).sum(),
        rest_priced=pl.col("tokens").filter(~is_unpriced & _IS_UNEXPLAINED).sum(),
    )
    return sums.with_columns(pl.col("dollars", "priced", "free").clip(0).cast(UNITS))


def _weighted(rows: pl.DataFrame) -> pl.DataFrame:
    """`weight` of an owner and `rest`, what of it is unexplained."""
    dollars, tokens = (pl.col(name).sum().over(_ACCOUNT) for name in ("dollars", "priced"))
    has_price = (dollars > 0) & (tokens > 0)
    mean = (
        pl.when(has_price).then(dollars * _FINE // pl.max_horizontal(tokens, pl.lit(1, UNITS))).otherwise(1)
    )
    unit = pl.when(has_price).then(_FINE).otherwise(0)
    by_tokens = pl.when(has_price).then(0).otherwise(1)

    def weight(prefix: str) -> pl.Expr:
        usd, priced, free = (pl.col(f"{prefix}{name}").cast(UNITS) for name in ("dollars", "priced", "free"))
        return usd * unit + priced * by_tokens + free * mean

    told = rows.with_columns(weight=weight(""), rest=weight("rest_"))
    return told.with_columns(rest=pl.min_horizontal(pl.col("rest").clip(0), "weight"))


def _marks(bridge: pl.DataFrame) -> pl.DataFrame:
    """`is_direct`: nobody else uses the key, or all tokens of the team in the cell are recorded facts."""
    users = bridge.filter(pl.col("step") != UNINSTRUMENTED).select(*_ACCOUNT, "scope", "team").unique()
    alone = users.group_by(*_ACCOUNT, "scope").agg(is_alone=pl.len() == 1)
    exact = bridge.group_by(*CELL, "scope", "team").agg(is_exact=(pl.col("basis") == "exact").all())
    told = exact.join(alone, on=[*_ACCOUNT, "scope"], how="left")
    return told.select(
        *CELL, "scope", "team", is_direct=pl.col("is_exact") | pl.col("is_alone").fill_null(value=False)
    )


def _parts(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per cell, owner of the bridge and rule."""
    used = rows.with_columns(
        rule=pl.when(pl.col("silent").is_not_null())
        .then(pl.lit("owner"))
        .when("is_direct")
        .then(pl.lit("direct"))
        .otherwise(pl.lit("evidence")),
        weight=pl.col("weight") - pl.col("rest"),
    )
    rest = rows.with_columns(rule=pl.lit("unexplained"), weight=pl.col("rest"))
    keep = [*CELL, *_BRIDGE_OWNER, "rule"]
    both = pl.concat([part.select(*keep, "weight") for part in (used, rest)]).filter(pl.col("weight") > 0)
    return both.group_by(keep).agg(pl.col("weight").sum())


def _spread(parts: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """Weights divided by what the calls of each owner tell of themselves."""
    fine, coarse = _told(calls)
    closest = parts.join(fine, on=_KIND, how="inner")
    others = parts.join(fine, on=_KIND, how="anti")
    wider = others.join(coarse, on=[*_ACCOUNT, *_BRIDGE_OWNER], how="left")
    rows = pl.concat([closest, wider.select(closest.columns)])
    one = pl.lit(1, UNITS)
    divided = pl.col("weight") * pl.col("size").fill_null(one) // pl.col("whole").fill_null(one)
    return _shaped(
        rows.with_columns(
            weight=divided,
            executing="team",
            initiating=pl.coalesce("initiating", "team"),
            feature=pl.when(pl.col("feature") != "").then("feature"),
        ).with_columns(pl.when(pl.col("rule") != "unexplained").then(name).alias(name) for name in TRAITS)
    )


def _told(calls: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """How the calls of an owner divide: by tokens of a model and kind, and all of them together."""
    named = _named(calls)
    long = unpivot(named, [*_KIND[:3], *_BRIDGE_OWNER, *_TOLD]).filter(pl.col("tokens") > 0)
    fine = long.group_by(*_KIND, *_TOLD).agg(size=pl.col("tokens").sum().cast(UNITS))
    place = [*_ACCOUNT, *_BRIDGE_OWNER]
    coarse = named.group_by(*place, *_TOLD).agg(size=TOTAL.sum().cast(UNITS), number=pl.len().cast(UNITS))
    has_tokens = pl.col("size").sum().over(place) > 0
    coarse = coarse.with_columns(size=pl.when(has_tokens).then("size").otherwise("number")).drop("number")
    return tuple(  # type: ignore[return-value]
        frame.with_columns(whole=pl.col("size").sum().over(keys))
        for frame, keys in ((fine, _KIND), (coarse, place))
    )


def _named(calls: pl.DataFrame) -> pl.DataFrame:
    known = pl.when(pl.col("environment") != "unknown").then("environment")
    return calls.with_columns(initiating="initiating_team", environment=known)


def _traced(calls: pl.DataFrame, bridge: pl.DataFrame) -> pl.DataFrame:
    """Calls of accounts and models that no meter covers, by the tokens that they recorded."""
    outside = _named(calls).join(bridge, on=[*_ACCOUNT, "model"], how="anti")
    keep = [*CELL[:4], *_BRIDGE_OWNER, *_TOLD]
    rows = unpivot(outside, keep).group_by(*keep, "token_kind").agg(weight=pl.col("tokens").sum())
    return _shaped(
        rows.filter(pl.col("weight") > 0).with_columns(
            executing="team", rule=pl.lit("traced"), feature=pl.when(pl.col("feature") != "").then("feature")
        )
    )


def _shaped(rows: pl.DataFrame) -> pl.DataFrame:
    keys = [name for name in OWNERS if name != "weight"]
    sums = rows.group_by(keys).agg(pl.col("weight").cast(UNITS).sum())
    return sums.select(OWNERS.names()).cast(OWNERS).filter(pl.col("weight") > 0)
