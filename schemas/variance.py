"""Recon, month over month: what moved the cost, budgets, what a unit costs, and what costs most."""

import polars as pl

from schemas.parts import Monthly
from schemas.types import STEPS, WORKLOADS, Tokens, Usd, column, maybe

LINES = ("both", "new", "gone", "no_prior")
"""Whether a line stands in both months, in one of them, or the month before was never closed."""

EFFECTS = ("price", "cache_hit", "mix", "volume", "unpriced")
"""What moves the cost of a line from one month to the next, in the order of the page."""

UNITS = ("call", "conversation", "feature", "task", "resolved_task")
"""What a figure is for one of; `feature` is one use of a feature: a trace in it."""

LEVELS = ("all", "team", "feature", "model")
"""How far figures are told apart; each level tells what the one before it does as well."""

COSTLIEST = ("call", "trace")
"""What is listed by cost."""


class Variance(Monthly):
    """One row per team and line of usage: from the month before to this one, at expected rates."""

    prior_month: str = maybe("The month before; null when it was not closed: nothing is compared.")
    team: str = column("Team or pool.")
    provider: str = column("Slug of the provider.")
    account: str = column("Provider account.")
    model: str = column("Model as metered.")
    service_tier: str = column("Service tier.")
    line: str = column("both, new or gone; no_prior without a month before.", isin=list(LINES))
    prior_tokens: Tokens = maybe("Metered tokens of the month before; null without one.")
    tokens: Tokens = column("Metered tokens of the month.")
    prior_unpriced_tokens: Tokens = maybe("Of the prior tokens, those without a known price.")
    unpriced_tokens: Tokens = column("Of the tokens, those without a known price.")
    prior_usd: Usd = maybe("Prior tokens at their expected rates; null when none has a known price.")
    price_usd: Usd = maybe("This month's tokens at this month's rates less at last month's.")
    cache_hit_usd: Usd = maybe("Other shares of cache reads and writes in the input, at last month's rates.")
    mix_usd: Usd = maybe("Other shares of models, tiers and output in the tokens, at last month's rates.")
    volume_usd: Usd = maybe("More or fewer tokens at last month's mix and rates; all of a new or gone line.")
    unpriced_usd: Usd = maybe("Dollars of token kinds with a price in a part of the two months: no saving.")
    usd: Usd = maybe("Tokens at their expected rates: prior_usd and the effects; null when none has a price.")

    class Config:
        """See Closed."""

        name = "recon.variance"
        unique = ["month", "team", "provider", "account", "model", "service_tier"]


class History(Monthly):
    """One row per closed month of the last six, team and step of the bridge: what a trend is drawn from."""

    history_month: str = column("Month that the figures are of.", str_matches=r"^\d{4}-\d{2}$")
    team: str = column("Team or pool.")
    step: str = column("Step of the bridge.", isin=list(STEPS))
    tokens: Tokens = column("Signed tokens of the step.")
    unpriced_tokens: Tokens = column("Of these, tokens without a known price.")
    usd: Usd = maybe("Tokens at the expected rate; null when none has a known price.")

    class Config:
        """See Closed."""

        name = "recon.history"
        unique = ["month", "history_month", "team", "step"]


class Budget(Monthly):
    """One row per team with a budget for the month: what it may spend, has spent, and is on its way to."""

    team: str = column("Team.")
    budget_usd: Usd = column("Dollars that the team may spend in the month.")
    billed_usd: Usd = column("Its part of the bills.")
    awaited_usd: Usd = column("Its metered tokens at the expected rate, of accounts without any bill yet.")
    awaited_unpriced_tokens: Tokens = column("Tokens of such accounts without a known price: cost more.")
    allocated_usd: Usd = column("Billed and awaited: what the team has spent so far.")
    metered_to: pl.Date = maybe("Last day that a meter tells of; null when none does.")
    days_elapsed: pl.Int64 = maybe("Days of the month up to that one.", ge=1)
    days_in_month: pl.Int64 = column("Days of the month.", ge=28)
    projected_usd: Usd = maybe("Allocated dollars, carried on at the same pace to the end of the month.")
    left_usd: Usd = column("Budget less allocated: negative when it is spent.")
    over_usd: Usd = maybe("Projected less budget: positive when the team is on its way beyond it.")

    class Config:
        """See Closed."""

        name = "recon.budget"
        unique = ["month", "team"]


class UnitCost(Monthly):
    """One row per unit, team, feature and model: what one of it costs, as a distribution."""

    unit: str = column("What is counted.", isin=list(UNITS))
    level: str = column("How far the row is told apart; the rest is `all`.", isin=list(LEVELS))
    team: str = column("Team that executed the calls.")
    feature: str = column("Feature; empty when not known.")
    model: str = column("Model as the provider meters it.")
    count: pl.Int64 = column("Units: priced, unpriced and unrecorded.", ge=0)
    priced_count: pl.Int64 = column("Units whose cost is known; the dollars are theirs.", ge=0)
    unpriced_count: pl.Int64 = column("Units with tokens that have no known price.", ge=0)
    unrecorded_count: pl.Int64 = column("Units whose spans record no tokens at all.", ge=0)
    calls: pl.Int64 = column("Billed calls in these units.", ge=0)
    tokens: Tokens = maybe("Recorded tokens; null when no unit records any.", ge=0)
    tokens_p50: Tokens = maybe("Half of the recorded units have no more tokens.", ge=0)
    tokens_p95: Tokens = maybe("95 % of them have no more.", ge=0)
    tokens_p99: Tokens = maybe("99 % of them have no more.", ge=0)
    tokens_max: Tokens = maybe("The most tokens of a unit.", ge=0)
    usd: Usd = maybe("Dollars of the priced units at the expected rate; null when there is none.")
    usd_mean: Usd = maybe("Dollars over priced units.")
    usd_p50: Usd = maybe("Half of the priced units cost no more.")
    usd_p95: Usd = maybe("95 % of them cost no more.")
    usd_p99: Usd = maybe("99 % of them cost no more.")
    usd_max: Usd = maybe("The most dollars of a unit.")

    class Config:
        """See Closed."""

        name = "recon.unit_cost"
        unique = ["month", "unit", "level", "team", "feature", "model"]


class Costliest(Monthly):
    """One row per call or trace among the costliest of a team: ids and counts, nothing of what was said."""

    team: str = column("Team that executed the calls.")
    unit: str = column("call or trace.", isin=list(COSTLIEST))
    rank: pl.Int64 = column("From 1, by dollars, then by tokens.", ge=1)
    trace_id: str = column("Trace id.")
    span_id: str = maybe("Span id of the call; null for a trace.")
    service: str = maybe("Service; null when several.")
    model: str = maybe("Model as metered; null when several.")
    workload: str = maybe("What it was for; null when several.", isin=list(WORKLOADS))
    calls: pl.Int64 = column("Billed calls of the team in it.", ge=1)
    tokens: Tokens = maybe("Recorded tokens; null when none are.", ge=0)
    unpriced_tokens: Tokens = column("Of these, tokens without a known price.", ge=0)
    usd: Usd = maybe("Tokens at the expected rate; null when none has a known price.")

    class Config:
        """See Closed."""

        name = "recon.costliest"
        unique = ["month", "team", "unit", "rank"]
