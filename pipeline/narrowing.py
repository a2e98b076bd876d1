"""The month in the narrowest scopes that its files show: configured ones, and those of `learned_scopes`."""

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from pipeline.calls import Calls
from pipeline.findings import assemble, finding
from pipeline.learned_scopes import learned_scopes
from pipeline.metering.usage_meter import keyed_rows
from pipeline.period import Month
from pipeline.sampling import kept_share
from pipeline.scopes import with_scope
from pipeline.settings import Settings
from pipeline.team_settings import Scope


class Narrowed(NamedTuple):
    """Settings with the scopes that were learned, the calls in them, and a finding for each."""

    settings: Settings
    calls: Calls
    findings: pl.DataFrame


def narrowed(calls: Calls, raw: Mapping[str, pl.DataFrame], settings: Settings, month: Month) -> Narrowed:
    """Return the month's calls in the scopes that its usage export and its traces show together.

    `raw` holds raw.usage and raw.file. A configured scope always comes first.
    """
    usage = keyed_rows(raw["raw.usage"], raw["raw.file"], settings, month)
    known = calls.calls.with_columns(kept_share(calls.calls, settings.sampling))
    scopes = learned_scopes(usage, known)
    if not scopes:
        return Narrowed(settings, calls, assemble([]))
    own = settings.model_copy(update={"scopes": scopes})
    frames = [_moved(frame, own) if "scope" in frame.columns else frame for frame in calls]
    both = settings.model_copy(update={"scopes": (*settings.scopes, *scopes)})
    return Narrowed(both, Calls(*frames), assemble([_finding(scope, month) for scope in scopes]))


def _moved(frame: pl.DataFrame, learned: Settings) -> pl.DataFrame:
    """Rows without a configured scope in the one that was learned for their service."""
    found = with_scope(frame.select("provider", "account", "service"), learned)["scope"]
    is_free = pl.col("scope") == pl.col("account")
    return frame.with_columns(scope=pl.when(is_free).then(found).otherwise("scope"))


def _finding(scope: Scope, month: Month) -> pl.DataFrame:
    keys = [*scope.project_ids, *scope.api_key_ids]
    word = "project_ids" if scope.project_ids else "api_key_ids"
    return finding(
        str(month),
        "learned_scope",
        "note",
        f"The metered traffic of {_listed(keys)} at {scope.provider} account '{scope.account}' is that of "
        f"the calls of {_listed(scope.services)}: they are compared with each other alone.",
        f"Confirm it with a [[scopes]] entry that names services and {word}, or name the right ones.",
        provider=scope.provider,
        account=str(scope.account),
    )


def _listed(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(f"'{name}'" for name in names)
