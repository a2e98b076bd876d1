"""Where traced rows meet the meter, and what becomes of those that do not."""

from collections.abc import Callable
from datetime import UTC, datetime

import polars as pl
import pytest

from pipeline.grid import Grid, Placed
from schemas.tables import BY_NAME

Frame = Callable[..., pl.DataFrame]
METERED = BY_NAME["core.metered"].schema
COVERAGE = BY_NAME["core.coverage"].schema
PLACE = {
    "provider": "openai",
    "account": "acme",
    "scope": "acme",
    "meter": "usage",
    "endpoint": "completions",
}
FIRST = {
    "bucket_start_at": datetime(2026, 10, 1, tzinfo=UTC),
    "bucket_end_at": datetime(2026, 10, 2, tzinfo=UTC),
}
TELLS_ALL = "model+project_id+service_tier"


@pytest.fixture
def place(table: Frame) -> Callable[..., Placed]:
    """Rows placed into a grid; calls named e... are embeddings."""

    def build(metered: str, coverage: str, rows: str) -> Placed:
        grid = Grid(
            table(metered, METERED, **PLACE, **FIRST, model="all", service_tier="all")
            if metered
            else METERED.to_frame(),
            table(coverage, COVERAGE, **{k: v for k, v in {**PLACE, **FIRST}.items() if k in COVERAGE}),
        )
        noon = datetime(2026, 10, 1, 12, tzinfo=UTC)
        traced = table(
            rows, BY_NAME["core.call"].schema, **PLACE_OF_CALLS, ended_at=noon, model="m", service_tier="flex"
        )
        embeddings = traced.filter(pl.col("call_id").str.starts_with("e"))["call_id"]
        return grid.place(traced, embeddings)

    return build


PLACE_OF_CALLS = {"provider": "openai", "account": "acme", "scope": "search"}
WORDS = ("call_id", "scope", "model", "service_tier")


def test_each_endpoint_tells_what_it_is_grouped_by(place: Callable[..., Placed]) -> None:
    # OpenAI groups completions by tier, embeddings not: an embedding lands in the tier `all` of its meter.
    found = place(
        """
        endpoint    | scope  | model | service_tier | input_uncached_tokens
        completions | search | m     | flex         | 5
        embeddings  | search | e     | all          | 5
        """,
        f"endpoint | grouping\ncompletions | {TELLS_ALL}\nembeddings | model+project_id",
        "call_id | model\nc | m\ne | e",
    )
    assert found.inside.select(WORDS).rows() == [("c", "search", "m", "flex"), ("e", "search", "e", "all")]


def test_each_day_tells_what_it_is_grouped_by(place: Callable[..., Placed]) -> None:
    found = place(
        """
        bucket_start_at  | bucket_end_at    | scope  | model | service_tier | output_tokens
        2026-10-01T00:00 | 2026-10-02T00:00 | search | m     | flex         | 5
        2026-10-02T00:00 | 2026-10-03T00:00 | acme   | all   | all          | 5
        """,
        f"""
        bucket_start_at  | bucket_end_at    | grouping
        2026-10-01T00:00 | 2026-10-02T00:00 | {TELLS_ALL}
        2026-10-02T00:00 | 2026-10-03T00:00 |
        """,
        "call_id | ended_at\n1 | 2026-10-01T12:00\n2 | 2026-10-02T12:00",
    )
    assert found.inside.select(WORDS).rows() == [("1", "search", "m", "flex"), ("2", "acme", "all", "all")]


def test_a_day_without_usage_still_tells_its_grouping(place: Callable[..., Placed]) -> None:
    found = place("", "grouping\nmodel", "call_id\n1")
    assert found.inside.select(WORDS).rows() == [("1", "acme", "m", "all")]


def test_scopes_that_no_metered_row_is_in_are_not_told_apart(place: Callable[..., Placed]) -> None:
    # Scopes by API key, an export grouped by project: everything is metered in the account.
    found = place("model | output_tokens\nm | 5", "grouping\nmodel+project_id", "call_id\n1")
    assert found.inside["scope"].to_list() == ["acme"]


def test_where_scopes_are_lumped_calls_go_where_the_meter_lumps_them(place: Callable[..., Placed]) -> None:
    # A scope without selectors holds all rows of an export that names no project.
    found = place("scope | model | output_tokens\nrest | m | 5", "grouping\nmodel", "call_id\n1")
    assert found.inside["scope"].to_list() == ["rest"]


def test_the_last_instant_of_a_step_is_inside_and_its_end_is_not(place: Callable[..., Placed]) -> None:
    found = place(
        "output_tokens\n5",
        "grouping\nmodel",
        "call_id | ended_at\n1 | 2026-10-01T00:00\n2 | 2026-10-01T23:59:59.999999\n3 | 2026-10-02T00:00",
    )
    assert found.inside["call_id"].to_list() == ["1", "2"]
    assert found.outside.select("call_id", "reason").rows() == [("3", "the export does not cover this time")]


def test_the_reason_says_which_export_is_lacking(place: Callable[..., Placed]) -> None:
    found = place(
        "",
        "account | endpoint | grouping\nacme | completions | model\nvec | embeddings | model",
        "call_id | account\ne1 | acme\nc2 | vec\nc3 | nobody",
    )
    assert found.outside.select("call_id", "reason").rows() == [
        ("e1", "the account has no export of embeddings"),
        ("c2", "the account has an export of embeddings only"),
        ("c3", "no usage export, request log or invoice quantity for this account"),
    ]


def test_what_nobody_bills_is_inside_without_any_meter(place: Callable[..., Placed]) -> None:
    found = place("", "grouping\nmodel", "call_id | provider\n1 | self_hosted")
    assert found.inside.select("bucket_start_at", "bucket_end_at").rows() == [tuple(FIRST.values())]
