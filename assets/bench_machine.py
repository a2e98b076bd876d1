"""The shape of the machine on which something was measured."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

_PACKAGES = ("duckdb", "polars", "numpy", "numba", "protobuf")


def machine() -> dict[str, Any]:
    """Return cores, memory in bytes, the CPU's model where it is known, the system, and versions."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "cpu": _cpu(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }


def told(shape: dict[str, Any]) -> str:
    """Return one sentence."""
    versions = ", ".join(f"{name} {shape[name]}" for name in _PACKAGES)
    return (
        f"Measured on {shape['cores']} cores ({shape['cpu'] or 'of unknown model'}), "
        f"{shape['memory_bytes'] / 2**30:.1f} GiB of memory, {shape['system']}, "
        f"Python {shape['python']}, {versions}."
    )


def _cpu() -> str | None:
    """Return the model of the CPU; null where the system does not tell."""
    known = Path("/proc/cpuinfo")
    lines = known.read_text("utf-8", "replace").splitlines() if known.is_file() else []
    named = (
        value for name, _, value in (line.partition(":") for line in lines) if name.strip() == "model name"
    )
    return next(named, platform.processor()).strip() or None
