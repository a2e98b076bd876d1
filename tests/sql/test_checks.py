"""Every conservation law: sound rows pass, a planted broken row is named, an empty month is sound."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.warehouse import Warehouse
from schemas.tables import BY_NAME
from schemas.types import COMPONENTS
from tests.sql.test_ledger_checks import plant_unposted

MONTH = "2026-10"
CHECKS = sorted(
    path.stem for path in (Path(__file__).parents[2] / "pipeline" / "sql" / "checks").glob("*.sql")
)
CELL = {"provider": "openai", "account": "acme", "scope": "acme", "model": "m", "service_tier": "standard"}
OWNER = {"team": "red", "service": "chat", "feature": ""}
DAY = datetime(2026, 10, 1, tzinfo=UTC)
Rows = list[dict[str, Any]]
Plant = Callable[..., None]


@pytest.fixture
def warehouse() -> Iterator[Warehouse]:
    with Warehouse.open(None) as opened:
        yield opened


@pytest.fixture
def plant(warehouse: Warehouse) -> Plant:
    """Insert rows; what a contract wants beyond the given columns is filled in."""
    filled = {
        "month": MONTH,
        **CELL,
        **OWNER,
        "token_kind": "output",
        "basis": "exact",
        "evidence_count": 1,
        "meter": "usage",
        "endpoint": "completions",
        "bucket_start_at": DAY,
        "bucket_end_at": datetime(2026, 10, 2, tzinfo=UTC),
        "started_at": DAY,
        "ended_at": DAY,
        "attempt_count": 1,
        "span_count": 1,
        "usage_quality": "recorded",
        "cache_breakdown": "full",
        "agent_level": "none",
        "workload": "serving",
        "view": "executing",
        "pool": "usage",
        "method": "direct",
        "has_http_spans": False,
        "is_pool": False,
        "reason": "r",
        "line_number": 1,
        "origin": "invoice",
        "effect": "unexplained_price",
        "source": "s",
        "uri": "u",
        "kind": "traces",
        "format": "f",
        "decoder": "d",
        "size_bytes": 1,
        "file_id": "f",
        "line": 1,
        "position": 0,
    }

    def build(name: str, rows: Rows) -> None:
        table = BY_NAME[name]
        plain = {column: _plain(dtype) for column, dtype in table.schema.items()}
        known = {column: value for column, value in filled.items() if column in table.schema}
        nullable = {c for c, spec in table.contract.to_schema().columns.items() if spec.nullable}
        full = [{**{c: v for c, v in plain.items() if c not in nullable}, **known, **row} for row in rows]
        warehouse.insert(table, pl.DataFrame(full, schema=table.schema))

    return build


def _plain(dtype: pl.DataType) -> Any:
    values: dict[type, Any] = {pl.String: "x", pl.Int64: 0, pl.Boolean: False, pl.Decimal: Decimal(0)}
    return values.get(type(dtype), DAY)


def bad(warehouse: Warehouse, check: str, month: str = MONTH) -> pl.DataFrame:
    return warehouse.run(f"checks/{check}", month=month)


@pytest.mark.parametrize("check", CHECKS)
def test_an_empty_month_breaks_nothing(warehouse: Warehouse, check: str) -> None:
    assert bad(warehouse, check).is_empty()


def test_a_bridge_that_lacks_a_token_is_named(warehouse: Warehouse, plant: Plant) -> None:
    steps = [
        {"step": "traced", "tokens": 90, "tokens_low": 90, "tokens_high": 90},
        {"step": "unexplained", "tokens": 10, "tokens_low": 0, "tokens_high": 10},
    ]
    plant("recon.bridge", steps)
    plant("recon.bucket", [{"traced_tokens": 90, "metered_tokens": 100, "drift_tokens": 10}])
    assert bad(warehouse, "bridge_adds_up").is_empty()

    plant("recon.bridge", [{**steps[1], "team": "blue", "tokens": 1}])
    found = bad(warehouse, "bridge_adds_up")
    assert found.select("bridged_tokens", "metered_tokens").rows() == [(101, 100)]


def test_tokens_moved_from_traced_to_a_cause_are_named(warehouse: Warehouse, plant: Plant) -> None:
    plant("recon.bridge", [{"step": "traced", "tokens": 99}, {"step": "unexplained", "tokens": 1}])
    plant("recon.bucket", [{"traced_tokens": 100, "metered_tokens": 100}])
    found = bad(warehouse, "bridge_adds_up")
    assert found.select("bridged_traced_tokens", "traced_tokens").rows() == [(99, 100)]


@pytest.mark.parametrize("table", ["recon.bridge", "recon.bucket"])
def test_a_cell_on_one_side_only_is_named(warehouse: Warehouse, plant: Plant, table: str) -> None:
    row = {"step": "traced", "tokens": 5} if table == "recon.bridge" else {"metered_tokens": 5}
    plant(table, [row])
    assert bad(warehouse, "bridge_adds_up").height == 1
    assert bad(warehouse, "bridge_adds_up", "2026-11").is_empty()


def test_a_metered_token_that_is_in_no_bucket_is_named(warehouse: Warehouse, plant: Plant) -> None:
    plant("core.metered", [{"input_uncached_tokens": 40, "output_image_tokens": 2, "output_tokens": None}])
    plant("recon.bucket", [{"metered_tokens": 42}])
    assert bad(warehouse, "meter_is_whole").is_empty()

    plant("core.metered", [{"account": "other", "cache_write_other_tokens": 3}])
    found = bad(warehouse, "meter_is_whole")
    assert found.rows() == [("openai", "other", 3, 0)]


def test_a_record_that_is_neither_kept_nor_in_quarantine_is_named(warehouse: Warehouse, plant: Plant) -> None:
    plant("raw.file", [{"rows_read": 3, "rows_kept": 2, "rows_quarantined": 1}])
    plant("raw.quarantine", [{}])
    assert bad(warehouse, "nothing_is_lost").is_empty()

    plant("raw.file", [{"uri": "v", "file_id": "g", "rows_read": 3, "rows_kept": 2, "rows_quarantined": 0}])
    assert bad(warehouse, "nothing_is_lost")["uri"].to_list() == ["v"]


def test_a_count_without_its_rows_in_quarantine_is_named(warehouse: Warehouse, plant: Plant) -> None:
    plant("raw.file", [{"rows_read": 3, "rows_kept": 2, "rows_quarantined": 1}])
    assert bad(warehouse, "nothing_is_lost").select("uri", "in_quarantine").rows() == [("u", 0)]


def test_rows_in_quarantine_of_no_known_file_are_named(warehouse: Warehouse, plant: Plant) -> None:
    plant("raw.quarantine", [{"uri": "gone"}])
    assert bad(warehouse, "nothing_is_lost").select("uri", "in_quarantine").rows() == [("gone", 1)]


def test_teams_that_are_billed_a_cent_more_than_the_invoices_are_named(
    warehouse: Warehouse, plant: Plant
) -> None:
    plant("recon.tieout", [{"component": "billed", "usd": Decimal("10.00")}])
    plant("recon.tieout", [{"component": "tax", "usd": Decimal("1.00")}])
    plant("report.team", [{"billed_usd": Decimal("9.99")}])
    plant("recon.allocation", [{"usd": Decimal("9.99")}, {"usd": Decimal(5), "view": "initiating"}])
    found = bad(warehouse, "teams_add_up")
    assert found.rows() == [(None, Decimal("9.99"), Decimal(10))]

    plant("report.team", [{"team": "blue", "billed_usd": Decimal("0.01")}])
    plant("recon.allocation", [{"team": "blue", "usd": Decimal("0.01")}])
    assert bad(warehouse, "teams_add_up").is_empty()


def test_a_team_that_is_billed_something_else_than_its_allocation_is_named(
    warehouse: Warehouse, plant: Plant
) -> None:
    plant("recon.tieout", [{"component": "billed", "usd": Decimal(10)}])
    plant("report.team", [{"billed_usd": Decimal(4)}, {"team": "blue", "billed_usd": Decimal(6)}])
    plant("recon.allocation", [{"usd": Decimal(6)}, {"team": "blue", "usd": Decimal(4)}])
    assert bad(warehouse, "teams_add_up").rows() == [
        ("blue", Decimal(6), Decimal(4)),
        ("red", Decimal(4), Decimal(6)),
    ]


@pytest.mark.parametrize("invoice_id", ["A", None])
def test_a_line_that_its_shares_do_not_add_up_to_is_named_in_each_view(
    warehouse: Warehouse, plant: Plant, invoice_id: str | None
) -> None:
    place = {"invoice_id": invoice_id}
    plant("recon.charge", [{**place, "billed_usd": Decimal("1.005")}])
    plant("recon.charge", [{**place, "line_number": 2, "billed_usd": Decimal("0.005")}])
    for view in ("executing", "initiating"):
        plant("recon.allocation", [{**place, "view": view, "usd": Decimal("1.005")}])
        plant("recon.allocation", [{**place, "view": view, "line_number": 2, "usd": Decimal("0.005")}])
    assert bad(warehouse, "allocation_adds_up").is_empty()

    plant("recon.allocation", [{**place, "view": "initiating", "team": "blue", "usd": Decimal("0.01")}])
    plant("recon.charge", [{**place, "line_number": 3, "billed_usd": Decimal(7)}])
    found = bad(warehouse, "allocation_adds_up").drop("provider", "account", "invoice_id")
    assert found.rows() == [
        ("executing", 3, None, Decimal(0), Decimal(7)),
        ("initiating", 1, None, Decimal("1.015"), Decimal("1.005")),
        ("initiating", 3, None, Decimal(0), Decimal(7)),
    ]


def test_a_team_with_a_part_of_a_cent_on_a_bill_is_named(warehouse: Warehouse, plant: Plant) -> None:
    for view in ("executing", "initiating"):
        plant("recon.allocation", [{"view": view, "usd": Decimal("0.505")}])
        plant("recon.allocation", [{"view": view, "team": "blue", "usd": Decimal("0.495")}])
    plant("recon.charge", [{"billed_usd": Decimal(1)}])
    found = bad(warehouse, "allocation_adds_up")
    assert found.select("view", "line_number", "team", "shared_usd").rows() == [
        ("executing", None, "blue", Decimal("0.495")),
        ("executing", None, "red", Decimal("0.505")),
        ("initiating", None, "blue", Decimal("0.495")),
        ("initiating", None, "red", Decimal("0.505")),
    ]


def test_components_that_miss_the_billed_by_a_cent_are_named(warehouse: Warehouse, plant: Plant) -> None:
    good = [{"component": "tax", "usd": Decimal("1.00")}, {"component": "billed", "usd": Decimal("1.00")}]
    plant("recon.tieout", [{**row, "invoice_id": "A"} for row in good])
    assert bad(warehouse, "tieout_adds_up").is_empty()

    plant("recon.tieout", [{**good[0], "invoice_id": None}, {**good[1], "usd": Decimal("1.01")}])
    assert bad(warehouse, "tieout_adds_up")["invoice_id"].to_list() == [None]


def test_parts_of_a_cent_and_bills_without_components_are_named(warehouse: Warehouse, plant: Plant) -> None:
    plant("recon.tieout", [{"invoice_id": "A", "component": "billed", "usd": Decimal("1.00")}])
    fine = [{"component": name, "usd": Decimal("1.005")} for name in ("tax", "billed")]
    plant("recon.tieout", [{"invoice_id": "B", **row} for row in fine])
    assert bad(warehouse, "tieout_adds_up")["invoice_id"].to_list() == ["A", "B"]


def test_a_span_whose_tokens_no_call_holds_is_named(warehouse: Warehouse, plant: Plant) -> None:
    plant("core.traced", [{"output_tokens": 7}, {"position": 1, "output_tokens": 7}])
    plant(
        "core.correction", [{"step": "duplicate_spans", "tokens": -7}, {"step": "not_billed", "tokens": -7}]
    )
    plant("core.call", [{"output_tokens": 7}])
    assert bad(warehouse, "traces_are_whole").is_empty()

    plant("core.traced", [{"position": 2, "account": "other", "input_audio_tokens": 1}])
    found = bad(warehouse, "traces_are_whole")
    assert found.rows() == [("openai", "other", 1, 0, 0)]


def test_a_billed_call_without_a_workload_is_named(warehouse: Warehouse, plant: Plant) -> None:
    plant("core.call", [{"output_tokens": 7}, {"call_id": "y", "output_tokens": 5, "not_billed_reason": "r"}])
    plant("recon.anatomy", [{"calls": 1, "tokens": 7}])
    assert bad(warehouse, "workloads_add_up").is_empty()

    plant("core.call", [{"call_id": "z", "output_tokens": None}])
    plant("recon.anatomy", [{"team": "blue", "calls": 0, "tokens": 2}])
    found = bad(warehouse, "workloads_add_up")
    assert found.drop("provider", "account").rows() == [("blue", 0, 0, 0, 2), ("red", 2, 1, 7, 7)]


def _tied(plant: Plant, invoice_id: str | None, **components: str) -> None:
    """An invoice with these components; the others are zero."""
    rows = [
        {"invoice_id": invoice_id, "component": name, "usd": Decimal(components.get(name, 0))}
        for name in COMPONENTS
    ]
    plant("recon.tieout", rows)


def test_a_line_whose_parts_are_not_what_it_bills_is_named(warehouse: Warehouse, plant: Plant) -> None:
    _tied(plant, "A", metered_at_expected_rate="9.99", tax="1.01", billed="11")
    line = {"invoice_id": "A", "expected_usd": Decimal("9.99"), "billed_usd": Decimal("9.99")}
    plant("recon.charge", [line])
    tax = {"line_number": 2, "invoice_id": "A", "tax_usd": Decimal("1.01"), "billed_usd": Decimal("1.01")}
    plant("recon.charge", [tax])
    assert bad(warehouse, "charges_add_up").is_empty()

    plant("recon.charge", [{**line, "account": "b", "quantity_usd": Decimal("0.01")}])
    found = bad(warehouse, "charges_add_up").filter(component="line")
    assert found.select("account", "line_number", "lines_usd", "wanted_usd").rows() == [
        ("b", 1, Decimal(10), Decimal("9.99"))
    ]


@pytest.mark.parametrize("invoice_id", ["A", None])
def test_a_component_that_the_lines_do_not_add_up_to_is_named(
    warehouse: Warehouse, plant: Plant, invoice_id: str | None
) -> None:
    _tied(plant, invoice_id, credits="-3", billed="-3")
    parts = {"credit_usd": Decimal(-2), "discount_usd": Decimal(-1), "billed_usd": Decimal(-3)}
    plant("recon.charge", [{"invoice_id": invoice_id, **parts}])
    assert bad(warehouse, "charges_add_up").is_empty()

    moved = {"credit_usd": Decimal("0.01"), "fee_usd": Decimal("-0.01")}
    plant("recon.charge", [{"invoice_id": invoice_id, "line_number": 2, **moved}])
    found = bad(warehouse, "charges_add_up")
    assert found.select("component", "lines_usd", "wanted_usd").rows() == [
        ("credits", Decimal("-2.99"), Decimal(-3)),
        ("fees", Decimal("-0.01"), Decimal(0)),
    ]


def test_an_invoice_without_lines_and_lines_without_an_invoice_are_named(
    warehouse: Warehouse, plant: Plant
) -> None:
    _tied(plant, "A", tax="1", billed="1")
    plant("recon.charge", [{"invoice_id": "B", "tax_usd": Decimal(1), "billed_usd": Decimal(1)}])
    found = bad(warehouse, "charges_add_up")
    assert found.select("invoice_id", "component").rows() == [
        ("A", "billed"), ("A", "tax"), ("B", "billed"), ("B", "tax"),
    ]  # fmt: skip


def test_a_price_that_its_effects_do_not_add_up_to_is_named(warehouse: Warehouse, plant: Plant) -> None:
    plant("recon.charge", [{"price_usd": Decimal(3)}, {"line_number": 2}])
    plant("recon.price_effect", [{"usd": Decimal(2)}, {"effect": "unit", "usd": Decimal(1)}])
    assert bad(warehouse, "effects_add_up").is_empty()

    plant("recon.price_effect", [{"line_number": 2, "usd": Decimal("0.01")}])
    plant("recon.charge", [{"line_number": 3, "price_usd": Decimal("0.02")}])
    found = bad(warehouse, "effects_add_up")
    assert found.select("line_number", "effects_usd", "price_usd").rows() == [
        (2, Decimal("0.01"), Decimal(0)),
        (3, Decimal(0), Decimal("0.02")),
    ]


def test_a_line_whose_effects_miss_its_cost_is_named(warehouse: Warehouse, plant: Plant) -> None:
    plant("recon.bridge", [{"step": "traced", "tokens": 9, "usd": Decimal(3)}])
    line = {"line": "both", "prior_month": "2026-09", "tokens": 9, "usd": Decimal(3), "prior_usd": Decimal(5)}
    plant("recon.variance", [{**line, "mix_usd": Decimal("-2.5"), "volume_usd": Decimal("0.5")}])
    assert bad(warehouse, "variance_adds_up").is_empty()

    plant("recon.bridge", [{"step": "traced", "model": "n", "tokens": 9, "usd": Decimal(3)}])
    plant("recon.variance", [{**line, "model": "n", "price_usd": Decimal("-1.999999999999")}])
    found = bad(warehouse, "variance_adds_up")
    assert found.select("model", "variance_usd", "moved_usd").rows() == [
        ("n", Decimal(3), Decimal("3.000000000001"))
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"tokens": 8},
        {"usd": Decimal(4)},
        {"team": "blue"},
        {"prior_usd": Decimal(0)},
        {"volume_usd": Decimal(1)},
        {"line": "new"},
    ],
)
def test_a_line_that_is_not_the_bridges_or_is_compared_with_no_month_is_named(
    warehouse: Warehouse, plant: Plant, wrong: dict[str, Any]
) -> None:
    plant("recon.bridge", [{"step": "traced", "tokens": 9, "usd": Decimal(3)}])
    plant("recon.variance", [{"line": "no_prior", "tokens": 9, "usd": Decimal(3), **wrong}])
    assert not bad(warehouse, "variance_adds_up").is_empty()


@pytest.mark.parametrize("check", [name for name in CHECKS if name != "nothing_is_lost"])
def test_other_months_are_not_looked_at(warehouse: Warehouse, plant: Plant, check: str) -> None:
    plant("recon.bridge", [{"step": "traced", "tokens": 5}])
    plant("core.metered", [{"output_tokens": 3}])
    plant("core.traced", [{"output_tokens": 3}])
    plant("recon.anatomy", [{"tokens": 3}])
    plant("recon.tieout", [{"component": "billed", "usd": Decimal(3)}])
    plant("recon.charge", [{"billed_usd": Decimal(3), "fee_usd": Decimal(2), "price_usd": Decimal(1)}])
    plant_unposted(warehouse)
    assert not bad(warehouse, check).is_empty()
    assert bad(warehouse, check, "2026-09").is_empty()
