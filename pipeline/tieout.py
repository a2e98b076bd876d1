"""Hop three: metered tokens at the expected rate against the cost export and the invoice, to the cent."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, localcontext
from typing import Any, NamedTuple

import polars as pl

from pipeline.charges.bills import CHARGES
from pipeline.charges.itemise import itemise
from pipeline.charges.line import DIGITS, Cell
from pipeline.charges.search import PriceSearch
from pipeline.charges.tables import charge_rows, components, effect_rows
from schemas.charges import Charge, PriceEffect
from schemas.recon import Finding, Tieout
from schemas.types import COMPONENTS

__all__ = ["CHARGES", "Tied", "tie_out"]

_ACCOUNT = ["provider", "account"]
_CELL = ["model", "service_tier", "token_kind", "billed_on", "tokens", "usd_per_token", "origin"]

_ADVICE = (
    "Ask the provider which of the two is final, or wait until the cost export has settled, and close again."
)


class Tied(NamedTuple):
    """Frames of recon.tieout, recon.finding, recon.charge and recon.price_effect."""

    tieout: pl.DataFrame
    findings: pl.DataFrame
    charges: pl.DataFrame
    effects: pl.DataFrame


def tie_out(
    metered: pl.DataFrame, billed: pl.DataFrame, month: str, search: PriceSearch | None = None
) -> Tied:
    """Return the components from metered to billed per account and invoice; they add up to `billed`.

    `metered` has one row per cell with `tokens` and `usd_per_token` (null when unpriced), and where they are
    known `billed_on` and `origin` of the rate; `billed` is core.billed. Amounts are whole cents; what is
    smaller goes to `rounding`. Until an invoice bills anything, the cost export stands for it. Each line is
    split by itself: tokens beyond the metered ones are `quantity`, half a cent on a line in whole cents is
    `rounding`, another rate than expected is `price`, which `search` tries to explain. An account with a
    line whose dollars are not known is not tied out: its bill is unknown, not zero.
    """
    rows: dict[str, list[Any]] = {name: [] for name in Tied._fields}
    cells = _cells(metered)
    with localcontext(prec=DIGITS):
        for account, lines in _by_account(billed):
            for bill in itemise(lines, cells.get(account, []), search):
                place = (month, *account, bill.invoice_id)
                parts = components(bill)
                rows["tieout"] += [(*place, name, parts[name]) for name in COMPONENTS]
                rows["charges"] += charge_rows(month, bill)
                rows["effects"] += effect_rows(month, bill)
                if bill.gap:
                    rows["findings"].append(_mismatch(*place, bill.gap))
    contracts = {"tieout": Tieout, "findings": Finding, "charges": Charge, "effects": PriceEffect}
    return Tied(
        *(
            pl.DataFrame(rows[name], schema=pl.Schema(contracts[name].empty().schema), orient="row")
            for name in Tied._fields
        )
    )


def _by_account(billed: pl.DataFrame) -> Iterator[tuple[tuple[str, str], list[dict[str, Any]]]]:
    for key, lines in billed.sort(_ACCOUNT, maintain_order=True).group_by(_ACCOUNT, maintain_order=True):
        provider, account = key
        yield (str(provider), str(account)), lines.to_dicts()


def _cells(metered: pl.DataFrame) -> Mapping[tuple[str, str], Sequence[Cell]]:
    known = metered.with_columns(
        pl.lit(None, dtype).alias(name)
        for name, dtype in (("billed_on", pl.Date()), ("origin", pl.String()))
        if name not in metered.columns
    )
    found: dict[tuple[str, str], list[Cell]] = {}
    for provider, account, *cell in known.select(*_ACCOUNT, *_CELL).sort(pl.all(), nulls_last=True).rows():
        model, tier, kind, day, tokens, rate, origin = cell
        made = Cell(model, tier, kind, day, Decimal(tokens), rate, origin or "")
        found.setdefault((provider, account), []).append(made)
    return found


def _mismatch(
    month: str, provider: str, account: str, invoice_id: str | None, gap: Decimal
) -> tuple[Any, ...]:
    message = (
        f"Invoice {invoice_id} bills {abs(gap):.2f} USD {'more' if gap > 0 else 'less'} for usage and fees "
        "than the cost export of the month holds; rounding cannot explain it. It is inside `price`."
    )
    about = invoice_id or ""
    place = (provider, account, "")
    return (month, "cost_invoice_mismatch", "warning", *place, message, _ADVICE, None, gap, about)
