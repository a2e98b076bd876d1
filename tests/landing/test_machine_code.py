"""The machine code that numba keeps is that of the functions that are there."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from pipeline.intake import proto_scan, scan

COMMON = ("machine", "json_scan", "scan_values")
BUILT = [(scan, (*COMMON, "scan_levels")), (proto_scan, (*COMMON, "proto_fields"))]


@pytest.mark.parametrize(("module", "names"), BUILT, ids=["json", "protobuf"])
def test_the_machine_code_is_built_from_what_is_there(module: Any, names: tuple[str, ...]) -> None:
    """What numba keeps of a scan holds functions of other files, whose changes it does not see."""
    path = Path(module.__file__)
    sources = b"".join((path.parent / f"{name}.py").read_bytes() for name in names)
    assert hashlib.sha256(sources).hexdigest()[:8] == module.BUILT_FROM, f"put this hash into {path.name}"
