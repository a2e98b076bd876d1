"""Names and amounts as a mail writes them: one form, for HTML and text alike."""

from decimal import Decimal

from reports import format as fmt
from reports.view import Line, Usd

NAME = 48
SENTENCE = 300


def name(text: str) -> str:
    """Return a name from a file on one line, cut with an ellipsis."""
    return fmt.label(text.strip(), NAME) or "not named"


def sentence(text: str) -> str:
    """Return a sentence that may hold names from files, on one line, cut with an ellipsis."""
    return fmt.label(text, SENTENCE)


def money(usd: Usd, *, signed: bool = False) -> str:
    """Return dollars as they stand on the page, and that a part of them has no price."""
    text = fmt.signed_usd(usd.shown) if signed else fmt.usd(usd.shown)
    return f"{text} + unpriced" if usd.is_partial and usd.shown is not None else text


def amount(line: Line) -> str:
    """Return the signed dollars of a step, or its tokens where no price is known."""
    if line.usd.shown is None:
        return f"{fmt.signed_tokens(line.tokens or 0)} tokens"
    return money(line.usd, signed=True)


def more(count: int, noun: str) -> str:
    """Return how many more there are in the report; nothing where there are none."""
    return f"{fmt.plural(count, f'more {noun}')} in the full report." if count > 0 else ""


def parts(cells: dict[str, Decimal], titles: dict[str, str]) -> str:
    """Return the amounts that are not zero with their titles, in the order of the titles."""
    found = [f"{title} {fmt.signed_usd(cells[code])}" for code, title in titles.items() if cells[code]]
    return ", ".join(found)
