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
from pathlib import Path

ROOT = Path(__file__).parents[2]

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


def wait(condition: Callable[[], object], seconds: float) -> object:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.5)
    return None


def _environment(home: Path, config: Path) -> dict[str, str]:
    return {**os.environ, "DAGSTER_HOME": str(home), "TALLYSTICK_CONFIG": str(config)}


@contextlib.contextmanager
def serving(home: Path, config: Path) -> Iterator[Server]:
    """Start webserver and daemon over the instance of the repository, in a folder of its own."""
    shutil.copy(ROOT / "dagster.yaml", home)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "dagster", "dev", "-m", "assets.definitions", "--port", str(port)]
    with (home / "dev.log").open("wb") as log:
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
            served = Server(port)
            assert wait(lambda: served.ask("{ version }"), 90), (home / "dev.log").read_text("utf-8")
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
