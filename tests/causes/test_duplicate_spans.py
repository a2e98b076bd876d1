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


def test_openllmetry_counts_the_placeholder_of_a_claude_stream_too(evidence: Callable[..., Evidence]) -> None:
    calls = """
    call_id | span_id | dialect               | is_stream | output_tokens | usage_quality
    1       | s       | openllmetry_anthropic | true      | 50            | recorded
    2       | t       | openllmetry_anthropic | false     | 50            | recorded
    3       | u       | openllmetry_anthropic | null      | 50            | recorded
    4       | v       | anthropic_sdk         | true      | 50            | recorded
    5       | w       | openllmetry_anthropic | true      | null          | absent
    """
    claims = CAUSE.claim(evidence(calls=calls))
    told = claims.select(
        "span_id", "token_kind", "claimed_tokens", "tokens_low", "tokens_high", "rate", "basis"
    )
    assert told.rows() == [("s", "output", -2, -8, -1, "placeholder/openllmetry_anthropic", "bounded")]
