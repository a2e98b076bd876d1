"""Billed lines as amounts to share: what kind of money each is, and whose usage it goes by."""

import polars as pl

from pipeline.allocating.apportion import UNITS, units
from pipeline.allocating.owners import CELL
from pipeline.contract_settings import Contract
from schemas.types import ALL, TOKEN_KINDS

LINE = ["provider", "account", "invoice_id", "line_number", "category", "model", "service_tier", "token_kind"]

_POOLS = {
    "fee": "fees",
    "minimum": "minimums",
    "credit": "credits",
    "discount": "discounts",
    "tax": "tax",
    "rounding": "rounding",
}
"""Category of a line -> kind of money; all other lines charge for usage."""

LADDER = (
    ("model", "service_tier", "token_kind"),
    ("model", "token_kind"),
    ("model",),
    (),
)
"""What of a line its users are looked up by, the most telling first; `()` is the whole account."""


def lines_of(charges: pl.DataFrame, contracts: tuple[Contract, ...]) -> pl.DataFrame:
    """Return recon.charge in its order with `line`, `bill` (their numbers) and `kind` of money.

    A minimum under a contract with a commitment or capacity pays for what nobody used: it is idle, as is
    what a charge for capacity says of itself.
    """
    bill = ["provider", "account", "invoice_id"]
    kind = pl.col("category").replace_strict(_POOLS, default="usage", return_dtype=pl.String)
    idle = (pl.col("category") == "minimum") & _is_committed(contracts)
    return (
        charges.sort(*bill, "line_number")
        .with_row_index("line_id")
        .with_columns(
            bill=pl.struct(bill).rank("dense"),
            kind=pl.when(idle).then(pl.lit("idle")).otherwise(kind),
            counted=pl.when(pl.col("token_kind").is_in(TOKEN_KINDS)).then(pl.col("quantity").round(0)),
        )
        .select("line_id", "bill", *LINE, "kind", "counted", "billed_usd", "currency_usd", "idle_usd")
    )


def _is_committed(contracts: tuple[Contract, ...]) -> pl.Expr:
    places = [
        (pl.col("provider") == contract.provider)
        & (pl.lit(value=True) if contract.account is None else pl.col("account") == contract.account)
        for contract in contracts
        if contract.commitment_usd is not None or contract.capacity
    ]
    return pl.any_horizontal(places) if places else pl.lit(value=False)


def keys_of(lines: pl.DataFrame) -> pl.DataFrame:
    """Return one row per `key` (a number) of model, tier and kind that lines tell, null where they do not.

    The whole account is always among them: `is_account`.
    """
    nothing = [pl.lit(None, pl.String).alias(name) for name in CELL[2:]]
    every = pl.concat([lines.select(_key()), lines.select("provider", "account", *nothing)]).unique()
    numbered = every.sort(CELL, nulls_last=True).with_row_index("key")
    return numbered.with_columns(is_account=pl.col("model").is_null())


def with_keys(lines: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    """Return the lines with the number of their key."""
    named = lines.with_columns(expr.alias(f"_{name}") for name, expr in zip(CELL, _key(), strict=True))
    own = [f"_{name}" for name in CELL]
    return named.join(keys, left_on=own, right_on=CELL, how="left", nulls_equal=True).drop(own, "is_account")


def _key() -> list[pl.Expr]:
    """A kind or tier without a model tells nothing."""
    has_model = pl.col("model").is_not_null() & (pl.col("model") != ALL)
    tier = pl.when(has_model & (pl.col("service_tier") != ALL)).then("service_tier").alias("service_tier")
    model, kind = (pl.when(has_model).then(name).alias(name) for name in ("model", "token_kind"))
    return [pl.col("provider"), pl.col("account"), model, tier, kind]


def users_of(keys: pl.DataFrame, owners: pl.DataFrame) -> pl.DataFrame:
    """Return OWNERS with the `key` whose users they are; `is_wide` where only the account has any.

    Calls that no meter covers count where a line names their model, or where the account has no meter.
    """
    metered = owners.filter(pl.col("rule") != "traced")
    steps = [(names, owners) for names in LADDER[:-1]] + [((), metered), ((), owners)]
    left, found = keys, []
    for names, known in steps:
        told = left.drop_nulls(list(names))
        on = ["provider", "account", *names]
        mine = told.select("key", *on, asks=pl.col("model").is_not_null()).join(
            known.select(*on, *[name for name in known.columns if name not in CELL]), on=on
        )
        is_wide = pl.col("asks") if not names else pl.lit(value=False)
        found.append(mine.select("key", "provider", "account", is_wide.alias("is_wide"), *_OWN))
        left = left.join(mine, on="key", how="anti")
    return pl.concat(found)


_OWN = ["executing", "initiating", "feature", "environment", "workload", "rule", "weight"]


def amounts(lines: pl.DataFrame) -> pl.DataFrame:
    """Return one row per amount of a line: what it bills, and apart what is idle and what a rate adds."""
    idle = units("idle_usd").fill_null(0)
    whole = lines.with_columns(amount=units("billed_usd") - units("currency_usd") - idle)
    beside = [("idle", idle), ("currency", units("currency_usd"))]
    extra = [
        lines.with_columns(
            kind=pl.lit(kind), amount=amount, counted=pl.lit(None, lines.schema["counted"])
        ).filter(pl.col("amount") != 0)
        for kind, amount in beside
    ]
    return (
        pl.concat([whole, *extra])
        .with_row_index("amount_id")
        .select(
            "amount_id", "line_id", "bill", "key", "kind", "amount", counted=pl.col("counted").cast(UNITS)
        )
    )
