"""Laws of the bridge, over random calls, corrections and meters of every shape."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.cause import CELL, CLAIM_SCHEMA, Cause
from pipeline.causes import CAUSES
from pipeline.reconcile import Reconciliation, Rules, explain_drift
from pipeline.warehouse import validate
from schemas.tables import BY_NAME
from tests.laws.worlds import MONTH, Occurrence, World, world_of, worlds

RULES = Rules(CAUSES, {"openai": ("cache_write_5m", "cache_write_1h")}, {"a": "red", "index": "search"})

few = settings(max_examples=settings.default.max_examples // 5 if settings.default else 20)
"""A world costs as much as a close: a fifth of the profile's examples."""


def _explain(world: World, rules: Rules = RULES) -> Reconciliation:
    return explain_drift(world.calls, world.meters, MONTH, rules)


def _total(counted: dict[str, int | None]) -> int:
    return sum(count or 0 for count in counted.values())


def _is_covered(world: World, seen: Occurrence) -> bool:
    endpoints = ("all", "embeddings" if seen.is_embedding else "completions")
    return seen.account == "own" or any(
        step["account"] == seen.account
        and step["endpoint"] in endpoints
        and step["bucket_start_at"] <= seen.at < step["bucket_end_at"]
        for step in world.meters.coverage.iter_rows(named=True)
    )


def _step(found: Reconciliation, name: str) -> int:
    return int(found.bridge.filter(pl.col("step") == name)["tokens"].sum())


@few
@given(worlds)
def test_every_cell_adds_up_to_its_metered_tokens(world: World) -> None:
    found = _explain(world)
    leaves = [name for name in world.meters.metered.columns if name.endswith("_tokens")]
    for account in ("a", "b", "own"):
        mine = world.meters.metered.filter(pl.col("account") == account)
        for leaf in leaves:
            cell = (pl.col("account") == account) & (pl.col("token_kind") == leaf.removesuffix("_tokens"))
            assert found.bridge.filter(cell)["tokens"].sum() == mine[leaf].sum()
    steps = found.bridge.group_by(CELL).agg(pl.col("tokens").sum())
    metered = found.buckets.group_by(CELL).agg(pl.col("metered_tokens").sum())
    both = steps.join(metered, on=CELL, how="full", coalesce=True)
    assert both.filter(pl.col("tokens").fill_null(0) != pl.col("metered_tokens").fill_null(0)).is_empty()


@few
@given(worlds)
def test_what_is_traced_inside_coverage_is_in_the_bridge(world: World) -> None:
    inside = sum(_total(seen.tokens) for seen in world.traced if _is_covered(world, seen))
    assert _step(_explain(world), "traced") == inside


@few
@given(worlds)
def test_what_is_outside_is_listed_net_of_copies_and_free_calls(world: World) -> None:
    found = _explain(world)
    exact = found.claims.filter(
        (pl.col("step") == "duplicate_spans")
        | ((pl.col("step") == "not_billed") & (pl.col("reason") == "mock"))
    )
    whole = sum(_total(seen.tokens) for seen in world.traced) + world.calls.corrections["tokens"].sum()
    inside = _step(found, "traced") + exact["tokens"].sum()
    assert inside + found.unmetered["tokens"].sum() == whole


@few
@given(worlds)
def test_a_bucket_of_an_export_has_only_the_words_of_its_grouping(world: World) -> None:
    buckets = _explain(world).buckets.filter(pl.col("provider") == "openai")
    told = world.meters.coverage.filter(pl.col("meter") == "usage").with_columns(
        model_told=pl.col("grouping").str.contains("model"), tier_told=pl.col("grouping").str.contains("tier")
    )
    place = ["account", "bucket_start_at"]
    steps = told.group_by(place).agg(pl.col("model_told", "tier_told").any())
    lumped = buckets.join(steps, on=place)
    assert lumped.filter(~pl.col("model_told") & (pl.col("model") != "all")).is_empty()
    assert lumped.filter(~pl.col("tier_told") & (pl.col("service_tier") != "all")).is_empty()


@few
@given(worlds)
def test_facts_and_figures_keep_their_contracts_and_intervals_hold_their_points(world: World) -> None:
    found = _explain(world)
    for name, frame in (
        ("core.call", world.calls.calls),
        ("core.attempt", world.calls.attempts),
        ("core.silence", world.calls.silences),
        ("core.traced", world.calls.traced),
        ("core.correction", world.calls.corrections),
        ("core.metered", world.meters.metered),
        ("recon.bucket", found.buckets),
        ("recon.claim", found.claims),
        ("recon.unmetered", found.unmetered),
        ("recon.bridge", found.bridge.with_columns(usd=pl.lit(None, pl.Decimal(38, 12)))),
    ):
        schema = BY_NAME[name].schema
        validate(BY_NAME[name], frame.select(schema.names()))
    outside = ~pl.col("tokens").is_between("tokens_low", "tokens_high")
    assert found.bridge.filter(outside).is_empty()
    assert found.claims.filter(outside).is_empty()


def _same(one: Reconciliation, other: Reconciliation) -> bool:
    """All frames alike; claims are rows in no order of their own."""
    mine, theirs = (found._replace(claims=found.claims.sort(pl.all())) for found in (one, other))
    return all(frame.equals(twin) for frame, twin in zip(mine, theirs, strict=True))


@few
@given(worlds)
def test_the_order_of_rows_and_of_causes_changes_nothing(world: World) -> None:
    turned = world.with_frames(pl.DataFrame.reverse)
    assert _same(_explain(world), _explain(turned, RULES._replace(causes=CAUSES[::-1])))


@few
@given(worlds, st.integers(0, 3))
def test_how_rows_are_cut_into_chunks_changes_nothing(world: World, cut: int) -> None:
    def chunked(frame: pl.DataFrame) -> pl.DataFrame:
        return pl.concat([frame.head(cut), frame.slice(cut)], rechunk=False)

    assert _same(_explain(world), _explain(world.with_frames(chunked)))


@few
@given(worlds)
def test_a_cause_that_claims_nothing_changes_nothing(world: World) -> None:
    silent = Cause("mine", "Mine", "It claims nothing.", "Nothing.", lambda _: CLAIM_SCHEMA.to_frame())
    assert _same(_explain(world), _explain(world, RULES._replace(causes=(*CAUSES, silent))))


def test_a_team_whose_calls_nobody_billed_takes_none_of_the_unexplained() -> None:
    one = {
        "account": "a",
        "operation": "chat",
        "scope": "account",
        "model": "m",
        "service_tier": "standard",
        "cache_breakdown": "full",
        "dialect": "opentelemetry",
        "root_kind": "server",
        "agent_level": "none",
        "usage_quality": "recorded",
        "error_type": None,
        "finish_reasons": "stop",
        "seconds": 1,
        "failed": [],
        "has_http_spans": False,
        "minute": 5,
        "copies": [],
        "tokens": {"output": 100},
    }
    drawn = [{**one, "team": "red", "not_billed_reason": "mock"}]
    drawn += [{**one, "team": team, "not_billed_reason": None} for team in ("blue", "green")]
    rows = [("account", "m", "standard", {"output": 230}, None)]
    world = world_of(drawn, [], {"a": ("usage", {"completions": (24, [("model", rows)])})})
    # Traced 300, of which 100 were free; metered 230: 30 are unexplained, half of it for each who paid.
    rest = _explain(world).bridge.filter(pl.col("step") == "unexplained")
    assert rest.select("team", "tokens", "basis").rows() == [
        ("blue", 15, "allocated"),
        ("green", 15, "allocated"),
    ]
