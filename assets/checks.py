"""The conservation laws as blocking asset checks: a month that breaks one is not reported."""

from collections.abc import Iterable, Iterator

import dagster as dg

from assets.factory import key_of
from assets.laws import CHECKS, CheckResult
from assets.metadata import paragraphs, plain

_BROKEN = (
    "Nothing of the month was committed, and what was published before stays. This is a bug: keep the files "
    "as they are, and report it with these lines."
)


def check_specs() -> list[dg.AssetCheckSpec]:
    """Return one blocking check per law."""
    return [
        dg.AssetCheckSpec(name, asset=key_of(table), description=sentence, blocking=True)
        for name, (table, sentence) in CHECKS.items()
    ]


def law_results(checks: Iterable[CheckResult], month: str) -> Iterator[dg.AssetCheckResult]:
    """Return what became of each law in a month, and of a broken one what to do."""
    told = (
        check if check.passed else check._replace(message=f"{check.message}\n{_BROKEN}") for check in checks
    )
    return check_results(told, dg.AssetCheckSeverity.ERROR, month)


def check_results(
    checks: Iterable[CheckResult], severity: dg.AssetCheckSeverity, month: str | None = None
) -> Iterator[dg.AssetCheckResult]:
    """Return what became of each law or watch; the UI has no other place for the month of a check."""
    for check in checks:
        yield dg.AssetCheckResult(
            passed=check.passed,
            severity=severity,
            check_name=check.name,
            asset_key=key_of(check.table),
            description=paragraphs(check.message),
            metadata={**({"month": month} if month else {}), **plain(check.metadata)},
        )
