"""A world of moderate size, and readers of its files that know only what instrumentations write."""

import csv
import gzip
import json
import tomllib
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import zstandard

from pipeline.simulator import world as simulator

CALLS = 4000
INVOICED = ("mistral_ai", "gcp.gemini")
"""Providers whose only meter is their invoice."""
KINDS = ("input_uncached", "cache_read", "cache_write_5m", "cache_write_1h", "cache_write_other", "output")

GEN_AI = ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens")
INFERENCE = ("llm.token_count.prompt", "llm.token_count.completion")
AI_SDK = ("ai.usage.inputTokens", "ai.usage.outputTokens")
FLAT = ("input_tokens", "output_tokens")
READ = "gen_ai.usage.cache_read.input_tokens"
SPLIT = "anthropic.usage.cache_creation.ephemeral_"

# scope -> input and output, cache read, lumped cache write, cache writes by lifetime
DIALECTS: dict[str, tuple[tuple[str, str], str, str, str]] = {
    "opentelemetry.instrumentation.openai.v1": (GEN_AI, READ, "", ""),
    "openinference.instrumentation.openai": (
        INFERENCE,
        "llm.token_count.prompt_details.cache_read",
        "",
        "",
    ),
    "opentelemetry.instrumentation.genai.openai": (GEN_AI, READ, "", ""),
    "opentelemetry.instrumentation.openai_v2": (GEN_AI, "", "", ""),
    "opentelemetry.instrumentation.anthropic": (
        GEN_AI,
        READ,
        "gen_ai.usage.cache_creation.input_tokens",
        "",
    ),
    "openinference.instrumentation.anthropic": (
        INFERENCE,
        "llm.token_count.prompt_details.cache_read",
        "llm.token_count.prompt_details.cache_write",
        "",
    ),
    "opentelemetry.instrumentation.genai.anthropic": (
        GEN_AI,
        READ,
        "gen_ai.usage.cache_write.input_tokens",
        "",
    ),
    "com.anthropic.sdk.python": (GEN_AI, READ, "", SPLIT),
    "pydantic-ai": (
        GEN_AI,
        "gen_ai.usage.details.cache_read_tokens",
        "gen_ai.usage.details.cache_write_tokens",
        "",
    ),
    "openinference.instrumentation.langchain": (
        INFERENCE,
        "llm.token_count.prompt_details.cache_read",
        "",
        "",
    ),
    "opentelemetry.instrumentation.langchain": (GEN_AI, "gen_ai.usage.cache_read_input_tokens", "", ""),
    "opentelemetry.instrumentation.google_generativeai": (GEN_AI, "", "", ""),
    "com.anthropic.claude_code.tracing": (FLAT, "cache_read_tokens", "cache_creation_tokens", ""),
    "ai": (AI_SDK, "ai.usage.cachedInputTokens", "", ""),
    "litellm": (GEN_AI, "", "", ""),
}


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> simulator.World:
    return simulator.write(tmp_path_factory.mktemp("world"), seed=11, calls=CALLS)


@pytest.fixture(scope="session")
def truth(world: simulator.World) -> list[dict[str, str]]:
    return rows(world.truth / "truth.csv")


@pytest.fixture(scope="session")
def calls(world: simulator.World) -> list[dict[str, str]]:
    return rows(world.truth / "calls.csv")


@pytest.fixture(scope="session")
def summary(world: simulator.World) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((world.truth / "summary.json").read_bytes())
    return found


@pytest.fixture(scope="session")
def lines(world: simulator.World) -> dict[str, list[bytes]]:
    return read_lines(world)


def read_lines(world: simulator.World) -> dict[str, list[bytes]]:
    """Lines of every trace file, in the order they stand."""
    found = {}
    for path in sorted((world.folder / "traces").iterdir()):
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        elif path.suffix == ".zst":
            data = zstandard.ZstdDecompressor().decompressobj().decompress(data)
        found[path.name] = data.splitlines()
    return found


@pytest.fixture(scope="session")
def spans(lines: dict[str, list[bytes]]) -> list[dict[str, Any]]:
    return read_spans(lines)


def read_spans(lines: dict[str, list[bytes]]) -> list[dict[str, Any]]:
    """Every readable span occurrence, flat: service, scope, attributes as a dict."""
    found = []
    for name, texts in lines.items():
        for text in texts:
            try:
                request = json.loads(text)
            except ValueError:
                continue
            for resource in request["resourceSpans"]:
                service = plain(resource["resource"]["attributes"])["service.name"]
                for scoped in resource["scopeSpans"]:
                    found += [
                        {**span, "file": name, "service": service, "scope": scoped["scope"]["name"],
                         "shown": plain(span["attributes"])}
                        for span in scoped["spans"]
                    ]  # fmt: skip
    return found


@pytest.fixture(scope="session")
def traced(spans: list[dict[str, Any]], world: simulator.World) -> Counter[tuple[str, ...]]:
    return add_traced(spans, world)


def add_traced(spans: list[dict[str, Any]], world: simulator.World) -> Counter[tuple[str, ...]]:
    """Tokens by provider, model, tier, kind, day and team, as a dashboard over the spans adds them up."""
    aliases = tomllib.loads(world.configuration.read_text())["models"]["aliases"]
    teams = {row["service"]: row["team"] for row in rows(world.truth / "teams.csv")}
    found: Counter[tuple[str, ...]] = Counter()
    for span in spans:
        if span["scope"] not in DIALECTS or span["name"] == "raw_gen_ai_request":
            continue
        shown = span["shown"]
        model = next((shown[key] for key in MODEL_KEYS if key in shown), "")
        team = shown.get("metadata.user_api_key_team_alias", teams[span["service"]])
        day = f"{datetime.fromtimestamp(int(span['endTimeUnixNano']) // 10**9, UTC):%Y-%m-%d}"
        for kind, tokens in logged(span["scope"], shown).items():
            if tokens and day.startswith(world.month):
                whose, metered_name = provider(span["scope"], shown), aliases.get(model, model)
                found[whose, metered_name, tier(whose, metered_name, shown), kind, day, team] += tokens
    return found


MODEL_KEYS = (
    "gen_ai.response.model",
    "llm.model_name",
    "gen_ai.request.model",
    "model_name",
    "ai.model.id",
    "llm.request.model_name",
    "model",
)


EXCLUSIVE = ("com.anthropic.claude_code.tracing",)
"""Scopes whose input leaves cached tokens out."""


def logged(scope: str, shown: dict[str, Any]) -> dict[str, int]:
    (input_key, output_key), read_key, write_key, split_key = DIALECTS[scope]
    read = shown.get(read_key, 0)
    lumped = shown.get(write_key, 0)
    short = shown.get(f"{split_key}5m_input_tokens", 0)
    long = shown.get(f"{split_key}1h_input_tokens", 0)
    return {
        "input_uncached": shown.get(input_key, 0) - (read + lumped + short + long) * (scope not in EXCLUSIVE),
        "cache_read": read,
        "cache_write_5m": short,
        "cache_write_1h": long,
        "cache_write_other": lumped,
        "output": shown.get(output_key, 0),
    }


def provider(scope: str, shown: dict[str, Any]) -> str:
    host = f"{shown.get('server.address', '')} {shown.get('gen_ai.openai.api_base', '')}"
    if "localhost" in host:
        return "self_hosted"
    if "mistral" in host:
        return "mistral_ai"
    if "google" in scope:
        return "gcp.gemini"
    is_claude = "anthropic" in f"{scope} {shown.get('gen_ai.system')}" or "claude" in str(
        shown.get("model_name")
    )
    return "anthropic" if is_claude else "openai"


def tier(whose: str, model: str, shown: dict[str, Any]) -> str:
    """Embeddings and an invoice tell no tier."""
    if whose in INVOICED or "embedding" in model:
        return "all"
    words = (shown.get("openai.response.service_tier"), shown.get("openai.request.service_tier"))
    return next((word for word in words if word in {"flex", "priority"}), "standard")


@pytest.fixture(scope="session")
def metered(world: simulator.World) -> Counter[tuple[str, ...]]:
    return add_metered(world)


@pytest.fixture(scope="session")
def balance() -> Callable[[simulator.World], tuple[Counter[tuple[str, ...]], Counter[tuple[str, ...]]]]:
    """Read any world: by bucket, what traces and causes add up to, and what was metered."""

    def read(world: simulator.World) -> tuple[Counter[tuple[str, ...]], Counter[tuple[str, ...]]]:
        total: Counter[tuple[str, ...]] = Counter()
        for (*where, _day, _team), tokens in add_traced(read_spans(read_lines(world)), world).items():
            total[*where] += tokens
        for row in rows(world.truth / "truth.csv"):
            if row["cause"] != "traced":
                total[row["provider"], row["model"], row["service_tier"], row["token_kind"]] += int(
                    row["tokens"]
                )
        return without_zeros(total), without_zeros(add_metered(world))

    return read


@pytest.fixture(scope="session", name="rows")
def rows_of() -> Callable[[Path], list[dict[str, str]]]:
    return rows


@pytest.fixture(scope="session")
def read() -> Callable[[simulator.World], list[dict[str, Any]]]:
    """Read the spans of any world."""
    return lambda world: read_spans(read_lines(world))


def without_zeros(counter: Counter[tuple[str, ...]]) -> Counter[tuple[str, ...]]:
    return Counter({key: tokens for key, tokens in counter.items() if tokens})


def add_metered(world: simulator.World) -> Counter[tuple[str, ...]]:
    """Tokens by provider, model, tier and kind from the final pulls, the log, and invoices that tell them."""
    found: Counter[tuple[str, ...]] = Counter()
    for path in sorted((world.folder / "openai" / "usage").glob("*-by-key_2026-11-04*")):
        for bucket in json.loads(path.read_bytes())["data"]:
            add_openai(found, bucket["results"])
    for path in sorted((world.folder / "anthropic").glob("usage/*")):
        for bucket in json.loads(path.read_bytes())["data"]:
            add_anthropic(found, bucket["results"])
    for path in (world.folder / "anthropic").glob("requests.csv"):
        add_log(found, path)
    for name in INVOICED:
        add_invoice(found, world, name)
    return found


def add_log(found: Counter[tuple[str, ...]], path: Path) -> None:
    for row in rows(path):
        for kind in KINDS:
            where = ("anthropic", row["model"], row["service_tier"], kind)
            found[where] += int(row[kind.replace("_uncached", "")])


def add_invoice(found: Counter[tuple[str, ...]], world: simulator.World, name: str) -> None:
    for line in invoice(world, name)["lines"]:
        if line["category"] == "usage":
            tokens = int(Decimal(line["quantity"]) * 1_000_000)
            found[name, line["model"], "all", line["token_kind"]] += tokens


def add_openai(found: Counter[tuple[str, ...]], results: list[dict[str, Any]]) -> None:
    """Input holds cached tokens; batches are told by a flag of their own."""
    for row in results:
        word = "batch" if row.get("batch") else row.get("service_tier", "all")
        where = ("openai", row["model"], "standard" if word == "default" else word)
        cached = row.get("input_cached_tokens", 0)
        found[*where, "input_uncached"] += row["input_tokens"] - cached
        found[*where, "cache_read"] += cached
        found[*where, "output"] += row.get("output_tokens", 0)


def add_anthropic(found: Counter[tuple[str, ...]], results: list[dict[str, Any]]) -> None:
    """Input leaves cached tokens out; writes come by lifetime."""
    for row in results:
        where = ("anthropic", row["model"], row["service_tier"])
        written = row["cache_creation"]
        found[*where, "input_uncached"] += row["uncached_input_tokens"]
        found[*where, "cache_read"] += row["cache_read_input_tokens"]
        found[*where, "cache_write_5m"] += written["ephemeral_5m_input_tokens"]
        found[*where, "cache_write_1h"] += written["ephemeral_1h_input_tokens"]
        found[*where, "output"] += row["output_tokens"]


def invoice(world: simulator.World, name: str) -> dict[str, Any]:
    """The invoice of a provider; one without traffic sends none."""
    path = world.folder / "invoices" / f"{name}-{world.month}.toml"
    return tomllib.loads(path.read_text()) if path.exists() else {"lines": []}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def plain(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    found = {}
    for attribute in attributes:
        ((kind, value),) = attribute["value"].items()
        found[attribute["key"]] = int(value) if kind == "intValue" else value
    return found
