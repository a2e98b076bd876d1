"""Numbers and names in the form that people read them: units always, a real minus sign, exact on demand."""

import unicodedata
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

MINUS = "−"
SPACE = "\N{NO-BREAK SPACE}"
NO_PRICE = "no price known"

_SCALES = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "k"))
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_CLASSES = {
    "error_ours": "error of ours",
    "error_provider": "error of the provider",
}
_KINDS = {
    "input_uncached": "input, not cached",
    "cache_read": "input, cache read",
    "cache_write_5m": "input, cache write (5 min)",
    "cache_write_1h": "input, cache write (1 h)",
    "cache_write_other": "input, cache write (other)",
    "output": "output",
    "input_audio": "audio input",
    "output_audio": "audio output",
    "input_image": "image input",
    "output_image": "image output",
}


def usd(amount: Decimal | None) -> str:
    """Return dollars to the cent, `−$3.20`; an unknown amount says that no price is known."""
    if amount is None:
        return NO_PRICE
    cents = _round(amount, Decimal("0.01"))
    return f"{MINUS if cents < 0 else ''}${abs(cents):,.2f}"


def signed_usd(amount: Decimal | None) -> str:
    """Return dollars to the cent with a sign on both sides of zero."""
    text = usd(amount)
    return f"+{text}" if amount is not None and not text.startswith(MINUS) and text != "$0.00" else text


def unit_usd(amount: Decimal) -> str:
    """Return what one of something costs: to the cent from a dollar on; below it three digits, `$0.0115`."""
    if abs(amount) >= 1 or not amount:
        return usd(amount)
    with localcontext(prec=3, rounding=ROUND_HALF_EVEN):
        short = +amount
    digits = f"{abs(short):f}"
    return f"{MINUS if short < 0 else ''}${digits if len(digits) > 4 else f'{abs(short):.2f}'}"


def small_usd(amount: Decimal | None) -> str:
    """Return signed dollars to the cent, or in two digits where that would be nothing: `+$0.0042`."""
    if not amount or _round(amount, Decimal("0.01")):
        return signed_usd(amount)
    with localcontext(prec=2, rounding=ROUND_HALF_EVEN):
        return f"{MINUS if amount < 0 else '+'}${+abs(amount):f}"


def exact_usd(amount: Decimal | None) -> str:
    """Return dollars with every known digit, for the text that appears on hover."""
    if amount is None:
        return NO_PRICE
    digits = f"{abs(amount):,f}"
    whole, _, rest = digits.partition(".")
    return f"{MINUS if amount < 0 else ''}${whole}.{rest.rstrip('0').ljust(2, '0')}"


def integer(number: int) -> str:
    """Return a whole number with thousands separators."""
    return f"{MINUS if number < 0 else ''}{abs(number):,}"


def signed_integer(number: int) -> str:
    """Return a whole number with a sign on both sides of zero."""
    return f"+{integer(number)}" if number > 0 else integer(number)


def tokens(number: int) -> str:
    """Return a count of tokens in three digits and a scale: `1.24 M`; exact below ten thousand."""
    if abs(number) < 10_000:
        return integer(number)
    with localcontext(prec=3, rounding=ROUND_HALF_EVEN):
        size = +Decimal(abs(number))
    scale, letter = next(pair for pair in _SCALES if size >= pair[0])
    with localcontext(prec=50):
        size = size / scale
        places = max(0, 2 - size.adjusted())
        text = f"{size:,.{places}f}"
    return f"{MINUS if number < 0 else ''}{text}{SPACE}{letter}"


def signed_tokens(number: int) -> str:
    """Return a count of tokens in short form with a sign on both sides of zero."""
    return f"+{tokens(number)}" if number > 0 else tokens(number)


def reach(low: int, high: int, word: str = "to") -> str:
    """Return the ends of an interval of tokens in short form, or in whole tokens where that is one form."""
    short = signed_tokens(low), signed_tokens(high)
    ends = short if short[0] != short[1] else (signed_integer(low), signed_integer(high))
    return f"{ends[0]} {word} {ends[1]}"


def percent(part: Decimal | int, whole: Decimal | int) -> str:
    """Return part of whole to a tenth of a percent, `1.1 %`; `n/a` when the whole is zero."""
    if not whole:
        return "n/a"
    with localcontext(prec=50):
        exact = Decimal(part) * 100 / abs(Decimal(whole))
    tenths = _round(exact, Decimal("0.1"))
    sign = MINUS if exact < 0 else ""
    size = "<0.1" if exact and not tenths else f"{abs(tenths):,.1f}"
    return f"{sign}{size}{SPACE}%"


def signed_percent(part: Decimal | int, whole: Decimal | int) -> str:
    """Return part of whole to a tenth of a percent with a sign on both sides of zero."""
    text = percent(part, whole).replace("<0.1", "0.0")
    return f"+{text}" if part > 0 and whole else text


def plain(number: Decimal) -> str:
    """Return a number without needless zeros: `3` for `3.00`."""
    return f"{number.normalize():f}"


def width(part: Decimal | int, whole: Decimal | int) -> str:
    """Return the size of a part in hundredths of the whole, for a bar of that width: `0.0` to `100.0`."""
    with localcontext(prec=50):
        size = abs(Decimal(part)) * 100 / abs(Decimal(whole))
    return str(_round(min(size, Decimal(100)), Decimal("0.1")))


def rate(number: float) -> str:
    """Return a learned rate in three digits after the point."""
    return f"{number:.3f}".replace("-", MINUS)


def item_class(code: str) -> str:
    """Return the class of an open item in words."""
    return _CLASSES.get(code, code.replace("_", " "))


def ratio(part: int, whole: int) -> str:
    """Return `1,204 of 1,250 (96.3 %)`; 100 % and 0 % only when they are exact."""
    if not whole:
        return f"{integer(part)} of 0"
    share = percent(part, whole)
    is_all_but_some = part < whole and share.startswith("100.0")
    return f"{integer(part)} of {integer(whole)} ({f'>99.9{SPACE}%' if is_all_but_some else share})"


def plural(number: int, noun: str) -> str:
    """Return the number and its noun: `1 file`, `3 files`."""
    many = noun[:-1] + "ies" if noun.endswith("y") else f"{noun}s"
    return f"{integer(number)} {noun if number == 1 else many}"


def month_name(month: str) -> str:
    """Return `October 2026` for `2026-10`; whatever else it is, as it stands."""
    year, _, number = month.partition("-")
    if number.isdigit() and 1 <= int(number) <= 12:
        return f"{_MONTHS[int(number) - 1]} {year}"
    return month


def day(instant: datetime) -> str:
    """Return the day of an instant in UTC, as 2026-11-03."""
    return f"{instant:%Y-%m-%d}"


def kind_name(kind: str) -> str:
    """Return a token kind in words."""
    return _KINDS.get(kind, label(kind))


def label(text: str, length: int = 80) -> str:
    """Return a name from a file fit for a page: no control or direction characters, cut with an ellipsis."""
    clean = text[: length + 1]
    if not clean.isprintable():
        clean = "".join("\ufffd" if unicodedata.category(c) in {"Cc", "Cf", "Cs"} else c for c in clean)
    return clean if len(clean) <= length else clean[: length - 1] + "…"


def unbroken(text: str) -> str:
    """Return the text with signs and units joined to their amounts, so that no line breaks between them."""
    return text.replace(f"{MINUS}$", f"{MINUS}\N{WORD JOINER}$").replace(" %", f"{SPACE}%")


def _round(amount: Decimal, unit: Decimal) -> Decimal:
    with localcontext(prec=50):
        return amount.quantize(unit, rounding=ROUND_HALF_EVEN)
