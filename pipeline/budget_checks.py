"""What is wrong with budgets and the table of outcomes, before a month is closed."""

import difflib
from collections.abc import Iterator

from pipeline.budget_settings import strangers
from pipeline.settings import Settings
from pipeline.variance.outcomes import REFUSED, read_outcomes
from schemas.allocation import POOLS

Told = tuple[str, str, str, str]
"""Severity, where, message, advice."""


def budget_problems(settings: Settings, closed: frozenset[str]) -> Iterator[Told]:
    """Yield each team with a budget that no rule, scope or closed month knows; `closed` has teams of months.

    It is no error: a span may name a team that nobody has written down.
    """
    named = {rule.team for rule in settings.teams} | {scope.team for scope in settings.scopes if scope.team}
    known = named | closed | set(POOLS)
    for team in strangers(settings.budgets, known):
        near = difflib.get_close_matches(team, sorted(known), 1, 0.5)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        yield (
            "warning", f"budget of '{team}'",
            f"Nobody knows this team: no rule, no scope and no closed month names it.{hint}",
            "Correct the name, or add a [[teams]] rule; spans that name it themselves count too.",
        )  # fmt: skip


def outcome_problems(settings: Settings) -> Iterator[Told]:
    """Yield what of the table of outcomes cannot be counted: the first, and how many more there are."""
    refused = read_outcomes(settings)[REFUSED]
    for uri, line, reason in refused.head(1).rows():
        where = f"{uri}, line {line}" if line else uri
        more = f" So it is with {refused.height - 1:,} more." if refused.height > 1 else ""
        advice = "Correct it; without it there are no figures of tasks."
        yield ("warning", "outcomes", f"{where}: {reason}{more}", advice)
