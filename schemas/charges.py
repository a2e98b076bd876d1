"""Recon, line by line: what each billed line is made of, and why its price is not the expected one."""

import polars as pl

from schemas.parts import Monthly
from schemas.types import FEE_KINDS, PRICE_EFFECTS, Quantity, Tokens, Usd, column, maybe


class _BilledLine(Monthly):
    """Which line of which bill."""

    provider: str = column("Slug of the provider.")
    account: str = column("Provider account.")
    invoice_id: str = maybe("Number of the invoice; null while it is awaited.")
    line_number: pl.Int64 = column("Place of the line within its bill, from 1.", ge=1)
    model: str = maybe("Model, where the line names one.")
    service_tier: str = column("Service tier; `all` when not told.")
    token_kind: str = maybe("Token kind, where the line names one.")


class Charge(_BilledLine):
    """One row per billed line: its parts add up to what it bills, the lines to the invoice."""

    origin: str = column(
        "Where the line stands: invoice, or cost where the cost export has the detail; usage for tokens that "
        "no line charges for; rounding for what makes an invoice whole cents.",
        isin=["invoice", "cost", "usage", "rounding"],
    )
    category: str = column("usage, fee, minimum, credit, discount, tax, rounding or adjustment.")
    fee_kind: str = maybe(
        "What a fee is for, as its line tells; `other` where it does not, null on lines that are no fee.",
        isin=list(FEE_KINDS),
    )
    charge_class: str = maybe("Correction where the line corrects an earlier bill, after FOCUS.")
    billed_on: pl.Date = maybe("Day of the charge, where known.")
    line_item: str = maybe("SKU or description as sent.")
    quantity: Quantity = maybe("Billed quantity in tokens for token lines, else in the line's unit.")
    billed_unit_price: Usd = maybe(
        "US dollars a token as billed, to twelve digits; null on lines without tokens."
    )
    expected_unit_price: Usd = maybe("Expected rate of a token; null where there is none, or several.")
    expected_origin: str = maybe("Price card and version of the expected rate, or why there is none.")
    expected_usd: Usd = maybe("Metered tokens of the line at the expected rate; null when unpriced.")
    quantity_usd: Usd = column("Tokens billed beyond the metered ones, at the expected rate.")
    price_usd: Usd = column("Billed beyond the expected rate: the sum of the line's price effects.")
    fee_usd: Usd = column("Charge for something else than tokens.")
    idle_usd: Usd = maybe(
        "Of the fee for capacity what nobody used; null on other lines, and where it cannot be told."
    )
    minimum_usd: Usd = column("Minimum charge.")
    credit_usd: Usd = column("Credit; negative when money comes off.")
    discount_usd: Usd = column("Discount; negative when money comes off.")
    tax_usd: Usd = column("Tax.")
    currency_usd: Usd = column("The rate of the books less the rate that the invoice states, on its amount.")
    rounding_usd: Usd = column("What rounding of the line can explain.")
    billed_usd: Usd = column("What the line bills: the sum of its parts.")
    candidates: str = maybe("Rates that were tried on a price that does not fit, the best first.")
    file_id: str = maybe("File of the line; null on lines that no file holds.")
    line: pl.Int64 = maybe("Line of the file.")
    position: pl.Int64 = maybe("Position within that line.")

    class Config:
        """See Closed."""

        name = "recon.charge"
        unique = ["month", "provider", "account", "invoice_id", "line_number"]


class PriceEffect(_BilledLine):
    """One row per billed line and effect on its price: they add up to `price` of line and invoice."""

    effect: str = column("Why the price is not the expected one.", isin=list(PRICE_EFFECTS))
    usd: Usd = column("Amount of the effect.")
    reason: str = column("Rate or rule that explains it, or why nothing does.")

    class Config:
        """See Closed."""

        name = "recon.price_effect"


class Accrual(Monthly):
    """One row per account and entry: usage without an invoice, its reversal, and the late invoice."""

    provider: str = column("Slug of the provider.")
    account: str = column("Provider account.")
    entry: str = column(
        "accrual in the month of usage; reversal and invoice in the month in which the invoice came.",
        isin=["accrual", "reversal", "invoice"],
    )
    for_month: str = column("Month of the usage, as YYYY-MM.", str_matches=r"^\d{4}-\d{2}$")
    invoice_id: str = maybe("The invoice that came late; null on the other entries.")
    usd: Usd = column("Amount in US dollars: a reversal is the accrual with the other sign.")
    unpriced_tokens: Tokens = maybe("Tokens that are left out because nobody knows their price.")
    reason: str = column("Why the entry is there.")

    class Config:
        """See Closed."""

        name = "recon.accrual"
        unique = ["month", "provider", "account", "entry", "for_month", "invoice_id"]


class Prepaid(Monthly):
    """One row per grant of credit and entry: what was bought or given, and what the month drew from it."""

    provider: str = column("Slug of the provider.")
    account: str = column("Provider account.")
    grant_id: str = column("Name of the grant, else the invoice that bought it.")
    entry: str = column(
        "granted, drawn, overdrawn for usage beyond all grants, or expired: left after the last day.",
        isin=["granted", "drawn", "overdrawn", "expired"],
    )
    expires_on: pl.Date = maybe("Last day of the grant; null where it does not expire.")
    invoice_id: str = maybe(
        "The invoice that grants or draws; null for usage that no invoice charges for, and for what expired."
    )
    usd: Usd = column("Amount in US dollars: what is drawn or expired is negative.")
    balance_usd: Usd = column("Balance of the grant after the entry.")
    reason: str = column("Which line or bill it is.")

    class Config:
        """See Closed."""

        name = "recon.prepaid"
