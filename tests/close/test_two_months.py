"""Two months closed one after the other: what the second says of the first, and that it says it again."""

import hashlib
import shutil
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from assets.close import close_month, load_settings
from assets.laws import check
from pipeline.period import Month
from pipeline.simulator import world
from pipeline.warehouse import Warehouse
from schemas.variance import EFFECTS

OCTOBER, NOVEMBER = Month(2026, 10), Month(2026, 11)
LINE = ["team", "provider", "account", "model", "service_tier"]
SECTIONS = """
[outcomes]
uri = "outcomes.csv"

[costliest]
per_team = 3

[[budgets]]
team = "growth"
usd = "0.01"

[[budgets]]
team = "nobody-at-all"
usd = 5
"""


def close(folder: Path, month: Month) -> dict[str, str]:
    """Close a month; return the hashes of all its files."""
    published = close_month(load_settings(folder / "tallystick.toml"), month).folder
    files = sorted(path for path in published.rglob("*") if path.is_file())
    return {str(path.relative_to(published)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def read(folder: Path, month: Month, name: str) -> pl.DataFrame:
    return pl.read_parquet(folder / "output" / str(month) / f"{name}.parquet")


@pytest.fixture(scope="module")
def both(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """October of 500 calls and November of 300 in one folder, closed in order."""
    folder = Path(shutil.copytree(pristine, tmp_path_factory.mktemp("both") / "months"))
    other = tmp_path_factory.mktemp("november")
    world.write(other, seed=11, month="2026-11", calls=300)
    for path in (path for path in other.rglob("*") if path.is_file()):
        target = folder / path.relative_to(other)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.copy(path, target)
    with (folder / "tallystick.toml").open("a") as config:
        config.write(SECTIONS)
    close(folder, OCTOBER)
    traces = read(folder, OCTOBER, "costliest").filter(unit="trace")["trace_id"].unique(maintain_order=True)
    rows = [f"{trace},{'resolved' if number else 'dropped'}" for number, trace in enumerate(traces)]
    (folder / "outcomes.csv").write_text("\n".join(["trace_id,outcome", *rows, ",resolved\n"]), "utf-8")
    close(folder, OCTOBER)
    close(folder, NOVEMBER)
    return folder


def test_the_first_month_says_that_there_is_none_before_it(both: Path) -> None:
    found = read(both, OCTOBER, "variance")
    page = (both / "output" / "2026-10" / "index.html").read_text("utf-8")

    assert set(found["line"]) == {"no_prior"}
    assert found["prior_usd"].null_count() == found.height > 0
    assert "September 2026 was not closed here, so that there is nothing to compare with." in page


def test_the_second_goes_from_the_first_to_itself_line_by_line_and_in_all(both: Path) -> None:
    found = read(both, NOVEMBER, "variance")

    sums = [found[f"{name}_usd"].sum() for name in EFFECTS]
    bridges = {month: read(both, month, "bridge") for month in (OCTOBER, NOVEMBER)}
    assert found["prior_usd"].sum() == bridges[OCTOBER]["usd"].sum()
    assert found["usd"].sum() == bridges[NOVEMBER]["usd"].sum()
    assert found["prior_usd"].sum() + sum(sums) == found["usd"].sum()
    prior = bridges[OCTOBER].group_by(LINE).agg(pl.col("tokens").sum(), pl.col("usd").sum())
    wanted = prior.filter((pl.col("tokens") != 0) | (pl.col("usd") != 0)).sort(LINE)
    told = (
        found.filter(pl.col("line") != "new").select(*LINE, tokens="prior_tokens", usd="prior_usd").sort(LINE)
    )
    assert told.rows() == wanted.rows()
    assert sums[EFFECTS.index("volume")] < 0


def test_the_law_holds_and_a_cent_that_goes_astray_breaks_it(both: Path, tmp_path: Path) -> None:
    with Warehouse.open(Path(shutil.copy(both / "tallystick.duckdb", tmp_path))) as warehouse:
        assert check(warehouse, "variance_adds_up", NOVEMBER).passed
        warehouse._connection.execute(
            "update recon.variance set mix_usd = mix_usd + 0.01 where month = '2026-11' and line = 'both'"
        )
        assert not check(warehouse, "variance_adds_up", NOVEMBER).passed
        assert check(warehouse, "variance_adds_up", OCTOBER).passed


def test_closed_again_both_months_are_the_same_bytes(both: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(both, tmp_path / "again"))
    before = {
        str(path.relative_to(folder / "output")): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((folder / "output").rglob("*"))
        if path.is_file()
    }

    for month in (NOVEMBER, OCTOBER):
        for name, digest in close(folder, month).items():
            assert before[f"{month}/{name}"] == digest, name


def test_calls_cost_what_the_anatomy_says_they_do(both: Path) -> None:
    """The simulated models all have a price, so that nothing is left out of either."""
    costs = read(both, NOVEMBER, "unit_cost").filter(unit="call")
    anatomy = read(both, NOVEMBER, "anatomy")

    assert anatomy["usd"].null_count() == anatomy.filter(tokens=0)["usd"].null_count()
    for level in ("all", "team", "feature", "model"):
        rows = costs.filter(level=level)
        assert rows["usd"].sum() == anatomy["usd"].sum()
        assert rows["tokens"].sum() == anatomy["tokens"].sum()
        assert rows["count"].sum() == anatomy["calls"].sum()
        assert rows["unrecorded_count"].sum() == anatomy["calls_without_usage"].sum()
    teams = dict(anatomy.group_by("team").agg(pl.col("usd").sum()).rows())
    assert dict(costs.filter(level="team").select("team", "usd").rows()) == teams


def test_so_many_of_the_costliest_are_listed_as_the_configuration_wants(both: Path) -> None:
    found = read(both, NOVEMBER, "costliest")

    assert found.group_by("team", "unit").len()["len"].max() == 3
    dearest = read(both, NOVEMBER, "unit_cost").filter(unit="call", level="team")
    first = dict(found.filter(unit="call", rank=1).select("team", "usd").rows())
    assert first == dict(dearest.select("team", "usd_max").rows())


def test_tasks_are_counted_from_the_table_and_its_bad_row_is_told(both: Path) -> None:
    found = read(both, OCTOBER, "unit_cost").filter(level="all")
    tasks = found.filter(unit="task").row(0, named=True)
    resolved = found.filter(unit="resolved_task").row(0, named=True)

    assert resolved["count"] == tasks["count"] - 1 > 0
    items = read(both, OCTOBER, "open_items")
    (item,) = items.filter(code="outcome_refused").to_dicts()
    assert f"line {tasks['count'] + 2}," in item["message"]
    assert "neither trace_id nor conversation_id" in item["message"]


def test_other_outcomes_are_another_close(both: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(both, tmp_path / "other"))
    config = load_settings(folder / "tallystick.toml")
    ids = []
    for text in (None, "trace_id,outcome\nx,resolved\n", "trace_id,outcome\nx,dropped\n"):
        if text:
            (folder / "outcomes.csv").write_text(text, "utf-8")
        close_month(config, OCTOBER)
        with Warehouse.open(config.warehouse_file) as warehouse:
            ids.append(warehouse.query("select close_id from report.close where month = '2026-10'").item())

    assert len(set(ids)) == 3


def test_a_budget_that_is_spent_is_a_finding_and_stands_on_the_page(both: Path) -> None:
    rows = {row["team"]: row for row in read(both, NOVEMBER, "budget").to_dicts()}
    billed = dict(read(both, NOVEMBER, "teams").select("team", "billed_usd").rows())

    assert (
        rows["growth"]["billed_usd"] == rows["growth"]["allocated_usd"] == billed["growth"] > Decimal("0.01")
    )
    assert rows["growth"]["days_elapsed"] == rows["growth"]["days_in_month"] == 30
    assert rows["growth"]["projected_usd"] == billed["growth"]
    codes = read(both, NOVEMBER, "open_items").select("code", "team").rows()
    assert ("over_budget", "growth") in codes
    assert ("budget_without_team", "nobody-at-all") in codes
    assert "beyond it" in (both / "output" / "2026-11" / "teams" / "growth.html").read_text("utf-8")


def test_the_trend_holds_both_months_as_their_bridges_have_them(both: Path) -> None:
    found = read(both, NOVEMBER, "history")

    assert sorted(set(found["history_month"])) == ["2026-10", "2026-11"]
    for month in (OCTOBER, NOVEMBER):
        known = pl.when(pl.col("usd").is_not_null().any()).then(pl.col("usd").sum())
        steps = read(both, month, "bridge").group_by("team", "step")
        bridge = steps.agg(pl.col("tokens").sum(), known.alias("usd"))
        mine = found.filter(history_month=str(month)).select("team", "step", "tokens", "usd")
        assert mine.sort("team", "step").rows() == bridge.sort("team", "step").rows()
