"""Codes of rates and reasons in words: every code that the causes write has some."""

import re
from pathlib import Path

import pytest

from reports.format import reach
from reports.rate_words import rate_words
from reports.reasons import reason

PIPELINE = Path(__file__).parents[2] / "pipeline"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("billed/openai/timeout", "Chance that openai bills a request whose client stopped waiting"),
        ("size/cancellations/chat", "Size of calls that were given up in chat, of that of calls like them"),
        (
            "summary/unseen/chat",
            "Chance that a conversation of chat whose context fell was summarised outside",
        ),
        (
            "cached/anthropic/acme/haiku/chat",
            "Part of the input of chat on haiku that was read from the cache",
        ),
        ("estimate/ratio/d/claude/output/mixed/chat", "What chat lacks of its output where its streams may"),
        ("estimate/reasoning/d/gpt-5/mixed/chat", "What chat lacks of its thoughts where its streams may"),
        ("lag/openai/begun", "Chance that openai books in the other month a call that began in one month"),
    ],
)
def test_a_rate_is_told_in_words(code: str, words: str) -> None:
    assert rate_words(code).startswith(words)


@pytest.mark.parametrize("code", ["new/kind", "billed/a/b/c", "cached", "estimate/ratio", ""])
def test_a_code_of_another_kind_stays_as_it_is(code: str) -> None:
    assert rate_words(code) == code


def test_every_kind_of_rate_that_causes_write_has_words() -> None:
    source = "".join(path.read_text("utf-8") for path in PIPELINE.rglob("*.py"))
    found = set(re.findall(r'rate=pl\.format\(f?"([a-z]+)/', source)) | set(
        re.findall(r'rate_code\(f"([a-z]+)/', source)
    )
    assert {"sampling", "lag", "placeholder", "summary", "size", "unseen", "ratio", "reasoning"} <= found
    for kind in found | {"billed", "unbilled", "lifetime", "cached"}:
        shapes = ["/".join([kind, *"abcd"[:n]]) for n in range(1, 5)]
        assert any(rate_words(shape) != shape for shape in shapes), kind


def test_token_kinds_in_reasons_are_in_words() -> None:
    told = reason("input_uncached logged, cache_read on the meter")
    assert told == "“input, not cached” logged, “input, cache read” on the meter"
    assert reason("mixed count of output") == "mixed count of output"


def test_ends_that_look_alike_in_short_are_told_in_full() -> None:
    assert reach(-172_710, -172_640) == "−172,710 to −172,640"
    assert reach(1000, 99_000, "and") == "+1,000 and +99.0\N{NO-BREAK SPACE}k"
