"""A dump is in one format, and no format takes what is another's: over the fixtures of all kinds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from pipeline.content import read_head
from pipeline.errors import SourceError
from pipeline.formats import FORMATS
from pipeline.simulator import world
from pipeline.traces import TRACE_FORMATS, trace_format
from tests.providers.test_formats import FILES
from tests.traces.dumps import BUILDERS, COLUMNS, framed, message

HEAD = 64 * 1024


def _takers(head: bytes) -> list[str]:
    return [form.name for form in (*TRACE_FORMATS, *FORMATS) if form.detect(head)]


@pytest.mark.parametrize("requests", [1, 40])
@pytest.mark.parametrize("name", BUILDERS)
def test_a_dump_is_in_its_own_format_alone(name: str, requests: int, month: list) -> None:
    kind, build = BUILDERS[name]
    assert _takers(build(month[:requests])[:HEAD]) == [kind]


def test_every_format_has_a_dump() -> None:
    assert {kind for kind, _ in BUILDERS.values()} == {form.name for form in TRACE_FORMATS}


EXPORTS = [(name, data) for name, files in FILES.items() for data in files]


@pytest.mark.parametrize(("name", "data"), EXPORTS, ids=[name for name, _ in EXPORTS])
def test_no_export_is_taken_for_traces(name: str, data: bytes) -> None:
    assert not [form.name for form in TRACE_FORMATS if form.detect(data[:HEAD])]
    with pytest.raises(SourceError) as refused:
        trace_format(data[:HEAD], None)
    assert refused.value.code == "unknown_format"
    assert "set" not in refused.value.advice
    assert "kind = " in refused.value.advice


def test_no_file_of_a_company_is_taken_for_another(tmp_path: Path) -> None:
    world.write(tmp_path, seed=5, month="2026-10", calls=200)
    kinds = {"anthropic", "openai", "invoices", "proxy", "traces"}
    for path in sorted(tmp_path.rglob("*")):
        kind = path.relative_to(tmp_path).parts[0]
        if path.is_file() and kind in kinds:
            traces = [form.name for form in TRACE_FORMATS if form.detect(read_head(path))]
            noise = read_head(path).startswith(b"panic:")
            assert traces == (["otlp_json"] if kind == "traces" and not noise else []), path


@pytest.mark.parametrize(
    "text", [b"", b"\n\n\n\n\n\n", b"  \r\n", b"\xef\xbb\xbf", b"[", b'{"resou', b"\n\n{\n", b"{}"]
)
def test_text_that_may_be_json_is_read_line_by_line(text: bytes) -> None:
    assert trace_format(text, None).name == "otlp_json"


def test_noise_before_json_is_not_the_format_of_the_file() -> None:
    assert trace_format(b'panic: made up\n{"resourceSpans":[]}\n', None).name == "otlp_json"


OTHERS = [
    (b"hello", "unknown_format"),
    (b"Timestamp,TraceId\n", "unknown_format"),
    (b"\xff\xfe{\0", "utf16"),
    (b"\0" * 100, "binary_file"),
    (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "binary_file"),
    (b"PK\x03\x04\0\0", "binary_file"),
    (b"\n\x05hello\0", "binary_file"),
    (b"ABCD\n\x00", "binary_file"),
]


@pytest.mark.parametrize(("head", "code"), OTHERS)
def test_what_is_in_no_format_is_told(head: bytes, code: str) -> None:
    with pytest.raises(SourceError) as refused:
        trace_format(head, None)
    assert refused.value.code == code


def test_a_length_with_the_letters_of_text_is_no_frame(month: list) -> None:
    assert "otlp_frames" not in _takers(b'ABCD{"a":1}')


def test_messages_without_spans_before_others_are_frames(month: list) -> None:
    assert _takers(framed([b"", b"", message(month[0])])) == ["otlp_frames"]


def test_column_order_does_not_matter() -> None:
    header = ",".join(reversed(COLUMNS)).encode()
    assert _takers(b"\xef\xbb\xbf" + header + b"\n") == ["clickhouse_csv"]


def test_the_settings_may_name_the_format(month: list, landing: Callable[..., Any]) -> None:
    assert landing(BUILDERS["frames"][1](month[:1]), format="otlp_frames").format == "otlp_frames"
    (reject,) = landing(b"{}", format="otlp").rejects
    assert reject["code"] == "unknown_format"
    assert all(f'"{form.name}"' in reject["advice"] for form in TRACE_FORMATS)


LOGS = ExportLogsServiceRequest()
_LOG = (
    LOGS.resource_logs.add()
    .scope_logs.add()
    .log_records.add(
        time_unix_nano=1_790_000_000 * 10**9, severity_text="INFO", trace_id=b"\x01" * 16, span_id=b"\x02" * 8
    )
)
_LOG.body.string_value = "claude_code.api_request"
_LOG.attributes.add(key="cost_usd").value.double_value = 0.5
METRICS = ExportMetricsServiceRequest()
_METRIC = (
    METRICS.resource_metrics.add()
    .scope_metrics.add()
    .metrics.add(name="claude_code.cost", description="cost of the session", unit="USD")
)
_METRIC.sum.data_points.add(as_double=0.5, time_unix_nano=1_790_000_000 * 10**9)
SIGNALS = [
    LOGS.SerializeToString(),
    METRICS.SerializeToString(),
    framed([LOGS.SerializeToString()]),
    framed([METRICS.SerializeToString()]),
    b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"claude_code.api_request"}}]}]}]}\n',
    b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"claude_code.token.usage"}]}]}]}\n',
]


@pytest.mark.parametrize("data", SIGNALS)
def test_logs_and_metrics_are_refused_and_counted(data: bytes, landing: Callable[..., Any]) -> None:
    landed = landing(data)
    assert landed.spans.height == 0
    assert [reject["code"] for reject in landed.rejects] == ["not_traces"]
    assert "source of its own" in landed.rejects[0]["advice"]


def test_logs_between_traces_cost_no_span(month: list, landing: Callable[..., Any]) -> None:
    alone = landing(framed([message(month[0]), message(month[1])])).spans
    mixed = landing(framed([message(month[0]), LOGS.SerializeToString(), message(month[1])]))
    assert mixed.spans.equals(alone)
    assert [(reject["code"], reject["line"]) for reject in mixed.rejects] == [("not_traces", 2)]
