"""Conservation laws: what must add up before a month is committed."""

from typing import Any, NamedTuple

from pipeline.errors import BalanceError
from pipeline.period import Month
from pipeline.warehouse import Warehouse

CHECKS = {
    "nothing_is_lost": ("report.close", "Every record read is kept or in quarantine."),
    "traces_are_whole": ("core.call", "Traced tokens less what was counted twice are those of the calls."),
    "meter_is_whole": ("recon.bucket", "The buckets hold every metered token once."),
    "bridge_adds_up": ("recon.bridge", "The steps of every cell add up to its metered tokens."),
    "workloads_add_up": ("recon.anatomy", "Every billed call has one workload, with all of its tokens."),
    "tieout_adds_up": ("recon.tieout", "The components of every invoice add up to it, in whole cents."),
    "charges_add_up": ("recon.charge", "The lines of every invoice add up to its components."),
    "effects_add_up": ("recon.price_effect", "The effects on a line's price add up to it."),
    "allocation_adds_up": (
        "recon.allocation",
        "In both views the shares of every line add up to it, and those of a team on a bill to whole cents.",
    ),
    "teams_add_up": (
        "report.team",
        "Every team is billed what is allocated to it, and all together what the invoices bill.",
    ),
    "variance_adds_up": ("recon.variance", "Each team's cost is last month's and what moved it."),
    "focus_adds_up": ("report.allocation", "The charges of every bill cost what it bills, in FOCUS too."),
    "focus_meets_invoices": (
        "report.invoice_detail",
        "FOCUS charges of an invoice and its lines are the same amount, and neither is without the other.",
    ),
    "journal_balances": (
        "report.journal",
        "Every entry balances, and every invoice is posted to payables with its amount.",
    ),
}
"""Conservation laws: name of the SQL file, table, sentence. A broken one stops the close."""


class CheckResult(NamedTuple):
    """What became of one conservation law."""

    name: str
    table: str
    passed: bool
    message: str
    metadata: dict[str, Any]


class ChecksFailedError(BalanceError):
    """A conservation law is broken; nothing was committed."""

    def __init__(self, checks: tuple[CheckResult, ...]) -> None:
        broken = [check for check in checks if not check.passed]
        super().__init__("; ".join(f"{check.name}: {check.message}" for check in broken))
        self.checks = checks


def check(warehouse: Warehouse, name: str, month: Month) -> CheckResult:
    """Return whether a law holds for the month as it stands in the warehouse."""
    table, sentence = CHECKS[name]
    bad = warehouse.run(f"checks/{name}", month=str(month))
    message = (
        sentence
        if bad.is_empty()
        else f"{bad.height} rows break '{sentence}' First: {bad.row(0, named=True)}"
    )
    return CheckResult(name, table, bad.is_empty(), message, {"bad_rows": bad.height})
