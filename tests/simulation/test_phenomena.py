"""What a company with a mix does beyond the demo: sampling, storms, re-asked answers, agents, compaction."""

from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.simulator import world as simulator
from pipeline.simulator.mix import Mix

Reader = Callable[[simulator.World], list[dict[str, Any]]]
Rows = Callable[[Path], list[dict[str, str]]]

CALLS = 3000


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> simulator.World:
    return simulator.write(tmp_path_factory.mktemp("company"), seed=21, calls=CALLS, mix=Mix(retries=2.0))


@pytest.fixture(scope="module")
def told(company: simulator.World, read: Reader) -> list[dict[str, Any]]:
    return read(company)


@pytest.fixture(scope="module")
def happened(company: simulator.World, rows: Rows) -> list[dict[str, str]]:
    return rows(company.truth / "calls.csv")


def test_traces_that_are_not_sampled_leave_no_spans(
    told: list[dict[str, Any]], happened: list[dict[str, str]]
) -> None:
    dropped = {call["trace_id"] for call in happened if call["is_sampled"] == "False"}
    assert len(dropped) > 200
    assert not dropped & {span["traceId"] for span in told}


def test_one_sampled_service_marks_its_spans_and_the_configuration_knows_the_other(
    told: list[dict[str, Any]], happened: list[dict[str, str]], company: simulator.World
) -> None:
    states = defaultdict(set)
    for span in told:
        states[span["service"]].add(span.get("traceState"))
    assert states["recommender"] == {"ot=th:e666"}
    assert states["support-chat"] == {None}
    assert states["moderation"] <= {None}
    assert '[[sampling]]\nservice = "moderation"\nprobability = 0.01\n' in company.configuration.read_text()
    kept = Counter(call["is_sampled"] for call in happened if call["service"] == "recommender")
    assert 0.04 < kept["True"] / kept.total() < 0.2


def test_sampling_is_written_nowhere_when_it_is_off(tmp_path: Path, read: Reader) -> None:
    world = simulator.write(tmp_path, seed=5, calls=400, mix=Mix(sampling=0.0))
    assert "[[sampling]]" not in world.configuration.read_text()
    assert all("traceState" not in span for span in read(world))
    assert "recommender" in {span["service"] for span in read(world)}


def test_retries_of_unsampled_calls_stay_retries(
    company: simulator.World, happened: list[dict[str, str]]
) -> None:
    unsampled = [call for call in happened if call["is_sampled"] == "False"]
    assert {call["fate"] for call in unsampled} == {"sampling", "retries", "not_billed"}
    assert company.causes["sampling"] > 0


def test_a_wrapper_retries_around_the_sdk(told: list[dict[str, Any]], happened: list[dict[str, str]]) -> None:
    by_trace = Counter(call["trace_id"] for call in happened if call["service"] == "inbox-agent")
    assert max(by_trace.values()) in {2, 3}
    posts = Counter(
        span["traceId"] for span in told if span["service"] == "inbox-agent" and span["name"] == "POST"
    )
    assert max(posts.values()) >= 4


def test_answers_that_are_asked_for_again_inside_a_span_are_billed_beyond_it(
    happened: list[dict[str, str]],
) -> None:
    again = [
        call
        for call in happened
        if call["service"] == "form-filler" and int(call["billed_attempts"]) > 1 and call["outcome"] == "ok"
    ]
    assert again
    for call in again:
        assert int(call["tokens_metered"]) > int(call["tokens_true"])


def test_claude_code_counts_attempts_and_leaves_cached_input_out(
    told: list[dict[str, Any]], happened: list[dict[str, str]]
) -> None:
    by_span = {call["span_id"]: call for call in happened}
    spans = [span for span in told if span["name"] == "claude_code.llm_request"]
    assert {span["shown"]["query_source"] for span in spans} == {
        "repl_main_thread",
        "agent:builtin:explore",
        "compact",
    }
    assert max(span["shown"]["attempt"] for span in spans) > 1
    for span in spans:
        call = by_span[span["spanId"]]
        assert span["shown"]["attempt"] == int(call["attempts"]) == len(span["events"])
        if "input_tokens" in span["shown"]:
            parts = ("input_tokens", "cache_read_tokens", "cache_creation_tokens")
            assert sum(span["shown"][part] for part in parts) == int(call["input_true"])


def test_the_compaction_endpoint_shows_only_as_a_request(
    told: list[dict[str, Any]], happened: list[dict[str, str]]
) -> None:
    paths = [
        span["shown"]["http.url"]
        for span in told
        if span["service"] == "sales-copilot" and span["shown"].get("http.url", "").endswith("/compact")
    ]
    sent = [
        call for call in happened if call["service"] == "sales-copilot" and call["workload"] == "compaction"
    ]
    assert set(paths) == {"https://api.openai.com/v1/responses/compact"}
    assert 0 < len({call["trace_id"] for call in sent}) <= len(paths) + 2
    assert {call["fate"] for call in sent} == {"summary_compaction"}


def test_sub_agents_call_below_a_span_without_counts(told: list[dict[str, Any]]) -> None:
    agents = {span["spanId"]: span for span in told if span["name"] == "invoke_agent explorer"}
    below = [span for span in told if span["parentSpanId"] in agents]
    assert below
    assert not any("tokens" in key for span in agents.values() for key in span["shown"])


def test_the_anatomy_tells_kinds_of_work(company: simulator.World, rows: Rows) -> None:
    anatomy = rows(company.truth / "anatomy.csv")
    kinds = {row["workload"] for row in anatomy}
    assert kinds == {
        "serving", "retry", "validation_retry", "compaction", "evaluation", "embedding", "background",
        "keep_alive", "cancelled", "sub_agent",
    }  # fmt: skip
    assert sum(int(row["tokens"]) for row in anatomy) < company.causes["traced"]


def test_tiers_and_long_contexts_are_metered_apart(company: simulator.World) -> None:
    openai = "".join(path.read_text() for path in (company.folder / "openai" / "usage").iterdir())
    anthropic = "".join(path.read_text() for path in (company.folder / "anthropic" / "usage").iterdir())
    assert '"priority"' in openai
    assert '"flex"' in openai
    assert '"200k-1M"' in anthropic


def test_calls_that_cross_a_day_inside_the_month_are_no_boundary_matter(tmp_path: Path, rows: Rows) -> None:
    world = simulator.write(tmp_path, seed=3, calls=1500, mix=Mix(period_boundary=4.0))
    days = {row["day"] for row in rows(world.truth / "truth.csv") if row["cause"] == "period_boundary"}
    assert days <= {"2026-10-01", "2026-10-31"}
    assert len(days) == 2
