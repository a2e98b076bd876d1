"""Recon: traced, metered and billed side by side, and the account of why they differ."""

import polars as pl

from schemas.parts import Monthly
from schemas.types import BASES, COMPONENTS, STEPS, WORKLOADS, Instant, Tokens, Usd, column, maybe


class _Cell(Monthly):
    """The dimensions in which traced and metered meet."""

    provider: str = column("Slug of the provider.")
    account: str = column("Provider account.")
    scope: str = column("Place where traced and metered can meet.")
    model: str = column("Model as metered; `all` when the export does not tell models apart.")
    service_tier: str = column("Service tier; `all` when the export does not tell tiers apart.")
    token_kind: str = column("Disjoint token kind.")


class Bucket(_Cell):
    """One row per scope, model, tier, kind and time step of the export: the drift to be explained."""

    bucket_start_at: Instant = column("First instant of the time step.")
    bucket_end_at: Instant = column("First instant after the time step.")
    traced_tokens: Tokens = column("Tokens of every span occurrence as logged.")
    metered_tokens: Tokens = column("Tokens on the provider's meter.", ge=0)
    drift_tokens: Tokens = column("Metered minus traced: positive when the provider counts more.")

    class Config:
        """See Closed."""

        name = "recon.bucket"
        unique = [
            "month",
            "provider",
            "account",
            "scope",
            "model",
            "service_tier",
            "token_kind",
            "bucket_start_at",
        ]


class Claim(_Cell):
    """One row per piece of evidence of a cause, as claimed and as the balance placed it."""

    bucket_start_at: Instant = column("First instant of the time step.")
    team: str = column("Team that the claim belongs to.")
    service: str = column("Service that the claim belongs to.")
    feature: str = column("Feature; empty when not known.")
    step: str = column("Cause that claims.", isin=list(STEPS))
    claimed_tokens: Tokens = column("What the evidence says, signed as drift.")
    tokens: Tokens = column("What the balance placed, within the bounds.")
    tokens_low: Tokens = column("Lower bound.")
    tokens_high: Tokens = column("Upper bound.")
    rate: str = maybe("Rate of recon.rate that scaled the claim; null when there is none.")
    basis: str = column("How the figure is known.", isin=list(BASES))
    trace_id: str = maybe("Trace of the evidence; null when it is not a span.")
    span_id: str = maybe("Span of the evidence.")
    evidence_count: pl.Int64 = column("Spans, requests or rows behind the claim.", ge=0)
    reason: str = column("Rule that made the claim.")

    class Config:
        """See Closed."""

        name = "recon.claim"


class Bridge(_Cell):
    """One row per cell, team, service, feature and step: adds up exactly to the cell's metered tokens."""

    team: str = column("Team; `unowned` and `uninstrumented` are pools.")
    service: str = column("Service; `unknown` when the resource names none.")
    feature: str = column("Feature; empty when not known.")
    step: str = column("Step of the bridge.", isin=list(STEPS))
    tokens: Tokens = column("Signed tokens of the step.")
    tokens_low: Tokens = column("Lower end of the 90 % interval.")
    tokens_high: Tokens = column("Upper end of the 90 % interval.")
    usd: Usd = maybe("Tokens at the expected rate; null when the model has no known price.")
    basis: str = column("How the figure is known.", isin=list(BASES))
    evidence_count: pl.Int64 = column("Spans, requests or rows behind the figure.", ge=0)

    class Config:
        """See Closed."""

        name = "recon.bridge"
        unique = [
            "month",
            "provider",
            "account",
            "scope",
            "model",
            "service_tier",
            "token_kind",
            "team",
            "service",
            "feature",
            "step",
            "basis",
        ]


class Unmetered(_Cell):
    """One row per cell and team whose traced tokens meet no meter: unknown, hence outside the bridge."""

    team: str = column("Team.")
    tokens: Tokens = column("Traced tokens, net of duplicates and calls that nobody bills.")
    call_count: pl.Int64 = column("Calls.", ge=0)
    reason: str = column("Why there is no meter.")

    class Config:
        """See Closed."""

        name = "recon.unmetered"


class Tieout(Monthly):
    """One row per account, invoice and component: the components add up to `billed` to the cent."""

    provider: str = column("Slug of the provider.")
    account: str = column("Provider account.")
    invoice_id: str = maybe("Number of the invoice; null while it is awaited.")
    component: str = column("Component of the tie-out.", isin=list(COMPONENTS))
    usd: Usd = column("Amount in US dollars.")

    class Config:
        """See Closed."""

        name = "recon.tieout"
        unique = ["month", "provider", "account", "invoice_id", "component"]


class Evidence(Monthly):
    """One row per span or request behind a step."""

    step: str = column("Step of the bridge.", isin=list(STEPS))
    team: str = column("Team.")
    trace_id: str = maybe("Trace id; null when the evidence is not a span.")
    span_id: str = maybe("Span id.")
    tokens: Tokens = column("Signed tokens, over all kinds.")
    usd: Usd = maybe("Tokens at the expected rate; null when unpriced.")
    reason: str = column("Rule that made the claim.")

    class Config:
        """See Closed."""

        name = "recon.evidence"


class Rate(Monthly):
    """One row per model, tier, kind and run of days with one rate: the price card of the month."""

    provider: str = column("Slug of the provider.")
    account: str = column("Provider account.")
    model: str = column("Model as metered.")
    service_tier: str = column("Service tier.")
    token_kind: str = column("Token kind.")
    context: str = column(
        "Length of the requests: short, long, or `all` where nobody tells (priced as short).",
        isin=["short", "long", "all"],
    )
    geography: str = column("Place of processing in the meter's word; `all` where nobody tells.")
    valid_from: pl.Date = column("First day of the run, in the provider's billing zone.")
    valid_to: pl.Date = column("First day after it.")
    usd_per_token: Usd = maybe("Expected rate; null when no price is known.")
    origin: str = column("Contract, price card and version, or why there is none.")
    list_usd_per_token: Usd = maybe("List price; null when none is known.")
    contract: str = maybe("Contract that prices it; null when it is the list.")
    agreed_usd_per_token: Usd = maybe("Rate of the contract before any lapse of its terms.")
    price_card_version: str = column("Price list and version, and hash of configured prices and contracts.")

    class Config:
        """See Closed."""

        name = "recon.expected_rate"
        unique = [
            "month",
            "provider",
            "account",
            "model",
            "service_tier",
            "token_kind",
            "context",
            "geography",
            "valid_from",
        ]


class Finding(Monthly):
    """One row per thing that a reader should know before trusting the month."""

    code: str = column("Short stable name.")
    severity: str = column("error, warning or note.", isin=["error", "warning", "note"])
    provider: str = column("Slug of the provider; empty when it concerns all.")
    account: str = column("Provider account; empty when it concerns all.")
    team: str = column("Team; empty when it concerns all.")
    message: str = column("What, where, how much.")
    advice: str = column("What to do now.")
    tokens: Tokens = maybe("Tokens concerned.")
    usd: Usd = maybe("Dollars concerned.")
    subject: str = column("What it is about, never how much: the id of its open item is made of it.")

    class Config:
        """See Closed."""

        name = "recon.finding"


class LearnedRate(Monthly):
    """One row per rate that calibration could learn from the month: prior, what was learned, how sure."""

    rate: str = column("Code: what it is a rate of, and for whom.")
    steps: str = column("Causes whose claims it scales, comma separated.")
    prior: pl.Float64 = column("What registry or rule expects before the month was looked at.")
    prior_error: pl.Float64 = column("Standard error of the prior.", ge=0)
    posterior: pl.Float64 = column("What was used: the prior moved by the month's buckets.")
    posterior_error: pl.Float64 = column("Standard error of the posterior.", ge=0)
    low: pl.Float64 = column("Least value that the rule allows.")
    high: pl.Float64 = column("Greatest value that the rule allows.")
    buckets: pl.Int64 = column("Buckets that hold claims of the rate.", ge=0)
    full_tokens: Tokens = column("Tokens of its claims at a rate of one.")
    correlation: pl.Float64 = maybe("Highest correlation with another rate, signed; null when alone.")
    correlated_with: str = maybe("That other rate.")
    is_separable: bool = column("False where the correlation is beyond 0.9: only their sum is known.")

    class Config:
        """See Closed."""

        name = "recon.rate"
        unique = ["month", "rate"]


class Anatomy(Monthly):
    """One row per workload and owner: what the billed calls were for, as their spans record them."""

    provider: str = column("Slug of the provider.")
    account: str = column("Provider account.")
    model: str = column("Model as the provider meters it.")
    team: str = column("Team that executed the calls.")
    service: str = column("Service that executed the calls.")
    workload: str = column("What the calls were for; every call has one.", isin=list(WORKLOADS))
    calls: pl.Int64 = column("Billed calls.", ge=0)
    calls_without_usage: pl.Int64 = column("Of these, calls whose span records no tokens.", ge=0)
    tokens: Tokens = column("Tokens of all kinds that their spans record.", ge=0)
    usd: Usd = maybe("Tokens at the expected rate; null when a part of them has no known price.")
    delivered_tokens: Tokens = maybe(
        "Output of completed calls; null where no call is known to be one.", ge=0
    )
    basis: str = column("How the workload is known.", isin=list(BASES))
    reason: str = column("Rule that tells the workload.")

    class Config:
        """See Closed."""

        name = "recon.anatomy"
        unique = ["month", "provider", "account", "model", "team", "service", "workload", "basis", "reason"]
