"""Marks of a month of bills: perfect answers get all of them, and each kind of mistake loses its own."""

import csv
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from assets.score_money import Closed, MoneyScore, score_money
from assets.simulate_money import HAS_CONTRACTS, MoneyPlan, read_key, simulate_money
from pipeline.errors import ConfigError
from pipeline.simulator.money import world

COMPONENTS = ("metered_at_expected_rate", "price", "tax", "billed")
PLACE = {"provider": "openai", "account": "a"}


def amount(text: str) -> Decimal:
    return Decimal(text)


def tied(invoice: str, tolerance: str = "0", **usd: str) -> list[dict[str, Any]]:
    return [
        {
            **PLACE,
            "invoice_id": invoice,
            "component": name,
            "usd": amount(text),
            "tolerance": amount(tolerance),
        }
        for name, text in usd.items()
    ]


def fault(name: str, effect: str, kind: str, usd: str, model: str = "m") -> dict[str, Any]:
    cell = {"model": model, "service_tier": "standard", "token_kind": kind, "invoice_id": "1"}
    return {
        **PLACE, **cell, "fault": name, "effect": effect, "usd": amount(usd), "tolerance": amount("0.01"),
    }  # fmt: skip


def effect(name: str, kind: str, usd: str, model: str = "m") -> dict[str, Any]:
    cell = {"model": model, "service_tier": "all", "token_kind": kind}
    return {**PLACE, **cell, "effect": name, "usd": amount(usd)}


TRUTH = tied("1", metered_at_expected_rate="90.00", price="10.00", tax="5.00", billed="105.00")
FAULTS = [
    fault("contract_ignored", "contract_not_applied", "output", "7.00"),
    fault("contract_ignored", "contract_not_applied", "input_uncached", "3.00"),
]
EFFECTS = [
    effect("contract_not_applied", "output", "7.004"),
    effect("contract_not_applied", "input_uncached", "3.00"),
    effect("rounding", "output", "0.30"),
]


def closed(**other: Any) -> Closed:
    teams = [{"billed_usd": amount("100.00")}, {"billed_usd": amount("5.00")}]
    return Closed(TRUTH, EFFECTS, None, [], teams)._replace(**other)


def marked(**other: Any) -> MoneyScore:
    return score_money(TRUTH, FAULTS, closed(**other))


def test_a_perfect_answer_gets_all_marks() -> None:
    score = marked()
    assert score.is_perfect
    assert [mark.is_right for mark in score.marks] == [True] * 4
    assert [(one.fault, one.usd, one.is_found, one.is_named) for one in score.verdicts] == [
        ("contract_ignored", 10, True, True)
    ]


def test_a_component_that_is_a_cent_off_is_wrong_and_no_other() -> None:
    off = tied("1", metered_at_expected_rate="90.00", price="10.01", tax="5.00", billed="105.00")
    score = marked(tieout=off)
    assert [mark.component for mark in score.marks if not mark.is_right] == ["price"]
    assert not score.is_perfect


def test_a_component_may_be_off_by_what_rounding_leaves_undecided() -> None:
    lenient = tied("1", "0.02", price="10.00")
    for usd, is_right in (("10.02", True), ("10.03", False)):
        score = score_money(lenient, [], closed(tieout=tied("1", price=usd)))
        assert score.marks[0].is_right is is_right


def test_an_invoice_that_we_do_not_have_is_wrong_in_all_components() -> None:
    score = marked(tieout=[])
    assert not any(mark.is_right for mark in score.marks)
    assert {mark.ours for mark in score.marks} == {None}


def test_an_invoice_that_awaits_its_number_is_the_one_without() -> None:
    ours = [{**row, "invoice_id": None} for row in tied("", billed="7.00")]
    score = score_money(tied("", billed="7.00"), [], closed(tieout=ours, effects=[]))
    assert score.marks[0].is_right
    assert not score.invented


def test_an_invoice_that_bills_nothing_is_invented() -> None:
    extra = tied("1-V", billed="50.00", tax="3.00")
    score = marked(tieout=[*TRUTH, *extra])
    assert [(item.what, item.usd) for item in score.invented] == [("invoice 1-V", 50)]


def test_the_right_amount_under_another_name_is_found_and_not_named() -> None:
    score = marked(effects=[{**row, "effect": "lapsed_tier"} for row in EFFECTS[:2]])
    assert [(one.is_found, one.is_named) for one in score.verdicts] == [(True, False)]
    assert "lapsed_tier 10.00" in score.verdicts[0].told
    assert not score.invented


@pytest.mark.parametrize("usd", ["6.98", "0.00", "-7.00"])
def test_a_fault_with_a_wrong_amount_in_one_cell_is_not_found(usd: str) -> None:
    score = marked(effects=[effect("contract_not_applied", "output", usd), EFFECTS[1]])
    assert [(one.is_found, one.is_named) for one in score.verdicts] == [(False, False)]


def test_faults_of_two_tiers_of_a_model_are_held_apart_where_the_rows_name_a_tier() -> None:
    batch = fault("wrong_unit", "unit", "output", "-20.00") | {"service_tier": "batch"}
    ours = effect("unit", "output", "-20.00") | {"service_tier": "batch"}
    score = score_money(TRUTH, [*FAULTS, batch], closed(effects=[*EFFECTS, ours]))
    assert [(one.fault, one.is_found, one.is_named) for one in score.verdicts] == [
        ("contract_ignored", True, True), ("wrong_unit", True, True)
    ]  # fmt: skip
    elsewhere = ours | {"service_tier": "flex"}
    score = score_money(TRUTH, [batch], closed(effects=[elsewhere]))
    assert [one.is_found for one in score.verdicts] == [False]


def test_without_a_table_of_effects_nothing_is_found_and_nothing_invented() -> None:
    score = marked(effects=None)
    assert [one.is_found for one in score.verdicts] == [False]
    assert not score.invented


def test_an_effect_where_none_was_planted_is_invented_from_a_cent_on() -> None:
    for usd, count in (("0.009", 0), ("0.01", 1), ("-0.50", 1)):
        score = marked(effects=[*EFFECTS, effect("unit", "output", usd, "other")])
        assert len(score.invented) == count


def test_tokens_that_are_billed_too_much_stand_in_the_charges() -> None:
    planted = [fault("quantity_overbilled", "quantity", "output", "4.00")]
    cell = {"model": "m", "service_tier": "all", "token_kind": "output"}
    charge = {**PLACE, **cell, "quantity_usd": amount("4.00")}
    score = score_money(TRUTH, planted, closed(effects=[], charges=[charge]))
    assert score.verdicts[0].is_named
    score = score_money(TRUTH, [], closed(effects=[], charges=[charge]))
    assert [item.what for item in score.invented] == ["quantity"]


def test_without_charges_the_component_tells_whether_too_many_tokens_are_found() -> None:
    planted = [fault("quantity_overbilled", "quantity", "output", "4.00")]
    truth = [*TRUTH, *tied("1", quantity="4.00")]
    for usd, is_found in (("4.00", True), ("0.00", False)):
        ours = closed(tieout=tied("1", quantity=usd), effects=None)
        assert score_money(truth, planted, ours).verdicts[0].is_found is is_found


def test_a_wrong_tax_is_found_by_a_finding_with_its_amount() -> None:
    planted = [fault("tax_on_wrong_base", "tax", "", "2.50", model="")]
    finding = {**PLACE, "code": "wrong_tax_base", "usd": amount("2.50")}
    assert score_money(TRUTH, planted, closed(effects=[], findings=[finding])).is_perfect
    other = {**finding, "usd": amount("9.00")}
    assert not score_money(TRUTH, planted, closed(effects=[], findings=[other])).verdicts[0].is_found
    invented = score_money(TRUTH, [], closed(effects=[], findings=[finding])).invented
    assert [item.what for item in invented] == ["wrong_tax_base"]


def test_teams_that_do_not_add_up_to_the_invoices_are_told() -> None:
    score = marked(teams=[{"billed_usd": amount("104.99")}])
    assert score.team_gap == amount("-0.01")
    assert not score.is_perfect


@pytest.mark.parametrize("seed", range(1, 25))
def test_the_answer_key_of_a_world_gets_all_marks_against_itself(tmp_path: Path, seed: int) -> None:
    made = world.write(tmp_path, seed=seed)
    tieout, faults = (read_key(made.truth / f"{name}.csv") for name in ("tieout", "faults"))
    quantities = [{**row, "quantity_usd": row["usd"]} for row in faults if row["effect"] == "quantity"]
    findings = [{**row, "code": "wrong_tax_base"} for row in faults if row["effect"] == "tax"]
    prices = [row for row in faults if row["effect"] not in ("quantity", "tax")]
    billed = [{"billed_usd": row["usd"]} for row in tieout if row["component"] == "billed"]
    score = score_money(tieout, faults, Closed(tieout, prices, quantities, findings, billed))
    assert score.is_perfect
    assert len(score.verdicts) == len({(row["fault"], row["provider"]) for row in faults})


def tallystick(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("tallystick")), *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def test_a_world_is_closed_scored_and_printed(tmp_path: Path) -> None:
    done = tallystick(
        "simulate", "--money", "--seed", "2", "--keep", "worlds", "--json", "marks.json", folder=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "Tie-out of 1 world" in done.stdout
    assert "Planted faults" in done.stdout
    (found,) = json.loads((tmp_path / "marks.json").read_text("utf-8"))
    assert found["command"] == "tallystick simulate --money --seed 2"
    with (tmp_path / "worlds" / "money-seed-2" / "truth" / "faults.csv").open(encoding="utf-8") as file:
        planted = {row["fault"] for row in csv.DictReader(file)}
    assert planted
    assert all(name in done.stdout for name in planted)
    assert {row["fault"] for row in found["faults"]} == planted
    assert {row["component"] for row in found["components"]} > {"fees", "tax", "currency", "billed"}


@pytest.mark.parametrize("seed", [1, 4, 6])
def test_no_world_breaks_a_close(tmp_path: Path, seed: int) -> None:
    made = world.write(tmp_path, seed=seed, has_contracts=HAS_CONTRACTS)
    done = tallystick("close", "2026-10", "--config", made.configuration.name, folder=tmp_path)
    assert done.returncode in (0, 1), done.stderr
    assert (tmp_path / "output" / "2026-10" / "index.html").exists()


def test_options_of_traces_are_refused_where_there_are_none(tmp_path: Path) -> None:
    done = tallystick("simulate", "--money", "--only", "retries", folder=tmp_path)
    assert done.returncode == 2
    assert "a month of bills has none" in done.stderr


def test_a_kept_world_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "money-seed-1").mkdir()
    with pytest.raises(ConfigError, match="is there already"):
        simulate_money(MoneyPlan(1, tmp_path))


@pytest.mark.parametrize(("seed", "is_all_named"), [(2, False), (7, True), (44, True), (63, True)])
def test_a_world_ties_out_with_its_faults_found_and_none_invented(seed: int, is_all_named: bool) -> None:
    """In world 2 a thousandth of a price is nothing on rows of whole cents: it is told as not charged.

    In world 63 an invoice has a line before the lapse and one from it on, within rounding of a day more or less.
    """
    score = simulate_money(MoneyPlan(seed)).score
    assert all(mark.is_right for mark in score.marks)
    assert not score.invented
    assert score.team_gap == 0
    assert all(verdict.is_found for verdict in score.verdicts)
    assert score.is_perfect == is_all_named
