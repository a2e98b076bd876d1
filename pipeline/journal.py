"""The month as a general ledger has it: invoices, accruals and their reversals, and credit that is prepaid.

Expense is what recon.allocation gives to each team in the executing view. Both sides of an entry are made of
one amount, so that it balances whatever its parts are.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

import polars as pl

from pipeline.charges.arrivals import Arrivals
from pipeline.charges.prepaid import booked_usd
from pipeline.journal_books import Books, books
from pipeline.journal_lines import Entry, Part, lines_of
from pipeline.metering.restatement import latest_invoices
from pipeline.money import quantize
from pipeline.period import Month
from schemas.journal import JournalLine

NAME = "report.journal"
_SCHEMA = pl.Schema(JournalLine.empty().schema)
_ACCOUNT = ["provider", "account"]


def journal(tables: Mapping[str, pl.DataFrame], earlier: pl.DataFrame, arrivals: Arrivals) -> pl.DataFrame:
    """Return report.journal of a month from its recon tables.

    `earlier` holds the journal of months before: a reversal takes back what it posted, line by line, and an
    invoice that comes late goes to the teams of the accrual. Credit that is drawn for usage without an
    invoice is posted in place of an accrual of that account.
    """
    own = books(arrivals.settings.journal, tables["recon.allocation"], tables["recon.bridge"])
    prepaid = tables["recon.prepaid"]
    drawn = prepaid.filter(pl.col("invoice_id").is_null() & (pl.col("entry") != "expired"))
    accrual = tables["recon.accrual"].join(drawn.select(_ACCOUNT).unique(), on=_ACCOUNT, how="anti")
    accrued = earlier.filter((pl.col("month") < str(arrivals.month)) & (pl.col("entry") == "accrual"))
    entries = [
        *_invoices(own),
        *_purchases(own, prepaid),
        *_drawn_usage(own, drawn),
        *_drawn_credits(own, prepaid),
        *_expired(own, prepaid),
        *_accruals(own, accrual),
        *_reversals(own, tables["recon.accrual"], accrued, arrivals),
    ]
    rows = [row for entry in entries for row in lines_of(entry, arrivals.month)]
    return pl.DataFrame(rows, schema=_SCHEMA).sort("entry_id", "line_number")


def _invoices(own: Books) -> Iterator[Entry]:
    for bill in own.bills:
        provider, account, invoice_id = bill
        if invoice_id is None:
            continue
        charged = own.charged(bill)
        yield Entry(
            "invoice",
            provider,
            account,
            (invoice_id,),
            f"Invoice {invoice_id}",
            "recon.allocation: its shares in the executing view",
            charged,
            _against(own.rules.payables, charged),
            invoice_id,
        )


def _purchases(own: Books, prepaid: pl.DataFrame) -> Iterator[Entry]:
    key = [*_ACCOUNT, "invoice_id", "grant_id"]
    bought = prepaid.filter(entry="granted").group_by(key).agg(pl.col("usd").sum()).sort(key)
    for provider, account, invoice_id, grant, usd in bought.rows():
        charged = [Part(own.rules.prepaid, usd)]
        yield Entry(
            "purchase",
            provider,
            account,
            (invoice_id or "", grant),
            f"Credit {grant} is bought",
            f"recon.prepaid: granted, {grant}",
            charged,
            _against(own.rules.payables, charged),
            invoice_id,
        )


def _drawn_usage(own: Books, drawn: pl.DataFrame) -> Iterator[Entry]:
    """Usage that no invoice charges for, paid from grants; what is overdrawn is owed."""
    sums = drawn.group_by(*_ACCOUNT, "entry").agg(pl.col("usd").sum()).sort(*_ACCOUNT, "entry")
    for (provider, account), rows in sums.group_by(_ACCOUNT, maintain_order=True):
        place = (str(provider), str(account))
        accounts = {"drawn": own.rules.prepaid, "overdrawn": own.rules.accrued}
        against = [Part(accounts[entry], usd) for entry, usd in rows["entry", "usd"].rows()]
        charged = own.charged((*place, None))
        if sum(part.usd for part in charged) != -sum(part.usd for part in against):
            charged = own.expected(*place, -sum((part.usd for part in against), Decimal(0)))
        words = "Usage is paid from prepaid credit"
        yield Entry("prepaid_drawn", *place, ("usage",), words, "recon.prepaid: drawn", charged, against)


def _drawn_credits(own: Books, prepaid: pl.DataFrame) -> Iterator[Entry]:
    """Credits on an invoice that come out of a grant: they are no saving, so the expense is put back."""
    key = [*_ACCOUNT, "invoice_id", "grant_id"]
    is_credit = (pl.col("entry") == "drawn") & pl.col("invoice_id").is_not_null()
    credits = prepaid.filter(is_credit).group_by(key).agg(pl.col("usd").sum()).sort(key)
    for provider, account, invoice_id, grant, usd in credits.rows():
        yield Entry(
            "prepaid_drawn",
            provider,
            account,
            (invoice_id, grant),
            f"Credit on invoice {invoice_id} is drawn from {grant}",
            f"recon.prepaid: drawn, {grant}",
            own.credited((provider, account, invoice_id), -usd),
            [Part(own.rules.prepaid, usd)],
            invoice_id,
        )


def _expired(own: Books, prepaid: pl.DataFrame) -> Iterator[Entry]:
    key = [*_ACCOUNT, "grant_id"]
    lost = prepaid.filter(entry="expired").group_by(key).agg(pl.col("usd").sum()).sort(key)
    for provider, account, grant, usd in lost.rows():
        charged = [Part(own.rules.expired, -usd, own.rules.cost_centre)]
        yield Entry(
            "prepaid_expired",
            provider,
            account,
            (grant,),
            f"What was left of credit {grant} has expired",
            f"recon.prepaid: expired, {grant}",
            charged,
            _against(own.rules.prepaid, charged),
        )


def _accruals(own: Books, accrual: pl.DataFrame) -> Iterator[Entry]:
    rows = accrual.filter(entry="accrual").sort(*_ACCOUNT, "for_month")
    for provider, account, for_month, usd in rows.select(*_ACCOUNT, "for_month", "usd").rows():
        charged = own.expected(provider, account, usd)
        yield Entry(
            "accrual",
            provider,
            account,
            (for_month,),
            f"Usage of {for_month} that no invoice bills yet",
            "recon.accrual: accrual",
            charged,
            _against(own.rules.accrued, charged),
        )


def _reversals(
    own: Books, accrual: pl.DataFrame, accrued: pl.DataFrame, arrivals: Arrivals
) -> Iterator[Entry]:
    rows = accrual.filter(pl.col("entry") != "accrual").sort(*_ACCOUNT, "for_month", "entry", "invoice_id")
    for row in rows.iter_rows(named=True):
        provider, account, for_month = row["provider"], row["account"], row["for_month"]
        posted = accrued.filter(provider=provider, provider_account=account, month=for_month)
        if row["entry"] == "reversal":
            yield _reversal(provider, account, for_month, posted)
        else:
            yield _late(own, row, posted, arrivals)


def _reversal(provider: str, account: str, for_month: str, posted: pl.DataFrame) -> Entry:
    """What was posted then, with the sides changed; nothing where nothing was."""
    names = ("account", "debit", "credit", "cost_centre", "team", "category")
    parts = [
        Part(code, credit - debit, centre, team, category)
        for code, debit, credit, centre, team, category in posted.sort("line_number").select(names).rows()
    ]
    charged = [part for part in parts if part.category is not None]
    against = [part for part in parts if part.category is None]
    words = f"Accrual of {for_month} is taken back: its invoice has come"
    return Entry(
        "reversal", provider, account, (for_month,), words, "recon.accrual: reversal", charged, against
    )


def _late(own: Books, row: dict[str, str], posted: pl.DataFrame, arrivals: Arrivals) -> Entry:
    provider, account, invoice_id = row["provider"], row["account"], row["invoice_id"]
    usd, tax = Decimal(row["usd"]), _tax(arrivals, row)
    charged = [*own.like(posted, provider, usd - tax), own.part("", "tax", provider, tax)]
    return Entry(
        "late_invoice",
        provider,
        account,
        (row["for_month"], invoice_id),
        f"Invoice {invoice_id} for {row['for_month']}, which was closed without it",
        "recon.accrual: invoice",
        charged,
        _against(own.rules.payables, charged),
        invoice_id,
    )


def _tax(arrivals: Arrivals, row: dict[str, str]) -> Decimal:
    place = {name: row[name] for name in (*_ACCOUNT, "invoice_id")}
    of_month = Month.parse(row["for_month"])
    lines = latest_invoices(arrivals.invoices, arrivals.files).rows.filter(category="tax", **place)
    booked = (booked_usd(line, arrivals.settings, of_month) for line in lines.iter_rows(named=True))
    return quantize(sum((usd for usd in booked if usd is not None), Decimal(0)))


def _against(account: str, charged: list[Part]) -> list[Part]:
    return [Part(account, -sum((part.usd for part in charged), Decimal(0)))]
