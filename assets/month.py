"""A close: the core, recon and report tables of a month, in one step since one transaction commits them."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.checks import check_specs, law_results
from assets.close import Reconciled
from assets.factory import POOL, key_of, table_spec
from assets.failures import plainly
from assets.laws import ChecksFailedError
from assets.metadata import column_lineage, plot, preview
from assets.partitions import MONTHS, month_of
from assets.resources import Configuration
from assets.steps import Reconcile
from pipeline.changes import told
from schemas.tables import TABLES, Table

MONTHLY = tuple(table for table in TABLES if table.is_monthly)


def _tell(context: dg.AssetExecutionContext, done: Reconciled) -> None:
    """Say in the log what was committed, or what a locked month was kept from."""
    if done.changes is None:
        context.log.info(f"close {done.close_id} of {context.partition_key} is committed")
    elif done.changes.is_none:
        context.log.info(f"{context.partition_key} is locked, and closed now it would have the same figures")
    else:
        lines = "\n".join(told(done.changes))
        context.log.warning(
            f"{context.partition_key} is locked and was left as it is. Now it would be:\n{lines}"
        )


def _committed(table: Table, done: Reconciled) -> dg.MaterializeResult:
    """Return what to know of a table of the month; its data version is the close."""
    more: dict[str, Any] = {"bridge": plot(done.steps)} if table.name == "recon.bridge" and done.steps else {}
    return dg.MaterializeResult(
        asset_key=key_of(table.name),
        metadata={
            "dagster/partition_row_count": done.rows[table.name],
            "dagster/column_lineage": column_lineage(table),
            "close_id": done.close_id,
            "explain": f"tallystick explain {done.month} --team TEAM",
            **more,
            "preview": preview(done.previews.get(table.name, table.schema.to_frame())),  # as wide as it likes
        },
        data_version=dg.DataVersion(done.close_id),
    )


def month_assets(reconcile: Reconcile) -> dg.AssetsDefinition:
    """Return the tables of a month, filled by one call that commits all of them or none."""

    @dg.multi_asset(
        name="reconcile",
        specs=[table_spec(table, map(key_of, table.reads)) for table in MONTHLY],
        check_specs=check_specs(),
        partitions_def=MONTHS,
        pool=POOL,
    )
    def _reconcile(
        context: dg.AssetExecutionContext, configuration: Configuration
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        with plainly(context):
            try:
                done = reconcile(configuration.settings(), month_of(context))
            except ChecksFailedError as error:
                yield from law_results(error.checks, context.partition_key)
                raise
        _tell(context, done)
        for table in MONTHLY:
            yield _committed(table, done)
        yield from law_results(done.checks, context.partition_key)

    return _reconcile
