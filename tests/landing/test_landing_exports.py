"""Exports as they land: origin, when they were pulled, and what cannot be read."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.landing import land
from pipeline.settings import Settings
from pipeline.source_settings import Source
from pipeline.warehouse import Warehouse
from schemas.tables import BY_NAME

FILE, QUARANTINE, USAGE = (BY_NAME[f"raw.{name}"] for name in ("file", "quarantine", "usage"))


PAGE = {
    "object": "page",
    "data": [
        {
            "object": "bucket",
            "start_time": 1_790_812_800,
            "end_time": 1_790_816_400,
            "results": [
                {
                    "object": "organization.usage.completions.result",
                    "input_tokens": 1000,
                    "output_tokens": 500,
                    "input_cached_tokens": 800,
                    "input_audio_tokens": 0,
                    "output_audio_tokens": 0,
                    "num_model_requests": 5,
                    "project_id": None,
                    "user_id": None,
                    "api_key_id": None,
                    "model": "gpt-4o-2024-08-06",
                    "batch": None,
                }
            ],
        }
    ],
    "has_more": False,
    "next_page": None,
}


def _exports(tmp_path: Path, content: bytes, name: str = "usage.json", **options: Any) -> Settings:
    folder = tmp_path / "exports"
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    options = {"kind": "usage"} | options
    return Settings(sources=(Source(name="openai", uri="exports", **options),), root=tmp_path)


def test_exports_get_their_origin(tmp_path: Path, landed: Callable, warehouse: Warehouse) -> None:
    content = json.dumps(PAGE).encode()
    landed(_exports(tmp_path, content))
    (row,) = warehouse.read(USAGE).rows(named=True)
    assert (row["source"], row["provider"], row["account"]) == ("openai", "openai", "openai")
    assert (row["input_uncached_tokens"], row["cache_read_tokens"]) == (200, 800)
    landed(_exports(tmp_path, content, account="org-1"))
    assert warehouse.read(USAGE)["account"].to_list() == ["org-1"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("usage_2026-11-02.json", datetime(2026, 11, 2, tzinfo=UTC)),
        ("20261102T0310Z.json", datetime(2026, 11, 2, 3, 10, tzinfo=UTC)),
        ("data-2026-11-02T05-02-14.173.json", datetime(2026, 11, 2, 5, 2, 14, tzinfo=UTC)),
        ("2026_10_01-2026_11_02.json", datetime(2026, 11, 2, tzinfo=UTC)),
        ("2026-10-01_2026-10-31.json", datetime(2026, 10, 31, tzinfo=UTC)),
        ("2026-11-02_v2026-99-99.json", datetime(2026, 11, 2, tzinfo=UTC)),
    ],
)
def test_the_last_date_of_a_name_is_when_it_was_pulled(
    tmp_path: Path, landed: Callable, warehouse: Warehouse, name: str, expected: datetime
) -> None:
    landed(_exports(tmp_path, json.dumps(PAGE).encode(), name))
    (row,) = warehouse.read(FILE).rows(named=True)
    assert (row["pulled_at"], row["pulled_at_basis"]) == (expected, "name")


def test_a_configured_pull_wins_and_the_files_time_is_the_last_resort(
    tmp_path: Path, landed: Callable, warehouse: Warehouse
) -> None:
    settings = _exports(tmp_path, json.dumps(PAGE).encode())
    os.utime(tmp_path / "exports/usage.json", (1_790_000_000, 1_790_000_000))
    landed(settings)
    (row,) = warehouse.read(FILE).rows(named=True)
    assert (row["pulled_at"], row["pulled_at_basis"]) == (
        datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC), "modified",
    )  # fmt: skip
    landed(_exports(tmp_path, json.dumps(PAGE).encode(), pulled_at=datetime(2026, 11, 3, 1, tzinfo=UTC)))
    (row,) = warehouse.read(FILE).rows(named=True)
    assert (row["pulled_at"], row["pulled_at_basis"]) == (datetime(2026, 11, 3, 1, tzinfo=UTC), "configured")


@pytest.mark.parametrize(
    ("content", "options", "code"),
    [
        (b"", {}, "empty_file"),
        (b"hello", {}, "unknown_format"),
        (b"hello", {"format": "nonsense"}, "unknown_format"),
        (json.dumps(PAGE).encode(), {"kind": "cost"}, "unknown_format"),
        (b"\x00\x01", {}, "binary_file"),
    ],
)
def test_an_export_that_cannot_be_read_is_one_record(
    settings: Settings, warehouse: Warehouse, content: bytes, options: dict, code: str
) -> None:
    land(_exports(settings.root, content, **options), warehouse)
    (reject,) = warehouse.read(QUARANTINE).rows(named=True)
    assert (reject["code"], reject["line"]) == (code, None)
    (row,) = warehouse.read(FILE).rows(named=True)
    assert (row["rows_read"], row["rows_kept"], row["rows_quarantined"]) == (1, 0, 1)


def test_one_folder_for_two_kinds_keeps_the_rejects_of_both(
    tmp_path: Path, landed: Callable, warehouse: Warehouse
) -> None:
    usage = _exports(tmp_path, json.dumps(PAGE).encode()).sources[0]
    cost = usage.model_copy(update={"name": "costs", "kind": "cost"})
    both = Settings(sources=(usage, cost), root=tmp_path)
    landed(both)
    assert warehouse.read(QUARANTINE)["source"].to_list() == ["costs"]
    (tmp_path / "exports/usage.json").write_bytes(b"{}")
    landed(both)
    assert sorted(warehouse.read(QUARANTINE)["source"].to_list()) == ["costs", "openai"]
    assert warehouse.read(USAGE).height == 0
