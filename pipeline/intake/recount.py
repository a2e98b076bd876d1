"""The local count of text on spans whose usage is absent or may be an estimate: counted, and forgotten."""

from collections.abc import Mapping, MutableSequence
from functools import lru_cache
from typing import Any, NamedTuple

from pipeline.dialect import Quirk
from pipeline.dialects import DIALECTS
from pipeline.intake.span_texts import SpanTexts, continues_at_provider, span_texts
from pipeline.intake.texts import Texts
from pipeline.model_families import family_of
from pipeline.otlp import Scope, Span
from pipeline.spans.recognise import choose_dialect
from pipeline.text_classes import text_class
from pipeline.tokenizers import count_tokens

_PENDING = 2_000_000
"""Characters that wait to be counted together; what is held of text is never more than this and one span."""

CALLS = frozenset(("llm", "chat", "generation", "embedding", "embeddings", "text_completion", "completion"))
EMBEDDINGS = frozenset(("embedding", "embeddings", "ai.embed.doembed", "ai.embedmany.doembed"))

Row = MutableSequence[Any]


class _Waiting(NamedTuple):
    row: Row
    texts: SpanTexts


class Recounter:
    """Fills the counted columns of rows; `finish` must be called before the rows are used."""

    def __init__(self, slots: Mapping[str, int]) -> None:
        self._slot = slots
        self._models = slots["response_model"], slots["request_model"]
        self._operation = slots["operation"]
        self._waiting: list[_Waiting] = []
        self._characters = 0

    def offer(self, row: Row, span: Span, scope: Scope) -> None:
        """Take the text of a span whose row wants a count."""
        if not self._wants(row, scope):
            return
        texts = span_texts(span.attributes or ())
        if continues_at_provider(span.attributes or ()):
            texts = texts._replace(input=Texts())
        size = sum(side.characters for side in texts)
        if not size:
            return
        self._waiting.append(_Waiting(row, texts))
        self._characters += size
        if self._characters > _PENDING:
            self.finish()

    def finish(self) -> None:
        """Count what waits, by vocabulary, and write the counts into the rows."""
        by_encoding: dict[str, list[_Waiting]] = {}
        for item in self._waiting:
            by_encoding.setdefault(family_of(self._model(item.row)).encoding, []).append(item)
        self._waiting, self._characters = [], 0
        for encoding, items in by_encoding.items():
            sides = [side for item in items for side in item.texts]
            counts = iter(_counted(sides, encoding))
            for item in items:
                self._write(item, *(next(counts) for _ in item.texts))

    def _wants(self, row: Row, scope: Scope) -> bool:
        """Whether the span is a call to a model, and its usage is absent, in part, or may be an estimate."""
        operation = row[self._operation]
        is_named = row[self._models[1]] is not None or row[self._models[0]] is not None
        if not is_named and (operation is None or operation.lower() not in CALLS):
            return False
        given, made = self._value(row, "input_tokens"), self._value(row, "output_tokens")
        if not given or (not made and (operation or "").lower() not in EMBEDDINGS):
            return True
        quirks = estimates(scope.name or "", scope.version or "")
        return any(self._applies(quirk, row) for quirk in quirks)

    def _applies(self, quirk: Quirk, row: Row) -> bool:
        """Whether an estimate is possible: on finished streams as well, because nobody marks estimates."""
        model = self._model(row) or ""
        is_named = not quirk.model_parts or any(part in model for part in quirk.model_parts)
        return is_named and (not quirk.streamed_only or bool(self._value(row, "is_stream")))

    def _model(self, row: Row) -> str | None:
        model: str | None = row[self._models[0]] or row[self._models[1]]
        return model

    def _value(self, row: Row, column: str) -> Any:
        return row[self._slot[column]]

    def _write(self, item: _Waiting, given: int, made: int, defined: int) -> None:
        texts = item.texts
        sample = max((*texts.input.parts, *texts.output.parts), key=len, default="")
        values = {
            "counted_input_tokens": given if texts.input.characters else None,
            "counted_output_tokens": made if texts.output.characters else None,
            "counted_messages": texts.input.messages if texts.input.characters else None,
            "counted_tools": texts.tools.messages,
            "counted_tool_tokens": defined,
            "counted_tool_calls": texts.output.tool_calls if texts.output.characters else None,
            "text_class": text_class(sample) if sample else None,
        }
        for column, value in values.items():
            item.row[self._slot[column]] = value


def _counted(sides: list[Texts], encoding: str) -> list[int]:
    """Tokens of each side; what was cut off is taken to count like the rest."""
    flat = [part for side in sides for part in side.parts]
    counts = iter(count_tokens(flat, encoding))
    tokens = []
    for side in sides:
        counted = sum(next(counts) for _ in side.parts)
        tokens.append(counted * side.characters // side.kept if side.kept else 0)
    return tokens


@lru_cache(maxsize=1024)
def estimates(scope: str, version: str) -> tuple[Quirk, ...]:
    """The quirks by which an instrumentation may write estimates; none for most."""
    code = choose_dialect(DIALECTS, scope, version, "")
    quirks = (quirk for dialect in DIALECTS if dialect.code == code for quirk in dialect.quirks)
    return tuple(quirk for quirk in quirks if quirk.rule == "estimated_counts")
