"""What `explain --invoice` says of fees and of what lay idle."""

from decimal import Decimal

from assets.explain_invoice import differing, facts, fees, line_of, of_invoice
from tests.focus.rows import frame

D = Decimal
ROWS = [
    {"line_number": 1, "category": "usage", "expected_usd": D(5), "billed_usd": D(5)},
    {"line_number": 2, "fee_kind": "support", "fee_usd": D(9), "billed_usd": D(9)},
    {
        "line_number": 3,
        "fee_kind": "provisioned_hours",
        "fee_usd": D(100),
        "billed_usd": D(100),
        "idle_usd": D(40),
    },
    {"line_number": 4, "fee_kind": "support", "fee_usd": D(1), "billed_usd": D(1)},
]
CHARGES = frame("recon.charge", [{"invoice_id": "INV"} | row for row in ROWS])


def test_fees_are_told_by_what_they_are_for_and_idle_capacity_beside_its_fee() -> None:
    rows = of_invoice(CHARGES, "INV")

    assert fees(rows) == "Fees: provisioned_hours $100.00; support $10.00."
    made = {cells[0]: cells[-1] for cells in differing(rows, 9)}
    assert made["3"] == "fee (provisioned_hours) $100.00; of it idle $40.00"
    assert made["2"] == "fee (support) $9.00"
    told = dict(facts(line_of(rows, 3)))
    assert (told["fee_kind"], D(told["idle_usd"])) == ("provisioned_hours", 40)
    assert "idle_usd" not in dict(facts(line_of(rows, 2)))


def test_a_month_that_was_published_before_fees_had_kinds_is_read_as_it_is() -> None:
    rows = of_invoice(CHARGES.drop("fee_kind", "idle_usd"), "INV")

    assert fees(rows) == ""
    assert {cells[0]: cells[-1] for cells in differing(rows, 9)}["2"] == "fee $9.00"
