"""What a place offers: files, with what tells one state of a file from another, and what is passed over."""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

_ENCODED = re.compile(r"%(?=[0-9A-Fa-f]{2})")


@dataclass(frozen=True)
class Remote:
    """One state of an object of S3."""

    bucket: str
    key: str
    etag: str | None
    """As the store writes it, quotes included; null where a store has none."""
    endpoint_url: str | None = None
    """The server, where it is not the one that the environment names."""


@dataclass(frozen=True)
class StoredFile:
    """A file as it lies in a source; small, and good in any process that reaches the place."""

    path: Path | None
    """Where it lies on this machine; of an object, its copy, where there is one."""
    uri: str
    """Path relative to the configuration's folder, with forward slashes, or s3://bucket/key; what cannot be
    printed as %0A."""
    size_bytes: int
    modified_at: datetime
    remote: Remote | None = None
    stamp: str | None = None
    """Of a file on this machine: what changes whenever the file does; null where it was changed just now."""

    @property
    def name(self) -> str:
        """Last part of the path or the key."""
        if self.remote is not None:
            return self.remote.key.rsplit("/", 1)[-1]
        return self.path.name if self.path else self.uri

    @property
    def version(self) -> str | None:
        """What tells that a file is the same as before, without reading it; null where nothing does."""
        if self.remote is None:
            return self.stamp
        if self.remote.etag is None:
            return None
        etag = self.remote.etag.strip('"')
        return f"{etag} {self.size_bytes} {self.modified_at:%Y-%m-%dT%H:%M:%SZ}"


class Ignored(NamedTuple):
    """A name in a source that is not read, and why."""

    uri: str
    why: str


class Listing(NamedTuple):
    """What a source offers: files sorted by uri, and what was passed over."""

    files: list[StoredFile]
    ignored: list[Ignored]


def printable(name: str) -> str:
    """Return a name that can be printed on one line, and that no other file has: the rest is %-encoded."""
    told = [
        char if char.isprintable() else quote(char.encode("utf-8", "surrogateescape"), safe="")
        for char in _ENCODED.sub("%25", name)
    ]
    return "".join(told)
