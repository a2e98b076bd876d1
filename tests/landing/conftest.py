"""A folder of files and what landing makes of it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.landing import LandingSummary, land
from pipeline.settings import Settings
from pipeline.source_settings import Source
from pipeline.warehouse import Warehouse

START = 1_790_000_000 * 10**9


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(item) for item in value]}}
    return {"stringValue": value}


@pytest.fixture
def span() -> Callable[..., dict[str, Any]]:
    """A span; keyword arguments replace its fields, the dictionary its attributes."""

    def build(attributes: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
        pairs = [{"key": key, "value": _value(value)} for key, value in (attributes or {}).items()]
        base = {
            "traceId": "0af7651916cd43dd8448eb211c80319c",
            "spanId": "b7ad6b7169203331",
            "parentSpanId": "",
            "name": "chat gpt-4o",
            "kind": 3,
            "startTimeUnixNano": str(START),
            "endTimeUnixNano": str(START + 2 * 10**9),
            "attributes": pairs,
            "status": {},
        }
        return base | fields

    return build


@pytest.fixture
def request_line() -> Callable[..., str]:
    """One line of a dump with spans and resource attributes."""

    def build(*spans: Any, resource: dict[str, Any] | None = None, scope: str = "test.scope") -> str:
        pairs = [{"key": key, "value": _value(value)} for key, value in (resource or {}).items()]
        scoped = {"scope": {"name": scope, "version": "1.0"}, "spans": list(spans)}
        return json.dumps({"resourceSpans": [{"resource": {"attributes": pairs}, "scopeSpans": [scoped]}]})

    return build


@pytest.fixture
def warehouse() -> Iterator[Warehouse]:
    with Warehouse.open(None) as opened:
        yield opened


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    folder = tmp_path / "traces"
    folder.mkdir()
    return folder


@pytest.fixture
def settings(tmp_path: Path, traces: Path) -> Settings:
    return Settings(sources=(Source(name="otel", kind="traces", uri="traces"),), root=tmp_path)


@pytest.fixture
def landed(settings: Settings, warehouse: Warehouse) -> Callable[..., LandingSummary]:
    """Land the folder once more, with other settings if given."""

    def run(other: Settings | None = None, **options: Any) -> LandingSummary:
        return land(other or settings, warehouse, **options)

    return run
