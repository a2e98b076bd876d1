"""Says at once what is wrong with configuration and sources, and what to do: nothing is landed."""

from collections.abc import Iterator
from typing import NamedTuple

from pipeline.errors import SourceError
from pipeline.formats import by_name, detect
from pipeline.providers import PROVIDERS
from pipeline.settings import Settings, Source
from pipeline.storage import list_files, read_head
from pipeline.traces import trace_format


class Problem(NamedTuple):
    """Something that will hurt a close: `error` stops a source, `warning` narrows the result."""

    severity: str
    where: str
    message: str
    advice: str


def check(settings: Settings) -> list[Problem]:
    """Return every problem of configuration and sources, in their order."""
    if not settings.sources:
        return [
            Problem("error", "sources", "There is no source.", "Add a [[sources]] table; see the README.")
        ]
    return [
        *(problem for source in settings.sources for problem in _source(settings, source)),
        *_kinds(settings),
        *_words(settings),
    ]


def _source(settings: Settings, source: Source) -> Iterator[Problem]:
    where = f"source '{source.name}'"
    listing = list_files(settings.root, source.uri)
    for ignored in listing.ignored:
        yield Problem(
            "warning", where, f"{ignored.uri} is not read: {ignored.why}.", "Copy it into the folder."
        )
    if not listing.files:
        yield Problem(
            "error", where, f"'{source.uri}' matches no file below {settings.root or '.'}.",
            "Correct the uri, or fetch the files first.",
        )  # fmt: skip
        return
    newest = listing.files[-1]
    try:
        if source.kind == "traces":
            trace_format(read_head(newest.path), source.format)
        elif source.format:
            by_name(source.format)
        else:
            detect(read_head(newest.path), source.kind, newest.path.name)
    except SourceError as error:
        yield Problem("error", where, f"{newest.uri}: {error.reason}", error.advice)
    except OSError as error:
        yield Problem(
            "error",
            where,
            f"{newest.uri}: {error.strerror}.",
            "Make it readable, or take it out of the source.",
        )


def _kinds(settings: Settings) -> Iterator[Problem]:
    kinds = {source.kind for source in settings.sources}
    if "traces" not in kinds:
        yield Problem(
            "warning", "sources", "There are no traces: everything metered will be uninstrumented.",
            "Add a source of kind traces.",
        )  # fmt: skip
    if not kinds & {"usage", "requests", "invoice"}:
        yield Problem(
            "error", "sources", "There is no meter: traced tokens have nothing to be compared with.",
            "Add a source of kind usage, requests or invoice.",
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
