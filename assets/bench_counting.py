"""How many spans of a dump with text have their tokens counted, and how fast counting is.

The landing says which spans it counted. Their texts are then read from the dump again and counted once more,
in a pass of its own, which alone is timed; what loads the vocabularies comes before.
"""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from assets.bench_contenders import traces_at
from assets.bench_measure import median_seconds
from pipeline.landing import land
from pipeline.model_families import family_of
from pipeline.tokenizers import count_tokens
from pipeline.warehouse import Warehouse

_IS_COUNTED = "counted_input_tokens is not null or counted_output_tokens is not null"
_COUNTED = (
    "select span_id, coalesce(response_model, request_model) as model, "  # noqa: S608 - our own names
    "coalesce(counted_input_tokens, 0) + coalesce(counted_output_tokens, 0) as tokens "
    f"from raw.span where {_IS_COUNTED}"
)
_CALLS = "select count(*) as calls from raw.span where request_model is not null"
_MESSAGES = ("gen_ai.input.messages", "gen_ai.output.messages")


class Counting(NamedTuple):
    """What was counted: spans and tokens by the landing, tokens and seconds of the pass of its own."""

    llm_spans: int
    counted_spans: int
    landed_tokens: int
    """Tokens that the landing counted."""
    tokens: int
    """Tokens of the same spans in the pass of its own."""
    characters: int
    seconds: float

    @property
    def share(self) -> float:
        """The share of LLM spans whose text was counted."""
        return self.counted_spans / self.llm_spans

    def text(self) -> str:
        """Return one sentence."""
        told = f"counting: {self.counted_spans:,} of {self.llm_spans:,} LLM spans ({self.share:.1%}) had"
        if not self.counted_spans:
            return f"{told} their text counted."
        return (
            f"{told} their text counted; a pass over the same text alone: {self.tokens:,} tokens in "
            f"{self.seconds:.3f} s, {self.tokens / self.seconds:,.0f} tokens/s, "
            f"{self.counted_spans / self.seconds:,.0f} spans/s."
        )


def measure_counting(dump: Path, runs: int) -> Counting:
    """Land a dump, and count the texts of the spans that landing counted."""
    with tempfile.TemporaryDirectory(dir=dump.parent) as name:
        settings = traces_at(dump, Path(name))
        with Warehouse.open(settings.warehouse_file) as warehouse:
            land(settings, warehouse)
            counted = warehouse.query(_COUNTED)
            calls = int(warehouse.query(_CALLS)["calls"][0])
    texts = _by_vocabulary(dump, dict(counted.select("span_id", "model").rows()))
    tokens = sum(sum(count_tokens(found, code)) for code, found in texts.items())
    seconds = median_seconds(lambda: [count_tokens(found, code) for code, found in texts.items()], runs)
    characters = sum(len(text) for found in texts.values() for text in found)
    return Counting(calls, counted.height, int(counted["tokens"].sum()), tokens, characters, seconds)


def _by_vocabulary(dump: Path, models: dict[str, str]) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {}
    for span in _spans(dump):
        if model := models.get(span["spanId"]):
            texts.setdefault(family_of(model).encoding, []).extend(_contents(span["attributes"]))
    return texts


def _spans(dump: Path) -> Iterator[dict[str, Any]]:
    with dump.open("rb") as lines:
        for line in lines:
            for part in json.loads(line)["resourceSpans"]:
                for group in part["scopeSpans"]:
                    yield from group["spans"]


def _contents(attributes: list[dict[str, Any]]) -> Iterator[str]:
    for pair in attributes:
        if pair["key"] in _MESSAGES:
            for message in json.loads(pair["value"]["stringValue"]):
                yield from (part["content"] for part in message["parts"])
