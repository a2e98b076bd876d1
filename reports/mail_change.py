"""Parts of a mail beside the bridge: against last month, budgets with their pace, the costliest traces."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from reports import format as fmt
from reports.mail_view import Line, Part, Sheet
from reports.mail_words import money, more, name
from reports.pages import Page
from reports.units import BudgetRow
from reports.variance import EFFECTS, TITLES, Moved
from reports.view import Usd

BUDGETS = 10
TRACES = 3


def compared_parts(page: Page) -> Iterator[Part]:
    """Yield what can be compared: nothing without a month before, a budget, or a traced call."""
    if page.change.total:
        yield _change(page, page.change.total)
    if page.budgets:
        yield _budgets(page)
    yield from _costliest(page)


def _change(page: Page, total: Moved) -> Part:
    change = page.change
    moved = dict(zip(EFFECTS, total.effects, strict=True))
    lines = [
        Line(f"Metered in {change.prior_month}", (money(total.prior),), role="total"),
        *(
            Line(TITLES[code][0], (money(moved[code], signed=True),), TITLES[code][1])
            for code in change.effects
        ),
        Line(f"Metered in {fmt.month_name(page.month)}", (money(total.now),), role="total"),
    ]
    caption = "Month over month, US dollars at the expected rate"
    return Part(
        "Against last month", change.sentence, Sheet(caption, ("What moved it", "US dollars"), tuple(lines))
    )


def _budgets(page: Page) -> Part:
    heads = ("Team", "Budget", "Spent", "At month end")
    lines = tuple(_budget(each) for each in page.budgets[:BUDGETS])
    return Part(
        "Budgets" if page.team is None else "Budget",
        "Spent is the part of the bills, and metered tokens at the expected rate while a bill is awaited. At "
        "month end: spent, carried on at the same pace.",
        Sheet("Budgets, US dollars", heads, lines),
        more=more(len(page.budgets) - BUDGETS, "budget"),
    )


def _budget(budget: BudgetRow) -> Line:
    row = budget.row
    days = (
        ""
        if row["days_elapsed"] is None
        else f"; {row['days_elapsed']} of {row['days_in_month']} days metered"
    )
    spent = _usd(row["allocated_usd"], row["awaited_unpriced_tokens"])
    end = "–" if row["projected_usd"] is None else _usd(row["projected_usd"], row["awaited_unpriced_tokens"])
    return Line(name(row["team"]), (fmt.usd(row["budget_usd"]), spent, end), f"{budget.standing}{days}")


def _usd(amount: Decimal, unpriced: int) -> str:
    return money(Usd(amount, amount, bool(unpriced)))


def _costliest(page: Page) -> Iterator[Part]:
    for each in page.costliest:
        if each.unit == "trace":
            lines = tuple(_trace(row, is_index=page.team is None) for row in each.rows[:TRACES])
            lead = "By dollars at the expected rate, as their spans record tokens: ids and counts only."
            heads = ("Trace", "Calls", "Tokens", "US dollars")
            yield Part(
                "Costliest traces",
                lead,
                Sheet("The costliest traces", heads, lines),
                more=more(len(each.rows) - len(lines), "trace"),
            )


def _trace(row: Mapping[str, Any], *, is_index: bool) -> Line:
    told = [row["team"]] if is_index else []
    told += [row["service"] or "several services", row["model"] or "several models", row["workload"].lower()]
    tokens = "none recorded" if row["tokens"] is None else fmt.tokens(row["tokens"])
    usd = fmt.NO_PRICE if row["usd"] is None else fmt.unit_usd(row["usd"])
    usd += " + unpriced" if row["usd"] is not None and row["unpriced_tokens"] else ""
    return Line(name(row["trace_id"]), (fmt.integer(row["calls"]), tokens, usd), ", ".join(map(name, told)))
