"""Uninstrumented: metered traffic of scopes or models that never appear in the traces."""

import polars as pl

from pipeline.cause import Cause, Evidence, claims
from pipeline.onesided import PLACE, doubtful_scopes, family, only_traced
from schemas.types import ALL


def claim(evidence: Evidence) -> pl.DataFrame:
    """One row per bucket of a scope, or of a model in a scope, without any call in the month.

    Exact, but bounded where the scope also has models that are only traced: one may be the other's alias. Not
    claimed where they differ by vendor or edition only.
    Where a scope is traced, rows that name no model prove nothing: they may be of any model.
    """
    traced_scopes = evidence.calls.select(PLACE).unique()
    traced_models = evidence.calls.select([*PLACE, "model"]).unique()
    is_known_scope = pl.struct(PLACE).is_in(traced_scopes.to_struct().implode())
    is_nameless = pl.col("model").is_in([ALL, "unknown"])
    silent = evidence.metered.filter((pl.col("tokens") > 0) & ~(is_known_scope & is_nameless)).join(
        traced_models, on=[*PLACE, "model"], how="anti"
    )
    aliases = only_traced(evidence.calls, evidence.metered).select(*PLACE, family=family("model"))
    silent = silent.with_columns(family=family("model")).join(aliases, on=[*PLACE, "family"], how="anti")
    owner = pl.col("scope").replace_strict(evidence.owners, default="uninstrumented", return_dtype=pl.String)
    doubtful = doubtful_scopes(evidence.calls, evidence.metered).with_columns(is_doubtful=pl.lit(value=True))
    return claims(
        silent.join(doubtful, on=PLACE, how="left", maintain_order="left").with_columns(
            tokens_low=pl.when("is_doubtful").then(0).otherwise("tokens"),
            basis=pl.when("is_doubtful").then(pl.lit("bounded")).otherwise(pl.lit("exact")),
            team=owner,
            service=pl.lit("unknown"),
            feature=pl.lit(""),
            reason=pl.when(is_known_scope)
            .then(pl.lit("model is metered in this scope and never traced"))
            .otherwise(pl.lit("scope is metered and never traced")),
        )
    )


CAUSE = Cause(
    code="uninstrumented",
    title="Never traced",
    sentence="A key, project or model is metered and billed, but none of its calls ever appears in the "
    "traces.",
    advice="Find who owns the key or project in the evidence and instrument it, or name its owner in the "
    "configuration.",
    first="Begin with {place}: find who holds its keys.",
    place="scope",
    claim=claim,
)
