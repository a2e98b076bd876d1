"""The invoices that have come, of whatever month, and what it takes to read them."""

from typing import NamedTuple

import polars as pl

from pipeline.period import Month
from pipeline.settings import Settings


class Arrivals(NamedTuple):
    """Frames of raw.invoice and raw.file, and the month that is closed."""

    invoices: pl.DataFrame
    files: pl.DataFrame
    settings: Settings
    month: Month
