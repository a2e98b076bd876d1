"""The job that closes a month: order, figures beside the assets, and what a broken law stops."""

from base64 import b64decode
from xml.etree import ElementTree

import pytest

from assets.laws import CHECKS
from assets.metadata import paragraphs
from pipeline.causes import CAUSES
from pipeline.health import DAILY, MONTHLY
from pipeline.preflight import Problem
from schemas.tables import TABLES


def _metadata(result, key: str) -> dict:
    events = {event.asset_key.to_user_string(): event for event in result.get_asset_materialization_events()}
    found = events[key].step_materialization_data.materialization
    return {name: value.value for name, value in found.metadata.items()}


def _without_watches(ran: list[str]) -> list[str]:
    return [each for each in ran if not each.startswith("watch") and each != "check"]


def test_a_close_lands_reconciles_and_publishes_in_this_order(run_close, steps) -> None:
    result = run_close(steps)

    assert result.success
    assert _without_watches(steps.ran) == ["land", "reconcile 2026-10", "publish 2026-10"]
    assert steps.ran[:2] == ["check", "land"]
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
    assert failed.description == "Source 'otel' is old.\n\nSee whether it still runs."
    assert failed.metadata["where"].value == "otel"
    month = failed.metadata["month"].value if "month" in failed.metadata else None
    assert month == ("2026-10" if watch in MONTHLY else None)


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
    assert index["path"] == str(tmp_path / "output" / "2026-10" / "index.html")
    assert index["headline"] == "All of it is explained."
    assert index["explain"] == "tallystick explain 2026-10 --team TEAM"
    counts = {
        name: (
            _metadata(result, f"published/{name}")["files"],
            _metadata(result, f"published/{name}")["bytes"],
        )
        for name in ("index", "teams", "exports", "disputes")
    }
    assert counts == {"index": (1, 10), "teams": (2, 20), "exports": (1, 10), "disputes": (0, 0)}


def test_the_bridge_is_drawn_on_its_page(run_close, steps) -> None:
    text = _metadata(run_close(steps), "recon/bridge")["bridge"]

    head, _, image = text.partition("base64,")
    svg = ElementTree.fromstring(b64decode(image.rstrip(")")))  # noqa: S314 - drawn here
    labels = ["".join(each.itertext()) for each in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert head.startswith("![")
    retries = next(cause.title for cause in CAUSES if cause.code == "retries")
    assert {"Traced", retries, "Unexplained", "Metered", "900", "150", "−50", "1,000"} <= set(labels)


def test_names_from_traces_are_shown_as_text(run_close, steps) -> None:
    preview = _metadata(run_close(steps), "recon/bridge")["preview"]

    assert [record.data["team"] for record in preview.records] == ["[x](y)"]


def test_lines_of_a_check_are_paragraphs_and_names_in_them_are_no_links() -> None:
    assert paragraphs("Trace [x](y) of <b>\nStop it.") == "Trace [x]\\(y) of \\<b>\n\nStop it."


def test_a_column_comes_from_the_columns_of_its_name(run_close, steps) -> None:
    lineage = _metadata(run_close(steps), "recon/bucket")["dagster/column_lineage"].deps_by_column

    found = {(dep.asset_key.to_user_string(), dep.column_name) for dep in lineage["bucket_start_at"]}
    assert found == {("core/metered", "bucket_start_at"), ("core/coverage", "bucket_start_at")}


def test_a_column_of_another_name_comes_from_what_it_is_computed_from(run_close, steps) -> None:
    lineage = _metadata(run_close(steps), "recon/bucket")["dagster/column_lineage"].deps_by_column

    found = {(dep.asset_key.to_user_string(), dep.column_name) for dep in lineage["drift_tokens"]}
    assert {("core/traced", "output_tokens"), ("core/metered", "output_tokens")} <= found


def _versions(result) -> dict[str, str]:
    return {
        event.asset_key.to_user_string(): event.step_materialization_data.materialization.tags[
            "dagster/data_version"
        ]
        for event in result.get_asset_materialization_events()
    }


def test_data_versions_follow_the_content_of_files_and_the_close(run_close, steps) -> None:
    first = _versions(run_close(steps))
    steps.usage_state = "other"
    second = _versions(run_close(steps))

    assert first["recon/bridge"] == first["published/index"] == "c10se"
    assert {key for key in first if first[key] != second[key]} == {"raw/usage", "raw/file", "raw/quarantine"}


def test_what_is_wrong_with_a_source_is_told_before_the_others_land(run_close, steps) -> None:
    steps.problems = [
        Problem("error", "source 'a'", "'a/*' matches no file.", "Fetch the files first."),
        Problem("warning", "teams", "No rule.", "Add one."),
    ]

    result = run_close(steps)

    assert result.success
    (failed,) = [check for check in result.get_asset_check_evaluations() if not check.passed]
    assert failed.check_name == "sources_can_be_read"
    assert failed.description.split("\n\n") == [
        "error: source 'a': 'a/*' matches no file. Fetch the files first.",
        "warning: teams: No rule. Add one.",
    ]


@pytest.mark.parametrize("law", CHECKS)
def test_a_broken_law_stops_the_report(run_close, steps, law) -> None:
    steps.broken = law

    result = run_close(steps)

    assert not result.success
    assert _without_watches(steps.ran) == ["land", "reconcile 2026-10"]
    (failed,) = [check for check in result.get_asset_check_evaluations() if not check.passed]
    assert (failed.check_name, failed.metadata["month"].value) == (law, "2026-10")
    assert "Nothing of the month was committed" in failed.description
    assert "report it" in failed.description


def test_a_missing_configuration_is_named_before_anything_runs(run_close, steps, config_path) -> None:
    config_path.unlink()

    result = run_close(steps)

    assert not result.success
    assert steps.ran == []
    failure = next(event for event in result.all_events if event.is_step_failure)
    assert str(config_path) in failure.step_failure_data.error.message
