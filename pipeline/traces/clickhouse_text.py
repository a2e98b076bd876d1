"""Maps and arrays as ClickHouse writes them into a cell of CSV: `{'key':'value'}`, with backslashes.

Source: clickhouse.com/docs, formats CSV and TabSeparated; seen on ClickHouse 26.9.
"""

import re
from typing import Any

from pipeline.intake.readers import SpanError, from_json

_TEXT = r"'([^'\\]*+(?:\\.[^'\\]*+)*+)'"
_QUOTED = re.compile(_TEXT, re.DOTALL)
_PAIR = re.compile(f"{_TEXT}:{_TEXT}[,}}]", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_MEANING = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0"}


def quoted(text: str) -> list[str]:
    """Return all quoted strings in a text, in order."""
    return [_unescaped(found) for found in _QUOTED.findall(text)]


def text_pairs(text: str) -> Any:
    """Return the pairs of a map, or the object of a JSON text.

    Raises:
        SpanError: the text is neither.
    """
    if text[1:2] == "'":
        return _map(text)
    found = from_json(text, dict[str, Any]) if text != "{}" else {}
    if found is None:
        raise SpanError("wrong_shape", f"A cell of {len(text)} characters holds no map")
    return found


def _map(text: str) -> list[tuple[str, str]]:
    found, at = [], 1
    while match := _PAIR.match(text, at):
        key, value = match.groups()
        at = match.end()
        found.append((key, value) if "\\" not in match[0] else (_unescaped(key), _unescaped(value)))
    if at != len(text) or not text.endswith("}"):
        raise SpanError("wrong_shape", f"The map in a cell of {len(text)} characters breaks off")
    return found


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(_meaning, text) if "\\" in text else text


def _meaning(match: re.Match[str]) -> str:
    return _MEANING.get(match[1], match[1])
