"""File names of team pages: safe on every file system, stable from month to month, never a path."""

import re
import unicodedata
from collections.abc import Iterable
from hashlib import sha256

_CLEAN = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_RESERVED = re.compile(r"con|prn|aux|nul|com\d|lpt\d")
_LENGTH = 60


def slugs(names: Iterable[str]) -> dict[str, str]:
    """Return a slug of a-z, 0-9 and hyphens for each name, all different, whatever the order of the names.

    A name that is a slug already keeps it; any other gets the first digits of its hash, so that its slug
    does not depend on which other teams there are.
    """
    every = sorted(set(names))
    found = {name: name for name in every if _is_slug(name)}
    taken = set(found)
    for name in every:
        if name not in found:
            digest = sha256(name.encode()).hexdigest()
            found[name] = next(s for n in (6, 16, 64) if (s := f"{_stem(name)}-{digest[:n]}") not in taken)
            taken.add(found[name])
    return found


def _is_slug(name: str) -> bool:
    return len(name) <= _LENGTH and bool(_CLEAN.fullmatch(name)) and not _RESERVED.fullmatch(name)


def _stem(name: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", name[:200]).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only.lower())[:40].strip("-") or "team"
