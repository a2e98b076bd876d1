"""Templates: where they lie, how they escape, and the words that they may use."""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from reports import format as fmt
from reports.reasons import reason


@cache
def environment() -> Environment:
    """Return what renders the templates: HTML is escaped, and a name that is not defined is an error."""
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=select_autoescape(disabled_extensions=("txt.j2",), default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    words = (
        fmt.usd, fmt.unit_usd, fmt.signed_usd, fmt.exact_usd, fmt.integer, fmt.signed_integer, fmt.tokens,
        fmt.label, fmt.signed_tokens, fmt.percent, fmt.signed_percent, fmt.ratio, fmt.plural, fmt.month_name,
        fmt.kind_name, fmt.unbroken, fmt.day, reason,
    )  # fmt: skip
    environment.filters.update({word.__name__: word for word in words})
    return environment
