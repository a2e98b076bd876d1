"""A month of one call each, closed from what consoles and gateways export: through to bridge and tie-out."""

import csv
import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from assets.close import Published, close_month, load_settings
from pipeline.period import Month
from tests.providers import samples

SLICE = Path(__file__).parents[3] / "shared" / "data" / "openrouter_activity_slice.csv"


class Call(NamedTuple):
    """A traced call: when it began, what it asked, and its id, input with caches, cache reads and output."""

    account: str
    at: str
    provider: str
    model: str
    response_id: str
    counts: tuple[int, int, int]
    host: str


OPENAI, OPENROUTER = "api.openai.com", "openrouter.ai"
MINI, V4 = "gpt-4o-mini-2024-07-18", "deepseek/deepseek-v4-pro-20260813"
CALLS = [
    Call("dashboard", "2026-10-01T08:00:00", "openai", MINI, "chatcmpl-8", (31_422, 20_000, 290), OPENAI),
    Call(
        "console", "2026-10-01T08:00:00", "anthropic", "claude-opus-4-5-20251101", "msg_8",
        (43 + 302_527 + 3_301_672, 3_301_672, 32_676), "api.anthropic.com",
    ),
    Call("proxy", "2026-10-01T08:00:00", "openai", MINI, "chatcmpl-1", (1_000, 600, 250), OPENAI),
    Call("proxy", "2026-10-01T10:00:00", "openai", MINI, "chatcmpl-1", (1_000, 600, 250), OPENAI),
    Call("proxy-json", "2026-10-01T08:00:00", "openai", MINI, "chatcmpl-1", (1_000, 600, 250), OPENAI),
    Call("activity", "2026-10-02T21:13:05", "openai", V4, "gen-1", (19_352, 17_664, 111), OPENROUTER),
    Call("activity", "2026-10-02T20:56:11", "openai", V4, "gen-2", (24_606, 0, 900), OPENROUTER),
    Call(
        "records", "2026-10-02T21:13:05", "openai", "openai/gpt-5.6-luna-20260709", "gen-1",
        (19_565, 17_664, 111), OPENROUTER,
    ),
    Call("days", "2026-10-01T08:00:00", "openai", "openai/gpt-4.1-2025-04-14", "gen-9", (50, 20, 125), OPENROUTER),
]  # fmt: skip
SOURCES = [
    ("usage", "dashboard", "completions_usage.csv", samples.OPENAI_USAGE),
    ("cost", "dashboard", "cost.csv", samples.OPENAI_COST),
    ("usage", "console", "claude_api_tokens.csv", samples.ANTHROPIC_TOKENS),
    ("cost", "console", "claude_api_cost.csv", samples.ANTHROPIC_COST),
    ("requests", "proxy", "spend_logs.csv", samples.LITELLM_CSV),
    ("requests", "proxy-json", "spend_logs.jsonl", samples.LITELLM_JSON),
    ("requests", "activity", "openrouter_activity.csv", samples.OPENROUTER_CSV),
    ("cost", "activity", "openrouter_activity.csv", samples.OPENROUTER_CSV),
    ("requests", "records", "generations.jsonl", samples.OPENROUTER_GENERATIONS),
    ("usage", "days", "activity.json", samples.OPENROUTER_ACTIVITY),
    ("cost", "days", "activity.json", samples.OPENROUTER_ACTIVITY),
]
METERED = {
    ("anthropic", "console"): 43 + 302_527 + 3_301_672 + 32_676 + 1_000 + 70 + 200 + 5 + 6,
    ("anthropic", "proxy"): 520,
    ("aws.bedrock", "proxy"): 40,
    ("aws.bedrock", "records"): 19_565 + 111,
    ("azure.ai.openai", "activity"): 120,
    ("openai", "dashboard"): 31_422 + 290 + 1_000 + 500,
    ("openai", "proxy"): 1_250,
    ("openai", "proxy-json"): 1_250,
    ("openrouter", "activity"): 19_352 + 111 + 24_606 + 1 + 60,
    ("openrouter", "days"): 2 * 175,
    ("openrouter", "records"): 19_565 + 111,
}
"""Tokens of all kinds, added up by hand from the samples."""
BILLED = {
    ("anthropic", "console"): Decimal("1.65") + Decimal("1.89") + Decimal("0.82") - Decimal("0.30"),
    ("openai", "dashboard"): Decimal("0.0034") - Decimal("1.25"),
    ("openrouter", "activity"): Decimal("0.003428") + Decimal("0.032237") + Decimal("0.000005"),
    ("openrouter", "days"): Decimal("0.03"),
}


def _line(number: int, call: Call) -> str:
    began = int(datetime.fromisoformat(f"{call.at}+00:00").timestamp()) * 10**9
    input_tokens, cached, output = call.counts
    words = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": call.provider,
        "gen_ai.response.model": call.model,
        "gen_ai.response.id": call.response_id,
        "server.address": call.host,
    }
    counts = {"input_tokens": input_tokens, "cache_read.input_tokens": cached, "output_tokens": output}
    attributes = [{"key": key, "value": {"stringValue": word}} for key, word in words.items()]
    attributes += [{"key": f"gen_ai.usage.{k}", "value": {"intValue": str(n)}} for k, n in counts.items()]
    span = {
        "traceId": f"{number:032x}",
        "spanId": f"{number:016x}",
        "name": "chat",
        "kind": 3,
        "startTimeUnixNano": str(began),
        "endTimeUnixNano": str(began + 3 * 10**9),
        "attributes": attributes,
    }
    family = "anthropic" if call.provider == "anthropic" else "openai"
    scoped = {"scope": {"name": f"opentelemetry.instrumentation.genai.{family}"}, "spans": [span]}
    service = [{"key": "service.name", "value": {"stringValue": "shop"}}]
    return json.dumps({"resourceSpans": [{"resource": {"attributes": service}, "scopeSpans": [scoped]}]})


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    folder = tmp_path_factory.mktemp("exports")
    text = ""
    for kind, account, name, content in SOURCES:
        path = folder / account / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        text += f'[[sources]]\nkind = "{kind}"\nuri = "{account}/{name}"\naccount = "{account}"\n'
    for account in sorted({call.account for call in CALLS}):
        lines = [_line(n, call) for n, call in enumerate(CALLS, 1) if call.account == account]
        (folder / f"{account}.jsonl").write_text("\n".join(lines), "utf-8")
        text += f'[[sources]]\nkind = "traces"\nuri = "{account}.jsonl"\naccount = "{account}"\n'
    (folder / "tallystick.toml").write_text(text, "utf-8")
    return close_month(load_settings(folder / "tallystick.toml"), Month.parse("2026-10"))


@pytest.fixture(scope="module")
def bridge(published: Published) -> pl.DataFrame:
    return pl.read_parquet(published.folder / "bridge.parquet")


def _table(folder: Path, name: str) -> pl.DataFrame:
    return pl.read_parquet(folder / f"{name}.parquet")


def test_nothing_is_set_aside(published: Published) -> None:
    assert _table(published.folder, "quarantine").is_empty()


@pytest.mark.parametrize(("provider", "account"), METERED)
def test_the_bridge_ends_at_what_was_metered(bridge: pl.DataFrame, provider: str, account: str) -> None:
    mine = bridge.filter((pl.col("provider") == provider) & (pl.col("account") == account))
    assert mine["tokens"].sum() == METERED[provider, account]


def test_no_other_account_is_metered(bridge: pl.DataFrame) -> None:
    assert set(bridge.filter(pl.col("tokens") != 0).select("provider", "account").unique().rows()) == set(
        METERED
    )


@pytest.mark.parametrize("account", ["proxy", "proxy-json", "activity", "records"])
def test_a_gateway_s_log_leaves_nothing_unexplained(bridge: pl.DataFrame, account: str) -> None:
    mine = bridge.filter((pl.col("account") == account) & (pl.col("tokens") != 0))
    assert mine.filter(pl.col("step") == "unexplained").is_empty()
    assert not mine.filter(pl.col("step") == "traced").is_empty()


def test_an_answer_from_a_gateway_s_cache_was_not_billed(bridge: pl.DataFrame) -> None:
    mine = bridge.filter((pl.col("account") == "proxy") & (pl.col("provider") == "openai"))
    steps = dict(mine.group_by("step").agg(pl.col("tokens").sum()).filter(pl.col("tokens") != 0).rows())
    assert steps == {"traced": 2_500, "not_billed": -1_250}


def test_a_cancelled_generation_is_billed_as_openrouter_counted_it(bridge: pl.DataFrame) -> None:
    mine = bridge.filter((pl.col("account") == "activity") & (pl.col("token_kind") == "output"))
    steps = mine.filter(pl.col("model").str.contains("v4-pro")).group_by("step").agg(pl.col("tokens").sum())
    found = {step: tokens for step, tokens in steps.rows() if tokens}
    assert found["traced"] == 111 + 900
    assert sum(found.values()) == 111 + 1


@pytest.mark.parametrize(("provider", "account"), BILLED)
def test_the_tie_out_ends_at_what_was_billed(published: Published, provider: str, account: str) -> None:
    mine = _table(published.folder, "tieout").filter(
        (pl.col("provider") == provider) & (pl.col("account") == account)
    )
    (billed,) = mine.filter(pl.col("component") == "billed")["usd"]
    parts = mine.filter(pl.col("component") != "billed")["usd"].sum()
    assert billed == parts == round(BILLED[provider, account], 2)


@pytest.mark.skipif(not SLICE.exists(), reason="the shared samples are not here")
@pytest.mark.parametrize("month", ["2026-08", "2026-09"])
def test_the_real_activity_of_a_month_is_metered_and_billed_whole(tmp_path: Path, month: str) -> None:
    """All kinds of tokens and all dollars of the file's own columns, month by month."""
    text = "".join(
        f'[[sources]]\nkind = "{kind}"\nuri = "{SLICE.as_posix()}"\naccount = "main"\n'
        for kind in ("requests", "cost")
    )
    (tmp_path / "tallystick.toml").write_text(text, "utf-8")
    folder = close_month(load_settings(tmp_path / "tallystick.toml"), Month.parse(month)).folder

    rows = [
        line
        for line in csv.DictReader(SLICE.read_text("utf-8").splitlines())
        if line["created_at"].startswith(month)
    ]
    tokens = sum(int(row["tokens_prompt"]) + int(row["tokens_completion"]) for row in rows)
    dollars = sum((Decimal(row["cost_total"]) for row in rows), start=Decimal(0))
    assert len(rows) > 10
    assert _table(folder, "bridge")["tokens"].sum() == tokens
    assert _table(folder, "tieout").filter(pl.col("component") == "billed")["usd"].to_list() == [
        round(dollars, 2)
    ]
    assert _table(folder, "quarantine").is_empty()
