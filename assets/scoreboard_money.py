"""What `tallystick simulate --money` prints: components, faults, inventions, and how to replay a world."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from rich.console import Console
from rich.table import Table

from assets.score_money import Mark, Verdict
from assets.simulate_money import HAS_CONTRACTS, MoneyOutcome

_WORDS = (
    "right: equal to the truth to the cent; beside a wrong price on rounded rows, within half a cent a row.",
    "tied: all components of an invoice are right.",
    "found: every cell (model, token kind) of a fault has its amount; named: under the right effect.",
    "invented: an effect of a cent or more in a cell without a fault, or an invoice that bills nothing.",
)
_ZERO = Decimal(0)


def show_money(console: Console, outcomes: Sequence[MoneyOutcome]) -> None:
    """Print the marks of all worlds, their definitions, and the worlds that are not perfect."""
    console.print(_components(outcomes))
    console.print(_faults(outcomes))
    for line in (*_WORDS, *_lacking(outcomes)):
        console.print(line, markup=False, style="dim")
    console.print(_teams(outcomes), markup=False)
    if len(outcomes) == 1:
        console.print(_wrong(outcomes[0]))
    for outcome in [outcome for outcome in outcomes if not outcome.score.is_perfect][:5]:
        console.print(f"  {outcome.plan.command}", markup=False)


def is_all_right(outcomes: Sequence[MoneyOutcome]) -> bool:
    """Whether every world is perfect."""
    return all(outcome.score.is_perfect for outcome in outcomes)


def _components(outcomes: Sequence[MoneyOutcome]) -> Table:
    marks = [mark for outcome in outcomes for mark in outcome.score.marks]
    table = Table(title=f"Tie-out of {_count(outcomes)}", title_justify="left")
    table.add_column("component", no_wrap=True)
    for name in ("invoices", "right", "USD, truth", "largest gap"):
        table.add_column(name, justify="right", no_wrap=True)
    for component in dict.fromkeys(mark.component for mark in marks):
        mine = [mark for mark in marks if mark.component == component]
        table.add_row(component, *_row(mine))
    invoices: dict[tuple[int, str, str], bool] = {}
    for outcome in outcomes:
        for mark in outcome.score.marks:
            key = (outcome.plan.seed, mark.provider, mark.invoice_id)
            invoices[key] = invoices.get(key, True) and mark.is_right
    table.add_section()
    table.add_row("tied", str(len(invoices)), str(sum(invoices.values())), "", "")
    return table


def _row(marks: Sequence[Mark]) -> Iterable[str]:
    gaps = [abs((mark.ours or _ZERO) - mark.truth) for mark in marks]
    right = sum(mark.is_right for mark in marks)
    total = sum((mark.truth for mark in marks), _ZERO)
    return str(len(marks)), str(right), f"{total:,.2f}", f"{max(gaps, default=_ZERO):,.2f}"


def _faults(outcomes: Sequence[MoneyOutcome]) -> Table:
    verdicts = [verdict for outcome in outcomes for verdict in outcome.score.verdicts]
    table = Table(title="Planted faults", title_justify="left")
    table.add_column("fault", no_wrap=True)
    for name in ("planted", "found", "named", "USD"):
        table.add_column(name, justify="right", no_wrap=True)
    for fault in sorted({verdict.fault for verdict in verdicts}):
        table.add_row(fault, *_told([verdict for verdict in verdicts if verdict.fault == fault]))
    table.add_section()
    table.add_row("all", *_told(verdicts))
    invented = [item for outcome in outcomes for item in outcome.score.invented]
    usd = sum((abs(item.usd) for item in invented), _ZERO)
    table.add_row("invented", "0", str(len(invented)), "", f"{usd:,.2f}")
    return table


def _told(verdicts: Sequence[Verdict]) -> Iterable[str]:
    def count(is_so: Callable[[Verdict], bool]) -> str:
        return str(sum(is_so(verdict) for verdict in verdicts))

    usd = sum((abs(verdict.usd) for verdict in verdicts), _ZERO)
    return str(len(verdicts)), count(lambda v: v.is_found), count(lambda v: v.is_named), f"{usd:,.2f}"


def _teams(outcomes: Sequence[MoneyOutcome]) -> str:
    right = sum(not outcome.score.team_gap for outcome in outcomes)
    clean = [outcome for outcome in outcomes if not outcome.score.verdicts]
    quiet = sum(not outcome.score.invented for outcome in clean)
    return (
        f"Teams add up to the invoices in {right} of {_count(outcomes)}. "
        f"Of {len(clean)} without a fault, {quiet} have none invented."
    )


def _lacking(outcomes: Sequence[MoneyOutcome]) -> Iterable[str]:
    if not HAS_CONTRACTS:
        yield "The configuration takes no contracts: every price under one counts as wrong."
    if not any(outcome.has_effects for outcome in outcomes):
        yield "There is no table of price effects: no price fault can be found."


def _wrong(outcome: MoneyOutcome) -> Table:
    table = Table(title=f"What is wrong in the world of seed {outcome.plan.seed}", title_justify="left")
    for name in ("provider", "what"):
        table.add_column(name, no_wrap=True)
    for name in ("truth", "ours"):
        table.add_column(name, justify="right", no_wrap=True)
    for mark in outcome.score.marks:
        if not mark.is_right:
            ours = "none" if mark.ours is None else f"{mark.ours:,.2f}"
            what = f"{mark.invoice_id or 'no invoice'} {mark.component}"
            table.add_row(mark.provider, what, f"{mark.truth:,.2f}", ours)
    for verdict in outcome.score.verdicts:
        if not verdict.is_named:
            table.add_row(verdict.provider, verdict.fault, f"{verdict.usd:,.2f}", verdict.told or "none")
    for item in outcome.score.invented:
        what = " ".join(word for word in (item.what, item.model, item.token_kind) if word)
        table.add_row(item.provider, f"invented: {what}", "none", f"{item.usd:,.2f}")
    return table


def _count(outcomes: Sequence[MoneyOutcome]) -> str:
    return f"{len(outcomes)} world{'s' * (len(outcomes) > 1)}"
