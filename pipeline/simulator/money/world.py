"""A month of bills, written as the files that providers would send, with its answer key."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from pathlib import Path
from random import Random

from pipeline.simulator import anthropic_files, openai_files
from pipeline.simulator.clock import Clock
from pipeline.simulator.money.agreements import Agreement
from pipeline.simulator.money.books import Account
from pipeline.simulator.money.charges import Charge, charged
from pipeline.simulator.money.configuration import write_configuration
from pipeline.simulator.money.exports import write_console_costs, write_openai_costs
from pipeline.simulator.money.faults import Site, plant
from pipeline.simulator.money.papers import DailyFees, least
from pipeline.simulator.money.terms import DETAILED, ISSUERS, Terms, draw_terms
from pipeline.simulator.money.truth import Key, write_key
from pipeline.simulator.money.usage import Used, as_bill, draw_usage

_VOLUMES = (1.0, 0.6, 1.0)
"""How much was used in the two months before and in the month itself: floors depend on it."""


@dataclass(frozen=True)
class World:
    """What was written."""

    folder: Path
    configuration: Path
    truth: Path
    """Folder of the answer key: `tieout.csv`, `faults.csv`, `summary.json`."""
    month: str
    seed: int
    faults: tuple[str, ...]
    terms: tuple[Terms, ...]


def write(folder: Path, *, seed: int, month: str = "2026-10", has_contracts: bool = True) -> World:
    """Write a month of bills and the two before it; the same seed and month give the same bytes.

    Without `has_contracts` the configuration leaves the contracts out; nothing else changes.
    """
    clocks = _clocks(month)
    months = [
        draw_usage(Random(f"{seed} usage {clock.first}"), clock, volume)  # noqa: S311
        for clock, volume in zip(clocks, _VOLUMES, strict=True)
    ]
    rng = Random(f"{seed} terms")  # noqa: S311 - a simulation wants to be predictable
    first = clocks[-1].first.date()
    terms = {name: draw_terms(rng, name, first, months[:-1], months[-1]) for name in ISSUERS}
    agreements = [agreement for one in terms.values() for agreement in one.agreements]
    holding = [agreement.standing(months[:-1], first) for agreement in agreements]
    for clock, rows in zip(clocks[:-1], months[:-1], strict=True):
        past = [Terms(name, one.agreements, unit=one.unit) for name, one in terms.items()]
        charges = charged(rows, agreements)
        _write_month(folder, clock, [_account(one, charges, {}) for one in past], rows, Key())
    charges = charged(months[-1], holding)
    planted = plant(Site(charges, terms, holding), rng, rng.choice([0, 0, 1, 2, 3, 4]))
    on_paper = _on_paper(rng, terms) if planted else {}
    fees = {name: _fees(rng, one, clocks[-1]) for name, one in terms.items()}
    accounts = [
        replace(
            _account(one, charges, fees[name]),
            faults=on_paper.get(name, ()),
            note=Decimal(rng.randint(1000, 9000)) / 100,
        )
        for name, one in terms.items()
    ]
    key = Key()
    _write_month(folder, clocks[-1], accounts, months[-1], key)
    write_configuration(folder / "tallystick.toml", _committed(accounts) if has_contracts else [])
    write_key(folder / "truth", key)
    faults = tuple(dict.fromkeys(row.fault for row in key.faults))
    world = World(
        folder, folder / "tallystick.toml", folder / "truth", month, seed, faults, tuple(terms.values())
    )
    _write_summary(world)
    return world


def _clocks(month: str) -> list[Clock]:
    """Return the month and the two before it, the oldest first."""
    year, number = (int(part) for part in month.split("-"))
    counted = [year * 12 + number - 1 - back for back in (2, 1, 0)]
    return [Clock.of(f"{count // 12}-{count % 12 + 1:02}") for count in counted]


def _account(terms: Terms, charges: Sequence[Charge], fees: DailyFees) -> Account:
    return Account(terms, [one for one in charges if one.used.provider == terms.provider], fees)


def _on_paper(rng: Random, terms: dict[str, Terms]) -> dict[str, tuple[str, ...]]:
    """Draw the faults that only an invoice has, for accounts whose invoice can have them."""
    found = {}
    for name, one in terms.items():
        sorts = []
        if one.is_metered and one.style == DETAILED and not one.is_late and rng.random() < 0.3:
            sorts.append("duplicate_line")
        if one.tax and one.grant and not one.is_late and rng.random() < 0.5:
            sorts.append("tax_on_wrong_base")
        found[name] = tuple(sorts)
    return found


def _fees(rng: Random, terms: Terms, clock: Clock) -> DailyFees:
    return {
        (day.date(), fee): Decimal(rng.randint(1, 900)) / 100
        for fee in terms.fees
        for day in clock.days
        if rng.random() < 0.8
    }


def _committed(accounts: Sequence[Account]) -> list[Agreement]:
    """Return all contracts; the first of an account with a commitment says how much it is."""
    found: list[Agreement] = []
    for account in accounts:
        mine = list(account.terms.agreements)
        if account.terms.commitment_percent:
            amount = least(account.terms, sum((one.amount for one in account.charges), Decimal(0)))
            mine[0] = replace(mine[0], commitment_usd=amount * account.terms.rate)
        found += mine
    return found


def _write_month(folder: Path, clock: Clock, accounts: Sequence[Account], rows: list[Used], key: Key) -> None:
    bill = as_bill(rows)
    seeded = Random(f"pull {clock.first}")  # noqa: S311
    openai_files.write_usage(folder / "openai" / "usage", bill, clock, seeded)
    anthropic_files.write_usage(folder / "anthropic" / "usage", bill, clock)
    for account in accounts:
        if account.terms.provider == "openai":
            write_openai_costs(folder / "openai" / "costs", clock, account.charges, account.fees)
        if account.terms.provider == "anthropic":
            write_console_costs(folder / "anthropic" / "cost", clock, account.charges, account.fees)
        account.write(folder / "invoices", clock, key)


def _write_summary(world: World) -> None:
    told = {
        "seed": world.seed,
        "month": world.month,
        "faults": world.faults,
        "terms": [asdict(one) for one in world.terms],
    }
    text = json.dumps(told, indent=1, default=str, ensure_ascii=False)
    (world.truth / "summary.json").write_text(f"{text}\n", "utf-8")
