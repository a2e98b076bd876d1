"""Bills, bridges and calls of one small company, written as text tables."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from pipeline.allocating.allocate import allocate
from pipeline.period import Month
from pipeline.settings import Settings
from schemas.tables import BY_NAME

Frame = Callable[..., pl.DataFrame]
PLACE = {"month": "2026-10", "provider": "openai", "account": "acme", "service_tier": "standard"}
MONEY = {
    f"{name}_usd": Decimal(0)
    for name in ("quantity", "price", "fee", "minimum", "credit", "discount", "tax", "currency", "rounding")
}
LINE = {**PLACE, **MONEY, "invoice_id": "INV-1", "line_number": 1, "origin": "invoice", "category": "usage"}
CELL = {
    **PLACE,
    "scope": "acme",
    "model": "m",
    "token_kind": "output",
    "step": "traced",
    "service": "s",
    "feature": "",
    "basis": "exact",
    "evidence_count": 1,
    "tokens_low": 0,
    "tokens_high": 0,
}
CALL = {
    **PLACE,
    "scope": "acme",
    "model": "m",
    "service": "s",
    "feature": "",
    "environment": "unknown",
}


class Company:
    """What a month is allocated from; `shares` are those of a view as rows of the columns that are asked for."""

    def __init__(self, table: Frame) -> None:
        self.table = table
        self.charges = BY_NAME["recon.charge"].schema.to_frame()
        self.bridge = BY_NAME["recon.bridge"].schema.to_frame()
        self.calls = self._calls("")
        self.settings = Settings()

    def bill(self, text: str, **constant: Any) -> None:
        """Lines of an invoice; a line without a model says nothing of what it charges for."""
        self.charges = self.table(text, BY_NAME["recon.charge"].schema, **{**LINE, **constant})

    def meter(self, text: str, **constant: Any) -> None:
        """Steps of the bridge; all traced and exact where nothing else is said."""
        self.bridge = self.table(text, BY_NAME["recon.bridge"].schema, **{**CELL, **constant})

    def call(self, text: str, **constant: Any) -> None:
        """Billed calls; each serves, and its own team started it, where nothing else is said."""
        self.calls = self._calls(text, **constant)

    def _calls(self, text: str, **constant: Any) -> pl.DataFrame:
        schema = pl.Schema({**BY_NAME["core.call"].schema, "workload": pl.String()})
        if not text:
            return schema.to_frame()
        rows = self.table(text, schema, **{"workload": "serving", **CALL, **constant})
        return rows.with_columns(pl.coalesce("initiating_team", "team").alias("initiating_team"))

    def configure(self, **allocation: Any) -> None:
        """The section `[allocation]`, with teams red, blue and green in the rules."""
        rules = [{"team": team, "service": team} for team in ("red", "blue", "green")]
        self.settings = Settings.model_validate({"teams": rules, "allocation": allocation})

    def allocation(self) -> pl.DataFrame:
        """recon.allocation of the month."""
        return allocate(self.charges, self.bridge, self.calls, self.settings, Month(2026, 10))

    def shares(self, *columns: str, view: str = "executing") -> list[tuple[Any, ...]]:
        """The view's dollars by columns, sorted."""
        rows = self.allocation().filter(view=view).group_by(columns).agg(pl.col("usd").sum())
        return [row for row in rows.sort(columns, nulls_last=True).rows() if row[-1]]


@pytest.fixture
def company(table: Frame) -> Company:
    return Company(table)
