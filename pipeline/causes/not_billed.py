"""Not billed: tokens traced for calls that the provider did not bill, so that the trace reads high."""

import polars as pl

from pipeline.cause import BUCKET, OWNER, Cause, Evidence, claims, claims_from_corrections
from pipeline.tokens import unpivot

_PLACE = [name for name in BUCKET if name != "token_kind"]


def claim(evidence: Evidence) -> pl.DataFrame:
    """One row per unbilled call and token kind: minus what it logged. Exact.

    From rules on single calls, and from the meter: a model that an account's export never lists in the whole
    month was not billed there, whatever the spans call the provider.
    """
    return pl.concat([claims_from_corrections(evidence.corrections, "not_billed"), _never_metered(evidence)])


def _never_metered(evidence: Evidence) -> pl.DataFrame:
    accounts = evidence.metered.select("provider", "account").unique()
    models = evidence.metered.select("provider", "account", "model").unique()
    calls = (
        evidence.calls.filter(pl.col("not_billed_reason").is_null() & (pl.col("model") != "unknown"))
        .join(accounts, on=["provider", "account"], how="semi")
        .join(models, on=["provider", "account", "model"], how="anti")
    )
    rows = unpivot(calls, [*_PLACE, *OWNER, "trace_id", "span_id"]).filter(pl.col("tokens") != 0)
    return claims(
        rows.with_columns(
            tokens=-pl.col("tokens"), reason=pl.lit("the account's meter never lists this model in the month")
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
