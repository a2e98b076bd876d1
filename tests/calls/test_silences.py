"""Calls that left no span of their own: what stands around them says which are missing."""

import pytest

from pipeline.settings import Settings

APP = {"scope": "app", "kind": "server", "name": "POST /ask", "for_ms": 2000}
POST = {"scope": "http", "name": "POST", "http_method": "POST", "server_address": "api.openai.com"} | {
    "url_path": "/v1/chat/completions"
}
TEN_MINUTES = 600_000


def habit(count: int, **call: object) -> list[dict[str, object]]:
    """Traces in which an application span has one call below it."""
    rows = []
    for number in range(count):
        trace = f"b{number:03}"
        rows += [
            {"trace": trace, "id": "1", **APP},
            {"trace": trace, "id": "2", "parent": "1", "at": 5, "request_model": "small", **call},
        ]
    return rows


def found(calls) -> list[tuple[str, str, float]]:
    rows = calls.silences.select("span_id", "model", "expected_calls").rows()
    return [(span.lstrip("0"), model, round(chance, 6)) for span, model, chance in rows]


def test_a_request_without_a_call_lacks_the_call_that_usually_stands_there(resolved) -> None:
    calls = resolved(
        *habit(3),
        {"id": "1", **APP},
        {"id": "7", "parent": "never-ended", "at": 10, "for_ms": 300, "error_type": "Cancelled", **POST},
    )

    assert found(calls) == [("7", "small", 1.0)]
    row = calls.silences.row(0, named=True)
    assert (row["provider"], row["service"], row["operation"]) == ("openai", "shop", "chat")
    assert (row["has_http_span"], row["error_type"]) == (True, "Cancelled")
    assert (row["ended_at"] - row["started_at"]).total_seconds() == 1.99  # with the application span


def test_a_request_of_a_service_without_calls_lacks_an_unknown_one(resolved) -> None:
    calls = resolved({"id": "7", "service": "batch", **POST})

    assert found(calls) == [("7", "unknown", 1.0)]
    assert calls.silences.select("provider", "service", "team").row(0) == ("openai", "batch", "unowned")


def test_a_request_waits_for_its_call_no_longer_than_an_sdk(resolved) -> None:
    worker = {**APP, "for_ms": 10 * TEN_MINUTES}
    calls = resolved(*habit(1), {"id": "1", **worker}, {"id": "7", "parent": "1", "at": 10, **POST})

    row = calls.silences.row(0, named=True)
    assert (row["ended_at"] - row["started_at"]).total_seconds() == 600


@pytest.mark.parametrize(
    ("first", "second", "missing"),
    [
        ({"http_status": 503}, {"at": 900}, 1),
        ({"error_type": "ReadTimeout"}, {"at": 900}, 1),
        ({"http_status": 200}, {"at": 900}, 2),
        ({"http_status": 400}, {"at": 900}, 2),
        ({"http_status": 503}, {"at": 62_000}, 2),
        ({"http_status": 503}, {"at": 50}, 2),
        ({"http_status": 200}, {"at": 62_000, "resend_count": 1}, 1),
    ],
)
def test_failed_attempts_and_the_next_are_one_call(resolved, first, second, missing) -> None:
    calls = resolved(
        {"id": "7", "parent": "lost", "at": 0, "for_ms": 500, **POST, **first},
        {"id": "8", "parent": "lost", "for_ms": 500, "http_status": 200, **POST, **second},
    )

    assert [span for span, _, _ in found(calls)] == (["8"] if missing == 1 else ["7", "8"])


@pytest.mark.parametrize(("busy", "silent", "expected"), [(19, 1, 1), (18, 1, 0), (18, 2, 2), (18, 3, 0)])
def test_nine_in_ten_of_twenty_make_a_habit(resolved, busy: int, silent: int, expected: int) -> None:
    quiet = [{"trace": f"c{number}", "id": "1", **APP} for number in range(silent)]

    assert found(resolved(*habit(busy, scope="inference"), *quiet)) == [("1", "small", 1.0)] * expected


@pytest.mark.parametrize(("busy", "silent", "expected"), [(10, 9, 0), (10, 10, 10), (10, 11, 0)])
def test_half_of_twenty_do_where_the_instrumentation_leaves_spans_open(
    resolved, busy: int, silent: int, expected: int
) -> None:
    quiet = [{"trace": f"c{number}", "id": "1", **APP} for number in range(silent)]

    assert found(resolved(*habit(busy, scope="openai"), *quiet)) == [("1", "small", 1.0)] * expected


def test_of_nested_spans_the_innermost_is_silent(resolved) -> None:
    rows = habit(30)
    gateway = {"scope": "app", "kind": "server", "name": "GET /", "service": "web", "for_ms": 3000}
    inner = [{**row, "parent": "9"} if row["id"] == "1" else row for row in rows]
    outer = [{"trace": row["trace"], "id": "9", **gateway} for row in rows if row["id"] == "1"]

    calls = resolved(*inner, *outer, {"id": "9", **gateway}, {"id": "1", "parent": "9", **APP})

    assert found(calls) == [("1", "small", 1.0)]


def test_where_the_inner_service_was_lost_each_kind_of_call_has_its_share(resolved) -> None:
    gateway = {"scope": "app", "kind": "server", "name": "GET /", "service": "web", "for_ms": 3000}
    rows = []
    for number in range(40):
        service, model = ("shop", "small") if number < 30 else ("search", "large")
        rows += [
            {"trace": f"b{number:03}", "id": "9", **gateway},
            {"trace": f"b{number:03}", "id": "2", "parent": "9", "service": service, "request_model": model},
        ]

    calls = resolved(*rows, {"id": "9", **gateway})

    kinds = calls.silences.select("service", "model", "expected_calls").rows()
    assert sorted(kinds) == [("search", "large", 0.25), ("shop", "small", 0.75)]


def test_a_call_whose_parent_was_lost_still_stands_below_its_trace(resolved) -> None:
    calls = resolved(
        *habit(30), {"id": "1", **APP}, {"id": "2", "parent": "lost", "at": 5, "request_model": "large"}
    )

    assert found(calls) == []


def test_a_span_over_a_request_without_a_call_is_not_silent_as_well(resolved) -> None:
    calls = resolved(*habit(30), {"id": "1", **APP}, {"id": "7", "parent": "1", "at": 5, **POST})

    assert found(calls) == [("7", "small", 1.0)]


def test_nobody_misses_a_call_that_nobody_bills(resolved) -> None:
    settings = Settings(unbilled_services=["shop"])
    rows = (*habit(30), {"id": "1", **APP}, {"trace": "d", "id": "7", **POST})

    assert found(resolved(*rows, settings=settings)) == []
    assert found(resolved(*rows)) == [("1", "small", 1.0), ("7", "small", 1.0)]
