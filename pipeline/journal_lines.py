"""An entry of the journal on its way to its lines: signed parts that add up to nothing, in whole cents."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import quote

from pipeline.money import to_cents
from pipeline.period import Month

BOOKS = "USD"
"""Currency of the books."""


class Part(NamedTuple):
    """A line before it has a side."""

    account: str
    usd: Decimal
    """Positive for a debit, negative for a credit."""
    cost_centre: str | None = None
    team: str = ""
    category: str | None = None


class Entry(NamedTuple):
    """What is posted together: `charged` on one side, and on the other what it is owed to or paid from."""

    kind: str
    provider: str
    provider_account: str
    document: tuple[str, ...]
    """What tells entries of a kind and account apart: an invoice, a grant, a month."""
    description: str
    source: str
    charged: Sequence[Part]
    against: Sequence[Part]
    """Parts that carry the sum of `charged` with the other sign."""
    invoice_id: str | None = None


def lines_of(entry: Entry, month: Month) -> list[dict[str, Any]]:
    """Return rows of report.journal: a line per part, without those of nothing."""
    rows: list[dict[str, Any]] = []
    for part, usd in [*_in_cents(entry.charged), *_in_cents(entry.against)]:
        if usd:
            rows.append(_row(entry, month, part, usd) | {"line_number": len(rows) + 1})
    return rows


def _in_cents(parts: Sequence[Part]) -> list[tuple[Part, Decimal]]:
    return list(zip(parts, to_cents([part.usd for part in parts]), strict=True))


def _row(entry: Entry, month: Month, part: Part, usd: Decimal) -> dict[str, Any]:
    names = (str(month), entry.kind, entry.provider, entry.provider_account, *entry.document)
    return {
        "month": str(month),
        "entry_id": "/".join(quote(name, safe=" ") for name in names),
        "entry": entry.kind,
        "posted_on": month.last_day,
        "account": part.account,
        "cost_centre": part.cost_centre,
        "debit": max(usd, Decimal(0)),
        "credit": max(-usd, Decimal(0)),
        "currency": BOOKS,
        "description": entry.description,
        "provider": entry.provider,
        "provider_account": entry.provider_account,
        "team": part.team,
        "category": part.category,
        "invoice_id": entry.invoice_id,
        "source": entry.source,
    }
