"""Conversations that were summarised: how often, how long they were, and at what cost."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from pipeline.compactions import compactions
from pipeline.contract_settings import Price
from pipeline.period import Month
from pipeline.pricing import RateCard
from pipeline.providers import PROVIDERS
from pipeline.settings import Settings
from schemas.compaction import Compaction
from schemas.tables import BY_NAME

NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)
PRICES = tuple(
    Price(provider="acme", model="m", token_kind=kind, usd_per_million=Decimal(price))
    for kind, price in (("input_uncached", 1), ("cache_read", "0.1"), ("output", 10))
)
PLACE = {
    "month": "2026-10", "provider": "acme", "account": "a", "scope": "a", "model": "m", "team": "red",
    "service_tier": "standard", "service": "chat", "feature": "",
}  # fmt: skip
CALL = {
    **PLACE, "operation": "chat", "environment": "production", "initiating_team": "red",
    "initiating_service": "chat", "status": "ok", "dialect": "d", "attempt_count": 1, "span_count": 1,
    "has_http_spans": False, "cache_breakdown": "none", "usage_quality": "recorded", "root_kind": "server",
    "agent_level": "none", "conversation_id": "talk",
}  # fmt: skip
GROWTH = (2000, 4000, 6000, 8000, 2400)
"""Inputs of five turns: each answer has 1,900 tokens, so that the fourth leaves a context of 9,900."""


def calls(*changes: dict[str, Any], **constant: Any) -> pl.DataFrame:
    """Five turns of a conversation a minute apart, then the further calls."""
    turns = [{"input_uncached_tokens": tokens, "output_tokens": 1900} for tokens in GROWTH]
    rows = []
    for n, row in enumerate([*turns, *changes]):
        at = NOON + timedelta(minutes=row.get("minute", n))
        ids = {"call_id": f"t{n}.s{n}", "trace_id": f"t{n}", "span_id": f"s{n}"}
        rows.append({**CALL, **ids, "started_at": at, "ended_at": at, **constant, **row})
    return pl.DataFrame(rows, schema=BY_NAME["core.call"].schema)


def claim(n: int, **changes: Any) -> list[dict[str, Any]]:
    """A summary of which no span tells, known by the call that came next: 9,000 tokens in, 500 out."""
    row = {**PLACE, "bucket_start_at": NOON, "step": "summary_compaction", "trace_id": f"t{n}", "span_id": f"s{n}",
           "basis": "estimated", "evidence_count": 1, "reason": "fell", "rate": "summary/unseen/chat"}  # fmt: skip
    kinds = (("input_uncached", 9000), ("output", 500))
    return [{**row, "token_kind": kind, "tokens": tokens, **changes} for kind, tokens in kinds]


def found(
    calls: pl.DataFrame, claims: list[dict[str, Any]] | None = None, posterior: float = 0.9
) -> list[dict[str, Any]]:
    rates = pl.DataFrame([{"rate": "summary/unseen/chat", "posterior": posterior}])
    claimed = pl.DataFrame(claims or [], schema=BY_NAME["recon.claim"].schema)
    card = RateCard(Settings(prices=PRICES), PROVIDERS)
    table = compactions(calls, claimed, rates, Month(2026, 10), card)
    Compaction.validate(table)
    return table.to_dicts()


def test_a_summary_that_no_span_holds_has_the_length_of_the_turn_before() -> None:
    (row,) = found(calls(), claim(4))
    assert (row["conversation_id"], row["team"], row["service"]) == ("talk", "red", "chat")
    assert (row["summaries"], row["unrecorded"], row["context_tokens"]) == (1, 1, 9900)
    assert row["tokens"] == 9000 + 500
    assert row["usd"] == Decimal("0.009") + Decimal("0.005")


def test_a_summary_saves_what_the_turns_after_it_do_not_send_again() -> None:
    """One turn of 2,400 tokens came instead of 9,900; a second of 4,300 makes twice 7,500.

    The input of the service costs a dollar a million, so that 15,000 tokens are one and a half cents.
    """
    (row,) = found(calls(), claim(4))
    assert (row["turns_after"], row["saved_tokens"]) == (1, 9900 - 2400)
    more = {"input_uncached_tokens": 4300, "output_tokens": 1900}
    (row,) = found(calls(more), claim(4))
    assert (row["turns_after"], row["saved_tokens"]) == (2, 2 * (9900 - 2400))
    assert row["saved_usd"] == Decimal("0.015")


def test_each_summary_saves_up_to_the_next_one_only() -> None:
    """At the third turn 5,900 tokens became 6,000: nothing saved. At the fifth as above."""
    (row,) = found(calls(), [*claim(2), *claim(4)])
    assert (row["summaries"], row["turns_after"], row["saved_tokens"]) == (2, 2 + 1, 9900 - 2400)


def test_what_is_read_from_the_cache_saves_less() -> None:
    """All input of the service was read from its cache, which costs a tenth here."""
    cached = calls().with_columns(
        cache_read_tokens=pl.col("input_uncached_tokens"), input_uncached_tokens=pl.lit(0)
    )
    (row,) = found(cached, claim(4))
    assert row["saved_usd"] == Decimal("0.00075")


def test_a_fall_that_was_hardly_a_summary_is_none() -> None:
    assert found(calls(), claim(4), posterior=0.4) == []


def test_a_recorded_summary_is_none_of_the_bridge_and_costs_its_own_tokens() -> None:
    summary = {"operation": "compact", "minute": 3.5, "input_uncached_tokens": 9900, "output_tokens": 300}
    (row,) = found(calls(summary))
    assert (row["summaries"], row["unrecorded"], row["context_tokens"]) == (1, 0, 9900)
    assert (row["tokens"], row["usd"]) == (10_200, Decimal("0.0099") + Decimal("0.003"))


def test_a_recorded_summary_that_nobody_billed_costs_nothing() -> None:
    summary = {"operation": "compact", "minute": 3.5, "input_uncached_tokens": 9900, "output_tokens": 300}
    assert found(calls({**summary, "not_billed_reason": "refused"})) == []


def test_one_conversation_has_one_row_with_the_median_of_its_lengths() -> None:
    rows = found(calls(), [*claim(4), *claim(2), *claim(3)])
    assert [(row["summaries"], row["context_tokens"], row["tokens"]) for row in rows] == [
        (3, 5900 + 2000, 3 * 9500)
    ]


def test_a_conversation_without_a_name_is_known_by_its_trace() -> None:
    turns = calls(conversation_id=None, trace_id="t")
    (row,) = found(turns, claim(4, trace_id="t"))
    assert (row["conversation_id"], row["context_tokens"]) == ("t", 9900)


def test_what_has_no_price_has_no_dollars_and_an_unknown_model_no_window() -> None:
    (row,) = found(calls(model="x"), claim(4, model="x"))
    assert (row["usd"], row["window_tokens"]) == (None, None)


def test_the_window_is_that_of_the_price_list() -> None:
    """Anthropic publishes a context window of 200,000 tokens for Claude Haiku 4.5."""
    place = {"provider": "anthropic", "model": "claude-haiku-4-5-20251001"}
    (row,) = found(calls(**place), claim(4, **place))
    assert row["window_tokens"] == 200_000


def test_without_any_summary_there_is_no_row() -> None:
    assert found(calls()) == []
