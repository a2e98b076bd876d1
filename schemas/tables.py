"""All tables in one tuple: DDL, asset metadata, exports and the data dictionary derive from it."""

from dataclasses import dataclass
from functools import cached_property

import pandera.polars as pa
import polars as pl

from schemas import (
    allocation,
    charges,
    compaction,
    core,
    dispute,
    focus,
    focus_invoices,
    journal,
    raw,
    recon,
    report,
    variance,
)


@dataclass(frozen=True)
class Table:
    """A table: its contract, what it is made of, and whether a close publishes it as a file."""

    contract: type[pa.DataFrameModel]
    reads: tuple[str, ...] = ()
    exported: str | None = None
    export_without: tuple[str, ...] = ()
    is_ledger: bool = False
    """Whether locking changes its rows, so that the bytes of a lock cannot hold them."""

    @cached_property
    def name(self) -> str:
        """Name in the warehouse, `layer.table`."""
        return str(self.contract.to_schema().name)

    @cached_property
    def layer(self) -> str:
        """Schema of the table and group of its asset."""
        return self.name.split(".")[0]

    @cached_property
    def schema(self) -> pl.Schema:
        """Column names and polars types, in contract order."""
        columns = self.contract.to_schema().columns
        return pl.Schema({name: column.dtype.type for name, column in columns.items()})

    @cached_property
    def descriptions(self) -> dict[str, str]:
        """One line of meaning for each column."""
        return {name: str(c.description) for name, c in self.contract.to_schema().columns.items()}

    @cached_property
    def grain(self) -> str:
        """What one row is."""
        return (self.contract.__doc__ or "").strip()

    @cached_property
    def is_monthly(self) -> bool:
        """Whether rows belong to a month; landing tables belong to files."""
        return "month" in self.schema


TABLES: tuple[Table, ...] = (
    Table(raw.File),
    Table(raw.Quarantine, exported="quarantine"),
    Table(raw.Span),
    Table(raw.Usage),
    Table(raw.Cost),
    Table(raw.Invoice),
    Table(raw.Request),
    Table(core.Metered, reads=("raw.usage", "raw.request", "raw.cost", "raw.invoice", "raw.file")),
    Table(core.Coverage, reads=("raw.usage", "raw.request", "raw.cost", "raw.invoice", "raw.file")),
    Table(core.Request, reads=("raw.request",)),
    Table(core.Billed, reads=("raw.cost", "raw.invoice", "raw.file")),
    Table(core.Traced, reads=("raw.span", "core.metered")),
    Table(core.Call, reads=("raw.span", "core.metered")),
    Table(core.Attempt, reads=("raw.span",)),
    Table(core.Correction, reads=("raw.span", "core.metered")),
    Table(core.Silence, reads=("raw.span", "core.call")),
    Table(core.Unmapped, reads=("raw.usage", "raw.cost", "raw.invoice", "core.traced"), exported="unmapped"),
    Table(recon.Rate, reads=("raw.usage", "raw.request", "core.metered", "core.traced")),
    Table(recon.Bucket, reads=("core.traced", "core.metered", "core.coverage")),
    Table(recon.Unmetered, reads=("core.traced", "core.coverage"), exported="unmetered"),
    Table(
        recon.Claim,
        reads=(
            "recon.bucket",
            "core.call",
            "core.attempt",
            "core.correction",
            "core.request",
            "core.metered",
        ),
    ),
    Table(recon.LearnedRate, reads=("recon.claim", "recon.bucket"), exported="rates"),
    Table(
        recon.Bridge,
        reads=("core.traced", "recon.claim", "recon.bucket", "recon.expected_rate"),
        exported="bridge",
    ),
    Table(recon.Tieout, reads=("core.billed", "core.metered", "recon.expected_rate"), exported="tieout"),
    Table(
        charges.Charge,
        reads=("core.billed", "core.metered", "recon.expected_rate"),
        exported="charges",
        export_without=("file_id",),
    ),
    Table(charges.Accrual, reads=("core.metered", "recon.tieout", "raw.invoice"), exported="accruals"),
    Table(charges.Prepaid, reads=("recon.tieout", "core.billed", "raw.invoice"), exported="prepaid"),
    Table(charges.PriceEffect, reads=("recon.charge",), exported="price_effects"),
    Table(recon.Anatomy, reads=("core.call",), exported="anatomy"),
    Table(compaction.Compaction, reads=("core.call", "recon.claim", "recon.rate"), exported="compactions"),
    Table(
        allocation.Allocation,
        reads=("recon.charge", "recon.bridge", "core.call"),
        exported="allocation_shares",
    ),
    Table(
        recon.Evidence,
        reads=("recon.claim", "recon.expected_rate"),
        exported="evidence",
        export_without=("month",),
    ),
    Table(
        recon.Finding,
        reads=(
            "raw.file",
            "raw.quarantine",
            "core.unmapped",
            "core.coverage",
            "recon.bridge",
            "recon.tieout",
        ),
    ),
    Table(
        dispute.Dispute,
        reads=("recon.charge", "recon.price_effect", "recon.finding", "core.call"),
        exported="disputes",
    ),
    Table(report.Team, reads=("core.call", "recon.bridge", "recon.allocation"), exported="teams"),
    Table(variance.Variance, reads=("recon.bridge",), exported="variance"),
    Table(variance.History, reads=("recon.bridge",), exported="history"),
    Table(
        variance.Budget,
        reads=("report.team", "recon.bridge", "recon.tieout", "core.metered"),
        exported="budget",
    ),
    Table(variance.UnitCost, reads=("core.call",), exported="unit_cost"),
    Table(variance.Costliest, reads=("core.call",), exported="costliest"),
    Table(
        report.Close,
        reads=(
            "raw.file",
            "core.traced",
            "core.call",
            "recon.bridge",
            "recon.tieout",
            "recon.finding",
            "report.team",
        ),
    ),
    Table(
        focus.CostAndUsage,
        reads=(
            "raw.cost",
            "raw.invoice",
            "recon.allocation",
            "recon.charge",
            "recon.price_effect",
            "recon.expected_rate",
            "recon.prepaid",
            "report.close",
        ),
        exported="allocation",
        export_without=("month",),
    ),
    Table(
        focus_invoices.InvoiceDetail,
        reads=("raw.invoice", "raw.file"),
        exported="invoice_detail",
        export_without=("month",),
    ),
    Table(
        journal.JournalLine, reads=("recon.allocation", "recon.accrual", "recon.prepaid"), exported="journal"
    ),
    Table(report.OpenItem, reads=("recon.finding", "report.close"), exported="open_items"),
    Table(report.LockedFile, reads=("raw.file", "report.close"), is_ledger=True),
    Table(report.LockedQuarantine, reads=("raw.quarantine", "report.close"), is_ledger=True),
    Table(report.LockedFigure, reads=("recon.bridge", "recon.tieout", "report.team"), is_ledger=True),
    Table(
        report.Closing,
        reads=("report.close", "report.open_item", "report.locked_file"),
        exported="closing",
        is_ledger=True,
    ),
    Table(
        focus_invoices.BillingPeriod,
        reads=("report.allocation", "report.invoice_detail", "report.closing"),
        exported="billing_period",
        export_without=("month",),
        is_ledger=True,
    ),
    Table(
        report.Restatement,
        reads=("report.locked_figure", "report.closing"),
        exported="restatement",
        is_ledger=True,
    ),
)
"""In the order in which a close fills them."""

BY_NAME: dict[str, Table] = {table.name: table for table in TABLES}
