"""Recorded calls with text and bill, as samples: the texts are found by what finds them on spans."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pipeline.intake.texts import Texts, answer_texts, request_texts
from pipeline.model_families import family_of, tool_prompt
from pipeline.token_fit import Sample
from pipeline.tokenizers import count_tokens

_PLAIN_PROMPTS = ("prompt", "inputText", "texts")
"""Keys of requests whose prompt has no chat template; nor has it in embeddings."""


RECORDINGS = Path(__file__).parents[3] / "shared" / "data" / "billed_texts.jsonl.gz"


class Recorded(NamedTuple):
    """A sample with what the plain counters say of the same text, tool definitions included."""

    sample: Sample
    plain: int
    characters: int


@pytest.fixture(scope="session")
def recorded() -> list[Recorded]:
    """Return both sides of every recorded call whose bill its own text can explain.

    Left out: nobody bills (self-hosted); images, server tools or a context kept by the provider; lines
    without request. Of answers: thoughts are taken off the bill, because their text is not shown; where the
    bill does not tell them apart the answer is left out, and so is an answer that a guardrail changed, or that ends in tool
    calls which were not recorded.
    """
    if not RECORDINGS.exists():
        pytest.skip("the recordings are not at hand")
    with gzip.open(RECORDINGS, "rt", encoding="utf-8") as lines:
        return [item for line in lines for item in _sides(json.loads(line))]


def _sides(row: dict[str, Any]) -> Iterator[Recorded]:
    hidden = row["media"] or row["server_tools"] or row["server_context"] or row["blobs_removed"]
    if row["request"] is None or hidden or row["provider"] == "self_hosted" or row["model"] == "model":
        return
    billed = row["billed"][0]
    prompt, tools, answer = Texts(), Texts(), Texts()
    request_texts(row["request"], prompt, tools)
    answer_texts(row["output_text"], answer)
    answer.walk(row["output_tool_calls"])
    given = sum(billed[kind] for kind in billed if kind == "input" or kind.startswith("cache"))
    made = billed["output"] - (billed["reasoning"] or 0)
    finish = " ".join(str(reason) for reason in row["finish"]).lower()
    is_whole = "guardrail" not in finish and (row["output_tool_calls"] or "tool" not in finish)
    is_whole = is_whole and (billed["reasoning"] or not row["output_reasoning"])
    key = "\n".join((*prompt.parts, *tools.parts))
    yield _recorded(row, "input", key, prompt, tools=tools, billed=given)
    if made > 0 and answer.characters and is_whole:
        yield _recorded(row, "output", key, answer, tools=Texts(), billed=made)


def _recorded(
    row: dict[str, Any], side: str, key: str, texts: Texts, *, tools: Texts, billed: int
) -> Recorded:
    family = family_of(row["model"])
    counts = count_tokens([*texts.parts, *tools.parts], family.encoding)
    plain = sum(count_tokens([*texts.parts, *tools.parts]))
    local = sum(counts[: len(texts.parts)])
    is_input = side == "input"
    has_tools = int(tools.messages > 0) if is_input else len(row["output_tool_calls"])
    known = tool_prompt(row["model"]) if is_input and has_tools else 0
    is_chat = row["api"] != "embeddings" and not any(key in row["request"] for key in _PLAIN_PROMPTS)
    sample = Sample(
        family.code, side, key, local, texts.messages if is_input else 0, is_chat,
        sum(counts) - local, has_tools, known, billed,
    )  # fmt: skip
    return Recorded(sample, plain, texts.characters + tools.characters)
