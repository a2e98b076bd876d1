"""Head sampling by trace id, with thresholds as in W3C tracestate `ot=th:` (traces.md, section 4)."""

_SPACE = 1 << 56
_PRECISION = 1 << 40
"""Thresholds are written with four hex digits."""


def threshold(probability: float) -> int:
    """Return the threshold of a sampling probability: traces whose randomness reaches it are kept."""
    return round((1 - probability) * _SPACE) // _PRECISION * _PRECISION


def is_sampled(trace_id: str, probability: float) -> bool:
    """Whether a trace is exported: the last 56 bits of its id decide."""
    return probability >= 1 or int(trace_id[-14:], 16) >= threshold(probability)


def trace_state(probability: float) -> str:
    """Return the tracestate that tells of the sampling."""
    return f"ot=th:{threshold(probability):014x}".rstrip("0")
