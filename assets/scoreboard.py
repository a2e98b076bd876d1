"""What `tallystick simulate` prints: figures beside their goals, what they mean, and how to replay a miss."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from assets.score import CAUSES, FIGURES, Figure
from assets.simulate import BALANCED, BALANCES, Goal, Outcome, summarise

WIDTH = 132
"""Columns that the tables need: figures are not to be cut where a terminal is narrow, or a pipe."""


def show(console: Console, outcomes: Sequence[Outcome]) -> None:
    """Print the figures of all worlds, their definitions, and the worlds that missed a goal.

    Beside the median of an own error stands that of all worlds together, by size; goals are of the median.
    """
    console.print(_figures(outcomes))
    for figure in _shown(outcomes):
        console.print(f"{figure.title}: {figure.sentence}", markup=False, style="dim")
    if len(outcomes) == 1:
        console.print(_causes(outcomes[0]))
    if any(outcome.dropped is not None for outcome in outcomes):
        console.print(_dropped(outcomes))
    for line in _failures(outcomes):
        console.print(line, markup=False)


def missed(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the titles of the figures whose median over the worlds misses its goal."""
    goals = outcomes[0].plan.goals
    return [
        figure.title
        for figure in FIGURES
        if figure.code in goals
        and goals[figure.code].is_met(summarise(figure, _values(outcomes, figure)).median) is False
    ]


def _shown(outcomes: Sequence[Outcome]) -> list[Figure]:
    """The figures, and what was claimed of a cause that no world had."""
    absent = [
        cause
        for cause in CAUSES
        if all(outcome.scores[BALANCED][f"false.{cause}"] is not None for outcome in outcomes)
    ]
    false = [
        Figure(f"false.{cause}", f"{cause}, false", f"The sum of |{cause}| over fine cells, of gross drift.")
        for cause in absent
        if any(outcome.scores[BALANCED][f"false.{cause}"] for outcome in outcomes)
        or cause == outcomes[0].plan.without
    ]
    return [*FIGURES, *false]


def _values(outcomes: Sequence[Outcome], figure: Figure, balance: str = BALANCED) -> list[float | None]:
    return [outcome.scores[balance][figure.code] for outcome in outcomes]


def _figures(outcomes: Sequence[Outcome]) -> Table:
    plan = outcomes[0].plan
    worlds = f"{len(outcomes)} world{'s' * (len(outcomes) > 1)}"
    title = f"{worlds} of {plan.calls:,} calls, export by the {plan.grain}"
    table = Table(title=title, title_justify="left")
    table.add_column("figure", no_wrap=True)
    others = [name for name in BALANCES if name != BALANCED]
    for name in ("median", "90th", "worst", "by size", "goal", "", *others):
        table.add_column(name, justify="right", no_wrap=True)
    for figure in _shown(outcomes):
        told = summarise(figure, _values(outcomes, figure))
        beside = [summarise(figure, _values(outcomes, figure, name)).median for name in others]
        table.add_row(
            figure.title, *map(_percent, told), _percent(_by_size(outcomes, figure)),
            *_goal(plan.goals.get(figure.code), told.median), *map(_percent, beside),
        )  # fmt: skip
    return table


def _by_size(outcomes: Sequence[Outcome], figure: Figure) -> float | None:
    """The own error of all worlds together: a world in which the cause is tiny counts for little."""
    size = f"size.{figure.code.removeprefix('own.')}"
    told = [outcome.scores[BALANCED] for outcome in outcomes]
    known = [(one[figure.code], one[size]) for one in told if one.get(size) and one[figure.code] is not None]
    whole = sum(tokens or 0.0 for _, tokens in known)
    return sum((share or 0.0) * (tokens or 0.0) for share, tokens in known) / whole if whole else None


def _goal(goal: Goal | None, median: float | None) -> tuple[str, str]:
    if goal is None:
        return "", ""
    text = f"≤ {goal.high:.0%}" if goal.low == 0 else f"{goal.low:.0%} to {goal.high:.0%}"
    word = {True: "[green]met[/]", False: "[red]missed[/]", None: ""}
    return text, word[goal.is_met(median)]


def _percent(figure: float | None) -> str:
    return "" if figure is None else f"{figure * 100:,.1f} %"


def _causes(outcome: Outcome) -> Table:
    """Truth, ours and what is off, in tokens, by step; gross and off are sums over fine cells."""
    table = Table(title="Tokens by step", title_justify="left")
    table.add_column("step", no_wrap=True)
    for name in ("truth", "ours", "difference", "gross", "off", "own error", "bias"):
        table.add_column(name, justify="right", no_wrap=True)
    figures = outcome.scores[BALANCED]
    for row in outcome.causes.to_dicts():
        shares = [_percent(figures.get(f"{name}.{row['cause']}")) for name in ("own", "bias")]
        tokens = [f"{row[name]:,}" for name in ("truth", "ours")]
        tokens += [f"{row['ours'] - row['truth']:+,}", f"{row['size']:,}", f"{row['off']:,}"]
        table.add_row(row["cause"], *tokens, *shares)
    return table


def _dropped(outcomes: Sequence[Outcome]) -> Table:
    """How the other steps changed when one cause was left out of the close."""
    cause = outcomes[0].plan.drop
    table = Table(title=f"Without the claims of {cause}, of its true size", title_justify="left")
    table.add_column("step")
    for name in ("grew, median", "moved, median", "moved, worst"):
        table.add_column(name, justify="right")
    frames = [outcome.dropped for outcome in outcomes if outcome.dropped is not None]
    changes = [row for frame in frames for row in frame.to_dicts()]
    for step in dict.fromkeys(row["cause"] for row in changes):
        rows = [row for row in changes if row["cause"] == step]
        figure = Figure(step, step, "")
        grew, moved = (summarise(figure, [row[name] for row in rows]) for name in ("grew", "moved"))
        table.add_row(step, _percent(grew.median), _percent(moved.median), _percent(moved.worst))
    return table


def _failures(outcomes: Sequence[Outcome]) -> Iterable[str]:
    failing = [outcome for outcome in outcomes if outcome.missed]
    if failing:
        yield f"{len(failing)} of {len(outcomes)} worlds miss a goal; to replay one:"
    order = sorted(failing, key=lambda outcome: -(outcome.scores[BALANCED]["misplaced"] or 0))
    for outcome in order:
        figures = outcome.scores[BALANCED]
        said = ", ".join(f"{code} {_percent(figures[code])}" for code in outcome.missed)
        yield f"  {outcome.plan.command}  # {said}"
