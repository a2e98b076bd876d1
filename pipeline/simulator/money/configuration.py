"""The configuration of a world of bills."""

from collections.abc import Iterable
from pathlib import Path

from pipeline.simulator.billing import TITLES
from pipeline.simulator.company import COMPANY
from pipeline.simulator.invoices import EUR_IN_USD
from pipeline.simulator.models import ACCOUNTS
from pipeline.simulator.money.agreements import Agreement, configured
from pipeline.simulator.money.usage import STREAMS

_SOURCES = (
    ("openai-usage", "usage", "openai/usage", "openai"),
    ("openai-costs", "cost", "openai/costs", "openai"),
    ("anthropic-usage", "usage", "anthropic/usage", "anthropic"),
    ("anthropic-cost", "cost", "anthropic/cost", "anthropic"),
    ("invoices", "invoice", "invoices/*.toml", None),
)


def write_configuration(path: Path, agreements: Iterable[Agreement]) -> None:
    """Write the configuration; it never mentions the truth."""
    parts = [
        f'company = "{COMPANY}"\n\n[materiality]\nusd = "5"\npercent = "3"\n\n'
        f'[exchange_rates]\nEUR = "{EUR_IN_USD}"\n',
        *(_source(*source) for source in _SOURCES),
        *(_team(stream.project, stream.team) for stream in STREAMS if stream.project),
        *(
            _scope(stream.project, stream.provider, ACCOUNTS[stream.provider], stream.team)
            for stream in STREAMS
            if stream.project
        ),
        "\n[models.aliases]\n",
        *(f'"{title}" = "{name}"\n' for name, title in TITLES.items() if title != name),
        *(configured(agreement) for agreement in agreements),
    ]
    path.write_text("".join(parts), "utf-8")


def _source(name: str, kind: str, uri: str, provider: str | None) -> str:
    text = f'\n[[sources]]\nname = "{name}"\nkind = "{kind}"\nuri = "{uri}"\n'
    if provider:
        text += f'provider = "{provider}"\naccount = "{ACCOUNTS[provider]}"\n'
    return text


def _team(project: str, team: str) -> str:
    return f'\n[[teams]]\nteam = "{team}"\nproject_id = "{project}"\n'


def _scope(project: str, provider: str, account: str, team: str) -> str:
    return (
        f'\n[[scopes]]\nname = "{project}"\nprovider = "{provider}"\naccount = "{account}"\n'
        f'project_ids = ["{project}"]\nteam = "{team}"\n'
    )
