"""Personal ids in exports: a short hash keeps rows apart without keeping who it was."""

import hashlib
from collections.abc import Mapping
from typing import Any

from pipeline.errors import SourceError
from pipeline.parsing.export_values import PULL_AGAIN, text


def hashed(record: Mapping[str, Any], name: str) -> str | None:
    """Return 12 hex digits that tell ids of one export apart; null when there is none.

    Raises:
        SourceError: the value is no word. It is not repeated in the message.
    """
    try:
        identity = text(record, name)
    except SourceError:
        reason = f"{name} is not a word of at most 256 characters."
        raise SourceError("bad_text", reason, PULL_AGAIN) from None
    return hashlib.sha256(identity.encode()).hexdigest()[:12] if identity else None
