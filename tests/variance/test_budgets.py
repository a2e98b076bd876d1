"""What teams may spend, have spent, and are on their way to."""

from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest
from pydantic import ValidationError

from pipeline.budget_settings import Budget, budgets_of
from pipeline.period import Month
from pipeline.preflight import check
from pipeline.settings import Settings
from pipeline.variance.budgets import budget_findings, budget_rows
from schemas.tables import BY_NAME

D = Decimal
NOVEMBER = Month(2026, 11)
RED = Budget(team="red", usd=D(1000))


@pytest.fixture
def tables(table, bridge):
    """A month of two teams, metered to the 12th: openai is billed, mistral_ai has no bill yet."""

    def build(last: datetime = datetime(2026, 11, 13, tzinfo=UTC)) -> dict[str, pl.DataFrame]:
        schema = BY_NAME["core.metered"].schema
        place = {"month": "2026-11", "provider": "openai", "account": "acme", "scope": "acme", "model": "m"}
        hour = {**place, "meter": "usage", "endpoint": "all", "service_tier": "standard", "output_tokens": 5}
        late = {**hour, "output_tokens": 0, "bucket_end_at": datetime(2026, 11, 30, tzinfo=UTC)}
        team = BY_NAME["report.team"].schema
        zero = {name: 0 for name, kind in team.items() if kind != pl.String and name != "is_pool"}
        return {
            "core.metered": pl.DataFrame([{**hour, "bucket_end_at": last}, late], schema=schema),
            "report.team": table("team | billed_usd\nred | 400\nblue | 90", team, **zero, month="2026-11", is_pool=False),
            "recon.tieout": table(
                "component | usd\nbilled | 490", BY_NAME["recon.tieout"].schema, month="2026-11",
                provider="openai", account="acme", invoice_id="A",
            ),
            "recon.bridge": bridge(
                "2026-11",
                """
                team | provider   | model | token_kind | tokens | usd
                red  | openai     | m     | output     | 10     | 390
                red  | mistral_ai | m     | output     | 10     | 80
                red  | mistral_ai | n     | output     | 3      | null
                """,
            ),
        }  # fmt: skip

    return build


def test_spent_is_what_is_billed_and_what_no_bill_tells_of_yet(tables) -> None:
    (row,) = budget_rows([RED], NOVEMBER, tables()).to_dicts()

    assert (row["billed_usd"], row["awaited_usd"], row["allocated_usd"]) == (400, 80, 480)
    assert row["awaited_unpriced_tokens"] == 3
    assert row["left_usd"] == 520


def test_the_pace_goes_by_the_last_day_on_which_tokens_are_metered(tables) -> None:
    """480 in 12 of 30 days is 1,200 in all of them."""
    (row,) = budget_rows([RED], NOVEMBER, tables()).to_dicts()

    assert (row["metered_to"], row["days_elapsed"], row["days_in_month"]) == (date(2026, 11, 12), 12, 30)
    assert (row["projected_usd"], row["over_usd"]) == (1200, 200)


def test_a_pace_that_is_no_whole_cent_is_kept_to_a_millionth_of_a_millionth(tables) -> None:
    (row,) = budget_rows([RED], NOVEMBER, tables(datetime(2026, 11, 8, tzinfo=UTC))).to_dicts()

    assert row["projected_usd"] == D("2057.142857142857")


def test_without_a_metered_day_there_is_no_pace(tables) -> None:
    found = {**tables(), "core.metered": BY_NAME["core.metered"].schema.to_frame()}

    (row,) = budget_rows([RED], NOVEMBER, found).to_dicts()

    assert (row["days_elapsed"], row["projected_usd"], row["over_usd"]) == (None, None, None)


@pytest.mark.parametrize(
    ("usd", "code", "severity", "amount"),
    [
        ("450", "over_budget", "warning", 30),
        ("1000", "over_budget_soon", "note", 200),
        ("1200", None, None, None),
    ],
)
def test_a_team_beyond_its_budget_or_on_the_way_there_is_named(tables, usd, code, severity, amount) -> None:
    budgets = [Budget(team="red", usd=D(usd))]
    rows = budget_rows(budgets, NOVEMBER, tables())

    found = budget_findings(budgets, NOVEMBER, rows, {"red"})

    wanted = [] if code is None else [(code, severity, "red", D(amount))]
    assert found.select("code", "severity", "team", "usd").rows() == wanted


def test_a_budget_of_a_team_without_any_usage_is_told(tables) -> None:
    budgets = [Budget(team="rde", usd=D(5)), Budget(team="old", usd=D(5), valid_to=date(2026, 11, 1))]
    rows = budget_rows(budgets, NOVEMBER, tables())

    found = budget_findings(budgets, NOVEMBER, rows, {"red"})

    assert rows.select("team", "allocated_usd").rows() == [("rde", D(0))]
    assert found.select("code", "team").rows() == [("budget_without_team", "rde")]


def test_a_budget_holds_in_the_months_whose_first_day_it_covers() -> None:
    old = Budget(team="red", usd=D(1), valid_to=date(2026, 11, 2))
    new = Budget(team="red", usd=D(2), valid_from=date(2026, 11, 2))

    assert [budgets_of([old, new], Month(2026, number)) for number in (10, 11, 12)] == [
        {"red": 1}, {"red": 1}, {"red": 2}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("budgets", "words"),
    [
        ([{"team": "red", "usd": 5}, {"team": "red", "usd": 6, "valid_from": "2026-05-01"}], "two budgets"),
        ([{"team": "red", "usd": 0}], "greater than 0"),
        ([{"team": "red", "usd": 1, "valid_from": "2026-05-01", "valid_to": "2026-05-01"}], "not after"),
    ],
)
def test_budgets_that_cannot_hold_are_refused(budgets, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Settings.model_validate({"budgets": budgets})


def test_a_check_names_the_team_that_nobody_knows_and_the_nearest_word(tmp_path) -> None:
    (tmp_path / "traces").mkdir()
    settings = Settings.model_validate(
        {
            "root": tmp_path,
            "sources": [{"name": "t", "kind": "traces", "uri": "traces"}],
            "teams": [{"team": "search", "service": "*"}],
            "budgets": [{"team": team, "usd": 5} for team in ("searhc", "search", "closed", "unowned")],
        }
    )

    found = [each for each in check(settings, teams=frozenset({"closed"})) if each.where.startswith("budget")]

    assert [(each.severity, each.where) for each in found] == [("warning", "budget of 'searhc'")]
    assert "Did you mean 'search'?" in found[0].message
