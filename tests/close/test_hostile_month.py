"""A month with bad files in it closes: the rest is untouched, and each of them is told with what to do."""

import gzip
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest
import zstandard
from markupsafe import escape

from assets.close import close_month, load_settings
from pipeline.period import Month
from reports.format import label
from schemas.tables import BY_NAME

MONTH = Month.parse("2026-10")
UNTOUCHED = ("bridge", "tieout", "evidence", "teams", "unmapped", "unmetered")
"""Exports that no bad record of a file of its own may change."""

NANOS = 1_792_000_000 * 10**9
"""On 14 October 2026."""

DAY = {"start_time": 1_792_022_400, "end_time": 1_792_108_800}
ANTHROPIC_DAY = {"starting_at": "2026-10-15T00:00:00Z", "ending_at": "2026-10-16T00:00:00Z"}
CALL = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4.1"}

LISTED_ALREADY = ("truncated", "not_json")
"""Reasons of which the simulated month has so many that the page shows others as examples."""

Tables = dict[str, pl.DataFrame]


def line(attributes: dict[str, Any] | None = None, **fields: Any) -> bytes:
    """A record with one span; one without attributes is not a call."""
    pairs = [{"key": key, "value": value} for key, value in (attributes or {}).items()]
    span = {"traceId": "ab" * 16, "spanId": "cd" * 8, "name": "tick", "kind": 1, "attributes": pairs,
            "startTimeUnixNano": str(NANOS), "endTimeUnixNano": str(NANOS + 10**9)} | fields  # fmt: skip
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode() + b"\n"


def counted(value: Any) -> bytes:
    """A call with this as its output tokens."""
    words = {key: {"stringValue": word} for key, word in CALL.items()}
    return line(words | {"gen_ai.usage.output_tokens": value})


def page(*results: Any, **more: Any) -> bytes:
    """A page of OpenAI's usage of completions."""
    bucket = {"object": "bucket", **DAY, "results": list(results)}
    return json.dumps({"object": "page", "data": [bucket], "has_more": False, **more}).encode()


def usage(**fields: Any) -> dict[str, Any]:
    base = {"object": "organization.usage.completions.result", "input_tokens": 10, "output_tokens": 5,
            "num_model_requests": 1, "project_id": "proj_data", "api_key_id": "key_x", "user_id": None,
            "model": "gpt-4.1-2025-04-14", "batch": False, "service_tier": "default"}  # fmt: skip
    return base | fields


def cost(**fields: Any) -> bytes:
    result = {"currency": "USD", "amount": "12.5", "cost_type": "tokens", **fields}
    return json.dumps({"data": [{**ANTHROPIC_DAY, "results": [result]}], "has_more": False}).encode()


class Bad(NamedTuple):
    """A file, and the rows it leaves in quarantine: code, line, words of the reason."""

    path: str
    content: bytes
    rows: tuple[tuple[str, int | None, str], ...]


TRACES, USAGE, COST = "traces/zz-", "openai/usage/completions-zz-2026-11-05-", "anthropic/cost/zz-2026-11-05-"
NOISE = b"".join(line(name=os.urandom(40).hex()) for _ in range(2000))
HUGE = {"gen_ai.input.messages": {"stringValue": "x" * 40_000_000}}

BAD = {
    "a truncated last line": Bad(TRACES + "cut", line() + counted({"intValue": "7"})[:300],
        (("truncated", 2, "stops in the middle after 300 bytes"),)),
    "a line that is not JSON": Bad(TRACES + "text", line() + b"Error: disk quota exceeded\n" + line(),
        (("not_json", 2, "(byte 0)"),)),
    "bad counts in spans": Bad(TRACES + "counts", counted({"intValue": "-3"})
        + counted({"stringValue": "many"}) + counted({"doubleValue": 1.5})
        + counted({"intValue": "900000000000"}) + counted({"boolValue": True}),
        (("count_negative", 1, "is -3, below 0"), ("count_not_integer", 2, "is text of 4 characters"),
         ("count_not_integer", 3, "is 1.5, not a whole"),
         ("count_absurd", 4, "is 900000000000, above 100000000"),
         ("count_not_integer", 5, "is true or false"))),
    "missing ids": Bad(TRACES + "ids", line(traceId="") + line(spanId=None),
        (("bad_trace_id", 1, "is missing"), ("bad_span_id", 2, "is missing"))),
    "invalid UTF-8 that is read": Bad(TRACES + "utf8", line({"gen_ai.request.model": {"stringValue": "MARK"}})
        .replace(b"MARK", b"\xff\xfe"), (("invalid_utf8", 1, "gen_ai.request.model"),)),
    "invalid UTF-8 that nobody reads": Bad(TRACES + "utf8-unread",
        line({"gen_ai.prompt": {"stringValue": "MARK"}}).replace(b"MARK", b"\xff\xfe"), ()),
    "a truncated gzip": Bad(TRACES + "cut.gz", gzip.compress(NOISE)[:90_000],
        (("broken_compression", None, "after 90000 bytes"),)),
    "a truncated zstd": Bad(TRACES + "cut.zst", zstandard.ZstdCompressor().compress(NOISE)[:70_000],
        (("broken_compression", None, "after 70000 bytes"),)),
    "an empty file": Bad(TRACES + "empty", b"", (("empty_file", None, "The file is empty."),)),
    "a blank file": Bad(TRACES + "blank", b" \r\n\n\t", (("empty_file", None, "The file is empty."),)),
    "an empty export": Bad(USAGE + "empty.json", b"\n", (("empty_file", None, "The file is empty."),)),
    "a line of 40 MB": Bad(TRACES + "huge", line(HUGE) + line(), ()),
    "a bad line of 40 MB": Bad(TRACES + "huge-bad", line(HUGE)[:-8] + b"\n" + line(),
        (("truncated", 1, "after 400"),)),
    "bad counts in usage": Bad(USAGE + "counts.json", page(*(usage(input_tokens=value, model="gpt-x")
        for value in (-1, "many", 1.5, 10**15))),
        (("bad_count", 1, "input_tokens is -1;"), ("bad_count", 1, "input_tokens is 'many', not a number"),
         ("bad_count", 1, "is '1.5', not a whole number"), ("bad_count", 1, "10000000000000"))),
    "a truncated page": Bad(USAGE + "cut.json", page(usage())[:200], (("invalid_json", 1, "Not JSON"),)),
    "an error instead of a page": Bad(USAGE + "error.json", b'{"error": {"message": "rate limited"}}',
        (("unknown_format", None, "no known format of kind 'usage'"),)),
    "a last page without rows": Bad(USAGE + "none.json",
        b'{"data": [], "has_more": false, "next_page": null}', ()),
    "a last cost page without rows": Bad(COST + "none.json",
        b'{"data": [], "has_more": false, "next_page": null}', ()),
    "no amount": Bad(COST + "amount.json", cost(amount="12,50"),
        (("bad_amount", 1, "'12,50', not an amount"),)),
    "no time": Bad(COST + "time.json", cost().replace(b"2026-10-15T", b"yesterday"),
        (("bad_time", 1, "not a time like"),)),
    "an invoice that is no TOML": Bad("invoices/zz.toml", b'invoice_id = "X"\ntotal = \n',
        (("invalid_manifest", 2, "Invalid value"),)),
    "a name with everything": Bad(TRACES + "a\n\"'<script>alert(1)[red]=1", b'{"resourceLogs": []}\n',
        (("not_traces", 1, "no resourceSpans"),)),
    "UTF-16": Bad(USAGE + "utf16.json", page(usage()).decode().encode("utf-16"),
        (("utf16", None, "is UTF-16 text"),)),
}  # fmt: skip


@pytest.fixture(scope="module")
def closed(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The month, closed as it is."""
    folder = Path(shutil.copytree(pristine, tmp_path_factory.mktemp("closed") / "month"))
    close_month(load_settings(folder / "tallystick.toml"), MONTH)
    return folder


@pytest.fixture
def folder(closed: Path, tmp_path: Path) -> Path:
    """A copy of the closed month that a test may spoil."""
    return Path(shutil.copytree(closed, tmp_path / "month"))


def tables(folder: Path) -> Tables:
    published = folder / "output" / "2026-10"
    found = {path.stem: pl.read_parquet(path) for path in published.glob("*.parquet")}
    return {**found, "allocation": found["allocation"].drop("x_InputHash")}  # of all inputs: changes with any


def closed_again(folder: Path) -> Tables:
    close_month(load_settings(folder / "tallystick.toml"), MONTH)
    return tables(folder)


def untouched(found: Tables, expected: Tables) -> bool:
    return all(found[name].equals(expected[name]) for name in UNTOUCHED)


def uri(path: str) -> str:
    return path.replace("\n", "%0A")


def assert_told(folder: Path, found: Tables, bad: Bad) -> None:
    """The rows of a bad file stand in the export, and the page shows them, escaped."""
    html = (folder / "output" / "2026-10" / "index.html").read_text("utf-8")
    rows = found["quarantine"].filter(pl.col("uri") == uri(bad.path)).sort("line", "position").to_dicts()
    assert [(row["code"], row["line"]) for row in rows] == [(code, number) for code, number, _ in bad.rows]
    for row, (_, _, words) in zip(rows, bad.rows, strict=True):
        assert words in row["reason"]
        assert row["line"] is not None or row["byte_offset"] is not None or row["position"] is None
        assert row["advice"].endswith(".")
        assert len(row["advice"].split()) > 2
    listed = [row for row in rows if row["code"] not in LISTED_ALREADY]
    assert all(str(escape(label(row["uri"]))) in html for row in listed)
    assert all(row["code"] in html for row in rows)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_told_and_leaves_the_rest_of_the_month_alone(
    closed: Path, folder: Path, name: str
) -> None:
    bad = BAD[name]
    (folder / bad.path).write_bytes(bad.content)
    found, expected = closed_again(folder), tables(closed)
    assert untouched(found, expected)
    assert_told(folder, found, bad)
    assert found["quarantine"].height == expected["quarantine"].height + len(bad.rows)


def test_all_bad_files_together_leave_the_rest_of_the_month_alone(closed: Path, folder: Path) -> None:
    for bad in BAD.values():
        (folder / bad.path).write_bytes(bad.content)
    found, expected = closed_again(folder), tables(closed)
    assert untouched(found, expected)
    assert found["quarantine"].height == expected["quarantine"].height + sum(
        len(bad.rows) for bad in BAD.values()
    )
    pages = [path.read_text("utf-8") for path in (folder / "output").rglob("*.html")]
    assert not any("<script>alert" in html for html in pages)
    (message,) = found["open_items"].filter(
        (pl.col("code") == "quarantine") & pl.col("message").str.contains("'openai-usage'")
    )["message"]
    assert message.startswith("8 of ")


def test_names_that_are_no_files_are_told(
    closed: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "traces" / "zz-circle").symlink_to("zz-circle")
    (folder / "traces" / "zz-outside").symlink_to("/etc/hostname")
    (folder / "traces" / "zz-folder.jsonl").mkdir()
    (folder / "traces" / "zz-folder.jsonl" / "inner").write_bytes(b"what\n")
    (folder / "invoices" / "zz-folder.toml").mkdir()
    os.mkfifo(folder / "traces" / "zz-pipe")
    found = closed_again(folder)
    assert untouched(found, tables(closed))
    rows = {row["uri"]: row["reason"] for row in found["quarantine"].to_dicts() if "zz" in row["uri"]}
    assert set(rows) == {"traces/zz-circle", "traces/zz-folder.jsonl/inner"}
    assert "symbolic links" in rows["traces/zz-circle"]
    for told in (
        "zz-outside is not read: a link that leaves",
        "zz-pipe is not read",
        "zz-folder.toml is not",
    ):
        assert told in caplog.text


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_told(closed: Path, folder: Path) -> None:
    bad = Bad(TRACES + "locked", line(), (("unreadable_file", None, "Permission denied"),))
    (folder / bad.path).write_bytes(bad.content)
    (folder / bad.path).chmod(0)
    found = closed_again(folder)
    assert untouched(found, tables(closed))
    assert_told(folder, found, bad)


def _times(text: str) -> str:
    return text.replace('T00:00:00Z"', 'T00:00:00"')


def _numbers(text: str) -> str:
    content = json.loads(text)
    for bucket in content["data"]:
        for result in bucket["results"]:
            result |= {"output_tokens": float(result["output_tokens"]), "a_new_key": {"of": ["theirs"]}}
    return json.dumps(content | {"also_new": 1})


SAME = {
    "cents as text, times without offset": ("anthropic/cost", _times),
    "usage times without offset": ("anthropic/usage", _times),
    "whole floats and unknown keys": ("anthropic/usage", _numbers),
}


@pytest.mark.parametrize("name", SAME)
def test_what_is_unusual_is_read_right(closed: Path, folder: Path, name: str) -> None:
    place, change = SAME[name]
    for path in (folder / place).iterdir():
        text = path.read_text("utf-8")
        path.write_text(change(text), "utf-8")
        assert path.read_text("utf-8") != text
    found, expected = closed_again(folder), tables(closed)
    assert {name for name, frame in found.items() if not frame.equals(expected[name])} == set()


def test_costs_in_cents_as_text_are_dollars(folder: Path) -> None:
    """2.65 on the invoice is made of text like "265.00" in the cost export."""
    amounts = [
        result["amount"]
        for path in (folder / "anthropic" / "cost").iterdir()
        for bucket in json.loads(path.read_text("utf-8"))["data"]
        for result in bucket["results"]
        if result["cost_type"] == "web_search"
    ]
    assert all(isinstance(amount, str) for amount in amounts)
    assert sum(pl.Series(amounts).cast(pl.Decimal(20, 4))) == 100 * _component(
        tables(folder), "fees", "anthropic"
    )


def _component(found: Tables, component: str, provider: str) -> Any:
    rows = found["tieout"].filter((pl.col("component") == component) & (pl.col("provider") == provider))
    return rows["usd"].sum()


Change = Callable[[str], str]
INVOICES: dict[str, tuple[str, Change, tuple[str, ...]]] = {
    "wrong arithmetic": (
        "openai", lambda text: text.replace("[[lines]]", '[[lines]]\namount = "1.25"\n\n[[lines]]', 1),
        ("invoice_arithmetic", "the difference of -1.25", "Compare the manifest with the invoice"),
    ),
    "no exchange rate": (
        "mistral_ai", lambda text: text.replace('"EUR"', '"SEK"'),
        ("unknown_currency", "SEK", '[exchange_rates] SEK = "..."'),
    ),
    "no currency": (
        "mistral_ai", lambda text: text.replace('"EUR"', '"Euro"'),
        ("quarantine", "records of source 'invoices'", "See quarantine.csv"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", INVOICES)
def test_a_wrong_invoice_is_told_and_leaves_the_bridge_alone(closed: Path, folder: Path, name: str) -> None:
    provider, change, told = INVOICES[name]
    path = folder / "invoices" / f"{provider}-2026-10.toml"
    path.write_text(change(path.read_text("utf-8")), "utf-8")
    found, expected = closed_again(folder), tables(closed)
    (item,) = (
        found["open_items"]
        .filter(pl.col("code") == told[0], pl.col("message").str.contains(told[1], literal=True))
        .to_dicts()
    )
    assert told[2] in item["advice"]
    others = pl.col("provider") != provider
    for table in ("bridge", "tieout"):
        mine, theirs = found[table].filter(others), expected[table].filter(others)
        assert mine.equals(theirs) if table == "tieout" else is_nearly(mine, theirs)


def is_nearly(found: pl.DataFrame, expected: pl.DataFrame) -> bool:
    """Whether all that is exact is the same, and all else inside the interval that it had.

    Rates are learned from the month as a whole, so that a meter more or less may move estimates a little.
    """
    firm = pl.col("basis") == "exact"
    key = BY_NAME["recon.bridge"].contract.to_schema().unique
    both = expected.filter(~firm).join(found.filter(~firm), on=key, how="full", suffix="_now")
    inside = pl.col("tokens_now").is_between("tokens_low", "tokens_high").fill_null(value=False)
    return (
        found.filter(firm).equals(expected.filter(firm))
        and both.height > 0
        and bool(both.select(inside.all()).item())
    )
