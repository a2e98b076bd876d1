"""A dump that is cut at any byte, plain or compressed, loses nothing but what the cut destroyed."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.content import open_content, read_lines
from pipeline.intake.decoding import DecodeOptions, decode

LINES = 12
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}
FAST = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def dump(request_line: Callable, span: Callable) -> bytes:
    lines = [
        request_line(
            span({"gen_ai.usage.input_tokens": i, "gen_ai.prompt": "äöü " * i}, spanId=f"{2 * i + 1:016x}"),
            span({"gen_ai.response.finish_reasons": ["stop"]}, spanId=f"{2 * i + 2:016x}"),
            resource={"service.name": "shop"},
        )
        for i in range(LINES)
    ]
    return "\n".join(lines).encode() + b"\n"


def _read(path: Path) -> tuple[list[int], int, int, str | None]:
    with open_content(path) as (content, stream):
        batches = list(decode(read_lines(content, stream), DecodeOptions()))
        rejects = sum(len(batch.rejects) for batch in batches)
        assert sum(batch.read for batch in batches) == sum(b.rows.height for b in batches) + rejects
        return (
            [n for b in batches for n in b.rows["line"].to_list()],
            rejects,
            content.bytes_out,
            content.broken,
        )


@FAST
@given(share=st.floats(0, 1))
@pytest.mark.parametrize("coding", COMPRESS)
def test_every_whole_line_before_the_cut_is_kept(
    tmp_path: Path, dump: bytes, coding: str, share: float
) -> None:
    stored = COMPRESS[coding](dump)
    path = tmp_path / "dump"
    path.write_bytes(stored[: int(len(stored) * share)])
    lines, rejects, size, broken = _read(path)
    ends = [i + 1 for i, byte in enumerate(dump[:size]) if byte == ord("\n")]
    missing_end = size + 1 in [i + 1 for i, byte in enumerate(dump) if byte == ord("\n")]
    whole = len(ends) + missing_end
    assert lines == [n for n in range(1, whole + 1) for _ in range(2)]
    cut_inside = size > (ends[-1] if ends else 0) and not missing_end
    assert rejects == (1 if cut_inside and broken is None else 0)


@FAST
@given(place=st.floats(0, 1), noise=st.binary(min_size=1, max_size=20))
def test_noise_in_a_line_never_hurts_the_others(
    tmp_path: Path, dump: bytes, place: float, noise: bytes
) -> None:
    at = max(int(len(dump) * place), 4)  # the first bytes of a file say how it is compressed
    path = tmp_path / "dump"
    path.write_bytes(dump[:at] + noise + dump[at:])
    lines, *_ = _read(path)
    broken_line = dump[:at].count(b"\n") + 1
    assert [n for n in lines if n < broken_line] == [n for n in range(1, broken_line) for _ in range(2)]
    behind = max(LINES - broken_line, 0)
    assert len([n for n in lines if n > broken_line]) >= 2 * behind


@FAST
@given(content=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "dump"
    path.write_bytes(content)
    _read(path)


@FAST
@given(place=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_flipped_byte_never_crashes(tmp_path: Path, dump: bytes, place: int, byte: int) -> None:
    at = place % len(dump)
    path = tmp_path / "dump"
    path.write_bytes(dump[:at] + bytes([byte]) + dump[at + 1 :])
    _read(path)
