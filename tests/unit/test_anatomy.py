"""What billed calls were for: one workload a call, told by recorded facts and by their neighbours."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

from pipeline.anatomy import anatomy, with_workloads
from pipeline.contract_settings import Price
from pipeline.period import Month
from pipeline.pricing import RateCard
from pipeline.providers import PROVIDERS
from pipeline.settings import Settings
from schemas.recon import Anatomy
from schemas.tables import BY_NAME

NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)
PRICES = tuple(
    Price(provider="acme", model="m", token_kind=kind, usd_per_million=Decimal(price))
    for kind, price in (("input_uncached", 1), ("output", 10))
)
PLAIN = {
    "month": "2026-10", "provider": "acme", "account": "a", "scope": "a", "model": "m", "team": "red",
    "service_tier": "standard", "service": "chat", "feature": "", "operation": "chat", "span_id": "s",
    "environment": "production", "initiating_team": "red", "initiating_service": "chat", "status": "ok",
    "dialect": "d", "attempt_count": 1, "span_count": 1, "has_http_spans": False, "cache_breakdown": "none",
    "usage_quality": "recorded", "root_kind": "server", "agent_level": "none", "finish_reasons": "stop",
    "trace_id": "t", "parent_span_id": "p", "input_uncached_tokens": 1000, "output_tokens": 100,
}  # fmt: skip
FAILED = {"status": "error", "error_type": "ReadTimeout", "finish_reasons": None}


@pytest.fixture
def workloads() -> Callable[..., list[str]]:
    """The workload of each call, in the order given; `at` and `lasts` are seconds."""

    def find(*rows: dict[str, object], settings: Settings | None = None) -> list[str]:
        calls = frame(*[{"service": f"chat-{i}", **row} for i, row in enumerate(rows)])
        told = build(calls, settings)
        return [told.filter(service=name)["workload"].item() for name in calls["service"]]

    return find


def frame(*rows: dict[str, object]) -> pl.DataFrame:
    """Calls of the contract; what a row leaves out is what a plain, healthy call has."""
    schema = BY_NAME["core.call"].schema
    full = []
    for number, row in enumerate(rows):
        given = {**PLAIN, "call_id": f"c{number:03}", **row}
        start = NOON + timedelta(seconds=given.pop("at", 0))
        end = start + timedelta(seconds=given.pop("lasts", 10))
        full.append({**given, "started_at": start, "ended_at": end})
    return pl.DataFrame(full, schema=schema)


def build(calls: pl.DataFrame, settings: Settings | None = None) -> pl.DataFrame:
    settings = settings or Settings(prices=PRICES)
    found = anatomy(with_workloads(calls, settings), Month(2026, 10), RateCard(settings, PROVIDERS))
    Anatomy.validate(found)
    return found


@pytest.mark.parametrize(
    ("facts", "workload"),
    [
        ({}, "serving"),
        ({"environment": "CI"}, "evaluation"),
        ({"environment": "testing", "operation": "embeddings"}, "evaluation"),
        ({"service": "answers-evals"}, "evaluation"),
        ({"operation": "embeddings"}, "embedding"),
        ({"operation": "compact", "agent_level": "sub_agent"}, "compaction"),
        (FAILED, "cancelled"),
        ({"status": "error", "error_type": "asyncio.CancelledError"}, "cancelled"),
        ({"status": "error", "http_status": 503}, "failed"),
        ({"agent_level": "sub_agent", "root_kind": "consumer"}, "sub_agent"),
        ({"agent_level": "agent"}, "serving"),
        ({"root_kind": "consumer"}, "background"),
        ({"root_kind": "internal"}, "background"),
        ({"root_kind": "unknown"}, "serving"),
    ],
)
def test_a_call_has_the_first_workload_that_fits(workloads, facts: dict[str, object], workload: str) -> None:
    assert workloads(facts) == [workload]


def test_the_configuration_names_what_tests() -> None:
    settings = Settings(anatomy={"evaluation_environments": ["lab"], "evaluation_services": ["probe-*"]})
    told = build(
        frame({"environment": "lab"}, {"service": "probe-1"}, {"environment": "ci", "team": "blue"}), settings
    )

    assert sorted(told.select("team", "workload").rows()) == [
        ("blue", "serving"),
        ("red", "evaluation"),
        ("red", "evaluation"),
    ]


@pytest.mark.parametrize(
    ("following", "workload"),
    [
        ({"at": 11}, "retry"),
        ({"at": 11, "input_uncached_tokens": 1015}, "retry"),
        ({"at": 11, "input_uncached_tokens": 1200}, "cancelled"),
        ({"at": 75}, "cancelled"),
        ({"at": 5}, "cancelled"),
        ({"at": 11, "parent_span_id": "q"}, "cancelled"),
        ({"at": 11, "model": "n"}, "cancelled"),
    ],
)
def test_a_failed_call_before_the_same_request_is_a_retry(following, workload: str) -> None:
    told = build(frame(FAILED, following))

    assert sorted(told["workload"]) == sorted([workload, "serving"])


def loops(count: int, quiet: int, **second: object) -> pl.DataFrame:
    """Traces of two calls, of which the second repeats the first with its answer, and traces of one."""
    first, then = {"lasts": 10}, {"at": 11, "input_uncached_tokens": 1150, **second}
    pairs = [{**row, "trace_id": f"t{i}"} for i in range(count) for row in (first, then)]
    return frame(*pairs, *[{"trace_id": f"q{i}"} for i in range(quiet)])


@pytest.mark.parametrize(
    ("calls", "corrected"),
    [
        (loops(2, 8), 2),
        (loops(2, 7), 0),  # more than one trace in five: the service works in steps
        (loops(2, 8, at=14), 0),  # time enough for somebody to type
        (loops(2, 8, input_uncached_tokens=1099), 0),  # the answer is not in it
        (loops(2, 8, input_uncached_tokens=1701), 0),  # far more than a correction
        (loops(2, 8).with_columns(finish_reasons=pl.lit("tool_calls")), 0),
        (loops(2, 8).with_columns(agent_level=pl.lit("agent")), 0),
    ],
)
def test_an_answer_that_comes_back_at_once_was_not_valid(calls: pl.DataFrame, corrected: int) -> None:
    told = build(calls)

    assert told.filter(workload="validation_retry")["calls"].sum() == corrected
    assert told["calls"].sum() == calls.height


@pytest.mark.parametrize(
    ("pauses", "output", "is_ping"),
    [
        ([300] * 5, 1, True),
        ([300, 310, 290, 300, 305], 1, True),
        ([300] * 5, 5, False),
        ([300] * 4, 1, False),
        ([10] * 5, 1, False),
        ([60, 300, 900, 120, 45], 1, False),
    ],
)
def test_equal_requests_by_the_clock_keep_something_alive(pauses, output: int, is_ping: bool) -> None:
    starts = [sum(pauses[:i]) for i in range(len(pauses) + 1)]
    rows = [{"at": at, "lasts": 1, "trace_id": f"t{at}", "output_tokens": output} for at in starts]

    assert set(build(frame(*rows))["workload"]) == {"keep_alive" if is_ping else "serving"}


def test_workloads_add_up_to_the_billed_calls_in_tokens_and_dollars() -> None:
    told = build(
        frame(
            {},
            {
                "trace_id": "u",
                "input_uncached_tokens": None,
                "output_tokens": None,
                "usage_quality": "absent",
            },
            {"trace_id": "v", "operation": "embeddings", "output_tokens": None},
            {"trace_id": "w", "not_billed_reason": "self_hosted"},
        )
    )

    columns = ("workload", "calls", "calls_without_usage", "tokens", "usd", "delivered_tokens")
    assert told.select(columns).rows() == [
        ("embedding", 1, 0, 1000, Decimal("0.001"), None),
        ("serving", 2, 1, 1100, Decimal("0.002"), 100),
    ]


def test_tokens_without_a_price_have_no_dollars() -> None:
    assert build(frame({"cache_read_tokens": 5}))["usd"].to_list() == [None]
