"""A company's own cause is one function: it is passed in beside the others and competes with them."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from pipeline.calls import Calls
from pipeline.cause import CLAIM_SCHEMA, OWNER, Cause, Evidence, claims
from pipeline.causes import CAUSES
from pipeline.meters import Meters
from pipeline.reconcile import Reconciliation, Rules, explain_drift
from schemas.tables import BY_NAME

DAY = datetime(2026, 10, 5, tzinfo=UTC)
PLACE = {"provider": "openai", "account": "a", "scope": "a", "model": "m", "service_tier": "standard"}
CALL = {
    **PLACE,
    "month": "2026-10",
    "call_id": "1",
    "trace_id": "t",
    "span_id": "s",
    "dialect": "opentelemetry",
    "operation": "chat",
    "team": "red",
    "service": "chat",
    "feature": "",
    "started_at": DAY,
    "ended_at": DAY + timedelta(seconds=3),
    "status": "ok",
    "finish_reasons": "stop",
    "attempt_count": 1,
    "has_http_spans": False,
    "usage_quality": "recorded",
    "cache_breakdown": "full",
    "input_uncached_tokens": 900,
    "output_tokens": 100,
}
METERED = {
    **PLACE,
    "month": "2026-10",
    "meter": "usage",
    "endpoint": "completions",
    "bucket_start_at": DAY,
    "bucket_end_at": DAY + timedelta(days=1),
    "input_uncached_tokens": 912,
    "output_tokens": 100,
}


def frame(name: str, *rows: dict[str, object]) -> pl.DataFrame:
    schema = BY_NAME[name].schema
    return pl.DataFrame([{key: row[key] for key in row if key in schema} for row in rows], schema=schema)


def explained(*own: Cause) -> Reconciliation:
    """One call of 900 and 100 tokens, of which the provider metered 912 and 100."""
    calls = Calls(
        frame("core.traced", CALL),
        frame("core.call", CALL),
        *(frame(f"core.{name}") for name in ("attempt", "correction", "silence")),
    )
    meters = Meters(
        frame("core.metered", METERED),
        frame("core.coverage", {**METERED, "grouping": "model+service_tier"}),
        *(frame(name) for name in ("core.request", "core.unmapped", "recon.finding")),
        pl.DataFrame(),
    )
    return explain_drift(calls, meters, "2026-10", Rules((*CAUSES, *own), {}, {}))


def header(evidence: Evidence) -> pl.DataFrame:
    """A gateway adds a header of 12 tokens to every prompt."""
    place = [*PLACE, "bucket_start_at", *OWNER, "trace_id", "span_id"]
    return claims(
        evidence.calls.select(
            *place, token_kind=pl.lit("input_uncached"), tokens=12, reason=pl.lit("header of the gateway")
        )
    )


def own(claim: object) -> Cause:
    return Cause("gateway_header", "Gateway header", "A gateway adds a header.", "Log what is sent.", claim)  # type: ignore[arg-type]


def steps(found: Reconciliation) -> list[tuple[str, str, int]]:
    bridge = found.bridge.filter(pl.col("token_kind") == "input_uncached", pl.col("tokens") != 0)
    return sorted(bridge.select("step", "team", "tokens").rows())


def test_the_claims_of_an_own_cause_take_the_place_of_the_unexplained() -> None:
    assert steps(explained()) == [("traced", "red", 900), ("unexplained", "red", 12)]
    assert steps(explained(own(header))) == [("gateway_header", "red", 12), ("traced", "red", 900)]


def test_an_own_cause_that_claims_nothing_changes_no_byte() -> None:
    silent = own(lambda _: CLAIM_SCHEMA.to_frame())
    for with_it, without in zip(explained(silent), explained(), strict=True):
        assert with_it.write_csv() == without.write_csv()


@pytest.mark.parametrize("word", ["drift_tokens", "metered_tokens", "claims"])
def test_a_cause_cannot_see_the_drift_or_the_claims_of_others(word: str) -> None:
    seen: list[Evidence] = []

    def look(evidence: Evidence) -> pl.DataFrame:
        seen.append(evidence)
        return CLAIM_SCHEMA.to_frame()

    explained(own(look))
    frames = [value for value in vars(seen[0]).values() if isinstance(value, pl.DataFrame)]
    assert len(frames) > 5
    assert not hasattr(seen[0], word)
    assert all(word not in found.columns for found in frames)
