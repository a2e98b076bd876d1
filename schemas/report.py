"""Report: what is shown."""

import polars as pl

from schemas.parts import Monthly
from schemas.types import Tokens, Usd, column, maybe


class Team(Monthly):
    """One row per team or pool: what it was billed, and how much of the difference is explained."""

    team: str = column("Team or pool.")
    is_pool: bool = column("True for amounts that no team's calls carry.")
    traced_tokens: Tokens = column("Tokens of its spans as logged.")
    metered_tokens: Tokens = column("Its part of the metered tokens.")
    explained_tokens: Tokens = column("Sum of the steps with a named cause, signed.")
    unexplained_tokens: Tokens = column("Its part of the unexplained, signed.")
    gross_drift_tokens: Tokens = column("Sum of the sizes of all steps but traced, signs ignored.", ge=0)
    traced_usd: Usd = column("Traced tokens at the expected rate; unpriced models are left out.")
    explained_usd: Usd = column("Causes and tie-out components with a name, signed.")
    unexplained_usd: Usd = column("Unexplained tokens at the expected rate, signed.")
    billed_usd: Usd = column("Its part of the invoices; sums to them over all teams to the cent.")
    call_count: pl.Int64 = column("Calls.", ge=0)
    unpriced_tokens: Tokens = column("Metered tokens without a known price.", ge=0)

    class Config:
        """See Closed."""

        name = "report.team"
        unique = ["month", "team"]


class Close(Monthly):
    """One row per published month: which inputs and rules its figures come from."""

    close_id: str = column("Hash of inputs, configuration and version: same inputs, same id.")
    status: str = column(
        "preliminary, complete or incomplete.", isin=["preliminary", "complete", "incomplete"]
    )
    version: str = column("Version of Tallystick.")
    price_card_version: str = column("Price list and version, and hash of configured prices and contracts.")
    input_files: pl.Int64 = column("Files that were landed.", ge=0)
    rows_read: pl.Int64 = column("Records read.", ge=0)
    rows_kept: pl.Int64 = column("Records kept.", ge=0)
    rows_quarantined: pl.Int64 = column("Records set aside.", ge=0)
    span_count: pl.Int64 = column("Span occurrences of the month.", ge=0)
    call_count: pl.Int64 = column("Calls of the month.", ge=0)
    calls_with_usage: pl.Int64 = column("Calls whose span carries usage.", ge=0)
    traced_tokens: Tokens = column("Traced tokens inside the bridge.")
    metered_tokens: Tokens = column("Metered tokens.")
    unexplained_tokens: Tokens = column("Unexplained, signed.")
    gross_drift_tokens: Tokens = column("Sizes of all steps but traced.", ge=0)
    billed_usd: Usd = maybe("Sum of the invoices, or of the cost exports where no invoice came yet.")
    headline: str = column("The sentence that the report opens with.")

    class Config:
        """See Closed."""

        name = "report.close"
        unique = ["month"]
