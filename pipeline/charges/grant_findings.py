"""Grants that expire: a warning in the month before, and what was lost in the month of their last day."""

import polars as pl

from pipeline.findings import assemble, finding
from pipeline.period import Month

_GRANT = ["provider", "account", "grant_id"]


def grant_findings(month: Month, earlier: pl.DataFrame | None, own: pl.DataFrame) -> pl.DataFrame:
    """Return the findings of a month's grants.

    `earlier` and `own` are recon.prepaid of the months before, if there are any, and of the month.
    """
    before = own.clear() if earlier is None else earlier.filter(pl.col("month") < str(month))
    rows = pl.concat([before, own]).sort("month", maintain_order=True)
    sums = rows.group_by(_GRANT).agg(pl.col("usd").sum(), pl.col("expires_on").drop_nulls().last())
    soon = sums.filter((pl.col("usd") > 0) & (pl.col("expires_on") <= month.next.last_day)).sort(_GRANT)
    lost = own.filter(entry="expired").sort(_GRANT)
    parts = [
        finding(
            str(month), "grant_expires", "warning",
            f"{usd:,.2f} USD of grant '{grant}' of {provider} account '{account}' are left at the end of the "
            f"month, and expire on {day}.",
            "Use it before that day, or ask the provider for a later one; what is left then is written off.",
            provider=provider, account=account, usd=usd, subject=grant,
        )
        for provider, account, grant, usd, day in soon.select(*_GRANT, "usd", "expires_on").rows()
    ]  # fmt: skip
    parts += [
        finding(
            str(month), "grant_expired", "warning",
            f"{-usd:,.2f} USD of grant '{grant}' of {provider} account '{account}' expired on {day} unused.",
            "It is written off in the journal. Usage of days after the last one counts as drawn first: no "
            "bill tells the days; correct it where the provider says otherwise.",
            provider=provider, account=account, usd=-usd, subject=grant,
        )
        for provider, account, grant, usd, day in lost.select(*_GRANT, "usd", "expires_on").rows()
    ]  # fmt: skip
    return assemble(parts)
