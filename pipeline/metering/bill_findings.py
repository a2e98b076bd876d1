"""What a reader should know of the bills: restated invoices, long periods, currencies, missing detail."""

import polars as pl

from pipeline.findings import assemble, finding
from pipeline.metering.zones import is_in
from pipeline.parsing.charges import NOT_LLM
from pipeline.parsing.invoice_lines import DIFFERENCE
from pipeline.period import Month


def restated(changed: pl.DataFrame, month: Month) -> pl.DataFrame:
    """Return a finding per invoice that two files give with different totals."""
    return assemble(
        [
            finding(
                str(month),
                "invoice_restated",
                "warning",
                f"Invoice {row['invoice_id']} of {row['provider']} account '{row['account']}' came with a "
                f"total of {row['before']:,.2f} and later of {row['after']:,.2f}; the later file counts.",
                "Remove the file that does not hold; a correction by the issuer is an invoice of its own.",
                provider=row["provider"],
                account=row["account"],
            )
            for row in changed.iter_rows(named=True)
        ]
    )


def long_periods(lines: pl.DataFrame, month: Month) -> pl.DataFrame:
    """Return a finding per invoice whose period goes beyond the month in which it starts."""
    columns = ["provider", "account", "invoice_id", "period_start_on", "period_end_on"]
    beyond = (
        lines.filter(pl.col("period_end_on") > month.next.first_day).select(columns).unique().sort(columns)
    )
    return assemble(
        [
            finding(
                str(month),
                "long_period",
                "warning",
                f"Invoice {invoice_id} of {provider} account '{account}' bills from {start} to before {end}, "
                f"beyond {month}; all of it counts in {month}.",
                "Split it into a manifest a month if the months are to be compared.",
                provider=provider,
                account=account,
            )
            for provider, account, invoice_id, start, end in beyond.rows()
        ]
    )


def wrong_arithmetic(billed: pl.DataFrame, month: Month) -> pl.DataFrame:
    """Return a finding per invoice whose lines do not add up to its total, beyond rounding."""
    place = ["provider", "account", "invoice_id", "currency"]
    is_rest = (pl.col("category") == "adjustment") & (pl.col("line_item") == DIFFERENCE)
    sums = (
        billed.filter(pl.col("origin") == "invoice")
        .group_by(place)
        .agg(pl.col("amount").sum().alias("total"), pl.col("amount").filter(is_rest).sum().alias("rest"))
        .filter(pl.col("rest") != 0)
        .sort(place)
    )
    return assemble(
        [
            finding(
                str(month),
                "invoice_arithmetic",
                "warning",
                f"The lines of invoice {invoice_id} of {provider} account '{account}' add up to "
                f"{total - rest:,.2f} {currency}, its total is {total:,.2f}; the difference of {rest:,.2f} "
                "stands in the tie-out under price.",
                "Compare the manifest with the invoice: correct it, or ask the issuer for the missing line.",
                provider=provider,
                account=account,
            )
            for provider, account, invoice_id, currency, total, rest in sums.rows()
        ]
    )


def unknown_currencies(billed: pl.DataFrame, month: Month) -> pl.DataFrame:
    """Return an error per account and currency without an exchange rate: its dollars are not known."""
    sums = (
        billed.filter(pl.col("amount_usd").is_null())
        .group_by("provider", "account", "currency")
        .agg(pl.len(), pl.col("amount").sum())
        .sort("provider", "account", "currency")
    )
    return assemble(
        [
            finding(
                str(month),
                "unknown_currency",
                "error",
                f"{rows:,} lines of {provider} account '{account}' over {amount:,.2f} {currency} have no "
                "known value in dollars: the month is incomplete.",
                f'Add the rate of the invoice or of your books: [exchange_rates] {currency} = "...", or '
                "[[exchange_rates]] with currency, usd, month or day, and source.",
                provider=provider,
                account=account,
                subject=currency,
            )
            for provider, account, currency, rows, amount in sums.rows()
        ]
    )


def not_llm(cost: pl.DataFrame, month: Month) -> pl.DataFrame:
    """Return a finding per account and currency of what its cost files charge for no model."""
    place = ["provider", "account", "currency"]
    largest = pl.col("line_item").sort_by(pl.col("amount").abs(), descending=True).unique(maintain_order=True)
    sums = (
        cost.filter((pl.col("cost_type") == NOT_LLM) & is_in(month, pl.col("bucket_start_at")))
        .group_by("line_item", *place)
        .agg(rows=pl.len(), amount=pl.col("amount").sum())
        .sort("line_item", *place, nulls_last=True)
        .group_by(place)
        .agg(pl.col("rows", "amount").sum(), names=largest.drop_nulls().head(3))
        .sort(place)
    )
    return assemble(
        [
            finding(
                str(month),
                "not_llm_cost",
                "note",
                f"{rows:,} rows over {amount:,.2f} {currency} in the cost files of {provider} account "
                f"'{account}' are for no model ({', '.join(names)}): they are no part of the bill here.",
                "Nothing to do, unless one of these services sells models: then report its name.",
                provider=provider,
                account=account,
            )
            for provider, account, currency, rows, amount, names in sums.rows()
        ]
    )


def without_detail(billed: pl.DataFrame, month: Month) -> pl.DataFrame:
    """Return a finding per account whose cost export does not say what was billed."""
    sums = (
        billed.filter(
            (pl.col("origin") == "cost") & pl.col("line_item").is_null() & pl.col("token_kind").is_null()
        )
        .group_by("provider", "account")
        .agg(pl.len(), pl.col("amount_usd").sum())
        .sort("provider", "account")
    )
    return assemble(
        [
            finding(
                str(month),
                "cost_without_detail",
                "note",
                f"{rows:,} rows of the cost export of {provider} account '{account}' name no line item: "
                "they can be compared in total only.",
                "Pull the costs grouped by line item (OpenAI) or description (Anthropic), if there are any.",
                provider=provider,
                account=account,
                usd=usd,
            )
            for provider, account, rows, usd in sums.rows()
        ]
    )
