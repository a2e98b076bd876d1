"""Whether a provider bills a failed attempt is a matter of chance: strictly between never and always."""

from random import Random

from pipeline.simulator.mix import Mix

Chances = dict[str, dict[str, float]]
"""Provider -> how the attempt failed -> chance that it is billed."""

BILLED: Chances = {
    "openai": {"timeout": 0.70, "server_error": 0.20, "rate_limited": 0.02, "connect": 0.03, "broken": 0.60,
               "cancelled": 0.85},
    "anthropic": {"timeout": 0.85, "server_error": 0.10, "rate_limited": 0.01, "connect": 0.02,
                  "broken": 0.75, "cancelled": 0.95},
    "mistral_ai": {"timeout": 0.90, "server_error": 0.15, "rate_limited": 0.02, "connect": 0.03,
                   "broken": 0.80, "cancelled": 0.97},
    "gcp.gemini": {"timeout": 0.90, "server_error": 0.03, "rate_limited": 0.01, "connect": 0.02,
                   "broken": 0.60, "cancelled": 0.95},
}  # fmt: skip
"""Chance that the provider bills an attempt, by how it failed; billing-rules.md, section 1."""

RUNS_TO_THE_END = ("mistral_ai", "gcp.gemini")
"""Providers that finish and bill an answer after the client left (billing-rules.md, OpenRouter's list)."""

_WEIGHT = 8.0
"""How firmly drawn chances keep to the usual ones: the sum of the two parameters of the beta."""


def chances(mix: Mix) -> Chances:
    """Return what the providers of a company bill: the usual, or drawn around it."""
    if mix.company is None:
        return BILLED
    rng = Random(f"billing {mix.company}")  # noqa: S311 - a simulation wants to be predictable
    return {
        provider: {kind: _drawn(rng, usual) for kind, usual in kinds.items()}
        for provider, kinds in BILLED.items()
    }


def _drawn(rng: Random, usual: float) -> float:
    drawn = rng.betavariate(usual * _WEIGHT, (1 - usual) * _WEIGHT)
    return round(min(0.995, max(0.005, drawn)), 4)
