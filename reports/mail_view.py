"""What a mail shows, as values: HTML and text put the same words into two forms and compute nothing."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Bar:
    """A bar of a chart made of cells: per cent of the width before it, of it and after it; 100 in all."""

    before: int
    size: int
    after: int
    role: str
    """total, up, down or rest (the unexplained)."""


@dataclass(frozen=True)
class Line:
    """A row of a table: what it is about, its figures, and a remark below its name."""

    name: str
    figures: tuple[str, ...]
    note: str = ""
    role: str = "plain"
    """plain, total, unexplained, or rest (what the mail has no room for, as one row)."""
    bar: Bar | None = None


@dataclass(frozen=True)
class Sheet:
    """A table with a caption and a head for each column."""

    caption: str
    heads: tuple[str, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Item:
    """A cause or a finding: what, how much, why, and what to do."""

    title: str
    facts: str = ""
    sentence: str = ""
    todo: str = ""


@dataclass(frozen=True)
class Part:
    """A part of the mail: a table, or items, or sentences, and how many more there are on the page."""

    title: str
    lead: str = ""
    sheet: Sheet | None = None
    items: tuple[Item, ...] = ()
    more: str = ""


@dataclass(frozen=True)
class Figure:
    """One of the three figures under the headline."""

    title: str
    text: str
    aside: str


@dataclass(frozen=True)
class Mail:
    """Everything in one mail."""

    subject: str
    team: str | None
    """Null on the mail of all teams."""
    path: str
    """Of the file, below the folder of the month."""
    month: str
    report: str
    """Which version of the report this is: another when figures or the standing of the month are others."""
    sent_at: datetime
    """When the month was locked, else its end: the same whenever it is written."""
    preheader: str
    kicker: str
    headline: str
    warnings: tuple[str, ...]
    figures: tuple[Figure, ...]
    why: tuple[tuple[str, str], ...]
    """Why traces and bill differ, and how sure that is: a word and a sentence each."""
    now: tuple[str, ...]
    """What to do now, where to begin, and what saves most, a sentence or more each."""
    verdict: str
    parts: tuple[Part, ...]
    link: str
    """Address of the page; empty where none is configured."""
    notes: tuple[str, ...]
