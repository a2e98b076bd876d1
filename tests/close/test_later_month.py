"""Two months: what the second shows of the first, which is locked."""

import shutil
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from assets.close import Lock, Published, close_month, load_settings
from pipeline.closing import Person
from pipeline.period import Month
from pipeline.simulator import world

OCTOBER, NOVEMBER, DECEMBER = (Month(2026, number) for number in (10, 11, 12))
ANN = Person("Ann", datetime(2026, 12, 5, 9, tzinfo=UTC))
SETTLED = (
    '\n[[closing.resolutions]]\ncode = "*"\nmonth = "2026-10"\nresolution = "disputed"\nwhy = "asked them"\n'
)
OWNED = '\n[[closing.owners]]\ncode = "shrinking_*"\nowner = "finops"\n'


def close(folder: Path, month: Month, *, lock: bool = False) -> Published:
    wanted = Lock(ANN, is_preparer=False) if lock else None
    return close_month(load_settings(folder / "tallystick.toml"), month, lock=wanted)


def items(folder: Path, month: Month) -> pl.DataFrame:
    return pl.read_parquet(folder / "output" / str(month) / "open_items.parquet")


@pytest.fixture(scope="module")
def two(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """October locked, then the files of November beside it."""
    folder = Path(shutil.copytree(pristine, tmp_path_factory.mktemp("two") / "months"))
    with (folder / "tallystick.toml").open("a") as config:
        config.write(SETTLED + OWNED)
    assert close(folder, OCTOBER, lock=True).state == "closed"
    other = tmp_path_factory.mktemp("november")
    world.write(other, seed=11, month="2026-11", calls=300)
    for path in (path for path in other.rglob("*") if path.is_file()):
        target = folder / path.relative_to(other)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    return folder


@pytest.fixture
def folder(two: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(two, tmp_path / "months"))


def october(folder: Path) -> dict[str, bytes]:
    root = folder / "output" / "2026-10"
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_late_data_of_a_locked_month_is_a_candidate_in_the_next_one(folder: Path) -> None:
    before = october(folder)
    first = next(iter((folder / "invoices").glob("openai-2026-10*"))).read_text("utf-8")
    late = ['invoice_id = "LATE"' if line.startswith("invoice_id") else line for line in first.splitlines()]
    (folder / "invoices" / "late.toml").write_text("\n".join(late), "utf-8")
    total = Decimal(next(line for line in late if line.startswith("total")).split('"')[1])

    november = close(folder, NOVEMBER)

    (found,) = november.findings.filter(code="restatement_candidate").to_dicts()
    assert found["usd"] == total
    assert "invoices/late.toml" in found["message"]
    assert "tallystick reopen 2026-10" in found["advice"]
    (item,) = items(folder, NOVEMBER).filter(code="restatement_candidate").to_dicts()
    assert (item["item_class"], item["status"], item["is_carried"]) == ("timing", "open", False)
    assert october(folder) == before


def test_a_later_month_without_late_data_shows_no_candidate_of_new_bills(folder: Path) -> None:
    before = october(folder)

    november = close(folder, NOVEMBER)

    found = november.findings.filter(code="restatement_candidate")
    assert set(found["usd"]) <= {Decimal(0)}
    assert october(folder) == before


def test_open_items_are_carried_with_their_age_until_their_month_has_them_no_more(folder: Path) -> None:
    own = items(folder, OCTOBER).filter(status="disputed")
    assert set(own["age_days"]) == {0}
    close(folder, NOVEMBER)
    close(folder, DECEMBER)

    for month, age, bucket in ((NOVEMBER, 30, "0-30"), (DECEMBER, 61, "61-90")):
        there = items(folder, month).filter(pl.col("item_id").is_in(own["item_id"].implode()))
        assert set(there["item_id"]) == set(own["item_id"])
        assert set(there["first_month"]) == {"2026-10"}
        assert set(zip(there["age_days"], there["age_bucket"], strict=True)) == {(age, bucket)}
    carried = items(folder, DECEMBER).filter("is_carried")
    assert set(carried.filter(code="shrinking_export")["owner"]) == {"finops"}
    page = (folder / "output" / "2026-12" / "index.html").read_text("utf-8")
    assert page.count("carried from October 2026</td>") == carried.filter(first_month="2026-10").height > 0


def test_the_next_month_is_compared_with_the_locked_one(folder: Path) -> None:
    close(folder, NOVEMBER)

    found = pl.read_parquet(folder / "output" / "2026-11" / "variance.parquet")
    locked = pl.read_parquet(folder / "output" / "2026-10" / "bridge.parquet")
    assert set(found["prior_month"]) == {"2026-10"}
    assert found["prior_usd"].sum() == locked["usd"].sum() > 0
