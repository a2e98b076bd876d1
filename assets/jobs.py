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

CLOSE_AND_MAIL = dg.define_asset_job(
    "close_and_mail_month",
    selection=dg.AssetSelection.groups(*(GROUPS[layer] for layer in (*_CLOSED, "delivered"))),
    description="Close a month and mail it, each version to each recipient once.",
)

JOBS = (LANDING, CLOSE_MONTH, CLOSE_AND_MAIL)
