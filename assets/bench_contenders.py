"""What reads trace dumps in the benchmarks: ours, what people would reach for, and the limit."""

import json
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl

from assets.bench_measure import Contender, tool
from assets.bench_protobuf import messages
from pipeline.landing import land
from pipeline.settings import Settings
from pipeline.source_settings import Source
from pipeline.warehouse import Warehouse
from schemas.tables import BY_NAME

_ATTRIBUTES = {
    "gen_ai.operation.name": "operation",
    "gen_ai.system": "provider_logged",
    "gen_ai.request.model": "request_model",
    "gen_ai.response.model": "response_model",
    "gen_ai.response.id": "response_id",
    "session.id": "conversation_id",
    "server.address": "server_address",
    "team": "team",
    "feature": "feature",
    "gen_ai.usage.input_tokens": "input_tokens",
    "gen_ai.usage.output_tokens": "output_tokens",
    "gen_ai.usage.cache_read.input_tokens": "cache_read_tokens",
}


def traces_at(place: Path, folder: Path) -> Settings:
    """Return a configuration with one source, whose warehouse is in the folder."""
    return Settings(sources=(Source(name="dump", kind="traces", uri=str(place)),), root=folder)


def _landing(dump: Path, folder: Path) -> int:
    settings = traces_at(dump, folder)
    with Warehouse.open(settings.warehouse_file) as warehouse:
        return land(settings, warehouse).rows["raw.span"]


def _duckdb(dump: Path, folder: Path) -> int:
    files = dump / "*.jsonl" if dump.is_dir() else dump
    with Warehouse.open(folder / "baseline.duckdb") as warehouse, warehouse.transaction():
        return warehouse.fill(BY_NAME["raw.span"], "flatten_spans", path=str(files))


def _polars(dump: Path, folder: Path) -> int:
    text, whole = pl.String, pl.Int64
    value = pl.Struct({"stringValue": text, "intValue": text})
    attributes = pl.List(pl.Struct({"key": text, "value": value}))
    fields = ("traceId", "spanId", "parentSpanId", "name", "startTimeUnixNano", "endTimeUnixNano")
    span = pl.Struct({**dict.fromkeys(fields, text), "kind": whole, "attributes": attributes})
    scoped = pl.Struct({"scope": pl.Struct({"name": text, "version": text}), "spans": pl.List(span)})
    part = pl.Struct({"resource": pl.Struct({"attributes": attributes}), "scopeSpans": pl.List(scoped)})
    spans = (
        pl.scan_ndjson(dump, schema={"resourceSpans": pl.List(part)})
        .explode("resourceSpans").unnest("resourceSpans")
        .explode("scopeSpans").unnest("scopeSpans")
        .select("scope", pl.col("spans")).explode("spans").unnest("spans").with_row_index("span")
    )  # fmt: skip
    frame = spans.collect()
    tags = (
        frame.lazy().select("span", "attributes").explode("attributes").unnest("attributes")
        .filter(pl.col("key").is_in(list(_ATTRIBUTES)))
        .with_columns(pl.coalesce(pl.col("value").struct.unnest()).alias("told"))
        .group_by("span")
        .agg(
            pl.col("told").filter(pl.col("key") == key).first().alias(name)
            for key, name in _ATTRIBUTES.items()
        )
    )  # fmt: skip
    rows = frame.lazy().drop("attributes").join(tags, on="span", how="left").collect()
    rows.drop("scope").write_parquet(folder / "spans.parquet")
    return rows.height


def _pandas(dump: Path, folder: Path) -> int:
    pandas = tool("pandas", "pandas")
    fields = ("traceId", "spanId", "parentSpanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano")
    rows = []
    with dump.open("rb") as lines:
        for line in lines:
            parts = json.loads(line)["resourceSpans"]
            for span in chain.from_iterable(scope["spans"] for part in parts for scope in part["scopeSpans"]):
                row = {name: span.get(name) for name in fields}
                for pair in span.get("attributes", ()):
                    if name := _ATTRIBUTES.get(pair["key"]):
                        row[name] = next(iter(pair["value"].values()), None)
                rows.append(row)
    frame = pandas.DataFrame(rows, columns=[*fields, *_ATTRIBUTES.values()])
    for name in frame.columns[frame.columns.str.endswith("UnixNano")]:
        frame[name] = pandas.to_datetime(frame[name].astype("int64"), unit="ns", utc=True)
    for name in frame.columns[frame.columns.str.endswith("_tokens")]:
        frame[name] = pandas.to_numeric(frame[name]).astype("Int64")
    frame.to_parquet(folder / "spans.parquet")
    return len(frame)


def _parse_json(dump: Path, folder: Path) -> int:
    parser: Any = tool("simdjson", "pysimdjson").Parser()
    with dump.open("rb") as lines:
        for line in lines:
            parser.parse(line)
    return 0


def _parse_protobuf(dump: Path, folder: Path) -> int:
    for _ in messages(dump):
        pass
    return 0


OURS = Contender("landing", "ours: hashed, decoded, checked, and in the warehouse", _landing)
DUCKDB = Contender("duckdb", "DuckDB: read_json with explicit types, flattened into the same table", _duckdb)
POLARS = Contender("polars", "Polars: scan_ndjson with explicit types, exploded, joined, to Parquet", _polars)
PANDAS = Contender("pandas", "json.loads, dictionaries and a pandas frame to Parquet, one thread", _pandas)
PARSE_JSON = Contender(
    "parse only", "the limit: every message parsed and dropped, by pysimdjson, one thread", _parse_json
)
PARSE_PROTOBUF = Contender(
    "parse only",
    "the limit: every message parsed and dropped, by upb of protobuf, one thread",
    _parse_protobuf,
)
