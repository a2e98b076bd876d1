"""SkuPriceDetails of FOCUS: the properties of the 1.5 draft that say which model and tokens a price is of."""

import json
from typing import NamedTuple

from pipeline.provider import Sku

_TYPES = {
    "input": "input_uncached",
    "output": "output",
    "cacheread": "cache_read",
    "cachewrite": "cache_write_other",
}
_ACTIONS = {"read": "cache_read", "write": "cache_write_other", "uncached": "input_uncached"}


class Details(NamedTuple):
    """Model and token kind that a price names; null where it names none."""

    model: str | None = None
    token_kind: str | None = None

    @property
    def names_a_model(self) -> bool:
        """Whether the price is one of a model."""
        return self.model is not None or self.token_kind is not None

    def over(self, sku: Sku | None) -> Sku | None:
        """Return what is named here, over what the text of the SKU says."""
        if not self.names_a_model:
            return sku
        said = sku or Sku(None, None, None, "fee")
        kind = self.token_kind or said.token_kind
        return Sku(self.model or said.model, kind, said.service_tier, "tokens" if kind else said.cost_type)


def details_of(text: str) -> Details:
    """Return what SkuPriceDetails says: TokenDirection and TokenCacheAction, or TokenType of an older draft.

    Keys may carry `x_`. Input without a cache action may hold cached tokens too; it is read as plain input.
    Other cache actions name no kind.
    """
    try:
        found = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return Details()
    if not isinstance(found, dict):
        return Details()
    words = {
        name.lower().removeprefix("x_"): value.strip()
        for name, value in found.items()
        if isinstance(value, str) and value.strip() and len(value) <= 256
    }
    return Details(words.get("modelid"), _kind({name: word.lower() for name, word in words.items()}))


def _kind(words: dict[str, str]) -> str | None:
    if "tokentype" in words:
        return _TYPES.get(words["tokentype"])
    direction = words.get("tokendirection")
    if direction == "output":
        return "output"
    return _ACTIONS.get(words.get("tokencacheaction", "uncached")) if direction == "input" else None
