"""A month of bills: reproducible, in real formats, with an answer key that its own files confirm."""

import csv
import json
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pipeline.pricing import RateCard
from pipeline.providers import PROVIDERS
from pipeline.settings import Settings
from pipeline.simulator.money import world as simulator
from pipeline.simulator.money.faults import EFFECTS
from pipeline.simulator.money.price_list import TIERS, cards, former_price, list_price
from pipeline.simulator.money.usage import STREAMS

MONTH, SEEDS = "2026-10", range(1, 31)
UNITS = {"1M tokens": 1_000_000, "1K tokens": 1_000, "tokens": 1}
ZERO, CENT = Decimal(0), Decimal("0.01")


class Used(NamedTuple):
    provider: str
    day: str
    model: str
    tier: str
    kind: str
    tokens: int


class Read(NamedTuple):
    """What the files of a world say, read without a word of the simulator."""

    world: simulator.World
    tieout: list[dict[str, str]]
    faults: list[dict[str, str]]
    invoices: dict[str, dict[str, Any]]
    config: dict[str, Any]
    used: list[Used]

    def component(self, name: str) -> dict[tuple[str, str], Decimal]:
        return {
            (row["provider"], row["invoice_id"]): Decimal(row["usd"])
            for row in self.tieout
            if row["component"] == name
        }

    def rate(self, invoice: dict[str, Any]) -> Decimal:
        """US dollars for one unit, as the invoice states."""
        return Decimal(invoice.get("exchange_rate", "1"))


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> list[Read]:
    made = [simulator.write(tmp_path_factory.mktemp("bills"), seed=seed) for seed in SEEDS]
    return [read(one) for one in made]


def read(world: simulator.World) -> Read:
    papers = [tomllib.loads(path.read_text()) for path in sorted((world.folder / "invoices").glob("*"))]
    return Read(
        world,
        rows(world.truth / "tieout.csv"),
        rows(world.truth / "faults.csv"),
        {paper["invoice_id"]: paper for paper in papers},
        tomllib.loads(world.configuration.read_text()),
        [*openai(world.folder), *anthropic(world.folder), *invoiced(papers)],
    )


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def buckets(folder: Path, pattern: str) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob(pattern)):
        yield from json.loads(path.read_bytes())["data"]


def openai(folder: Path) -> Iterator[Used]:
    for bucket in buckets(folder / "openai" / "usage", "completions-by-key_2026-*-04_*"):
        day = str(datetime.fromtimestamp(bucket["start_time"], UTC).date())
        for row in bucket["results"]:
            tier = "standard" if row["service_tier"] == "default" else row["service_tier"]
            cached = row["input_cached_tokens"]
            yield Used("openai", day, row["model"], tier, "input_uncached", row["input_tokens"] - cached)
            yield Used("openai", day, row["model"], tier, "cache_read", cached)
            yield Used("openai", day, row["model"], tier, "output", row["output_tokens"])


def anthropic(folder: Path) -> Iterator[Used]:
    for bucket in buckets(folder / "anthropic" / "usage", "messages_*"):
        for row in bucket["results"]:
            written = row["cache_creation"]
            for kind, tokens in (
                ("input_uncached", row["uncached_input_tokens"]),
                ("cache_read", row["cache_read_input_tokens"]),
                ("cache_write_5m", written["ephemeral_5m_input_tokens"]),
                ("cache_write_1h", written["ephemeral_1h_input_tokens"]),
                ("output", row["output_tokens"]),
            ):
                day = bucket["starting_at"][:10]
                yield Used("anthropic", day, row["model"], row["service_tier"], kind, tokens)


def invoiced(papers: list[dict[str, Any]]) -> Iterator[Used]:
    """Mistral's only meter; a line says its first day, from which on its price holds."""
    for paper in papers:
        if paper["provider"] == "mistral_ai" and "issue_status" not in paper:
            for line in paper["lines"]:
                if "quantity" in line:
                    day = line["description"].split(", ")[1][:10]
                    yield Used("mistral_ai", day, line["model"], "standard", line["token_kind"], tokens(line))


def tokens(line: dict[str, Any]) -> int:
    return int(Decimal(line["quantity"]) * UNITS[line["quantity_unit"]])


class PublicList:
    """USD for a token, as the public list has it."""

    def __init__(self) -> None:
        self.rate = cache(RateCard(Settings(), PROVIDERS).rate)


@pytest.fixture(scope="module")
def listed() -> PublicList:
    return PublicList()


def expected(read: Read, card: PublicList, used: Used) -> Decimal:
    """USD for a token by the contracts of the configuration, else by the public list."""
    on = date.fromisoformat(used.day)
    rate = card.rate(used.provider, used.model, used.tier, used.kind, on).usd_per_token
    assert rate is not None
    for contract in read.config.get("contracts", []):
        if prices(contract, used) and contract["valid_from"] <= on < min(
            contract["valid_to"], lapse(read, contract)
        ):
            if "discount_percent" in contract:
                return rate * (100 - Decimal(contract["discount_percent"])) / 100
            return Decimal(contract["usd_per_million"][used.kind]) / 1_000_000
    return rate


def prices(contract: dict[str, Any], used: Used) -> bool:
    return (
        contract["provider"] == used.provider
        and any(fnmatchcase(used.model, glob) for glob in contract["models"])
        and used.tier in contract.get("service_tiers", [used.tier])
        and used.kind in contract.get("token_kinds", [used.kind])
    )


def lapse(read: Read, contract: dict[str, Any]) -> date:
    """First day on which it has lapsed: both months before were below the floor, and a notice is over."""
    if "floor" not in contract:
        return date.max
    floor = contract["floor"]
    assert floor["counts_from"] == "2026-08"
    volumes = [
        sum(used.tokens for used in read.used if used.day.startswith(month) and prices(contract, used))
        for month in ("2026-08", "2026-09")
    ]
    below = [volume < floor["monthly_tokens"] for volume in volumes]
    assert below != [True, False]
    if not any(below) or (below == [False, True] and floor["grace_months"] == 2):
        return date.max
    assert floor["grace_months"] == 2
    return date(2026, 10, 1) + timedelta(days=floor["notice_days"])


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("one", 5), ("two", 5), ("three", 6)):
        simulator.write(tmp_path / name, seed=seed)
    one, two, three = (contents(tmp_path / name) for name in ("one", "two", "three"))
    assert one == two
    assert one["truth/tieout.csv"] != three["truth/tieout.csv"]


def test_without_contracts_only_the_configuration_is_another(tmp_path: Path) -> None:
    simulator.write(tmp_path / "with", seed=5)
    simulator.write(tmp_path / "without", seed=5, has_contracts=False)
    one, two = contents(tmp_path / "with"), contents(tmp_path / "without")
    assert {name for name in one if one[name] != two[name]} == {"tallystick.toml"}
    assert b"[[contracts]]" in one["tallystick.toml"]


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_the_price_list_is_the_public_one_on_every_day_that_is_used(listed: PublicList) -> None:
    for stream in STREAMS:
        for tier in ("standard", *TIERS.get(stream.model, {})):
            for kind in cards(stream.model)[0].prices:
                for day in (date(2026, 9, 1), date(2026, 10, 1), date(2026, 10, 31)):
                    public = listed.rate(stream.provider, stream.model, tier, kind, day).usd_per_token
                    assert public == list_price(stream.model, tier, kind, day) / 1_000_000


def test_the_former_price_is_the_public_one_of_before_the_change(listed: PublicList) -> None:
    for kind in ("input_uncached", "cache_read", "output"):
        public = listed.rate("openai", "gpt-5.6-sol", "standard", kind, date(2026, 8, 20)).usd_per_token
        former = former_price("gpt-5.6-sol", "standard", kind)
        assert former is not None
        assert public == former / 1_000_000 != list_price("gpt-5.6-sol", "standard", kind, date(2026, 10, 1))
    assert former_price("gpt-4.1-2025-04-14", "standard", "output") is None


def test_metered_at_the_expected_rate_follows_from_usage_contracts_and_the_public_list(
    worlds: list[Read], listed: PublicList
) -> None:
    for one in worlds:
        due: dict[str, Decimal] = defaultdict(Decimal)
        for used in one.used:
            if used.day.startswith(MONTH):
                due[used.provider] += used.tokens * expected(one, listed, used)
        told: dict[str, Decimal] = defaultdict(Decimal)
        for (provider, _), usd in one.component("metered_at_expected_rate").items():
            told[provider] += usd
        for provider, usd in due.items():
            assert abs(told[provider] - usd) <= CENT / 2, (one.world.seed, provider)


def test_the_components_of_every_invoice_add_up_to_its_total_in_dollars_of_the_books(
    worlds: list[Read],
) -> None:
    for one in worlds:
        books = {"USD": Decimal(1), "EUR": Decimal(one.config["exchange_rates"]["EUR"])}
        sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for row in one.tieout:
            if row["component"] != "billed":
                sums[row["provider"], row["invoice_id"]] += Decimal(row["usd"])
        assert dict(sums) == one.component("billed")
        for (_, invoice_id), usd in one.component("billed").items():
            if invoice_id:
                paper = one.invoices[invoice_id]
                assert sum(Decimal(line["amount"]) for line in paper["lines"]) == Decimal(paper["total"])
                assert abs(usd - Decimal(paper["total"]) * books[paper["currency"]]) <= CENT / 2


def test_fees_minimums_credits_and_tax_are_the_lines_of_the_invoice(worlds: list[Read]) -> None:
    names = {"fees": ("fee",), "minimums": ("minimum",), "credits": ("credit", "discount"), "tax": ("tax",)}
    for one in worlds:
        for component, categories in names.items():
            for (_, invoice_id), usd in one.component(component).items():
                if invoice_id:
                    paper = one.invoices[invoice_id]
                    amounts = [Decimal(x["amount"]) for x in paper["lines"] if x["category"] in categories]
                    assert abs(usd - sum(amounts, ZERO) * one.rate(paper)) <= CENT / 2


def test_a_price_fault_is_what_its_lines_charge_beyond_the_expected(
    worlds: list[Read], listed: PublicList
) -> None:
    checked: Counter[str] = Counter()
    for one in worlds:
        for fault in one.faults:
            paper = one.invoices.get(fault["invoice_id"])
            if paper is None or fault["effect"] in ("quantity", "tax") or not is_detailed(paper):
                continue
            lines = [line for line in paper["lines"] if is_of(line, fault)]
            charged = sum(Decimal(line["amount"]) for line in lines) * one.rate(paper)
            due = sum(
                (row.tokens * expected(one, listed, row) for row in one.used if is_used(row, fault)), ZERO
            )
            bound = Decimal(fault["tolerance"]) + CENT * len(lines)
            if paper["provider"] == "anthropic":
                bound += CENT / 2 * 31
            assert abs(charged - due - Decimal(fault["usd"])) <= bound, (one.world.seed, fault)
            checked[fault["fault"]] += 1
    assert set(checked) == {name for name, effect in EFFECTS.items() if effect not in ("quantity", "tax")}


def is_detailed(paper: dict[str, Any]) -> bool:
    return any("token_kind" in line for line in paper["lines"])


def is_of(line: dict[str, Any], fault: dict[str, str]) -> bool:
    told = (line.get("model"), line.get("token_kind"), line.get("service_tier", "standard"))
    return told == (fault["model"], fault["token_kind"], fault["service_tier"])


def is_used(used: Used, fault: dict[str, str]) -> bool:
    cell = (used.provider, used.model, used.kind, used.tier)
    return used.day.startswith(MONTH) and cell == tuple(
        fault[name] for name in ("provider", "model", "token_kind", "service_tier")
    )


def test_overbilled_tokens_are_those_of_the_lines_beyond_the_metered(
    worlds: list[Read], listed: PublicList
) -> None:
    checked = 0
    for one in worlds:
        for fault in one.faults:
            if fault["fault"] not in ("quantity_overbilled", "duplicate_line"):
                continue
            paper = one.invoices.get(fault["invoice_id"])
            if paper is None:
                continue
            (rate,) = {expected(one, listed, row) for row in one.used if is_used(row, fault)}
            billed = sum(tokens(line) for line in paper["lines"] if is_of(line, fault))
            metered = sum(row.tokens for row in one.used if is_used(row, fault))
            assert abs((billed - metered) * rate - Decimal(fault["usd"])) <= Decimal("0.000001")
            checked += 1
    assert checked > 5


def test_rows_of_the_console_are_whole_cents_and_make_some_of_the_invoices(worlds: list[Read]) -> None:
    summed = 0
    for one in worlds:
        path = next((one.world.folder / "anthropic" / "cost").glob("*2026_10_01*"))
        costs = [row for row in rows(path) if row["cost_type"] == "token"]
        assert all(Decimal(row["cost_usd"]).as_tuple().exponent == -2 for row in costs)
        paper = one.invoices.get("ANT-202610-0042")
        if paper is not None:
            total = sum(Decimal(row["cost_usd"]) for row in costs)
            lines = [line for line in paper["lines"] if line["category"] == "usage"]
            copies = len(lines) - len({json.dumps(line) for line in lines})
            gap = abs(total - sum(Decimal(line["amount"]) for line in lines))
            assert copies or gap <= CENT / 2 * (len(costs) + len(lines))
            summed += not gap
    assert summed > 3


def test_everything_that_is_said_of_the_worlds_occurs_and_clean_worlds_exist(worlds: list[Read]) -> None:
    faults = Counter(name for one in worlds for name in {row["fault"] for row in one.faults})
    assert set(faults) == set(EFFECTS)
    assert sum(not one.faults for one in worlds) >= 5
    contracts = [contract for one in worlds for contract in one.config.get("contracts", [])]
    for key in ("discount_percent", "usd_per_million", "floor", "commitment_usd"):
        assert any(key in contract for contract in contracts), key
    assert any(contract["valid_to"].month == 10 for contract in contracts)
    lapses = {lapse(one, x) for one in worlds for x in one.config.get("contracts", []) if "floor" in x}
    assert {date(2026, 10, 1), date.max} < lapses
    lines = [
        line["description"] for one in worlds for paper in one.invoices.values() for line in paper["lines"]
    ]
    for words in (
        "Minimum",
        "Shortfall",
        "grant",
        "Discount",
        "prepaid",
        "VAT 20 %",
        "Web search",
        "Session",
        "storage",
    ):
        assert any(words in line for line in lines), words
    heads = [paper for one in worlds for paper in one.invoices.values()]
    assert any(paper.get("issue_status") == "Voided" for paper in heads)
    assert {paper["currency"] for paper in heads} == {"USD", "EUR"}
    assert {paper.get("exchange_rate") for paper in heads} > {"1.0725", "1.08"}
    assert any("reference_invoice_id" in paper for paper in heads)
    assert any(not row["invoice_id"] for one in worlds for row in one.tieout)


def test_voided_invoices_are_no_part_of_the_answer_key(worlds: list[Read]) -> None:
    voided = {key for one in worlds for key, paper in one.invoices.items() if "issue_status" in paper}
    assert voided
    assert not voided & {row["invoice_id"] for one in worlds for row in one.tieout}
