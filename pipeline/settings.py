"""`tallystick.toml`: every key is known, every mistake is named with the nearest right word."""

import hashlib
import os
import re
import tomllib
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline.closing_settings import Closing
from pipeline.contract_settings import Contracts, Price
from pipeline.errors import ConfigError
from pipeline.exchange_settings import ExchangeRates
from pipeline.keys import is_remote, parse
from pipeline.landing_settings import Landing
from pipeline.settings_errors import problem

Kind = Literal["traces", "usage", "cost", "invoice", "requests"]


class _Section(BaseModel):
    """Closed and immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Section):
    """Where files of one kind lie."""

    kind: Kind
    uri: str
    """A file, a folder or a glob, relative to the configuration's folder or on S3."""
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")] = ""
    """What messages call it; made of kind and uri when left out."""
    format: str | None = None
    """Name of a format; found from the content when left out."""
    provider: str | None = None
    """Slug of the provider, where the format does not tell."""
    account: str | None = None
    """Provider account that exports belong to; on traces, the account that all its calls are billed to."""
    pulled_at: datetime | None = None
    """When these exports were pulled; else the date in the file name, else the file's time."""

    @model_validator(mode="before")
    @classmethod
    def _has_a_name(cls, values: Any) -> Any:
        if not isinstance(values, dict) or "name" in values:
            return values
        words = re.findall(r"[A-Za-z0-9]+", f"{values.get('kind', '')} {values.get('uri', '')}")
        return {**values, "name": "-".join(words) or "source"}

    @field_validator("uri")
    @classmethod
    def _is_a_place(cls, value: str) -> str:
        if is_remote(value):
            parse(value)
        elif "://" in value:
            raise ValueError("sources are local files, folders and globs, or s3://bucket/...; copy it there")
        return value


class Scope(_Section):
    """A place where traced and metered can meet that is narrower than an account."""

    name: str
    provider: str
    account: str | None = None
    project_ids: tuple[str, ...] = ()
    """Projects or workspaces of the export."""
    api_key_ids: tuple[str, ...] = ()
    """API keys of the export."""
    services: tuple[str, ...] = ()
    """Globs of service names whose calls use it."""
    team: str | None = None
    """Team that owns what no call explains; without it, a pool."""


class TeamRule(_Section):
    """One rule that gives calls to a team; rules are tried in order, the first match wins."""

    team: str
    service: str | None = None
    """Glob of the service name."""
    span_attribute: dict[str, str] = {}
    """Span attributes and the globs of their values; all must match."""
    resource_attribute: dict[str, str] = {}
    """Resource attributes and the globs of their values; all must match."""
    project_id: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    """First day on which the rule no longer holds."""


class Identity(_Section):
    """Attributes whose value is a team, a feature or a conversation, on the span or its resource."""

    team_attributes: tuple[str, ...] = ("team", "team.name", "owner.team")
    feature_attributes: tuple[str, ...] = ("feature", "feature.name", "app.feature")
    conversation_attributes: tuple[str, ...] = ("gen_ai.conversation.id", "session.id", "conversation.id")


class Models(_Section):
    """Words for models beyond the built-in tables."""

    aliases: dict[str, str] = {}
    """Alias as traced or billed -> model as metered."""


class Sampling(_Section):
    """A share of traces that a sampler keeps without a mark on their spans; the first match counts."""

    service: str = "*"
    """Glob of the service name."""
    probability: Decimal
    """Share of traces that are kept: 0.1 where one in ten is."""

    @field_validator("probability")
    @classmethod
    def _is_a_share(cls, value: Decimal) -> Decimal:
        if not 0 < value <= 1:
            raise ValueError(
                f"{value} is not a share of traces that are kept; write a number above 0 and up to 1, "
                "for example 0.1 where one trace in ten is kept"
            )
        return value


class Materiality(_Section):
    """A finding is material when it passes both bounds."""

    usd: Decimal = Field(default=Decimal(100), ge=0)
    percent: Decimal = Field(default=Decimal(3), ge=0)


class Anatomy(_Section):
    """Which calls test the product and serve nobody."""

    evaluation_environments: tuple[str, ...] = ("ci", "eval*", "test*", "stag*", "qa")
    """Globs of deployment environments, in lower case."""
    evaluation_services: tuple[str, ...] = (
        "*-eval",
        "*-evals",
        "eval-*",
        "evals-*",
        "*-ci",
        "ci-*",
        "*-tests",
    )
    """Globs of service names."""


class Output(_Section):
    """Where results go, relative to the configuration's folder."""

    folder: str = "output"
    warehouse: str = "tallystick.duckdb"
    copy_to: str | None = None
    """Where on S3 a published month is copied to: s3://bucket/folder."""

    @field_validator("folder", "warehouse")
    @classmethod
    def _is_local(cls, value: str) -> str:
        if "://" in value:
            raise ValueError("this is a local path; `copy_to` takes an s3:// address for the published month")
        return value

    @field_validator("copy_to")
    @classmethod
    def _is_a_folder_of_s3(cls, value: str | None) -> str | None:
        if value is not None and (not is_remote(value) or parse(value).pattern != ("**", "*")):
            raise ValueError("write an address on S3 without wild cards: s3://bucket/folder")
        return value


class S3(_Section):
    """How S3 is reached; credentials and region are the environment's matter."""

    endpoint_url: str | None = None
    """Another server that speaks S3; without it AWS_ENDPOINT_URL_S3, else Amazon's."""

    @field_validator("endpoint_url")
    @classmethod
    def _is_a_url(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[^\s/@?#]+(/[^\s@?#]*)?", value):
            raise ValueError("write http:// or https://, the host and the port, and no credentials")
        return value


class Settings(_Section):
    """The whole configuration."""

    company: str = "Your company"
    output: Output = Output()
    s3: S3 = S3()
    landing: Landing = Landing()
    materiality: Materiality = Materiality()
    sources: tuple[Source, ...] = ()
    scopes: tuple[Scope, ...] = ()
    teams: tuple[TeamRule, ...] = ()
    identity: Identity = Identity()
    models: Models = Models()
    prices: tuple[Price, ...] = ()
    contracts: Contracts = ()
    sampling: tuple[Sampling, ...] = ()
    anatomy: Anatomy = Anatomy()
    closing: Closing = Closing()
    unbilled_services: tuple[str, ...] = ()
    """Globs of services whose calls nobody bills: they talk to a mock or a model of your own."""
    exchange_rates: ExchangeRates = ()
    """US dollars for one unit of a currency, as stated on the invoices or in the books."""
    root: Path = Path()
    """Folder of the configuration; set by `load`."""

    @field_validator("sources")
    @classmethod
    def _names_are_unique(cls, sources: tuple[Source, ...]) -> tuple[Source, ...]:
        names = [source.name for source in sources]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"source name '{twice[0]}' is used more than once; names tell sources apart")
        return sources

    @cached_property
    def output_folder(self) -> Path:
        """Folder of all published files."""
        return self.root / self.output.folder

    @cached_property
    def warehouse_file(self) -> Path:
        """The DuckDB file."""
        return self.root / self.output.warehouse

    @cached_property
    def parts_place(self) -> str:
        """Folder, here or on S3, of what workers hand over in a landing; one of this warehouse alone."""
        file, parts = self.warehouse_file.absolute(), self.landing.parts
        mark = hashlib.sha256(os.fsencode(file)).hexdigest()[:8] if parts else "parts"
        if parts and is_remote(parts):
            return f"{parts.rstrip('/')}/.{file.name}.{mark}"
        return str(self.root.absolute() / (parts or file.parent) / f".{file.name}.{mark}")

    @cached_property
    def label_attributes(self) -> tuple[str, ...]:
        """Attributes that landing keeps because a rule reads them, sorted."""
        rules = {key for rule in self.teams for key in (*rule.span_attribute, *rule.resource_attribute)}
        return tuple(
            sorted(rules | set(self.identity.team_attributes) | set(self.identity.feature_attributes))
        )


class Secrets(BaseSettings):
    """What never stands in a file: read from the environment."""

    model_config = SettingsConfigDict(env_prefix="TALLYSTICK_")

    hash_key: SecretStr | None = None
    """Key with which personal ids of exports are hashed; without it a new one is drawn every time."""


def load(path: Path) -> Settings:
    """Return the settings of a file.

    Raises:
        ConfigError: the file is missing, is not TOML, or has unknown or wrong keys; all are named at once.
    """
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"There is no configuration at {path}. Write one, or run `tallystick demo` to see an example."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}. Correct that line and run again.") from None
    if "root" in content:
        raise ConfigError(f"{path}: unknown key 'root'. Remove it.")
    try:
        return Settings.model_validate({**content, "root": path.parent})
    except ValidationError as error:
        problems = "\n".join(f"  - {problem(item, Settings)}" for item in error.errors())
        raise ConfigError(f"{path} cannot be used:\n{problems}") from None
