"""The same month gives the same spans, whatever format it was written in."""

import gzip
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
import zstandard
from polars.testing import assert_frame_equal

from pipeline.intake.decoding import DecodeOptions
from pipeline.settings import Settings
from tests.traces.dumps import BUILDERS

IN_ORDER = ("started_at", "trace_id", "span_id", "name", "output_tokens")


@pytest.fixture(scope="module")
def expected(month: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return month


def _sorted(spans: pl.DataFrame) -> pl.DataFrame:
    return spans.sort(*IN_ORDER)


@pytest.mark.parametrize("name", BUILDERS)
def test_every_format_gives_the_spans_of_the_json(name: str, month: list, landing: Callable) -> None:
    kind, build = BUILDERS[name]
    told = landing(build(month))
    plain = landing(BUILDERS["json"][1](month), "plain")
    assert (told.format, plain.format) == (kind, "otlp_json")
    assert plain.spans.height > 400
    assert told.rejects == plain.rejects == []
    assert_frame_equal(_sorted(told.spans), _sorted(plain.spans))


def _zstd_frames(content: bytes) -> bytes:
    """Several frames, as the exporter's native compression writes when it rotates."""
    middle = len(content) // 2
    return zstandard.compress(content[:middle]) + zstandard.compress(content[middle:])


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress, _zstd_frames])
@pytest.mark.parametrize("name", BUILDERS)
def test_a_compressed_file_is_the_same_file(
    name: str, compress: Callable, month: list, landing: Callable
) -> None:
    _, build = BUILDERS[name]
    assert_frame_equal(landing(compress(build(month[:5]))).spans, landing(build(month[:5]), "plain").spans)


@pytest.mark.parametrize("name", BUILDERS)
def test_a_dump_larger_than_a_piece_gives_the_same_spans_in_every_format(
    name: str, month: list, landing: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, build = BUILDERS[name]
    whole = landing(build(month))
    small = replace(DecodeOptions.of(Settings()), batch_rows=50, piece_bytes=20_000)
    monkeypatch.setattr(DecodeOptions, "of", lambda _: small)
    pieces = landing(build(month), "pieces")
    assert pieces.format == kind
    assert_frame_equal(pieces.spans, whole.spans)
