"""What the assets call: the functions behind the steps of the graph, which know nothing of Dagster."""

from collections.abc import Callable
from typing import NamedTuple

from assets import close, health
from assets.close import Published, Reconciled
from assets.laws import CheckResult
from assets.send import Sending, send_month
from pipeline.landing_progress import LandingSummary, Progress
from pipeline.period import Month
from pipeline.preflight import Problem
from pipeline.settings import Settings

Check = Callable[[Settings], list[Problem]]
"""Says what is wrong with configuration and sources before anything lands."""
Land = Callable[[Settings, Progress | None], LandingSummary]
"""Brings what is new in the sources into the raw tables, and tells how many bytes are done."""
Reconcile = Callable[[Settings, Month], Reconciled]
"""Computes the tables of a month and commits all of them or none."""
Publish = Callable[[Settings, Month], Published]
"""Writes the files of a month, all of them or none."""
WatchLanding = Callable[[Settings], tuple[CheckResult, ...]]
"""Says what of the landed is not as it should be."""
WatchMonth = Callable[[Settings, Month], tuple[CheckResult, ...]]
"""Says what of a month is not as it should be."""
Send = Callable[[Settings, Month], Sending]
"""Mails a published month, each version to each recipient once."""


class Steps(NamedTuple):
    """The functions of a graph; tests build one over others."""

    check: Check
    land: Land
    reconcile: Reconcile
    publish: Publish
    watch_landing: WatchLanding
    watch_month: WatchMonth
    send: Send


STEPS = Steps(
    close.check_sources,
    close.land,
    close.reconcile,
    close.publish,
    health.watch_landing,
    health.watch_month,
    send_month,
)
