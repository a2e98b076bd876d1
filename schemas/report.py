"""Report: what is shown."""

import polars as pl

from schemas.parts import Monthly
from schemas.raw import File, Quarantine
from schemas.recon import Finding
from schemas.types import Amount, Instant, Tokens, Usd, column, maybe


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


class OpenItem(Finding):
    """One row per thing that a reader should know before trusting the month, or an earlier one."""

    item_id: str = column("The same over months: hash of what the item is about, never of its amount.")
    item_class: str = column(
        "timing, error_ours, error_provider or unexplained.",
        isin=["timing", "error_ours", "error_provider", "unexplained"],
    )
    status: str = column(
        "open, disputed, resolved, or noted (nothing to be done).",
        isin=["open", "disputed", "resolved", "noted"],
    )
    owner: str = column("Who sees to it, by the rules of the configuration, else its team, else unassigned.")
    first_month: str = column("Month in which it was seen first, as YYYY-MM.")
    age_days: pl.Int64 = column("Days from the end of its first month to the end of this one.", ge=0)
    age_bucket: str = column("Age: 0-30, 31-60, 61-90 or 90+.", isin=["0-30", "31-60", "61-90", "90+"])
    is_carried: bool = column("True when an earlier month has it and this one does not.")
    resolution: str = maybe("How it was settled and why, from the configuration; null while it is not.")

    class Config:
        """See Closed."""

        name = "report.open_item"
        unique = ["month", "item_id"]


class Closing(Monthly):
    """One row per event of a month's closing: locked, signed, reopened. Rows are added, never changed."""

    locked_version: pl.Int64 = column("Which locked version of the month, from 1.", ge=1)
    event: str = column(
        "closed (the first lock), restated (a later one), prepared, reviewed or reopened.",
        isin=["closed", "restated", "prepared", "reviewed", "reopened"],
    )
    recorded_at: Instant = column("When it was recorded, to the second.")
    recorded_by: str = column("Who did it, as they said.")
    why: str = maybe("Why the month was reopened; on the lock that followed as well.")
    close_id: str = maybe("Of a lock: hash of inputs, configuration and version, as in the report.")
    inputs_hash: str = maybe("Of a lock: SHA-256 over kind, content and decoder of every file.")
    rules_hash: str = maybe("Of a lock: SHA-256 over the configuration and the version of Tallystick.")
    rules: str = maybe("Of a lock: sections of the configuration with their hashes, as JSON.")
    price_card: str = maybe("Of a lock: price list with its version, and hash of the expected rates.")
    results_hash: str = maybe("Of a lock: SHA-256 over the bytes of all published tables.")
    tallystick_version: str = maybe("Of a lock: version of Tallystick.")

    class Config:
        """See Closed."""

        name = "report.closing"
        unique = ["month", "locked_version", "event"]


_KEYS = ["month", "locked_version", "dimension", "provider", "account", "invoice_id", "team", "line", "unit"]


class _Figure(Monthly):
    """A figure that a locked month is held to."""

    locked_version: pl.Int64 = column("Which locked version of the month, from 1.", ge=1)
    dimension: str = column("invoice (the tie-out), team, or bridge.", isin=["invoice", "team", "bridge"])
    provider: str = column("Slug of the provider; empty on figures of a team.")
    account: str = column("Provider account; empty on figures of a team.")
    invoice_id: str = column("Number of the invoice; empty while it is awaited, and on other figures.")
    team: str = column("Team or pool; empty on figures of an invoice.")
    line: str = column("Component of the tie-out, measure of the team, or step of the bridge.")
    unit: str = column("usd or tokens.", isin=["usd", "tokens"])


class LockedFigure(_Figure):
    """One row per figure of a locked version: what later data is compared with."""

    amount: Amount = column("The figure, in its unit.")

    class Config:
        """See Closed."""

        name = "report.locked_figure"
        unique = _KEYS


class Restatement(_Figure):
    """One row per figure that a restated version changed: old, new and why."""

    old: Amount = maybe("The figure of the version before; null where it had none.")
    new: Amount = maybe("The figure of this version; null where it has none.")
    difference: Amount = column("New minus old; what is not there adds nothing.")
    why: str = column("Why the month was reopened.")

    class Config:
        """See Closed."""

        name = "report.restatement"
        unique = _KEYS


class LockedFile(File):
    """One row per file that a locked version was made of."""

    month: str = column("Month as YYYY-MM.", str_matches=r"^\d{4}-\d{2}$")
    locked_version: pl.Int64 = column("Which locked version of the month, from 1.", ge=1)
    is_of_month: bool = column("Whether its rows lie in the month or within two days of it.")

    class Config:
        """See Closed."""

        name = "report.locked_file"
        unique = ["month", "locked_version", "source", "uri"]


class LockedQuarantine(Quarantine):
    """One row per record that could not be read when a version was locked."""

    month: str = column("Month as YYYY-MM.", str_matches=r"^\d{4}-\d{2}$")
    locked_version: pl.Int64 = column("Which locked version of the month, from 1.", ge=1)

    class Config:
        """See Closed."""

        name = "report.locked_quarantine"
