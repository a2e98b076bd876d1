import base64
import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from pipeline.content import Line, open_content, read_lines
from pipeline.intake import decoding
from pipeline.intake.decoding import LANDING_COLUMNS, Batch, DecodeOptions, decode
from pipeline.otlp import frame
from schemas.tables import BY_NAME

DATA = Path(__file__).parents[2].parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the shared data is not there")


def _lines(text: str) -> list[Line]:
    lines, offset = [], 0
    for number, data in enumerate(text.encode().split(b"\n"), start=1):
        lines.append(Line(number, offset, data.rstrip(), len(data) + 1))
        offset += len(data) + 1
    return lines


def _decode(text: str) -> Batch:
    (batch,) = decode(_lines(text), DecodeOptions())
    assert batch.read == batch.rows.height + len(batch.rejects)
    return batch


def test_a_batch_has_the_columns_of_the_contract(request_line: Callable, span: Callable) -> None:
    expected = {k: v for k, v in BY_NAME["raw.span"].schema.items() if k not in LANDING_COLUMNS}
    assert dict(_decode(request_line(span())).rows.schema) == expected
    assert dict(_decode("").rows.schema) == expected


def test_a_span_becomes_a_row(request_line: Callable, span: Callable) -> None:
    parent = "EEE19B7EC3C1B173"
    made = span(
        traceId="5B8EFFF798038103D269B633813FC60C", parentSpanId=parent, traceState="a=b,ot=rv:1;th:c"
    )
    row = _decode("\n" + request_line(span(), made)).rows.row(1, named=True)
    assert (row["line"], row["position"]) == (2, 1)
    assert row["trace_id"] == "5b8efff798038103d269b633813fc60c"
    assert row["parent_span_id"] == "eee19b7ec3c1b173"
    assert (row["name"], row["kind"], row["status"]) == ("chat gpt-4o", "client", "unset")
    assert row["started_at"] == datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)
    assert row["ended_at"] == datetime(2026, 9, 21, 14, 13, 22, tzinfo=UTC)
    assert row["sampling_threshold"] == "c"
    assert (row["scope_name"], row["scope_version"]) == ("test.scope", "1.0")
    assert row["input_tokens"] is None


@pytest.mark.parametrize("root", ["", None, "0000000000000000"])
def test_roots_have_no_parent(request_line: Callable, span: Callable, root: str | None) -> None:
    assert _decode(request_line(span(parentSpanId=root))).rows["parent_span_id"].to_list() == [None]


@pytest.mark.parametrize("kind", [3, "3", "SPAN_KIND_CLIENT", "Client", "client"])
def test_a_kind_is_a_number_or_a_name(request_line: Callable, span: Callable, kind: object) -> None:
    assert _decode(request_line(span(kind=kind))).rows["kind"].to_list() == ["client"]


@pytest.mark.parametrize(
    ("status", "expected"),
    [({}, "unset"), (None, "unset"), ({"code": 2}, "error"), ({"code": "STATUS_CODE_ERROR"}, "error"),
     ({"code": "Ok", "message": "x"}, "ok"), ({"code": 77}, "unset")],
)  # fmt: skip
def test_a_status_is_a_number_or_a_name(
    request_line: Callable, span: Callable, status: object, expected: str
) -> None:
    assert _decode(request_line(span(status=status))).rows["status"].to_list() == [expected]


@pytest.mark.parametrize("as_type", [int, str, float])
def test_times_are_text_or_numbers(request_line: Callable, span: Callable, as_type: type) -> None:
    start = 1_790_000_000 * 10**9
    made = span(startTimeUnixNano=as_type(start), endTimeUnixNano=as_type(start))
    assert _decode(request_line(made)).rows["started_at"].to_list() == [
        datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)
    ]


def test_missing_and_unknown_keys_are_fine(span: Callable) -> None:
    bare = {
        k: v for k, v in span().items() if k in ("traceId", "spanId", "startTimeUnixNano", "endTimeUnixNano")
    }
    bare |= {"attributes": None, "flags": 257, "links": [{"x": 1}], "events": None, "droppedEventsCount": 1}
    document = {"resourceSpans": [{"schemaUrl": "x", "scopeSpans": [{"spans": [bare]}]}], "extra": {}}
    row = _decode(json.dumps(document)).rows.row(0, named=True)
    assert (row["name"], row["scope_name"], row["service"], row["kind"]) == ("", "", None, "unspecified")


def test_requests_without_spans_hold_nothing(request_line: Callable) -> None:
    for text in ('{"resourceSpans":[]}', '{"resourceSpans":null}', request_line(), "\n\r\n  \n"):
        assert _decode(text).read == 0


def test_the_names_before_2022_are_read(span: Callable) -> None:
    library = {"name": "old.scope", "version": "0.1"}
    groups = [{"instrumentationLibrary": library, "spans": [span()]}]
    text = json.dumps({"resourceSpans": [{"instrumentationLibrarySpans": groups}]})
    assert _decode(text).rows["scope_name"].to_list() == ["old.scope"]


def test_the_class_of_an_exception_is_taken_when_there_is_no_error_type(
    request_line: Callable, span: Callable
) -> None:
    def event(kind: str) -> dict[str, object]:
        pairs = {"exception.type": kind, "exception.message": "secret", "exception.stacktrace": "secret"}
        values = [{"key": k, "value": {"stringValue": v}} for k, v in pairs.items()]
        return {"name": "exception", "timeUnixNano": "1", "attributes": values}

    events = [event("httpx.ConnectTimeout"), event("openai.APITimeoutError")]
    rows = _decode(request_line(span(events=events), span({"error.type": "x"}, events=events))).rows
    assert rows["error_type"].to_list() == ["openai.APITimeoutError", "x"]


def test_a_pretty_printed_document_is_one_record(request_line: Callable, span: Callable) -> None:
    document = json.loads(request_line(span(), span()))
    pretty = json.dumps(document, indent=2)
    assert _decode(pretty).rows["line"].to_list() == [1, 1]
    assert _decode(f"{pretty}\n{pretty}\n").rows["position"].to_list() == [0, 1, 0, 1]
    assert _decode(json.dumps([document, document], indent=2)).rows.height == 4
    assert _decode(json.dumps([document, document])).rows.height == 4
    one = json.dumps(document)
    assert _decode(f"[{one},\n{one}]").rows.height == 4
    assert _decode(f"[\n{one},\n{one}\n]\n").rows.height == 4


def test_a_document_that_is_cut_off_does_not_swallow_the_lines_behind_it(
    request_line: Callable, span: Callable
) -> None:
    batch = _decode('{"resourceSpans": [{\n' + request_line(span()) + "\n")
    assert batch.rows["line"].to_list() == [2]
    assert [(reject.line, reject.code) for reject in batch.rejects] == [(1, "truncated")]


def test_frames_keep_line_and_offset() -> None:
    records = list(frame(_lines('{"a":1}\n\n{\n "b":\n 2\n}\n{"c":3}')))
    assert [(record.number, record.byte_offset) for record in records] == [(1, 0), (3, 9), (7, 22)]


def test_batches_are_bounded(request_line: Callable, span: Callable) -> None:
    text = "\n".join([request_line(span(), span())] * 10)
    batches = list(decode(_lines(text), DecodeOptions(batch_rows=6)))
    assert [batch.rows.height for batch in batches] == [6, 6, 6, 2]


@needs_data
def test_the_example_of_the_specification_is_read() -> None:
    rows = _decode((DATA / "otlp_trace_example.json").read_text("utf-8")).rows
    row = rows.row(0, named=True)
    assert (row["span_id"], row["kind"], row["service"]) == ("eee19b7ec3c1b174", "server", "my.service")


@needs_data
def test_every_replayed_span_is_kept() -> None:
    for path in sorted((DATA / "replayed" / "otlp").glob("*.gz")):
        spans = gzip.decompress(path.read_bytes()).count(b'"spanId"')
        with open_content(path) as (content, stream):
            batches = list(decode(read_lines(content, stream), DecodeOptions()))
        assert sum(batch.rows.height for batch in batches) == spans, path.name
        assert [reject for batch in batches for reject in batch.rejects] == [], path.name


def test_ids_in_base64_are_refused_with_advice(request_line: Callable, span: Callable) -> None:
    (reject,) = _decode(request_line(span(traceId=base64.b64encode(b"0" * 16).decode()))).rejects
    assert reject.code == "bad_trace_id"
    assert "24 characters where 32 hex digits belong" in reject.reason
    assert "base64" in reject.advice


def test_few_rows_and_many_become_the_same_frame(
    request_line: Callable, span: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = {
        "gen_ai.usage.input_tokens": 2**20,
        "gen_ai.request.temperature": 0.1,
        "gen_ai.request.model": "é",
    }
    text = "\n".join(
        request_line(span(usage | {"n": n}), span(), span({"gen_ai.usage.input_tokens": -1}))
        for n in range(20)
    )
    for labels in ((), ("n", "team")):
        found = []
        for few in (0, 1000):
            monkeypatch.setattr(decoding, "_FEW_ROWS", few)
            found += decode(_lines(text), DecodeOptions(labels))
        assert_frame_equal(found[0].rows, found[1].rows)
        assert found[0].rows.height == 40
