"""How billed tokens follow from a local count: a robust regression per model family, near what is known.

    billed = ratio·local + per_message·messages + per_request + tool_ratio·tool tokens + per_tool·tool + known

For answers, `messages` and tool definitions are nothing and `per_tool` is per tool call.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_Array = npt.NDArray[np.float64]
_SPREAD = 0.05
"""Relative error of a single call at which its weight begins to fall."""
_ROUNDS = 12
_PRIOR_CALLS = 5.0
"""Prompts that the prior of the spread is worth."""


class Sample(NamedTuple):
    """A call whose bill and text are both known, one side of it."""

    family: str
    side: str
    """input or output."""
    prompt: str
    """Calls of one prompt count as one."""
    local: int
    messages: int
    is_chat: bool
    """Whether a chat template stands around it: not on embeddings and plain completions."""
    tool_tokens: int
    has_tools: int
    """Input: 1 with tool definitions. Output: number of tool calls."""
    known: int
    """Tokens that a provider's rule adds."""
    billed: int


class Ratio(NamedTuple):
    """Coefficients of one family and side."""

    ratio: float
    per_message: float
    per_request: float
    tool_ratio: float
    per_tool: float
    low: float
    """5 % bound of the ratio."""
    high: float
    """95 % bound of the ratio."""
    error: float
    """Standard error of a single call, relative to its tokens."""
    prompts: int


class Prior(NamedTuple):
    """What is believed of a family before it is measured: means, and how far they may be off."""

    mean: tuple[float, float, float, float, float]
    deviation: tuple[float, float, float, float, float]
    error: float = 0.15
    source: str = ""


def fit(samples: Sequence[Sample], priors: dict[tuple[str, str], Prior]) -> dict[tuple[str, str], Ratio]:
    """Return the coefficients of every family and side that has a prior: without samples, the prior."""
    ordered = sorted(samples)
    grouped = {key: list(rows) for key, rows in groupby(ordered, key=lambda sample: sample[:2])}
    return {key: _fit(grouped.get(key, []), prior) for key, prior in sorted(priors.items())}


def predict(sample: Sample, ratio: Ratio) -> float:
    """Return the tokens expected on the bill; never less than none."""
    return max(0.0, float(_features([sample])[0] @ np.array(ratio[:5])) + sample.known)


def _features(samples: Sequence[Sample]) -> _Array:
    rows = [
        (s.local, s.messages if s.is_chat else 0, float(s.is_chat), s.tool_tokens, s.has_tools)
        for s in samples
    ]
    return np.array(rows, dtype=float).reshape(len(rows), 5)


def _fit(samples: Sequence[Sample], prior: Prior) -> Ratio:
    mean, precision = np.array(prior.mean), 1 / np.square(np.array(prior.deviation))
    x = _features(samples)
    billed = np.array([s.billed for s in samples], dtype=float)
    y = billed - np.array([s.known for s in samples], dtype=float)
    prompts = [s.prompt for s in samples]
    share = np.array([1 / prompts.count(prompt) for prompt in prompts])
    spread = _SPREAD * np.maximum(billed, 10.0)
    beta, inner = mean, np.diag(precision)
    for _ in range(_ROUNDS):
        residual = (y - x @ beta) / spread
        weight = share / np.square(spread) / np.maximum(1.0, np.abs(residual))
        inner = np.diag(precision) + (x * weight[:, None]).T @ x
        beta = np.linalg.solve(inner, precision * mean + (x * weight[:, None]).T @ y)
    missed = np.abs(y - x @ beta) / np.maximum(billed, 10.0)
    evidence = float(share.sum())
    square = _PRIOR_CALLS * prior.error**2 + float((share * np.square(np.minimum(missed, 1.0))).sum())
    deviation = float(np.sqrt(np.linalg.inv(inner)[0, 0]))
    error = float(np.sqrt(square / (_PRIOR_CALLS + evidence)))
    bounds = (beta[0] - 1.645 * deviation, beta[0] + 1.645 * deviation)
    numbers = [round(float(value), 3) for value in (*beta, *bounds, error)]
    one, message, request, tool_ratio, tool, low, high, error = numbers
    return Ratio(one, message, request, tool_ratio, tool, low, high, error, len(set(prompts)))
