"""The real thing: `dagster dev` serves the graph, its daemon takes a run, the month is published."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

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


def test_a_month_is_closed_under_dagster_dev(server: Server, demo: Path) -> None:
    launched = server.ask(LAUNCH, tags=[{"key": "dagster/partition", "value": MONTH}])["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched

    def ended() -> str | None:
        status = server.ask(STATUS, id=launched["run"]["runId"]).get("runOrError", {}).get("status")
        return status if status in ("SUCCESS", "FAILURE", "CANCELED") else None

    assert wait(ended, 240) == "SUCCESS"
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


@pytest.mark.parametrize(
    ("words", "said_when_well"),
    [
        (("dg", "check", "defs"), "All definitions loaded successfully"),
        (("dagster", "definitions", "validate", "-m", "assets.definitions"), "Validation successful"),
    ],
    ids=["dg", "dagster"],
)
def test_the_graph_is_sound_and_no_unfinished_feature_is_used(tmp_path, words, said_when_well) -> None:
    command = [str(Path(sys.executable).with_name(words[0])), *words[1:]]
    environment = {**os.environ, "VIRTUAL_ENV": sys.prefix, "DAGSTER_HOME": str(tmp_path)}
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
    assert not any(word in said for word in ("BetaWarning", "PreviewWarning", "DeprecationWarning"))


def test_runs_launched_at_once_end_as_if_each_had_been_alone(server: Server, demo: Path, tmp_path) -> None:
    """The same month twice, and the one after it."""
    months = (MONTH, MONTH, "2026-11")
    alone = shutil.copytree(demo, tmp_path / "demo", ignore=shutil.ignore_patterns("output", "*.duckdb*"))
    expected = {month: runs.closed(Path(alone), month) for month in (MONTH, "2026-11")}

    launched = [server.ask(LAUNCH, tags=[{"key": "dagster/partition", "value": month}]) for month in months]
    ids = [each["launchRun"]["run"]["runId"] for each in launched]

    def ended() -> list[str] | None:
        found = [server.ask(STATUS, id=run_id).get("runOrError", {}).get("status") for run_id in ids]
        return found if set(found) <= {"SUCCESS", "FAILURE", "CANCELED"} else None

    assert wait(ended, 600) == ["SUCCESS"] * 3
    assert {month: runs.published(demo / "output", month) for month in months} == expected
