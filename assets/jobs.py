"""What can be run as one: landing, and the close of a month."""

import dagster as dg

from assets.factory import GROUPS

_CLOSED = ("raw", "core", "recon", "report", "published")

LANDING = dg.define_asset_job(
    "landing",
    selection=dg.AssetSelection.groups(GROUPS["raw"]),
    description="Land what is new; what `tallystick land` does.",
)

CLOSE_MONTH = dg.define_asset_job(
    "close_month",
    selection=dg.AssetSelection.groups(*(GROUPS[layer] for layer in _CLOSED)),
    description="Land what is new, reconcile a month and publish it; what `tallystick close` does.",
)

JOBS = (LANDING, CLOSE_MONTH)
