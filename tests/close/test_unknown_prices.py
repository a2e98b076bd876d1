"""What nobody can price does not stop a close: the month is preliminary, with an open item for each."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assets.close import land, load_settings, reconcile
from pipeline.period import Month
from pipeline.simulator.money import world
from pipeline.warehouse import Warehouse
from schemas.tables import BY_NAME

MONTH = "2029-10"
"""Years after the last price that the list has."""

RIVALS = "".join(
    f'\n[[contracts]]\nname = "{name}"\nprovider = "anthropic"\nmodels = ["claude-haiku-*"]\n'
    f'discount_percent = "{percent}"\nvalid_from = {since}\nvalid_to = {until}\n'
    for name, percent, since, until in (
        ("spring", 10, "2029-01-01", "2029-10-21"), ("autumn", 20, "2029-10-11", "2030-01-01"),
    )
)  # fmt: skip
"""Two contracts that overlap for ten days."""


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[dict[str, Any]]]]:
    """Findings, open items and the row of a month with a model, a currency and days that nobody prices."""
    folder = tmp_path_factory.mktemp("unknown")
    made = world.write(folder, seed=4, month=MONTH, has_contracts=False)
    for path in (*folder.rglob("openai/**/*"), *folder.glob("invoices/*.toml")):
        if path.is_file():
            text = path.read_text("utf-8").replace("gpt-5.6-sol", "gpt-9-nova")
            lines = [line for line in text.splitlines() if not line.startswith("exchange_rate")]
            path.write_text("\n".join(lines) + "\n", "utf-8")
    told = made.configuration.read_text("utf-8").replace('[exchange_rates]\nEUR = "1.08"\n', "")
    assert "EUR" not in told
    made.configuration.write_text(told + RIVALS, "utf-8")
    settings = load_settings(made.configuration)
    land(settings)
    reconcile(settings, Month.parse(MONTH))
    with Warehouse.open(settings.warehouse_file) as warehouse:
        yield {
            name: warehouse.read(BY_NAME[name], "month = $month", month=MONTH).to_dicts()
            for name in ("recon.finding", "report.open_item", "report.close", "recon.bridge")
        }


def the_only(tables: dict[str, list[dict[str, Any]]], code: str) -> dict[str, Any]:
    """The open item of a code, which has an owner and an id."""
    (item,) = [row for row in tables["report.open_item"] if row["code"] == code]
    assert item["status"] == "open"
    assert item["owner"]
    assert item["item_id"]
    return item


def test_a_price_list_that_is_years_old_is_told_with_its_last_day(tables: dict[str, Any]) -> None:
    item = the_only(tables, "old_price_list")
    assert "genai-prices" in item["message"]
    assert f"its last change before the end of {MONTH} is of 202" in item["message"]
    assert "Install a genai-prices of that time, or state the prices as [[prices]]" in item["advice"]


def test_contracts_that_overlap_name_both_and_the_tokens_of_the_days_they_share(
    tables: dict[str, Any],
) -> None:
    item = the_only(tables, "contract_overlap")
    assert item["message"].startswith("Contracts 'autumn' and 'spring' both price ")
    assert f"{item['tokens']:,} tokens" in item["message"]
    assert item["tokens"] > 0
    assert "Give the one that no longer holds a valid_to" in item["advice"]


def test_a_model_that_nobody_knows_is_named_with_its_account_and_tokens(tables: dict[str, Any]) -> None:
    found = [row for row in tables["report.open_item"] if row["code"] == "unpriced"]
    (item,) = [row for row in found if "gpt-9-nova" in row["message"]]
    assert "'gpt-9-nova' in openai account 'hearth-openai' have no known price" in item["message"]
    tokens = sum(row["tokens"] for row in tables["recon.bridge"] if row["model"] == "gpt-9-nova")
    assert item["tokens"] == tokens > 0
    assert f"{tokens:,} metered tokens" in item["message"]
    assert "Add a [[prices]] entry" in item["advice"]
    assert item["status"] == "open"


def test_an_invoice_in_a_currency_without_a_rate_says_how_much_and_where_to_state_one(
    tables: dict[str, Any],
) -> None:
    item = the_only(tables, "unknown_currency")
    assert "EUR" in item["message"]
    assert "mistral_ai account 'hearth-mistral'" in item["message"]
    assert '[exchange_rates] EUR = "..."' in item["advice"]


def test_the_month_closes_all_the_same_and_is_not_complete(tables: dict[str, Any]) -> None:
    (row,) = tables["report.close"]
    assert row["status"] == "incomplete"  # an amount is unknown in dollars
    assert row["metered_tokens"] > 0


def test_tokens_without_a_price_alone_make_a_month_preliminary(tmp_path: Path) -> None:
    made = world.write(tmp_path, seed=4, has_contracts=False)
    for path in (*tmp_path.rglob("openai/**/*"), *tmp_path.glob("invoices/*.toml")):
        if path.is_file():
            path.write_text(path.read_text("utf-8").replace("gpt-5.6-sol", "gpt-9-nova"), "utf-8")
    settings = load_settings(made.configuration)
    land(settings)
    reconcile(settings, Month.parse("2026-10"))
    with Warehouse.open(settings.warehouse_file) as warehouse:
        findings = warehouse.read(BY_NAME["recon.finding"], "month = '2026-10'")
        (status,) = warehouse.read(BY_NAME["report.close"], "month = '2026-10'")["status"]
    assert "invoice_awaited" not in set(findings["code"])
    assert "unpriced" in set(findings["code"])
    assert status == "preliminary"
