"""Which services use which key, from the course of both."""

from datetime import UTC, datetime, timedelta
from random import Random

import polars as pl

from pipeline.calls import Calls
from pipeline.learned_scopes import learned_scopes
from pipeline.narrowing import narrowed
from pipeline.period import Month
from pipeline.settings import Settings
from pipeline.team_settings import Scope
from schemas.tables import BY_NAME

MONTH = Month(2026, 10)
DAYS = 20
PLACE = {"provider": "openai", "account": "main", "scope": "main", "model": "m", "service_tier": "standard"}
USAGE = pl.Schema({**BY_NAME["raw.usage"].schema, "scope": pl.String()})
CALL = pl.Schema({**BY_NAME["core.call"].schema, "kept_share": pl.Float64()})
EMPTY = {name: BY_NAME[f"core.{name}"].schema.to_frame() for name in ("attempt", "correction", "silence")}


def course(seed: int, mean: int = 20) -> list[int]:
    """Calls a day of somebody."""
    rng = Random(seed)  # noqa: S311 - made-up numbers want to be the same again
    return [rng.randint(mean // 2, mean * 3 // 2) for _ in range(DAYS)]


def calls_of(service: str, counts: list[int], size: int = 1000, **facts: object) -> list[dict[str, object]]:
    first = datetime(2026, 10, 1, 12, tzinfo=UTC)
    told = {"input_uncached_tokens": size, "output_tokens": 50, "usage_quality": "recorded"}
    same = {**PLACE, "team": "t", "service": service, "kept_share": 1.0, **told, **facts}
    return [
        {**same, "ended_at": first + timedelta(days=day)} for day, count in enumerate(counts) for _ in range(count)
    ]  # fmt: skip


def rows_of(key: str | None, counts: list[int], size: int = 1000, **more: object) -> list[dict[str, object]]:
    first = datetime(2026, 10, 1, tzinfo=UTC)
    same = {**PLACE, "is_empty": False, "api_key_id": key, "grouping": "api_key_id+model", **more}
    return [
        {
            **same,
            "bucket_start_at": first + timedelta(days=day),
            "bucket_end_at": first + timedelta(days=day + 1),
            "request_count": count,
            "input_uncached_tokens": count * size,
            "output_tokens": count * 50,
        }
        for day, count in enumerate(counts)
    ]


def learned(
    usage: list[dict[str, object]], calls: list[dict[str, object]]
) -> dict[tuple[str, ...], list[str]]:
    found = learned_scopes(pl.DataFrame(usage, USAGE), pl.DataFrame(calls, CALL))
    return {scope.services: [*scope.project_ids, *scope.api_key_ids] for scope in found}


A, B, C = course(1), course(2), course(3)


def test_a_service_is_bound_to_the_key_that_moves_with_it() -> None:
    usage = rows_of("k1", A) + rows_of("k2", B)
    assert learned(usage, calls_of("a", A) + calls_of("b", B)) == {("a",): ["k1"], ("b",): ["k2"]}


def test_services_share_a_key_whose_traffic_is_their_sum() -> None:
    usage = rows_of("k1", [one + other for one, other in zip(A, B, strict=True)]) + rows_of("k2", C)
    calls = calls_of("a", A) + calls_of("b", B) + calls_of("c", C)
    assert learned(usage, calls) == {("a", "b"): ["k1"], ("c",): ["k2"]}


def test_the_binding_survives_retries_and_calls_without_usage() -> None:
    more = [round(count * 1.15) for count in A]
    silent = {"usage_quality": "absent", "input_uncached_tokens": None, "output_tokens": None}
    half = [count // 2 for count in A]
    calls = calls_of("a", half) + calls_of("a", [n - h for n, h in zip(A, half, strict=True)], **silent)
    assert learned(rows_of("k1", more) + rows_of("k2", B), calls + calls_of("b", B)) == {
        ("a",): ["k1"],
        ("b",): ["k2"],
    }


def test_keys_with_the_same_course_stay_together() -> None:
    usage = rows_of("k1", A) + rows_of("k2", A)
    assert learned(usage, calls_of("a", A) + calls_of("b", A)) == {("a", "b"): ["k1", "k2"]}


def test_what_nothing_shows_is_left_in_the_account() -> None:
    assert learned(rows_of("k1", A), calls_of("b", B, size=90_000)) == {}
    assert learned(rows_of("k1", A), []) == {}
    assert learned(rows_of(None, A), calls_of("a", A)) == {}
    assert learned(rows_of("k1", [1]), calls_of("a", [0, 0, 3])) == {}


def test_a_service_that_is_lost_in_a_larger_one_is_not_left_alone() -> None:
    usage = rows_of("k1", [count + 1 for count in A]) + rows_of("k2", B, model="other")
    calls = calls_of("a", A) + calls_of("b", B, model="other")
    tiny = calls_of("tiny", [1, 0] * (DAYS // 2), size=30)
    assert learned(usage, calls + tiny) == {("a", "tiny"): ["k1"], ("b",): ["k2"]}


def test_a_sampled_service_with_too_few_calls_is_left_in_the_account() -> None:
    calls = calls_of("a", A) + calls_of("tiny", [1], size=30, kept_share=0.1)
    assert learned(rows_of("k1", A), calls) == {("a",): ["k1"]}


def test_a_key_that_nobody_traces_is_nobodys() -> None:
    usage = rows_of("k1", A) + rows_of("untraced", B)
    assert learned(usage, calls_of("a", A)) == {("a",): ["k1"]}


def test_calls_that_nobody_bills_and_configured_scopes_bind_nothing() -> None:
    free = calls_of("a", A, not_billed_reason="cache hit")
    assert learned(rows_of("k1", A), free) == {}
    assert learned(rows_of("k1", A, scope="mine"), calls_of("a", A, scope="mine")) == {}


def test_a_sampled_service_is_known_by_what_its_calls_stand_for() -> None:
    many = [count * 10 for count in A]
    usage = rows_of("k1", many) + rows_of("k2", B)
    calls = calls_of("a", A, kept_share=0.1) + calls_of("b", B)
    assert learned(usage, calls) == {("a",): ["k1"], ("b",): ["k2"]}


def test_the_order_of_rows_means_nothing() -> None:
    usage = rows_of("k1", A) + rows_of("k2", B) + rows_of("k3", C)
    calls = calls_of("a", A) + calls_of("b", B) + calls_of("c", C)
    before = learned(usage, calls)
    assert len(before) == 3
    assert learned(usage[::-1], calls[1::2] + calls[::2]) == before


def test_a_name_with_the_signs_of_a_glob_stands_for_itself() -> None:
    found = learned_scopes(pl.DataFrame(rows_of("k1", A), USAGE), pl.DataFrame(calls_of("a*[1]", A), CALL))
    assert [scope.services for scope in found] == [("a[*][[]1]",)]


def _narrowed(usage: list[dict[str, object]], config: Settings):
    raw = [{"source": "s", "endpoint": "completions", "dimensions": str(n), "file_id": "f", "line": n, "position": n,
            **{name: value for name, value in row.items() if name != "scope"}}
           for n, row in enumerate(usage, 1)]  # fmt: skip
    frames = {"raw.usage": pl.DataFrame(raw, BY_NAME["raw.usage"].schema)}
    frames["raw.file"] = BY_NAME["raw.file"].schema.to_frame()
    schema = BY_NAME["core.call"].schema
    calls = pl.DataFrame(
        [{k: v for k, v in call.items() if k != "kept_share"} for call in calls_of("a", A)], schema
    )
    traced = BY_NAME["core.traced"].schema.to_frame()
    whole = Calls(traced, calls, EMPTY["attempt"], EMPTY["correction"], EMPTY["silence"])
    return narrowed(whole, frames, config, MONTH)


def test_calls_move_into_the_scope_and_a_finding_says_so() -> None:
    found = _narrowed(rows_of("k1", A), Settings())
    assert found.calls.calls["scope"].unique().to_list() == ["main/k1"]
    assert [scope.api_key_ids for scope in found.settings.scopes] == [("k1",)]
    assert found.findings["code"].to_list() == ["learned_scope"]
    assert "'k1'" in found.findings["message"][0]
    assert "'a'" in found.findings["message"][0]


def test_a_configured_scope_comes_first() -> None:
    mine = Scope(name="mine", provider="openai", account="main", api_key_ids=("k1",))
    found = _narrowed(rows_of("k1", A), Settings(scopes=(mine,)))
    assert found.settings.scopes == (mine,)
    assert found.findings.is_empty()


def test_an_export_with_a_day_that_tells_no_keys_teaches_nothing() -> None:
    told = rows_of("k1", A)
    lumped = {**told[0], "api_key_id": None, "grouping": "model"}
    found = _narrowed([lumped, *told[1:]], Settings())
    assert found.settings.scopes == ()
    assert found.calls.calls["scope"].unique().to_list() == ["main"]
