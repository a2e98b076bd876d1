"""What is watched, as checks that stop nothing: a step after landing, and one after the close."""

from collections.abc import Iterable, Iterator

import dagster as dg

from assets.checks import check_results
from assets.factory import POOL, key_of
from assets.failures import plainly
from assets.laws import CheckResult
from assets.partitions import month_of
from assets.resources import Configuration
from assets.steps import WatchLanding, WatchMonth
from pipeline.health import DAILY, MONTHLY
from pipeline.watch import Watch


def _specs(watches: Iterable[Watch]) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(watch.code, asset=key_of(watch.table), description=watch.sentence)
        for watch in watches
    ]


def _told(
    context: dg.AssetCheckExecutionContext, checks: tuple[CheckResult, ...], month: str | None = None
) -> Iterator[dg.AssetCheckResult]:
    """Say what is wrong in the log of the run as well, where whoever looks for a failure reads."""
    for check in checks:
        if not check.passed:
            context.log.warning(check.message)
    yield from check_results(checks, dg.AssetCheckSeverity.WARN, month)


def landing_watches(watch: WatchLanding) -> dg.AssetChecksDefinition:
    """Return what is watched with every landing."""

    @dg.multi_asset_check(name="watch_landing", specs=_specs(DAILY), pool=POOL)
    def _watch(
        context: dg.AssetCheckExecutionContext, configuration: Configuration
    ) -> Iterator[dg.AssetCheckResult]:
        with plainly(context):
            checks = watch(configuration.settings())
        yield from _told(context, checks)

    return _watch


def month_watches(watch: WatchMonth) -> dg.AssetChecksDefinition:
    """Return what is watched with every close."""

    @dg.multi_asset_check(name="watch_month", specs=_specs(MONTHLY), pool=POOL)
    def _watch(
        context: dg.AssetCheckExecutionContext, configuration: Configuration
    ) -> Iterator[dg.AssetCheckResult]:
        month = month_of(context)
        with plainly(context):
            checks = watch(configuration.settings(), month)
        yield from _told(context, checks, str(month))

    return _watch
