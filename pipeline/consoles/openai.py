"""OpenAI's dashboard: the CSVs of usage (`completions_usage_…csv`) and of cost (`cost_…csv`).

Real files of 2026 (`pmutua/afyaplus-multimodal-intake-assistant`): whole numbers written as `31422.0`, one
line for each empty bucket with nothing but its times, and of an export without any usage only the four
columns of time. The columns are those of the API's fields, older files have fewer of them: what is absent is
unknown. Buckets are read from Unix seconds, because the ISO times of cost lines have no offset.
"""

from typing import Any

from pipeline.errors import SourceError
from pipeline.parsing.csv_records import Layout, csv_records, told_apart, whole
from pipeline.parsing.csv_rows import header_of
from pipeline.parsing.export_values import PULL_AGAIN
from pipeline.parsing.pages import grouped
from pipeline.parsing.raw_rows import parsed
from pipeline.provider import ExportFormat, Parsed
from pipeline.providers.openai import cost_row, times, usage_row

_BUCKET = ("start_time", "end_time")
_TIMES = frozenset((*_BUCKET, "start_time_iso", "end_time_iso"))
_COUNTS = frozenset(
    (
        "num_model_requests",
        "input_tokens",
        "output_tokens",
        "input_cached_tokens",
        "input_cache_write_tokens",
        "input_uncached_tokens",
        "input_audio_tokens",
        "output_audio_tokens",
        "input_image_tokens",
        "output_image_tokens",
    )
)
_BATCH = {"true": True, "false": False}
_ORGANIZATION = frozenset(("organization_id", "organization_name"))


def _usage(cells: dict[str, Any]) -> dict[str, Any]:
    row = _bucket(cells, cells.keys() <= _TIMES)
    if row["is_empty"]:
        return row
    batch = cells.get("batch")
    result = {**cells, "object": "completions"}
    return {
        **row,
        **usage_row(result if batch is None else {**result, "batch": _BATCH.get(batch.lower(), batch)}),
    }


def _cost(cells: dict[str, Any]) -> dict[str, Any]:
    row = _bucket(cells, cells.keys() <= _TIMES | _ORGANIZATION)
    if row["is_empty"]:
        return row
    amount = {"value": cells.get("amount_value"), "currency": cells.get("amount_currency")}
    return {**row, **cost_row({**cells, "amount": amount})}


def _bucket(cells: dict[str, Any], is_empty: bool) -> dict[str, Any]:
    start, end = times({name: whole(cells, name) for name in _BUCKET})
    if end <= start:
        reason = f"The bucket ends at {end.isoformat()}, not after its start at {start.isoformat()}."
        raise SourceError("bad_time", reason, PULL_AGAIN)
    return {"bucket_start_at": start, "bucket_end_at": end, "is_empty": is_empty, "dimensions": {}}


def parse_usage(content: bytes) -> Parsed:
    """Read a usage CSV: one row per line, in the disjoint kinds of the API's completions."""
    has_usage = not header_of(content[:65_536]) <= _TIMES
    required = (*_BUCKET, "input_tokens", "output_tokens") if has_usage else _BUCKET
    return _parse(content, "raw.usage", Layout(required, _COUNTS.union(_BUCKET), _usage))


def parse_costs(content: bytes) -> Parsed:
    """Read a cost CSV: amounts are in the unit of their currency, with all their decimals."""
    numbers = frozenset((*_BUCKET, "amount_value", "quantity"))
    return _parse(content, "raw.cost", Layout((*_BUCKET, "amount_value", "amount_currency"), numbers, _cost))


def _parse(content: bytes, table: str, layout: Layout) -> Parsed:
    found, rejects = csv_records(content, layout)
    common = {"endpoint": "completions", "cost_type": "unknown"}
    rows = [{**common, **row, "provider": "openai"} for row in grouped(found, {})]
    return parsed(table, told_apart(rows, [record.pull for record in found]), rejects)


def _is_usage(head: bytes) -> bool:
    header = header_of(head)
    return header == _TIMES or {"start_time", "input_tokens", "output_tokens"} <= header


def _is_costs(head: bytes) -> bool:
    return {"start_time", "amount_value"} <= header_of(head)


FORMATS = (
    ExportFormat("openai_dashboard_usage_csv", "usage", "raw.usage", _is_usage, parse_usage),
    ExportFormat("openai_dashboard_cost_csv", "cost", "raw.cost", _is_costs, parse_costs),
)
