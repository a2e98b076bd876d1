"""How each account is billed: contracts, fees, credits, taxes, minimums and the style of its invoice."""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from random import Random

from pipeline.simulator.invoices import EUR_IN_USD
from pipeline.simulator.models import ACCOUNTS
from pipeline.simulator.money.agreements import Agreement, Floor
from pipeline.simulator.money.usage import Used

DETAILED, SUMMARY = "detailed", "summary"
"""Invoices with a line for each model, tier, kind and price, with its quantity; or a line a model."""

ISSUERS = {"openai": "OpenAI, LLC", "anthropic": "Anthropic, PBC", "mistral_ai": "Mistral AI SAS"}

_FEES = {
    "openai": ("web_search", "storage", "images"),
    "anthropic": ("web_search", "sessions", "code_execution"),
    "mistral_ai": ("document_pages",),
}


@dataclass(frozen=True)
class Terms:
    """What the bills of one account are made of."""

    provider: str
    agreements: tuple[Agreement, ...] = ()
    style: str = DETAILED
    unit: str = "1M tokens"
    """Unit of the quantities of an invoice."""
    sums_rows: bool = False
    """Whether the invoice adds up the rows of the cost export, each of which is rounded to the cent."""
    fees: tuple[str, ...] = ()
    tax: Decimal | None = None
    """Percent on what is net of credits."""
    discount: Decimal | None = None
    """Percent off all usage, as a line of the invoice and in no contract."""
    grant: Decimal | None = None
    """USD or EUR of a credit that was granted."""
    prepaid_percent: int = 0
    """How much of the invoice a prepaid balance pays."""
    minimum_percent: int = 0
    """Least charge for usage, of what usage costs: above 100 it binds."""
    commitment_percent: int = 0
    """The same as an amount that a contract commits to."""
    has_credit_note: bool = False
    has_voided: bool = False
    stated_rate: Decimal | None = None
    """US dollars for one unit of the currency where the invoice states another rate than the books."""
    is_late: bool = False
    """Whether the invoice has not come when the month is closed."""

    @property
    def account(self) -> str:
        """The account of the provider."""
        return ACCOUNTS[self.provider]

    @property
    def is_metered(self) -> bool:
        """Whether there is another meter than the invoice."""
        return self.provider != "mistral_ai"

    @property
    def currency(self) -> str:
        """Currency of the invoice."""
        return "USD" if self.is_metered else "EUR"

    @property
    def rate(self) -> Decimal:
        """US dollars for one unit of the currency, as the invoice states it."""
        return self.stated_rate or self.book_rate

    @property
    def book_rate(self) -> Decimal:
        """US dollars for one unit of the currency in the books."""
        return Decimal(1) if self.is_metered else EUR_IN_USD


def draw_terms(rng: Random, provider: str, month: date, past: list[list[Used]], now: list[Used]) -> Terms:
    """Draw how an account is billed; floors are set by what was used."""
    is_metered = provider != "mistral_ai"
    least = rng.choice(["", "minimum", "commitment"])
    percent = rng.choice([70, 115, 140])
    agreements = _agreements(rng, provider, month, [*past, now])
    return Terms(
        provider,
        agreements,
        style=rng.choice([DETAILED, DETAILED, SUMMARY]) if is_metered else DETAILED,
        unit=rng.choice(["1M tokens", "1K tokens", "tokens"]),
        sums_rows=provider == "anthropic" and rng.random() < 0.5,
        fees=tuple(fee for fee in _FEES[provider] if rng.random() < 0.6),
        tax=rng.choice([None, Decimal("8.25"), Decimal(19)]) if is_metered else Decimal(20),
        discount=rng.choice([None, Decimal(3)]) if not agreements else None,
        grant=Decimal(rng.randint(2000, 40000)) / 100 if rng.random() < 0.4 else None,
        prepaid_percent=rng.choice([0, 0, 40, 100]),
        minimum_percent=percent if least == "minimum" else 0,
        commitment_percent=percent if least == "commitment" and agreements else 0,
        has_credit_note=rng.random() < 0.3,
        has_voided=rng.random() < 0.25,
        stated_rate=None if is_metered else rng.choice([None, Decimal("1.0725"), Decimal("1.0912")]),
        is_late=is_metered and rng.random() < 0.15,
    )


def _agreements(rng: Random, provider: str, month: date, months: list[list[Used]]) -> tuple[Agreement, ...]:
    """Money off for some models, fixed prices for others; a floor, or an end at mid-month, for the former.

    Mistral's invoice is a meter by the month: there nothing changes within it, and tiers are not told.
    """
    off, fixed = _MODELS[provider]
    found = []
    start, end = date(2026, 1, 1), date(2027, 1, 1)
    is_daily = fixed is not None
    if rng.random() < 0.65:
        sort = rng.choice(["plain", "kept", "grace", "missed", *(["ends", "notice"] if is_daily else [])])
        ends = month.replace(day=rng.randint(10, 20)) if sort == "ends" else end
        discount = Decimal(rng.choice(["5", "7.5", "12", "18"]))
        name, tiers = f"{provider} volume", ("standard",) if is_daily else ()
        agreement = Agreement(
            name, provider, ACCOUNTS[provider], off, start, ends, discount, service_tiers=tiers
        )
        found.append(_with_floor(rng, agreement, sort, months))
    if fixed and rng.random() < 0.5:
        model, prices = fixed
        name, globs = f"{provider} {model}", (f"{model}*",)
        found.append(Agreement(name, provider, ACCOUNTS[provider], globs, start, end, usd_per_million=prices))
    return tuple(found)


def _with_floor(rng: Random, agreement: Agreement, sort: str, months: list[list[Used]]) -> Agreement:
    """Set a floor that all months keep, that the last one but this missed, or that all missed."""
    volumes = [agreement.volume(rows) for rows in months]
    since = f"{months[0][0].day:%Y-%m}"
    missed = Floor(max(volumes) * 12 // 10, 2, counts_from=since)
    floors = {
        "kept": Floor(min(volumes) * 8 // 10, 1, counts_from=since),
        "grace": Floor(volumes[-2] * 11 // 10, 2, counts_from=since),
        "missed": missed,
        "notice": replace(missed, notice_days=rng.randint(9, 20)),
    }
    return agreement.with_floor(floors[sort]) if sort in floors else agreement


_MODELS: dict[str, tuple[tuple[str, ...], tuple[str, tuple[tuple[str, Decimal], ...]] | None]] = {
    "openai": (
        ("gpt-5.1*", "gpt-5-mini*"),
        (
            "gpt-4.1",
            (("input_uncached", Decimal("1.7")), ("cache_read", Decimal("0.42")), ("output", Decimal("6.8"))),
        ),
    ),
    "anthropic": (
        ("claude-haiku-*",),
        (
            "claude-sonnet-4-6",
            (
                ("input_uncached", Decimal("2.6")),
                ("cache_read", Decimal("0.25")),
                ("cache_write_5m", Decimal("3.2")),
                ("cache_write_1h", Decimal("5.1")),
                ("output", Decimal("13.5")),
            ),
        ),
    ),
    "mistral_ai": (("mistral-*",), None),
}
"""Provider -> models with money off, and a model with prices of its own."""
