"""A locked month stays as it was: what comes later is told, and becomes a version that explains itself."""

import hashlib
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from assets.close import Lock, Published, close_month, land, load_settings, publish
from pipeline import locking
from pipeline.closing import Person
from pipeline.closing_files import LOCKED, hold, results_hash
from pipeline.errors import TallystickError
from pipeline.period import Month
from pipeline.warehouse import Warehouse

OCTOBER = Month.parse("2026-10")
ANN = Person("Ann", datetime(2026, 11, 5, 9, tzinfo=UTC))
BOB = Person("Bob", datetime(2026, 11, 6, 9, tzinfo=UTC), "the invoice came late")
ACCEPTED = '\n[[closing.resolutions]]\ncode = "quarantine"\nresolution = "accepted"\nwhy = "torn lines"\n'

Bytes = dict[str, bytes]


def bytes_of(folder: Path) -> Bytes:
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def close(folder: Path, *, lock: bool = False) -> Published:
    wanted = Lock(ANN, is_preparer=True) if lock else None
    return close_month(load_settings(folder / "tallystick.toml"), OCTOBER, lock=wanted)


def warehouse_of(folder: Path) -> Path:
    return load_settings(folder / "tallystick.toml").warehouse_file


def reopen(folder: Path) -> None:
    with Warehouse.open(warehouse_of(folder)) as warehouse:
        locking.reopen(OCTOBER, warehouse, BOB)


def late_invoice(folder: Path) -> None:
    """A second invoice of OpenAI for October, a week after the lock."""
    first = next(iter((folder / "invoices").glob("openai*"))).read_text("utf-8")
    lines = ['invoice_id = "LATE"' if line.startswith("invoice_id") else line for line in first.splitlines()]
    (folder / "invoices" / "late.toml").write_text("\n".join(lines), "utf-8")


def changed_usage(folder: Path) -> None:
    path = sorted((folder / "anthropic" / "usage").glob("*"))[-1]
    content = json.loads(path.read_text("utf-8"))
    row = next(row for bucket in content["data"] for row in bucket["results"] if row["output_tokens"] > 10)
    row["output_tokens"] += 1000
    path.write_text(json.dumps(content), "utf-8")


def another_team(folder: Path) -> None:
    config = folder / "tallystick.toml"
    head, rest = config.read_text("utf-8").split("[[teams]]", 1)
    rule = '[[teams]]\nteam = "newcomers"\nservice = "*"\n\n[[teams]]'
    config.write_text(head + rule + rest, "utf-8")


def another_price(folder: Path) -> None:
    bridge = pl.read_parquet(folder / "output" / "2026-10" / "bridge.parquet")
    named = bridge.filter(pl.col("tokens") > 0, pl.col("usd") > 0, service_tier="standard")
    place = {name: named[name][0] for name in ("provider", "model", "token_kind")}
    lines = [f'{name} = "{value}"' for name, value in (place | {"usd_per_million": "99"}).items()]
    with (folder / "tallystick.toml").open("a") as config:
        config.write("\n".join(["", "[[prices]]", *lines, ""]))


@pytest.fixture(scope="session")
def closed(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """October, closed and locked as version 1."""
    folder = Path(shutil.copytree(pristine, tmp_path_factory.mktemp("locked") / "month"))
    with (folder / "tallystick.toml").open("a") as config:
        config.write(ACCEPTED)
    published = close(folder, lock=True)
    assert (published.state, published.version, published.hinders) == ("closed", 1, ())
    return folder


@pytest.fixture
def folder(closed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(closed, tmp_path / "month"))


def test_a_locked_month_closed_again_has_the_same_bytes(folder: Path) -> None:
    before = bytes_of(folder / "output")

    again, locked_again = close(folder), close(folder, lock=True)

    assert bytes_of(folder / "output") == before
    for published in (again, locked_again):
        assert published.changes is not None
        assert (published.changes.is_none, published.changes.tables, published.changes.files) == (
            True,
            (),
            (),
        )
        assert (published.state, published.version) == ("closed", 1)


def test_closing_json_names_every_file_with_its_hash(folder: Path) -> None:
    root = folder / "output" / "2026-10"
    facts = json.loads((root / "closing.json").read_text("utf-8"))

    named = {item["name"]: item["sha256"] for item in facts["files"]}
    assert named == {
        name: hashlib.sha256(content).hexdigest()
        for name, content in bytes_of(root).items()
        if name != "closing.json"
    }
    lock = facts["events"][0]
    tables = "".join(f"{name} {named[name]}\n" for name in sorted(LOCKED))
    assert lock["results_hash"] == hashlib.sha256(tables.encode()).hexdigest()
    assert (lock["event"], lock["recorded_by"], lock["recorded_at"]) == (
        "closed",
        "Ann",
        "2026-11-05T09:00:00Z",
    )
    landed = {hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in (folder / "traces").iterdir()}
    assert landed <= {item["file_id"] for item in facts["inputs"]}


def test_a_file_that_disappears_changes_nothing(folder: Path) -> None:
    before = bytes_of(folder / "output")
    shutil.rmtree(folder / "traces")
    for path in (folder / "invoices").iterdir():
        path.unlink()

    published = close(folder)

    assert published.changes is not None
    assert published.changes.is_none
    assert bytes_of(folder / "output") == before


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (late_invoice, ("new: invoices/late.toml (invoice)",)),
        (changed_usage, ("new: anthropic/usage", "replaced or removed: anthropic/usage")),
        (another_team, ("[teams] of the configuration",)),
        # the rate where nobody tells the length of a request, and the one of short ones
        (another_price, ("[prices] of the configuration", "2 of the expected rates: genai-prices")),
    ],
)
def test_what_would_change_a_locked_month_is_told_and_changes_nothing(
    folder: Path, change: Callable[[Path], None], told: tuple[str, ...]
) -> None:
    before = bytes_of(folder / "output")
    change(folder)

    found = close(folder).changes

    assert found is not None
    assert not found.is_none
    causes = [*found.files, *found.rules]
    assert all(any(cause.startswith(word) for cause in causes) for word in told), causes
    assert bytes_of(folder / "output") == before
    publish(load_settings(folder / "tallystick.toml"), OCTOBER)
    assert bytes_of(folder / "output") == before


def test_a_landing_names_the_locked_month_that_a_file_is_late_for(folder: Path) -> None:
    config = load_settings(folder / "tallystick.toml")
    assert land(config).late == ()
    late_invoice(folder)

    (line,) = land(config).late

    assert "2026-10 is locked" in line
    assert "invoices/late.toml" in line


def sums(rows: pl.DataFrame, *keys: str) -> dict[tuple, Decimal]:
    return {key: sum(part["usd"], Decimal(0)) for key, part in rows.group_by(*keys)}


def test_a_restatement_explains_its_difference_to_the_last_digit(folder: Path) -> None:
    root = folder / "output" / "2026-10"
    first = bytes_of(root)
    late_invoice(folder)
    reopen(folder)
    assert bytes_of(root) == first

    published = close(folder, lock=True)

    assert (published.state, published.version) == ("restated", 2)
    assert bytes_of(root / "versions" / "1") == first
    old, new = (pl.read_parquet(place / "tieout.parquet") for place in (root / "versions" / "1", root))
    changed = pl.read_parquet(root / "restatement.parquet")
    assert set(changed["why"]) == {"the invoice came late"}
    assert set(changed["locked_version"]) == {2}
    gaps = changed.filter(dimension="invoice").rename({"line": "component", "difference": "usd"})
    for component in set(old["component"]):
        then, now = (sum(part.filter(component=component)["usd"], Decimal(0)) for part in (old, new))
        assert sum(gaps.filter(component=component)["usd"], Decimal(0)) == now - then, component
    parts = sums(gaps.filter(pl.col("component") != "billed"), "account", "invoice_id")
    billed = sums(gaps.filter(component="billed"), "account", "invoice_id")
    assert {key: gap for key, gap in parts.items() if gap} == billed
    assert sum(billed.values()) > 0
    by_team = sum(changed.filter(dimension="team", line="billed")["difference"], Decimal(0))
    assert by_team == sum(billed.values())
    for row in changed.iter_rows(named=True):
        assert (row["new"] or 0) - (row["old"] or 0) == row["difference"]


def test_a_preliminary_close_keeps_the_version_before_and_says_that_it_is_open(folder: Path) -> None:
    root = folder / "output" / "2026-10"
    first = bytes_of(root)
    late_invoice(folder)
    reopen(folder)

    open_again = close(folder)
    assert open_again.state == "preliminary"
    assert "was opened again on 2026-11-06 by Bob: the invoice came late" in (root / "index.html").read_text(
        "utf-8"
    )
    assert not (root / "closing.json").exists()
    close(folder, lock=True)
    before = bytes_of(root)
    close(folder)

    assert bytes_of(root) == before
    assert bytes_of(root / "versions" / "1") == first
    assert not (root / "versions" / "2").exists()


def test_three_versions_are_kept_apart(folder: Path) -> None:
    root = folder / "output" / "2026-10"
    one = bytes_of(root)
    late_invoice(folder)
    reopen(folder)
    close(folder, lock=True)
    two = {name: content for name, content in bytes_of(root).items() if not name.startswith("versions")}
    reopen(folder)

    assert close(folder, lock=True).version == 3

    assert bytes_of(root / "versions" / "1") == one
    assert bytes_of(root / "versions" / "2") == two
    assert pl.read_parquet(root / "restatement.parquet").filter(locked_version=3).is_empty()


@pytest.mark.parametrize("damage", ["a table", "a page", "the manifest", "everything"])
def test_a_damaged_folder_comes_back_from_the_warehouse(folder: Path, damage: str) -> None:
    root = folder / "output" / "2026-10"
    before = bytes_of(root)
    late_invoice(folder)
    names = {"a table": "tieout.csv", "a page": "index.html", "the manifest": "closing.json"}
    if damage == "everything":
        shutil.rmtree(root)
    else:
        (root / names[damage]).write_text("0", "utf-8")

    close(folder)

    assert bytes_of(root) == before


def test_a_kill_between_lock_and_publishing_is_mended_by_the_next_close(folder: Path) -> None:
    """The lock is committed, the folder still is the preliminary one."""
    root = folder / "output" / "2026-10"
    late_invoice(folder)
    reopen(folder)
    close(folder)
    preliminary = Path(shutil.copytree(root, folder / "preliminary"))
    close(folder, lock=True)
    locked = bytes_of(root)
    shutil.rmtree(root)
    preliminary.rename(root)

    again = close(folder, lock=True)

    assert (again.state, again.version) == ("restated", 2)
    assert bytes_of(root) == locked


def test_open_items_hinder_the_lock_until_they_are_settled(folder: Path) -> None:
    config = folder / "tallystick.toml"
    config.write_text(config.read_text("utf-8").replace(ACCEPTED, ""), "utf-8")
    warehouse_of(folder).unlink()
    shutil.rmtree(folder / "output")

    published = close(folder, lock=True)

    assert published.state == "preliminary"
    assert [line.split()[1] for line in published.hinders] == ["quarantine:"]


def test_signatures_change_pages_and_no_table(folder: Path) -> None:
    root = folder / "output" / "2026-10"
    before = bytes_of(root)
    with Warehouse.open(warehouse_of(folder)) as warehouse:
        with pytest.raises(TallystickError, match="two people"):
            locking.sign(OCTOBER, warehouse, ANN, "reviewer")
        locking.sign(OCTOBER, warehouse, BOB._replace(why=None), "reviewer")
        with pytest.raises(TallystickError, match="never replaced"):
            locking.sign(OCTOBER, warehouse, ANN, "reviewer")

    publish(load_settings(folder / "tallystick.toml"), OCTOBER)

    after = bytes_of(root)
    assert {name: after[name] for name in LOCKED} == {name: before[name] for name in LOCKED}
    assert "<dt>Reviewed</dt><dd>2026-11-06, Bob</dd>" in after["index.html"].decode()
    assert "<dt>Prepared</dt><dd>2026-11-05, Ann</dd>" in after["index.html"].decode()
    assert not (root / "versions").exists()
    close(folder)
    assert bytes_of(root) == after


def test_a_month_that_is_not_locked_can_neither_be_reopened_nor_signed(folder: Path) -> None:
    reopen(folder)
    with Warehouse.open(warehouse_of(folder)) as warehouse:
        for act in (
            lambda: locking.reopen(OCTOBER, warehouse, BOB),
            lambda: locking.sign(OCTOBER, warehouse, BOB, "reviewer"),
            lambda: locking.reopen(OCTOBER.next, warehouse, BOB),
        ):
            with pytest.raises(TallystickError, match="is not locked"):
                act()


def test_a_warehouse_that_knows_nothing_of_a_lock_replaces_nothing(folder: Path) -> None:
    before = bytes_of(folder / "output")
    warehouse_of(folder).unlink()

    with pytest.raises(TallystickError, match="does not know of it"):
        close(folder)

    assert bytes_of(folder / "output") == before


def test_tables_of_the_lock_are_kept_when_they_would_be_written_otherwise_now(folder: Path) -> None:
    root = folder / "output" / "2026-10"
    with Warehouse.open(warehouse_of(folder)) as warehouse:
        now = locking.month_standing(warehouse, OCTOBER)
    fresh = Path(shutil.copytree(root, folder / "fresh"))
    for name in LOCKED:
        (fresh / name).write_bytes(b"other bytes")

    hold(fresh, root, now, "2026-10", LOCKED)

    assert {name: (fresh / name).read_bytes() for name in LOCKED} == {
        name: (root / name).read_bytes() for name in LOCKED
    }
    (root / LOCKED[0]).write_bytes(b"damaged")
    (fresh / LOCKED[0]).write_bytes(b"other bytes")
    with pytest.raises(TallystickError, match="changed or lost"):
        hold(fresh, root, now, "2026-10", LOCKED)


def test_the_lock_of_a_version_with_fewer_tables_can_be_signed_and_keeps_its_bytes(
    pristine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table that was not published then does not appear in the lock because a signature is added."""
    folder = Path(shutil.copytree(pristine, tmp_path / "month"))
    with (folder / "tallystick.toml").open("a") as config:
        config.write(ACCEPTED)
    later = {f"{name}.{kind}" for name in ("allocation", "journal") for kind in ("csv", "parquet")}
    fewer = tuple(name for name in LOCKED if name not in later)
    with monkeypatch.context() as then:
        then.setattr(results_hash, "__defaults__", (fewer,))
        close(folder, lock=True)
    root = folder / "output" / "2026-10"
    for name in later:
        (root / name).unlink()
    facts = json.loads((root / "closing.json").read_text("utf-8"))
    facts["files"] = [item for item in facts["files"] if item["name"] not in later]
    (root / "closing.json").write_text(json.dumps(facts), "utf-8")
    before = {name: (root / name).read_bytes() for name in fewer}

    settings = load_settings(folder / "tallystick.toml")
    with Warehouse.open(settings.warehouse_file) as warehouse:
        locking.sign(OCTOBER, warehouse, BOB, "reviewer")
    publish(settings, OCTOBER)

    assert {name: (root / name).read_bytes() for name in fewer} == before
    assert not any((root / name).exists() for name in later)
    close(folder)
    assert {name: (root / name).read_bytes() for name in fewer} == before
    (root / "tieout.csv").write_text("else", "utf-8")
    with pytest.raises(TallystickError, match="changed or lost"):
        publish(settings, OCTOBER)
