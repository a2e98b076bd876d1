"""The job that closes a month: order, figures beside the assets, and what a broken law stops."""

import pytest

from assets.laws import CHECKS
from pipeline.health import DAILY, MONTHLY
from schemas.tables import TABLES


def _metadata(result, key: str) -> dict:
    events = {event.asset_key.to_user_string(): event for event in result.get_asset_materialization_events()}
    found = events[key].step_materialization_data.materialization
    return {name: value.value for name, value in found.metadata.items()}


def _without_watches(ran: list[str]) -> list[str]:
    return [each for each in ran if not each.startswith("watch")]


def test_a_close_lands_reconciles_and_publishes_in_this_order(run_close, steps) -> None:
    result = run_close(steps)

    assert result.success
    assert _without_watches(steps.ran) == ["land", "reconcile 2026-10", "publish 2026-10"]
    assert steps.ran.index("land") < steps.ran.index("watch landing")
    assert steps.ran.index("reconcile 2026-10") < steps.ran.index("watch 2026-10")


@pytest.mark.parametrize("watch", [*DAILY, *MONTHLY], ids=lambda watch: watch.code)
def test_an_alarm_warns_with_what_to_do_and_stops_nothing(run_close, steps, watch) -> None:
    steps.alarm = watch.code

    result = run_close(steps)

    assert result.success
    assert "publish 2026-10" in steps.ran
    (failed,) = [check for check in result.get_asset_check_evaluations() if not check.passed]
    assert (failed.check_name, failed.severity.name, failed.blocking) == (watch.code, "WARN", False)
    assert failed.description == "Source 'otel' is old. See whether it still runs."
    assert failed.metadata["where"].value == "otel"


def test_every_table_is_materialised_with_its_rows(run_close, steps) -> None:
    result = run_close(steps)

    for table in TABLES:
        metadata = _metadata(result, table.name.replace(".", "/"))
        if table.is_monthly:
            assert (metadata["dagster/partition_row_count"], metadata["close_id"]) == (5, "c10se")
        else:
            assert metadata["dagster/row_count"] == 7


def test_the_page_and_its_headline_stand_beside_the_published_asset(run_close, steps, tmp_path) -> None:
    result = run_close(steps)

    index = _metadata(result, "published/index")
    assert index["page"] == str(tmp_path / "output" / "2026-10" / "index.html")
    assert index["headline"] == "All of it is explained."
    assert _metadata(result, "published/teams")["pages"] == 2


@pytest.mark.parametrize("law", CHECKS)
def test_a_broken_law_stops_the_report(run_close, steps, law) -> None:
    steps.broken = law

    result = run_close(steps)

    assert not result.success
    assert _without_watches(steps.ran) == ["land", "reconcile 2026-10"]
    failed = [check.check_name for check in result.get_asset_check_evaluations() if not check.passed]
    assert failed == [law]


def test_a_missing_configuration_is_named_before_anything_runs(run_close, steps, config_path) -> None:
    config_path.unlink()

    result = run_close(steps)

    assert not result.success
    assert steps.ran == []
    failure = next(event for event in result.all_events if event.is_step_failure)
    assert str(config_path) in failure.step_failure_data.error.cause.message
