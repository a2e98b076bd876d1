"""API pages in every wrapping that dumps have: one page, arrays, JSON lines, bare buckets, maps by path."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from pipeline.errors import SourceError
from pipeline.parsing.export_values import shown
from pipeline.provider import Reject

_BLANK = re.compile(r"[\s\ufeff]*")
NEXT_DOCUMENT = re.compile(r"\n(?=[\[{])")
_INVALID = re.compile("[\udc80-\udcff]")


class Page(NamedTuple):
    """Buckets that came together; `pull` numbers the sets of pages that belong to one query."""

    line: int
    pull: int
    path: str | None
    buckets: list[Any]


class Document(NamedTuple):
    """A JSON document in a file and the line at which it starts."""

    line: int
    value: Any


class Shape(NamedTuple):
    """How one kind of page is read."""

    endpoint: Callable[[Page], str | None]
    """Endpoint of a page; null when the page belongs to another format."""
    times: Callable[[dict[str, Any]], tuple[datetime, datetime]]
    read: Callable[[dict[str, Any]], dict[str, Any]]
    """A result as a row, with its dimensions as a dict under `dimensions`."""
    format_name: str


class Record(NamedTuple):
    """A row, or an empty bucket's row, with the number of its pull."""

    pull: int
    row: dict[str, Any]


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def _integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) < 40 else Decimal(digits)


DECODER = json.JSONDecoder(parse_float=Decimal, parse_int=_integer, parse_constant=_refuse)
"""Takes numbers from their digits."""


def documents(content: bytes) -> Iterator[Document | Reject]:
    """Yield every JSON document of a file; what is none is rejected up to the next that starts a line."""
    text = content.decode("utf-8", "surrogateescape")
    at = _BLANK.match(text).end()  # type: ignore[union-attr]
    line = 1 + text.count("\n", 0, at)
    while at < len(text):
        try:
            value, end = DECODER.raw_decode(text, at)
            if _INVALID.search(text, at, end):
                yield unreadable(text, at, line, "invalid_utf8", "The text is not valid UTF-8.")
            else:
                yield Document(line, value)
        except (ValueError, RecursionError) as error:
            reason = f"Not JSON: {getattr(error, 'msg', None) or 'nested too deeply or not a number'}."
            yield unreadable(text, at, line, "invalid_json", reason)
            found = NEXT_DOCUMENT.search(text, at)
            end = found.end() if found else len(text)
        after = _BLANK.match(text, end).end()  # type: ignore[union-attr]
        line += text.count("\n", at, after)
        at = after


def unreadable(text: str, at: int, line: int, code: str, reason: str) -> Reject:
    """Return the reject of what stands at a place of a text that was decoded with `surrogateescape`."""
    offset = len(text[:at].encode("utf-8", "surrogateescape"))
    return Reject(line, None, offset, code, reason, "The file may be cut off or damaged: pull it again.")


def pages(content: bytes) -> tuple[list[Page], list[Reject]]:
    """Return the pages of a file in order, each with a line number of its own, and what is no page."""
    found: list[Page] = []
    rejects: list[Reject] = []
    line = pull = 0
    for document in documents(content):
        if isinstance(document, Reject):
            rejects.append(document)
            continue
        for index, (path, page) in enumerate(_unwrap(document.value, None)):
            line = max(line + 1, document.line + index)
            if path is not None:
                pull += 1
            if isinstance(page, dict) and isinstance(page.get("data"), list):
                found.append(Page(line, pull, path, page["data"]))
                pull += page.get("has_more") is False
            else:
                rejects.append(_no_page(line, page))
    return found, rejects


def _unwrap(value: Any, path: str | None) -> Iterator[tuple[str | None, Any]]:
    if isinstance(value, dict) and "data" in value:
        yield path, value
    elif isinstance(value, dict) and "results" in value:
        yield path, {"data": [value]}
    elif isinstance(value, list) and any(isinstance(item, dict) and "data" in item for item in value):
        for item in value:
            yield path, item
    elif isinstance(value, list):
        yield path, {"data": value}
    elif isinstance(value, dict) and value and all(isinstance(item, (dict, list)) for item in value.values()):
        for key, item in value.items():
            yield from _unwrap(item, key if path is None else path)
    else:
        yield path, value


def _no_page(line: int, page: Any) -> Reject:
    keys = ", ".join(shown(key) for key in sorted(page)[:5]) if isinstance(page, dict) else shown(type(page))
    return Reject(
        line,
        None,
        None,
        "not_a_page",
        f"Not a page of an API: it has no list `data` ({keys or 'it is empty'}).",
        "Keep the whole answer of the API in the file; an error answer must be pulled again.",
    )


def records(content: bytes, shape: Shape) -> tuple[list[Record], list[Reject]]:
    """Return one record per result and per empty bucket, and what could not be read."""
    found, rejects = pages(content)
    kept: list[Record] = []
    for page in found:
        endpoint = shape.endpoint(page)
        if endpoint is None:
            rejects.append(_other_endpoint(page, shape))
            continue
        for position, item in enumerate(_items(page)):
            try:
                row = _row(item, shape)
            except SourceError as error:
                rejects.append(Reject(page.line, position, None, error.code, error.reason, error.advice))
            else:
                place = {"line": page.line, "position": position, "endpoint": endpoint}
                kept.append(Record(page.pull, {**row, **place}))
    return kept, rejects


def _items(page: Page) -> Iterator[tuple[Any, Any]]:
    """Yield bucket and result; a bucket that is empty or has no list of results comes once, with null."""
    for bucket in page.buckets:
        results = bucket.get("results") if isinstance(bucket, dict) else None
        if isinstance(results, list) and results:
            for result in results:
                yield bucket, result
        else:
            yield bucket, None


def _row(item: tuple[Any, Any], shape: Shape) -> dict[str, Any]:
    bucket, result = item
    advice = "Keep the whole answer of the API in the file."
    if not isinstance(bucket, dict) or not isinstance(bucket.get("results"), list):
        raise SourceError("not_a_bucket", "A bucket has no list `results`.", advice)
    start, end = shape.times(bucket)
    if end <= start:
        reason = f"The bucket ends at {end.isoformat()}, not after its start at {start.isoformat()}."
        raise SourceError("bad_time", reason, "Pull the export again.")
    row: dict[str, Any] = {"bucket_start_at": start, "bucket_end_at": end, "is_empty": not bucket["results"]}
    if row["is_empty"]:
        return {**row, "dimensions": {}}
    if not isinstance(result, dict):
        raise SourceError("not_a_result", f"A result is {shown(result)}, not an object.", advice)
    return {**row, **shape.read(result)}


def _other_endpoint(page: Page, shape: Shape) -> Reject:
    """The endpoint by its name or the path of its URL; the query of a URL may hold a key."""
    name = (page.path or "").partition("?")[0] or min(objects(page), default="an unnamed endpoint")
    rows = sum(1 for _ in _items(page))
    return Reject(
        page.line,
        None,
        None,
        "other_endpoint",
        f"{rows} rows of {shown(name)} are not what {shape.format_name} reads.",
        "Nothing to do if they bill no tokens; else configure them as a source of their own.",
    )


def objects(page: Page) -> set[str]:
    """Return the words that the results of a page use for what they are."""
    results = (result for _, result in _items(page) if isinstance(result, dict))
    return {word for result in results if isinstance(word := result.get("object"), str)}


def grouped(found: list[Record], defaults: dict[str, str]) -> list[dict[str, Any]]:
    """Return the rows with the dimensions that their pull is grouped by; null in a grouped one has a name.

    A pull is grouped by what is not null on any of its rows. `defaults` names what null means in a dimension.
    """
    names: dict[int, set[str]] = {}
    for pull, row in found:
        names.setdefault(pull, set()).update(row["dimensions"])
    return [_with_grouping(row, names[pull], defaults) for pull, row in found]


def _with_grouping(row: dict[str, Any], names: set[str], defaults: dict[str, str]) -> dict[str, Any]:
    sent = row["dimensions"]
    filled = {} if row["is_empty"] else {key: value for key, value in defaults.items() if key in names}
    return {
        **row,
        **{key: sent.get(key, value) for key, value in filled.items()},
        "grouping": "+".join(sorted(names)),
        "dimensions": _as_json(tuple(sorted(sent.items()))),
    }


@lru_cache(maxsize=4096)
def _as_json(items: tuple[tuple[str, Any], ...]) -> str:
    return json.dumps(dict(items), separators=(",", ":"))
