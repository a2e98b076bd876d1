"""The top of a page in sentences: why, how sure, and what saves most."""

from dataclasses import replace
from decimal import Decimal

from reports.answer import answer
from reports.places import Lever
from reports.story import Cause
from reports.view import Bridge, Line, Usd

SPACE = "\N{NO-BREAK SPACE}"


def line(code: str, usd: str | None, role: str = "step", basis: str = "exact") -> Line:
    amount = None if usd is None else Decimal(usd)
    return Line(code, code.capitalize(), "", Usd(amount, amount), role, tokens=10, basis=basis)


def bridge(
    *steps: Line, rest: str = "0.00", invoice: tuple[Line, ...] = (), traced: str | None = "10.00"
) -> Bridge:
    amounts = [each.usd.shown or Decimal(0) for each in steps]
    known = traced is not None
    metered = Decimal(traced or 0) + sum(amounts, Decimal(rest))
    billed = metered + sum((each.usd.shown or Decimal(0) for each in invoice), Decimal(0))
    return Bridge(
        traced=line("traced", traced, "total"),
        steps=steps,
        unexplained=line("unexplained", rest if known else None, "rest"),
        metered=line("metered", str(metered) if known else None, "total"),
        invoice=invoice,
        billed=line("billed", str(billed), "total") if invoice else None,
        gross_tokens=0,
        gross_unexplained_usd=Decimal(0),
    )  # fmt: skip


def cause(each: Line, interval: tuple[str, str] | None = None, saves: str = "0") -> Cause:
    lever = Lever("Begin.", "It holds it", "so.", Decimal(saves), Decimal(saves))
    ends = interval and (Decimal(interval[0]), Decimal(interval[1]))
    return Cause(each, "Do.", [], 0, ends, is_material=False, lever=lever)


def test_the_reasons_add_up_to_the_difference_whatever_kind_they_are_of() -> None:
    """Ten traced; -3 + 1 + 0.5 + 0.25 and 5 of fees on the bill: 13.75, hence 3.75 more."""
    steps = (line("twice", "-3.00"), line("retries", "1.00"), line("lost", "0.50"))
    told = answer(bridge(*steps, rest="0.25", invoice=(line("fees", "5.00", "invoice"),)), [])
    assert told.why == (
        "The bill comes to $3.75 more than the traces: Fees +$5.00; Twice −$3.00; Retries +$1.00; "
        "2 smaller reasons +$0.75 together."
    )


def test_without_a_bill_it_is_the_meters_that_differ() -> None:
    told = answer(bridge(line("twice", "-3.00")), [])
    assert told.why == "The meters come to $3.00 less than the traces: Twice −$3.00."


def test_opposite_reasons_are_told_although_nothing_is_left_of_them() -> None:
    told = answer(bridge(line("twice", "-3.00"), line("retries", "3.00")), [])
    assert told.why == "The meters come to as much as the traces: Retries +$3.00; Twice −$3.00."


def test_nothing_to_tell_apart_is_said_so() -> None:
    assert answer(bridge(), []).why == "Traces and meters come to the same amount."
    assert answer(bridge(traced=None), []).why == ""


def test_the_least_sure_is_the_one_with_the_widest_range() -> None:
    causes = [
        cause(line("twice", "-3.00")),
        cause(line("retries", "1.00", basis="estimated"), ("0.10", "2.50")),
        cause(line("lost", "0.50", basis="bounded"), ("0.40", "0.60")),
    ]
    assert answer(bridge(), causes).sure == (
        "1 of 3 causes is known exactly. The least sure is “Retries”: between +$0.10 and +$2.50, "
        "in nine cases of ten."
    )


def test_ranges_below_a_cent_are_not_told() -> None:
    causes = [cause(line("retries", "0.00", basis="estimated"), ("0.00", "0.00"))]
    assert answer(bridge(), causes).sure == "No cause is known exactly, each has a range."


def test_the_unexplained_is_no_cause_that_anybody_is_sure_of() -> None:
    rest = cause(line("unexplained", "1.00", "rest", "allocated"), ("0.00", "2.00"))
    assert answer(bridge(), [rest]).sure == ""
    assert answer(bridge(), [rest, cause(line("twice", "-3.00"))]).sure == "All causes are known exactly."


def test_what_saves_most_is_the_largest_saving_and_not_the_largest_cause() -> None:
    causes = [cause(line("twice", "-3.00")), cause(line("retries", "1.00"), saves="0.80"),
              cause(line("cut", "0.90"), saves="0.90")]  # fmt: skip
    found = answer(bridge(), causes).saving
    assert found is not None
    assert found.line.code == "cut"
    nothing = [replace(each, lever=None) for each in causes]
    assert answer(bridge(), nothing).saving is None
