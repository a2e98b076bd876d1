"""What can be run as one: landing, and the close of a month."""

import dagster as dg

LANDING = dg.define_asset_job(
    "landing",
    selection=dg.AssetSelection.groups("raw"),
    description="Land what is new; what `tallystick land` does.",
)

CLOSE_MONTH = dg.define_asset_job(
    "close_month",
    selection=dg.AssetSelection.groups("raw", "core", "recon", "report", "published"),
    description="Land what is new, reconcile a month and publish it; what `tallystick close` does.",
)

JOBS = (LANDING, CLOSE_MONTH)
