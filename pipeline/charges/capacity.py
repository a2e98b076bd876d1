"""Capacity that is paid by the hour: how much of what a bill charges for it was used, and what lay idle."""

from collections.abc import Iterator
from decimal import Decimal, localcontext
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import polars as pl

from pipeline.charges.line import DIGITS, ZERO
from pipeline.contract_settings import Capacity, Contract
from pipeline.findings import assemble, finding
from pipeline.metering.coverage import covered_days, days_of
from pipeline.metering.restatement import PLACE
from pipeline.money import TINY, quantize, split
from pipeline.period import Month

PROVISIONED = "provisioned_hours"
_HOURS = 24
_IDLE = pl.Decimal(38, 12)
_UNTOLD = (
    "Give [[contracts.capacity]] its units, usd_per_unit_hour, models and tokens_per_unit_hour, and land the "
    "usage of all days; until then all of it counts as a fee."
)
_BEYOND = "More tokens are metered than it can serve: compare what of them is billed by the token."
_IDLED = "Compare with the price by the token; [allocation] idle says who carries what lay idle."
_KEY = ("provider", "account", "invoice_id", "line_number")


class Metered(NamedTuple):
    """What the meter counted: tokens by account, model, tier, kind and day, and core.coverage."""

    tokens: pl.DataFrame
    coverage: pl.DataFrame


class _Pool(NamedTuple):
    contract: Contract
    capacity: Capacity

    @property
    def name(self) -> str:
        return f"Capacity '{self.capacity.name}' of contract '{self.contract.name}'"

    def sells(self, line: dict[str, Any]) -> bool:
        """Whether a line may charge for it."""
        contract, model = self.contract, line["model"]
        is_sold = line["provider"] == contract.provider and contract.account in (None, line["account"])
        return is_sold and (model is None or _fits(model, self.capacity.models))


class _Use(NamedTuple):
    bought: Decimal
    """Hours of a unit that the bill charges for."""
    used: Decimal
    """Hours of a unit that the metered tokens take."""
    idle: Decimal
    """Dollars."""


def with_idle(
    charges: pl.DataFrame, metered: Metered, contracts: tuple[Contract, ...], month: Month
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return recon.charge with `idle_usd` of what it charges for capacity, and the findings.

    The hours bought are the dollars billed over the price of the contract; the hours used are the tokens
    metered, weighted, over what a unit serves in an hour. Where one of the two cannot be told nothing is idle
    and the finding says why.
    """
    rows = charges.filter(fee_kind=PROVISIONED).to_dicts()
    pools = [_Pool(contract, each) for contract in contracts for each in contract.capacity]
    idle: list[tuple[Any, ...]] = []
    parts = []
    for pool, lines in _sorted(rows, pools):
        found = _untold(lines) if pool is None else _use(pool, lines, metered, month)
        parts.append(_finding(month, pool, lines, found))
        if isinstance(found, _Use):
            shares = split(found.idle, [max(line["fee_usd"], ZERO) for line in lines], TINY)
            idle += [(*(line[key] for key in _KEY), usd) for line, usd in zip(lines, shares, strict=True)]
    if not idle:
        return charges, assemble(parts)
    schema = {**{key: charges.schema[key] for key in _KEY}, "_idle": _IDLE}
    told = pl.DataFrame(idle, schema=schema, orient="row")
    joined = charges.join(told, on=list(_KEY), how="left", nulls_equal=True, maintain_order="left")
    return joined.with_columns(idle_usd="_idle").drop("_idle"), assemble(parts)


def _sorted(rows: list[dict[str, Any]], pools: list[_Pool]) -> Iterator[tuple[_Pool | None, list[Any]]]:
    """Each capacity with its lines; at the end, by account, lines that are of none or may be of several."""
    lines: dict[int | tuple[str, str], list[Any]] = {}
    for row in rows:
        fitting = [index for index, pool in enumerate(pools) if pool.sells(row)]
        words = (row["line_item"] or "").casefold()
        named = [index for index in fitting if pools[index].capacity.name.casefold() in words]
        one = named if len(named) == 1 else fitting
        key = one[0] if len(one) == 1 else (row["provider"], row["account"])
        lines.setdefault(key, []).append(row | {"choice": len(fitting)})
    for key, found in lines.items():
        yield (pools[key] if isinstance(key, int) else None), found


def _untold(lines: list[dict[str, Any]]) -> str:
    if any(line["choice"] for line in lines):
        return "several capacities of the contracts fit these lines, and they name none"
    return "no contract names the capacity"


def _use(pool: _Pool, lines: list[dict[str, Any]], metered: Metered, month: Month) -> _Use | str:
    """What of a capacity was used, or why it cannot be told."""
    contract, capacity = pool
    billed = sum((line["fee_usd"] for line in lines), ZERO)
    if capacity.tokens_per_unit_hour is None:
        return "the contract does not say how many tokens a unit serves in an hour"
    if not capacity.usd_per_unit_hour or billed <= 0:
        return "no price an hour or no charge tells how many hours were bought"
    days = [day for day in days_of(month) if contract.holds_on(day)]
    with localcontext(prec=DIGITS):
        bought = billed / capacity.usd_per_unit_hour
        most = capacity.units * (len(days) * _HOURS + 1)  # the clocks may go back
        if bought > most:
            return f"{bought:,.0f} hours are billed, and its units have {most:,.0f} in the month at most"
        if missing := _not_covered(contract, metered.coverage, month):
            return missing
        used = _weighted(pool, metered.tokens) / capacity.tokens_per_unit_hour
        return _Use(bought, used, quantize(max(billed - used * capacity.usd_per_unit_hour, ZERO)))


def _not_covered(contract: Contract, coverage: pl.DataFrame, month: Month) -> str | None:
    mine = coverage.filter(_is_mine(contract))
    if mine.is_empty():
        return "its account has no meter"
    wanted = [day for day in days_of(month) if contract.holds_on(day)]
    counts = covered_days(mine).filter(pl.col("day").is_in(wanted)).group_by(PLACE).len()
    whole = counts.filter(pl.col("len") == len(wanted))
    lacking = mine.select(PLACE).unique().join(whole, on=PLACE, how="anti")
    return None if lacking.is_empty() else "the meter does not cover all days of the month"


def _weighted(pool: _Pool, tokens: pl.DataFrame) -> Decimal:
    contract, capacity = pool
    mine = tokens.filter(_is_mine(contract))
    if contract.service_tiers:
        mine = mine.filter(pl.col("service_tier").is_in(contract.service_tiers))
    whole = ZERO
    for model, kind, day, count in mine["model", "token_kind", "billed_on", "tokens"].rows():
        if _fits(model, capacity.models) and (day is None or contract.holds_on(day)):
            whole += count * capacity.token_weights.get(kind, Decimal(1))
    return whole


def _is_mine(contract: Contract) -> pl.Expr:
    is_mine = pl.col("provider") == contract.provider
    return is_mine if contract.account is None else is_mine & (pl.col("account") == contract.account)


def _fits(model: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(model, glob) for glob in globs)


def _finding(
    month: Month, pool: _Pool | None, lines: list[dict[str, Any]], found: _Use | str
) -> pl.DataFrame:
    provider, account = lines[0]["provider"], lines[0]["account"]
    name = pool.name if pool else f"Capacity of {provider} account '{account}'"
    billed = f"{name} is billed at {sum((line['fee_usd'] for line in lines), ZERO):,.2f} USD"
    about = f"{pool.contract.name}/{pool.capacity.name}" if pool else f"{provider}/{account}"
    place = {"provider": provider, "account": account, "subject": about}
    if isinstance(found, str):
        message = f"{billed}; how much of it was used cannot be told: {found}."
        return finding(str(month), "idle_capacity", "note", message, _UNTOLD, **place)
    with localcontext(prec=DIGITS):
        percent = found.used * 100 / found.bought
    message = (
        f"{billed} for {found.bought:,.0f} hours of a unit: {percent:,.1f} % was used, "
        f"{found.idle:,.2f} USD lay idle."
    )
    advice = _BEYOND if found.used > found.bought else _IDLED
    return finding(str(month), "idle_capacity", "note", message, advice, usd=found.idle, **place)
