"""All export formats, and which one a file is in."""

import json
from functools import partial

from pipeline.consoles import CONSOLES
from pipeline.errors import SourceError
from pipeline.gateways import GATEWAYS
from pipeline.parsing import focus, invoice, request_table
from pipeline.parsing.raw_rows import parsed
from pipeline.provider import ExportFormat, Parsed
from pipeline.providers import PROVIDERS

FORMATS: tuple[ExportFormat, ...] = (
    *(export for provider in PROVIDERS for export in provider.formats),
    focus.FORMAT,
    *invoice.FORMATS,
    request_table.FORMAT,
    *CONSOLES,
    *GATEWAYS,
)
"""No two formats of one kind recognise the same file."""


def _is_empty_page(head: bytes) -> bool:
    """Whether this is a page, or pages, of an API without a single bucket: a whole, true answer."""
    try:
        page = json.loads(head)
    except (ValueError, RecursionError):
        return False
    answers = page if isinstance(page, list) and page else [page]
    return all(isinstance(answer, dict) and answer.get("data") == [] for answer in answers)


def _no_rows(_: bytes, table: str) -> Parsed:
    return parsed(table, [], [])


_EMPTY_PAGE = {
    kind: ExportFormat("empty_page", kind, table, _is_empty_page, partial(_no_rows, table=table))
    for kind, table in (("usage", "raw.usage"), ("cost", "raw.cost"))
}
"""A page without rows, which does not say whose it is: often the last one of an export."""


def by_name(name: str) -> ExportFormat:
    """Return the format that a source names."""
    for export in FORMATS:
        if export.name == name:
            return export
    known = ", ".join(export.name for export in FORMATS)
    raise SourceError("unknown_format", f"There is no format '{name}'.", f"Known formats: {known}.")


def detect(head: bytes, kind: str, name: str | None) -> ExportFormat:
    """Return the format of a file from its first 64 KiB, the kind of its source, and its name as a hint.

    Pages without a single result look alike; a file name with the endpoint in it then tells them apart.

    Raises:
        SourceError: no format of the kind fits, or the file is empty.
    """
    called = f"'{name}'" if name else "The file"
    if not head.strip(b"\xef\xbb\xbf \t\r\n"):
        raise SourceError("empty_file", f"{called} is empty.", "Pull the export again.")
    fitting = [export for export in FORMATS if export.detect(head)]
    found = [export for export in fitting if export.kind == kind]
    if found:
        return _by_file_name(found[0], head, kind, name)
    if kind in _EMPTY_PAGE and _is_empty_page(head):
        return _EMPTY_PAGE[kind]
    if fitting:
        advice = f'It looks like {fitting[0].name}: set kind = "{fitting[0].kind}" for its source.'
    else:
        expected = ", ".join(export.name for export in FORMATS if export.kind == kind)
        advice = f"Expected one of: {expected or 'none'}. If it is one, name it as the source's `format`."
    raise SourceError("unknown_format", f"{called} is in no known format of kind '{kind}'.", advice)


def _by_file_name(found: ExportFormat, head: bytes, kind: str, name: str | None) -> ExportFormat:
    if b'"input_tokens"' in head or kind != "usage" or "embedding" not in (name or "").lower():
        return found
    siblings = {export.name: export for export in FORMATS}
    return siblings.get(found.name.replace("completions", "embeddings"), found)
