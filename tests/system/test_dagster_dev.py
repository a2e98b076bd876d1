"""The real thing: `dagster dev` serves the graph, its daemon takes a run, the month is published."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
MONTH = "2026-10"

LAUNCH = """
mutation ($tags: [ExecutionTag!]) {
  launchRun(executionParams: {
    selector: {
      repositoryLocationName: "assets.definitions", repositoryName: "__repository__", jobName: "close_month"
    }
    runConfigData: {}
    executionMetadata: {tags: $tags}
  }) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } }
}
"""

STATUS = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"

ASSETS = """
{ assetNodes { assetKey { path } isExecutable
    assetMaterializations(limit: 1) { partition metadataEntries { label } } } }
"""


class Server:
    """A `dagster dev` on a port of its own."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, query: str, **variables: object) -> dict:
        """Return the data of a GraphQL query; nothing while the server does not answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(
                "POST",
                "/graphql",
                json.dumps({"query": query, "variables": variables}),
                {"Content-Type": "application/json"},
            )
            return json.loads(connection.getresponse().read()).get("data") or {}
        except OSError:
            return {}
        finally:
            connection.close()


def _wait(condition: Callable[[], object], seconds: float) -> object:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.5)
    return None


def _environment(home: Path, config: Path) -> dict[str, str]:
    return {**os.environ, "DAGSTER_HOME": str(home), "TALLYSTICK_CONFIG": str(config)}


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    """A simulated month that nobody has closed yet."""
    world = pytest.importorskip("pipeline.simulator.world", reason="there is no simulator yet")
    folder = tmp_path_factory.mktemp("demo")
    world.write(folder, seed=5, month=MONTH, calls=600, progress=lambda what, done, whole: None)
    return folder


@pytest.fixture(scope="module")
def server(demo: Path, tmp_path_factory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("home")
    shutil.copy(ROOT / "dagster.yaml", home)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "dagster", "dev", "-m", "assets.definitions", "--port", str(port)]
    with (home / "dev.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=home,
            env=_environment(home, demo / "tallystick.toml"),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            served = Server(port)
            assert _wait(lambda: served.ask("{ version }"), 90), (home / "dev.log").read_text("utf-8")
            yield served
        finally:
            _stop(process)


def _stop(process: subprocess.Popen) -> None:
    """Ask, as Ctrl-C does, then end what is left of its group: it leaves a code server to its heartbeat."""
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(15)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_month_is_closed_under_dagster_dev(server: Server, demo: Path) -> None:
    launched = server.ask(LAUNCH, tags=[{"key": "dagster/partition", "value": MONTH}])["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched

    def ended() -> str | None:
        status = server.ask(STATUS, id=launched["run"]["runId"]).get("runOrError", {}).get("status")
        return status if status in ("SUCCESS", "FAILURE", "CANCELED") else None

    assert _wait(ended, 240) == "SUCCESS"
    assert (demo / "output" / MONTH / "index.html").is_file()
    nodes = server.ask(ASSETS)["assetNodes"]
    assert all(node["assetMaterializations"] for node in nodes if node["isExecutable"])
    published = {"/".join(node["assetKey"]["path"]): node["assetMaterializations"] for node in nodes}
    labels = {entry["label"] for entry in published["published/index"][0]["metadataEntries"]}
    assert {"page", "headline"} <= labels
    assert published["published/index"][0]["partition"] == MONTH


def test_dg_finds_the_graph_and_no_unfinished_feature_is_used(tmp_path) -> None:
    command = [str(Path(sys.executable).with_name("dg")), "check", "defs"]
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
    assert "All definitions loaded successfully" in said
    assert not any(word in said for word in ("BetaWarning", "PreviewWarning", "DeprecationWarning"))
