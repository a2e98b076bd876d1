"""What a rate is asked for."""

from decimal import Decimal
from typing import NamedTuple

from schemas.types import ALL

SHORT, LONG = "short", "long"
"""Length of a request beside the provider's threshold; beyond it, all of its tokens cost the higher price."""

RATE_KEY = (
    "provider",
    "account",
    "model",
    "service_tier",
    "token_kind",
    "context",
    "geography",
)
"""Columns of what a rate is asked for."""


class Sku(NamedTuple):
    """One kind of token of a model, as it is served and paid for."""

    provider: str
    account: str | None
    """Null where it is not known: contracts of one account are then left out."""
    model: str
    service_tier: str
    token_kind: str
    context: str = ALL
    """`long`, `short`, or `all` where nobody tells: then as short."""
    geography: str = ALL
    """Place in the meter's word, or `all` where nobody tells."""

    @property
    def tier(self) -> str:
        """The tier to price; where nobody tells it, standard."""
        return "standard" if self.service_tier == ALL else self.service_tier


class Listed(NamedTuple):
    """A list price in dollars a token, and the price card it stands on or why there is none."""

    usd_per_token: Decimal | None
    origin: str


class Rated(NamedTuple):
    """What a token costs, and how that is known."""

    usd_per_token: Decimal | None
    """Null where nobody knows a price."""
    origin: str
    """Price card and version, contract, or why there is none."""
    list_usd_per_token: Decimal | None = None
    """The list price under it; null where nobody knows one."""
    contract: str | None = None
    """Name of the contract that prices it."""
    agreed_usd_per_token: Decimal | None = None
    """What the contract would have it cost if its terms had not lapsed; null without a contract."""
    lapsed_usd_per_token: Decimal | None = None
    """What it costs once the terms have lapsed; null where they cannot."""
    rivals: tuple[str, ...] = ()
    """Contracts that all price it, differently, none narrower than the other: hence no rate."""
