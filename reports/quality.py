"""How far the figures can be trusted: what was read, set aside, not measured, not known and not priced."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

EXAMPLES = 20
PER_REASON = 3
LISTED = 10

Rows = list[dict[str, Any]]
"""Rows of a small table, in the order of the page."""


@dataclass(frozen=True)
class Listing:
    """The first rows of a list, and how many more there are in the export."""

    rows: Rows
    more: int


@dataclass(frozen=True)
class Quality:
    """What a reader needs to know of the inputs."""

    files: Rows
    duplicate_files: int
    reasons: Rows
    quarantine: Listing
    unmetered: Listing
    unmapped: Listing
    unpriced: Listing
    findings: Listing
    severities: Rows
    origins: Rows


def month_quality(tables: Mapping[str, pl.DataFrame]) -> Quality:
    """Return the quality of the month, for the index."""
    quarantine, findings = tables["raw.quarantine"], tables["recon.finding"]
    reasons = _reasons(quarantine)
    return Quality(
        files=_files(tables["raw.file"]),
        duplicate_files=tables["raw.file"]["duplicate_of"].count(),
        reasons=_records(reasons),
        quarantine=_examples(quarantine, reasons),
        unmetered=_unmetered(tables["recon.unmetered"]),
        unmapped=_unmapped(tables["core.unmapped"]),
        unpriced=_unpriced(tables["recon.bridge"]),
        findings=_findings(findings),
        severities=_severities(findings),
        origins=_origins(tables["recon.expected_rate"]),
    )


def team_quality(
    month: Quality, tables: Mapping[str, pl.DataFrame], team: str, bridge: pl.DataFrame
) -> Quality:
    """Return what concerns one team: findings that name it or that are errors for all."""
    is_shared_error = (pl.col("team") == "") & (pl.col("severity") == "error")
    findings = tables["recon.finding"].filter((pl.col("team") == team) | is_shared_error)
    return replace(
        month,
        unmetered=_unmetered(tables["recon.unmetered"].filter(pl.col("team") == team)),
        unpriced=_unpriced(bridge),
        findings=_findings(findings),
        severities=_severities(findings),
    )


_RANK = pl.col("severity").replace_strict({"error": 0, "warning": 1, "note": 2}, default=3)


def _severities(findings: pl.DataFrame) -> Rows:
    return _records(findings.group_by("severity").len("findings").sort(_RANK, "severity"))


def _records(frame: pl.DataFrame) -> Rows:
    return list(frame.iter_rows(named=True))


def _listing(frame: pl.DataFrame, length: int) -> Listing:
    return Listing(_records(frame.head(length)), max(0, frame.height - length))


def _files(files: pl.DataFrame) -> Rows:
    keys = ["source", "kind", "format"]
    sums = pl.col("rows_read", "rows_kept", "rows_quarantined", "size_bytes").sum()
    return _records(files.group_by(keys).agg(pl.len().alias("files"), sums).sort(keys))


def _reasons(quarantine: pl.DataFrame) -> pl.DataFrame:
    return (
        quarantine.group_by("code")
        .agg(pl.len().alias("records"), pl.col("advice").min())
        .sort("records", "code", descending=[True, False])
    )


def _examples(quarantine: pl.DataFrame, reasons: pl.DataFrame) -> Listing:
    """A few records of each reason, the commonest reason first."""
    place = ["source", "uri", "line", "position", "byte_offset", "reason"]
    chosen = (
        quarantine.sort(["code", *place], nulls_last=True)
        .with_columns(pl.int_range(pl.len()).over("code").alias("rank"))
        .filter(pl.col("rank") < PER_REASON)
        .join(reasons.select("code", "records"), on="code", how="left")
        .sort(["records", "code", *place], descending=[True, *(False for _ in range(7))], nulls_last=True)
        .head(EXAMPLES)
    )
    return Listing(_records(chosen), quarantine.height - chosen.height)


def _unmetered(unmetered: pl.DataFrame) -> Listing:
    keys = ["provider", "account", "model", "reason"]
    sums = pl.col("tokens", "call_count").sum()
    rows = (
        unmetered.group_by(keys).agg(sums).sort(["tokens", *keys], descending=[True, *(False for _ in keys)])
    )
    return _listing(rows, LISTED)


def _unmapped(unmapped: pl.DataFrame) -> Listing:
    every = [name for name in unmapped.columns if name not in ("usd", "tokens", "rows")]
    order = ["usd", "tokens", "rows", *every]
    rows = unmapped.sort(
        order, descending=[name in ("usd", "tokens", "rows") for name in order], nulls_last=True
    )
    return _listing(rows, LISTED)


def _unpriced(bridge: pl.DataFrame) -> Listing:
    keys = ["provider", "model", "service_tier"]
    rows = (
        bridge.filter(pl.col("usd").is_null() & (pl.col("tokens") != 0))
        .group_by(keys)
        .agg(pl.col("tokens").sum(), pl.col("tokens").abs().sum().alias("size"))
        .sort(["size", *keys], descending=[True, *(False for _ in keys)])
    )
    return _listing(rows, LISTED)


def _findings(findings: pl.DataFrame) -> Listing:
    size = pl.col("usd").abs()
    rest = ["code", "provider", "account", "team", "message", "advice", "tokens"]
    rows = findings.sort(
        [_RANK, size, *rest], descending=[False, True, *(False for _ in rest)], nulls_last=True
    )
    return _listing(rows, EXAMPLES)


def _origins(rates: pl.DataFrame) -> Rows:
    is_known = pl.col("usd_per_token").is_not_null().alias("is_known")
    sku = pl.struct("provider", "model", "service_tier", "token_kind")
    counts = rates.group_by(is_known, "origin").agg(sku.n_unique().alias("rates"))
    return _records(counts.sort("is_known", "rates", "origin", descending=[True, True, False]).head(LISTED))
