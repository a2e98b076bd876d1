"""Says at once what is wrong with configuration and sources, and what to do: nothing is landed."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

import polars as pl

from pipeline.budget_checks import budget_problems, outcome_problems
from pipeline.content import read_head
from pipeline.contract_checks import contract_problems
from pipeline.delivery_checks import delivery_problems
from pipeline.errors import SourceError, StorageError
from pipeline.formats import by_name, detect
from pipeline.intake.file_rows import MAX_EXPORT_BYTES
from pipeline.keys import is_remote
from pipeline.parsing.tables import head_of, is_parquet
from pipeline.providers import PROVIDERS
from pipeline.settings import Settings
from pipeline.source_settings import Source
from pipeline.storage import list_files
from pipeline.stored import StoredFile
from pipeline.traces import trace_format


class Problem(NamedTuple):
    """Something that will hurt a close: `error` stops a source, `warning` narrows the result."""

    severity: str
    where: str
    message: str
    advice: str


def check(
    settings: Settings, landed: pl.DataFrame | None = None, teams: frozenset[str] = frozenset()
) -> list[Problem]:
    """Return every problem of configuration and sources, in their order.

    `landed` has provider, account and model of what is metered and billed; null where nothing is landed yet.
    `teams` are those of closed months.
    """
    if not settings.sources:
        return [
            Problem("error", "sources", "There is no source.", "Add a [[sources]] table; see the README.")
        ]
    return [
        *_places(settings),
        *_kinds(settings),
        *_words(settings),
        *(Problem(*told) for told in contract_problems(settings, landed)),
        *(Problem(*told) for told in delivery_problems(settings)),
        *(Problem(*told) for told in budget_problems(settings, teams)),
        *(Problem(*told) for told in outcome_problems(settings)),
    ]


def _places(settings: Settings) -> Iterator[Problem]:
    """Look at all sources and at `copy_to`; a server that is down is asked once for all."""
    down: StorageError | None = None
    places: list[tuple[str, str, Callable[[], Iterable[Problem]]]] = [
        (f"source '{each.name}'", each.uri, partial(_source, settings, each)) for each in settings.sources
    ]
    if settings.output.copy_to is not None:
        places.append(
            ("output.copy_to", settings.output.copy_to, partial(_copy, settings, settings.output.copy_to))
        )
    for where, uri, look in places:
        if down is not None and is_remote(uri):
            yield Problem("error", where, f"{uri} was not looked at, since {down.reason}", down.advice)
            continue
        try:
            yield from look()
        except StorageError as error:
            yield Problem("error", where, error.reason, error.advice)
            down = error if error.may_pass else None


def _source(settings: Settings, source: Source) -> Iterator[Problem]:
    where = f"source '{source.name}'"
    listing = list_files(settings.root, source.uri, settings.s3.endpoint_url)
    for ignored in listing.ignored:
        yield Problem(
            "warning", where, f"{ignored.uri} is not read: {ignored.why}.", "Copy it into the folder."
        )
    if not listing.files:
        yield Problem(
            "error", where, f"'{source.uri}' matches no file{_below(settings, source)}.",
            "Correct the uri, or fetch the files first.",
        )  # fmt: skip
        return
    yield from _newest(source, listing.files[-1])


def _below(settings: Settings, source: Source) -> str:
    return "" if is_remote(source.uri) else f" below {settings.root or '.'}"


def _newest(source: Source, newest: StoredFile) -> Iterator[Problem]:
    where = f"source '{source.name}'"
    try:
        head = read_head(newest)
        if source.kind == "traces":
            trace_format(head, source.format)
        elif source.format:
            by_name(source.format)
        else:
            detect(_columns_of(newest, head), source.kind, newest.name)
    except SourceError as error:
        yield Problem("error", where, f"{newest.uri}: {error.reason}", error.advice)
    except OSError as error:
        yield Problem(
            "error",
            where,
            f"{newest.uri}: {error.strerror}.",
            "Make it readable, or take it out of the source.",
        )


def _columns_of(file: StoredFile, head: bytes) -> bytes:
    """What formats are detected by; the columns of Parquet stand at its end."""
    return head_of(read_head(file, MAX_EXPORT_BYTES)) if is_parquet(head) else head


def _copy(settings: Settings, place: str) -> tuple[Problem, ...]:
    """See whether the place of copies can be listed; what is there is no matter."""
    list_files(settings.root, f"{place.rstrip('/')}/latest.json", settings.s3.endpoint_url)
    return ()


def _kinds(settings: Settings) -> Iterator[Problem]:
    kinds = {source.kind for source in settings.sources}
    if "traces" not in kinds:
        yield Problem(
            "warning", "sources", "There are no traces: everything metered will be uninstrumented.",
            "Add a source of kind traces.",
        )  # fmt: skip
    if not kinds & {"usage", "requests", "cost", "invoice"}:
        yield Problem(
            "error", "sources", "There is no meter: traced tokens have nothing to be compared with.",
            "Add a source of kind usage, requests, cost or invoice.",
        )  # fmt: skip
    if not kinds & {"cost", "invoice"}:
        yield Problem(
            "warning", "sources", "There is no bill: dollars will be list prices only.",
            "Add a source of kind cost or invoice.",
        )  # fmt: skip


def _words(settings: Settings) -> Iterator[Problem]:
    known = {provider.slug for provider in PROVIDERS}
    named = [
        *((f"source '{source.name}'", source.provider) for source in settings.sources),
        *((f"scope '{scope.name}'", scope.provider) for scope in settings.scopes),
        *((f"price of '{price.model}'", price.provider) for price in settings.prices),
        *((f"contract '{contract.name}'", contract.provider) for contract in settings.contracts),
    ]
    for where, slug in named:
        if slug is not None and slug not in known:
            yield Problem(
                "error", where, f"Provider '{slug}' is not known.", f"Use one of: {', '.join(sorted(known))}."
            )
    if not settings.teams and settings.sources:
        yield Problem(
            "warning", "teams",
            "No rule gives calls to teams; only the team attributes of spans count.",
            "Add [[teams]] rules, or set a `team` attribute on spans or resources.",
        )  # fmt: skip
