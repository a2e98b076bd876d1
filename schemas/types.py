"""Column types and vocabularies that all contracts share."""

from typing import Annotated, Any

import pandera.polars as pa
import polars as pl

Tokens = pl.Int64
"""A count of tokens. Null means unknown; zero means that somebody counted and found none."""

Usd = Annotated[pl.Decimal, 38, 12]
"""US dollars, exact to a millionth of a millionth: rates per token are this small."""

Cents = Annotated[pl.Decimal, 38, 2]
"""Money in whole cents, as books have it."""

Amount = Annotated[pl.Decimal, 38, 12]
"""Money in the currency of the row's `currency` column."""

Quantity = Annotated[pl.Decimal, 38, 12]
"""A quantity in the unit of the row's `quantity_unit` column."""

Instant = Annotated[pl.Datetime, "us", "UTC"]
"""A point in time, UTC, in microseconds."""

TOKEN_KINDS = (
    "input_uncached",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "cache_write_other",
    "output",
    "input_audio",
    "output_audio",
    "input_image",
    "output_image",
)
"""The disjoint leaves: every token of a call is in exactly one. Reasoning is a memo inside `output`."""

KIND_COLUMNS = tuple(f"{kind}_tokens" for kind in TOKEN_KINDS)
"""The wide form of the leaves, one column a kind."""

STEPS = (
    "traced",
    "duplicate_spans",
    "not_billed",
    "cache_convention",
    "sampling",
    "retries",
    "cancellations",
    "missing_usage",
    "tokenizer_mismatch",
    "summary_compaction",
    "reasoning",
    "uninstrumented",
    "period_boundary",
    "unexplained",
)
"""The steps of the bridge from traced to metered, in the order of the page."""

WORKLOADS = (
    "serving",
    "retry",
    "validation_retry",
    "compaction",
    "sub_agent",
    "evaluation",
    "embedding",
    "background",
    "keep_alive",
    "cancelled",
    "failed",
)
"""What calls are for, in the order of the page: serving, and what nobody asked for."""

COMPONENTS = (
    "metered_at_expected_rate",
    "quantity",
    "price",
    "fees",
    "minimums",
    "credits",
    "tax",
    "currency",
    "rounding",
    "billed",
)
"""The components of the tie-out from metered to billed; the last is the sum of the others."""

CHARGE_PARTS = (
    "expected",
    "quantity",
    "price",
    "fee",
    "minimum",
    "credit",
    "discount",
    "tax",
    "currency",
    "rounding",
)
"""What a billed line is made of, in the order of the components."""

FEE_KINDS = (
    "web_search",
    "sessions",
    "storage",
    "images",
    "provisioned_hours",
    "support",
    "other",
)
"""What a fee is for, in the order of the page; `other` where its line does not tell, or tells several."""

PRICE_EFFECTS = (
    "list_change",
    "contract_not_applied",
    "lapsed_tier",
    "wrong_kind",
    "wrong_service_tier",
    "wrong_model",
    "long_context",
    "geography",
    "unit",
    "not_charged",
    "correction",
    "unpriced",
    "unexplained_price",
    "rounding",
)
"""Why a line is billed at another price than expected; the last is what is smaller than a cent."""

BASES = ("exact", "bounded", "estimated", "allocated")
"""How a figure is known."""

ALL = "all"
"""The value of a dimension that the provider's export does not tell apart."""


def column(description: str, **checks: Any) -> Any:
    """Return a pandera field with its line in the data dictionary."""
    return pa.Field(description=description, **checks)


def maybe(description: str, **checks: Any) -> Any:
    """Return a field that may be null: absent is not zero."""
    return pa.Field(description=description, nullable=True, **checks)


def rule(sentence: str, holds: pl.Expr) -> Any:
    """Return a check of a contract over several columns; a row about which it says nothing keeps it."""
    kept = holds.fill_null(value=True)

    def check(cls: type[pa.DataFrameModel], data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(kept.alias("holds"))

    return pa.dataframe_check(name=sentence, statistics={"holds": kept})(check)
