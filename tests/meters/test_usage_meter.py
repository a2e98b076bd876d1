"""The usage export as a meter: the latest pull wins, one grouping a day counts, nothing is added twice."""

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.meters import meter
from pipeline.period import Month
from pipeline.settings import Settings
from schemas.tables import BY_NAME

OCTOBER = Month(2026, 10)
D1 = "bucket_start_at | bucket_end_at"
ONE = "2026-10-01T00:00 | 2026-10-02T00:00"
TWO = "2026-10-02T00:00 | 2026-10-03T00:00"


def _empty(name: str) -> pl.DataFrame:
    return BY_NAME[name].schema.to_frame()


def _meter(usage, files=None, config=None):
    files = _empty("raw.file") if files is None else files
    own = (usage, _empty("raw.request"), _empty("raw.invoice"), files)
    found = meter(*own, config or Settings(), OCTOBER, cost=_empty("raw.cost"))
    BY_NAME["core.metered"].contract.validate(found.metered)
    BY_NAME["core.coverage"].contract.validate(found.coverage)
    return found


def _codes(found) -> list[str]:
    return [code for code in found.findings["code"].to_list() if code != "incomplete_export"]


def test_rows_are_added_up_by_what_core_tells_apart_and_unknown_stays_unknown(usage) -> None:
    rows = usage(f"""
        {D1}  | input_uncached_tokens | cache_read_tokens | output_tokens | request_count | dimensions
        {ONE} | 100                   | 10                | 5             | 2             | a
        {ONE} | 200                   | null              | 6             | null          | b
        {TWO} | 7                     | null              | 1             | 1             | a
    """)

    metered = _meter(rows).metered

    columns = [
        "bucket_start_at",
        "input_uncached_tokens",
        "cache_read_tokens",
        "output_tokens",
        "request_count",
    ]
    assert metered.select(columns).rows() == [
        (datetime(2026, 10, 1, tzinfo=UTC), 300, 10, 11, 2),
        (datetime(2026, 10, 2, tzinfo=UTC), 7, None, 1, 1),
    ]
    assert metered.select(
        "month", "provider", "account", "scope", "meter", "endpoint", "model"
    ).unique().rows() == [("2026-10", "openai", "main", "main", "usage", "completions", "gpt-4o-2024-08-06")]
    assert metered["input_audio_tokens"].to_list() == [None, None]


def test_what_the_export_does_not_tell_apart_is_all(usage) -> None:
    rows = usage(
        f"""
        {D1}  | grouping           | output_tokens | model  | service_tier | account
        {ONE} |                    | 1             | null   | null         | a
        {ONE} | model              | 1             | gpt-4o | null         | b
        {ONE} | model+service_tier | 1             | gpt-4o | default      | c
        {ONE} | model+service_tier | 1             | gpt-4o | null         | d
        {ONE} | batch+model        | 1             | null   | batch        | e
    """
    )

    assert _meter(rows).metered.sort("account").select("model", "service_tier").rows() == [
        ("all", "all"),
        ("gpt-4o-2024-08-06", "all"),
        ("gpt-4o-2024-08-06", "standard"),
        ("gpt-4o-2024-08-06", "standard"),
        ("unknown", "batch"),
    ]


def test_other_months_are_left_out(usage) -> None:
    rows = usage(f"""
        {D1}                                | output_tokens
        2026-09-30T00:00 | 2026-10-01T00:00 | 1
        2026-10-31T00:00 | 2026-11-01T00:00 | 2
        2026-11-01T00:00 | 2026-11-02T00:00 | 4
    """)

    assert _meter(rows).metered["output_tokens"].to_list() == [2]


def test_an_empty_bucket_is_covered_and_has_no_row(usage) -> None:
    rows = usage(f"""
        {D1}  | is_empty | model | output_tokens
        {ONE} | true     | null  | null
        {TWO} | false    | m     | 3
    """)

    found = _meter(rows)

    assert found.metered["output_tokens"].to_list() == [3]
    assert found.coverage["bucket_start_at"].dt.day().to_list() == [1, 2]
    assert set(found.coverage["grouping"]) == {"model"}
    assert found.unmapped.is_empty()


STATED = """
    uri | file_id | pulled_at        | pulled_at_basis
    x   | {older} | 2026-10-03T00:00 | {basis}
    y   | {newer} | 2026-10-05T00:00 | {basis}
"""


@pytest.mark.parametrize(("older", "newer"), [("aa", "zz"), ("zz", "aa")])
@pytest.mark.parametrize("basis", ["configured", "name", "modified"])
def test_the_later_pull_replaces_a_bucket_as_a_whole(usage, files, older, newer, basis) -> None:
    """The older pull had a row for another project that the newer one moved: it must not stay beside it."""
    rows = usage(f"""
        {D1}  | file_id | output_tokens | dimensions
        {ONE} | {older} | 10            | p1
        {ONE} | {older} | 20            | p2
        {ONE} | {newer} | 35            | p1
        {TWO} | {newer} | 1             | p1
        {TWO} | {older} | 1             | p1
    """)

    found = _meter(rows, files(STATED.format(older=older, newer=newer, basis=basis)))

    assert found.metered["output_tokens"].to_list() == [35, 1]
    assert _codes(found) == []


@pytest.mark.parametrize(("short", "long"), [("aa", "zz"), ("zz", "aa")])
def test_without_a_stated_time_the_pull_that_reaches_further_wins(usage, files, short, long) -> None:
    """Modified times of copied files say nothing: here the shorter pull was copied later."""
    rows = usage(f"""
        {D1}  | file_id | output_tokens | is_empty
        {ONE} | {short} | 10            | false
        {TWO} | {short} | null          | true
        {ONE} | {long}  | 12            | false
        {TWO} | {long}  | 3             | false
    """)
    pulled = files(f"""
        uri | file_id | pulled_at        | pulled_at_basis
        x   | {long}  | 2026-10-03T00:00 | modified
        y   | {short} | 2026-10-05T00:00 | modified
    """)

    assert _meter(rows, pulled).metered["output_tokens"].to_list() == [12, 3]


def test_a_stated_time_decides_over_the_reach(usage, files) -> None:
    rows = usage(f"""
        {D1}  | file_id | output_tokens
        {ONE} | late    | 12
        {ONE} | early   | 10
        {TWO} | early   | 3
    """)

    assert _meter(rows, files(STATED.format(older="early", newer="late", basis="name"))).metered[
        "output_tokens"
    ].to_list() == [12, 3]


def test_a_number_that_shrinks_is_reported_with_both_numbers(usage, files) -> None:
    rows = usage(f"""
        {D1}  | file_id | output_tokens
        {ONE} | older   | 1000
        {ONE} | newer   | 900
        {TWO} | older   | 5
        {TWO} | newer   | 6
    """)

    found = _meter(rows, files(STATED.format(older="older", newer="newer", basis="name")))

    assert found.metered["output_tokens"].to_list() == [900, 6]
    assert _codes(found) == ["shrinking_export"]
    shrunk = found.findings.filter(pl.col("code") == "shrinking_export").row(0, named=True)
    assert "from 1,000 to 900 tokens in 1 time step, first 2026-10-01 00:00 UTC" in shrunk["message"]
    assert shrunk["tokens"] == 100


def test_a_page_that_stands_twice_in_a_file_counts_once(usage) -> None:
    rows = usage(f"""
        {D1}  | line | output_tokens | dimensions
        {ONE} | 1    | 10            | a
        {ONE} | 2    | 10            | a
        {ONE} | 2    | 5             | b
    """)

    assert _meter(rows).metered["output_tokens"].to_list() == [15]


def test_two_groupings_of_one_traffic_are_never_added(usage) -> None:
    rows = usage(f"""
        {D1}                                | file_id | grouping | model | output_tokens
        {ONE}                               | f1      |          | null  | 30
        {ONE}                               | f2      | model    | m     | 30
        2026-10-01T00:00 | 2026-10-01T12:00 | f3      | model    | m     | 10
        2026-10-01T12:00 | 2026-10-02T00:00 | f3      | model    | m     | 20
    """)

    found = _meter(rows)

    assert found.metered.select("model", "output_tokens").rows() == [("m", 10), ("m", 20)]
    assert found.coverage.height == 2
    assert _codes(found) == []


def test_a_finer_grouping_that_lacks_traffic_yields_to_the_complete_one(usage) -> None:
    rows = usage(f"""
        {D1}  | file_id | grouping | model | output_tokens
        {ONE} | f1      |          | null  | 30
        {ONE} | f2      | model    | m     | 29
        {TWO} | f1      |          | null  | 7
        {TWO} | f2      | model    | m     | 7
    """)

    found = _meter(rows)

    assert found.metered.select("model", "output_tokens").rows() == [("all", 30), ("m", 7)]
    assert _codes(found) == ["groupings_disagree"]
    finding = found.findings.filter(pl.col("code") == "groupings_disagree").row(0, named=True)
    assert "is 30 tokens on 1 days, first 2026-10-01" in finding["message"]
    assert "only 29" in finding["message"]
    assert finding["tokens"] == 1


def test_a_coarser_pull_that_is_stale_is_no_finding(usage) -> None:
    rows = usage(f"""
        {D1}  | file_id | grouping | model | output_tokens
        {ONE} | f1      |          | null  | 20
        {ONE} | f2      | model    | m     | 30
    """)

    found = _meter(rows)

    assert found.metered["output_tokens"].to_list() == [30]
    assert _codes(found) == []


def test_a_grouping_with_the_project_is_finer_when_a_scope_needs_it(usage) -> None:
    rows = usage(f"""
        {D1}  | file_id | grouping                | project_id | model | service_tier | output_tokens
        {ONE} | f1      | model+service_tier      | null       | m     | flex         | 30
        {ONE} | f2      | model+project_id        | p9         | m     | null         | 20
        {ONE} | f2      | model+project_id        | p1         | m     | null         | 10
    """)
    scopes = Settings.model_validate(
        {"scopes": [{"name": "eval", "provider": "openai", "project_ids": ["p9"]}]}
    )

    assert _meter(rows).metered.select("scope", "service_tier", "output_tokens").rows() == [
        ("main", "flex", 30)
    ]
    assert _meter(rows, config=scopes).metered.select("scope", "service_tier", "output_tokens").rows() == [
        ("eval", "all", 20),
        ("main", "all", 10),
    ]


def test_endpoints_are_metered_side_by_side(usage) -> None:
    rows = usage(f"""
        {D1}  | endpoint    | output_tokens | input_uncached_tokens
        {ONE} | completions | 1             | 2
        {ONE} | embeddings  | null          | 4
    """)

    assert _meter(rows).metered.select("endpoint", "input_uncached_tokens").rows() == [
        ("completions", 2),
        ("embeddings", 4),
    ]


def test_missing_days_are_named(usage) -> None:
    rows = usage(f"""
        {D1}                                | output_tokens
        {ONE}                               | 1
        2026-10-02T00:00 | 2026-10-02T12:00 | 1
        2026-10-04T00:00 | 2026-10-31T00:00 | 1
    """)

    finding = _meter(rows).findings.row(0, named=True)

    assert finding["code"] == "incomplete_export"
    assert "lacks 3 of 31 days of 2026-10" in finding["message"]
    assert finding["message"].endswith("2026-10-02 to 2026-10-03, 2026-10-31.")


def test_hours_that_add_up_to_a_day_cover_it(usage) -> None:
    hours = "\n".join(
        f"2026-10-{day:02d}T{hour:02d}:00 | {_end(day, hour)} | 1"
        for day in range(1, 32)
        for hour in range(24)
    )

    assert _meter(usage(f"{D1} | output_tokens\n{hours}")).findings.is_empty()


def _end(day: int, hour: int) -> str:
    if hour < 23:
        return f"2026-10-{day:02d}T{hour + 1:02d}:00"
    return f"2026-10-{day + 1:02d}T00:00" if day < 31 else "2026-11-01T00:00"


def test_rows_without_a_model_are_listed_as_unmapped(usage) -> None:
    rows = usage(f"""
        {D1}  | model | output_tokens
        {ONE} | null  | 5
        {ONE} | m     | 6
    """)

    assert _meter(rows).unmapped.select("subject", "value", "origin", "rows", "tokens").rows() == [
        ("model", "unknown", "usage", 1, 5)
    ]


@settings(deadline=None, max_examples=25)
@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_and_files_changes_nothing(usage_rows, random) -> None:
    rows, pulled = usage_rows
    expected = _meter(rows, pulled)
    order = random.sample(range(rows.height), rows.height)

    found = _meter(rows[order], pulled[random.sample(range(pulled.height), pulled.height)])

    assert all(a.equals(b) for a, b in zip(found, expected, strict=True))


@pytest.fixture(scope="module")
def usage_rows():
    """Two pulls by model, a third without grouping, in all orders."""
    schema = BY_NAME["raw.usage"].schema
    base = {
        "source": "s",
        "provider": "openai",
        "account": "main",
        "endpoint": "completions",
        "is_empty": False,
    }
    rows = [
        {
            **base,
            "file_id": file,
            "line": 1,
            "position": day * 10 + n,
            "grouping": "model" if file != "c" else "",
            "model": f"m{n}" if file != "c" else None,
            "dimensions": f"{n}",
            "bucket_start_at": datetime(2026, 10, day, tzinfo=UTC),
            "bucket_end_at": datetime(2026, 10, day + 1, tzinfo=UTC),
            "output_tokens": day * 100 + n + (file == "b"),
        }
        for file in ("a", "b", "c")
        for day in range(1, 6)
        for n in range(1 if file == "c" else 3)
    ]
    return pl.DataFrame(rows, schema=schema), _empty("raw.file")


def test_a_scope_that_the_grouping_does_not_tell_is_found(usage) -> None:
    config = Settings.model_validate(
        {
            "scopes": [
                {"name": "eval", "provider": "openai", "project_ids": ["p9"]},
                {"name": "batch", "provider": "openai", "api_key_ids": ["k1"]},
                {"name": "other", "provider": "anthropic", "project_ids": ["w1"]},
            ]
        }
    )
    rows = usage(f"""
        {D1}  | output_tokens | grouping         | project_id
        {ONE} | 1             | model+project_id | p9
        {TWO} | 2             | model+project_id | p9
    """)

    found = _meter(rows, config=config).findings.filter(pl.col("code") == "scope_not_told")

    assert found["message"].to_list() == [
        "The usage export of openai account 'main' is not grouped by api_key_id on 2 days, first 2026-10-01: "
        "the usage of scope 'batch' cannot be told from the rest of the account."
    ]
