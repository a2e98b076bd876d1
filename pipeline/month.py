"""A month from its raw rows and its calls to every table that a close publishes. Pure."""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

import polars as pl

from pipeline import findings as find
from pipeline.allocating.allocate import allocate
from pipeline.allocating.teams import teams
from pipeline.anatomy import anatomy, with_workloads
from pipeline.bills import Bills, bill
from pipeline.calls import Calls
from pipeline.cause import Cause
from pipeline.charges.arrivals import Arrivals
from pipeline.charges.capacity import Metered, with_idle
from pipeline.charges.cells import by_day, search_of
from pipeline.charges.grant_findings import grant_findings
from pipeline.charges.ledgers import ledgers
from pipeline.charges.price_findings import price_findings
from pipeline.charges.tax_findings import tax_findings
from pipeline.compactions import compactions
from pipeline.disputes import disputes
from pipeline.ledger_tables import ledger_tables
from pipeline.metering.unit_findings import unit_errors
from pipeline.meters import Meters, meter
from pipeline.narrowing import narrowed
from pipeline.period import Month
from pipeline.pricing import RateCard
from pipeline.provider import Provider
from pipeline.rates.dollars import Priced, priced
from pipeline.rates.floors import Standing, lapses_of, standings
from pipeline.rates.rate_findings import rate_findings
from pipeline.rates.volumes import MeteredVolumes
from pipeline.reconcile import Reconciliation, Rules, explain_drift
from pipeline.scopes import scope_owner
from pipeline.settings import Settings
from pipeline.summary import close_row
from pipeline.tieout import tie_out
from pipeline.variance.month import month_over_month

Tables = Mapping[str, pl.DataFrame]
"""Frames by table name."""


class Registries(NamedTuple):
    """What is known of causes and providers."""

    causes: tuple[Cause, ...]
    providers: tuple[Provider, ...]


class _Parts(NamedTuple):
    calls: Calls
    meters: Meters
    bills: Bills
    result: Reconciliation
    learned: pl.DataFrame
    """Findings of the scopes that were learned."""
    card: RateCard
    floors: tuple[Standing, ...]


def month_tables(
    settings: Settings, month: Month, raw: Tables, calls: Calls, registries: Registries
) -> dict[str, pl.DataFrame]:
    """Return the frames of all core, recon and report tables but recon.evidence, which SQL derives.

    Raises:
        BalanceError: a bridge does not add up; always a bug.
    """
    settings, calls, learned = narrowed(calls, raw, settings, month)
    own = (raw["raw.usage"], raw["raw.request"], raw["raw.invoice"], raw["raw.file"])
    meters = meter(*own, settings, month, cost=raw["raw.cost"])
    bills = bill(raw["raw.cost"], raw["raw.invoice"], raw["raw.file"], settings, month)
    result = explain_drift(calls, meters, str(month), drift_rules(settings, registries))
    card, floors = rate_card(settings, month, raw, meters, registries.providers)
    parts = _Parts(calls, meters, bills, result, learned, card, floors)
    money = priced(result.bridge, meters.served, month, card)
    daily = by_day(money.days, money.rates)
    tables = _facts(parts, month) | _money(parts, month, money, daily)
    read = Metered(daily, meters.coverage)
    tables["recon.charge"], idle = with_idle(tables["recon.charge"], read, settings.contracts, month)
    arrivals = Arrivals(raw["raw.invoice"], raw["raw.file"], settings, month)
    tables |= ledgers(raw, daily, tables["recon.tieout"], arrivals)
    judged = with_workloads(calls.calls, settings)
    tables["recon.anatomy"] = anatomy(judged, month, card)
    tables["recon.compaction"] = compactions(calls.calls, result.claims, result.rates, month, card)
    tables["recon.allocation"] = allocate(tables["recon.charge"], money.bridge, judged, settings, month)
    tables["report.team"] = teams(money.bridge, tables["recon.allocation"], calls.calls, str(month))
    units = unit_errors(bills.billed, meters.metered, card, month)
    grants = grant_findings(month, raw.get("recon.prepaid"), tables["recon.prepaid"])
    tables["recon.finding"] = pl.concat([tables["recon.finding"], units, idle, grants])
    tables |= month_over_month(settings, month, raw, tables, (judged, card))
    tables["report.dispute"] = disputes(str(month), tables, calls.calls)
    tables["recon.finding"] = _findings(settings, month, raw, tables, parts)
    tables["report.close"] = close_row(settings, month, {**raw, **tables}, card.version)
    return tables | ledger_tables(raw, tables, arrivals)


def drift_rules(settings: Settings, registries: Registries) -> Rules:
    """Return what reconciliation takes from configuration and registries."""
    cache_writes = {provider.slug: provider.cache_writes for provider in registries.providers}
    return Rules(registries.causes, cache_writes, scope_owner(settings), settings.sampling)


def _facts(parts: _Parts, month: Month) -> dict[str, pl.DataFrame]:
    calls, meters, bills, result, *_ = parts
    return {
        "core.metered": meters.metered,
        "core.coverage": meters.coverage,
        "core.request": meters.requests,
        "core.billed": bills.billed,
        "core.traced": calls.traced,
        "core.call": calls.calls,
        "core.attempt": calls.attempts,
        "core.correction": calls.corrections,
        "core.silence": calls.silences,
        "core.unmapped": pl.concat([meters.unmapped, bills.unmapped])
        .unique()
        .sort(pl.all(), nulls_last=True),
        "recon.bucket": result.buckets,
        "recon.unmetered": result.unmetered,
        "recon.claim": result.claims,
        "recon.rate": result.rates,
    }


def rate_card(
    settings: Settings, month: Month, raw: Tables, meters: Meters, providers: tuple[Provider, ...]
) -> tuple[RateCard, tuple[Standing, ...]]:
    """Return the card of a month and how its contracts stand to their floors.

    Months before count by what is landed of them; `meters` is that of the month itself.
    """
    own = (raw["raw.usage"], raw["raw.request"], raw["raw.invoice"], raw["raw.file"])

    def meter_of(number: Month) -> Meters:
        return meters if number == month else meter(*own, settings, number, cost=raw["raw.cost"])

    agreed = RateCard(settings, providers)
    floors = standings(agreed.contracts, month, MeteredVolumes(meter_of, agreed, month))
    return RateCard(settings, providers, lapses_of(floors)), floors


def _money(parts: _Parts, month: Month, money: Priced, daily: pl.DataFrame) -> dict[str, pl.DataFrame]:
    search = search_of(parts.card, month, parts.meters.metered, parts.bills.billed)
    tied = tie_out(daily, parts.bills.billed, str(month), search)
    effects = price_findings(str(month), tied.charges, tied.effects)
    taxes = tax_findings(str(month), parts.bills.billed)
    found = rate_findings(month, parts.card, parts.floors, money, parts.calls.calls)
    return {
        "recon.expected_rate": money.rates,
        "recon.bridge": money.bridge,
        "recon.tieout": tied.tieout,
        "recon.charge": tied.charges,
        "recon.price_effect": tied.effects,
        "recon.finding": pl.concat([tied.findings, effects, taxes, found]),
    }


def _findings(settings: Settings, month: Month, raw: Tables, tables: Tables, parts: _Parts) -> pl.DataFrame:
    name, bridge, tieout = str(month), tables["recon.bridge"], tables["recon.tieout"]
    billed = tieout.filter(pl.col("component") == "billed")["usd"]
    total = Decimal(billed.sum()) if billed.len() else None
    found = find.assemble(
        [
            parts.learned,
            parts.meters.findings,
            parts.bills.findings,
            tables["recon.finding"],
            find.quarantined(name, raw["raw.file"]),
            find.unmapped(name, tables["core.unmapped"]),
            find.unmetered(name, tables["recon.unmetered"]),
            find.unpriced(name, bridge),
            find.bills_awaited(name, tieout, tables["core.billed"], bridge),
            find.one_sided_models(name, bridge),
            find.material_unexplained(name, bridge, total, settings.materiality),
        ]
    )
    return find.fold(found)
