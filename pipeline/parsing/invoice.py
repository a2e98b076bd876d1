"""Invoice manifests: what a person writes down of an invoice, as TOML, JSON or CSV.

One invoice, or a list of them under `invoices`; a CSV has a line for each line of an invoice. Header: issuer,
invoice_id (also number, invoice_number or id), currency, total, and the period: period = "2026-10", or
period_start and period_end, or period = {start, end}; the end is the first day not billed, but for the last
day of a month, which counts as billed. Optional: provider, account, issued_on. Lines: amount, and optionally
category (usage when left out), description, model, token_kind, service_tier, quantity, quantity_unit. The
header may also hold `credits`, `tax` and `subtotal`: numbers, which become lines where no line of that
category is given, or lists of lines. A credit or a discount is money off, whatever the sign it has.
"""

import json
import re
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from pipeline.errors import SourceError
from pipeline.parsing.csv_rows import header_of, sheet
from pipeline.parsing.export_values import shown
from pipeline.parsing.invoice_lines import HEADER, header, line_row, remainder
from pipeline.parsing.raw_rows import parsed
from pipeline.provider import ExportFormat, Parsed, Reject

_LANDED = ("file_id", "source")
_SYNONYMS = {"id": "invoice_id", "number": "invoice_id", "invoice_number": "invoice_id"}
_ID = rb"(?:invoice_id|invoice_number|number|id)"
_AT_LINE = re.compile(r"line (\d+)")


class Manifest(NamedTuple):
    """One invoice as written: its header, and each line with the place it stands at."""

    place: int
    fields: dict[str, Any]
    lines: list[tuple[int, int, Any]]


def parse_toml(content: bytes) -> Parsed:
    """Read a TOML manifest; numbers are taken from their digits."""
    return _parse_document(content, lambda text: tomllib.loads(text, parse_float=Decimal))


def parse_json(content: bytes) -> Parsed:
    """Read a JSON manifest; numbers are taken from their digits."""
    return _parse_document(content, lambda text: json.loads(text, parse_float=Decimal))


def parse_csv(content: bytes) -> Parsed:
    """Read a CSV manifest; header cells may stand on every line of an invoice or on its first alone."""
    lines = sheet(content)
    invoices: dict[str, Manifest] = {}
    previous = ""
    for number, cells in lines.rows():
        previous = cells.get("invoice_id", previous)
        manifest = invoices.setdefault(previous, Manifest(number, {}, []))
        for name in HEADER:
            if name in cells:
                manifest.fields.setdefault(name, cells[name])
        if "amount" in cells or not any(name in cells for name in ("credits", "tax", "subtotal")):
            manifest.lines.append((number, 0, cells))
    return _parsed(list(invoices.values()), lines.rejects)


def _parse_document(content: bytes, read: Any) -> Parsed:
    try:
        document = read(content.decode("utf-8-sig").replace("\r\n", "\n"))
    except (ValueError, RecursionError) as error:
        at = _AT_LINE.search(str(error))
        reject = Reject(
            int(at[1]) if at else None,
            None,
            None,
            "invalid_manifest",
            f"Not a manifest: {str(error)[:120]}.",
            "Correct that line.",
        )
        return parsed("raw.invoice", [], [reject], _LANDED)
    listed = document.get("invoices", document) if isinstance(document, dict) else document
    found = listed if isinstance(listed, list) else [listed]
    return _parsed([_manifest(place, item) for place, item in enumerate(found, 1)], [])


def _manifest(place: int, item: Any) -> Manifest:
    fields = _named(item) if isinstance(item, dict) else {}
    lines = fields.get("lines", [])
    listed = [*(lines if isinstance(lines, list) else [lines]), *_listed_apart(fields)]
    return Manifest(place, fields, [(place, position, line) for position, line in enumerate(listed)])


def _listed_apart(fields: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Lines that stand in a list of their own, as in [[credits]]."""
    for name in ("credits", "fees", "discounts", "taxes", "tax"):
        if isinstance(fields.get(name), list):
            yield from ({"category": name, **line} for line in fields.pop(name) if isinstance(line, dict))


def _named(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields under the names of the header, whatever of the accepted words they were written with."""
    named = {_SYNONYMS.get(name, name): value for name, value in fields.items()}
    if isinstance(named.get("period"), dict):
        period = named.pop("period")
        named |= {f"period_{edge}": period[edge] for edge in ("start", "end") if edge in period}
    return named


def _parsed(invoices: list[Manifest], rejects: list[Reject]) -> Parsed:
    rows: list[dict[str, Any]] = []
    refused = list(rejects)
    seen: set[tuple[Any, ...]] = set()
    for manifest in invoices:
        for item in _rows(manifest, seen):
            if isinstance(item, Reject):
                refused.append(item)
            else:
                rows.append(item)
    return parsed("raw.invoice", rows, refused, _LANDED)


def _rows(manifest: Manifest, seen: set[tuple[Any, ...]]) -> Iterator[dict[str, Any] | Reject]:
    try:
        head = header(manifest.fields)
    except SourceError as error:
        yield Reject(manifest.place, None, None, error.code, error.reason, error.advice)
        return
    key = (head["provider"], head["account"], head["issuer"], head["invoice_id"])
    if key in seen:
        reason = f"Invoice {shown(head['invoice_id'])} stands in the file twice."
        yield Reject(manifest.place, None, None, "duplicate_invoice", reason, "Remove one of them.")
        return
    seen.add(key)
    kept: list[dict[str, Any]] = []
    for place, position, line in manifest.lines:
        try:
            kept.append({**head, **line_row(line), "line": place, "position": position})
        except SourceError as error:
            yield Reject(place, position, None, error.code, error.reason, error.advice)
    yield from kept
    first = max((position for _, position, _ in manifest.lines), default=-1) + 1
    for index, extra in enumerate(remainder(manifest.fields, head["total"], kept)):
        yield {**head, **extra, "line": manifest.place, "position": first + index}


def _is_json(head: bytes) -> bool:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    has_id = re.search(rb'"' + _ID + rb'"\s*:', head) is not None
    is_span = b'"SpanId"' in head  # whose attributes may be named id and total, too
    return start in (b"{", b"[") and has_id and b'"total"' in head and not is_span


def _is_csv(head: bytes) -> bool:
    return {"invoice_id", "amount"} <= header_of(head)


def _is_toml(head: bytes) -> bool:
    has_id = re.search(rb"(?m)^\s*" + _ID + rb"\s*=", head) is not None
    is_invoice = b"invoice_id" in head or re.search(rb"(?m)^\s*total\s*=", head) is not None
    return has_id and is_invoice and not _is_json(head) and not _is_csv(head)


FORMATS = (
    ExportFormat("invoice_toml", "invoice", "raw.invoice", _is_toml, parse_toml),
    ExportFormat("invoice_json", "invoice", "raw.invoice", _is_json, parse_json),
    ExportFormat("invoice_csv", "invoice", "raw.invoice", _is_csv, parse_csv),
)
