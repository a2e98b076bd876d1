"""What a learned rate is a rate of, in words: the tables keep its code, because that is stable."""

from collections.abc import Callable, Mapping

from reports import format as fmt

_FAILURES: Mapping[str, str] = {
    "completed": "a request that completed",
    "timeout": "a request whose client stopped waiting",
    "server_error": "a request that failed in the provider's server",
    "rate_limited": "a request that was refused for its rate",
    "connect": "a request that found no connection",
    "broken": "a stream that the provider broke off",
    "cancelled": "a stream that its client closed",
    "cancelled_unary": "a request that its client dropped",
    "rejected": "a request that the provider rejected",
    "refused": "an answer that the model refused",
    "validation": "an answer that was asked for again",
    "hidden": "a failed attempt of which only the number is known",
    "overloaded": "a request that met an overloaded provider",
}
_LAGS: Mapping[str, str] = {
    "late_2m": "ended in the last two minutes of a month",
    "late_15m": "ended in the last quarter of an hour of a month",
    "begun": "began in one month and ended in the next",
}
_UNTOLD: Mapping[str, str] = {
    "missing_usage": "calls without usage",
    "retries": "attempts that were not kept",
    "cancellations": "calls that were given up",
}


def rate_words(code: str) -> str:
    """Return the words for the code of recon.rate; a code of another kind stays as it is."""
    kind, *parts = code.split("/")
    words = _WORDS.get(kind)
    try:
        return words(*(fmt.label(part) for part in parts)) if words else fmt.label(code, 120)
    except (TypeError, IndexError):  # a name with a slash in it, or a kind with other parts
        return fmt.label(code, 120)


def _billed(provider: str, failure: str) -> str:
    return f"Chance that {provider} bills {_FAILURES.get(failure, failure)}"


def _unbilled(provider: str, failure: str) -> str:
    return f"Chance that {provider} does not bill {_FAILURES.get(failure, failure)}"


def _size(cause: str, service: str) -> str:
    return f"Size of {_UNTOLD.get(cause, cause)} in {service}, of that of calls like them"


def _summary(_: str, service: str) -> str:
    return f"Chance that a conversation of {service} whose context fell was summarised outside the traces"


def _ratio(dialect: str, family: str, side: str) -> str:
    return f"Tokens that the local count of {dialect} lacks, of its {side} for {family}"


def _estimate(what: str, *parts: str) -> str:
    side = f" of its {parts[-3]}" if what == "ratio" else " of its thoughts"
    return f"What {parts[-1]} lacks{side} where its streams may hold local counts"


def _lifetime(*parts: str) -> str:
    return f"Part of the cache writes of {parts[-1]} on {parts[-2]} that are kept for an hour"


def _cached(*parts: str) -> str:
    return f"Part of the input of {parts[-1]} on {parts[-2]} that was read from the cache"


_WORDS: Mapping[str, Callable[..., str]] = {
    "billed": _billed,
    "unbilled": _unbilled,
    "size": _size,
    "summary": _summary,
    "ratio": _ratio,
    "estimate": _estimate,
    "sampling": lambda service: f"Calls of {service} that were sampled away, of what its mark says",
    "unseen": lambda service: f"Requests of {service} that the meter counts and no span tells of",
    "placeholder": lambda dialect: f"Tokens that {dialect} counts too many on each stream",
    "reasoning": lambda dialect, model: f"Thoughts that {dialect} leaves out of the output of {model}",
    "lag": lambda provider, case: (
        f"Chance that {provider} books in the other month a call that {_LAGS.get(case, case)}"
    ),
    "lifetime": _lifetime,
    "cached": _cached,
}
