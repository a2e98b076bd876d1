"""Which dialect a span is written in, and what it is there: a call, an aggregate, a copy, or nothing."""

import re
from collections.abc import Iterator, Sequence

import polars as pl

from pipeline.dialect import Dialect, Quirk, Rule, Shape

LOGGED = {
    "input_tokens": "logged_input",
    "output_tokens": "logged_output",
    "total_tokens": "logged_total",
    "cache_read_tokens": "logged_cache_read",
    "cache_write_tokens": "logged_cache_write",
    "cache_write_5m_tokens": "logged_cache_write_5m",
    "cache_write_1h_tokens": "logged_cache_write_1h",
    "input_audio_tokens": "logged_input_audio",
    "output_audio_tokens": "logged_output_audio",
}
"""Counts as logged -> their name here: the plain names belong to the disjoint leaves."""

COUNTED = pl.any_horizontal([pl.col(name).is_not_null() for name in LOGGED.values()])
"""Whether a span logs any count of tokens."""

UNFINISHED = (pl.col("finish_reasons").fill_null("") == "") | pl.col("response_id").is_null()
"""Whether a span lacks a finish reason or the provider's id of the answer."""

OPERATIONS = {
    "llm": "chat",
    "generation": "chat",
    "messages": "chat",
    "completion": "text_completion",
    "completions": "text_completion",
    "embedding": "embeddings",
}
"""Words of instrumentations for an operation -> the conventions' word."""


def recognise(spans: pl.DataFrame, dialects: Sequence[Dialect]) -> pl.DataFrame:
    """Return the spans with `dialect` and `role`, both null on spans that are no LLM spans.

    Counts move to the names of `LOGGED`; a negative one becomes null, because no count is negative.
    `operation` is in the conventions' words, `unknown` where the span names none.
    """
    renamed = spans.rename(LOGGED).with_columns(
        pl.when(pl.col(name) >= 0).then(pl.col(name)).alias(name) for name in LOGGED.values()
    )
    named = _with_dialect(renamed, dialects)
    present = _present(named, dialects)
    word = pl.col("operation").str.to_lowercase()
    return (
        named.with_columns(_role(present).alias("role"))
        .with_columns(
            pl.when(pl.col("role").is_not_null()).then(pl.col("dialect")).alias("dialect"),
            word.replace(OPERATIONS).fill_null("unknown").alias("operation"),
        )
        .with_columns((pl.col("role") != "auxiliary").fill_null(False).alias("is_llm"))
    )


def quirky(frame: pl.DataFrame, dialects: Sequence[Dialect], rule: Rule) -> pl.Expr:
    """Return whether a rule about wrong numbers applies to a recognised span."""
    conditions = [
        (pl.col("dialect") == dialect.code) & _quirk_applies(quirk)
        for dialect in _present(frame, dialects)
        for quirk in dialect.quirks
        if quirk.rule == rule
    ]
    return pl.any_horizontal(conditions).fill_null(False) if conditions else pl.lit(False)


def _quirk_applies(quirk: Quirk) -> pl.Expr:
    condition = pl.lit(True)
    if quirk.streamed_only:
        condition &= pl.col("is_stream").fill_null(False)
    if quirk.unfinished_only:
        condition &= UNFINISHED
    if quirk.model_parts:
        condition &= pl.coalesce("response_model", "request_model", pl.lit("")).str.contains_any(
            list(quirk.model_parts)
        )
    return condition


def _with_dialect(spans: pl.DataFrame, dialects: Sequence[Dialect]) -> pl.DataFrame:
    prefixes = [prefix for dialect in dialects for prefix in dialect.span_names]
    marks = [pl.when(pl.col("name").str.starts_with(p)).then(pl.lit(p)) for p in prefixes]
    mark = pl.coalesce([*marks, pl.lit("")]).alias("mark")
    keys = spans.select("scope_name", "scope_version", mark)
    found = keys.unique()
    codes = [choose_dialect(dialects, *row) for row in found.iter_rows()]
    table = found.with_columns(pl.Series("dialect", codes, dtype=pl.String))
    chosen = keys.join(table, on=keys.columns, how="left", maintain_order="left")
    return spans.with_columns(chosen["dialect"])


def choose_dialect(dialects: Sequence[Dialect], scope: str, version: str, mark: str) -> str | None:
    """Return the code of the first dialect that writes such spans; `mark`: a prefix that names a dialect."""
    for dialect in dialects:
        if mark and mark in dialect.span_names:
            return dialect.code
        if not mark and _scope_matches(dialect, scope) and _version_matches(dialect.versions, version):
            return dialect.code
    return None


def _scope_matches(dialect: Dialect, scope: str) -> bool:
    return any(
        scope.startswith(name[:-1]) if name.endswith("*") else scope == name for name in dialect.scopes
    )


def _version_matches(wanted: str, version: str) -> bool:
    if wanted == "*":
        return True
    given = _numbers(version)
    bounds = [
        (bound[:2], bound[2:]) if bound[1] == "=" else (bound[0], bound[1:]) for bound in wanted.split(",")
    ]
    holds = {
        ">=": lambda bound: given >= bound,
        "<": lambda bound: given < bound,
        "<=": lambda bound: given <= bound,
        ">": lambda bound: given > bound,
        "==": lambda bound: given == bound,
    }
    return bool(given) and all(holds[sign](_numbers(number)) for sign, number in bounds)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"^\d+|(?<=\.)\d+", version)[:4])


def _present(frame: pl.DataFrame, dialects: Sequence[Dialect]) -> list[Dialect]:
    codes = set(frame["dialect"].unique().to_list())
    return [dialect for dialect in dialects if dialect.code in codes]


def _role(dialects: Sequence[Dialect]) -> pl.Expr:
    """First shape that matches; usage without a shape is a call, because usage is never overlooked."""
    rules = [
        pl.when((pl.col("dialect") == dialect.code) & _shape_matches(shape)).then(pl.lit(shape.role))
        for dialect in dialects
        for shape in dialect.shapes
    ]
    unshaped = pl.when(COUNTED).then(pl.lit("call"))
    return pl.coalesce([*rules, unshaped])


def _shape_matches(shape: Shape) -> pl.Expr:
    conditions = list(_conditions(shape))
    return pl.all_horizontal(conditions).fill_null(False) if conditions else pl.lit(True)


def _conditions(shape: Shape) -> Iterator[pl.Expr]:
    if shape.name_prefixes:
        yield pl.any_horizontal([pl.col("name").str.starts_with(prefix) for prefix in shape.name_prefixes])
    if shape.name_parts:
        yield pl.col("name").str.contains_any(list(shape.name_parts), ascii_case_insensitive=True)
    if shape.operations:
        yield pl.col("operation").str.to_lowercase().is_in(list(shape.operations))
    if shape.kinds:
        yield pl.col("kind").is_in(list(shape.kinds))
    if shape.requires_usage:
        yield COUNTED
    if shape.requires_model:
        yield pl.coalesce("request_model", "response_model").is_not_null()
