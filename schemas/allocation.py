"""Recon: every billed line given to teams and pools, in two views, each share with its method."""

import polars as pl

from schemas.parts import Monthly
from schemas.types import WORKLOADS, Tokens, Usd, column, maybe

VIEWS = ("executing", "initiating")
"""The team whose service made the calls, and the team whose request was at the root of their traces."""

POOLS = (
    "usage",
    "fees",
    "minimums",
    "credits",
    "discounts",
    "tax",
    "currency",
    "rounding",
    "unowned",
    "uninstrumented",
    "unexplained",
    "idle",
)
"""What kind of money a share is, in the order of the page; all but usage have a configured method."""

METHODS = ("direct", "evidence", "even", "fixed", "proportional", "pool")
"""How a share came to its team: by its calls, by what they tell of a shared key, or by a stated rule."""


class Allocation(Monthly):
    """One row per view, billed line and share: the shares of a line add up to what it bills."""

    view: str = column(
        "executing: the team of the call's service; initiating: that of the root of its trace.",
        isin=list(VIEWS),
    )
    provider: str = column("Slug of the provider.")
    account: str = column("Provider account.")
    invoice_id: str = maybe("Number of the invoice; null while it is awaited.")
    line_number: pl.Int64 = column("Line of recon.charge within its bill.", ge=1)
    category: str = column("Category of the line, as in recon.charge.")
    model: str = maybe("Model, where the line names one.")
    service_tier: str = column("Service tier of the line; `all` when not told.")
    token_kind: str = maybe("Token kind, where the line names one.")
    team: str = column("Team, or the pool in which the money stays.")
    is_pool: bool = column("True for money that no team carries.")
    feature: str = maybe("Feature of the calls; null where the share is not theirs, or they name none.")
    environment: str = maybe("Deployment environment of the calls; null where not known.")
    workload: str = maybe(
        "What the calls were for; null where the share is not theirs, or none of them tells.",
        isin=list(WORKLOADS),
    )
    pool: str = column("What kind of money it is.", isin=list(POOLS))
    method: str = column("How the share came to its team.", isin=list(METHODS))
    method_details: str = column("The same in words, with what was shared and by what.")
    tokens: Tokens = maybe("Its part of the line's billed tokens; null on lines that count none.")
    usd: Usd = column("Its part of what the line bills; whole cents by view, invoice and team.")

    class Config:
        """See Closed."""

        name = "recon.allocation"
