"""Not billed: tokens traced for calls that the provider did not bill, so that the trace reads high."""

import polars as pl

from pipeline.cause import BUCKET, OWNER, Cause, Evidence, claims, claims_from_corrections
from pipeline.expected import claims_of, with_rules
from pipeline.facts import claims_from_facts
from pipeline.onesided import PLACE, doubtful_scopes, family
from pipeline.tokens import TOTAL, unpivot
from schemas.types import ALL, KIND_COLUMNS

_PLACE = [name for name in BUCKET if name != "token_kind"]


def claim(evidence: Evidence) -> pl.DataFrame:
    """One row per unbilled call and token kind: minus what it logged.

    Exact from rules on single calls. And from the meter: a model that an account's export never lists in the
    whole month was not billed there, whatever the spans call the provider; bounded where the scope also has
    models that are never traced, and not claimed where one of them differs by vendor or edition only. By
    chance for what was recorded of calls that ended early.
    """
    return pl.concat(
        [
            claims_from_corrections(evidence.corrections, "not_billed"),
            claims_from_facts(evidence, "not_billed"),
            _never_metered(evidence),
            _perhaps_free(evidence),
        ]
    )


def _perhaps_free(evidence: Evidence) -> pl.DataFrame:
    """What was recorded of calls that were given up or broken, by the chance that they were not billed."""
    cut = pl.col("fate").is_in(["cancellations", "retries"]) & (TOTAL > 0) & ~pl.col("is_matched")
    calls = with_rules(evidence.calls.filter(cut), evidence.rules, "unbilled")
    free = {"rate_prior": "rate_prior", "rate_low": "rate_high", "rate_high": "rate_low"}
    return claims_of(
        calls.with_columns(
            *[
                (-pl.col(name).fill_null(0).cast(pl.Float64)).alias(f"whole_{name.removesuffix('_tokens')}")
                for name in KIND_COLUMNS
            ],
            *[(1 - pl.col(other)).alias(name) for name, other in free.items()],
            whole_input_error=pl.lit(0.0),
            whole_output_error=pl.lit(0.0),
            item=pl.format("free/{}", "call_id"),
            requests=pl.lit(0.0),
            basis=pl.lit("estimated"),
            evidence_count=pl.lit(1),
            reason=pl.lit("recorded for a call that ended early, which the provider may not have billed"),
        )
    )


def _never_metered(evidence: Evidence) -> pl.DataFrame:
    accounts = evidence.metered.select("provider", "account").unique()
    families = evidence.metered.select("provider", "account", family=family("model")).unique()
    calls = (
        evidence.calls.filter(
            pl.col("not_billed_reason").is_null()
            & ~pl.col("is_matched")
            & ~pl.col("model").is_in([ALL, "unknown"])
        )
        .join(accounts, on=["provider", "account"], how="semi")
        .with_columns(family=family("model"))
        .join(families, on=["provider", "account", "family"], how="anti")
    )
    rows = unpivot(calls, [*_PLACE, *OWNER, "trace_id", "span_id"]).filter(pl.col("tokens") != 0)
    doubtful = doubtful_scopes(evidence.calls, evidence.metered).with_columns(is_doubtful=pl.lit(value=True))
    marked = rows.join(doubtful, on=PLACE, how="left", maintain_order="left")
    return claims(
        marked.with_columns(
            tokens=-pl.col("tokens"),
            tokens_low=-pl.col("tokens"),
            tokens_high=pl.when("is_doubtful").then(0).otherwise(-pl.col("tokens")),
            basis=pl.when("is_doubtful").then(pl.lit("bounded")).otherwise(pl.lit("exact")),
            reason=pl.lit("the account's meter never lists this model in the month"),
        )
    )


CAUSE = Cause(
    code="not_billed",
    title="Traced but not billed",
    sentence="The traces hold tokens of calls that no provider bills: answers from a gateway's cache, "
    "mock or self-hosted endpoints, refused calls.",
    advice="Nothing to pay. Mark test and self-hosted endpoints with their own environment, so that "
    "dashboards leave them out.",
    claim=claim,
)
