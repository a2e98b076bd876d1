"""Exports of consoles and gateways that are cut, doubled or spoilt lose nothing but what the damage took."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import SourceError
from pipeline.formats import by_name, detect
from pipeline.provider import Parsed
from schemas.types import KIND_COLUMNS
from tests.providers.samples import SAMPLES

CASES = [
    pytest.param(name, content, id=f"{name}-{n}")
    for name, found in SAMPLES.items()
    for n, content in enumerate(found)
]
LINES = [case for case in CASES if not case.values[1].startswith(b"{\n")]
TABLES = [case for case in LINES if case.id.partition("-")[0].endswith("_csv")]


def _parsed(name: str, content: bytes) -> Parsed:
    parsed = by_name(name).parse(content)
    assert parsed.read == parsed.rows.height + len(parsed.rejects)
    assert all(reject.reason.endswith(".") and reject.advice.endswith(".") for reject in parsed.rejects)
    return parsed


def _counted(parsed: Parsed, lines: int) -> list[tuple]:
    """What the rows of the first lines count."""
    columns = [name for name in (*KIND_COLUMNS, "amount") if name in parsed.rows.columns]
    return parsed.rows.filter(pl.col("line") <= lines).select("line", "position", *columns).rows()


@pytest.mark.parametrize(("name", "content"), LINES)
def test_cut_at_any_byte_every_whole_line_is_kept(name, content) -> None:
    whole = _parsed(name, content)

    for cut in range(len(content)):
        lines = content[:cut].count(b"\n") + (content[cut : cut + 1] == b"\n")
        assert _counted(_parsed(name, content[:cut]), lines) == _counted(whole, lines)


@pytest.mark.parametrize("name", ["openrouter_activity_usage_json", "openrouter_activity_cost_json"])
def test_a_list_cut_at_any_byte_keeps_its_whole_records(name) -> None:
    (content,) = SAMPLES[name]

    for cut in range(len(content)):
        parsed = _parsed(name, content[:cut])
        assert parsed.rows.height == content[:cut].count(b"\n  }")
        assert len(parsed.rejects) == (1 if content[:cut].strip() and cut < len(content) else 0)


@pytest.mark.parametrize(("name", "content"), CASES)
@given(place=st.floats(0, 1), noise=st.binary(min_size=1, max_size=8))
def test_noise_is_counted_and_never_raised(name, content, place, noise) -> None:
    at = int(len(content) * place)

    _parsed(name, content[:at] + noise + content[at:])


@pytest.mark.parametrize(("name", "content"), TABLES)
def test_other_line_ends_and_a_byte_order_mark_change_nothing(name, content) -> None:
    changed = b"\xef\xbb\xbf" + content.removeprefix(b"\xef\xbb\xbf").replace(b"\n", b"\r\n")

    assert detect(changed, by_name(name).kind, None).name == name
    assert _parsed(name, changed).rows.equals(_parsed(name, content).rows)


@pytest.mark.parametrize(("name", "content"), CASES)
def test_an_empty_file_is_no_file(name, content) -> None:
    assert _parsed(name, b"").rows.is_empty()
    with pytest.raises(SourceError, match="empty"):
        detect(b"\n", by_name(name).kind, name)


@pytest.mark.parametrize(
    ("name", "content"), [case for case in CASES if "requests" in by_name(case.values[0]).kind]
)
def test_a_log_that_holds_its_records_twice_counts_them_once(name, content) -> None:
    once, twice = _parsed(name, content), _parsed(name, content + content)

    assert _counted(twice, 10**6) == _counted(once, 10**6)
    assert [reject.code for reject in twice.rejects] == ["repeated_record"] * once.rows.height


@pytest.mark.parametrize(("name", "content"), TABLES)
def test_a_header_that_lacks_what_is_needed_names_it(name, content) -> None:
    header, _, rest = content.decode().partition("\n")
    lost = {"requests": "created_at" if "openrouter" in name else "startTime"}
    column = lost.get(by_name(name).kind) or next(
        c for c in ("end_time", "usage_date_utc", "created_at") if c in header
    )

    (reject,) = _parsed(name, f"{header.replace(column, 'when')}\n{rest}".encode()).rejects

    assert (reject.line, reject.code) == (1, "missing_column")
    assert column.lower() in reject.reason
