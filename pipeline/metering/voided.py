"""What charges nothing of a month, and is told: invoices that were taken back, and credit that is bought."""

import polars as pl

from pipeline.findings import assemble, finding
from pipeline.metering.restatement import is_voided, pull_order
from pipeline.period import Month


def voided(invoices: pl.DataFrame, files: pl.DataFrame, month: Month) -> pl.DataFrame:
    """Return a finding per invoice of the month whose latest file says that it is voided."""
    key = ["provider", "account", "invoice_id"]
    starts = pl.col("period_start_on").is_between(month.first_day, month.next.first_day, closed="left")
    order = pull_order(files, invoices.group_by("file_id").agg(reach=pl.col("period_end_on").max()))
    ranked = invoices.join(order, on="file_id", how="left")
    last = ranked.filter(pl.col("pull") == pl.col("pull").max().over(key)).filter(starts & is_voided())
    rows = last.select(*key, "currency", "total").unique().sort(pl.all())
    return assemble(
        [
            finding(
                str(month),
                "invoice_voided",
                "note",
                f"Invoice {invoice_id} of {provider} account '{account}' over {total:,.2f} {currency} is "
                "voided: it charges nothing.",
                "Add the invoice that replaces it, if there is one.",
                provider=provider,
                account=account,
            )
            for provider, account, invoice_id, currency, total in rows.rows()
        ]
    )


def prepayments(lines: pl.DataFrame, month: Month) -> pl.DataFrame:
    """Return a finding per invoice that buys credit, whether its dollars are known or not."""
    key = ["provider", "account", "invoice_id", "currency"]
    bought = (
        lines.filter(pl.col("category") == "prepayment").group_by(key).agg(pl.col("amount").sum()).sort(key)
    )
    return assemble(
        [
            finding(
                str(month),
                "prepayment",
                "note",
                f"Invoice {invoice_id} of {provider} account '{account}' buys credit of {amount:,.2f} "
                f"{currency}: that is no charge of the month.",
                "See prepaid.csv for what is drawn from it; another currency than US dollars needs a rate.",
                provider=provider,
                account=account,
            )
            for provider, account, invoice_id, currency, amount in bought.rows()
        ]
    )
