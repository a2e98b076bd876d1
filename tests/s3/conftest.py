"""A real server that speaks S3 in a process of its own, and a proxy before it that misbehaves on demand."""

import contextlib
import itertools
import os
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()  # ends when whoever started it ends
server.stop()
"""

SLOW_DOWN = (
    b"HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nConnection: close\r\n\r\n"
    b"<Error><Code>SlowDown</Code><Message>Reduce your rate.</Message></Error>"
)


NUMBERS = itertools.count(1)


@contextlib.contextmanager
def _serving(**environment: str) -> Iterator[str]:
    """The address of a server that stops at the end, or when this process dies."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    assert process.stdin
    assert process.stdout
    with process:
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()
            process.wait(timeout=20)


class _Connection(socketserver.BaseRequestHandler):
    server: "Proxy"

    def handle(self) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            more = self.request.recv(65536)
            if not more:
                return
            head += more
        what = head.split(b" HTTP/", 1)[0].decode()
        self.server.requests.append(what)
        fault = self.server.fault(what)
        if isinstance(fault, bytes):
            self.request.sendall(fault)
            return
        with socket.create_connection(self.server.target) as upstream:
            upstream.sendall(head)
            threading.Thread(target=self._pass_on, args=(upstream,), daemon=True).start()
            self._answer(upstream, fault)

    def _pass_on(self, upstream: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := self.request.recv(65536):
                upstream.sendall(data)

    def _answer(self, upstream: socket.socket, most: int | None) -> None:
        with contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head and (more := upstream.recv(1)):
                head += more
            self.request.sendall(head)
            while data := upstream.recv(65536):
                if most is not None and len(data) > most:
                    self.request.sendall(data[:most])
                    self.request.shutdown(socket.SHUT_RDWR)
                    return
                self.request.sendall(data)
                most = most if most is None else most - len(data)


class Proxy(socketserver.ThreadingTCPServer):
    """Passes requests on; `fault` says what is answered instead, or how much of the body before it breaks."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        host, port = target.removeprefix("http://").split(":")
        self.target = (host, int(port))
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.requests: list[str] = []
        self.fault: Callable[[str], bytes | int | None] = lambda what: None

    def slow_down(self, times: int) -> None:
        """Answer the next requests as a server that has too many of them."""
        answers = iter([SLOW_DOWN] * times)
        self.fault = lambda what: next(answers, None)

    def fetched(self) -> list[str]:
        """Return the objects that were asked for."""
        return [what for what in self.requests if what.startswith("GET ") and "list-type" not in what]


@pytest.fixture(scope="session")
def serving() -> Callable[..., contextlib.AbstractContextManager[str]]:
    """Start another server, with its own environment."""
    return _serving


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with _serving() as url:
        yield url


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keys that only this server takes, and nothing of the machine's own configuration."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@contextlib.contextmanager
def _before(server: str) -> Iterator[Proxy]:
    with Proxy(server) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield proxy
        proxy.shutdown()
        thread.join()


@pytest.fixture
def proxy(server: str) -> Iterator[Proxy]:
    with _before(server) as proxy:
        yield proxy


@pytest.fixture
def before() -> Callable[[str], contextlib.AbstractContextManager[Proxy]]:
    """Put a proxy before another server: an address for which this process has made no client yet."""
    return _before


class Bucket:
    """A bucket of the server, filled through boto3 and past the code under test."""

    def __init__(self, url: str, s3: Any, name: str) -> None:
        self.url = url
        self.name = name
        self.s3 = s3
        s3.create_bucket(Bucket=name)

    def put(self, key: str, body: bytes = b"x") -> None:
        self.s3.put_object(Bucket=self.name, Key=key, Body=body)

    def put_in_parts(self, key: str, body: bytes) -> None:
        place = {"Bucket": self.name, "Key": key}
        upload = self.s3.create_multipart_upload(**place)["UploadId"]
        part = self.s3.upload_part(**place, UploadId=upload, PartNumber=1, Body=body)
        parts = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
        self.s3.complete_multipart_upload(**place, UploadId=upload, MultipartUpload=parts)

    def put_folder(self, folder: Path, prefix: str) -> None:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(f"{prefix}/{path.relative_to(folder)}", path.read_bytes())

    def objects(self, prefix: str = "") -> dict[str, bytes]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
        return {key: self.s3.get_object(Bucket=self.name, Key=key)["Body"].read() for key in keys}


@pytest.fixture(scope="session")
def s3(server: str) -> Any:
    """A client of the tests' own."""
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return boto3.client("s3", endpoint_url=server, region_name="us-east-1", **keys)


@pytest.fixture
def bucket(server: str, s3: Any) -> Bucket:
    return Bucket(server, s3, f"bucket-{next(NUMBERS)}")
