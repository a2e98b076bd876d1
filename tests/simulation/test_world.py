"""A world is reproducible, its files have the real formats, and everything that can go wrong does."""

import json
import tomllib
from collections import Counter
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import pytest

from pipeline import settings
from pipeline.simulator import world as simulator
from pipeline.simulator.calls import Outcome
from pipeline.simulator.faults import BILLED
from pipeline.simulator.telling import SECRET

SCOPES = {
    "opentelemetry.instrumentation.openai.v1",
    "openinference.instrumentation.openai",
    "opentelemetry.instrumentation.genai.openai",
    "opentelemetry.instrumentation.openai_v2",
    "opentelemetry.instrumentation.anthropic",
    "openinference.instrumentation.anthropic",
    "opentelemetry.instrumentation.genai.anthropic",
    "com.anthropic.sdk.python",
    "pydantic-ai",
    "ai",
    "litellm",
    "opentelemetry.instrumentation.httpx",
    "opentelemetry.instrumentation.fastapi",
    "opentelemetry.instrumentation.psycopg",
}
PROVIDERS = ("openai", "anthropic", "mistral_ai")


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        simulator.write(tmp_path / name, seed=3, calls=250)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_another_seed_writes_another_month(tmp_path: Path) -> None:
    for seed in (3, 4):
        simulator.write(tmp_path / str(seed), seed=seed, calls=250)
    one, two = contents(tmp_path / "3"), contents(tmp_path / "4")
    assert one["truth/truth.csv"] != two["truth/truth.csv"]


def test_another_month_can_be_simulated(tmp_path: Path) -> None:
    world = simulator.write(tmp_path, month="2027-02", calls=250)
    usage = json.loads((tmp_path / "anthropic/usage/messages_2027-03-04_page4.json").read_bytes())
    assert world.month == "2027-02"
    assert usage["data"][-1]["ending_at"] == "2027-03-01T00:00:00Z"


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    simulator.write(tmp_path, calls=250, progress=lambda *step: told.append(step))
    assert {stage for stage, _, _ in told} >= {"writing traces", "writing exports and truth"}
    assert all(done <= whole for stage, done, whole in told if stage == "writing traces")


def test_the_configuration_is_one_that_a_user_could_write(world: simulator.World) -> None:
    loaded = settings.load(world.configuration)
    assert [source.kind for source in loaded.sources].count("usage") == 2
    assert all((world.folder / source.uri.split("/*")[0]).exists() for source in loaded.sources)
    assert "truth" not in world.configuration.read_text()
    assert {rule.team for rule in loaded.teams} == {
        "support", "search", "commerce", "platform", "data", "growth",
    }  # fmt: skip


def test_every_instrumentation_writes_spans(spans: list[dict[str, Any]]) -> None:
    assert {span["scope"] for span in spans} == SCOPES


def test_every_outcome_occurs(calls: list[dict[str, str]]) -> None:
    assert {call["outcome"] for call in calls} == {outcome.value for outcome in Outcome}


def test_spans_have_the_shape_of_the_collectors_file_exporter(spans: list[dict[str, Any]]) -> None:
    assert any(span["parentSpanId"] == "" for span in spans)
    assert any(span["status"] == {} for span in spans)
    for span in spans[:2000]:
        assert len(span["traceId"]) == 32
        assert len(span["spanId"]) == 16
        assert isinstance(span["startTimeUnixNano"], str)
        assert int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
        for attribute in span["attributes"]:
            assert isinstance(attribute["value"].get("intValue", ""), str)


def test_lines_hold_several_services(lines: dict[str, list[bytes]]) -> None:
    whole = [json.loads(texts[0])["resourceSpans"] for texts in lines.values()]
    services = [len({str(resource["resource"]) for resource in resources}) for resources in whole]
    assert max(services) > 3


def test_all_compressions_are_used(lines: dict[str, list[bytes]]) -> None:
    assert {name.split(".", 1)[1] for name in lines} == {"jsonl", "jsonl.gz", "jsonl.zst"}


def test_broken_lines_are_where_the_summary_says(
    lines: dict[str, list[bytes]], summary: dict[str, Any]
) -> None:
    found = []
    for name, texts in lines.items():
        for number, text in enumerate(texts, start=1):
            try:
                json.loads(text)
            except ValueError:
                found.append((name, number))
    assert sorted(found) == sorted((line["file"], line["line"]) for line in summary["broken_lines"])
    assert {line["kind"] for line in summary["broken_lines"]} == {"truncated", "not_json"}


def test_batches_are_sent_twice_with_the_same_ids(spans: list[dict[str, Any]]) -> None:
    seen = Counter((span["traceId"], span["spanId"]) for span in spans)
    assert set(seen.values()) == {1, 2}


def test_calls_without_a_span_leave_their_http_spans_behind(spans: list[dict[str, Any]]) -> None:
    known = {(span["traceId"], span["spanId"]) for span in spans}
    orphans = [
        span
        for span in spans
        if span["name"] == "POST" and (span["traceId"], span["parentSpanId"]) not in known
    ]
    assert orphans


def test_anthropic_pairs_are_siblings_and_openai_pairs_nest(spans: list[dict[str, Any]]) -> None:
    by_id = {(span["traceId"], span["spanId"]): span for span in spans}
    for span in spans:
        above = by_id.get((span["traceId"], span["parentSpanId"]))
        if above is None:
            continue
        if span["scope"] == "com.anthropic.sdk.python":
            assert above["scope"] != "opentelemetry.instrumentation.anthropic"
        if span["scope"] == "openinference.instrumentation.openai":
            assert above["scope"] == "opentelemetry.instrumentation.openai.v1"


def test_a_little_text_and_a_false_secret_are_on_the_spans(lines: dict[str, list[bytes]]) -> None:
    everything = b"".join(line for texts in lines.values() for line in texts)
    assert SECRET.encode() in everything
    assert b"gen_ai.input.messages" in everything


def test_initiating_and_executing_teams_differ(calls: list[dict[str, str]]) -> None:
    assert any(call["team"] != call["initiating_team"] for call in calls)


def test_billing_of_failures_is_never_certain() -> None:
    assert all(0 < chance < 1 for chances in BILLED.values() for chance in chances.values())


def test_long_calls_are_given_up_more_often(calls: list[dict[str, str]]) -> None:
    chats = [call for call in calls if call["service"] == "search-answers"]
    left = [int(call["output_true"]) for call in chats if call["outcome"].startswith("stream_closed")]
    stayed = [int(call["output_true"]) for call in chats if call["outcome"] == "ok"]
    assert sum(left) / len(left) > 1.1 * sum(stayed) / len(stayed)


def test_contexts_grow_until_they_are_summarised(spans: list[dict[str, Any]]) -> None:
    talks: dict[str, list[tuple[str, int]]] = {}
    for span in spans:
        shown = span["shown"]
        if span["service"] == "support-chat" and "gen_ai.usage.input_tokens" in shown:
            turn = (span["endTimeUnixNano"], shown["gen_ai.usage.input_tokens"])
            talks.setdefault(shown["gen_ai.conversation.id"], []).append(turn)
    steps = [
        later / before
        for talk in talks.values()
        for (_, before), (_, later) in zip(sorted(talk), sorted(talk)[1:], strict=False)
    ]
    assert sum(step > 1 for step in steps) > 0.8 * len(steps)
    assert any(step < 0.8 for step in steps)


@pytest.mark.parametrize("name", PROVIDERS)
def test_invoice_lines_add_up_to_the_total(world: simulator.World, name: str) -> None:
    text = (world.folder / "invoices" / f"{name}-{world.month}.toml").read_text()
    invoice = tomllib.loads(text)
    *net, tax = (Decimal(line["amount"]) for line in invoice["lines"])
    rate = Decimal("0.20") if name == "mistral_ai" else Decimal("0.0825")
    assert sum(net) + tax == Decimal(invoice["total"])
    assert [line["category"] for line in invoice["lines"]].count("tax") == 1
    assert tax == _cents(sum(net, Decimal(0)) * rate)


def test_openai_invoice_follows_from_its_cost_export(world: simulator.World) -> None:
    invoice = tomllib.loads((world.folder / "invoices" / f"openai-{world.month}.toml").read_text())
    billed = {line["model"]: Decimal(line["amount"]) for line in invoice["lines"] if "model" in line}
    costs: dict[str, Decimal] = {}
    pages = json.loads((world.folder / "openai/costs/costs_2026-11-04.json").read_bytes())
    for page in pages:
        for bucket in page["data"]:
            for row in bucket["results"]:
                model, _, kind = row["line_item"].rpartition(", ")
                if kind in ("input", "cached input", "output"):
                    value = Decimal(repr(row["amount"]["value"]))
                    costs[model] = costs.get(model, Decimal(0)) + value
    assert {model: _cents(cost) for model, cost in costs.items()} == billed


def test_anthropic_invoice_follows_from_its_cost_report(world: simulator.World) -> None:
    invoice = tomllib.loads((world.folder / "invoices" / f"anthropic-{world.month}.toml").read_text())
    costs: dict[str, Decimal] = {}
    for path in sorted((world.folder / "anthropic" / "cost").iterdir()):
        for bucket in json.loads(path.read_bytes())["data"]:
            for row in bucket["results"]:
                key = row["model"] or row["cost_type"]
                costs[key] = costs.get(key, Decimal(0)) + Decimal(row["amount"]) / 100
    billed = {line.get("model", "web_search"): Decimal(line["amount"]) for line in invoice["lines"][:-1]}
    assert {key: _cents(cost) for key, cost in costs.items()} == billed


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), rounding=ROUND_HALF_EVEN)


def test_pages_chain_and_cover_the_month(world: simulator.World) -> None:
    paths = sorted((world.folder / "openai" / "usage").glob("completions-by-key_2026-11-04_page*"))
    pages = [json.loads(path.read_bytes()) for path in paths]
    starts = [bucket["start_time"] for page in pages for bucket in page["data"]]
    assert [page["has_more"] for page in pages] == [True] * 4 + [False]
    assert [page["next_page"] is None for page in pages] == [False] * 4 + [True]
    assert starts == [1790812800 + 86400 * day for day in range(31)]


def test_an_older_pull_says_less_of_its_last_days_and_once_more(world: simulator.World) -> None:
    final = _tokens(world.folder / "openai" / "usage", "completions-by-key_2026-11-04")
    early = _tokens(world.folder / "openai" / "usage", "completions-by-key_2026-10-15")
    assert set(early) == {start for start in final if start < 1790812800 + 86400 * 15}
    changes = [final[start] - tokens for start, tokens in sorted(early.items())]
    assert changes[-1] > changes[-2] > 0
    assert sorted(changes[:-2]) == [-1200] + [0] * 12


def test_grouping_by_model_tells_the_same_tokens(world: simulator.World) -> None:
    folder = world.folder / "openai" / "usage"
    assert _tokens(folder, "completions-by-model") == _tokens(folder, "completions-by-key_2026-11-04")


def _tokens(folder: Path, prefix: str) -> dict[int, int]:
    found: dict[int, int] = {}
    for path in folder.glob(f"{prefix}*"):
        for bucket in json.loads(path.read_bytes())["data"]:
            results = bucket["results"]
            tokens = sum(row["input_tokens"] + row["output_tokens"] for row in results)
            found[bucket["start_time"]] = tokens
    return found
