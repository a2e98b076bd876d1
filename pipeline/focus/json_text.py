"""Columns of JSON objects."""

import json
from collections.abc import Mapping

import polars as pl


def objects(frame: pl.DataFrame, names: Mapping[str, str]) -> pl.Series:
    """Return a JSON object a row: key -> column, without those that are null or blank; null without any."""
    known: dict[tuple[str | None, ...], str | None] = {}
    found = []
    for values in frame.select(names.values()).rows():
        if values not in known:
            told = {key: text for key, text in zip(names, values, strict=True) if text and text.strip()}
            known[values] = json.dumps(told, ensure_ascii=False) if told else None
        found.append(known[values])
    return pl.Series(found, dtype=pl.String)
