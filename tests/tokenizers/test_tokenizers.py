"""Counts on the left are those that OpenAI's cookbook prints for its tiktoken."""

import gzip
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from pipeline import tokenizers
from pipeline.errors import VocabularyError
from pipeline.model_families import family_of, is_reasoning_model, tool_prompt
from pipeline.tokenizers import count_tokens


@pytest.fixture
def fresh() -> Iterator[None]:
    """Vocabularies are read anew, and again after the test."""
    tokenizers._encoding.cache_clear()
    yield
    tokenizers._encoding.cache_clear()


@pytest.mark.parametrize(
    ("text", "cl100k", "o200k"),
    [("antidisestablishmentarianism", 6, 6), ("2 + 2 = 4", 7, 7), ("お誕生日おめでとう", 9, 8), ("", 0, 0)],
)
def test_tokens_are_those_of_the_cookbook(text: str, cl100k: int, o200k: int) -> None:
    assert count_tokens([text], "cl100k_base") == [cl100k]
    assert count_tokens([text], "o200k_base") == [o200k]


def test_special_tokens_in_a_text_are_text() -> None:
    assert count_tokens(["<|endoftext|>"])[0] > 1


def test_a_long_text_without_spaces_is_counted_in_pieces() -> None:
    # eight letters a are one token, whatever the length
    assert count_tokens(["a" * 400_000, "a" * 8]) == [50_000, 1]


def test_a_vocabulary_that_is_nowhere_is_said_so_and_not_fetched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fresh: None
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    with pytest.raises(VocabularyError, match=r"p50k_base.*bpe-openai.*TIKTOKEN_CACHE_DIR"):
        count_tokens(["a"], "p50k_base")
    assert list(tmp_path.iterdir()) == []


def test_the_users_cache_is_used_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fresh: None) -> None:
    package = find_spec("bpe_openai")
    assert package
    packed = Path(str(package.origin)).parent / "data" / "cl100k_base.tiktoken.gz"
    cached = tmp_path / "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"
    cached.write_bytes(gzip.decompress(packed.read_bytes()))
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    assert count_tokens(["2 + 2 = 4"], "cl100k_base") == [7]
    cached.write_bytes(b"IQ== 0\n")
    tokenizers._encoding.cache_clear()
    with pytest.raises(VocabularyError, match=r"cl100k_base is damaged.*\$TIKTOKEN_CACHE_DIR"):
        count_tokens(["a"], "cl100k_base")


@pytest.mark.parametrize(
    ("model", "family", "encoding"),
    [
        ("gpt-5-mini-2025-08-07", "openai_reasoning", "o200k_base"),
        ("openai/gpt-oss-120b", "gpt_oss", "o200k_base"),
        ("o3-mini", "openai_reasoning", "o200k_base"),
        ("gpt-4.1-nano", "openai", "o200k_base"),
        ("chatgpt-4o-latest", "openai", "o200k_base"),
        ("gpt-4-0613", "openai_cl100k", "cl100k_base"),
        ("gpt-35-turbo", "openai_cl100k", "cl100k_base"),
        ("gpt-3.5-turbo-instruct", "openai_completion", "cl100k_base"),
        ("text-embedding-ada-002", "openai_embedding", "cl100k_base"),
        ("text-davinci-003", "openai_completion", "p50k_base"),
        ("us.anthropic.claude-opus-4-7-v1:0", "claude_4_7", "o200k_base"),
        ("claude-sonnet-5", "claude_4_7", "o200k_base"),
        ("claude-opus-4-20250514", "claude", "o200k_base"),
        ("claude-sonnet-4-5-20250929", "claude", "o200k_base"),
        ("claude-3-5-haiku-20241022", "claude", "o200k_base"),
        ("anthropic.claude-v2:1", "claude_2", "o200k_base"),
        ("amazon.nova-micro-v1:0", "nova", "o200k_base"),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", "mistral", "o200k_base"),
        ("something-new", "other", "o200k_base"),
        (None, "other", "o200k_base"),
    ],
)
def test_models_belong_to_families(model: str | None, family: str, encoding: str) -> None:
    assert family_of(model)[::2] == (family, encoding)


def test_thinking_and_tool_prompts_are_told_by_name() -> None:
    assert [is_reasoning_model(name) for name in ("gpt-5-mini", "gemini-2.5-pro", "o3", "gpt-4o", "gpt-5-chat")] == [
        True, True, True, False, False,
    ]  # fmt: skip
    assert [tool_prompt(name) for name in ("claude-opus-4-7", "claude-sonnet-4-6", "claude-opus-5", "gpt-4o")] == [
        675, 497, 286, 0,
    ]  # fmt: skip
