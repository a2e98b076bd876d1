"""What a watch is: something that is looked at with every landing or close, and told before anybody asks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import polars as pl

from pipeline.settings import Settings


class Alarm(NamedTuple):
    """Something that is not as it should be."""

    where: str
    """Source, account, trace or rate."""
    message: str
    """What, where, how much."""
    advice: str
    """What to do now."""


class Facts(NamedTuple):
    """What a watch looks at."""

    settings: Settings
    now: datetime
    frames: Mapping[str, pl.DataFrame]
    """Rows of `pipeline/sql/health/<name>.sql` by name."""
    month: str = ""
    """The month that was closed; empty after a landing."""


@dataclass(frozen=True)
class Watch:
    """A thing that is looked at; it warns and stops nothing."""

    code: str
    table: str
    """Table that it is shown beside."""
    sentence: str
    """What is true when there is no alarm."""
    reads: tuple[str, ...]
    """Names of the SQL files whose rows it takes."""
    find: Callable[[Facts], list[Alarm]]
    """Pure: no clock, no file, no warehouse."""
