"""Units that are off by a power of ten: charges beside list prices, quantities beside the meter.

Nothing is corrected: what an export says counts, and the finding says what looks wrong about it.
"""

from collections.abc import Sequence
from decimal import Decimal

import polars as pl

from pipeline.findings import assemble, finding
from pipeline.period import Month
from pipeline.pricing import RateCard, expected_rates
from pipeline.rates.dollars import last_rates
from pipeline.tokens import unpivot

_SKU = ["provider", "account", "model", "token_kind"]
_NEAR = Decimal("0.1")
"""How far from a power of ten a factor may lie, as a logarithm: discounts and premiums up to a quarter."""


def unit_errors(
    billed: pl.DataFrame,
    metered: pl.DataFrame,
    card: RateCard,
    month: Month,
) -> pl.DataFrame:
    """Return a finding per SKU whose lines all charge the same power of ten times its expected rate.

    The price of a token is the amount over the quantity of a line; where lines have no quantity, all of their
    dollars over the metered tokens. A second kind of finding compares billed quantities with metered tokens.
    The inputs are core.billed and core.metered.
    """
    charges = billed.filter((pl.col("category") == "usage") & pl.col("token_kind").is_not_null())
    counted = unpivot(metered, ["provider", "account", "model", "meter"])
    tokens = counted.group_by(_SKU).agg(pl.col("tokens").sum(), pl.col("meter").min())
    keys = [*_SKU, "service_tier"]
    rated = charges.drop_nulls("model")
    rates = last_rates(expected_rates(rated, month, card), month)
    priced = rated.drop_nulls("amount_usd").join(rates, on=keys, how="left").drop_nulls("usd_per_token")
    return assemble([*_prices(priced, tokens, month), *_quantities(charges, tokens, month)])


def _prices(priced: pl.DataFrame, tokens: pl.DataFrame, month: Month) -> list[pl.DataFrame]:
    parts = []
    groups = priced.filter(pl.col("amount_usd") != 0).group_by([*_SKU, "service_tier", "origin"])
    for _, lines in sorted(groups, key=lambda group: str(group[0])):
        rate = lines["usd_per_token"][0]
        power = _power([price / rate for price in _token_prices(lines, tokens)])
        if power:
            parts.append(_told(lines, power, month))
    return parts


def _token_prices(lines: pl.DataFrame, tokens: pl.DataFrame) -> list[Decimal]:
    """What a token costs on each line with a quantity, else on all lines together by the meter."""
    counted = lines.drop_nulls("quantity").filter(pl.col("quantity") != 0)
    if counted.height:
        return [amount / quantity for amount, quantity in counted.select("amount_usd", "quantity").rows()]
    metered = lines.select(_SKU).unique().join(tokens, on=_SKU)["tokens"].sum()
    return [Decimal(lines["amount_usd"].sum()) / Decimal(metered)] if metered else []


def _quantities(charges: pl.DataFrame, tokens: pl.DataFrame, month: Month) -> list[pl.DataFrame]:
    """Billed quantities that are a power of ten times what another source metered."""
    sums = (
        charges.drop_nulls("quantity")
        .group_by([*_SKU, "origin"])
        .agg(pl.col("quantity").sum(), usd=pl.col("amount_usd").sum())
        .join(tokens.filter(pl.col("tokens") > 0), on=_SKU)
        .filter(pl.col("meter") != pl.col("origin"))
        .sort([*_SKU, "origin"])
    )
    parts = []
    for row in sums.iter_rows(named=True):
        power = _power([row["quantity"] / Decimal(row["tokens"])])
        if power:
            parts.append(
                finding(
                    str(month),
                    "unit_error",
                    "warning",
                    f"The {row['origin']} lines of {row['provider']} account '{row['account']}' bill "
                    f"{row['quantity']:,.0f} tokens of '{row['model']}' {row['token_kind']}, about "
                    f"{_times(power)} the {row['tokens']:,} of the meter.",
                    "One of the two counts in another unit (1K, 1M): look at their unit columns. Nothing was "
                    "corrected.",
                    provider=row["provider"],
                    account=row["account"],
                    tokens=row["tokens"],
                )
            )
    return parts


def _power(factors: Sequence[Decimal]) -> int:
    """The power of ten that all factors are near to; 0 where there is none, or they differ."""
    if not factors or min(factors) <= 0:
        return 0
    logarithms = [factor.log10() for factor in factors]
    powers = {int(logarithm.to_integral_value()) for logarithm in logarithms}
    power = powers.pop()
    return 0 if powers or any(abs(logarithm - power) > _NEAR for logarithm in logarithms) else power


def _times(power: int) -> str:
    return f"{10 ** abs(power):,} times {'more' if power > 0 else 'less'} than"


def _told(lines: pl.DataFrame, power: int, month: Month) -> pl.DataFrame:
    row = lines.row(0, named=True)
    return finding(
        str(month),
        "unit_error",
        "warning",
        f"All {lines.height:,} {row['origin']} lines of {row['provider']} account '{row['account']}' for "
        f"'{row['model']}' {row['token_kind']} charge about {_times(power)} the expected "
        f"{row['usd_per_token'] * 1_000_000:,.2f} USD a million tokens.",
        "Look at the unit of quantity and amount (1K or 1M tokens, cents, a price of another kind) where the "
        "export was made. Nothing was corrected.",
        provider=row["provider"],
        account=row["account"],
        usd=lines["amount_usd"].sum(),
    )
