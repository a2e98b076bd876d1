"""Falls of a conversation's context, and what only looks like one."""

from collections.abc import Callable

import polars as pl
import pytest

from pipeline.conversations import compact_requests, falls
from schemas.core import Call

NO_REQUESTS = pl.DataFrame(
    schema={"service": pl.String, "talk_id": pl.String, "started_at": pl.Datetime("us", "UTC")}
)
GROWTH = [2000, 4000, 6000, 8000]
"""Inputs of four turns: each answer has 1,900 tokens and each message 100."""


@pytest.fixture
def calls(table: Callable[..., pl.DataFrame]) -> Callable[..., pl.DataFrame]:
    """Calls, a minute apart, from the inputs of each conversation; null is a turn without usage."""

    def build(*talks: list[int | None], **more: object) -> pl.DataFrame:
        rows = [
            f"{number}.{turn} | talk{number} | t{number}.{turn} | 2026-10-05T{number:02}:{turn:02}:00"
            f" | {'null' if tokens is None else tokens} | {'null' if tokens is None else 1900}"
            for number, inputs in enumerate(talks)
            for turn, tokens in enumerate(inputs)
        ]
        heads = "call_id | conversation_id | trace_id | started_at | input_uncached_tokens | output_tokens"
        constant = {
            "provider": "openai", "account": "a", "service": "chat", "model": "m", "operation": "chat",
            "usage_quality": "recorded", **more,
        }  # fmt: skip
        return table("\n".join([heads, *rows]), pl.Schema(Call.empty().schema), **constant)

    return build


def found(calls: pl.DataFrame, requests: pl.DataFrame = NO_REQUESTS) -> list[tuple[str, int, int]]:
    return [
        (row["call_id"], row["before"], row["gap"]) for row in falls(calls, requests).iter_rows(named=True)
    ]


def test_a_context_that_grew_and_fell_was_shortened(calls) -> None:
    table = calls([*GROWTH, 2400, 4400])

    assert found(table) == [("0.4", 9900, 0)]
    row = falls(table, NO_REQUESTS).row(0, named=True)
    assert (row["first_input"], row["growth"], row["answer"], row["policy"]) == (2000, 100, 1900, 1)


def test_reasoning_is_no_part_of_the_next_turn(calls) -> None:
    table = calls([*GROWTH, 2400]).with_columns(reasoning_tokens=pl.lit(900))

    assert found(table) == [("0.4", 9000, 0)]


def test_the_order_of_the_rows_does_not_matter(calls) -> None:
    table = calls([*GROWTH, 2400, 4400], [*GROWTH, 2300, 4300])

    assert found(table.reverse()) == found(table)


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param([*GROWTH, 10_000, 12_000], id="growth"),
        pytest.param([*GROWTH, 8000, 8000, 8000], id="a window that slides by a turn"),
        pytest.param([2000, 500, 2000, 500, 2000, 500], id="calls that are no conversation"),
        pytest.param([9000, 500], id="a chain of two prompts"),
        pytest.param([*GROWTH, 700, 10_000, 12_000], id="a helper in between"),
        pytest.param([*GROWTH, 700, 900, 800, 10_000, 12_000], id="several helpers in between"),
    ],
)
def test_what_is_no_fall(calls, talk) -> None:
    assert found(calls(talk)) == []


def test_a_first_turn_above_the_limit_falls_too_where_others_do(calls) -> None:
    assert found(calls([*GROWTH, 2400, 4400, 6400], [9000, 2500])) == [("0.4", 9900, 0), ("1.1", 10_900, 0)]
    assert found(calls([*GROWTH], [9000, 2500])) == []


def test_a_turn_without_usage_in_between_is_counted(calls) -> None:
    assert found(calls([*GROWTH, None, 2400])) == [("0.5", 9900, 1)]


def test_a_conversation_that_ends_without_usage_past_the_limit_was_shortened_too(calls) -> None:
    table = falls(calls([*GROWTH, 2400], [*GROWTH, None]), NO_REQUESTS)

    assert table.select("before", "input", "next_call_id").rows() == [
        (9900, 2400, "0.4"),
        (9900, None, "1.4"),
    ]


def test_a_service_that_seldom_falls_at_its_limit_says_so(calls) -> None:
    table = falls(
        calls([*GROWTH, 2400], [*GROWTH, 10_000], [*GROWTH, 10_000], [*GROWTH, 10_000]), NO_REQUESTS
    )

    assert table["policy"].to_list() == [0.25]


@pytest.mark.parametrize("where", ["conversation", "trace", "iteration"])
def test_a_recorded_compaction_leaves_nothing_unseen(calls, where) -> None:
    table = calls([*GROWTH, 2400])
    after = pl.col("call_id") == "0.4"
    if where == "iteration":
        table = table.with_columns(compaction_input_tokens=pl.when(after).then(9900))
    else:
        summary = table.filter(after).with_columns(
            call_id=pl.lit("s"), operation=pl.lit("compact"), model=pl.lit("small"),
            started_at=pl.col("started_at") - pl.duration(seconds=9),
            conversation_id=pl.when(where == "conversation").then("conversation_id"),
        )  # fmt: skip
        table = pl.concat([table, summary])

    assert found(table) == []


def test_a_compaction_that_belongs_to_no_known_conversation_leaves_falls_unjudged(calls) -> None:
    requests = pl.DataFrame(
        {"service": ["chat"], "talk_id": ["elsewhere"], "started_at": [calls([1])["started_at"][0]]}
    )

    assert found(calls([*GROWTH, 2400]), requests) == []


def test_calls_without_a_conversation_belong_to_that_of_their_trace(calls) -> None:
    table = calls([*GROWTH, 2400]).with_columns(conversation_id=pl.lit(None, pl.String), trace_id=pl.lit("t"))

    assert found(table) == [("0.4", 9900, 0)]


def test_requests_that_compact_are_known_by_their_path() -> None:
    paths = ["/v1/responses/compact", "/openai/v1/responses/compact/", "/v1/responses", "/compact", None]
    attempts = pl.DataFrame({"trace_id": "t", "span_id": list("abcde"), "url_path": paths})

    assert compact_requests(attempts).rows() == [("t", "a"), ("t", "b")]
