"""The generic per-request meter: a CSV with one line a request, from a gateway's or a provider's own log.

Columns, in any order, others are ignored: account, provider, model, response_id, request_id, part,
project_id, api_key_id, service_tier, started_at, reasoning, and the token kinds input (not cached),
cache_read, cache_write_5m, cache_write_1h, cache_write_other, output, input_audio, output_audio,
input_image, output_image. Required are model, started_at and one token kind. Kinds are disjoint, reasoning
is inside output, and times without an offset are UTC.
"""

import polars as pl

from pipeline.parsing.csv_rows import Sheet, header_of, sheet
from pipeline.parsing.export_values import COUNT_MAX
from pipeline.parsing.raw_rows import parsed
from pipeline.provider import ExportFormat, Parsed, Reject
from schemas.tables import BY_NAME
from schemas.types import KIND_COLUMNS

_WORDS = (
    "account",
    "provider",
    "response_id",
    "request_id",
    "project_id",
    "api_key_id",
    "service_tier",
    "model",
)
_COUNTS = {
    **{name.removesuffix("_tokens"): name for name in KIND_COLUMNS},
    **{name: name for name in KIND_COLUMNS},
    "input": "input_uncached_tokens",
    "reasoning": "reasoning_tokens",
    "reasoning_tokens": "reasoning_tokens",
}
_MEMO = ("reasoning", "reasoning_tokens")
_LANDED = ("file_id", "source")
_WHOLE = r"^(\d+)(?:\.0+)?$"
_ADVICE = "Correct the line, or export the log again."
_NO_OFFSET = r"(?:[+-]\d\d:?\d\d)$"


def parse(content: bytes) -> Parsed:
    """Return one row per request; lines without model, time or counts, or with bad ones, are rejected."""
    lines = sheet(content)
    if missing := _missing(lines):
        reason = f"The header has no column {missing}; it has: {', '.join(lines.header)[:200] or 'none'}."
        reject = Reject(
            1, None, None, "missing_column", reason, "Name the columns as the documentation does."
        )
        return parsed("raw.request", [], [reject], _LANDED)
    frame = _frame(lines).with_columns(_problem(lines).alias("problem"))
    bad = frame.filter(pl.col("problem").is_not_null())
    rejects = [
        Reject(line, 0, None, "bad_request", why, _ADVICE)
        for line, why in bad.select("line", "problem").rows()
    ]
    return _parsed(frame.filter(pl.col("problem").is_null()), [*lines.rejects, *rejects])


def _missing(lines: Sheet) -> str | None:
    """The first required column that the header lacks."""
    for name in ("model", "started_at"):
        if name not in lines.header:
            return name
    counts = [name for name in _present(lines) if name not in _MEMO]
    return None if counts else "of a token kind, such as input or output"


def _frame(lines: Sheet) -> pl.DataFrame:
    """Cells as text with the names of the contract, times and counts also as numbers."""
    cells = dict(zip(lines.header, zip(*lines.cells, strict=True), strict=True)) if lines.cells else {}
    names = list(dict.fromkeys([*_WORDS, "part", "started_at", *_present(lines)]))
    stripped = [pl.col(name).str.strip_chars().replace("", None) for name in names]
    text = pl.DataFrame(
        {"line": lines.lines, **{name: cells.get(name) for name in names}}, schema=_text_schema(names)
    ).with_columns(stripped)
    zoned = pl.col("started_at").str.replace(r"[Zz]$", "+00:00").str.replace(" ", "T")
    zoned = pl.when(zoned.str.contains(_NO_OFFSET)).then(zoned).otherwise(zoned + "+00:00")
    return text.with_columns(
        zoned.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%#z", time_unit="us", time_zone="UTC", strict=False).alias(
            "instant"
        ),
        *(_number(name).alias(f"{name}:n") for name in _present(lines)),
    )


def _text_schema(names: list[str]) -> dict[str, pl.DataType]:
    return {"line": pl.Int64(), **dict.fromkeys(names, pl.String())}


def _present(lines: Sheet) -> list[str]:
    return [name for name in _COUNTS if name in lines.header]


def _number(name: str) -> pl.Expr:
    return pl.col(name).str.extract(_WHOLE).cast(pl.Int64, strict=False)


def _problem(lines: Sheet) -> pl.Expr:
    """The first reason why a line cannot be read, with the value that it has; null when it can."""
    counts = _present(lines)
    year = pl.col("instant").dt.year()
    reasons = [
        pl.when(pl.col("model").is_null()).then(pl.lit("model is missing.")),
        pl.when(year.is_null() | ~year.is_between(2015, 2099)).then(
            pl.format("started_at is '{}', not a time like 2026-10-01T00:00:00Z.", _said("started_at"))
        ),
        *(
            pl.when(
                pl.col(name).is_not_null()
                & ~pl.col(f"{name}:n").is_between(0, COUNT_MAX).fill_null(value=False)
            ).then(pl.format(f"{name} is '{{}}', not a whole number from 0 to {COUNT_MAX}.", _said(name)))
            for name in counts
        ),
        pl.when(pl.all_horizontal([pl.col(name).is_null() for name in counts if name not in _MEMO])).then(
            pl.lit("The line has no token count.")
        ),
        *(
            pl.when(pl.col(name).str.len_chars() > 256).then(pl.lit(f"{name} is longer than 256 characters."))
            for name in (*_WORDS, "part")
        ),
    ]
    return pl.coalesce([reason.otherwise(pl.lit(None, pl.String)) for reason in reasons])


def _said(name: str) -> pl.Expr:
    return pl.col(name).fill_null("").str.slice(0, 40)


def _parsed(good: pl.DataFrame, rejects: list[Reject]) -> Parsed:
    schema = {name: kind for name, kind in BY_NAME["raw.request"].schema.items() if name not in _LANDED}
    counts = {_COUNTS[name]: pl.col(f"{name}:n") for name in _COUNTS if f"{name}:n" in good.columns}
    rows = good.with_columns(
        pl.col("part").fill_null("message"),
        pl.lit(0, pl.Int64).alias("position"),
        pl.col("instant").alias("started_at"),
    ).with_columns(**counts)
    absent = [pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in rows.columns]
    frame = rows.with_columns(absent).select(list(schema))
    return Parsed(frame, rejects, frame.height + len(rejects))


def _is_request_table(head: bytes) -> bool:
    header = header_of(head)
    return {"model", "started_at"} <= header and bool(header & (_COUNTS.keys() - set(_MEMO)))


FORMAT = ExportFormat("request_table_csv", "requests", "raw.request", _is_request_table, parse)
