"""Attribution: the claims of all causes gathered, and balanced so that with `unexplained` they are the drift.

All claims of a place compete at once: they move from their point in proportion to their covariance, inside
their bounds, and `unexplained` competes with a variance of its own. Rows of one item move together, over all
token kinds and the count of requests. What cannot be placed stays unexplained. A claim without variance or
rate, exact arithmetic on recorded facts, never moves.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from pipeline.balances import BALANCES
from pipeline.cause import BUCKET, CLAIM_SCHEMA, Cause, Evidence
from pipeline.errors import BalanceError
from pipeline.places import MOVES, Array, Places, arrange

_ORDER = list(dict.fromkeys([*BUCKET, "step", "trace_id", "span_id", *CLAIM_SCHEMA]))
"""All columns: whatever the order of causes and rows, there is one order of the claims that can move."""

_PRIOR = ("rate_prior", "rate_error", "rate_low", "rate_high")

_FLOATS = [name for name, dtype in CLAIM_SCHEMA.items() if dtype == pl.Float64]
_DIGITS = 9
"""Significant digits of every number on a claim that is no whole token: float sums differ in their last bits
by the order of rows and threads, and that noise must not reach the rates."""


def gather(evidence: Evidence, causes: Sequence[Cause]) -> pl.DataFrame:
    """Return the claims of all causes, with `step`: those that can move first, in one order of their own.

    Claims that never move follow in any order: nothing that is worked out depends on it.

    Raises:
        BalanceError: a cause returned other columns, a point outside its own bounds, or a rate without its
            prior or tokens; or two claims do not agree on the prior of a rate.
    """
    parts = []
    for cause in causes:
        claim = cause.claim(evidence)
        if claim.schema != CLAIM_SCHEMA:
            raise BalanceError(
                f"Cause {cause.code} returned columns {claim.schema}, not those of CLAIM_SCHEMA."
            )
        point = pl.col("claimed_tokens")
        _refuse(cause, claim.filter(~point.is_between("tokens_low", "tokens_high")), "outside their bounds")
        spread = pl.col("variance")
        is_sound = spread.is_finite() & (spread >= 0) & pl.col("requests").is_finite()
        _refuse(cause, claim.filter(~is_sound.fill_null(value=False)), "without a variance or requests")
        bare = pl.any_horizontal(pl.col("full_tokens", *_PRIOR).is_null())
        told = claim.filter(pl.col("rate").is_not_null(), bare)
        _refuse(cause, told, "with a rate but without its prior, error, bounds or full_tokens")
        parts.append(claim.with_columns(pl.col(_FLOATS).round_sig_figs(_DIGITS), step=pl.lit(cause.code)))
    empty = CLAIM_SCHEMA.to_frame().with_columns(step=pl.lit("", pl.String))
    claims = pl.concat([empty, *parts])
    moving = claims.filter(MOVES).sort(_ORDER, nulls_last=True)
    _agree(moving)
    return pl.concat([moving, claims.filter(~MOVES)])


def _refuse(cause: Cause, wrong: pl.DataFrame, what: str) -> None:
    if wrong.height:
        raise BalanceError(f"Cause {cause.code} has {wrong.height} points {what}: {wrong.row(0)}")


def _agree(claims: pl.DataFrame) -> None:
    """Every rate has one prior, whichever causes name it."""
    rates = claims.filter(pl.col("rate").is_not_null()).group_by("rate", *_PRIOR).agg(pl.col("step").unique())
    several = rates.filter(pl.len().over("rate") > 1).sort("rate", *_PRIOR)
    if several.height:
        name = several["rate"][0]
        some = several.filter(pl.col("rate") == name)
        causes = ", ".join(sorted(set(some["step"].explode())))
        raise BalanceError(
            f"Rate {name} has {some.height} different priors in the claims of {causes}: "
            f"{some.select(_PRIOR).rows()[:2]}; all claims of a rate must state the same."
        )


def balance(
    buckets: pl.DataFrame,
    claims: pl.DataFrame,
    counts: pl.DataFrame | None = None,
    method: str = "variance",
    places: Places | None = None,
) -> pl.DataFrame:
    """Return the claims with `tokens`: what the balance places, whole tokens within the bounds.

    `buckets` has one row per bucket with `drift_tokens`, `traced_tokens` and `metered_tokens`; every claim's
    bucket is among them. `claims` come from `learn`, or from `gather`, then at the priors of their rates.
    `counts`: see `learn`. `method`: a key of BALANCES. `places`: those of `learn`, to save making them again.
    The drift that the placed tokens leave is the unexplained.
    """
    places = places or arrange(buckets, claims, counts)
    tokens = claims["claimed_tokens"].to_numpy().copy()
    if method != "none" and len(places.claim):
        placed = BALANCES[method](places, _rates_of(places, claims), claims["step"])
        is_claim = places.claim >= 0
        tokens[places.claim[is_claim]] = _whole(places, placed)[is_claim]
    return claims.with_columns(tokens=pl.Series(tokens, dtype=pl.Int64))


def _rates_of(places: Places, claims: pl.DataFrame) -> Array:
    """The rate that the claims use for every rate of the places: learned, else its prior."""
    if "posterior" not in claims.columns:
        return places.rates["rate_prior"].to_numpy()
    used = claims.filter(pl.col("rate").is_not_null()).group_by("rate").agg(pl.col("posterior").first())
    return places.rates.join(used, on="rate", how="left", maintain_order="left")["posterior"].to_numpy()


def _whole(places: Places, placed: Array) -> Array:
    """Whole tokens whose sum by place and kind is the rounded sum, by largest remainder."""
    cell = places.place * places.shape[1] + places.kind
    exact = placed.round(6)
    floor = np.floor(exact)
    rows = pl.DataFrame({"cell": cell, "part": exact - floor})
    extra = pl.col("part").sum().round(0).over("cell")
    place = pl.col("part").rank("ordinal", descending=True).over("cell")
    whole = np.asarray(floor + rows.select(place <= extra).to_series().to_numpy())
    return _level(places, whole)


def _level(places: Places, whole: Array) -> Array:
    """Let what items move between two kinds arrive as it left: rounding is no reason to lose a token."""
    away = np.zeros(len(places.item_place))
    out = places.is_transfer & (places.full < 0)
    away[places.item[out]] = whole[out]
    return np.where(places.is_transfer & (places.full > 0), -away[places.item], whole)
