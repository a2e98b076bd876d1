"""Whatever is billed: the lines add up to the invoice and to its components, the effects to the price."""

from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.charges.search import PriceSearch
from pipeline.charges.tariffs import Tariffs
from pipeline.pricing import RateCard
from pipeline.providers import PROVIDERS
from pipeline.settings import Settings
from pipeline.tieout import tie_out
from tests.charges.bills import LIST, SONNET, assert_adds_up, frame, line, meter
from tests.charges.conftest import MONTH

SEARCH = PriceSearch(Tariffs(RateCard(Settings(), PROVIDERS)), MONTH, {"anthropic": [SONNET]})
CATEGORIES = (
    "usage",
    "usage",
    "usage",
    "fee",
    "minimum",
    "credit",
    "discount",
    "tax",
    "rounding",
    "adjustment",
)

cents = st.integers(-(10**6), 10**7).map(lambda n: Decimal(n) / 100)
digits = st.integers(-(10**15), 10**18).map(lambda n: Decimal(n) / 10**12)
amounts = st.one_of(cents, digits, st.sampled_from([Decimal("0.01"), Decimal("-0.01"), Decimal(0)]))
quantities = st.one_of(st.none(), st.integers(-(10**6), 10**8).map(Decimal), st.just(Decimal(0)))
rates = st.sampled_from([None, Decimal("1.08"), Decimal("0.0067"), Decimal("1.1")])


@st.composite
def bill_lines(draw: st.DrawFn) -> dict[str, Any]:
    """A line of any category, currency and sign, of an invoice or of the cost export."""
    amount, book, stated = draw(amounts), draw(rates), draw(rates)
    origin = draw(st.sampled_from(["invoice", "invoice", "cost"]))
    kind = draw(st.sampled_from([None, *LIST]))
    days = st.none() if origin == "invoice" else st.dates(date(2026, 10, 1), date(2026, 10, 5))
    told = {
        "origin": origin,
        "invoice_id": None if origin == "cost" else draw(st.sampled_from(["A", "B"])),
        "category": draw(st.sampled_from(CATEGORIES)),
        "charge_class": draw(st.sampled_from([None, None, None, "Correction"])),
        "billed_on": draw(days),
        "service_tier": draw(st.sampled_from(["all", "standard", "batch"])),
        "quantity": draw(quantities),
        "quantity_step": draw(st.sampled_from([None, Decimal(1), Decimal(1000)])),
    }
    if book is not None:
        told |= {"currency": "EUR", "amount_usd": round(amount * book, 12)}
        told["stated_usd"] = None if stated is None else round(amount * stated, 12)
    return line(amount, kind, **told)


@given(
    st.lists(bill_lines(), max_size=12),
    st.dictionaries(st.sampled_from([*LIST]), st.integers(0, 10**8), max_size=3),
)
def test_lines_and_effects_add_up(lines: list[dict[str, Any]], tokens: dict[str, int]) -> None:
    metered = meter(tokens, days=5)
    found = tie_out(metered, frame(lines), "2026-10", SEARCH)
    assert_adds_up(found)
    if found.tieout.height:
        billed = found.tieout.filter(component="billed")["usd"].sum()
        has_charge = any(
            row["origin"] == "invoice" and row["category"] in {"usage", "fee", "minimum", "adjustment"}
            for row in lines
        )
        counted = [row for row in lines if row["origin"] == "invoice" or not has_charge]
        exact = sum((row["amount_usd"] for row in counted), Decimal(0))
        assert abs(Decimal(billed) - exact) <= Decimal("0.02")


@given(st.lists(bill_lines(), max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_accounts_and_cells_changes_nothing(lines: list[dict[str, Any]], random: Any) -> None:
    metered = meter({"input_uncached": 1000, "output": 10}, days=3)
    shuffled = metered.sample(fraction=1, shuffle=True, seed=random.randint(0, 99))
    first, second = (tie_out(each, frame(lines), "2026-10", SEARCH) for each in (metered, shuffled))
    assert all(one.equals(other) for one, other in zip(first, second, strict=True))
