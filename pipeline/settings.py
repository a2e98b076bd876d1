"""`tallystick.toml`: every key is known, every mistake is named with the nearest right word."""

import hashlib
import os
import tomllib
from decimal import Decimal
from functools import cached_property
from pathlib import Path

from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline.allocation_settings import Allocation, check_teams
from pipeline.budget_settings import Budgets
from pipeline.closing_settings import Closing
from pipeline.contract_settings import Contracts, Price
from pipeline.delivery_settings import Delivery
from pipeline.errors import ConfigError
from pipeline.exchange_settings import ExchangeRates
from pipeline.health_settings import Health
from pipeline.journal_settings import Journal
from pipeline.keys import is_remote
from pipeline.landing_settings import Landing
from pipeline.output_settings import S3, Output
from pipeline.schedule_settings import Schedule
from pipeline.sections import Section
from pipeline.settings_errors import problem
from pipeline.source_settings import Source
from pipeline.team_settings import Identity, Scope, TeamRule
from pipeline.variance_settings import Costliest, Outcomes


class Models(Section):
    """Words for models beyond the built-in tables."""

    aliases: dict[str, str] = Field(default_factory=dict)
    """Alias as traced or billed -> model as metered."""


class Sampling(Section):
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


class Materiality(Section):
    """A finding is material when it passes both bounds."""

    usd: Decimal = Field(default=Decimal(100), ge=0)
    percent: Decimal = Field(default=Decimal(3), ge=0)


class Anatomy(Section):
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


class Settings(Section):
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
    schedule: Schedule = Schedule()
    health: Health = Health()
    delivery: Delivery = Delivery()
    allocation: Allocation = Allocation()
    budgets: Budgets = ()
    costliest: Costliest = Costliest()
    outcomes: Outcomes = Outcomes()
    journal: Journal = Journal()
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

    @field_validator("allocation")
    @classmethod
    def _teams_exist(cls, allocation: Allocation, info: ValidationInfo) -> Allocation:
        rules = (*info.data.get("teams", ()), *info.data.get("scopes", ()))
        return check_teams(allocation, {rule.team for rule in rules if rule.team})

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
    smtp_password: SecretStr | None = None
    """Of the user that delivery.smtp names."""


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
