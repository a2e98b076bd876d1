"""What DuckDB refused, in words for people: what, where, how much room there is, and what to do now."""

from pathlib import Path

from pipeline.disk import room

_LAST_GOOD = "The last good state is kept."
_FULL = "no space left"
_WRITABLE = (
    "Make the file and its folder writable, or name another `warehouse` under [output], and run again."
)
_ADVICE = {
    _FULL: f"Make room on that disk and run again. {_LAST_GOOD}",
    "permission denied": "Give yourself the right to write this file and its folder, and run again.",
    "read-only": f"{_WRITABLE} {_LAST_GOOD}",
    "not a valid duckdb database": "Move that file away and run again: the sources hold all that goes in.",
    "is a directory": "Move that folder away, or name another `warehouse` under [output].",
    "out of memory": f"Close other programs and run again. {_LAST_GOOD}",
}
"""Words of DuckDB or the operating system, in lower case -> what to do."""
_REPORT = f"{_LAST_GOOD} Run again; if it comes back, report it."


def refusal(path: Path | None, error: Exception) -> str:
    """Return what DuckDB refused about a file, or in memory, on one line, and what to do about it."""
    said = " ".join(str(error).split())
    words = next((words for words in _ADVICE if words in said.lower()), None)
    free = room(path) if path and words == _FULL else ""
    told = f"{said.rstrip('.')}; {free}." if free else said
    return f"The warehouse {path or 'in memory'} cannot be used: {told} {_ADVICE.get(words or '', _REPORT)}"
