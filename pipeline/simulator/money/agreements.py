"""Contracts with providers: what they agree, what a month costs under them, and how they are configured."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase

from pipeline.simulator.money.price_list import list_price
from pipeline.simulator.money.usage import Used


@dataclass(frozen=True)
class Floor:
    """Tokens a month that a contract wants: so many months below, and its prices lapse after a notice."""

    tokens: int
    grace_months: int
    notice_days: int = 0
    counts_from: str = ""
    """First month that counts, as YYYY-MM: the files go no further back."""


@dataclass(frozen=True)
class Agreement:
    """A contract of an account: money off the list, or prices of its own, for what it names."""

    name: str
    provider: str
    account: str
    models: tuple[str, ...]
    valid_from: date
    valid_to: date
    """First day on which it no longer holds."""
    discount_percent: Decimal | None = None
    usd_per_million: tuple[tuple[str, Decimal], ...] = ()
    service_tiers: tuple[str, ...] = ("standard",)
    floor: Floor | None = None
    commitment_usd: Decimal | None = None

    def covers(self, row: Used) -> bool:
        """Whether it sets the price of a row on its day."""
        return (
            row.provider == self.provider
            and (not self.service_tiers or row.tier in self.service_tiers)
            and self.valid_from <= row.day < self.valid_to
            and any(fnmatchcase(row.model, glob) for glob in self.models)
            and (self.discount_percent is not None or row.kind in dict(self.usd_per_million))
        )

    def price(self, row: Used) -> Decimal:
        """Return USD per million tokens of a row that it covers."""
        if self.discount_percent is not None:
            listed = list_price(row.model, row.tier, row.kind, row.day)
            return listed * (100 - self.discount_percent) / 100
        return dict(self.usd_per_million)[row.kind]

    def standing(self, past: Iterable[Iterable[Used]], month: date) -> "Agreement":
        """Return what holds of it in a month: it ends early where the floor was missed in months before."""
        if self.floor is None:
            return self
        run = 0
        for rows in past:
            run = 0 if self.volume(rows) >= self.floor.tokens else run + 1
        if run < self.floor.grace_months:
            return self
        return replace(self, valid_to=min(self.valid_to, month + timedelta(days=self.floor.notice_days)))

    def with_floor(self, floor: Floor) -> "Agreement":
        """Return the same contract with a floor."""
        return replace(self, floor=floor)

    def volume(self, rows: Iterable[Used]) -> int:
        """Return the tokens of a month that count towards the floor: those that it prices."""
        return sum(row.tokens for row in rows if self.covers(row))


def expected_price(agreements: Iterable[Agreement], row: Used) -> Decimal:
    """Return USD per million tokens by the first contract that covers a row, else by the list."""
    for agreement in agreements:
        if agreement.covers(row):
            return agreement.price(row)
    return list_price(row.model, row.tier, row.kind, row.day)


def configured(agreement: Agreement) -> str:
    """Return the `[[contracts]]` section of a contract: all that knows how this section is written."""
    lines = [
        "",
        "[[contracts]]",
        f'name = "{agreement.name}"',
        f'provider = "{agreement.provider}"',
        f'account = "{agreement.account}"',
        f"models = {_words(agreement.models)}",
        *([f"service_tiers = {_words(agreement.service_tiers)}"] if agreement.service_tiers else []),
        f"valid_from = {agreement.valid_from}",
        f"valid_to = {agreement.valid_to}",
    ]
    if agreement.discount_percent is not None:
        lines.append(f'discount_percent = "{agreement.discount_percent}"')
    if agreement.usd_per_million:
        prices = ", ".join(f'{kind} = "{price:f}"' for kind, price in agreement.usd_per_million)
        lines += [
            f"token_kinds = {_words(dict(agreement.usd_per_million))}",
            f"usd_per_million = {{ {prices} }}",
        ]
    if agreement.floor is not None:
        lines.append(f"floor = {_floor(agreement.floor)}")
    if agreement.commitment_usd is not None:
        lines.append(f'commitment_usd = "{agreement.commitment_usd}"')
    return "\n".join([*lines, ""])


def _floor(floor: Floor) -> str:
    told = f"monthly_tokens = {floor.tokens}, grace_months = {floor.grace_months}"
    return f'{{ {told}, notice_days = {floor.notice_days}, counts_from = "{floor.counts_from}" }}'


def _words(words: Iterable[str]) -> str:
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"
