"""The whole graph in one place: files -> raw -> core -> recon -> report -> published pages."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg

from assets import close
from assets.jobs import JOBS
from assets.month import month_assets
from assets.raw import Land, landing_assets, source_specs
from assets.report import published_assets
from assets.resources import Configuration, schedule_settings
from assets.schedules import schedules
from assets.sensors import sensors
from pipeline.period import Month
from pipeline.settings import Settings


def build_defs(
    config_path: Path | None = None,
    *,
    land: Land = close.land,
    reconcile: Callable[[Settings, Month], close.Reconciled] = close.reconcile,
    publish: Callable[[Settings, Month], close.Published] = close.publish,
) -> dg.Definitions:
    """Return the code location; tests build the same one over another configuration or other steps."""
    schedule = schedule_settings(config_path)
    return dg.Definitions(
        assets=[*source_specs(), landing_assets(land), month_assets(reconcile), published_assets(publish)],
        jobs=JOBS,
        schedules=schedules(schedule),
        sensors=sensors(schedule),
        resources={"configuration": Configuration(path=str(config_path) if config_path else None)},
        executor=dg.in_process_executor,
    )


defs = build_defs()
