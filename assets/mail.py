"""The mails of a published month, as the last step of the close that follows its invoices."""

from collections import Counter

import dagster as dg

from assets.factory import GROUPS, OWNERS
from assets.failures import plainly
from assets.partitions import MONTHS, month_of
from assets.report import INDEX, TEAMS
from assets.resources import Configuration
from assets.steps import Send

MAILS = dg.AssetKey(["delivered", "mails"])


def mail_assets(send: Send) -> dg.AssetsDefinition:
    """Return the mails of a month; run again, nobody gets a version twice."""

    @dg.asset(
        key=MAILS,
        deps=[INDEX, TEAMS],
        group_name=GROUPS["delivered"],
        kinds={"email"},
        owners=OWNERS,
        partitions_def=MONTHS,
        description="What was mailed: each version of a report to each recipient once.",
    )
    def _mails(context: dg.AssetExecutionContext, configuration: Configuration) -> dg.MaterializeResult:
        with plainly(context):
            done = send(configuration.settings(), month_of(context))
        counts = Counter(outcome.state for outcome in done.outcomes)
        if not done.is_well:
            raise dg.Failure(
                f"Not everybody has the mails of {context.partition_key}: {dict(counts)}. "
                f"`tallystick send {context.partition_key}` says who and why, and sends what is missing.",
                allow_retries=False,
            )
        told = {**counts, "only_listed": done.is_dry, "without_recipient": len(done.unnamed)}
        return dg.MaterializeResult(metadata=told)

    return _mails
