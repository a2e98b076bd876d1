"""Every column of every table that is not a file's comes from somewhere, or says why not."""

import pytest

from schemas.lineage import FROM, MADE, sources
from schemas.tables import BY_NAME, TABLES

MADE_TABLES = [table for table in TABLES if table.layer != "raw"]


@pytest.mark.parametrize("table", MADE_TABLES, ids=lambda table: table.name)
def test_every_column_has_a_source_or_a_reason(table) -> None:
    found, reasons = sources(table), MADE.get(table.name, {})

    assert [column for column in table.schema if column not in found and column not in reasons] == []
    assert all(reasons.values())


@pytest.mark.parametrize("table", MADE_TABLES, ids=lambda table: table.name)
def test_every_source_is_a_column_of_a_table_that_is_read(table) -> None:
    places = {place for found in sources(table).values() for place in found}

    assert [place for place in places if place[1] not in BY_NAME[place[0]].schema] == []
    assert {name for name, _ in places} <= set(table.reads)


@pytest.mark.parametrize("told", [FROM, MADE], ids=["named", "made"])
def test_only_columns_that_there_are_have_a_lineage(told) -> None:
    assert [
        (table, column)
        for table, columns in told.items()
        for column in columns
        if table not in BY_NAME or column not in BY_NAME[table].schema
    ] == []


def test_no_column_is_both_made_here_and_taken_from_elsewhere() -> None:
    assert [(table, set(MADE[table]) & set(FROM[table])) for table in MADE if table in FROM] == [
        (table, set()) for table in MADE if table in FROM
    ]


def test_what_is_computed_under_a_new_name_leads_to_what_it_is_computed_from() -> None:
    team = sources(BY_NAME["report.team"])
    metered = sources(BY_NAME["recon.bucket"])["metered_tokens"]

    assert team["billed_usd"] == (("recon.allocation", "usd"), ("recon.allocation", "view"))
    assert ("core.metered", "cache_read_tokens") in metered
    assert not any(name == "core.traced" for name, _ in metered)
