"""Cache convention: tokens in the wrong kind, because the span does not break cached input down.

Adds up to zero over the kinds of a call; the kinds differ in price, so it does not add up to zero in money.
"""

import polars as pl

from pipeline.cause import BUCKET, OWNER, Cause, Evidence, claims
from pipeline.facts import claims_from_facts
from schemas.types import TOKEN_KINDS

_PLACE = [name for name in BUCKET if name != "token_kind"]


def claim(evidence: Evidence) -> pl.DataFrame:
    """Pairs of rows per call that move tokens between kinds, by the mix of the meter in the same bucket.

    The mix is that of the calls in question: what calls with a full breakdown account for is taken off first.
    Writes of unknown lifetime go to the lifetimes that are left, and input without any breakdown to cache
    reads. Exact where the meter has one of the kinds only; else the bounds are none and all. The two
    halves of a move have no variance, so that the balance keeps them together.
    """
    calls = evidence.calls.filter(~pl.col("is_matched")).join(_mix(evidence), on=_PLACE)
    short, long = "cache_write_5m", "cache_write_1h"
    lumped = calls.filter(
        (pl.col("cache_write_other_tokens") > 0)
        & pl.col("provider").is_in([slug for slug, kinds in evidence.cache_writes.items() if long in kinds])
    )
    undivided = calls.filter((pl.col("cache_breakdown") == "none") & (pl.col("input_uncached_tokens") > 0))
    moves = pl.concat(
        [
            _moves(lumped, "cache_write_other", long, rest=short),
            _moves(lumped, "cache_write_other", short, rest=long),
            _moves(undivided, "input_uncached", "cache_read", rest="input_uncached"),
        ]
    )
    exact = claims_from_facts(evidence, "cache_convention")
    return pl.concat([exact, claims(pl.concat([_away(moves), _towards(moves)]))])


def _mix(evidence: Evidence) -> pl.DataFrame:
    """Metered tokens of a bucket, one column a kind, less those of the calls that tell their kinds."""
    kinds = [pl.col("tokens").filter(pl.col("token_kind") == kind).sum().alias(kind) for kind in TOKEN_KINDS]
    tells = {kind: pl.col("cache_breakdown") != "none" for kind in ("input_uncached", "cache_read")}
    told = (
        evidence.calls.filter(pl.col("not_billed_reason").is_null())
        .group_by(_PLACE)
        .agg(
            pl.col(f"{kind}_tokens").filter(tells.get(kind, pl.col("cache_breakdown") == "full")).sum()
            for kind in TOKEN_KINDS
        )
    )
    mix = evidence.metered.group_by(_PLACE).agg(kinds).join(told, on=_PLACE, how="left")
    left = [(pl.col(kind) - pl.col(f"{kind}_tokens").fill_null(0)).clip(0) for kind in TOKEN_KINDS]
    return mix.select(*_PLACE, *left, *[(pl.col(kind) > 0).alias(f"has_{kind}") for kind in TOKEN_KINDS])


def _moves(calls: pl.DataFrame, from_kind: str, to_kind: str, *, rest: str) -> pl.DataFrame:
    """Move the share `to_kind / (to_kind + rest)` of a call's `from_kind` tokens to `to_kind`.

    Of two complementary shares one is rounded up at the half and the other down, so that both add up.
    """
    available = pl.col(f"{from_kind}_tokens")
    whole = pl.col(to_kind) + pl.col(rest)
    exact_half_up = (2 * available * pl.col(to_kind) + whole) // (2 * whole)
    complement = available - (2 * available * pl.col(rest) + whole) // (2 * whole)
    moved = exact_half_up if to_kind != "cache_write_5m" else complement
    is_exact = ~pl.col(f"has_{rest}")
    return (
        calls.filter(whole > 0)
        .select(
            *_PLACE,
            *OWNER,
            "trace_id",
            "span_id",
            from_kind=pl.lit(from_kind),
            to_kind=pl.lit(to_kind),
            moved=moved,
            least=pl.when(is_exact).then(moved).otherwise(0),
            most=pl.when(is_exact).then(moved).otherwise(available),
            basis=pl.when(is_exact).then(pl.lit("exact")).otherwise(pl.lit("estimated")),
        )
        .filter(pl.col("moved") > 0)
        .with_columns(
            reason=pl.format("{} logged, split by the mix of the meter in this time step", "from_kind")
        )
    )


def _away(moves: pl.DataFrame) -> pl.DataFrame:
    return moves.with_columns(
        token_kind=pl.col("from_kind"),
        tokens=-pl.col("moved"),
        tokens_low=-pl.col("most"),
        tokens_high=-pl.col("least"),
    )


def _towards(moves: pl.DataFrame) -> pl.DataFrame:
    return moves.with_columns(
        token_kind=pl.col("to_kind"),
        tokens=pl.col("moved"),
        tokens_low=pl.col("least"),
        tokens_high=pl.col("most"),
    )


CAUSE = Cause(
    code="cache_convention",
    title="Cached tokens in the wrong kind",
    sentence="The span does not say, or says too coarsely, which input was read from or written to the "
    "provider's cache; the kinds differ in price.",
    advice="Move to an instrumentation that writes cache reads and both cache-write lifetimes.",
    claim=claim,
)
