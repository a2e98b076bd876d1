from collections.abc import Callable

from pipeline.cause import Evidence
from pipeline.causes.not_billed import CAUSE


def test_an_unbilled_call_is_claimed_with_its_sign_and_reason(evidence: Callable[..., Evidence]) -> None:
    claims = CAUSE.claim(
        evidence(
            corrections="""
            step            | token_kind | tokens | reason                  | call_id | trace_id | span_id
            duplicate_spans | output     | -50    | exported more than once | 1       | t        | s
            not_billed      | output     | -5     | gateway cache           | 2       | t        | u
            """
        )
    )
    assert claims.select("token_kind", "claimed_tokens", "span_id", "reason").rows() == [
        ("output", -5, "u", "gateway cache")
    ]


CALLS = """
call_id | span_id | model | output_tokens | not_billed_reason
1       | s       | m     | 50            | null
2       | u       | local | 70            | null
3       | v       | local | 30            | self-hosted
"""


def test_a_model_that_the_meter_never_lists_was_not_billed(evidence: Callable[..., Evidence]) -> None:
    claims = CAUSE.claim(evidence(calls=CALLS, metered="model | token_kind | tokens\nm | output | 50"))
    assert claims.select("span_id", "claimed_tokens", "basis").rows() == [("u", -70, "exact")]


def test_an_account_without_any_meter_proves_nothing(evidence: Callable[..., Evidence]) -> None:
    metered = "account | model | token_kind | tokens\nother | m | output | 50"
    assert CAUSE.claim(evidence(calls=CALLS, metered=metered)).is_empty()


def test_another_edition_of_a_metered_model_is_left_to_an_alias(evidence: Callable[..., Evidence]) -> None:
    calls = "call_id | span_id | model | output_tokens\n1 | s | haiku-latest | 50"
    metered = "model | token_kind | tokens\nhaiku-20241022 | output | 50"
    assert CAUSE.claim(evidence(calls=calls, metered=metered)).is_empty()


def test_where_an_alias_may_be_missing_the_claim_is_bounded(evidence: Callable[..., Evidence]) -> None:
    claims = CAUSE.claim(evidence(calls=CALLS, metered="model | token_kind | tokens\nnew | output | 50"))
    columns = ("span_id", "claimed_tokens", "tokens_low", "tokens_high", "basis")
    assert claims.sort("span_id").select(columns).rows() == [
        ("s", -50, -50, 0, "bounded"),
        ("u", -70, -70, 0, "bounded"),
    ]


def test_calls_in_steps_that_tell_no_model_may_be_of_any_metered_one(
    evidence: Callable[..., Evidence],
) -> None:
    calls = "call_id | span_id | model | output_tokens\n1 | s | all | 50\n2 | u | unknown | 50"
    metered = "model | token_kind | tokens\nm | output | 50"
    assert CAUSE.claim(evidence(calls=calls, metered=metered)).is_empty()
