from collections.abc import Callable

import polars as pl

from pipeline.matching import Matched

Match = Callable[..., Matched]


def pairs(found: Matched) -> list[tuple[str, int, str]]:
    return found.facts.select("call_id", "request", "how").rows()


def test_equal_ids_meet_whatever_the_counts_say(matched: Match) -> None:
    found = matched(
        """
        call_id | response_id | request_id | output_tokens | started_at       | ended_at
        a       | msg_1       |            | 1             | 2026-10-05T10:00 | 2026-10-05T10:01
        b       | null        | req_2      | 2             | 2026-10-05T10:00 | 2026-10-05T10:01
        """,
        """
        response_id | request_id | output_tokens | started_at
        msg_9       | req_2      | 900           | 2026-10-05T10:00
        msg_1       | req_1      | 800           | 2026-10-05T10:00
        """,
    )
    assert pairs(found) == [("a", 1, "response_id"), ("b", 0, "request_id")]
    assert found.leftovers.is_empty()


def test_an_id_that_answers_every_call_proves_nothing(matched: Match) -> None:
    # groq/compound answers with the id `stub`; by time and counts the two calls are the other way round.
    found = matched(
        """
        call_id | response_id | output_tokens | started_at       | ended_at
        a       | stub        | 50            | 2026-10-05T10:00 | 2026-10-05T10:01
        b       | stub        | 70            | 2026-10-05T12:00 | 2026-10-05T12:01
        """,
        """
        response_id | output_tokens | started_at
        stub        | 70            | 2026-10-05T12:00
        stub        | 50            | 2026-10-05T10:00
        """,
    )
    assert pairs(found) == [("a", 1, "assigned"), ("b", 0, "assigned")]


def test_an_id_that_repeats_between_accounts_stays_in_its_own(matched: Match) -> None:
    found = matched(
        """
        call_id | account | response_id
        a       | one     | msg_1
        b       | two     | msg_1
        """,
        """
        account | response_id
        two     | msg_1
        one     | msg_1
        """,
    )
    assert pairs(found) == [("a", 1, "response_id"), ("b", 0, "response_id")]


def test_where_the_nearest_is_wrong_the_sum_decides(matched: Match) -> None:
    # Both calls are nearest to the request at 10:00:03. Whoever goes first, and takes it for `b`, which began
    # then, leaves `a` with a request that it had ended before; together only a-0 and b-1 is possible.
    found = matched(
        """
        call_id | started_at          | ended_at
        a       | 2026-10-05T10:00:02 | 2026-10-05T10:00:04
        b       | 2026-10-05T10:00:03 | 2026-10-05T10:00:30
        """,
        """
        started_at
        2026-10-05T10:00:03
        2026-10-05T10:00:20
        """,
    )
    assert pairs(found) == [("a", 0, "assigned"), ("b", 1, "assigned")]


def test_counts_that_both_differ_are_another_request(matched: Match) -> None:
    found = matched(
        """
        call_id | input_uncached_tokens | output_tokens | started_at       | ended_at
        a       | 1000                  | 50            | 2026-10-05T10:00 | 2026-10-05T10:01
        """,
        """
        input_uncached_tokens | output_tokens | started_at
        10                    | 900           | 2026-10-05T10:00
        """,
    )
    assert found.facts.is_empty()
    assert found.leftovers["request"].to_list() == [0]


def test_a_request_outside_the_time_of_a_call_is_not_its(matched: Match) -> None:
    found = matched(
        "call_id | output_tokens | started_at | ended_at\na | 50 | 2026-10-05T10:00 | 2026-10-05T10:01",
        "output_tokens | started_at\n50 | 2026-10-05T10:01:03",
    )
    assert found.facts.is_empty()


def test_a_placeholder_says_nothing_of_the_output(matched: Match) -> None:
    # The request with output 1 would fit the placeholder of `a`; it is that of `b`, which recorded it.
    found = matched(
        """
        call_id | input_uncached_tokens | output_tokens | usage_quality | started_at       | ended_at
        a       | 10                    | 1             | placeholder   | 2026-10-05T10:00 | 2026-10-05T10:01
        b       | 10                    | 1             | recorded      | 2026-10-05T10:00 | 2026-10-05T10:01
        """,
        """
        input_uncached_tokens | output_tokens | started_at
        10                    | 1             | 2026-10-05T10:00
        10                    | 700           | 2026-10-05T10:00
        """,
    )
    assert pairs(found) == [("a", 1, "assigned"), ("b", 0, "assigned")]


def test_the_last_attempt_under_one_id_is_the_one_that_was_kept(matched: Match) -> None:
    found = matched(
        "call_id | request_id | attempt_count\na | req_1 | 2",
        """
        request_id      | started_at
        req_1           | 2026-10-05T10:00:00
        req_1-attempt-2 | 2026-10-05T10:00:09
        """,
    )
    assert found.facts.select("request", "is_kept").rows() == [(0, False), (1, True)]


def test_a_first_attempt_goes_to_the_call_that_sent_it_again(matched: Match) -> None:
    found = matched(
        """
        call_id | response_id | attempt_count | started_at       | ended_at
        a       | msg_1       | 2             | 2026-10-05T10:00 | 2026-10-05T10:02
        """,
        """
        response_id | output_tokens | started_at
        msg_1       | 50            | 2026-10-05T10:01
        msg_0       | 80            | 2026-10-05T10:00
        """,
        """
        call_id | attempt_number | started_at       | ended_at
        a       | 1              | 2026-10-05T10:00 | 2026-10-05T10:00:50
        a       | 2              | 2026-10-05T10:01 | 2026-10-05T10:02
        """,
    )
    assert found.facts.select("request", "how", "is_kept").rows() == [
        (0, "response_id", True),
        (1, "attempt", False),
    ]


def test_an_iteration_goes_with_its_message(matched: Match) -> None:
    found = matched(
        "call_id | response_id\na | msg_1",
        """
        response_id | part       | output_tokens
        msg_1       | message    | 50
        msg_1       | compaction | 900
        """,
    )
    assert found.facts.select("call_id", "part", "output_tokens").rows() == [
        ("a", "message", 50),
        ("a", "compaction", 900),
    ]


def test_a_wrong_provider_on_the_span_is_forgiven_where_counts_agree(matched: Match) -> None:
    found = matched(
        """
        call_id | provider   | output_tokens | started_at       | ended_at
        a       | gcp.gemini | 50            | 2026-10-05T10:00 | 2026-10-05T10:01
        """,
        "provider | output_tokens | started_at\ngcp.vertex_ai | 50 | 2026-10-05T10:00",
    )
    assert pairs(found) == [("a", 0, "assigned")]


def test_what_nobody_bills_gets_no_request_by_time(matched: Match) -> None:
    found = matched(
        """
        call_id | not_billed_reason | output_tokens | started_at       | ended_at
        a       | status 400        | 50            | 2026-10-05T10:00 | 2026-10-05T10:01
        """,
        "output_tokens | started_at\n50 | 2026-10-05T10:00",
    )
    assert found.facts.is_empty()


def test_a_log_whose_clock_is_behind_is_read_with_its_offset(matched: Match) -> None:
    times = [f"2026-10-05T1{hour}:00:00" for hour in range(5)]
    known = "\n".join(f"k{i} | msg_{i} | {at} | {at}" for i, at in enumerate(times))
    late = "\n".join(f"msg_{i} | {at[:-5]}05:00" for i, at in enumerate(times))
    found = matched(
        f"call_id|response_id|started_at|ended_at\n{known}\na|null|2026-10-06T10:00:00|2026-10-06T10:00:30",
        f"response_id | started_at\n{late}\nnull | 2026-10-06T10:05:01",
    )
    assert ("a", 5, "assigned") in pairs(found)


def test_the_order_of_rows_does_not_matter(matched: Match) -> None:
    calls = ["a|10|2026-10-05T10:00:00|2026-10-05T10:01:00", "b|20|2026-10-05T10:00:01|2026-10-05T10:01:00"]
    requests = ["10|2026-10-05T10:00:01", "20|2026-10-05T10:00:00"]
    header = "call_id|output_tokens|started_at|ended_at\n", "output_tokens|started_at\n"
    one = matched(header[0] + "\n".join(calls), header[1] + "\n".join(requests))
    two = matched(header[0] + "\n".join(calls[::-1]), header[1] + "\n".join(requests[::-1]))
    told = ["call_id", "output_tokens", "started_at"]
    assert one.facts.select(told).equals(two.facts.select(told).sort("call_id"))
    assert pl.Series(one.facts["output_tokens"]).to_list() == [10, 20]
