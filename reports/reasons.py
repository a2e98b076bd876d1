"""Reasons of evidence in words: the tables keep the codes, because they are stable."""

import re
from collections.abc import Mapping

from reports import format as fmt
from schemas.types import TOKEN_KINDS

REASONS: Mapping[str, str] = {
    "span_exported_again": "the same span was exported again",
    "aggregate_span": "a span that repeats the total of the calls inside it",
    "repeats_descendants": "a span with the same counts as the calls inside it",
    "second_instrumentation": "a second instrumentation reports the same call",
    "second_span_of_instrumentation": "a second span of one instrumentation for the same call",
    "server_span": "the provider's own record of a call that the client traced",
    "gateway_cache_hit": "answered from the gateway's cache",
    "self_hosted": "answered by a model of your own",
    "configured_as_unbilled": "the configuration says that nobody bills this service",
    "refused_before_output": "refused before any output",
    "rejected_before_output": "rejected by the provider before any work",
    "failed_before_output": "failed before any output; the count is the client's own",
    "aggregate_remainder": "the span around it counts what this call does not",
    "cached_exceeds_input": "more cached tokens than input: the part outside the cache is unknown",
}
"""Code of a correction -> what a reader is told."""


_KIND = re.compile(rf"\b({'|'.join(TOKEN_KINDS)})\b")


def reason(code: str) -> str:
    """Return the words for a code; in a reason that is in words already, token kinds are put into words."""
    return REASONS.get(code) or _KIND.sub(lambda kind: _quoted(kind[0]), code)


def _quoted(kind: str) -> str:
    name = fmt.kind_name(kind)
    return name if name == kind else f"“{name}”"
