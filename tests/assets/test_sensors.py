"""What runs when something comes: an invoice lands at once, its month is closed days later, and once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from assets.definitions import build_defs
from assets.factory import key_of
from assets.raw import INVOICES, LATE_FILES
from assets.resources import Configuration
from assets.sensors import sensors
from pipeline.schedule_settings import Schedule

NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)
CONFIG = """
[schedule]
closing_days = 2
[[sources]]
kind = "invoice"
uri = "invoices/*.json"
"""


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tick(config_path: Path, clock: Clock) -> Callable[..., dg.SensorResult | dg.SkipReason]:
    """Let a sensor look; `told` is what a landing told before."""
    config_path.write_text(CONFIG, "utf-8")
    found = {each.name: each for each in sensors(Schedule(), clock)}

    def look(name: str, cursor: str | None = None, told: dict | None = None):
        with dg.DagsterInstance.ephemeral() as instance:
            for table, metadata in (told or {}).items():
                instance.report_runless_asset_event(
                    dg.AssetMaterialization(asset_key=key_of(table), metadata=metadata)
                )
            context = dg.build_sensor_context(
                instance=instance,
                cursor=cursor,
                resources={"configuration": Configuration(path=str(config_path))},
            )
            return found[name](context)

    return look


def _invoice(config_path: Path, name: str = "a.json", text: str = "{}") -> None:
    (config_path.parent / "invoices").mkdir(exist_ok=True)
    (config_path.parent / "invoices" / name).write_text(text, "utf-8")


def test_an_invoice_lands_at_once_and_once(tick, config_path) -> None:
    assert isinstance(tick("invoice_arrival"), dg.SkipReason)
    _invoice(config_path)

    came = tick("invoice_arrival")

    assert len(came.run_requests) == 1
    assert isinstance(tick("invoice_arrival", came.cursor), dg.SkipReason)


def test_an_invoice_that_is_written_again_lands_again(tick, config_path) -> None:
    _invoice(config_path)
    first = tick("invoice_arrival")
    _invoice(config_path, text='{"total": 1}')

    again = tick("invoice_arrival", first.cursor)

    assert again.run_requests[0].run_key != first.run_requests[0].run_key


def test_a_source_that_cannot_be_listed_is_tried_again(tick, config_path, monkeypatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    config_path.write_text(
        '[s3]\nendpoint_url = "http://127.0.0.1:9"\n[[sources]]\nkind = "invoice"\nuri = "s3://nobody/here/"\n',
        "utf-8",
    )

    skipped = tick("invoice_arrival", "before")

    assert isinstance(skipped, dg.SkipReason)
    assert "tried again" in skipped.skip_message


def test_a_month_is_closed_days_after_the_last_of_its_invoices(tick, clock) -> None:
    first = tick("invoice_close", None, {"raw.invoice": {INVOICES: {"2026-10": ["A 1"]}}})
    assert first.run_requests == []
    clock.now += timedelta(days=1)
    both = {"raw.invoice": {INVOICES: {"2026-10": ["A 1", "B 2"]}}}
    second = tick("invoice_close", first.cursor, both)
    clock.now += timedelta(days=1)
    assert tick("invoice_close", second.cursor, both).run_requests == []
    clock.now += timedelta(days=1)

    closed = tick("invoice_close", second.cursor, both)

    (request,) = closed.run_requests
    assert (request.partition_key, request.tags["tallystick/close"]) == ("2026-10", "final")
    again = tick("invoice_close", closed.cursor, both)
    assert [each.run_key for each in again.run_requests] == [request.run_key]  # Dagster runs a key once


def test_a_month_before_all_partitions_is_left_alone(tick, clock) -> None:
    told = {"raw.invoice": {INVOICES: {"2019-10": ["A 1"]}}}
    first = tick("invoice_close", None, told)
    clock.now += timedelta(days=9)

    assert tick("invoice_close", first.cursor, told).run_requests == []


def test_nothing_is_closed_before_anything_has_landed(tick) -> None:
    assert isinstance(tick("invoice_close"), dg.SkipReason)
    assert isinstance(tick("late_files"), dg.SkipReason)


def test_late_files_ask_for_a_comparison_once_for_what_has_come(tick) -> None:
    def asked(*files: str) -> dg.RunRequest:
        (request,) = tick("late_files", None, {"raw.file": {LATE_FILES: {"2026-09": files}}}).run_requests
        return request

    first = asked("traces: b.jsonl came")

    assert (first.partition_key, first.tags["tallystick/close"]) == ("2026-09", "comparison")
    assert asked("traces: b.jsonl came").run_key == first.run_key
    assert asked("traces: b.jsonl came", "traces: c.jsonl came").run_key != first.run_key


def test_no_sensor_asks_for_what_the_graph_has_not(config_path) -> None:
    defs = build_defs(config_path)
    jobs = {job.name for job in defs.jobs}

    assert {job.name for sensor in defs.sensors for job in sensor.jobs} <= jobs


@pytest.mark.parametrize(("mail", "job"), [("true", "close_and_mail_month"), ("false", "close_month")])
def test_the_close_after_the_invoices_is_mailed_where_that_is_wanted(
    tick, config_path, clock, mail, job
) -> None:
    told = {"raw.invoice": {INVOICES: {"2026-10": ["A 1"]}}}
    first = tick("invoice_close", None, told)
    config_path.write_text(CONFIG.replace("[schedule]", f"[schedule]\nmail = {mail}"), "utf-8")
    clock.now += timedelta(days=9)

    (request,) = tick("invoice_close", first.cursor, told).run_requests

    assert request.job_name == job
