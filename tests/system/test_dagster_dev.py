"""The real thing: `dagster dev` serves the graph, its daemon takes a run, the month is published."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assets.factory import GROUPS
from assets.laws import CHECKS
from pipeline.health.freshness import FRESHNESS
from schemas.tables import BY_NAME
from tests.system import runs
from tests.system.servers import ASSETS, LAUNCH, ROOT, STATUS, Server, serving, wait

pytestmark = pytest.mark.system

MONTH = "2026-10"


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    """A simulated month that nobody has closed yet."""
    world = pytest.importorskip("pipeline.simulator.world", reason="there is no simulator yet")
    folder = tmp_path_factory.mktemp("demo")
    world.write(folder, seed=5, month=MONTH, calls=600, progress=lambda what, done, whole: None)
    return folder


@pytest.fixture(scope="module")
def server(demo: Path, tmp_path_factory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("home"), demo / "tallystick.toml") as served:
        yield served


@pytest.fixture(scope="module")
def closed(server: Server) -> str:
    """How the run ended that closed the month."""
    launched = server.ask(LAUNCH, tags=[{"key": "dagster/partition", "value": MONTH}])["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched

    def ended() -> str | None:
        status = server.ask(STATUS, id=launched["run"]["runId"]).get("runOrError", {}).get("status")
        return status if status in ("SUCCESS", "FAILURE", "CANCELED") else None

    return str(wait(ended, 240))


@pytest.fixture(scope="module")
def page(browser: Any, server: Server) -> Iterator[Any]:
    """A page of the UI, patient; whatever it asks for elsewhere fails the tests."""
    context = browser.new_context(viewport={"width": 1600, "height": 1100})
    context.set_default_timeout(120_000)
    opened, outside = context.new_page(), []
    own = (server.url, "data:", "blob:")
    opened.on("request", lambda asked: None if asked.url.startswith(own) else outside.append(asked.url))
    yield opened
    context.close()
    assert outside == []


def test_a_month_is_closed_under_dagster_dev(server: Server, demo: Path, closed: str) -> None:
    assert closed == "SUCCESS"
    assert (demo / "output" / MONTH / "index.html").is_file()
    nodes = server.ask(ASSETS)["assetNodes"]
    bare = {
        "/".join(n["assetKey"]["path"]) for n in nodes if n["isExecutable"] and not n["assetMaterializations"]
    }
    assert bare == {"delivered/mails"}  # nobody asked for mails
    published = {"/".join(node["assetKey"]["path"]): node["assetMaterializations"] for node in nodes}
    labels = {entry["label"] for entry in published["published/index"][0]["metadataEntries"]}
    assert {"path", "headline"} <= labels
    assert published["published/index"][0]["partition"] == MONTH


def _shown(page: Any, *texts: str) -> None:
    for text in texts:
        page.get_by_text(text).first.wait_for()


def test_the_graph_is_read_from_the_sources_to_the_mails(page: Any, server: Server, closed: str) -> None:
    page.goto(f"{server.url}/asset-groups")

    names = [page.get_by_text(group, exact=True).first for group in GROUPS.values()]
    for name in names:
        name.wait_for()
    heights = [name.bounding_box()["y"] for name in names]
    assert heights == sorted(heights)


def test_the_page_of_the_bridge_shows_its_columns_its_laws_and_its_drawing(
    page: Any, server: Server, closed: str
) -> None:
    bridge = BY_NAME["recon.bridge"]
    page.goto(f"{server.url}/assets/recon/bridge")
    _shown(page, bridge.grain, "tokens_low", bridge.descriptions["tokens_low"])

    page.goto(f"{server.url}/assets/recon/bridge?view=checks&checkDetail=bridge_adds_up")
    _shown(page, CHECKS["bridge_adds_up"][1], "Passed", MONTH)

    page.goto(f"{server.url}/assets/recon/bridge?view=partitions&partition={MONTH}")
    _shown(page, "dagster/partition_row_count", "close_id", f"tallystick explain {MONTH} --team TEAM")
    page.get_by_text("[Show Markdown]").click()
    drawing = page.locator('img[src^="data:image/svg"]')
    drawing.wait_for()
    assert drawing.evaluate("image => image.decode().then(() => image.naturalWidth)") > 600


def test_a_failed_check_says_what_is_wrong_and_what_to_do(page: Any, server: Server, closed: str) -> None:
    page.goto(f"{server.url}/assets/raw/file?view=checks&checkDetail={FRESHNESS.code}")

    _shown(page, "Failed", FRESHNESS.sentence)  # the month is over, and nothing has come since
    lines = page.locator("p").filter(
        has_text=re.compile(r"^Source '.*' \(.*\) ends .* hours ago; up to \d+ are usual\.$")
    )
    lines.first.wait_for()
    assert lines.count() > 1  # a paragraph each
    _shown(page, "See whether the export or the collector still runs")


def test_what_runs_by_itself_is_listed(page: Any, server: Server, closed: str) -> None:
    page.goto(f"{server.url}/automation")

    _shown(page, "daily_landing", "monthly_close", "invoice_arrival", "invoice_close", "late_files")
    page.goto(f"{server.url}/runs")
    _shown(page, "close_month", "Success", f"partition: {MONTH}")


WARNINGS = ",".join(
    [
        "error",
        "ignore:Function `definitions_validate_command` is superseded",  # the command itself
        "ignore:Property `ScheduleDefinition.environment_vars` is deprecated",  # Dagster reads it of all schedules
    ]
)


@pytest.mark.parametrize(
    ("words", "said_when_well"),
    [
        (("dg", "check", "defs"), "All definitions loaded successfully"),
        (("dagster", "definitions", "validate", "-m", "assets.definitions"), "Validation successful"),
    ],
    ids=["dg", "dagster"],
)
def test_the_graph_is_sound_with_warnings_as_errors(tmp_path, words, said_when_well) -> None:
    command = [str(Path(sys.executable).with_name(words[0])), *words[1:]]
    environment = {
        **os.environ,
        "VIRTUAL_ENV": sys.prefix,
        "DAGSTER_HOME": str(tmp_path),
        "PYTHONWARNINGS": WARNINGS,  # of the process that loads the graph as well
    }
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n", "utf-8")

    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )

    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert said_when_well in said
    assert "Warning" not in said


def _closed_alone(folder: Path, month: str) -> runs.Hashes | None:
    """What the command line publishes; in a process of its own, as a browser has the event loop of this one."""
    close = [str(Path(sys.executable).with_name("tallystick")), "close", month]
    done = subprocess.run(close, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stderr
    return runs.published(folder / "output", month)


def test_runs_launched_at_once_end_as_if_each_had_been_alone(server: Server, demo: Path, tmp_path) -> None:
    """The same month twice, and the one after it."""
    months = (MONTH, MONTH, "2026-11")
    alone = shutil.copytree(demo, tmp_path / "demo", ignore=shutil.ignore_patterns("output", "*.duckdb*"))
    expected = {month: _closed_alone(Path(alone), month) for month in (MONTH, "2026-11")}

    launched = [server.ask(LAUNCH, tags=[{"key": "dagster/partition", "value": month}]) for month in months]
    ids = [each["launchRun"]["run"]["runId"] for each in launched]

    def ended() -> list[str] | None:
        found = [server.ask(STATUS, id=run_id).get("runOrError", {}).get("status") for run_id in ids]
        return found if set(found) <= {"SUCCESS", "FAILURE", "CANCELED"} else None

    assert wait(ended, 600) == ["SUCCESS"] * 3
    assert {month: runs.published(demo / "output", month) for month in months} == expected
    assert None not in expected.values()
