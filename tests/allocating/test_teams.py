"""report.team: what the executing view of the allocation says, beside the drift of the bridge."""

from decimal import Decimal

from pipeline.allocating.teams import teams
from tests.allocating.conftest import Company


def test_a_team_is_billed_what_is_allocated_to_it_where_it_executed(company: Company) -> None:
    company.bill("line_number | category | billed_usd\n1 | usage | 9.00\n2 | tax | 3.00")
    company.meter("team | tokens | usd\nred | 100 | 1\nunowned | 200 | 2")
    company.call(
        "call_id | team | initiating_team | output_tokens\n1 | red | blue | 100\n2 | unowned | red | 200"
    )
    company.configure(tax="pool")
    found = teams(company.bridge, company.allocation(), company.calls, "2026-10")
    assert found.select("team", "is_pool", "billed_usd", "call_count").rows() == [
        ("red", False, Decimal("3.00"), 1),
        ("tax", True, Decimal("3.00"), 0),
        ("unowned", True, Decimal("6.00"), 1),
    ]


def test_a_team_without_any_bill_is_billed_nothing(company: Company) -> None:
    company.meter("team | tokens | usd\nred | 100 | 1")
    found = teams(company.bridge, company.allocation(), company.calls, "2026-10")
    assert found.select("team", "billed_usd", "traced_usd").rows() == [("red", Decimal(0), Decimal(1))]
