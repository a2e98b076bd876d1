"""What a reader should know of the expected rates: lapsing terms, rival contracts, old lists, guesses."""

from collections.abc import Sequence
from decimal import Decimal

import polars as pl

from pipeline.contract_settings import Contract
from pipeline.findings import assemble, finding
from pipeline.period import Month
from pipeline.pricing import RateCard
from pipeline.rates.dollars import Priced
from pipeline.rates.floors import Standing
from pipeline.rates.list_prices import LIST, last_recorded, list_card
from pipeline.rates.served import told_by_length
from pipeline.rates.sku import LONG, RATE_KEY, Sku
from pipeline.rates.volumes import of_contract
from pipeline.tokens import TOTAL
from schemas.types import ALL

_OLD_DAYS = 180
"""Days without a recorded price after which a list is old; a current one gains several prices a week."""


def rate_findings(
    month: Month, card: RateCard, found: Sequence[Standing], money: Priced, calls: pl.DataFrame
) -> pl.DataFrame:
    """Return the findings of a month's rates; `calls` is core.call."""
    days, rates = money.days, money.rates
    return assemble(
        [
            *(part for standing in found for part in floor_findings(month, standing)),
            *rivals_found(month, card, days),
            *unused(month, card.contracts, days),
            *old_list(month, rates),
            *spread(month, days, rates),
            *untold_lengths(month, card, days, calls),
        ]
    )


def floor_findings(month: Month, standing: Standing) -> list[pl.DataFrame]:
    """Findings of a contract that is below its floor, whose terms have lapsed, or that cannot be judged."""
    contract, parts = standing.contract, []
    name = f"Contract '{contract.name}' ({contract.provider})"
    place = {"provider": contract.provider, "account": contract.account or ""}
    if standing.below:
        parts.append(
            finding(
                str(month), "volume_floor_missed", "warning",
                f"{name} is below its floor of {_floor(contract)} a month: {_months(contract, standing)}. "
                f"{_countdown(standing)}",
                "Move traffic to it, or ask the provider for another floor before the terms lapse.",
                **place,
            )
        )  # fmt: skip
    start = next((it.start for it in standing.lapses if it.start <= month.last_day), None)
    if start is not None and standing.lapses[-1].end is None:
        parts.append(
            finding(
                str(month), "contract_lapsed", "warning",
                f"The terms of {name[0].lower()}{name[1:]} lapsed on {standing.lapses[-1].start}: from then "
                f"on the expected rate is {_left(contract)}.",
                "Compare with the bill: what it charges otherwise stands under price. If the provider still "
                "grants the terms, raise grace_months of the floor, or give counts_from.",
                **place,
            )
        )  # fmt: skip
    if standing.unknown:
        parts.append(
            finding(
                str(month), "floor_not_judged", "warning",
                f"Whether {name[0].lower()}{name[1:]} reached its floor of {_floor(contract)} in "
                f"{', '.join(str(it) for it in standing.unknown)} is not known: the meter does not cover "
                "these months in whole. They count neither as below nor as reached, and the terms hold.",
                "Land the usage exports of these months; or say counts_from or lapsed_from in the floor.",
                **place,
            )
        )  # fmt: skip
    return parts


def _floor(contract: Contract) -> str:
    if contract.floor is None:
        return ""
    if contract.floor.monthly_usd is not None:
        return f"{contract.floor.monthly_usd:,.2f} USD at list price"
    return f"{contract.floor.monthly_tokens:,} tokens"


def _months(contract: Contract, standing: Standing) -> str:
    digits = 2 if contract.floor and contract.floor.monthly_usd is not None else 0
    return ", ".join(f"{amount:,.{digits}f} in {number}" for number, amount in standing.below)


def _countdown(standing: Standing) -> str:
    if standing.lapses_on is None:
        return f"It has been so for {len(standing.below)} months." if standing.below[1:] else ""
    if standing.months_left == 0:
        return f"Its terms lapse on {standing.lapses_on}."
    left = standing.months_left
    more = f"the next {left} months are" if left > 1 else "the next month is"
    return f"If {more} too, its terms lapse on {standing.lapses_on}."


def _left(contract: Contract) -> str:
    percent = contract.floor.lapsed_discount_percent if contract.floor else Decimal(0)
    return f"the list price less {percent} %" if percent else "the list price"


def rivals_found(month: Month, card: RateCard, days: pl.DataFrame) -> list[pl.DataFrame]:
    """An error per set of contracts that price the same tokens differently."""
    sums = (
        days.filter(pl.col("usd_per_token").is_null()).group_by(*RATE_KEY, "day").agg(pl.col("tokens").sum())
    )
    totals: dict[tuple[str, ...], list[int]] = {}
    for *key, day, tokens in sums.select(*RATE_KEY, "day", "tokens").sort(pl.all()).iter_rows():
        if names := card.rate_of(Sku(*key), day).rivals:
            totals.setdefault(names, []).append(tokens)
    return [
        finding(
            str(month), "contract_overlap", "error",
            f"Contracts {' and '.join(repr(name) for name in names)} both price {sum(tokens):,} tokens, "
            "and neither is narrower: the tokens have no expected rate.",
            "Give the one that no longer holds a valid_to, or narrow its models, kinds or tiers.",
            tokens=sum(tokens),
        )
        for names, tokens in sorted(totals.items())
    ]  # fmt: skip


def unused(month: Month, contracts: Sequence[Contract], days: pl.DataFrame) -> list[pl.DataFrame]:
    """A note per contract that holds in the month and covers nothing that is metered."""
    return [
        finding(
            str(month), "contract_unused", "note",
            f"Contract '{contract.name}' covers nothing that {contract.provider} metered.",
            "Compare its account, models, token kinds and tiers with those of the bridge.",
            provider=contract.provider, account=contract.account or "",
        )
        for contract in contracts
        if (contract.valid_from or month.first_day) < month.next.first_day
        and (contract.valid_to or month.next.first_day) > month.first_day
        and of_contract(days, contract).is_empty()
    ]  # fmt: skip


def old_list(month: Month, rates: pl.DataFrame) -> list[pl.DataFrame]:
    """A warning where list prices are used and the list knows of no change near the month."""
    used = rates.filter(pl.col("usd_per_token").is_not_null() & pl.col("origin").str.contains(LIST))
    last = last_recorded(month.last_day)
    if used.is_empty() or (last is not None and (month.first_day - last).days <= _OLD_DAYS):
        return []
    told = f"its last change before the end of {month} is of {last}" if last else f"it begins after {month}"
    return [
        finding(
            str(month), "old_price_list", "warning",
            f"The list prices of {used.height:,} rates are from {list_card()}: {told}. Prices of {month} may "
            "have been others.",
            "Install a genai-prices of that time, or state the prices as [[prices]] with valid_from.",
        )
    ]  # fmt: skip


def spread(month: Month, days: pl.DataFrame, rates: pl.DataFrame) -> list[pl.DataFrame]:
    """A warning per account and model whose rate changes inside a step of the meter."""
    changing = rates.filter(pl.len().over(RATE_KEY) > 1).select(RATE_KEY).unique()
    place = ["provider", "account", "model"]
    sums = (
        days.filter("is_spread")
        .join(changing, on=RATE_KEY, how="semi")
        .group_by(place)
        .agg(pl.col("tokens").sum())
        .sort(place)
    )
    return [
        finding(
            str(month), "rate_change_inside_step", "warning",
            f"The rate of '{model}' changes inside a step of the meter of {provider} account '{account}': "
            f"{tokens:,} tokens are taken as spread evenly over its days.",
            "Add a usage export by day for this account; then every day has its own rate.",
            provider=provider, account=account, tokens=tokens,
        )
        for provider, account, model, tokens in sums.rows()
    ]  # fmt: skip


def untold_lengths(
    month: Month, card: RateCard, days: pl.DataFrame, calls: pl.DataFrame
) -> list[pl.DataFrame]:
    """A note per account and model with traced calls of the higher price that the meter does not tell."""
    place = ["provider", "account", "model"]
    untold = days.filter(pl.col("context") == ALL).select(place).unique()
    mine = calls.filter(pl.col("not_billed_reason").is_null()).join(untold, on=place, how="semi")
    long = told_by_length(mine, tuple(card.providers.values()), month.first_day).filter(
        pl.col("context") == LONG
    )
    sums = long.group_by(place).agg(pl.len(), TOTAL.sum().alias("tokens")).sort(place)
    return [
        finding(
            str(month), "length_not_told", "note",
            f"At least {count:,} calls of '{model}' in {provider} account '{account}' are so long that all "
            f"of their {tokens:,} tokens cost more; the meter does not tell them apart: priced as short.",
            "Group the usage export by context window if the provider can, or add its per-request log.",
            provider=provider, account=account, tokens=tokens,
        )
        for provider, account, model, count, tokens in sums.rows()
    ]  # fmt: skip
