"""Report: what is claimed of providers, line by line."""

import polars as pl

from schemas.parts import Monthly
from schemas.types import Quantity, Usd, column, maybe


class Dispute(Monthly):
    """One row per billed line and reason for which money is claimed, or an answer is asked for."""

    claim_id: str = column("The same whenever the month is closed: hash of bill, line and reason.")
    standing: str = column(
        "claim where a rule says what is wrong, question where no known rate explains the line.",
        isin=["claim", "question"],
    )
    provider: str = column("Slug of the provider.")
    account: str = column("Provider account.")
    invoice_id: str = maybe("Number of the invoice; null while it is awaited.")
    line_number: pl.Int64 = maybe("Line, as in `charges`; null where the invoice as a whole is meant.")
    reason: str = column("Effect on the price, as in `price_effects`; or quantity, or tax.")
    line_item: str = maybe("SKU or description as sent.")
    model: str = maybe("Model, where the line names one.")
    service_tier: str = maybe("Service tier; `all` when not told.")
    token_kind: str = maybe("Token kind, where the line names one.")
    billed_on: pl.Date = maybe("Day of the charge, where known.")
    quantity: Quantity = maybe("Billed quantity, in tokens for token lines.")
    billed_unit_price: Usd = maybe("US dollars a token as billed, to twelve digits.")
    expected_unit_price: Usd = maybe("Expected rate of a token; null where there is none, or several.")
    billed_usd: Usd = maybe("What the line bills.")
    expected_usd: Usd = maybe("What the line should bill: billed less all claims and questions on it.")
    claim_usd: Usd = maybe("Billed beyond the expected for this reason; negative in the provider's favour.")
    rule: str = column("What is wrong, and by which rate or document.")
    method: str = column("How the amount is computed.")
    price_card: str = maybe("Contract, or price card and version, of the expected rate.")
    request_count: pl.Int64 = maybe("Traced calls of the model and kind, on that day where it is told.")
    request_ids: str = maybe("The provider's ids of the largest of them, space separated.")
    found_at: str = maybe("File of the line, by its hash, with line and place.")
    query: str = column("SQL over the Parquet files of the month that shows the figures again.")

    class Config:
        """See Closed."""

        name = "report.dispute"
        unique = ["month", "claim_id"]
