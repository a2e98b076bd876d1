"""The whole graph in one place: files -> raw -> core -> recon -> report -> published pages."""

from pathlib import Path

import dagster as dg

from assets.jobs import JOBS
from assets.mail import mail_assets
from assets.month import month_assets
from assets.raw import landing_assets, source_specs
from assets.report import published_assets
from assets.resources import Configuration, schedule_settings
from assets.schedules import schedules
from assets.sensors import sensors
from assets.steps import STEPS, Steps
from assets.watches import landing_watches, month_watches


def build_defs(
    config_path: Path | None = None,
    steps: Steps = STEPS,
) -> dg.Definitions:
    """Return the code location; tests build the same one over another configuration or other steps."""
    schedule = schedule_settings(config_path)
    return dg.Definitions(
        assets=[
            *source_specs(),
            landing_assets(steps),
            month_assets(steps.reconcile),
            published_assets(steps.publish),
            mail_assets(steps.send),
        ],
        asset_checks=[landing_watches(steps.watch_landing), month_watches(steps.watch_month)],
        jobs=JOBS,
        schedules=schedules(schedule),
        sensors=sensors(schedule),
        resources={"configuration": Configuration(path=str(config_path) if config_path else None)},
        executor=dg.in_process_executor,
    )


defs = build_defs()
