"""`tallystick.toml` as a user of the simulated company would write it."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from pipeline.simulator.billing import PRICES, list_price
from pipeline.simulator.company import COMPANY, SERVICES
from pipeline.simulator.invoices import EUR_IN_USD
from pipeline.simulator.models import ACCOUNTS, GPT41, GPT51, MODELS
from pipeline.simulator.service import Service

_SOURCES = (
    ("traces", "traces", "traces", None),
    ("openai-usage", "usage", "openai/usage", "openai"),
    ("openai-costs", "cost", "openai/costs", "openai"),
    ("anthropic-usage", "usage", "anthropic/usage", "anthropic"),
    ("anthropic-cost", "cost", "anthropic/cost", "anthropic"),
    ("proxy-log", "requests", "proxy/requests.csv", None),
    ("invoices", "invoice", "invoices/*.toml", None),
)

_LOG = ("anthropic-usage", "requests", "anthropic/requests.csv", None)
"""A log of all requests, in place of the usage export."""

_TEAMS = """
# Calls through the shared gateway belong to the team whose key was used.
[[teams]]
team = "growth"
span_attribute = { "metadata.user_api_key_team_alias" = "growth" }

[[teams]]
team = "commerce"
span_attribute = { "metadata.user_api_key_team_alias" = "commerce" }

[[teams]]
team = "search"
span_attribute = { "metadata.user_api_key_team_alias" = "search" }

# Everything else by service.
"""

_GLOBS = (
    ("support", "support-*"), ("support", "mailroom"), ("search", "search-*"), ("commerce", "shop-*"),
    ("commerce", "product-*"), ("commerce", "web-app"), ("platform", "code-review"), ("platform", "ops-*"),
    ("platform", "llm-gateway"), ("platform", "qa-*"), ("platform", "back-office"), ("data", "research-*"),
    ("data", "report-*"), ("data", "doc-*"), ("data", "local-*"), ("growth", "campaign-*"),
    ("growth", "translator"), ("growth", "digest"),
)  # fmt: skip

_SCOPES = """
# Nobody traces the evaluation script: its project is a scope of its own, so that its traffic is not
# mixed up with the calls of the same model elsewhere.
[[scopes]]
name = "evaluations"
provider = "openai"
account = "{account}"
project_ids = ["proj_evals"]
team = "data"

# The re-index job has no spans either; its project tells whose it is.
[[teams]]
team = "search"
project_id = "proj_search_index"
"""


def write_configuration(path: Path, services: Sequence[Service]) -> None:
    """Write the configuration; it never mentions the truth."""
    is_logged = any(service.is_logged for service in services)
    usual = {service.name for service in SERVICES}
    newer = [service for service in services if service.name not in usual]
    sources = [_LOG if is_logged and source[0] == _LOG[0] else source for source in _SOURCES]
    parts = [
        f'company = "{COMPANY}"\n\n'
        '# The test suite talks to a mock.\nunbilled_services = ["qa-suite"]\n\n'
        '[materiality]\nusd = "5"\npercent = "3"\n\n'
        f'[exchange_rates]\nEUR = "{EUR_IN_USD}"\n',
        *(_source(*source) for source in sources),
        _TEAMS.rstrip("\n") + "\n",
        *(f'\n[[teams]]\nteam = "{team}"\nservice = "{glob}"\n' for team, glob in _GLOBS),
        *(f'\n[[teams]]\nteam = "{service.team}"\nservice = "{service.name}"\n' for service in newer),
        *(_sampling(service) for service in services if service.sampled < 1 and not service.marks_sampling),
        _SCOPES.format(account=ACCOUNTS["openai"]),
        _aliases(),
        "\n# Flex and batch cost half of the list price, priority more.\n",
        *(_prices(GPT51.name, "flex")),
        *(_prices(GPT41.name, "batch")),
        *(_prices(GPT41.name, "priority") if any(one.tier == "priority" for one in newer) else ()),
    ]
    path.write_text("".join(parts), "utf-8")


def _sampling(service: Service) -> str:
    return f'\n[[sampling]]\nservice = "{service.name}"\nprobability = {service.sampled}\n'


def _source(name: str, kind: str, uri: str, provider: str | None) -> str:
    text = f'\n[[sources]]\nname = "{name}"\nkind = "{kind}"\nuri = "{uri}"\n'
    if provider:
        text += f'provider = "{provider}"\naccount = "{ACCOUNTS[provider]}"\n'
    return text


def _aliases() -> str:
    lines = [f'"{model.alias}" = "{model.name}"' for model in MODELS if model.alias != model.name]
    return "\n[models.aliases]\n" + "\n".join(lines) + "\n"


def _prices(model: str, tier: str) -> list[str]:
    return [
        f'\n[[prices]]\nprovider = "openai"\nmodel = "{model}"\ntoken_kind = "{kind}"\n'
        f'usd_per_million = "{_plain(list_price(model, tier, kind))}"\nservice_tier = "{tier}"\n'
        for kind in PRICES[model]
    ]


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"
