"""The graph is the registry of tables, from the files to the pages."""

import re
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

import reports
from assets.definitions import build_defs, defs
from assets.factory import GROUPS, key_of
from assets.laws import CHECKS
from assets.mail import MAILS
from assets.partitions import MONTHS
from assets.raw import PREFLIGHT, SOURCES
from assets.report import PAGE_READS
from pipeline.health import DAILY, MONTHLY
from pipeline.source_settings import Source
from schemas.tables import BY_NAME, TABLES

SPECS = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}
TABLE_KEYS = {table.name.replace(".", "/") for table in TABLES}


def test_the_graph_loads_without_configuration_and_without_warnings() -> None:
    dg.Definitions.validate_loadable(build_defs())


def test_every_table_is_an_asset_of_the_same_name() -> None:
    tables = {
        key for key, spec in SPECS.items() if spec.group_name[2:] not in ("source", "published", "delivered")
    }

    assert tables == TABLE_KEYS


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_an_asset_tells_what_its_contract_says(table) -> None:
    spec = SPECS[table.name.replace(".", "/")]

    columns = spec.metadata["dagster/column_schema"].columns
    assert [column.name for column in columns] == list(table.schema)
    assert all(column.description for column in columns)
    assert (spec.group_name, spec.description) == (GROUPS[table.layer], table.grain)
    assert spec.metadata["dagster/table_name"] == table.name
    assert spec.owners
    assert spec.kinds
    assert spec.code_version


def test_a_column_says_where_it_comes_from_with_links_to_those_assets() -> None:
    def told(key: str) -> dict[str, str]:
        return {each.name: each.description for each in SPECS[key].metadata["dagster/column_schema"].columns}

    bridge, bucket = told("recon/bridge"), told("recon/bucket")
    assert "\n\nFrom [core.traced](/assets/core/traced) all token kinds; " in bridge["usd"]
    assert "[recon.expected_rate](/assets/recon/expected_rate) `usd_per_token`." in bridge["usd"]
    assert "[core.coverage](/assets/core/coverage) `bucket_start_at`." in bucket["bucket_start_at"]
    assert told("core/metered")["meter"].endswith(
        "\n\nMade here: which kind of source counts for the account."
    )
    assert told("raw/file")["uri"] == BY_NAME["raw.file"].descriptions["uri"]


@pytest.mark.parametrize("table", [t for t in TABLES if t.is_monthly], ids=lambda table: table.name)
def test_a_table_of_a_month_depends_on_what_it_reads_and_nothing_else(table) -> None:
    spec = SPECS[table.name.replace(".", "/")]

    assert {dep.asset_key for dep in spec.deps} == {key_of(name) for name in table.reads}
    assert spec.partitions_def == MONTHS


def test_groups_are_read_in_the_order_of_the_layers() -> None:
    layers = list(dict.fromkeys(table.layer for table in TABLES))

    assert sorted(GROUPS.values()) == [GROUPS[name] for name in ("source", *layers, "published", "delivered")]
    assert {spec.group_name for spec in SPECS.values()} == set(GROUPS.values())


def test_sources_are_the_kinds_that_the_configuration_knows() -> None:
    kinds = Source.model_fields["kind"].annotation.__args__

    assert set(SOURCES) == set(kinds)


@pytest.mark.parametrize(
    "page", ["published/index", "published/teams", "published/workbook", "published/exports"]
)
def test_lineage_leads_from_every_page_back_to_the_files(page) -> None:
    seen, waiting = set(), [page]
    while waiting:
        key = waiting.pop()
        seen.add(key)
        waiting += [dep.asset_key.to_user_string() for dep in SPECS[key].deps]

    assert {f"source/{kind}" for kind in ("traces", "usage", "cost", "invoice")} <= seen


def test_pages_depend_on_the_tables_that_the_reports_name() -> None:
    sources = [path.read_text("utf-8") for path in Path(reports.__file__).parent.rglob("*.py")]
    named = {name for text in sources for name in re.findall(r'"((?:raw|core|recon|report)\.[a-z_]+)"', text)}

    assert named & set(BY_NAME) == set(PAGE_READS)  # report.js is a file of the pages


def _checks(blocking: bool) -> set[tuple[str, dg.AssetKey]]:
    graph = defs.resolve_asset_graph()
    checks = [graph.get_check_spec(key) for key in graph.asset_check_keys]
    return {(check.name, check.asset_key) for check in checks if check.blocking == blocking}


def test_laws_block_and_watches_do_not() -> None:
    assert _checks(blocking=True) == {(name, key_of(table)) for name, (table, _) in CHECKS.items()}
    watches = {(watch.code, key_of(watch.table)) for watch in (*DAILY, *MONTHLY)}
    assert _checks(blocking=False) == {*watches, (PREFLIGHT, key_of("raw.file"))}


def test_steps_that_open_the_warehouse_take_turns() -> None:
    graph = defs.resolve_asset_graph()
    steps = [each for each in graph.assets_defs if each.is_executable and MAILS not in each.keys]

    assert {asset.op.name: asset.op.pool for asset in steps} == dict.fromkeys(
        ("land", "reconcile", "publish", "watch_landing", "watch_month"), "duckdb"
    )


def test_the_running_month_can_be_closed_and_the_next_cannot() -> None:
    keys = MONTHS.get_partition_keys(current_time=datetime(2026, 11, 22, tzinfo=UTC))

    assert keys[0] == "2025-01"
    assert keys[-1] == "2026-11"
