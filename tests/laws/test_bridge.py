"""Laws of the bridge, over random calls, corrections and meters of every shape."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.calls import Calls
from pipeline.cause import CELL
from pipeline.causes import CAUSES
from pipeline.meters import Meters
from pipeline.reconcile import Reconciliation, Rules, explain_drift
from pipeline.warehouse import validate
from schemas.tables import BY_NAME

MONTH = "2026-10"
START = datetime(2026, 10, 1, tzinfo=UTC)
RULES = Rules(CAUSES, {"openai": ("cache_write_5m", "cache_write_1h")}, {"a": "red", "index": "search"})
GROUPINGS = ("", "model", "model+service_tier", "model+project_id", "model+project_id+service_tier")
KINDS = ("input_uncached", "cache_write_other", "cache_write_1h", "output")


class Occurrence(NamedTuple):
    account: str
    is_embedding: bool
    at: datetime
    tokens: dict[str, int | None]


class World(NamedTuple):
    calls: Calls
    meters: Meters
    traced: list[Occurrence]


counts = st.one_of(st.none(), st.integers(0, 500))
minutes = st.integers(0, 4 * 24 * 60 - 1)
tokens = st.fixed_dictionaries(dict.fromkeys(KINDS, counts))
call = st.fixed_dictionaries(
    {
        "account": st.sampled_from(["a", "b", "own"]),
        "operation": st.sampled_from(["chat", "embeddings"]),
        "scope": st.sampled_from(["account", "index"]),
        "model": st.sampled_from(["m", "n", "unknown"]),
        "service_tier": st.sampled_from(["standard", "flex"]),
        "team": st.sampled_from(["red", "blue"]),
        "cache_breakdown": st.sampled_from(["full", "none", "lumped_writes"]),
        "not_billed_reason": st.sampled_from([None, None, "mock"]),
        "minute": minutes,
        "tokens": tokens,
        "copies": st.lists(minutes, max_size=2),
    }
)
row = st.tuples(
    st.sampled_from(["account", "index"]),
    st.sampled_from(["m", "n"]),
    st.sampled_from(["standard", "flex"]),
    tokens,
)
step = st.one_of(st.none(), st.tuples(st.sampled_from(GROUPINGS), st.lists(row, max_size=3)))
series = st.tuples(st.sampled_from([1, 24]), st.lists(step, min_size=4, max_size=4))
export = st.fixed_dictionaries({"completions": series, "embeddings": series})
meter = st.one_of(
    st.none(),
    export.map(lambda drawn: ("usage", drawn)),
    st.lists(row, min_size=1, max_size=3).map(lambda rows: ("invoice", rows)),
)


def _leaves(counted: dict[str, int | None]) -> dict[str, int | None]:
    return {f"{kind}_tokens": count for kind, count in counted.items()}


def _frame(table: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=BY_NAME[table].schema).with_columns(month=pl.lit(MONTH))


def _calls(drawn: list[dict[str, Any]]) -> tuple[Calls, list[Occurrence]]:
    calls, traced, corrections, seen = [], [], [], []
    for number, one in enumerate(drawn):
        place = {name: one[name] for name in ("account", "model", "service_tier", "team")}
        place["scope"] = one["account"] if one["scope"] == "account" else one["scope"]
        place["provider"] = "self_hosted" if one["account"] == "own" else "openai"
        common = {**place, "service": "s", "feature": "", "call_id": str(number), "trace_id": "t"}
        ends = [START + timedelta(minutes=minute) for minute in (one["minute"], *one["copies"])]
        calls.append(
            {**common, **_leaves(one["tokens"]), "span_id": str(number), "ended_at": ends[0]}
            | {name: one[name] for name in ("operation", "cache_breakdown", "not_billed_reason")}
            | {"usage_quality": "recorded"}
        )
        for copy, end in enumerate(ends):
            span = {**common, "span_id": str(number), "ended_at": end}
            traced.append(
                {**span, **_leaves(one["tokens"]), "file_id": "f", "line": copy, "position": number}
            )
            seen.append(Occurrence(one["account"], one["operation"] == "embeddings", end, one["tokens"]))
            signs = [("duplicate_spans", "copy")] if copy else []
            signs += [("not_billed", "mock")] if not copy and one["not_billed_reason"] else []
            corrections += [
                {**span, "step": name, "reason": why, "token_kind": kind, "tokens": -count}
                for name, why in signs
                for kind, count in one["tokens"].items()
                if count
            ]
    attempts = BY_NAME["core.attempt"].schema.to_frame()
    frames = (_frame("core.traced", traced), _frame("core.call", calls), attempts)
    return Calls(*frames, _frame("core.correction", corrections)), seen


def _usage(account: str, drawn: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    metered, covered = [], []
    for endpoint, (hours, days) in drawn.items():
        place = {"provider": "openai", "account": account, "endpoint": endpoint, "meter": "usage"}
        for day, found in enumerate(days):
            if found is None:
                continue
            grouping, rows = found
            for first in range(0, 24, hours):
                start = START + timedelta(days=day, hours=first)
                when = {"bucket_start_at": start, "bucket_end_at": start + timedelta(hours=hours)}
                covered.append({**place, **when, "grouping": grouping})
                metered += [
                    {**place, **when, **_leaves(counted)}
                    | {"scope": account if scope == "account" or "project" not in grouping else scope}
                    | {"model": model if "model" in grouping else "all"}
                    | {"service_tier": tier if "tier" in grouping else "all"}
                    for scope, model, tier, counted in rows
                ]
    return metered, covered


def _invoice(account: str, rows: list[Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    place = {"provider": "openai", "account": account, "endpoint": "all", "meter": "invoice"}
    when = {"bucket_start_at": START, "bucket_end_at": START + timedelta(days=31)}
    metered = [
        {**place, **when, **_leaves(counted), "scope": account, "model": model, "service_tier": "all"}
        for _, model, _, counted in rows
    ]
    return metered, [{**place, **when, "grouping": "invoice"}]


def _meters(drawn: dict[str, Any]) -> Meters:
    metered: list[dict[str, Any]] = []
    covered: list[dict[str, Any]] = []
    for account, found in drawn.items():
        if found is not None:
            kind, content = found
            rows, steps = (_usage if kind == "usage" else _invoice)(account, content)
            metered += rows
            covered += steps
    key = ["provider", "account", "scope", "meter", "endpoint", "model", "service_tier", "bucket_start_at"]
    leaves = [name for name in BY_NAME["core.metered"].schema if name.endswith("_tokens")]
    frame = _frame("core.metered", metered).group_by([*key, "bucket_end_at", "month"], maintain_order=True)
    sums = [pl.when(pl.col(name).is_not_null().any()).then(pl.col(name).sum()).alias(name) for name in leaves]
    empty = {name: BY_NAME[name].schema.to_frame() for name in ("core.request", "core.unmapped")}
    return Meters(
        frame.agg(pl.lit(None, pl.Int64).alias("request_count"), *sums).select(
            BY_NAME["core.metered"].schema.names()
        ),
        _frame("core.coverage", covered),
        empty["core.request"],
        empty["core.unmapped"],
        BY_NAME["recon.finding"].schema.to_frame(),
    )


def _world(drawn: tuple[list[dict[str, Any]], dict[str, Any]]) -> World:
    calls, traced = _calls(drawn[0])
    return World(calls, _meters(drawn[1]), traced)


few = settings(max_examples=settings.default.max_examples // 5 if settings.default else 20)
"""A world costs as much as a close: a fifth of the profile's examples."""

worlds = st.tuples(st.lists(call, max_size=8), st.fixed_dictionaries({"a": meter, "b": meter})).map(_world)


def _explain(world: World) -> Reconciliation:
    return explain_drift(world.calls, world.meters, MONTH, RULES)


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
def test_every_table_keeps_its_contract_and_intervals_hold_their_points(world: World) -> None:
    found = _explain(world)
    for name, frame in (
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


@few
@given(worlds)
def test_the_order_of_rows_changes_nothing(world: World) -> None:
    turned = World(
        Calls(*[frame.reverse() for frame in world.calls]),
        Meters(*[frame.reverse() for frame in world.meters]),
        world.traced,
    )
    for one, other in zip(_explain(world), _explain(turned), strict=True):
        assert one.equals(other)


def test_a_team_whose_calls_nobody_billed_takes_none_of_the_unexplained() -> None:
    one = {
        "account": "a",
        "operation": "chat",
        "scope": "account",
        "model": "m",
        "service_tier": "standard",
        "cache_breakdown": "full",
        "minute": 5,
        "copies": [],
        "tokens": {"output": 100},
    }
    drawn = [{**one, "team": "red", "not_billed_reason": "mock"}]
    drawn += [{**one, "team": team, "not_billed_reason": None} for team in ("blue", "green")]
    metered = ("usage", {"completions": (24, [("model", [("account", "m", "standard", {"output": 230})])])})
    bridge = _explain(_world((drawn, {"a": metered}))).bridge
    # Traced 300, of which 100 were free; metered 230: 30 are unexplained, half of it for each who paid.
    rest = bridge.filter(pl.col("step") == "unexplained")
    assert rest.select("team", "tokens", "basis").rows() == [
        ("blue", 15, "allocated"),
        ("green", 15, "allocated"),
    ]
