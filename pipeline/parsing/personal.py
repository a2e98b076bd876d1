"""Personal ids in exports: a keyed hash keeps rows apart without keeping who it was."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from functools import cache
from typing import Any

from pipeline.errors import SourceError
from pipeline.parsing.export_values import PULL_AGAIN, text
from pipeline.settings import Secrets


def hashed(record: Mapping[str, Any], name: str) -> str | None:
    """Return 12 hex digits that tell ids of one export apart; null when there is none.

    The key is TALLYSTICK_HASH_KEY. Without it a key is drawn that nobody keeps: ids of one file can still be
    told apart, and those of two cannot be linked.

    Raises:
        SourceError: the value is no word. It is not repeated in the message.
    """
    try:
        identity = text(record, name)
    except SourceError:
        reason = f"{name} is not a word of at most 256 characters."
        raise SourceError("bad_text", reason, PULL_AGAIN) from None
    return hmac.new(_key(), identity.encode(), hashlib.sha256).hexdigest()[:12] if identity else None


@cache
def _key() -> bytes:
    given = Secrets().hash_key
    return given.get_secret_value().encode() if given else secrets.token_bytes(32)
