"""How long things take: answers, failures, and the pauses of SDKs between attempts."""

from random import Random

from pipeline.simulator.calls import SECOND, Call

_FIRST_TOKEN = 0.35
_PER_INPUT_TOKEN = 4e-5
_WASTED = {"rate_limited": (0.2, 0.5), "server_error": (1.5, 6.0), "connect": (0.4, 1.0)}
"""Seconds that a failed attempt takes, at least and at most."""
_LONG_WAIT = 0.12
"""Share of rate limits whose retry-after header asks to wait for long."""


def latency(call: Call, output: int, rng: Random) -> int:
    """Return nanoseconds to an answer: time to the first token, then token by token, with noise."""
    seconds = _FIRST_TOKEN + call.use.input * _PER_INPUT_TOKEN + output * call.model.per_token
    return int(seconds * call.service.speed * rng.lognormvariate(0.0, 0.25) * SECOND)


def wasted(call: Call, kind: str, rng: Random) -> int:
    """Return nanoseconds of a failed attempt; a timeout is the patience of the client."""
    if kind == "timeout":
        return int(call.service.timeout * rng.uniform(1.0, 1.02) * SECOND)
    return int(rng.uniform(*_WASTED[kind]) * SECOND)


def pause(kind: str, number: int, rng: Random) -> int:
    """Return nanoseconds before the next attempt: 0.5 s doubled up to 8 s, with jitter, or as asked for.

    `_base_client.py` of both SDKs; billing-rules.md, section 2.
    """
    if kind == "rate_limited" and rng.random() < _LONG_WAIT:
        return int(rng.uniform(15, 420) * SECOND)
    return int(min(8.0, 0.5 * 2**number) * rng.uniform(0.75, 1.0) * SECOND)
