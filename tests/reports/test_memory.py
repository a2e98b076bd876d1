"""What a month holds while its pages are made does not grow with the number of its teams."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import polars as pl
import pytest

from reports.evidence import LISTED, digest
from reports.mail import Letterhead
from reports.month import open_month
from reports.render import render_month
from tests.reports.conftest import CAUSES, MATERIALITY


def frames(thing: Any) -> Iterator[pl.DataFrame]:
    """Every frame that a value holds, however deep."""
    if isinstance(thing, pl.DataFrame):
        yield thing
    elif is_dataclass(thing) and not isinstance(thing, type):
        for field in fields(thing):
            yield from frames(getattr(thing, field.name))
    elif isinstance(thing, dict):
        for each in thing.values():
            yield from frames(each)
    elif isinstance(thing, (list, tuple)):
        for each in thing:
            yield from frames(each)


def many(month: dict[str, pl.DataFrame], teams: int) -> dict[str, pl.DataFrame]:
    """The month in which team payments is there so many times, under as many names."""
    found = dict(month)
    for name in ("recon.bridge", "report.team", "recon.evidence"):
        mine = month[name].filter(team="payments")
        copies = [mine.with_columns(pl.lit(f"team-{n}").alias("team")) for n in range(teams)]
        found[name] = pl.concat([month[name], *copies])
    return found


@pytest.mark.parametrize("teams", [2, 20])
def test_beside_the_tables_a_month_holds_two_frames_however_many_teams_it_has(make_month, teams: int) -> None:
    tables = many(make_month(), teams)
    opened = open_month(tables, CAUSES, "Acme", MATERIALITY)
    assert len(opened.owns) == 5 + teams
    own = [frame for frame in frames(opened) if not any(frame is table for table in tables.values())]
    assert len(own) == 2, "the largest rows of evidence, and their counts"


def test_pages_come_one_after_the_other(make_month) -> None:
    pages = render_month(open_month(many(make_month(), 3), CAUSES, "Acme", MATERIALITY), Letterhead())
    names = [next(pages)[0] for _ in range(4)]
    assert names[:2] == ["index.html", "index.eml"]
    assert names[3] == names[2].replace(".html", ".eml")


def test_of_the_evidence_only_the_largest_rows_of_each_step_and_team_are_kept(make_month) -> None:
    rows = make_month()["recon.evidence"].head(1)
    steps, teams = ("retries", "duplicate_spans"), ("b", "a")
    many_rows = pl.concat([
        rows.with_columns(step=pl.lit(step), team=pl.lit(team), span_id=pl.lit(f"{n:016x}"),
                          tokens=pl.lit(n, pl.Int64), usd=pl.lit(n, pl.Decimal(38, 12)))
        for n in range(LISTED + 9) for step in steps for team in teams
    ])  # fmt: skip
    found = digest(many_rows)
    kept = found.top.group_by("step", "team", maintain_order=True).agg(pl.col("tokens"))
    assert sorted(kept.select("step", "team").rows()) == sorted((s, t) for s in steps for t in teams)
    assert all(row == list(range(LISTED + 8, 8, -1)) for row in kept["tokens"].to_list())
    assert found.counts["rows"].to_list() == [LISTED + 9] * 4
