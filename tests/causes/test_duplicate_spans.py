from collections.abc import Callable

from pipeline.cause import Evidence
from pipeline.causes.duplicate_spans import CAUSE


def test_a_repeated_span_is_claimed_with_its_sign_and_reason(evidence: Callable[..., Evidence]) -> None:
    claims = CAUSE.claim(
        evidence(
            corrections="""
            step            | token_kind | tokens | reason                  | call_id | trace_id | span_id
            duplicate_spans | output     | -50    | exported more than once | 1       | t        | s
            not_billed      | output     | -5     | gateway cache           | 2       | t        | u
            """
        )
    )
    assert claims.select("token_kind", "claimed_tokens", "basis", "span_id", "reason").rows() == [
        ("output", -50, "exact", "s", "exported more than once")
    ]
