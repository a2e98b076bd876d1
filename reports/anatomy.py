"""Where the money goes: what the billed calls were for, serving first, then the most dollars."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from pipeline.money import to_cents
from reports.rounding import ZERO
from reports.view import Usd
from schemas.types import BASES, WORKLOADS

TITLES: Mapping[str, tuple[str, str]] = {
    "serving": ("Serving", "Calls that answered somebody, as far as anything tells."),
    "retry": ("Retries", "Failed calls whose tokens were recorded, before the same request again."),
    "validation_retry": ("Answers asked for again", "Answers that came back at once with a correction."),
    "compaction": ("Compaction", "Summaries of conversations that had grown too long."),
    "sub_agent": ("Sub-agents", "Calls of agents that an agent or a tool called."),
    "evaluation": ("Evaluation and CI", "Calls from test environments and test services."),
    "embedding": ("Embeddings", "Indexing and searching: nobody reads an embedding."),
    "background": ("Background", "Calls of jobs and queues, without a request of a user above them."),
    "keep_alive": ("Keep-alive", "Equal requests at equal pauses that want no answer."),
    "cancelled": ("Cancelled", "Calls that the client gave up, as far as their tokens were recorded."),
    "failed": ("Failed", "Calls that failed and were not sent again."),
}
"""Title and sentence of each workload."""


@dataclass(frozen=True)
class Workload:
    """A row of the table; the total has no code."""

    code: str
    title: str
    sentence: str
    calls: int
    without_usage: int
    tokens: int
    usd: Usd
    basis: str = ""


@dataclass(frozen=True)
class Anatomy:
    """The workloads of a month or a team, and the total that they add up to."""

    rows: tuple[Workload, ...]
    total: Workload


def anatomy(table: pl.DataFrame) -> Anatomy:
    """Return recon.anatomy by workload; dollars add up to the total in cents."""
    usd = pl.when(pl.col("usd").is_not_null().any()).then(pl.col("usd").sum())
    is_partial = (pl.col("usd").is_null() & (pl.col("tokens") != 0)).any()
    sums = table.group_by("workload").agg(
        pl.col("calls", "calls_without_usage", "tokens").sum(),
        usd.alias("usd"),
        is_partial.alias("is_partial"),
        pl.col("basis").unique().alias("bases"),
    )
    order = [pl.col("workload") != WORKLOADS[0], -pl.col("usd").fill_null(0), -pl.col("tokens"), "workload"]
    found = list(sums.sort(order).iter_rows(named=True))
    amounts = to_cents([row["usd"] or ZERO for row in found])
    rows = tuple(
        Workload(
            row["workload"],
            *TITLES[row["workload"]],
            calls=row["calls"],
            without_usage=row["calls_without_usage"],
            tokens=row["tokens"],
            usd=Usd(row["usd"], None if row["usd"] is None else cents, row["is_partial"]),
            basis=", ".join(basis for basis in BASES if basis in row["bases"]),
        )
        for row, cents in zip(found, amounts, strict=True)
    )
    return Anatomy(rows, _total(rows))


def _total(rows: tuple[Workload, ...]) -> Workload:
    known = [row.usd for row in rows if row.usd.exact is not None]
    exact = sum((usd.exact or ZERO for usd in known), ZERO)
    shown = sum((usd.shown or ZERO for usd in known), ZERO)
    is_partial = any(row.usd.is_partial for row in rows)
    return Workload(
        code="",
        title="All billed calls",
        sentence="",
        calls=sum(row.calls for row in rows),
        without_usage=sum(row.without_usage for row in rows),
        tokens=sum(row.tokens for row in rows),
        usd=Usd(exact, shown, is_partial) if known or not rows else Usd(None, None),
    )
