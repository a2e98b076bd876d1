"""What is wrong with the configuration, in words for people, without what may be a secret."""

import difflib
import re
from typing import Any

from pydantic import BaseModel

from pipeline.errors import ConfigError
from pipeline.period import Month

_KEYS_IN_URL = re.compile(r"//[^/\s]*@")
"""What somebody may have put into an address, and no message repeats."""


def problem(item: Any, settings: type[BaseModel]) -> str:
    """Return what is wrong with one value, and the nearest key where a key is unknown."""
    place = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return f"unknown key '{place}'.{_nearest(item['loc'], settings)}"
    given = _KEYS_IN_URL.sub("//...@", repr(item.get("input")))
    return f"{place}: {item['msg']} (given: {given})"


def month_name(value: str) -> str:
    """Return the month as YYYY-MM; raises ValueError, as validators of a configuration must."""
    try:
        return str(Month.parse(value))
    except ConfigError as error:
        raise ValueError(str(error)) from None


def _nearest(place: tuple[int | str, ...], settings: type[BaseModel]) -> str:
    model: Any = settings
    for part in place[:-1]:
        if isinstance(part, str) and part in model.model_fields:
            model = _section(model.model_fields[part].annotation) or model
    known = [field.alias or name for name, field in model.model_fields.items() if name != "root"]
    close = difflib.get_close_matches(str(place[-1]), known, 1, 0.5)
    return f" Did you mean '{close[0]}'?" if close else f" Known keys here: {', '.join(known)}."


def _section(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        if found := _section(inner):
            return found
    return None
