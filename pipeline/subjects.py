"""What a finding is about, in words that stay the same when its amounts change."""

import re

_NAMED = re.compile(r"'([^']*)'|[Ii]nvoice (\S*\d\S*)")
_AMOUNT = re.compile(r"(?<![\w.,:/-])[-+−$]*\d[\d,]*(\.\d+)?(?![\w:/-]|\.\w)")


def subject(message: str) -> str:
    """Return what a message is about: the names and invoices in it, else its words without amounts."""
    names = ["".join(found) for found in _NAMED.findall(message)]
    return "'".join(names) if names else _AMOUNT.sub("#", message)
