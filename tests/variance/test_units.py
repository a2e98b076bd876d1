"""What one of something costs: percentiles that occurred, and nothing unknown among them."""

from collections.abc import Callable
from decimal import Decimal

import polars as pl
import pytest

from pipeline.variance.costliest import costliest
from pipeline.variance.outcomes import tasks_of
from pipeline.variance.units import unit_costs

D = Decimal
SCHEMA = pl.Schema(
    {
        **dict.fromkeys(
            ("team", "feature", "service", "model", "workload", "trace_id", "span_id", "call_id"), pl.String()
        ),
        "conversation_id": pl.String(),
        "tokens": pl.Int64(),
        "unpriced_tokens": pl.Int64(),
        "usd": pl.Decimal(38, 12),
    }
)
OUTCOMES = pl.Schema(
    {"trace_id": pl.String(), "conversation_id": pl.String(), "outcome": pl.String(), "count": pl.Int64()}
)
NO_TASKS = tasks_of(SCHEMA.to_frame(), OUTCOMES.to_frame(), ())
SPREAD = ("usd_mean", "usd_p50", "usd_p95", "usd_p99", "usd_max")


@pytest.fixture
def calls(table: Callable[..., pl.DataFrame]) -> Callable[[str], pl.DataFrame]:
    """Calls with their costs; a call that is not named otherwise is a trace of its own."""

    def build(text: str) -> pl.DataFrame:
        fixed = {"team": "red", "feature": "", "service": "chat", "model": "m", "workload": "serving"}
        rows = table(text, SCHEMA, **fixed, unpriced_tokens=0, tokens=10)
        names = pl.format("c{}", pl.int_range(pl.len()))
        named = rows.with_columns(call_id=names, span_id=names)
        return named.with_columns(trace_id=pl.coalesce("trace_id", "call_id"))

    return build


def of(found: pl.DataFrame, unit: str, level: str = "team", **where: str) -> dict[str, object]:
    return found.filter(unit=unit, level=level, **where).row(0, named=True)


def test_a_percentile_is_the_smallest_amount_that_so_many_do_not_exceed() -> None:
    """Calls of 1 to 100 dollars, in any order: 50 of them cost at most 50, 95 at most 95, 99 at most 99."""
    amounts = [D(number * 37 % 101) for number in range(1, 101)]
    text = {name: "x" for name in SCHEMA.names() if name not in ("tokens", "unpriced_tokens", "usd")}
    rows = [
        {**text, "call_id": f"{usd}", "tokens": int(usd) * 7, "unpriced_tokens": 0, "usd": usd}
        for usd in amounts
    ]

    row = of(unit_costs(pl.DataFrame(rows, schema=SCHEMA), NO_TASKS, "2026-11"), "call")

    assert sorted(amounts) == list(range(1, 101))
    assert [row[name] for name in SPREAD] == [D("50.5"), 50, 95, 99, 100]
    assert (row["tokens_p50"], row["tokens_p95"], row["tokens_p99"], row["tokens_max"]) == (
        350,
        665,
        693,
        700,
    )
    assert (row["usd"], row["tokens"], row["count"]) == (5050, 35350, 100)


def test_of_three_calls_the_middle_one_is_p50_and_the_dearest_all_above(calls) -> None:
    found = unit_costs(calls("usd\n0.9\n0.1\n0.2"), NO_TASKS, "2026-11")

    assert [of(found, "call")[name] for name in SPREAD] == [D("0.4"), D("0.2"), D("0.9"), D("0.9"), D("0.9")]


def test_what_has_no_price_or_no_tokens_is_counted_apart_and_is_in_no_dollars(calls) -> None:
    found = unit_costs(
        calls(
            """
            usd  | tokens | unpriced_tokens
            2    | 10     | 0
            0    | 0      | 0
            5    | 30     | 10
            null | 40     | 40
            0    | null   | 0
            """
        ),
        NO_TASKS,
        "2026-11",
    )

    row = of(found, "call")
    counts = [row[f"{name}count"] for name in ("", "priced_", "unpriced_", "unrecorded_")]
    assert counts == [5, 2, 2, 1]
    assert (row["usd"], row["usd_mean"], row["usd_max"]) == (2, 1, 2)
    assert (row["tokens"], row["tokens_p50"], row["tokens_max"]) == (80, 10, 40)


def test_where_nothing_has_a_price_there_are_no_dollars(calls) -> None:
    row = of(unit_costs(calls("usd | unpriced_tokens\nnull | 10"), NO_TASKS, "2026-11"), "call")

    assert [row[name] for name in ("usd", *SPREAD)] == [None] * 6


def test_conversations_and_uses_of_features_are_sums_of_their_calls(calls) -> None:
    found = unit_costs(
        calls(
            """
            usd | conversation_id | feature | trace_id | model
            1   | talk            | ask     | t1       | m
            2   | talk            | ask     | t1       | n
            4   | talk            | ask     | t2       | m
            8   | null            |         | t3       | m
            """
        ),
        NO_TASKS,
        "2026-11",
    )

    talk, use = of(found, "conversation"), of(found, "feature")
    assert (talk["count"], talk["calls"], talk["usd"], talk["usd_p50"]) == (1, 3, 7, 7)
    assert (use["count"], use["calls"], use["usd"], use["usd_p50"], use["usd_max"]) == (2, 3, 7, 3, 4)
    assert of(found, "conversation", "model", model="n")["usd"] == 2
    assert of(found, "feature", "feature", feature="ask")["count"] == 2
    assert found.filter(unit="feature", feature="").is_empty()
    assert of(found, "call", "feature", feature="")["usd"] == 8


def test_a_conversation_of_two_teams_counts_for_each_with_its_part_and_once_for_all(calls) -> None:
    found = unit_costs(
        calls("team | usd | conversation_id\nred | 1 | talk\nblue | 2 | talk"), NO_TASKS, "2026-11"
    )

    rows = found.filter(unit="conversation").select("level", "team", "count", "usd")
    assert set(rows.filter(pl.col("level").is_in(["all", "team"])).rows()) == {
        ("all", "all", 1, D(3)), ("team", "red", 1, D(1)), ("team", "blue", 1, D(2)),
    }  # fmt: skip


def test_a_team_or_feature_called_all_is_not_taken_for_all(calls) -> None:
    found = unit_costs(calls("team | feature | usd\nall | all | 1\nred | x | 2"), NO_TASKS, "2026-11")

    assert of(found, "call", "all")["usd"] == 3
    assert of(found, "call", "team", team="all")["usd"] == 1


def test_a_resolved_task_bears_the_calls_of_its_conversation_or_trace(calls, table) -> None:
    """`talk` stands for two tasks, one of them resolved, and cost 6; `t9` was resolved at once and cost 2."""
    costed = calls(
        """
        usd | conversation_id | trace_id
        1   | talk            | t1
        5   | talk            | t2
        2   | null            | t9
        7   | null            | t4
        """
    )
    outcomes = table(
        """
        trace_id | conversation_id | outcome  | count
        null     | talk            | resolved | 1
        t1       | talk            | handover | 1
        t9       | null            | solved   | 1
        t2       | null            | resolved | 1
        gone     | null            | resolved | 1
        """,
        OUTCOMES,
    )

    found = unit_costs(costed, tasks_of(costed, outcomes, ("Resolved", "solved")), "2026-11")

    task, resolved = of(found, "task"), of(found, "resolved_task")
    assert (task["count"], task["usd"], task["usd_p50"], task["usd_max"]) == (3, 8, 3, 3)
    assert (resolved["count"], resolved["usd"], resolved["usd_p50"], resolved["usd_max"]) == (2, 8, 2, 6)
    assert task["calls"] == 3


def test_without_outcomes_there_are_no_tasks(calls) -> None:
    found = unit_costs(calls("usd\n1"), NO_TASKS, "2026-11")

    assert set(found["unit"]) == {"call"}


def test_the_costliest_come_first_and_what_has_no_price_behind_them(calls) -> None:
    found = costliest(
        calls(
            """
            team | usd  | tokens | unpriced_tokens | trace_id | model
            red  | 3    | 10     | 0               | t1       | m
            red  | 2    | 10     | 0               | t2       | m
            red  | 2    | 10     | 0               | t2       | n
            red  | null | 900    | 900             | t3       | x
            red  | null | 999    | 999             | t4       | x
            blue | 1    | 10     | 0               | t2       | m
            """
        ),
        3,
        "2026-11",
    )

    assert found.filter(unit="call", team="red").select("rank", "span_id", "usd").rows() == [
        (1, "c0", D(3)), (2, "c1", D(2)), (3, "c2", D(2)),
    ]  # fmt: skip
    columns = ("rank", "trace_id", "span_id", "model", "calls", "usd", "unpriced_tokens")
    assert found.filter(unit="trace", team="red").select(columns).rows() == [
        (1, "t2", None, None, 2, D(4), 0),
        (2, "t1", None, "m", 1, D(3), 0),
        (3, "t4", None, "x", 1, None, 999),
    ]
    assert found.filter(team="blue").select("unit", "trace_id", "usd").rows() == [
        ("call", "t2", D(1)), ("trace", "t2", D(1)),
    ]  # fmt: skip


def test_nothing_is_listed_where_nobody_wants_a_list(calls) -> None:
    assert costliest(calls("usd\n1"), 0, "2026-11").is_empty()
