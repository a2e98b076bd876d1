"""What a share is of its line: its part of the quantity, and AllocatedMethodDetails after FOCUS 1.3."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext

import polars as pl

from pipeline.money import TINY, quantize, split

LINE = ["provider", "account", "invoice_id", "line_number"]
_QUANTITY = pl.Decimal(38, 12)
_MILLION = pl.lit(Decimal("0.000001"), _QUANTITY)
_ZERO = Decimal(0)


def quantities(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with the quantities and units of FOCUS; only usage that is counted has any.

    `rows` have `tokens` of the share; `quantity` and `quantity_unit` of the line, for what is no tokens.
    Price lists are per million tokens, so that is the pricing unit.
    """
    is_usage = pl.col("ChargeCategory") == "Usage"
    is_counted = is_usage & pl.col("tokens").is_not_null()
    is_fee = is_usage & pl.col("tokens").is_null() & pl.col("part").is_not_null()
    consumed = pl.when(is_counted).then(pl.col("tokens").cast(_QUANTITY)).when(is_fee).then("part")
    priced = pl.when(is_counted).then((pl.col("tokens") * _MILLION).cast(_QUANTITY)).when(is_fee).then("part")
    unit = pl.when(is_fee).then("quantity_unit")
    return rows.with_columns(part=_parts(rows)).with_columns(
        ConsumedQuantity=consumed.cast(_QUANTITY),
        ConsumedUnit=pl.when(is_counted).then(pl.lit("Tokens")).otherwise(unit),
        PricingQuantity=priced.cast(_QUANTITY),
        PricingUnit=pl.when(is_counted).then(pl.lit("1000000 Tokens")).otherwise(unit),
    )


def _parts(rows: pl.DataFrame) -> pl.Series:
    """The part of a fee's quantity that goes with each share's dollars."""
    counted = pl.col("quantity").is_not_null() & pl.col("quantity_unit").str.contains(r"\S")
    fees = rows.with_row_index("row").filter(
        (pl.col("ChargeCategory") == "Usage")
        & pl.col("tokens").is_null()
        & pl.col("token_kind").is_null()
        & counted
    )
    found: list[Decimal | None] = [None] * rows.height
    for _, line in fees.group_by(LINE, maintain_order=True):
        weights = [abs(usd) for usd in line["usd"]]
        for row, part in zip(line["row"], split(line["quantity"][0], weights, TINY), strict=True):
            found[row] = part
    return pl.Series("part", found, dtype=_QUANTITY)


def method_details(rows: pl.DataFrame) -> pl.Series:
    """Return AllocatedMethodDetails: each share's ratio of its line; the ratios of a line add up to one."""
    lines: Mapping[tuple[str, ...], list[int]] = defaultdict(list)
    for row, key in enumerate(rows.select(LINE).rows()):
        lines[key].append(row)
    dollars, tokens, words = (rows[name].to_list() for name in ("usd", "tokens", "method_details"))
    found = [""] * rows.height
    for places in lines.values():
        ratios = _ratios([dollars[row] for row in places])
        for row, ratio in zip(places, ratios, strict=True):
            found[row] = _details(ratio, tokens[row], words[row])
    return pl.Series(found, dtype=pl.String)


def _ratios(dollars: Sequence[Decimal]) -> list[Decimal | None]:
    """Shares of a sum to twelve digits; unknown where the sum is nothing."""
    whole = sum(dollars, _ZERO)
    if not whole:
        return [None] * len(dollars)
    with localcontext(prec=50):
        ratios = [quantize(usd / whole) for usd in dollars]
        largest = max(range(len(ratios)), key=lambda i: (abs(ratios[i]), -i))
        ratios[largest] += 1 - sum(ratios, _ZERO)
    return list(ratios)


def _details(ratio: Decimal | None, tokens: int | None, words: str) -> str:
    used = "" if tokens is None else f', "UsageUnit": "Tokens", "UsageQuantity": {tokens}'
    element = "" if ratio is None else f'{{"AllocatedRatio": {ratio.normalize():f}{used}}}'
    return f'{{"Elements": [{element}], "x_Details": {json.dumps(words, ensure_ascii=False)}}}'
