"""Where a call belongs: provider, account, model, tier, scope, team and feature."""

from collections.abc import Sequence

import polars as pl

from pipeline.identity import identify, inherited
from pipeline.models import with_model, with_tier
from pipeline.provider import Provider
from pipeline.scopes import with_scope
from pipeline.settings import Settings
from pipeline.spans.biller import UNKNOWN, with_biller
from pipeline.spans.likeness import VENDORS
from pipeline.spans.tree import tops

OWNER = ("provider", "account", "scope", "model", "service_tier", "team", "service", "feature")
"""The dimensions that a call gives to everything that reports on it."""

_BILLED_BY = ("account", "server_address", "provider_logged", "request_model", "response_model")
_NAMES = ("response_model", "request_model")


def meter_dimensions(
    calls: pl.DataFrame, settings: Settings, known: pl.DataFrame, providers: Sequence[Provider]
) -> pl.DataFrame:
    """Return `provider`, `account`, `model`, `service_tier` of calls, row by row, as the provider meters.

    The model that answered comes first, unless only the model asked for is one that the meter knows, or
    is but for the region and vendor before it.
    """
    facts = calls.select(*_BILLED_BY, "service_tier")
    distinct = facts.unique()
    billed = with_biller(distinct, known, providers)
    metered = known.select("provider", "model").unique().with_columns(pl.lit(True).alias("is_known"))
    resolved = [_resolved(billed, name, settings, metered) for name in _NAMES]
    candidates = [pl.when(found["is_known"]).then(found["model"]) for found in resolved]
    bare = [_with_vendor(found, metered) for found in resolved]
    model = pl.coalesce(*candidates, *bare, *[found["model"] for found in resolved], pl.lit(UNKNOWN))
    named = with_tier(billed.with_columns(model.alias("model")))
    table = distinct.rename(lambda name: f"_{name}").with_columns(
        named.select("provider", "account", "model", "service_tier")
    )
    return facts.join(
        table,
        left_on=facts.columns,
        right_on=[f"_{name}" for name in facts.columns],
        how="left",
        nulls_equal=True,
        maintain_order="left",
        suffix="_metered",
    ).select(
        "provider", pl.col("account_metered").alias("account"), "model", service_tier="service_tier_metered"
    )


def _resolved(billed: pl.DataFrame, name: str, settings: Settings, metered: pl.DataFrame) -> pl.DataFrame:
    words = billed.select("provider", pl.col(name).alias("model"))
    models = with_model(words, settings, metered)
    return models.join(metered, on=["provider", "model"], how="left", maintain_order="left")


def _with_vendor(words: pl.DataFrame, metered: pl.DataFrame) -> pl.Series:
    """The only metered model that is the same without region and vendor, which some instrumentations cut."""
    bare = pl.col("model").str.replace(VENDORS, "").alias("bare")
    only = (
        metered.select("provider", "model", bare)
        .group_by("provider", "bare")
        .agg(pl.col("model").min(), pl.len().alias("count"))
        .filter(pl.col("count") == 1)
        .select("provider", "bare", full="model")
    )
    named = words.select("provider", bare)
    return named.join(only, on=["provider", "bare"], how="left", maintain_order="left")["full"]


def owner_dimensions(
    calls: pl.DataFrame, nodes: pl.DataFrame, parent: pl.Series, settings: Settings
) -> pl.DataFrame:
    """Return who executed and who initiated calls, row by row, with conversation, environment and scope.

    `calls` has `owner` (the node whose service and labels count), `provider`, `account` and `project_id`.
    """
    owner = calls["owner"]
    root = _roots(nodes, parent).gather(owner)
    own = identify(nodes, parent, owner, settings)
    first = identify(nodes, parent, root, settings)
    conversation = inherited(nodes["conversation_id"], parent).gather(owner)
    places = nodes.select(pl.col("service", "environment").fill_null(UNKNOWN))
    named = calls.select("provider", "account", "project_id", "conversation_id").with_columns(
        own["team"],
        own["feature"],
        _initiator(nodes, owner, root, own["team"], first["team"]).alias("initiating_team"),
        places["service"].gather(owner),
        places["environment"].gather(owner),
        places["service"].gather(root).alias("initiating_service"),
        pl.coalesce(pl.col("conversation_id"), conversation),
    )
    return with_scope(named, settings).drop("provider", "account", "project_id")


def _initiator(
    nodes: pl.DataFrame, owner: pl.Series, root: pl.Series, own: pl.Series, first: pl.Series
) -> pl.Series:
    """The team of the root; of the call where the trace begins in its service, on a span that names nobody.

    A gateway's root span knows only the gateway; whose key was used stands on the spans below it.
    """
    is_here = nodes["service"].gather(root).eq_missing(nodes["service"].gather(owner))
    is_bare = nodes["labels"].gather(root).fill_null("{}") == "{}"
    return pl.select(pl.when(is_here & is_bare).then(own).otherwise(first)).to_series()


def _roots(nodes: pl.DataFrame, parent: pl.Series) -> pl.Series:
    """The root of each span's trace: its first span without a parent, else the topmost that was exported."""
    starts = nodes.select("trace_id", "parent_span_id", "started_at").with_row_index("node")
    roots = (
        starts.filter(pl.col("parent_span_id").is_null())
        .sort("trace_id", "started_at", "node")
        .unique("trace_id", keep="first", maintain_order=True)
        .select("trace_id", root="node")
    )
    found = starts.select("trace_id").join(roots, on="trace_id", how="left", maintain_order="left")["root"]
    return pl.select(pl.coalesce(found, tops(parent)).cast(pl.UInt32)).to_series()
