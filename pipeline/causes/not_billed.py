"""Not billed: tokens traced for calls that the provider did not bill, so that the trace reads high."""

import polars as pl

from pipeline.cause import BUCKET, OWNER, Cause, Evidence, claims, claims_from_corrections
from pipeline.onesided import PLACE, doubtful_scopes, family
from pipeline.tokens import unpivot
from schemas.types import ALL

_PLACE = [name for name in BUCKET if name != "token_kind"]


def claim(evidence: Evidence) -> pl.DataFrame:
    """One row per unbilled call and token kind: minus what it logged.

    Exact from rules on single calls. And from the meter: a model that an account's export never lists in the
    whole month was not billed there, whatever the spans call the provider; bounded where the scope also has
    models that are never traced, and not claimed where one of them differs by vendor or edition only.
    """
    return pl.concat([claims_from_corrections(evidence.corrections, "not_billed"), _never_metered(evidence)])


def _never_metered(evidence: Evidence) -> pl.DataFrame:
    accounts = evidence.metered.select("provider", "account").unique()
    families = evidence.metered.select("provider", "account", family=family("model")).unique()
    calls = (
        evidence.calls.filter(
            pl.col("not_billed_reason").is_null() & ~pl.col("model").is_in([ALL, "unknown"])
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
