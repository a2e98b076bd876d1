"""What starts a `dagster dev` on a fresh instance and asks it questions."""

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
from datetime import datetime
from pathlib import Path

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorState

ROOT = Path(__file__).parents[2]

LAUNCH = """
mutation ($tags: [ExecutionTag!], $job: String = "close_month") {
  launchRun(executionParams: {
    selector: {
      repositoryLocationName: "assets.definitions", repositoryName: "__repository__", jobName: $job
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
        self.url = f"http://127.0.0.1:{port}"

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


def wait(condition: Callable[[], object], seconds: float) -> object:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.5)
    return None


def _environment(home: Path, config: Path) -> dict[str, str]:
    return {**os.environ, "DAGSTER_HOME": str(home), "TALLYSTICK_CONFIG": str(config)}


def miss_ticks(home: Path, config: Path, schedule: str, since: datetime) -> None:
    """Let a daemon run until it knows the schedule, and then be as if it had been down from an instant on."""
    shutil.copy(ROOT / "dagster.yaml", home)
    command = [str(Path(sys.executable).with_name("dagster-daemon")), "run", "-m", "assets.definitions"]

    def known() -> InstigatorState | None:
        return next((each for each in instance.all_instigator_state() if each.name == schedule), None)

    # the paths of the instance start in its home; it is made here, before the daemon opens it as well
    with contextlib.chdir(home), dg.DagsterInstance.from_config(str(home)) as instance:
        with running(command, home, config, "daemon.log"):
            assert wait(known, 120), (home / "daemon.log").read_text("utf-8")
        state = known()
        data = state.instigator_data._replace(
            start_timestamp=since.timestamp(), last_iteration_timestamp=None
        )
        instance.update_instigator_state(state.with_data(data))


@contextlib.contextmanager
def serving(home: Path, config: Path) -> Iterator[Server]:
    """Start webserver and daemon over the instance of the repository, in a folder of its own."""
    shutil.copy(ROOT / "dagster.yaml", home)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "dagster", "dev", "-m", "assets.definitions", "--port", str(port)]
    with running(command, home, config, "dev.log"):
        served = Server(port)
        assert wait(lambda: served.ask("{ version }"), 90), (home / "dev.log").read_text("utf-8")
        yield served


@contextlib.contextmanager
def running(command: list[str], home: Path, config: Path, log_name: str) -> Iterator[None]:
    with (home / log_name).open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=home,
            env=_environment(home, config),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield
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
