"""`[[prices]]` and `[[contracts]]` of the configuration: what a token costs, and from when to when."""

from collections import Counter
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from pipeline.sections import Section
from pipeline.settings_errors import month_name
from schemas.types import ALL, TOKEN_KINDS

Share = Annotated[Decimal, Field(gt=-1000, le=100)]
"""Per cent off the list; negative for a surcharge."""


class _Dated(Section):
    """What holds from a day on, and up to a day."""

    valid_from: date | None = None
    """First day on which it holds."""
    valid_to: date | None = None
    """First day on which it no longer holds."""

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> "_Dated":
        if self.valid_from and self.valid_to and self.valid_to <= self.valid_from:
            raise ValueError(
                f"valid_to {self.valid_to} is not after valid_from {self.valid_from}; valid_to is the first "
                "day on which it no longer holds"
            )
        return self

    def holds_on(self, day: date) -> bool:
        """Return whether a day lies inside."""
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_to is None or day < self.valid_to
        )


class Price(_Dated):
    """A list price per million tokens that the list does not have, or has wrong."""

    provider: str
    model: str
    token_kind: str
    usd_per_million: Decimal = Field(ge=0)
    service_tier: str = "standard"
    context: Literal["all", "short", "long"] = "all"
    """`long` for requests beyond the provider's length threshold: all of their tokens cost this."""
    geography: str = ALL
    """Where the tokens are processed, in the meter's word; `all` where no other entry names the place."""


class Floor(Section):
    """The volume that a contract promises a month, and what happens below it."""

    monthly_tokens: int | None = Field(default=None, ge=1)
    """Tokens of all kinds that the contract prices."""
    monthly_usd: Decimal | None = Field(default=None, gt=0)
    """Dollars at list price, for the tokens that the contract prices."""
    grace_months: int = Field(default=1, ge=0, le=36)
    """Months below the floor, one after the other, after which the terms lapse; 0: the month itself does."""
    notice_days: int = Field(default=0, ge=0, le=365)
    """Days that the terms hold on after that."""
    lapsed_discount_percent: Share = Decimal(0)
    """What is left off the list once the terms have lapsed."""
    recovers: bool = False
    """Whether a month at the floor brings the terms back, from the month after."""
    counts_from: str | None = None
    """First month that counts, as YYYY-MM, where earlier ones are settled; else the first whole month."""
    lapsed_from: date | None = None
    """Day from which the terms have lapsed, where the provider said so; nothing is then counted."""

    @field_validator("counts_from")
    @classmethod
    def _is_a_month(cls, value: str | None) -> str | None:
        return value if value is None else month_name(value)

    @model_validator(mode="after")
    def _has_one_measure(self) -> "Floor":
        if (self.monthly_tokens is None) == (self.monthly_usd is None):
            raise ValueError("a floor is either monthly_tokens or monthly_usd (dollars at list price)")
        return self


class Capacity(Section):
    """Capacity that is paid by the hour, used or not."""

    name: str
    units: Decimal = Field(gt=0)
    usd_per_unit_hour: Decimal = Field(ge=0)
    models: tuple[str, ...] = ("*",)
    """Globs of the models that it serves."""
    tokens_per_unit_hour: int | None = Field(default=None, ge=1)
    """Weighted tokens that one unit serves in an hour; left out, nobody can tell how much of it is used."""
    token_weights: dict[str, Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]] = Field(
        default_factory=dict
    )
    """Token kind -> as how many a token of it counts, such as output = 4 and cache_read = 0; else as one."""

    @model_validator(mode="after")
    def _weighs_what_it_serves(self) -> "Capacity":
        _known(tuple(self.token_weights))
        if self.token_weights and self.tokens_per_unit_hour is None:
            raise ValueError(
                f"capacity '{self.name}' has token_weights without tokens_per_unit_hour, the number of "
                "weighted tokens that one unit serves in an hour"
            )
        return self


class Contract(_Dated):
    """Terms of a provider for some of its models: a discount off the list, or rates."""

    name: str = Field(min_length=1)
    provider: str
    account: str | None = None
    """Provider account; all of them when left out."""
    models: tuple[str, ...] = Field(default=("*",), min_length=1)
    """Globs of the models as metered."""
    token_kinds: tuple[str, ...] = ()
    """Token kinds; all of them, or those of `usd_per_million`, when left out."""
    service_tiers: tuple[str, ...] = ()
    """Service tiers; when left out, all for a discount and `standard` for rates."""
    geography: str | None = None
    """Where the tokens are processed, in the meter's word; everywhere when left out."""
    discount_percent: Share | None = None
    """Per cent off the list price of the same kind, tier, length and place; negative for a surcharge."""
    usd_per_million: dict[str, Annotated[Decimal, Field(ge=0)]] = Field(default_factory=dict)
    """Token kind -> dollars for a million tokens, whatever their length and place."""
    floor: Floor | None = None
    commitment_usd: Decimal | None = Field(default=None, gt=0)
    """Dollars that are owed each month at least."""
    capacity: tuple[Capacity, ...] = ()

    @field_validator("token_kinds")
    @classmethod
    def _are_kinds(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        return _known(kinds)

    @field_validator("usd_per_million")
    @classmethod
    def _rates_are_of_kinds(cls, rates: dict[str, Decimal]) -> dict[str, Decimal]:
        _known(tuple(rates))
        return rates

    @model_validator(mode="after")
    def _says_something(self) -> "Contract":
        if self.discount_percent is not None and self.usd_per_million:
            raise ValueError(
                f"contract '{self.name}' has both discount_percent and usd_per_million; make it "
                "two contracts for different kinds, tiers or models"
            )
        if not (self.has_prices or self.commitment_usd or self.capacity):
            raise ValueError(
                f"contract '{self.name}' has no terms; give discount_percent, usd_per_million, "
                "commitment_usd or capacity"
            )
        if self.floor and not (self.has_prices and self.valid_from):
            raise ValueError(
                f"contract '{self.name}' has a floor, so it needs a discount or rates that can lapse, and "
                "valid_from: the months below the floor are counted from there"
            )
        return self

    @property
    def has_prices(self) -> bool:
        """Whether it says what tokens cost."""
        return self.discount_percent is not None or bool(self.usd_per_million)

    @property
    def priced_kinds(self) -> tuple[str, ...]:
        """Token kinds that it prices."""
        if self.discount_percent is not None:
            return self.token_kinds or TOKEN_KINDS
        return tuple(kind for kind in self.usd_per_million if kind in (self.token_kinds or TOKEN_KINDS))

    @property
    def priced_tiers(self) -> tuple[str, ...] | None:
        """Service tiers that it prices; null for all."""
        return self.service_tiers or (None if self.discount_percent is not None else ("standard",))


def _known(kinds: tuple[str, ...]) -> tuple[str, ...]:
    for kind in kinds:
        if kind not in TOKEN_KINDS:
            raise ValueError(f"'{kind}' is no token kind; use {', '.join(TOKEN_KINDS)}")
    return kinds


def _names_are_unique(contracts: tuple[Contract, ...]) -> tuple[Contract, ...]:
    counts = Counter(contract.name for contract in contracts)
    if twice := sorted(name for name, count in counts.items() if count > 1):
        raise ValueError(f"contract name '{twice[0]}' is used more than once; names tell contracts apart")
    return contracts


Contracts = Annotated[tuple[Contract, ...], AfterValidator(_names_are_unique)]
"""`[[contracts]]`: several may hold at once; the narrowest one counts."""
