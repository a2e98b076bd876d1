"""Hop two: traced against metered, bucket by bucket, and the bridge between them.

Pure: frames in, frames out. Reading and writing is the close's business.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import polars as pl

from pipeline.attribution import balance, gather
from pipeline.calibration import learn
from pipeline.calls import Calls
from pipeline.cause import BUCKET, CELL, OWNER, Cause
from pipeline.errors import BalanceError
from pipeline.evidence import evidence_of, placed
from pipeline.meters import Meters
from pipeline.money import split_integer
from pipeline.posterior import intervals
from pipeline.request_logs import read_logs
from pipeline.settings import Sampling
from pipeline.tokens import TOTAL, unpivot
from schemas.recon import Bridge, Bucket, Claim, Unmetered
from schemas.types import KIND_COLUMNS, TOKEN_KINDS

_PLACE = [name for name in BUCKET if name != "token_kind"]
_STEP_KEY = [*CELL, *OWNER, "step", "basis"]


class Reconciliation(NamedTuple):
    """Frames of recon.bucket, recon.claim, recon.unmetered and recon.rate, and the bridge without dollars."""

    buckets: pl.DataFrame
    claims: pl.DataFrame
    unmetered: pl.DataFrame
    bridge: pl.DataFrame
    rates: pl.DataFrame


class Rules(NamedTuple):
    """What reconciliation takes from registries and configuration."""

    causes: Sequence[Cause]
    cache_writes: Mapping[str, tuple[str, ...]]
    """Provider -> token kinds in which its meter counts cache writes."""
    owners: Mapping[str, str]
    """Scope -> team that owns what no call explains."""
    sampling: Sequence[Sampling] = ()
    """Configured sampling rates, in order."""
    balance: str = "variance"
    """How claims meet the drift: a key of `pipeline.balances.BALANCES`."""


def explain_drift(calls: Calls, meters: Meters, month: str, rules: Rules) -> Reconciliation:
    """Return the month's buckets, claims and bridge: every cell's steps add up to its metered tokens.

    Raises:
        BalanceError: they do not; always a bug.
    """
    logs = read_logs(calls._replace(calls=_in_order(calls.calls)), meters)
    ground = placed(logs.calls, meters)
    evidence = evidence_of(logs, meters, ground, month, rules)
    claims = gather(evidence, rules.causes)
    rows = _traced(ground.traced.inside)
    inside = [frame.inside for frame in (ground.traced, ground.calls, ground.corrections)]
    ends = _ends([ground.metered, *inside, evidence.attempts, evidence.silences, evidence.edges])
    buckets = _buckets(rows, ground.metered, claims, ends, month)
    learned = learn(buckets, claims, evidence.counts)
    settled = balance(buckets, learned.claims, evidence.counts, rules.balance, learned.places)
    reach = intervals(buckets, settled, learned)
    bridge = _bridge(rows, buckets, settled, reach, (ground.calls.inside, rules.owners))
    _check(bridge, buckets)
    return Reconciliation(
        buckets.select(Bucket.empty().columns),
        settled.select(pl.lit(month).alias("month"), *[c for c in Claim.empty().columns if c != "month"]),
        _unmetered(ground.calls.outside, month),
        bridge.select(pl.lit(month).alias("month"), pl.all()),
        learned.rates.select(
            pl.lit(month).alias("month"), *[c for c in learned.rates.columns if c != "month"]
        ),
    )


def _in_order(calls: pl.DataFrame) -> pl.DataFrame:
    """Calls by their start, so that what follows does not depend on the order in which they come."""
    start, name = pl.col("started_at"), pl.col("call_id")
    after = (start > start.shift(1)) | ((start == start.shift(1)) & (name > name.shift(1)))
    is_sorted = calls.select(after.all()).item()
    return calls if is_sorted else calls.sort("started_at", "call_id")


def _traced(traced: pl.DataFrame) -> pl.DataFrame:
    """Traced tokens of every bucket and owner; `evidence_count`: occurrences that tell of the kind."""
    place = [*_PLACE, *OWNER]
    counts = [pl.col(name).count().cast(pl.Int64).alias(f"_{name}") for name in KIND_COLUMNS]
    wide = traced.lazy().group_by(place).agg(pl.col(KIND_COLUMNS).sum(), *counts).collect()
    parts = [
        wide.select(*place, token_kind=pl.lit(kind), tokens=name, evidence_count=f"_{name}")
        for kind, name in zip(TOKEN_KINDS, KIND_COLUMNS, strict=True)
    ]
    return pl.concat(parts).filter(pl.col("evidence_count") > 0)


def _ends(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The end of every bucket; where endpoints lumped together have steps of several widths, the latest."""
    last = pl.col("bucket_end_at").max()
    parts = [frame.lazy().group_by(_PLACE).agg(last) for frame in frames]
    return pl.concat(parts).group_by(_PLACE).agg(last).collect()


def _buckets(
    traced: pl.DataFrame, metered: pl.DataFrame, claims: pl.DataFrame, ends: pl.DataFrame, month: str
) -> pl.DataFrame:
    """One row per bucket; what an export covers and does not list is zero."""
    parts = [
        traced.select(*BUCKET, traced_tokens="tokens", metered_tokens=pl.lit(0, pl.Int64)),
        metered.select(*BUCKET, traced_tokens=pl.lit(0, pl.Int64), metered_tokens="tokens"),
        claims.select(*BUCKET, traced_tokens=pl.lit(0, pl.Int64), metered_tokens=pl.lit(0, pl.Int64)),
    ]
    return (
        pl.concat(parts)
        .group_by(BUCKET)
        .agg(pl.col("traced_tokens").sum(), pl.col("metered_tokens").sum())
        .join(ends, on=_PLACE, how="left")
        .with_columns(
            month=pl.lit(month),
            drift_tokens=pl.col("metered_tokens") - pl.col("traced_tokens"),
        )
        .sort(BUCKET)
    )


_Callers = tuple[pl.DataFrame, Mapping[str, str]]
"""Calls inside buckets, and the owner of each scope."""


def _bridge(
    traced: pl.DataFrame, buckets: pl.DataFrame, claims: pl.DataFrame, reach: pl.DataFrame, callers: _Callers
) -> pl.DataFrame:
    """Steps by cell and owner: what was traced, what was claimed, and the unexplained rest."""
    exact = {"tokens_low": pl.col("tokens"), "tokens_high": pl.col("tokens"), "basis": pl.lit("exact")}
    counted = traced.with_columns(step=pl.lit("traced"), **exact).select(_columns())
    rows = pl.concat([counted, _steps(claims, reach), _unexplained(buckets, claims, reach, callers)])
    sums = [pl.col(name).sum() for name in ("tokens", "tokens_low", "tokens_high", "evidence_count")]
    return rows.group_by(_STEP_KEY).agg(sums).select(_columns()).sort(_STEP_KEY)


def _steps(claims: pl.DataFrame, reach: pl.DataFrame) -> pl.DataFrame:
    """Claims by cell, owner and step: what is exact, and the rest with the 90 % interval of the group."""
    group = [*CELL, *OWNER, "step"]
    is_exact = pl.col("basis") == "exact"
    sums = claims.group_by(*group, is_exact.alias("is_exact")).agg(
        pl.col("tokens", "evidence_count").sum(),
        basis=pl.when((pl.col("basis") == "estimated").any())
        .then(pl.lit("estimated"))
        .otherwise(pl.col("basis").min()),
    )
    firm = pl.col("tokens").filter("is_exact").sum().over(group)
    ends = reach.select(*group, low="tokens_low", high="tokens_high")
    known = sums.with_columns(firm=firm).join(ends, on=group, how="left", nulls_equal=True)
    return known.with_columns(
        tokens_low=pl.when("is_exact").then("tokens").otherwise(pl.col("low") - pl.col("firm")),
        tokens_high=pl.when("is_exact").then("tokens").otherwise(pl.col("high") - pl.col("firm")),
    ).select(_columns())


@cache
def _columns() -> list[str]:
    return [name for name in Bridge.empty().columns if name not in {"month", "usd"}]


def _unexplained(
    buckets: pl.DataFrame, claims: pl.DataFrame, reach: pl.DataFrame, callers: _Callers
) -> pl.DataFrame:
    """What no claim took, by cell, given to its callers in proportion to the billed tokens of their calls."""
    calls, owners = callers
    placed = claims.group_by(CELL).agg(placed=pl.col("tokens").sum())
    ends = reach.filter(pl.col("step") == "unexplained").select(*CELL, low="tokens_low", high="tokens_high")
    left = (
        buckets.group_by(CELL)
        .agg(pl.col("drift_tokens").sum())
        .join(placed, on=CELL, how="left")
        .join(ends, on=CELL, how="left")
        .with_columns(rest=pl.col("drift_tokens") - pl.col("placed").fill_null(0))
        .filter(pl.col("rest") != 0)
        .sort(CELL)
    )
    place = list(CELL[:-1])
    weights = (
        calls.group_by([*place, *OWNER])
        .agg(weight=TOTAL.filter(pl.col("not_billed_reason").is_null()).clip(0).sum(), calls=pl.len())
        .sort([*place, *OWNER])
    )
    shares = dict(iter(weights.group_by(place, maintain_order=True)))
    rows = [
        row
        for cell in left.iter_rows(named=True)
        for row in _shares(cell, shares.get(tuple(cell[name] for name in place)), owners)
    ]
    schema = {name: dtype for name, dtype in Bridge.empty().schema.items() if name in _columns()}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _shares(
    cell: dict[str, Any], callers: pl.DataFrame | None, owners: Mapping[str, str]
) -> list[tuple[object, ...]]:
    place, rest = tuple(cell[name] for name in CELL), int(cell["rest"])
    low, high = min(rest, cell["low"]), max(rest, cell["high"])
    basis = "exact" if low == high else "estimated"
    if callers is None:
        owner = (owners.get(str(cell["scope"]), "unowned"), "unknown", "")
        return [(*place, *owner, "unexplained", rest, low, high, basis, 0)]
    weights = callers["weight"] if callers["weight"].sum() else callers["calls"]
    parts = split_integer(rest, weights.to_list())
    people = callers.select(OWNER).rows()
    if len(parts) == 1:
        return [(*place, *people[0], "unexplained", rest, low, high, basis, 0)]
    return [
        (*place, *owner, "unexplained", part, min(0, low), max(0, high), "allocated", 0)
        for owner, part in zip(people, parts, strict=True)
        if part
    ]


def _unmetered(outside: pl.DataFrame, month: str) -> pl.DataFrame:
    place = [*[name for name in CELL if name != "token_kind"], "team", "reason"]
    billed = outside.filter(pl.col("not_billed_reason").is_null())
    counts = billed.group_by(place).agg(call_count=pl.len().cast(pl.Int64))
    return (
        unpivot(billed, place)
        .group_by([*place, "token_kind"])
        .agg(pl.col("tokens").sum())
        .join(counts, on=place)
        .with_columns(month=pl.lit(month))
        .select(Unmetered.empty().columns)
        .sort(pl.all())
    )


def _check(bridge: pl.DataFrame, buckets: pl.DataFrame) -> None:
    """Every cell's steps add up to its metered tokens; anything else is a bug."""
    steps = bridge.group_by(CELL).agg(bridged=pl.col("tokens").sum())
    metered = buckets.group_by(CELL).agg(pl.col("metered_tokens").sum())
    wrong = metered.join(steps, on=CELL, how="full", coalesce=True).filter(
        pl.col("bridged").fill_null(0) != pl.col("metered_tokens").fill_null(0)
    )
    if wrong.height:
        raise BalanceError(
            f"{wrong.height} cells do not add up to their metered tokens, first: {wrong.row(0, named=True)}"
        )
