"""What stands beside the price: fees, credits, tax, currency, rounding, corrections, and bills without detail."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.charges.bills import SONNET, daily, effects_of, line, meter, part

Tie = Callable[..., Any]
TOKENS = {"input_uncached": 1_000_000}


def beside(amount: str, category: str, **more: Any) -> dict[str, Any]:
    return line(amount, category=category, **more)


def test_every_category_is_a_part_of_its_own(tied: Tie) -> None:
    amounts = {
        "fee": "2.51",
        "minimum": "7",
        "credit": "-4",
        "discount": "-1",
        "tax": "0.66",
        "rounding": "-0.01",
    }
    rows = [line(30, "input_uncached", quantity=Decimal(10_000_000))]
    found = tied(meter(TOKENS, days=10), rows + [beside(usd, name) for name, usd in amounts.items()])
    for row in found.charges.slice(1).to_dicts():
        assert row[f"{row['category']}_usd"] == row["billed_usd"] == Decimal(amounts[row["category"]])
    assert [part(found, name) for name in ("fees", "minimums", "credits", "tax", "rounding", "billed")] == [
        Decimal(usd) for usd in ("2.51", "7", "-5", "0.66", "-0.01", "35.16")
    ]
    assert found.effects.is_empty()


def test_the_stated_rate_prices_the_lines_and_the_books_stand_beside_it(tied: Tie) -> None:
    # 100 EUR: the invoice says 1.10 dollars, the books 1.08. 110 dollars are metered at list.
    euros = {"currency": "EUR", "amount_usd": Decimal("108.00"), "stated_usd": Decimal("110.00")}
    tax = {"currency": "EUR", "amount_usd": Decimal("10.80"), "stated_usd": Decimal("11.00")}
    rows = [line(100, "input_uncached", quantity=Decimal(36_666_667), **euros), beside("10", "tax", **tax)]
    found = tied(meter({"input_uncached": 36_666_667}, days=1), rows)
    assert part(found, "metered_at_expected_rate") == Decimal("110.00")
    assert (part(found, "tax"), part(found, "currency")) == (Decimal("11.00"), Decimal("-2.20"))
    assert part(found, "billed") == Decimal("118.80")
    assert part(found, "price") == 0


def test_tokens_beyond_the_metered_are_quantity_and_the_rest_is_price(tied: Tie) -> None:
    # 11 million tokens at 3.30: 1 million too many at 3, and 0.30 too much on each of the 11.
    rows = [line("36.30", "input_uncached", quantity=Decimal(11_000_000))]
    found = tied(meter(TOKENS, days=10), rows)
    assert (part(found, "quantity"), part(found, "price")) == (Decimal(3), Decimal("3.30"))
    assert effects_of(found) == {"geography": Decimal("3.3")}


def test_metered_tokens_that_no_line_charges_for_are_quantity(tied: Tie) -> None:
    rows = [line(30, "input_uncached", quantity=Decimal(10_000_000))]
    found = tied(meter({"input_uncached": 1_000_000, "output": 1_000_000}, days=10), rows)
    assert (part(found, "metered_at_expected_rate"), part(found, "quantity")) == (Decimal(150), Decimal(-120))
    assert found.charges.filter(origin="usage")["line_item"].to_list() == ["metered and on no line"]
    assert part(found, "price") == 0


def test_billed_tokens_that_nobody_metered_are_quantity(tied: Tie) -> None:
    rows = [
        line(30, "input_uncached", quantity=Decimal(10_000_000)),
        line("1.20", "output", quantity=Decimal(100_000)),
    ]
    found = tied(meter(TOKENS, days=10), rows)
    assert (part(found, "quantity"), part(found, "price")) == (Decimal("1.20"), Decimal(0))


def test_an_invoice_without_detail_ties_out_and_says_that_its_price_is_open(tied: Tie) -> None:
    found = tied(meter(TOKENS, days=10), [line("31.00", line_item="not itemised")])
    assert (part(found, "metered_at_expected_rate"), part(found, "price")) == (Decimal(30), Decimal(1))
    assert effects_of(found) == {"unexplained_price": Decimal(1)}


def test_the_cost_export_is_the_detail_of_an_invoice_that_states_a_total(tied: Tie) -> None:
    cost = daily("input_uncached", lambda _: Decimal("3.3"), 1_000_000, days=10)
    found = tied(
        meter(TOKENS, days=10), [*cost, line("33.00", line_item="not itemised"), beside("2.64", "tax")]
    )
    assert set(found.charges["invoice_id"]) == {"INV"}
    assert found.charges["origin"].to_list() == ["cost"] * 10 + ["invoice"]
    assert effects_of(found) == {"geography": Decimal(3)}
    assert part(found, "billed") == Decimal("35.64")


def test_a_correction_is_a_row_of_its_own_and_leaves_the_invoice_as_it_was(tied: Tie) -> None:
    rows = [
        line("33", "input_uncached", quantity=Decimal(10_000_000)),
        line("-3", "input_uncached", invoice_id="INV-2", charge_class="Correction"),
    ]
    found = tied(meter(TOKENS, days=10), rows)
    assert effects_of(found) == {"correction": Decimal(-3), "geography": Decimal(3)}
    price = found.tieout.filter(component="price").sort("invoice_id")["usd"].to_list()
    assert price == [Decimal(3), Decimal(-3)]


def test_a_correction_that_takes_tokens_back_takes_their_quantity_back(tied: Tie) -> None:
    rows = [
        line("33", "input_uncached", quantity=Decimal(11_000_000)),
        line("-3", "input_uncached", quantity=Decimal(-1_000_000), charge_class="Correction"),
    ]
    found = tied(meter(TOKENS, days=10), rows)
    assert (part(found, "quantity"), part(found, "price"), part(found, "billed")) == (0, 0, Decimal(30))


def test_a_model_without_a_price_is_unpriced_and_not_free(tied: Tie) -> None:
    metered = (
        meter(TOKENS, days=1)
        .with_columns(usd_per_token=None)
        .cast(
            {"usd_per_token": "Decimal(38, 12)"} and {"usd_per_token": meter(TOKENS).schema["usd_per_token"]}
        )
    )
    found = tied(metered, [line(5, "input_uncached", quantity=Decimal(1_000_000))])
    assert effects_of(found) == {"unpriced": Decimal(5)}
    assert found.charges["expected_usd"].to_list() == [None]


def test_lines_of_several_invoices_take_the_tokens_that_they_name(tied: Tie) -> None:
    rows = [
        line(30, "input_uncached", invoice_id="A", quantity=Decimal(10_000_000)),
        line("1.20", "output", invoice_id="B", quantity=Decimal(100_000)),
    ]
    found = tied(meter({"input_uncached": 1_000_000, "output": 10_000}, days=10), rows)
    expected = found.tieout.filter(component="metered_at_expected_rate").sort("invoice_id")["usd"].to_list()
    assert expected == [Decimal(30), Decimal("1.20")]
    assert found.effects.is_empty()


def test_digits_of_a_quantity_are_a_tolerance(tied: Tie) -> None:
    # 1.23 million tokens stand for 1,225,000 to 1,235,000: 0.015 dollars at 3 a million.
    told = {"quantity": Decimal(1_230_000), "quantity_step": Decimal(10_000)}
    amount = Decimal("3.701234")
    found = tied(meter({"input_uncached": 1_230_000}, days=1), [line(amount, "input_uncached", **told)])
    assert found.charges["rounding_usd"][0] == Decimal("0.011234")
    assert part(found, "price") == 0
    exact = told | {"quantity_step": Decimal(1)}
    found = tied(meter({"input_uncached": 1_230_000}, days=1), [line(amount, "input_uncached", **exact)])
    assert effects_of(found) == {"unexplained_price": Decimal("0.011234")}


def test_lines_of_one_number_are_lines_of_their_own(tied: Tie) -> None:
    twice = line(15, "input_uncached", quantity=Decimal(5_000_000), line=4, position=0)
    found = tied(meter(TOKENS, days=10), [twice, twice])
    assert found.charges["line_number"].to_list() == [1, 2]
    assert part(found, "billed") == Decimal(30)
    assert found.effects.is_empty()


def test_awkward_quantities_and_amounts_stay_exact(tied: Tie) -> None:
    rows = [
        line("30.000000000001", "input_uncached", quantity=Decimal(10_000_000)),
        line("0.5", "input_uncached", quantity=Decimal(0)),
        line("-3", "input_uncached", quantity=Decimal(-1_000_000)),
        line("12345678901234567.890123456789", model=SONNET),
        line("-12345678901234567.890123456789", "output", quantity=Decimal("0.000000000001")),
    ]
    found = tied(meter(TOKENS, days=10), rows)
    assert part(found, "billed") == Decimal("27.50")
    assert found.charges["billed_unit_price"].null_count() >= 2
    effects = found.effects.filter(line_number=2)
    assert effects.select("effect", "usd").rows() == [("unexplained_price", Decimal("0.5"))]
