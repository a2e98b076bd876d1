"""A simulated month with contracts: from the configuration to the bridge, the bill and the check."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from assets.close import close_month, landed_models, load_settings
from pipeline.metering.zones import local_day
from pipeline.period import Month
from pipeline.preflight import check
from pipeline.pricing import RateCard
from pipeline.providers import PROVIDERS
from pipeline.tokens import unpivot
from pipeline.warehouse import Warehouse
from schemas.tables import BY_NAME

MONTH = Month.parse("2026-10")
CELL = ["provider", "account", "scope", "model", "service_tier", "token_kind"]
HALF = date(2026, 10, 15)
MID_MONTH = """
[[contracts]]
name = "half"
provider = "anthropic"
models = ["claude-*"]
discount_percent = "12.5"
valid_from = 2026-10-15
"""
LAPSED = """
[[contracts]]
name = "half"
provider = "anthropic"
discount_percent = "12.5"
valid_from = 2026-09-01
floor = { monthly_tokens = 1_000_000_000_000, grace_months = 0, notice_days = 14, counts_from = "2026-10" }
"""


def closed(folder: Path, contracts: str) -> dict[str, pl.DataFrame]:
    """Add contracts, close the month, return its tables."""
    with (folder / "tallystick.toml").open("a", encoding="utf-8") as file:
        file.write(contracts)
    settings = load_settings(folder / "tallystick.toml")
    close_month(settings, MONTH)
    names = (
        "core.metered", "recon.bridge", "recon.expected_rate", "recon.tieout", "recon.finding", "recon.claim",
        "recon.evidence", "report.close",
    )  # fmt: skip
    with Warehouse.open(settings.warehouse_file) as warehouse:
        return {name: warehouse.read(BY_NAME[name], "month = $month", month=str(MONTH)) for name in names}


def by_hand(metered: pl.DataFrame, settings_without: RateCard, discounted_days) -> dict[tuple, Decimal]:
    """Dollars by cell: tokens of each day at list, less an eighth on some days; cells without a price left out."""
    days = metered.with_columns(day=local_day(pl.col("bucket_start_at")))
    sums: dict[tuple, Decimal] = {}
    for *cell, day, tokens in unpivot(days, [*CELL[:-1], "day"]).select(*CELL, "day", "tokens").iter_rows():
        if cell[0] != "anthropic":
            continue
        rate = settings_without.rate(cell[0], cell[3], cell[4], cell[5], day).usd_per_token
        if rate is not None:
            share = Decimal("0.875") if discounted_days(day) else Decimal(1)
            sums[tuple(cell)] = sums.get(tuple(cell), Decimal(0)) + tokens * rate * share
    return {cell: usd for cell, usd in sums.items() if usd}


def of_bridge(bridge: pl.DataFrame) -> dict[tuple, Decimal]:
    sums = bridge.filter(pl.col("provider") == "anthropic").group_by(CELL).agg(pl.col("usd").sum())
    return {tuple(row[:-1]): row[-1] for row in sums.rows() if row[-1]}


@pytest.mark.parametrize(
    ("contracts", "is_discounted"),
    [(MID_MONTH, lambda day: day >= HALF), (LAPSED, lambda day: day < HALF)],
    ids=["starts", "lapses"],
)
def test_terms_that_change_at_mid_month_price_each_day_and_show_as_price(
    month_folder: Path, contracts: str, is_discounted
) -> None:
    listed = RateCard(load_settings(month_folder / "tallystick.toml"), PROVIDERS)

    tables = closed(month_folder, contracts)

    assert of_bridge(tables["recon.bridge"]) == by_hand(tables["core.metered"], listed, is_discounted)
    runs = tables["recon.expected_rate"].filter(pl.col("provider") == "anthropic")
    known = runs.filter(pl.col("usd_per_token").is_not_null())
    assert set(known["valid_from"]) == {MONTH.first_day, HALF}
    lower = known.filter(pl.col("usd_per_token") < pl.col("list_usd_per_token"))
    assert {is_discounted(day) for day in lower["valid_from"]} == {True}
    assert set(lower["contract"]) == {"half"}
    tieout = tables["recon.tieout"].filter(pl.col("provider") == "anthropic")
    assert tieout.filter(pl.col("component") == "price")["usd"].sum() > 0
    version = tables["report.close"]["price_card_version"][0]
    assert set(tables["recon.expected_rate"]["price_card_version"]) == {version}


def test_a_claim_has_one_rate_and_its_evidence_keeps_its_tokens(month_folder: Path) -> None:
    tables = closed(month_folder, MID_MONTH)

    claimed, shown = tables["recon.claim"], tables["recon.evidence"]

    assert shown["tokens"].sum() == claimed["tokens"].sum()
    of_steps = claimed.group_by("step").agg(pl.col("tokens").sum()).filter(pl.col("tokens") != 0).sort("step")
    sums = shown.group_by("step").agg(pl.col("tokens").sum()).filter(pl.col("tokens") != 0).sort("step")
    assert sums.rows() == of_steps.rows()


def test_a_missed_floor_and_missing_history_are_findings_and_the_month_closes(month_folder: Path) -> None:
    history = LAPSED.replace('counts_from = "2026-10"', "recovers = false")

    found = dict(closed(month_folder, history)["recon.finding"].select("code", "message").rows())

    assert "2026-09 is not known" in found["floor_not_judged"]
    assert "lapsed on 2026-10-15" in found["contract_lapsed"]
    assert "1,000,000,000,000 tokens a month" in found["volume_floor_missed"]


def test_rival_contracts_close_the_month_without_a_rate_and_the_check_names_both(month_folder: Path) -> None:
    rivals = MID_MONTH + MID_MONTH.replace("half", "third").replace("12.5", "33.3")

    tables = closed(month_folder, rivals)

    assert "contract_overlap" in set(tables["recon.finding"]["code"])
    assert tables["report.close"]["status"][0] != "complete"
    anthropic = tables["recon.bridge"].filter(pl.col("provider") == "anthropic")
    assert anthropic["usd"].null_count() > 0
    settings = load_settings(month_folder / "tallystick.toml")
    assert [problem.where for problem in check(settings) if "contract" in problem.where] == [
        "contracts 'half' and 'third'"
    ]


def test_the_check_tells_which_contracts_meet_nothing_that_is_landed(month_folder: Path) -> None:
    more = (
        MID_MONTH.replace("half", "models").replace("claude-*", "claud-*"),
        MID_MONTH.replace("half", "account") + 'account = "hearth"\n',
        MID_MONTH.replace("half", "provider").replace("anthropic", "groq"),
    )
    closed(month_folder, MID_MONTH + "".join(more))
    settings = load_settings(month_folder / "tallystick.toml")

    told = {
        problem.where: problem.message
        for problem in check(settings, landed_models(settings))
        if problem.where.startswith("contract '")
    }

    assert set(told) == {"contract 'models'", "contract 'account'", "contract 'provider'"}
    assert "its models are claud-*, landed are claude-" in told["contract 'models'"]
    assert "its account is 'hearth', landed are hearth-anthropic" in told["contract 'account'"]
    assert "its provider is groq, landed are anthropic" in told["contract 'provider'"]
    assert [problem for problem in check(settings) if problem.where.startswith("contract '")] == []
