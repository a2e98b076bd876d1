"""What goes beyond one month: usage whose invoice comes late, and credit that is paid before it is used."""

from collections.abc import Mapping

import polars as pl

from pipeline.charges.accruals import accruals, reversals
from pipeline.charges.arrivals import Arrivals
from pipeline.charges.prepaid import prepaid
from schemas.charges import Accrual, Prepaid

EARLIER = ("recon.accrual", "recon.prepaid")
"""Tables of which a close reads the months before."""


def ledgers(
    raw: Mapping[str, pl.DataFrame], metered: pl.DataFrame, tieout: pl.DataFrame, arrivals: Arrivals
) -> dict[str, pl.DataFrame]:
    """Return recon.accrual and recon.prepaid of the month; `raw` may hold their rows of months before."""
    accrued, drawn = (
        raw.get(name, pl.Schema(contract.empty().schema).to_frame()).filter(
            pl.col("month") < str(arrivals.month)
        )
        for name, contract in zip(EARLIER, (Accrual, Prepaid), strict=True)
    )
    own = accruals(metered, tieout, arrivals.month)
    return {
        "recon.accrual": pl.concat([own, reversals(accrued, arrivals)]),
        "recon.prepaid": prepaid(drawn, tieout, arrivals),
    }
