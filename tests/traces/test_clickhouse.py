"""Tables of ClickHouse: what its text, its times and its columns may look like, and bad rows."""

import csv
import io
import json
from collections.abc import Callable
from copy import deepcopy

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.content import MAX_LINE_BYTES
from tests.traces.dumps import BUILDERS, COLUMNS, clickhouse_csv, clickhouse_json, rows
from tests.traces.test_cut_anywhere import _request, _span

GOOD = _request(_span(0))
LAST = _request(_span(2))


@pytest.mark.parametrize("name", ["json_rows", "csv"])
def test_a_row_beyond_the_bound_costs_no_other(name: str, landing: Callable) -> None:
    good, last = (BUILDERS[name][1]([_request(_span(i) | {"name": "x"})]) for i in (0, 2))
    last = last.splitlines(keepends=True)[-1]
    landed = landing(good + b'"' + b"x" * (MAX_LINE_BYTES + 10) + b'"\n' + last)
    assert landed.spans["span_id"].to_list() == [f"{1:016x}", f"{3:016x}"]
    assert [reject["code"] for reject in landed.rejects] == ["line_too_long"]


def test_a_row_without_a_column_is_told(landing: Callable) -> None:
    row = json.loads(clickhouse_json([GOOD]))
    del row["SpanAttributes"], row["Duration"]
    landed = landing(clickhouse_json([GOOD]) + json.dumps(row).encode())
    (reject,) = landed.rejects
    assert (reject["code"], reject["line"]) == ("missing_column", 2)
    assert "SpanAttributes, Duration" in reject["reason"]
    assert "select *" in reject["advice"]


@pytest.mark.parametrize("name", ["csv", "parquet"])
def test_a_table_without_a_column_is_refused(name: str, landing: Callable) -> None:
    kept = [column for column in COLUMNS if column != "Duration"]
    if name == "csv":
        content = ",".join(kept).encode() + b"\n"
    else:
        out = io.BytesIO()
        pq.write_table(pa.table({column: pa.array([], COLUMNS[column]) for column in kept}), out)
        content = out.getvalue()
    (reject,) = landing(content).rejects
    assert (reject["code"], "no Duration" in reject["reason"]) == ("missing_column", True)


def test_parquet_of_another_table_is_refused(landing: Callable) -> None:
    out = io.BytesIO()
    pq.write_table(pa.table({"bill_id": [1]}), out)
    (reject,) = landing(out.getvalue()).rejects
    assert reject["code"] == "missing_column"


def test_a_bad_cell_loses_its_row_only(landing: Callable) -> None:
    lines = clickhouse_csv([GOOD, _request(_span(1) | {"name": "x"}), LAST])
    landed = landing(lines.replace(b"{'gen_ai.usage.input_tokens':'1'", b"{'gen_ai.usage.input_tokens':1"))
    assert landed.spans["span_id"].to_list() == [f"{1:016x}", f"{3:016x}"]
    assert [reject["code"] for reject in landed.rejects] == ["wrong_shape"]


@pytest.mark.parametrize("time", ["soon", "2026-13-01 00:00:00", "2026-10-01", "5"])
def test_a_time_that_is_none_loses_its_row_only(time: str, landing: Callable) -> None:
    row = json.loads(clickhouse_json([GOOD]))
    content = clickhouse_json([LAST]) + json.dumps(row | {"Timestamp": time}).encode()
    assert [reject["code"] for reject in landing(content).rejects] == ["bad_time"]


TIMES = [
    "2026-09-21T14:13:20.5Z",
    "2026-09-21 14:13:20.500000000",
    "2026-09-21T16:13:20.5+02:00",
    "1790000000.5",
]


@pytest.mark.parametrize("time", TIMES)
def test_the_ways_in_which_clickhouse_writes_a_time(time: str, landing: Callable) -> None:
    row = json.loads(clickhouse_json([GOOD])) | {"Timestamp": time, "Duration": "1000"}
    (started,) = landing(json.dumps(row).encode()).spans["started_at"]
    assert started.timestamp() == 1_790_000_000.5


def test_bytes_that_are_no_text_in_a_string_of_clickhouse_are_replaced(landing: Callable) -> None:
    request = _request(_span(0) | {"name": "MARK"})
    for name in ("csv", "json_rows"):
        landed = landing(BUILDERS[name][1]([request]).replace(b"MARK", b"a\xffb"))
        assert (landed.spans["name"].to_list(), landed.rejects) == (["a\ufffdb"], [])


def test_a_scope_among_the_attributes_of_an_old_table_is_read(landing: Callable) -> None:
    (row,) = rows([GOOD])
    row["SpanAttributes"] |= {"otel.scope.name": "openai.v1", "otel.scope.version": "3"}
    row["Timestamp"] = "1790000000"
    del row["ScopeName"], row["ScopeVersion"]
    landed = landing(json.dumps(row).encode())
    assert landed.spans.select("scope_name", "scope_version").rows() == [("openai.v1", "3")]


def test_damaged_rows_in_parquet_cost_no_other_group(landing: Callable, month: list) -> None:
    requests = [deepcopy(GOOD), LAST]
    content = bytearray(BUILDERS["parquet"][1](requests, row_group_size=1, compression="NONE"))
    file = pq.ParquetFile(io.BytesIO(bytes(content)))
    start = file.metadata.row_group(0).column(0).data_page_offset
    content[start : start + 20] = b"\xff" * 20
    landed = landing(bytes(content))
    assert landed.spans["span_id"].to_list() == [f"{3:016x}"]
    (reject,) = landed.rejects
    assert (reject["code"], reject["line"], reject["byte_offset"]) == ("broken_rows", 1, None)
    assert "Rows 1 to 1" in reject["reason"]


def test_a_table_with_json_columns_is_read_as_csv(landing: Callable) -> None:
    """Its cells hold JSON texts, and arrays of them; seen on ClickHouse 26.9."""
    header, row = clickhouse_csv([_request(_span(1) | {"name": "x"})]).decode().splitlines()
    cells = next(csv.reader([row]))
    names = header.replace('"', "").split(",")
    held = dict(zip(names, cells, strict=True))
    held["SpanAttributes"] = '{"gen_ai":{"usage":{"input_tokens":7}},"llm":{"is_streaming":true}}'
    held["ResourceAttributes"] = '{"service":{"name":"shop"}}'
    held["Events.Attributes"] = """['{"exception":{"type":"TimeoutError"}}']"""
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([names, list(held.values())])
    landed = landing(out.getvalue().encode())
    told = landed.spans.select("input_tokens", "service", "error_type", "is_stream").rows()
    assert (told, landed.rejects) == ([(7, "shop", "TimeoutError", True)], [])
