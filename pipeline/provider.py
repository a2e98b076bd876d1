"""What a provider is: its words, its tiers, its parsers. One file a provider in `providers/`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import polars as pl


class Reject(NamedTuple):
    """A record that could not be read: the place in the file, a stable code, the reason, what to do."""

    line: int | None
    position: int | None
    byte_offset: int | None
    code: str
    reason: str
    advice: str


class Parsed(NamedTuple):
    """What a parser returns: rows of one raw contract without provenance columns, and the rejects.

    `rows` has the columns of the raw contract except `file_id`, `source`, `account` (landing adds them).
    `read` counts records found: it must equal rows kept plus rejects.
    """

    rows: pl.DataFrame
    rejects: list[Reject]
    read: int


@dataclass(frozen=True)
class ExportFormat:
    """A file format of one kind of export: how to recognise it and how to read it."""

    name: str
    kind: str
    """usage, cost, invoice or requests."""
    table: str
    """Raw table that the rows go to, for example raw.usage."""
    detect: Callable[[bytes], bool]
    """Whether the first 64 KiB of the decompressed file look like this; exclusive within a kind."""
    parse: Callable[[bytes], Parsed]
    """Read the whole decompressed file. No paths, no network, no clock."""


class Sku(NamedTuple):
    """What the text of a SKU on a bill says."""

    model: str | None
    token_kind: str | None
    service_tier: str | None
    cost_type: str
    """tokens, fee or unknown."""


class GeographyRate(NamedTuple):
    """What processing in one place costs beside the list price."""

    geography: str
    """Place in the meter's word."""
    models: tuple[str, ...]
    """Globs of the models that cost it."""
    factor: str
    """Times the list price, as a decimal number."""


SkuReader = Callable[[str, str], Sku | None]
"""Reads the text of a SKU, and the name of the service or product; null when it names no usage of a model."""


@dataclass(frozen=True)
class Provider:
    """Who meters and bills: facts with their source, no behaviour beyond its own formats."""

    slug: str
    """Lower case, for example openai. The word used in every table."""
    title: str
    formats: tuple[ExportFormat, ...] = ()
    hosts: tuple[str, ...] = ()
    """Host names or suffixes (starting with a dot) whose calls this provider bills."""
    logged_names: tuple[str, ...] = ()
    """Words that instrumentations use for it: gen_ai.provider.name, gen_ai.system, llm.provider."""
    model_prefixes: tuple[str, ...] = ()
    """Model name prefixes that nobody else uses; the last resort."""
    model_aliases: Mapping[str, str] = field(default_factory=dict)
    """Explicit: alias or display name -> model as metered. Never fuzzy."""
    tiers: Mapping[str, str] = field(default_factory=dict)
    """Tier word as sent -> standard, batch, flex, priority."""
    default_tier: str = "standard"
    billing_timezone: str = "UTC"
    prices_id: str | None = None
    """Id of the provider in genai-prices; null when it has none."""
    geography_rates: tuple[GeographyRate, ...] = ()
    """Places whose price is not the list price."""
    seller: str | None = None
    """Who sells it, as FOCUS files of the seller have it; its title where left out."""
    issuers: tuple[str, ...] = ()
    """Names of the seller in FOCUS files, in lower case; without any, its title sells nothing but models."""
    services: tuple[str, ...] = ("*",)
    """Globs of service names, in lower case, all of whose charges are for models."""
    shared_services: tuple[str, ...] = ()
    """Globs of services that sell other things too: only charges whose SKU can be read are for models."""
    sku: SkuReader | None = None
    """Reads its SKU texts on bills that are not its own cost export."""
    token_units: Mapping[str, str] = field(default_factory=dict)
    """Bare unit word on a line whose SKU counts tokens, in lower case -> the unit in tokens."""
    cache_writes: tuple[str, ...] = ()
    """Token kinds in which its meter counts cache writes; lumped writes are split over these."""
