"""Nobody asks: the invoice sensor lands and closes the month, a range of months is one action, a kill is mended."""

import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.simulator import world
from tests.system.servers import LAUNCH, STATUS, Server, serving, wait

pytestmark = pytest.mark.system
MONTH = "2026-10"
SCHEDULE = "\n[schedule]\nenabled = true\nclosing_days = 0\n"

REPOSITORY = 'repositoryLocationName: "assets.definitions", repositoryName: "__repository__"'
RUNS = "{ runsOrError { ... on Runs { results { id jobName status tags { key value } } } } }"
DRY_RUN = f"""
mutation ($at: Float) {{
  scheduleDryRun(selectorData: {{{REPOSITORY}, scheduleName: "monthly_close"}}, timestamp: $at) {{
    __typename ... on DryRunInstigationTick {{ evaluationResult {{
      error {{ message }} runRequests {{ tags {{ key value }} }} }} }} }} }}
"""
BACKFILL = f"""
mutation ($months: [String!]) {{
  launchPartitionBackfill(backfillParams: {{
    selector: {{repositorySelector: {{{REPOSITORY}}}, partitionSetName: "close_month_partition_set"}},
    partitionNames: $months
  }}) {{ __typename ... on LaunchBackfillSuccess {{ backfillId }} ... on PythonError {{ message }} }} }}
"""
MESSAGES = """
query ($id: ID!) { runOrError(runId: $id) { ... on Run {
  eventConnection { events { ... on MessageEvent { message stepKey } } } } } }
"""
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A month whose invoices have not come yet, with schedules and sensors turned on."""
    folder = tmp_path_factory.mktemp("demo")
    world.write(folder, seed=5, month=MONTH, calls=400, progress=lambda what, done, whole: None)
    (folder / "invoices").rename(folder / "later")
    (folder / "invoices").mkdir()
    config = folder / "tallystick.toml"
    config.write_text(config.read_text("utf-8") + SCHEDULE, "utf-8")
    return folder


@pytest.fixture(scope="module")
def server(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("home"), demo / "tallystick.toml") as served:
        yield served


def _runs(server: Server, **tags: str) -> list[dict]:
    found = server.ask(RUNS).get("runsOrError", {}).get("results", [])
    told = [{**run, "tags": {tag["key"]: tag["value"] for tag in run["tags"]}} for run in found]
    return [run for run in told if all(run["tags"].get(key) == value for key, value in tags.items())]


def _ended(server: Server, count: int, **tags: str) -> list[dict] | None:
    runs = _runs(server, **tags)
    return runs if len(runs) >= count and all(run["status"] in ENDED for run in runs) else None


def test_the_invoice_lands_by_itself_and_its_month_is_closed(server: Server, demo: Path) -> None:
    for invoice in (demo / "later").iterdir():
        shutil.copy(invoice, demo / "invoices")

    runs = wait(lambda: _ended(server, 1, **{"tallystick/close": "final"}), 400)

    assert runs, _runs(server)
    assert [(run["jobName"], run["status"]) for run in runs] == [("close_month", "SUCCESS")]
    assert runs[0]["tags"]["dagster/partition"] == MONTH
    landed = _runs(server, **{"dagster/sensor_name": "invoice_arrival"})
    assert [run["status"] for run in landed] == ["SUCCESS"]
    assert (demo / "output" / MONTH / "index.html").is_file()


def test_the_schedule_asks_for_the_month_before(server: Server) -> None:
    told = server.ask(DRY_RUN, at=1_793_685_600.0)["scheduleDryRun"][
        "evaluationResult"
    ]  # 2026-11-03 06:00 UTC

    assert told["error"] is None
    (request,) = told["runRequests"]
    tags = {tag["key"]: tag["value"] for tag in request["tags"]}
    assert (tags["dagster/partition"], tags["tallystick/close"]) == (MONTH, "preliminary")


def test_a_range_of_months_is_one_action(server: Server, demo: Path) -> None:
    months = ["2026-08", "2026-09", MONTH]
    launched = server.ask(BACKFILL, months=months)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched

    runs = wait(lambda: _ended(server, 3, **{"dagster/backfill": launched["backfillId"]}), 400)

    assert runs
    assert {run["tags"]["dagster/partition"]: run["status"] for run in runs} == dict.fromkeys(
        months, "SUCCESS"
    )
    assert {path.name for path in (demo / "output").iterdir()} == set(months)


def test_a_run_whose_process_is_killed_is_started_again(server: Server) -> None:
    tags = [{"key": "dagster/partition", "value": MONTH}, {"key": "tried", "value": "kill"}]
    run_id = server.ask(LAUNCH, tags=tags)["launchRun"]["run"]["runId"]

    def process() -> int | None:
        events = (
            server.ask(MESSAGES, id=run_id).get("runOrError", {}).get("eventConnection", {}).get("events", [])
        )
        began = any(event.get("stepKey") == "land" for event in events)
        found = re.search(r"\(pid: (\d+)\)", " ".join(event.get("message") or "" for event in events))
        return int(found[1]) if began and found else None

    pid = wait(process, 120)
    assert isinstance(pid, int)
    os.kill(pid, signal.SIGKILL)

    runs = wait(lambda: _ended(server, 2, tried="kill"), 300)

    assert runs, (server.ask(STATUS, id=run_id), _runs(server))
    assert sorted(run["status"] for run in runs) == ["FAILURE", "SUCCESS"]
