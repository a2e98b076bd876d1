"""The conservation laws as blocking asset checks: a month that breaks one is not reported."""

from collections.abc import Iterable
from typing import NamedTuple

import dagster as dg

from assets.close import CheckResult
from assets.factory import key_of
from assets.metadata import plain


class Law(NamedTuple):
    """A law that `reconcile` tries on a table before it commits."""

    name: str
    table: str
    description: str


LAWS: tuple[Law, ...] = (
    Law("tokens_add_up", "recon.bridge", "The steps of each cell add up to its metered tokens, exactly."),
    Law(
        "money_adds_up",
        "recon.tieout",
        "The components of each invoice add up to what it bills, to the cent.",
    ),
    Law("nothing_lost", "report.close", "Records read are records kept plus records set aside."),
)


def check_specs() -> list[dg.AssetCheckSpec]:
    """Return one blocking check per law."""
    return [
        dg.AssetCheckSpec(law.name, asset=key_of(law.table), description=law.description, blocking=True)
        for law in LAWS
    ]


def check_results(checks: Iterable[CheckResult], table: str) -> list[dg.AssetCheckResult]:
    """Return what the laws found on one table."""
    return [
        dg.AssetCheckResult(
            passed=check.passed,
            check_name=check.name,
            asset_key=key_of(table),
            description=check.message,
            metadata=plain(check.metadata),
        )
        for check in checks
        if check.table == table
    ]
