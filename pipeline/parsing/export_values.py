"""Counts, instants, money and words out of records that nobody vouches for; what does not fit is refused."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from pipeline.errors import SourceError
from pipeline.money import quantize

COUNT_MAX = 10**13
"""No bucket of any provider holds more tokens, and no line more money: larger is a wrong unit or damage."""

PULL_AGAIN = "Pull the export again; if the number is still there, ask the provider."

_FIRST_INSTANT = datetime(2015, 1, 1, tzinfo=UTC)
_LAST_INSTANT = datetime(2100, 1, 1, tzinfo=UTC)
_SURROGATE = re.compile("[\ud800-\udfff]")
_ISO_4217 = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD "
    "CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD "
    "GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT "
    "LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR "
    "NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP "
    "STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD "
    "XCG XOF XPF YER ZAR ZMW ZWG"
)
_CURRENCIES = frozenset(_ISO_4217.split())


def shown(value: Any) -> str:
    """Return a value as it may stand in a message: short, and on one line."""
    written = repr(str(value)) if isinstance(value, Decimal) else repr(value)
    return written if len(written) <= 60 else f"{written[:57]}..."


def count(record: Mapping[str, Any], name: str) -> int | None:
    """Return a whole number from 0 to COUNT_MAX, or null when the field is absent or null.

    `31422.0` is a whole number (OpenAI's dashboard writes counts so); text and booleans are none.
    """
    value = record.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise SourceError("bad_count", f"{name} is {shown(value)}, not a number.", PULL_AGAIN)
    if not 0 <= value <= COUNT_MAX:
        raise SourceError(
            "bad_count", f"{name} is {shown(value)}; counts lie from 0 to {COUNT_MAX}.", PULL_AGAIN
        )
    if value != int(value):
        raise SourceError("bad_count", f"{name} is {shown(value)}, not a whole number.", PULL_AGAIN)
    return int(value)


def required_count(record: Mapping[str, Any], name: str) -> int:
    """Return a count that must be there."""
    value = count(record, name)
    if value is None:
        raise SourceError("missing_field", f"{name} is missing.", PULL_AGAIN)
    return value


def money(value: Any, name: str) -> Decimal:
    """Return an amount exactly, quantised to 12 decimals; text and numbers alike, never a float."""
    if value is None or value == "":
        raise SourceError("missing_field", f"{name} is missing.", "Add the amount.")
    if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
        raise SourceError("bad_amount", f"{name} is {shown(value)}, not an amount.", "Write it as 1234.56.")
    try:
        amount = Decimal(value.strip() if isinstance(value, str) else value)
    except InvalidOperation:
        raise SourceError(
            "bad_amount", f"{name} is {shown(value)}, not an amount.", "Write it as 1234.56."
        ) from None
    if not amount.is_finite() or abs(amount) > COUNT_MAX:
        raise SourceError(
            "bad_amount", f"{name} is {shown(value)}; amounts lie within ±{COUNT_MAX}.", "Check the unit."
        )
    return quantize(amount)


def currency(value: Any) -> str:
    """Return an ISO 4217 code in upper case."""
    code = value.strip().upper() if isinstance(value, str) else ""
    if code not in _CURRENCIES:
        raise SourceError(
            "unknown_currency",
            f"currency is {shown(value)}, not an ISO 4217 code.",
            "Write it as USD or EUR.",
        )
    return code


def text(record: Mapping[str, Any], name: str) -> str | None:
    """Return a word of at most 256 characters, or null when it is absent, null or blank."""
    value = record.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > 256 or _SURROGATE.search(value):
        raise SourceError(
            "bad_text", f"{name} is {shown(value)}, not a word of at most 256 characters.", PULL_AGAIN
        )
    return value.strip() or None


def unix_instant(record: Mapping[str, Any], name: str) -> datetime:
    """Return Unix seconds as an instant, in UTC."""
    value = record.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise SourceError("bad_time", f"{name} is {shown(value)}, not Unix seconds.", PULL_AGAIN)
    if not _FIRST_INSTANT.timestamp() <= value < _LAST_INSTANT.timestamp():
        raise SourceError(
            "bad_time",
            f"{name} is {shown(value)}, which as Unix seconds lies outside 2015 to 2099.",
            PULL_AGAIN,
        )
    return datetime.fromtimestamp(value, UTC)


def iso_instant(record: Mapping[str, Any], name: str) -> datetime:
    """Return an ISO 8601 time as an instant; without an offset it is UTC, as the providers document."""
    value = record.get(name)
    try:
        instant = datetime.fromisoformat(value if isinstance(value, str) else "")
        instant = instant.replace(tzinfo=instant.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        instant = None
    if instant is None or not _FIRST_INSTANT <= instant < _LAST_INSTANT:
        raise SourceError(
            "bad_time", f"{name} is {shown(value)}, not a time like 2026-10-01T00:00:00Z.", PULL_AGAIN
        )
    return instant


def day(value: Any, name: str) -> date:
    """Return a calendar day, from a date or from text like 2026-10-01."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value.strip())
    except (ValueError, AttributeError):
        raise SourceError(
            "bad_date", f"{name} is {shown(value)}, not a day like 2026-10-01.", "Correct the manifest."
        ) from None
