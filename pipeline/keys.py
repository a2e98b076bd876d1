"""Which keys of a bucket a uri of S3 means. Keys are text: nothing here asks a server."""

import re
from fnmatch import fnmatchcase
from typing import NamedTuple

_URI = re.compile(r"s3://([A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9])(?:/(.*))?", re.DOTALL)
_BELOW = ("**", "*")


class Wanted(NamedTuple):
    """What a uri asks for: one key, or what lies below a folder and fits a pattern."""

    bucket: str
    single: str
    """Key of the one object that the uri may also name; empty where it cannot."""
    folder: str
    """What all keys start with; empty, or with a slash at its end."""
    prefix: str
    """The longest start of all keys; what a server lists."""
    pattern: tuple[str, ...]
    """Globs of the parts below the folder."""

    def fits(self, key: str) -> bool:
        """Return whether the key is one of those that are asked for."""
        return key.startswith(self.folder) and _fits(tuple(key[len(self.folder) :].split("/")), self.pattern)


def is_remote(uri: str) -> bool:
    """Return whether a uri is of S3."""
    return uri.startswith("s3://")


def parse(uri: str) -> Wanted:
    """Return what `s3://bucket`, `s3://bucket/folder`, `s3://bucket/key` or `s3://bucket/glob/**` asks for.

    Raises:
        ValueError: the bucket's name cannot be one; the text does not repeat it, since it may hold a secret.
    """
    match = _URI.fullmatch(uri)
    if match is None:
        raise ValueError(
            "an s3:// address is s3://bucket, s3://bucket/folder, s3://bucket/key or s3://bucket/glob/**, "
            "without keys, ports or question marks in the bucket's name; write that"
        )
    bucket, rest = match[1], match[2] or ""
    wild = re.search(r"[*?\[]", rest)
    if wild:
        prefix = rest[: wild.start()]
        folder = prefix[: prefix.rfind("/") + 1]
        pattern = tuple(rest[len(folder) :].split("/"))
        return Wanted(bucket, "", folder, prefix, pattern + _BELOW[1:] * (pattern[-1] == "**"))
    folder = rest if rest.endswith("/") or not rest else f"{rest}/"
    return Wanted(bucket, rest if folder != rest else "", folder, folder, _BELOW)


def refusal(key: str, folder: str, size_bytes: int) -> str:
    """Return why the object of a key is passed over; empty where it is read."""
    parts = key.split("/")
    if ".." in parts:
        return "its key has a part `..`, which no client writes and many resolve; copy it to another key"
    if any(part.startswith(".") for part in key.removeprefix(folder).split("/")):
        return "hidden: its name, or that of a folder above it, starts with a dot"
    if key.endswith("/"):
        return f"its key ends in a slash, as a folder's does, yet it holds {size_bytes} bytes"
    return ""


def _fits(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_fits(parts[start:], pattern[1:]) for start in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])
