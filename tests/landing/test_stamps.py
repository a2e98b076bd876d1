"""A file that is as it was when it landed is not read again to find that out."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.folders import stamp
from pipeline.warehouse import Warehouse
from schemas.tables import BY_NAME

SECOND = 10**9
opened: list[str] = []


@pytest.fixture(scope="module", autouse=True)
def _watched(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Remember what is opened below the folder of this run; a hook of Python cannot be taken away again."""
    root = str(tmp_path_factory.getbasetemp())

    def seen(event: str, values: tuple) -> None:
        if event == "open" and isinstance(values[0], str | os.PathLike) and str(values[0]).startswith(root):
            opened.append(str(values[0]))

    sys.addaudithook(seen)


@pytest.fixture
def line(request_line: Callable, span: Callable) -> Callable[[int], bytes]:
    return lambda tokens: request_line(span({"gen_ai.usage.input_tokens": tokens})).encode() + b"\n"


def _version(warehouse: Warehouse) -> str | None:
    return warehouse.read(BY_NAME["raw.file"])["version"][0]


def _settle(landed: Callable, warehouse: Warehouse) -> None:
    """Land until the file has been left alone for long enough."""
    until = time.monotonic() + 60
    while _version(warehouse) is None and time.monotonic() < until:
        landed()
        time.sleep(0.2)


def test_what_has_not_changed_is_not_opened_and_what_was_put_back_in_size_and_time_is(
    traces: Path, landed: Callable, warehouse: Warehouse, line: Callable
) -> None:
    path = traces / "a.jsonl"
    path.write_bytes(line(1))
    landed()
    _settle(landed, warehouse)
    before, facts = _version(warehouse), path.stat()
    opened.clear()
    assert dict(landed().sources[0].files) == {"unchanged": 1}
    assert str(path) not in opened

    path.write_bytes(line(2))
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert path.stat().st_size == facts.st_size
    assert dict(landed().sources[0].files) == {"replaced": 1}
    assert str(path) in opened
    assert warehouse.read(BY_NAME["raw.span"])["input_tokens"].to_list() == [2]
    assert _version(warehouse) != before is not None


def test_a_file_that_changed_just_now_has_no_stamp(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x")
    facts = path.stat()

    assert stamp(facts, facts.st_ctime_ns) is None
    assert stamp(facts, facts.st_ctime_ns + SECOND) is None
    assert stamp(facts, facts.st_ctime_ns - 3600 * SECOND) is None  # a clock that is ahead of ours
    assert stamp(facts, facts.st_ctime_ns + 3 * SECOND) == (
        f"1 {facts.st_mtime_ns} {facts.st_ctime_ns} {facts.st_ino}"
    )
