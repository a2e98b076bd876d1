from collections.abc import Callable

import pytest

from pipeline.cause import Evidence
from pipeline.causes.uninstrumented import CAUSE

CALLS = """
call_id | scope | model | output_tokens | usage_quality
1       | acme  | m     | 50            | recorded
2       | acme  | quiet | null          | absent
"""


def test_a_scope_without_calls_goes_to_its_owner_whole(evidence: Callable[..., Evidence]) -> None:
    metered = (
        "scope | token_kind | tokens\nacme | output | 70\nindex | output | 900\nindex | input_uncached | 8000"
    )
    claims = CAUSE.claim(evidence(calls=CALLS, metered=metered, owners={"index": "search"}))
    assert sorted(claims.select("scope", "token_kind", "claimed_tokens", "team", "basis").rows()) == [
        ("index", "input_uncached", 8000, "search", "exact"),
        ("index", "output", 900, "search", "exact"),
    ]


def test_a_model_without_calls_goes_to_the_pool(evidence: Callable[..., Evidence]) -> None:
    metered = "model | token_kind | tokens\nm | output | 70\nembedder | input_uncached | 900"
    claims = CAUSE.claim(evidence(calls=CALLS, metered=metered))
    assert claims.select("model", "claimed_tokens", "team").rows() == [("embedder", 900, "uninstrumented")]


def test_a_model_whose_calls_lack_usage_is_instrumented(evidence: Callable[..., Evidence]) -> None:
    assert CAUSE.claim(
        evidence(calls=CALLS, metered="model | token_kind | tokens\nquiet | output | 70")
    ).is_empty()


def test_where_an_alias_may_be_missing_the_claim_is_bounded(evidence: Callable[..., Evidence]) -> None:
    metered = "model | token_kind | tokens\nm | output | 70\nnew | output | 900"
    claims = CAUSE.claim(evidence(calls=CALLS, metered=metered))
    assert claims.select("claimed_tokens", "tokens_low", "tokens_high", "basis").rows() == [
        (900, 0, 900, "bounded")
    ]


def test_rows_that_name_no_model_prove_nothing_where_the_scope_is_traced(
    evidence: Callable[..., Evidence],
) -> None:
    metered = """
    scope | model   | token_kind | tokens
    acme  | all     | output     | 70
    acme  | unknown | output     | 70
    index | all     | output     | 900
    """
    claims = CAUSE.claim(evidence(calls=CALLS, metered=metered))
    assert claims.select("scope", "model", "claimed_tokens").rows() == [("index", "all", 900)]


@pytest.mark.parametrize(
    ("traced", "metered"),
    [
        ("us.anthropic.claude-3-5-haiku-20241022-v1:0", "claude-3-5-haiku-20241022"),
        ("claude-3-5-haiku-latest", "claude-3-5-haiku-20241022"),
        ("models/gemini-2.5-flash", "gemini-2.5-flash"),
    ],
)
def test_another_edition_of_a_model_that_is_only_traced_is_left_to_an_alias(
    evidence: Callable[..., Evidence], traced: str, metered: str
) -> None:
    calls = f"call_id | model | output_tokens\n1 | {traced} | 50"
    assert CAUSE.claim(
        evidence(calls=calls, metered=f"model|token_kind|tokens\n{metered}|output|70")
    ).is_empty()


def test_another_edition_beside_one_that_is_traced_and_metered_is_never_traced(
    evidence: Callable[..., Evidence],
) -> None:
    calls = "call_id | model | output_tokens\n1 | gpt-4o-2024-08-06 | 50"
    metered = "model|token_kind|tokens\ngpt-4o-2024-08-06|output|50\ngpt-4o-2024-05-13|output|70"
    claims = CAUSE.claim(evidence(calls=calls, metered=metered))
    assert claims.select("model", "claimed_tokens", "basis").rows() == [("gpt-4o-2024-05-13", 70, "exact")]
