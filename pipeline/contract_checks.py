"""What is wrong with contracts and prices, before a month is closed: rivals, and terms that nothing meets."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

import polars as pl

from pipeline.contract_settings import Contract
from pipeline.rates.terms import rivals
from pipeline.settings import Settings

Told = tuple[str, str, str, str]
"""Severity, where, message, advice."""


def contract_problems(settings: Settings, landed: pl.DataFrame | None) -> Iterator[Told]:
    """Yield what is wrong with the contracts.

    `landed` has provider, account and model of what is metered and billed; null where nothing is landed yet.
    """
    for one, other in rivals(settings.contracts):
        yield (
            "error", f"contracts '{one.name}' and '{other.name}'",
            f"They price the same models of {one.provider} at the same time, differently, and neither is "
            "narrower: these tokens will have no expected rate.",
            "Give the one that no longer holds a valid_to, or narrow its account, models, kinds or tiers.",
        )  # fmt: skip
    if landed is None or landed.is_empty():
        return
    for contract in settings.contracts:
        if not _meets(contract, landed):
            yield (
                "warning", f"contract '{contract.name}'",
                f"It covers nothing that is landed{_nearest(contract, landed)}.",
                "Compare provider, account and models with those on the provider's usage export.",
            )  # fmt: skip


def _meets(contract: Contract, landed: pl.DataFrame) -> bool:
    mine = landed.filter(_is_sold(contract))
    return any(fnmatchcase(model, glob) for model in mine["model"].drop_nulls() for glob in contract.models)


def _is_sold(contract: Contract) -> pl.Expr:
    """Whether rows are of the contract's provider and account."""
    is_mine = pl.col("provider") == contract.provider
    return is_mine if contract.account is None else is_mine & (pl.col("account") == contract.account)


def _nearest(contract: Contract, landed: pl.DataFrame) -> str:
    """What there is instead, as far down as the contract fits."""
    rows = landed.filter(_is_sold(contract))
    if rows.height:
        return f": its models are {_shown(contract.models)}, landed are {_shown(rows['model'].drop_nulls())}"
    accounts = landed.filter(pl.col("provider") == contract.provider)["account"]
    if accounts.len():
        return f": its account is '{contract.account}', landed are {_shown(accounts)}"
    return f": its provider is {contract.provider}, landed are {_shown(landed['provider'])}"


def _shown(names: pl.Series | tuple[str, ...]) -> str:
    words = sorted(set(names))
    return ", ".join(words[:5]) + (f" and {len(words) - 5} more" if words[5:] else "")
