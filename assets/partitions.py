"""Months as partitions: everything after landing belongs to one."""

import dagster as dg

from pipeline.period import Month

MONTHS = dg.MonthlyPartitionsDefinition(start_date="2025-01", fmt="%Y-%m", timezone="UTC", end_offset=1)
"""From January 2025 to the running month, which may be closed preliminarily; keys are written YYYY-MM."""


def month_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> Month:
    """Return the month that a run closes."""
    return Month.parse(context.op_execution_context.partition_key)
