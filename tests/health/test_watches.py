"""Every watch warns where it should and is silent where nothing is wrong; each alarm says what to do."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from assets import health
from pipeline.health import DAILY, MONTHLY
from pipeline.health.findings import COVERAGE, UNEXPLAINED, UNMAPPED, UNPRICED
from pipeline.health.freshness import FRESHNESS
from pipeline.health.learned import LEARNED
from pipeline.health.months import MONTHS
from pipeline.health.quarantine import QUARANTINE
from pipeline.health.rates import RATES
from pipeline.health.runaway import RUNAWAY
from pipeline.health.volume import VOLUME, usual
from pipeline.period import Month
from pipeline.settings import Settings
from pipeline.warehouse import sql
from pipeline.watch import Alarm
from tests.health.conftest import NOW

USAGE = {"kind": "usage", "uri": "usage/*.json", "name": "openai"}
RESULTS = date(2026, 11, 10)


def test_codes_are_unique_and_every_query_is_read() -> None:
    codes = [watch.code for watch in (*DAILY, *MONTHLY)]
    assert len(set(codes)) == len(codes)
    assert all(sql(f"health/{name}") for watch in (*DAILY, *MONTHLY) for name in watch.reads)


def _newest(hours: float, **more: Any) -> dict[str, Any]:
    at = NOW - timedelta(hours=hours)
    return {"source": "openai", "kind": "usage", "provider": "openai", "newest_at": at, **more}


@pytest.mark.parametrize(("hours", "alarms"), [(53, 0), (55, 1), (-5, 0)])
def test_a_source_that_is_too_old_is_told(facts, hours, alarms) -> None:
    found = FRESHNESS.find(facts("newest", [_newest(hours)], sources=[USAGE]))

    assert len(found) == alarms
    assert all("55 hours ago; up to 54" in alarm.message and alarm.advice for alarm in found)


def test_a_provider_that_settles_late_is_given_its_time(facts) -> None:
    lags = [{"provider": "azure*", "hours": 10}, {"provider": "openai", "source": "open*", "hours": 100}]

    slow = facts("newest", [_newest(99)], sources=[USAGE], health={"lags": lags})
    strict = facts("newest", [_newest(11, provider="azure_ai")], sources=[USAGE], health={"lags": lags})

    assert FRESHNESS.find(slow) == []
    assert len(FRESHNESS.find(strict)) == 1


def test_a_source_that_never_had_a_row_is_told_and_one_that_is_gone_is_not(facts) -> None:
    found = FRESHNESS.find(facts("newest", [_newest(900, source="gone")], sources=[USAGE]))

    assert [(alarm.where, "no row at all" in alarm.message) for alarm in found] == [("openai", True)]


def _records(day: date | None, read: int, bad: int) -> dict[str, Any]:
    return {"source": "otel", "kind": "traces", "day": day, "rows_read": read, "rows_quarantined": bad}


@pytest.mark.parametrize(
    ("newest", "earlier", "is_told"),
    [
        ((1000, 30), (9000, 0), True),
        ((1000, 30), (9000, 200), False),  # 3.0 % against 2.2 %
        ((1000, 50), (9000, 200), True),
        ((10_000, 1), (9000, 0), False),  # 0.01 %
        ((1000, 0), (9000, 500), False),
    ],
)
def test_quarantine_that_grows_is_told(facts, newest, earlier, is_told) -> None:
    rows = [_records(RESULTS, *newest), _records(RESULTS - timedelta(days=1), *earlier)]

    found = QUARANTINE.find(facts("records_by_day", rows))

    assert bool(found) == is_told
    assert all(f"{newest[1]} of {newest[0]:,} records" in alarm.message for alarm in found)


def test_files_of_which_nothing_can_be_read_count_as_the_newest(facts) -> None:
    rows = [
        _records(None, 400, 400),
        _records(RESULTS, 1000, 0),
        _records(RESULTS - timedelta(days=1), 1000, 0),
    ]

    (alarm,) = QUARANTINE.find(facts("records_by_day", rows))

    assert "400 of 1,400" in alarm.message


def _days(counts: dict[int, int]) -> list[dict[str, Any]]:
    return [{"source": "otel", "day": RESULTS - timedelta(days=ago), "rows": n} for ago, n in counts.items()]


def test_what_is_usual_is_the_same_weekday() -> None:
    days = {RESULTS - timedelta(days=ago): (10 if ago % 7 else 100) for ago in range(1, 29)}

    assert usual(days, RESULTS) == 100
    assert usual(days, RESULTS - timedelta(days=1)) == 10


def test_without_weeks_the_days_before_tell_and_without_days_nothing_does() -> None:
    assert usual({RESULTS - timedelta(days=ago): ago for ago in (1, 2, 3)}, RESULTS) == 2
    assert usual({RESULTS - timedelta(days=1): 5}, RESULTS) is None


@pytest.mark.parametrize(("rows", "is_told"), [(4000, True), (21_000, True), (9000, False), (5000, False)])
def test_a_day_that_is_not_like_the_others_is_told(facts, rows, is_told) -> None:
    found = VOLUME.find(facts("rows_by_day", _days({-1: 7, 0: rows, **dict.fromkeys(range(1, 29), 10_000)})))

    assert bool(found) == is_told  # the day that still runs is not looked at
    assert all("10,000 are usual" in alarm.message for alarm in found)


def test_a_small_difference_is_never_told(facts) -> None:
    assert VOLUME.find(facts("rows_by_day", _days({0: 2, **dict.fromkeys(range(1, 29), 900)}))) == []


def _trace(**counts: int) -> dict[str, Any]:
    plain = {"calls": 3, "repeats": 1, "failures": 0, "tokens": 5_000_000}
    began = NOW - timedelta(hours=9)
    times = {"started_at": began, "ended_at": began + timedelta(minutes=14)}
    return {"trace_id": "ab" * 16, "service": "agent", **plain, **counts, **times}


@pytest.mark.parametrize(
    ("counts", "word"),
    [({"calls": 201}, "limit of steps"), ({"repeats": 21}, "re-prompts"), ({"failures": 26}, "back-off")],
)
def test_a_trace_that_runs_away_is_told_with_what_it_costs(facts, counts, word) -> None:
    (alarm,) = RUNAWAY.find(facts("long_traces", [_trace(**counts)]))

    assert "within 14 minutes" in alarm.message
    assert "5,000,000 tokens" in alarm.message
    assert word in alarm.advice


def test_a_trace_within_its_bounds_is_not_told(facts) -> None:
    rows = [_trace(calls=200, repeats=20, failures=25)]

    assert RUNAWAY.find(facts("long_traces", rows)) == []


FINDINGS = [
    (COVERAGE, "incomplete_export"),
    (COVERAGE, "unmetered"),
    (COVERAGE, "no_bill"),
    (UNEXPLAINED, "unexplained_material"),
    (UNPRICED, "unpriced"),
    (UNMAPPED, "unmapped"),
]


@pytest.mark.parametrize(("watch", "code"), FINDINGS)
def test_a_finding_of_the_month_is_told_by_its_watch_alone(facts, watch, code) -> None:
    row = {
        "code": code,
        "severity": "warning",
        "provider": "openai",
        "account": "acme",
        "message": "m",
        "advice": "a",
    }
    given = facts("findings", [row], month="2026-10")

    telling = [each.code for each in MONTHLY if each.reads == ("findings",) and each.find(given)]

    assert telling == [watch.code]
    assert watch.find(given)[0] == ("openai acme", "m", "a")


def _close(month: str, spans: int, usd: int | None = 1000) -> dict[str, Any]:
    return {
        "month": month, "span_count": spans, "call_count": 10, "metered_tokens": 500,
        "billed_usd": None if usd is None else Decimal(usd),
    }  # fmt: skip


@pytest.mark.parametrize(("spans", "is_told"), [(49, True), (201, True), (50, False), (200, False)])
def test_a_month_that_is_not_like_the_last_is_told(facts, spans, is_told) -> None:
    rows = [_close("2026-08", 100), _close("2026-09", 100), _close("2026-10", spans)]

    found = MONTHS.find(facts("closes", rows, month="2026-10"))

    assert [alarm.where for alarm in found] == ["spans"] * is_told


def test_a_running_month_and_one_without_months_before_are_not_judged(facts) -> None:
    running = [_close("2026-09", 100), _close("2026-10", 100), _close("2026-11", 1)]

    assert MONTHS.find(facts("closes", running, month="2026-11")) == []
    assert MONTHS.find(facts("closes", running[1:], month="2026-10")) == []


def test_a_month_without_a_bill_is_judged_by_the_rest(facts) -> None:
    rows = [_close("2026-08", 100, None), _close("2026-09", 100, None), _close("2026-10", 100)]

    assert MONTHS.find(facts("closes", rows, month="2026-10")) == []


def _rate(month: str, usd: str, quantity: int = 1_000_000) -> dict[str, Any]:
    place = {
        "provider": "openai",
        "account": "acme",
        "model": "m",
        "service_tier": "standard",
        "token_kind": "output",
    }
    return {"month": month, **place, "usd": Decimal(usd), "quantity": Decimal(quantity)}


@pytest.mark.parametrize(("usd", "is_told"), [("10.60", True), ("9.40", True), ("10.40", False)])
def test_a_billed_rate_that_changed_is_told(facts, usd, is_told) -> None:
    rows = [_rate("2026-08", "10.00"), _rate("2026-09", "20.00", 2_000_000), _rate("2026-10", usd)]

    found = RATES.find(facts("billed_rates", rows, month="2026-10"))

    assert bool(found) == is_told
    assert all("10.0000 in the months before" in alarm.message for alarm in found)


def test_a_rate_that_nobody_billed_before_is_no_change(facts) -> None:
    assert RATES.find(facts("billed_rates", [_rate("2026-10", "10.00")], month="2026-10")) == []


def _learned(
    month: str, posterior: float, error: float = 0.02, *, is_separable: bool = True
) -> dict[str, Any]:
    facts = {"rate": "billed openai timeout", "steps": "retries", "posterior": posterior}
    return {"month": month, **facts, "posterior_error": error, "is_separable": is_separable}


@pytest.mark.parametrize(
    ("posterior", "error", "is_separable", "is_told"),
    [(0.9, 0.02, True, True), (0.9, 0.2, True, False), (0.55, 0.02, True, False), (0.9, 0.02, False, False)],
)
def test_a_learned_rate_that_moved_beyond_chance_is_told(
    facts, posterior, error, is_separable, is_told
) -> None:
    rows = [
        _learned("2026-08", 0.48),
        _learned("2026-09", 0.52),
        _learned("2026-10", posterior, error, is_separable=is_separable),
    ]

    found = LEARNED.find(facts("learned_rates", rows, month="2026-10"))

    assert bool(found) == is_told
    assert all("0.90 ± 0.02; 0.50 ± 0.02" in alarm.message for alarm in found)


def test_every_query_runs_on_an_empty_warehouse_and_nothing_is_told(tmp_path) -> None:
    settings = Settings(root=tmp_path)

    found = (*health.watch_landing(settings, NOW), *health.watch_month(settings, Month.parse("2026-10"), NOW))

    assert {check.name for check in found} == {watch.code for watch in (*DAILY, *MONTHLY)}
    assert all(check.passed for check in found)


def test_a_check_tells_the_first_alarms_and_how_many_there_are() -> None:
    alarms = [Alarm(f"s{n}", f"m{n}.", f"a{n % 2}.") for n in range(7)]

    check = health.result(VOLUME, alarms)

    assert not check.passed
    assert check.message == "m0.\nm1.\nm2.\nm3.\nm4.\nAnd 2 more.\na0.\na1."
    assert check.metadata == {"alarms": 7, "where": "s0, s1, s2, s3, s4, s5, s6"}
