"""Nothing in the repository tells of a machine, a registry or a secret."""

import re
from pathlib import Path

TEXT_BYTES = 4_000_000

# Written apart, so that this file passes its own test.
PATTERNS = {
    "machine path": r"(?<![\w.*>}])/(?:wo" + r"rk|ho" + r"me/\w|ro" + r"ot|Us" + r"ers/\w|opt/py" + r")/",
    "registry host": r"py" + r"pi\.org|python" + r"hosted\.org|anaconda\.(?:org|com)|regis" + r"try\.npmjs",
    "private key": r"-----BEGIN [A-Z ]*PRIVATE" + r" KEY-----",
    "access key": r"\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{30,}|\bxox[abp]-[A-Za-z0-9-]{20,}",
    "api key": r"\bsk-(?:ant-|proj-|admin-)?[A-Za-z0-9_]{24,}",
    "assigned secret": r"(?i)\b(?:pass"
    + r"word|api_key|secret_key|access_token)\s*=\s*[\"'][^\"'$<{\s]{12,}[\"']",
}


def _text(path: Path) -> str:
    return path.read_bytes()[:TEXT_BYTES].decode("utf-8", "replace")


def test_no_tracked_file_holds_a_machine_path_a_registry_host_or_a_secret(tracked, root) -> None:
    found = [
        f"{path.relative_to(root)}: {what}: {match[0]!r}"
        for path in tracked
        for what, pattern in PATTERNS.items()
        if (match := re.search(pattern, _text(path)))
    ]

    assert found == []


def test_what_runs_leave_behind_is_ignored(tracked, root) -> None:
    left = {".venv", ".dagster", "demo", "build", "dist", ".mypy_cache", ".ruff_cache", "__pycache__"}
    strays = [
        str(path.relative_to(root))
        for path in tracked
        if not left.isdisjoint(path.relative_to(root).parts) or path.suffix in (".duckdb", ".wal", ".log")
    ]

    assert strays == []


def test_no_tracked_file_is_big(tracked, root) -> None:
    big = [
        f"{path.relative_to(root)}: {path.stat().st_size:,} bytes"
        for path in tracked
        if path.stat().st_size > 1_000_000
    ]

    assert big == []
