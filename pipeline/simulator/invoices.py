"""Invoices, written down by hand in TOML as an analyst would."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

from pipeline.simulator.billing import SEARCH_PRICE, Bill
from pipeline.simulator.clock import Clock
from pipeline.simulator.models import ACCOUNTS

EUR_IN_USD = Decimal("1.08")
"""What one euro costs in the books of the company: Mistral bills in euros."""

_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Line:
    """One line of an invoice."""

    category: str
    description: str
    amount: Decimal
    extras: tuple[tuple[str, str], ...] = ()
    """Further keys and their text: model, token_kind, quantity, quantity_unit."""


def write_invoices(folder: Path, bill: Bill, clock: Clock) -> dict[str, Decimal]:
    """Write one invoice a provider; returns totals in the invoice's currency."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {
        "openai": ("OpenAI, LLC", "USD", _openai(bill)),
        "anthropic": ("Anthropic, PBC", "USD", _anthropic(bill)),
        "mistral_ai": ("Mistral AI SAS", "EUR", _mistral(bill)),
    }
    if bill.of("gcp.gemini"):
        made["gcp.gemini"] = ("Google Cloud", "USD", _metered(bill, "gcp.gemini", Decimal(1)))
    totals = {}
    for provider, (issuer, currency, lines) in made.items():
        totals[provider] = sum((line.amount for line in lines), Decimal(0))
        text = _manifest(provider, issuer, currency, lines, clock)
        (folder / f"{provider}-{clock.first:%Y-%m}.toml").write_text(text, "utf-8")
    return totals


def cents(amount: Decimal) -> Decimal:
    """Return the amount in whole cents."""
    return amount.quantize(_CENT, rounding=ROUND_HALF_EVEN)


def _openai(bill: Bill) -> list[Line]:
    """Usage a model, rounded to the cent a line; searches; a credit note; tax on what is left."""
    lines = [
        Line("usage", f"{model} API usage", amount, (("model", model),))
        for model, amount in _by_model(bill, "openai").items()
    ]
    lines.append(Line("fee", "Web search tool calls", _searches(bill, "openai")))
    used = sum((line.amount for line in lines), Decimal(0))
    lines.append(Line("credit", "Credit note CN-0417: service incident", -cents(used * Decimal("0.04"))))
    return _taxed(lines, Decimal("0.0825"), "Sales tax 8.25 %")


def _anthropic(bill: Bill) -> list[Line]:
    lines = [
        Line("usage", f"{model} usage", amount, (("model", model),))
        for model, amount in _by_model(bill, "anthropic").items()
    ]
    lines.append(Line("fee", "Web search", _searches(bill, "anthropic")))
    return _taxed(lines, Decimal("0.0825"), "Sales tax 8.25 %")


def _mistral(bill: Bill) -> list[Line]:
    return _taxed(_metered(bill, "mistral_ai", EUR_IN_USD), Decimal("0.20"), "TVA 20 %")


def _metered(bill: Bill, provider: str, rate: Decimal) -> list[Line]:
    """Usage by model and kind with its quantity: this invoice is the only meter there is."""
    sums: dict[tuple[str, str], tuple[Decimal, int]] = defaultdict(lambda: (Decimal(0), 0))
    for (_, _, model, kind), (dollars, tokens) in bill.amounts(provider).items():
        before, count = sums[model, kind]
        sums[model, kind] = (before + dollars, count + tokens)
    lines = []
    for (model, kind), (dollars, tokens) in sorted(sums.items()):
        words = "input" if kind == "input_uncached" else kind
        extras = (
            ("model", model),
            ("token_kind", kind),
            ("quantity", f"{Decimal(tokens) / 1_000_000:f}"),
            ("quantity_unit", "1M tokens"),
        )
        lines.append(Line("usage", f"{model} {words} tokens", cents(dollars / rate), extras))
    return lines


def _by_model(bill: Bill, provider: str) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for (_, _, model, _), (dollars, _) in sorted(bill.amounts(provider).items()):
        sums[model] += dollars
    return {model: cents(dollars) for model, dollars in sorted(sums.items())}


def _searches(bill: Bill, provider: str) -> Decimal:
    count = sum(number for (whose, _), number in bill.searches.items() if whose == provider)
    return cents(count * SEARCH_PRICE)


def _taxed(lines: list[Line], rate: Decimal, words: str) -> list[Line]:
    net = sum((line.amount for line in lines), Decimal(0))
    return [*lines, Line("tax", words, cents(net * rate))]


def _manifest(provider: str, issuer: str, currency: str, lines: list[Line], clock: Clock) -> str:
    head = {
        "issuer": issuer,
        "invoice_id": f"{provider.upper()[:3]}-{clock.first:%Y%m}-0042",
        "provider": provider,
        "account": ACCOUNTS[provider],
        "period_start": f"{clock.first:%Y-%m-%d}",
        "period_end": f"{clock.last:%Y-%m-%d}",
        "currency": currency,
        "issued_on": f"{clock.last + timedelta(days=2):%Y-%m-%d}",
        "total": str(sum((line.amount for line in lines), Decimal(0))),
    }
    text = [f'{key} = "{value}"' for key, value in head.items()]
    for line in lines:
        text += ["", "[[lines]]", f'category = "{line.category}"', f'description = "{line.description}"']
        text += [f'{key} = "{value}"' for key, value in line.extras]
        text.append(f'amount = "{line.amount}"')
    return "\n".join(text) + "\n"
