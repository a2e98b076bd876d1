"""Cache convention: tokens in the wrong kind, because the span does not break cached input down.

Adds up to zero over the kinds of a call; the kinds differ in price, so it does not add up to zero in money.
"""

import polars as pl

from pipeline.cause import BUCKET, OWNER, Cause, Evidence, claims
from pipeline.facts import claims_from_facts
from pipeline.kind_shares import INPUT_KINDS

_PLACE = [name for name in BUCKET if name != "token_kind"]
_RATE = ["provider", "account", "model", "service"]
_SHORT, _LONG, _LUMPED = "cache_write_5m", "cache_write_1h", "cache_write_other"
_PLAIN, _READ = "input_uncached", "cache_read"


def claim(evidence: Evidence) -> pl.DataFrame:
    """Pairs of rows per bucket and owner that move tokens between kinds.

    Writes of unknown lifetime go to the one that the meter has; where it has both, to the shorter, and from
    there to the longer by a rate of the service and model. Input without any breakdown goes to cache reads by
    such a rate. The priors of the rates are the month's mix of the meter, less the calls that tell their
    kinds; calibration learns what a service does differently.
    """
    calls, kinds = evidence.calls.filter(~pl.col("is_matched")), _metered_kinds(evidence)
    timed = [slug for slug, writes in evidence.cache_writes.items() if _LONG in writes]
    is_lumped = (pl.col(f"{_LUMPED}_tokens") > 0) & pl.col("provider").is_in(timed)
    lumped = calls.filter(is_lumped).join(kinds, on=_PLACE)
    has_short, has_long = (pl.col(f"has_{kind}") for kind in (_SHORT, _LONG))
    is_undivided = (pl.col("cache_breakdown") == "none") & (pl.col(f"{_PLAIN}_tokens") > 0)
    undivided = calls.filter(is_undivided).join(kinds, on=_PLACE)
    mix = _mix(evidence)
    return pl.concat(
        [
            claims_from_facts(evidence, "cache_convention"),
            _sure(lumped.filter(has_long & ~has_short), _LUMPED, _LONG, "exact"),
            _sure(lumped.filter(has_short & ~has_long), _LUMPED, _SHORT, "exact"),
            _sure(lumped.filter(has_short & has_long), _LUMPED, _SHORT, "estimated"),
            _shared(lumped.filter(has_short & has_long), (_LUMPED, _SHORT, _LONG), "lifetime", mix),
            _sure(undivided.filter(f"has_{_READ}", ~pl.col(f"has_{_PLAIN}")), _PLAIN, _READ, "exact"),
            _shared(
                undivided.filter(f"has_{_READ}", f"has_{_PLAIN}"), (_PLAIN, _PLAIN, _READ), "cached", mix
            ),
        ]
    )


def _metered_kinds(evidence: Evidence) -> pl.DataFrame:
    """Whether the meter has tokens of a kind in a bucket, one column a kind."""
    return evidence.metered.group_by(_PLACE).agg(
        ((pl.col("token_kind") == kind) & (pl.col("tokens") > 0)).any().alias(f"has_{kind}")
        for kind in INPUT_KINDS
    )


def _mix(evidence: Evidence) -> pl.DataFrame:
    """Metered tokens of an account and model, one column a kind, less what calls and facts tell."""
    place = ["provider", "account", "model"]
    sums = evidence.metered.group_by(place).agg(
        pl.col("tokens").filter(pl.col("token_kind") == kind).sum().alias(kind) for kind in INPUT_KINDS
    )
    calls = evidence.calls.filter(~pl.col("is_matched") & pl.col("not_billed_reason").is_null())
    tells = {kind: pl.col("cache_breakdown") != "none" for kind in (_PLAIN, _READ)}
    full = pl.col("cache_breakdown") == "full"
    told = [
        calls.group_by(place).agg(
            pl.col(f"{kind}_tokens").filter(tells.get(kind, full)).sum() for kind in INPUT_KINDS
        )
    ]
    if evidence.facts.height:
        told.append(
            evidence.facts.group_by(place).agg(pl.col(f"{kind}_tokens").sum() for kind in INPUT_KINDS)
        )
    known = pl.concat(told).group_by(place).agg(pl.col(f"{kind}_tokens").sum() for kind in INPUT_KINDS)
    return sums.join(known, on=place, how="left").select(
        *place, *[(pl.col(kind) - pl.col(f"{kind}_tokens").fill_null(0)).clip(0) for kind in INPUT_KINDS]
    )


def _sure(calls: pl.DataFrame, source: str, target: str, basis: str) -> pl.DataFrame:
    """All tokens of one kind in another, by bucket and owner."""
    moved = pl.col(f"{source}_tokens")
    sums = calls.group_by([*_PLACE, *OWNER]).agg(tokens=moved.sum(), **_evidence(moved))
    sums = sums.with_columns(basis=pl.lit(basis), reason=_reason(source, target))
    return claims(
        pl.concat(
            [
                sums.with_columns(token_kind=pl.lit(source), tokens=-pl.col("tokens")),
                sums.with_columns(token_kind=pl.lit(target)),
            ]
        )
    )


def _shared(calls: pl.DataFrame, kinds: tuple[str, str, str], prefix: str, mix: pl.DataFrame) -> pl.DataFrame:
    """Part of the tokens of `kinds[0]` from `kinds[1]` to `kinds[2]`: by a rate, and in step."""
    logged, source, target = kinds
    tokens = pl.col(f"{logged}_tokens")
    part = pl.col(target) / (pl.col(target) + pl.col(source))
    rates = mix.with_columns(rate_prior=part.fill_nan(0.5).clip(0.02, 0.98).round(6))
    sums = (
        calls.group_by([*_PLACE, *OWNER])
        .agg(full=tokens.sum(), squares=(tokens.cast(pl.Float64) ** 2).sum(), **_evidence(tokens))
        .join(rates.select("provider", "account", "model", "rate_prior"), on=_RATE[:-1])
        .with_columns(
            variance=pl.col("squares") * pl.col("rate_prior") * (1 - pl.col("rate_prior")),
            item=pl.format(f"{prefix}/{{}}/{{}}/{{}}", "service", "team", "feature"),
            rate=pl.format(f"{prefix}/{{}}/{{}}/{{}}/{{}}", *_RATE),
            rate_error=pl.lit(_ERROR),
            rate_low=pl.lit(0.0),
            rate_high=pl.lit(1.0),
            basis=pl.lit("estimated"),
            reason=_reason(logged, target),
        )
    )
    away, towards = (sums.with_columns(token_kind=pl.lit(kind)) for kind in (source, target))
    signed = [away.with_columns(full_tokens=-pl.col("full")), towards.with_columns(full_tokens="full")]
    rows = pl.concat(signed)
    moved = (pl.col("full") * pl.col("rate_prior")).round(0).cast(pl.Int64) * pl.col("full_tokens").sign()
    return claims(
        rows.with_columns(
            tokens=moved,
            tokens_low=pl.min_horizontal("full_tokens", 0),
            tokens_high=pl.max_horizontal("full_tokens", 0),
        )
    )


_ERROR = 0.3
"""Standard error of a service's part beside the mix of its model."""


def _evidence(tokens: pl.Expr) -> dict[str, pl.Expr]:
    """The largest call stands for all of its bucket and owner; their number is told."""
    return {
        "trace_id": pl.col("trace_id").sort_by(tokens, "call_id").last(),
        "span_id": pl.col("span_id").sort_by(tokens, "call_id").last(),
        "evidence_count": pl.len().cast(pl.Int64),
    }


def _reason(source: str, target: str) -> pl.Expr:
    return pl.lit(f"{source} logged, {target} on the meter; the largest call of its time step is shown")


CAUSE = Cause(
    code="cache_convention",
    title="Cached tokens in the wrong kind",
    sentence="The span does not say, or says too coarsely, which input was read from or written to the "
    "provider's cache; the kinds differ in price.",
    advice="Move to an instrumentation that writes cache reads and both cache-write lifetimes.",
    first="Begin with {place}: give it an instrumentation that tells cached input apart.",
    claim=claim,
)
