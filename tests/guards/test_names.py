"""One name in all places: contract, table, asset, SQL file, export."""

import importlib
import pkgutil
from importlib.resources import files

import pytest

import schemas
from assets.dictionary import nullable_columns
from pipeline.cause import CLAIM_SCHEMA, MACHINERY
from pipeline.causes import CAUSES
from schemas.tables import BY_NAME, TABLES
from schemas.types import STEPS

SHARED = ("parts", "tables", "types")


def test_names_of_tables_and_of_exports_are_unique() -> None:
    exports = [table.exported for table in TABLES if table.exported]

    assert len(BY_NAME) == len(TABLES)
    assert len(exports) == len(set(exports))


def test_every_contract_is_a_table() -> None:
    names = [each.name for each in pkgutil.iter_modules(schemas.__path__) if each.name not in SHARED]
    contracts = {
        value
        for module in (importlib.import_module(f"schemas.{name}") for name in names)
        for name, value in vars(module).items()
        if isinstance(value, type) and value.__module__ == module.__name__ and not name.startswith("_")
    }

    assert contracts == {table.contract for table in TABLES}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_table_is_filled_after_the_tables_that_it_reads(table) -> None:
    earlier = [other.name for other in TABLES[: TABLES.index(table)]]

    assert set(table.reads) <= set(earlier)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_contract_is_closed_and_says_what_everything_means(table) -> None:
    schema = table.contract.to_schema()

    assert (schema.strict, schema.coerce) == (True, False)
    assert table.grain.endswith(".")
    assert all(meaning.endswith(".") for meaning in table.descriptions.values())


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_months_and_names_are_never_null(table) -> None:
    assert nullable_columns(table).isdisjoint({"month", "source", "step", "team"})


def test_every_sql_file_of_a_layer_is_a_table() -> None:
    folder = files("pipeline.sql")
    found = {
        f"{layer.name}.{path.name.removesuffix('.sql')}"
        for layer in folder.iterdir()
        if layer.name in {table.layer for table in TABLES}
        for path in layer.iterdir()
        if path.name.endswith(".sql")
    }

    assert found <= set(BY_NAME)


def test_every_cause_is_a_step_of_the_bridge_in_the_same_order() -> None:
    codes = [cause.code for cause in CAUSES]

    assert codes == [step for step in STEPS if step in codes]


def test_a_claim_is_stored_but_for_what_only_the_calculation_needs() -> None:
    stored = set(BY_NAME["recon.claim"].schema)

    assert set(MACHINERY) <= set(CLAIM_SCHEMA)
    assert set(CLAIM_SCHEMA) - stored == set(MACHINERY)
    assert stored - set(CLAIM_SCHEMA) == {"month", "step", "tokens"}
