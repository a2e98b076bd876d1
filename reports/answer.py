"""The top of a page in sentences: why traces and bill differ, how sure that is, what to do, what it saves."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from reports import format as fmt
from reports.rounding import ZERO
from reports.story import Cause
from reports.view import Bridge, shown

REASONS = 3


@dataclass(frozen=True)
class Answer:
    """What a reader of two minutes takes away, beside the headline and its three figures."""

    why: str
    sure: str
    saving: Cause | None
    """The cause whose largest place saves most; null where none saves a cent."""


def answer(bridge: Bridge, causes: Sequence[Cause], *, is_compared: bool = True) -> Answer:
    """Return why traces and the last total differ, how sure the causes are, and what would save most.

    Nothing of it where the month has one side only: a difference to nothing has no reasons.
    """
    if not is_compared:
        return Answer("", "", None)
    return Answer(_why(bridge), _sure(causes), _saving(causes))


def _why(bridge: Bridge) -> str:
    """The largest reasons and the others as one; they add up to the difference, in the cents of the page."""
    lines = [*bridge.steps, bridge.unexplained, *bridge.invoice]
    ranked = sorted((line for line in lines if shown(line)), key=lambda line: (-abs(shown(line)), line.code))
    goal = "bill" if bridge.billed else "meters"
    if bridge.total.usd.shown is None:
        return ""
    gap = bridge.difference_usd
    if not ranked:
        return f"Traces and {goal} come to the same amount."
    told = [f"{line.title} {fmt.signed_usd(shown(line))}" for line in ranked[:REASONS]]
    if others := ranked[REASONS:]:
        rest = sum((shown(line) for line in others), ZERO)
        told.append(f"{fmt.plural(len(others), 'smaller reason')} {fmt.signed_usd(rest)} together")
    size = f"{fmt.usd(abs(gap))} {'more' if gap > 0 else 'less'} than" if gap else "as much as"
    return f"The {goal} {'comes' if bridge.billed else 'come'} to {size} the traces: {'; '.join(told)}."


def _sure(causes: Sequence[Cause]) -> str:
    """How many causes are known exactly, and which has the widest range."""
    named = [cause for cause in causes if cause.line.role == "step"]
    if not named:
        return ""
    known = _known(sum(cause.line.basis == "exact" for cause in named), len(named))
    widest = max(named, key=lambda cause: (_width(cause), cause.line.code))
    if not _width(widest):
        return f"{known}."
    low, high = widest.interval or (ZERO, ZERO)
    return (
        f"{known}. The least sure is “{widest.line.title}”: between {fmt.signed_usd(low)} and "
        f"{fmt.signed_usd(high)}, in nine cases of ten."
    )


def _known(exact: int, count: int) -> str:
    if exact == count:
        return "All causes are known exactly"
    if not exact:
        return "No cause is known exactly, each has a range"
    return f"{exact} of {count} causes {'is' if exact == 1 else 'are'} known exactly"


def _width(cause: Cause) -> Decimal:
    low, high = cause.interval or (ZERO, ZERO)
    return high - low


def _saves(cause: Cause) -> Decimal:
    return cause.lever.saves if cause.lever else ZERO


def _saving(causes: Sequence[Cause]) -> Cause | None:
    return max((cause for cause in causes if _saves(cause) > 0), key=_saves, default=None)
