"""The conservation laws as blocking asset checks: a month that breaks one is not reported."""

from collections.abc import Iterable, Iterator

import dagster as dg

from assets.factory import key_of
from assets.laws import CHECKS, CheckResult
from assets.metadata import plain


def check_specs() -> list[dg.AssetCheckSpec]:
    """Return one blocking check per law."""
    return [
        dg.AssetCheckSpec(name, asset=key_of(table), description=sentence, blocking=True)
        for name, (table, sentence) in CHECKS.items()
    ]


def check_results(
    checks: Iterable[CheckResult], severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR
) -> Iterator[dg.AssetCheckResult]:
    """Return what became of each law or watch."""
    for check in checks:
        yield dg.AssetCheckResult(
            passed=check.passed,
            severity=severity,
            check_name=check.name,
            asset_key=key_of(check.table),
            description=check.message,
            metadata=plain(check.metadata),
        )
