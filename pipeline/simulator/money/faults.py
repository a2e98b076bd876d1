"""Price faults that are planted into a month of charges, each in cells of its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from pipeline.simulator.money.agreements import Agreement
from pipeline.simulator.money.charges import Cell, Charge
from pipeline.simulator.money.price_list import TIERS, former_price, list_price
from pipeline.simulator.money.terms import DETAILED, Terms

EFFECTS = {
    "contract_ignored": "contract_not_applied",
    "discount_on_too_little": "contract_not_applied",
    "tier_lapsed_at_mid_month": "lapsed_tier",
    "former_list_price": "list_change",
    "write_at_other_rate": "wrong_kind",
    "cached_as_plain": "wrong_kind",
    "standard_as_priority": "wrong_service_tier",
    "wrong_unit": "unit",
    "quantity_overbilled": "quantity",
    "duplicate_line": "quantity",
    "tax_on_wrong_base": "tax",
}
"""Fault -> what a reader calls it."""


@dataclass(frozen=True)
class Site:
    """Where faults can be planted."""

    charges: Sequence[Charge]
    terms: dict[str, Terms]
    """By provider."""
    agreements: Sequence[Agreement]
    """The contracts that hold."""

    def free(self, provider: str | None = None) -> dict[Cell, list[Charge]]:
        """Return the charges without a mark by cell, in order; a cell with a mark is not free."""
        cells: dict[Cell, list[Charge]] = {}
        for charge in self.charges:
            if provider in (None, charge.used.provider):
                cells.setdefault(Cell.of(charge), []).append(charge)
        return {cell: rows for cell, rows in sorted(cells.items()) if not any(row.mark for row in rows)}

    def models(self, is_fit: Callable[[Cell, Charge], bool]) -> dict[tuple[str, str], list[Charge]]:
        """Return the charges of models and tiers whose cells are all free, where any row is fit."""
        found: dict[tuple[str, str], list[Charge]] = {}
        for cell, rows in self.free().items():
            found.setdefault((cell.model, cell.tier), []).extend(rows)
        marked = {(row.used.model, row.used.tier) for row in self.charges if row.mark}
        return {
            key: rows
            for key, rows in found.items()
            if key not in marked and any(is_fit(Cell.of(row), row) for row in rows)
        }


def plant(site: Site, rng: Random, wanted: int) -> list[str]:
    """Plant faults until there are so many, each of another sort; return the sorts."""
    planted: list[str] = []
    for name, try_to in rng.sample(sorted(_SORTS.items()), len(_SORTS)):
        if len(planted) < wanted and try_to(site, rng):
            planted.append(name)
    return planted


def _listed(charge: Charge) -> Decimal:
    used = charge.used
    return list_price(used.model, used.tier, used.kind, used.day)


def _under_contract(_: Cell, charge: Charge) -> bool:
    return charge.expected != _listed(charge)


def _contract_ignored(site: Site, rng: Random) -> bool:
    """Charge the list price for all of a model."""
    models = site.models(_under_contract)
    if not models:
        return False
    rows = models[rng.choice(list(models))]
    return _mark([row for row in rows if row.expected != _listed(row)], "contract_ignored", _listed)


def _discount_on_too_little(site: Site, rng: Random) -> bool:
    """Charge the list price for output: the contract was taken for one of input."""
    cells = {
        cell: rows
        for cell, rows in site.free().items()
        if cell.kind == "output" and _under_contract(cell, rows[0])
    }
    if not cells:
        return False
    rows = [row for row in cells[rng.choice(list(cells))] if row.expected != _listed(row)]
    return _mark(rows, "discount_on_too_little", _listed)


def _tier_lapsed_at_mid_month(site: Site, rng: Random) -> bool:
    """Charge the list price for all that a contract covers, from a day on: the tier lapsed, it is said."""
    free = {id(row) for rows in site.free().values() for row in rows}
    since = rng.randint(8, 24)
    daily = [agreement for agreement in site.agreements if site.terms[agreement.provider].is_metered]
    for agreement in rng.sample(daily, len(daily)):
        rows = [row for row in site.charges if agreement.covers(row.used)]
        later = [row for row in rows if row.used.day.day >= since]
        if later and len(later) < len(rows) and all(id(row) in free for row in rows):
            return _mark(later, "tier_lapsed_at_mid_month", _listed)
    return False


def _former_list_price(site: Site, rng: Random) -> bool:
    def before(row: Charge) -> Decimal:
        return former_price(row.used.model, row.used.tier, row.used.kind) or row.price

    models = site.models(lambda _, row: before(row) != row.price == _listed(row))
    return bool(models) and _mark(models[rng.choice(list(models))], "former_list_price", before)


def _write_at_other_rate(site: Site, rng: Random) -> bool:
    """Charge writes for an hour as those for 5 minutes, or the other way."""
    pair = rng.sample(["cache_write_5m", "cache_write_1h"], 2)
    return _as_other_kind(site, rng, "write_at_other_rate", pair[0], pair[1])


def _cached_as_plain(site: Site, rng: Random) -> bool:
    return _as_other_kind(site, rng, "cached_as_plain", "cache_read", "input_uncached")


def _as_other_kind(site: Site, rng: Random, name: str, kind: str, other: str) -> bool:
    free = site.free()
    cells = [cell for cell in free if cell.kind == kind and cell._replace(kind=other) in free]
    if not cells:
        return False
    cell = rng.choice(cells)
    prices = {row.used.day: row.expected for row in free[cell._replace(kind=other)]}
    return _mark(free[cell], name, lambda row: prices[row.used.day])


def _standard_as_priority(site: Site, rng: Random) -> bool:
    models = site.models(
        lambda cell, row: (
            cell.tier == "standard"
            and "priority" in TIERS.get(cell.model, {})
            and row.expected == _listed(row)
        )
    )

    def priority(row: Charge) -> Decimal:
        return list_price(row.used.model, "priority", row.used.kind, row.used.day)

    return bool(models) and _mark(models[rng.choice(list(models))], "standard_as_priority", priority)


def _wrong_unit(site: Site, rng: Random) -> bool:
    """Take thousands of tokens for millions, or millions for thousands, in the cell that costs least."""
    free = site.free()
    costs = {cell: sum((row.amount for row in rows), Decimal(0)) for cell, rows in free.items()}
    cells = sorted(free, key=lambda cell: costs[cell])[:3]
    factor = rng.choice([Decimal(1000), Decimal("0.001")])
    return bool(cells) and _mark(free[rng.choice(cells)], "wrong_unit", lambda row: row.price * factor)


def _quantity_overbilled(site: Site, rng: Random) -> bool:
    """Bill more tokens than were metered, where the invoice says how many it bills."""
    told = [name for name, terms in site.terms.items() if terms.style == DETAILED and terms.is_metered]
    cells = [cell for cell in site.free() if cell.provider in told]
    if not cells:
        return False
    since, more = rng.randint(1, 20), rng.randint(8, 30)
    for row in site.free()[rng.choice(cells)]:
        row.mark = "quantity_overbilled"
        if row.used.day.day >= since:
            row.billed += row.used.tokens * more // 100
    return True


def _mark(rows: Sequence[Charge], name: str, price: Callable[[Charge], Decimal]) -> bool:
    for row in rows:
        row.price, row.mark = price(row), name
    return bool(rows)


_SORTS: dict[str, Callable[[Site, Random], bool]] = {
    "contract_ignored": _contract_ignored,
    "discount_on_too_little": _discount_on_too_little,
    "tier_lapsed_at_mid_month": _tier_lapsed_at_mid_month,
    "former_list_price": _former_list_price,
    "write_at_other_rate": _write_at_other_rate,
    "cached_as_plain": _cached_as_plain,
    "standard_as_priority": _standard_as_priority,
    "wrong_unit": _wrong_unit,
    "quantity_overbilled": _quantity_overbilled,
}
