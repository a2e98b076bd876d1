"""The same rows whatever reads them: one pass or many pieces, one worker or four, the scan or the exact decoder."""

import gzip
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from assets.bench_data import write_dump
from pipeline import executors, landing
from pipeline.content import open_content, read_lines
from pipeline.errors import TallystickError
from pipeline.intake import ahead, handover
from pipeline.intake.blocks import read_blocks, record_start
from pipeline.intake.decoding import Batch, DecodeOptions, decode
from pipeline.intake.json_decoding import decode_blocks
from pipeline.intake.parts import Piece, Read, read_piece
from pipeline.landing_settings import Landing
from pipeline.settings import Settings
from pipeline.source_settings import Source
from pipeline.warehouse import Warehouse
from schemas.tables import BY_NAME

OPTIONS = DecodeOptions(("feature", "team"))
SHARED = Path(__file__).parents[2].parent / "shared" / "data"
DUMPS = [*sorted((SHARED / "replayed" / "otlp").glob("*.gz")), SHARED / "otlp_trace_example.json"]
FEW = hypothesis_settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def _whole(batches: list[Batch]) -> tuple[pl.DataFrame, list[Any], int]:
    rows = pl.concat([batch.rows for batch in batches])
    return rows, [reject for batch in batches for reject in batch.rejects], sum(b.read for b in batches)


def assert_both_read_the_same(path: Path) -> None:
    with open_content(path) as (content, stream):
        slow = _whole(list(decode(read_lines(content, stream), OPTIONS)))
    with open_content(path) as (content, stream):
        fast = _whole(list(decode_blocks(read_blocks(stream, content), OPTIONS)))
    assert_frame_equal(fast[0], slow[0])
    assert fast[1:] == slow[1:]
    assert fast[2] == fast[0].height + len(fast[1])


@pytest.fixture
def odd_lines(request_line: Callable, span: Callable) -> list[bytes]:
    """Records of every kind that the scan has to leave to the exact decoder, between some that it takes."""
    usage = {
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 2,
    }
    resource = {"service.name": "shop", "team": "search"}
    plain = request_line(span(usage), span({"x": 1}), resource=resource)
    document = json.dumps(json.loads(plain), indent=2)
    odd_spans = [
        span(usage | {"gen_ai.usage.prompt_tokens": 8}), span(usage | {"gen_ai.usage.prompt_tokens": 7}),
        span(usage, name="Gespräch"), span(usage, name='a "b"'), span(usage, name="claude_code.llm"),
        span(usage, traceId="x"), span(usage, spanId="0" * 16), span(usage, kind="SPAN_KIND_SERVER"),
        span(usage, kind=77), span(usage, status={"code": 2, "message": "secret"}), span(usage, parentSpanId="B7AD6B7169203331"),
        span(usage, traceState="ot=th:c;rv:1"), span(usage, endTimeUnixNano="1"), span(usage, startTimeUnixNano=1.79e18),
        span({"gen_ai.usage.input_tokens": -1}), span({"gen_ai.usage.input_tokens": "many"}), span({"gen_ai.usage.input_tokens": 10**12}),
        span({"gen_ai.request.model": " spaced ", "gen_ai.input.messages": "count me", "error.type": "a message of many words"}),
        span({"gen_ai.request.model": "x" * 200, "gen_ai.prompt.0.content": "count me too"}),
        span({"gen_ai.response.finish_reasons": ["stop", "length"], "gen_ai.response.finish_reason": "stop"}),
        span({"server.address": "https://u:p@API.example.com:443/x", "url.full": "https://a.b/v1/x?y=z"}),
        span({"team": "büro", "feature": True, "session.id": ""}), span() | {"attributes": None}, span() | {"attributes": [{"key": "team"}]},
        span(events=[{"attributes": [{"key": "exception.type", "value": {"stringValue": "E"}}]}]),
        span() | {"attributes": [{"value": {"intValue": 5}, "key": "gen_ai.usage.input_tokens"}] * 2}, {"spanId": 3}, 4,
    ]  # fmt: skip
    lines = [
        plain,
        document,
        request_line(*odd_spans, resource=resource),
        "",
        "garbage",
        plain + ",",
        "[" + plain + "]",
    ]
    lines += [
        request_line(*odd_spans[:3], resource={"service.name": 5.5}),
        document[:-2],
        plain,
        "[",
        plain + ",",
        plain,
        "]",
    ]
    lines += [
        plain.replace('"resourceSpans"', '"resource\\u0053pans"'),
        plain.replace('"spans"', '"spans": [], "spans"'),
    ]
    lines += [
        plain.replace('"scope": {"name"', '"scope": {"name": 5, "x"'),
        plain.replace('"7"', "7"),
        plain.replace('"7"', "NaN"),
    ]
    lines += [
        plain.replace(": ", ":").replace(", ", ","),
        '{"resourceSpans": null}',
        '{"resourceLogs": []}',
        '{"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {"name": 5}, "spans": []}]}]}',
        '{"resourceSpans": [{"resource": {"attributes": 5}, "scopeSpans": []}]}',
        "{}",
        plain[:-9],
    ]
    return [line.encode() for line in lines] + [
        plain.encode().replace(b"gpt-4o", b"gpt\xff"),
        b"\xff" + plain.encode(),
    ]


def test_the_scan_and_the_exact_decoder_agree_on_odd_records(tmp_path: Path, odd_lines: list[bytes]) -> None:
    path = tmp_path / "dump"
    path.write_bytes(b"\xef\xbb\xbf" + b"\n".join(odd_lines))
    assert_both_read_the_same(path)
    for number, line in enumerate(odd_lines):
        path.write_bytes(line)
        assert_both_read_the_same(path)
        path.write_bytes(odd_lines[0] + b"\r\n" + line + b"\r\n" + odd_lines[number - 1] + b"\n\n")
        assert_both_read_the_same(path)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not there")
@pytest.mark.parametrize("path", DUMPS, ids=lambda path: path.name)
def test_the_scan_and_the_exact_decoder_agree_on_recorded_dumps(path: Path) -> None:
    assert_both_read_the_same(path)


@FEW
@given(data=st.data())
def test_the_scan_and_the_exact_decoder_agree_on_damaged_lines(
    tmp_path: Path, odd_lines: list[bytes], data: st.DataObject
) -> None:
    whole = bytearray(b"\n".join([odd_lines[0], odd_lines[2], odd_lines[0]]))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(whole) - 1))
        cut = data.draw(st.integers(0, 3))
        whole[at : at + cut] = data.draw(
            st.sampled_from(
                [
                    b"",
                    b'"',
                    b"\\",
                    b"{",
                    b"}",
                    b"[",
                    b"]",
                    b",",
                    b":",
                    b"0",
                    b"-",
                    b"\n",
                    b"\x00",
                    b"\xe4",
                    b"null",
                ]
            )
        )
    path = tmp_path / "dump"
    path.write_bytes(whole)
    assert_both_read_the_same(path)


def _landed(folder: Path, monkeypatch: pytest.MonkeyPatch, piece_bytes: int, how: Landing) -> dict[str, list]:
    """All raw rows in the order in which they lie in the warehouse."""
    settings = Settings(sources=(Source(name="otel", kind="traces", uri="traces"),), root=folder, landing=how)
    monkeypatch.setattr(
        landing.DecodeOptions, "of", lambda _: DecodeOptions(settings.label_attributes, (), 40, piece_bytes)
    )
    with Warehouse.open(None) as warehouse:
        landing.land(settings, warehouse)
        return {
            name: warehouse.read(BY_NAME[name]).drop("version", strict=False).rows()
            for name in ("raw.span", "raw.quarantine", "raw.file")
        }


@pytest.fixture
def month(traces: Path, odd_lines: list[bytes]) -> Path:
    """A folder with a dump of odd records, one of usual ones, and a compressed one."""
    (traces / "odd.jsonl").write_bytes(b"\n".join(odd_lines))
    write_dump(traces / "usual.jsonl", 300)
    (traces / "zipped.jsonl.gz").write_bytes(
        gzip.compress((traces / "usual.jsonl").read_bytes().replace(b"checkout", b"check-in"))
    )
    return traces.parent


@pytest.mark.parametrize("piece_bytes", [1, 97, 1_000, 50_000])
def test_a_cut_at_any_place_gives_the_same_rows(
    month: Path, monkeypatch: pytest.MonkeyPatch, piece_bytes: int
) -> None:
    if piece_bytes == 1:
        (month / "traces" / "usual.jsonl").unlink()
        (month / "traces" / "odd.jsonl").write_bytes(
            b"\n".join((month / "traces" / "odd.jsonl").read_bytes().split(b"\n")[:4])[:2_500]
        )
    whole = _landed(month, monkeypatch, 1 << 40, Landing(workers=1))
    assert len(whole["raw.span"]) > 2
    assert _landed(month, monkeypatch, piece_bytes, Landing(workers=2)) == whole


@pytest.mark.parametrize(
    "how", [Landing(workers=2), Landing(workers=4), Landing(executor="processes", workers=2)], ids=str
)
def test_the_same_rows_whatever_the_workers(
    month: Path, monkeypatch: pytest.MonkeyPatch, how: Landing
) -> None:
    alone = _landed(month, monkeypatch, 20_000, Landing(workers=1))
    assert _landed(month, monkeypatch, 20_000, how) == alone
    assert not [path.name for path in month.iterdir() if path.name.endswith(".parts")]


def test_parts_beyond_what_memory_holds_go_to_disk(month: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = _landed(month, monkeypatch, 20_000, Landing(workers=2))
    written: list[str] = []
    write = handover.Handover.write
    monkeypatch.setattr(handover.Handover, "write", lambda *told: written.append(told[1]) or write(*told))
    monkeypatch.setattr(handover, "HELD_BYTES", 0)
    assert _landed(month, monkeypatch, 20_000, Landing(workers=2)) == held
    assert len(written) > 3


def test_a_record_starts_where_a_bracket_stands_at_the_margin(tmp_path: Path) -> None:
    path = tmp_path / "dump"
    path.write_bytes(b'{"a":1}\n{\n "b":\n 2\n}\n[3]\n x')
    found = {first: record_start(path, first, 100) for first in range(27)}
    assert set(found.values()) == {0, 8, 21, None}
    assert [found[first] for first in (0, 1, 8, 9, 21, 22)] == [0, 8, 8, 21, 21, None]


def _kill_one(piece: Piece) -> Read:
    if piece.name.endswith("00003"):
        os.kill(os.getpid(), signal.SIGKILL)
    return read_piece(piece)


def test_a_killed_worker_is_told_and_the_next_landing_ends_the_same(
    month: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _landed(month, monkeypatch, 20_000, Landing(workers=1))
    settings = Settings(
        sources=(Source(name="otel", kind="traces", uri="traces"),),
        root=month,
        landing=Landing(executor="processes", workers=2),
    )
    with Warehouse.open(None) as warehouse:
        with monkeypatch.context() as patch:
            patch.setattr(ahead, "read_piece", _kill_one)
            with pytest.raises(TallystickError, match="A worker died while it read"):
                landing.land(settings, warehouse)
        landing.land(settings, warehouse)
        rows = {
            name: warehouse.read(BY_NAME[name]).drop("version", strict=False).rows()
            for name in ("raw.span", "raw.quarantine", "raw.file")
        }
    assert rows == whole


def test_what_a_killed_landing_left_is_removed(month: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = month / ".tallystick.duckdb.parts"
    left.mkdir()
    (left / "old.parquet").write_bytes(b"rubbish")
    assert _landed(month, monkeypatch, 20_000, Landing())["raw.span"]
    assert not left.exists()


def test_a_cluster_without_an_address_or_behind_a_wrong_one_is_told(
    month: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="needs the address of a scheduler"):
        Landing(executor="dask")
    monkeypatch.setattr(executors, "_CONNECT_SECONDS", 0.5)
    with (
        pytest.raises(TallystickError, match=r"no Dask scheduler at|not installed"),
        executors.open_executor(Landing(executor="dask", scheduler="tcp://127.0.0.1:9")),
    ):
        pass
