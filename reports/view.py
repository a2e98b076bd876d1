"""What a page shows, as values: the templates put these into words and compute nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from pipeline.cause import Cause
from schemas.types import STEPS


@dataclass(frozen=True)
class CauseText:
    """What the report says about a step of the bridge."""

    code: str
    title: str
    sentence: str
    advice: str
    first: str = ""
    """Where to begin; `{place}` stands for the service, model or scope with most of its dollars."""
    place: str = "service"
    is_avoidable: bool = False
    """Whether acting on it saves money."""


@dataclass(frozen=True)
class MaterialityText:
    """An amount is material when it reaches both bounds."""

    usd: Decimal
    percent: Decimal

    def is_reached_by(self, amount: Decimal, whole: Decimal) -> bool:
        """Whether the size of the amount reaches both bounds, the percentage taken of the whole."""
        return bool(amount) and abs(amount) >= self.usd and abs(amount) * 100 >= self.percent * abs(whole)


@dataclass(frozen=True)
class Usd:
    """An amount: exact, in the cents that stand on the page, and whether a part of it has no price."""

    exact: Decimal | None
    shown: Decimal | None
    is_partial: bool = False


@dataclass(frozen=True)
class Line:
    """A row of the bridge. Lines of the invoice have no tokens."""

    code: str
    title: str
    sentence: str
    usd: Usd
    role: str
    """total, step, rest (the unexplained) or invoice."""
    tokens: int | None = None
    low: int = 0
    high: int = 0
    """Ends of the interval; equal where there is none."""
    basis: str = ""
    evidence_count: int = 0


@dataclass(frozen=True)
class Bridge:
    """From traced to metered to billed: `lines` add up to `metered`, with `invoice` to `billed`."""

    traced: Line
    steps: tuple[Line, ...]
    """The named causes that are not nothing, in the order of the page."""
    unexplained: Line
    metered: Line
    invoice: tuple[Line, ...]
    billed: Line | None
    """None while there is no bill."""
    gross_tokens: int
    gross_unexplained_usd: Decimal
    """Sizes of the unexplained of each cell, signs ignored: what materiality is held against."""

    @property
    def lines(self) -> tuple[Line, ...]:
        """What adds up to metered."""
        return (self.traced, *self.steps, self.unexplained)

    @property
    def total(self) -> Line:
        """The last total: billed, or metered while there is no bill."""
        return self.billed or self.metered

    @property
    def is_empty(self) -> bool:
        """Whether nothing was metered or billed that traces could be compared with."""
        return not self.billed and not self.metered.tokens

    @property
    def net_tokens(self) -> int:
        """Drift: metered minus traced."""
        return (self.metered.tokens or 0) - (self.traced.tokens or 0)

    @property
    def difference_usd(self) -> Decimal:
        """Billed, or metered, minus traced, in the cents of the page."""
        return shown(self.total) - shown(self.traced)

    @property
    def explained_usd(self) -> Decimal:
        """Named causes and invoice lines, in the cents of the page."""
        return self.difference_usd - shown(self.unexplained)


@dataclass(frozen=True)
class Row:
    """A row of a breakdown by model, service or provider, with the rows that it is made of."""

    labels: tuple[str, ...]
    traced: int
    metered: int
    unexplained: int
    usd: Usd
    billed: Decimal | None = None
    parts: tuple["Row", ...] = ()

    @property
    def drift(self) -> int:
        """Metered minus traced."""
        return self.metered - self.traced


@dataclass(frozen=True)
class Breakdown:
    """The largest rows, the others as one, and the total that they add up to."""

    rows: tuple[Row, ...]
    rest: Row | None
    rest_count: int
    total: Row


TITLES: Mapping[str, CauseText] = {
    "traced": CauseText(
        "traced", "Traced", "What the spans of the services add up to, as logged, at the expected rate.", ""
    ),
    "unexplained": CauseText(
        "unexplained",
        "Unexplained",
        "The rest, for which no evidence was found. It is never hidden in another step.",
        "Look for the models and services that hold most of it in the tables of this page, and check that "
        "all of their traces reached Tallystick.",
        "Begin with {place}.",
        "model",
    ),
}
"""Texts of the steps that are no causes."""

COMPONENTS: Mapping[str, tuple[str, str]] = {
    "metered_at_expected_rate": ("Metered", "Metered tokens at the expected rate."),
    "quantity": ("Quantity", "The bill counts other quantities than the usage export."),
    "price": ("Price", "The bill uses other prices than the expected rate, or no rate is known."),
    "fees": ("Fees", "Charges that are not for tokens."),
    "minimums": ("Minimums", "Charged up to an agreed minimum."),
    "credits": ("Credits", "Credits and discounts on the bill."),
    "tax": ("Tax", "Taxes on the bill."),
    "currency": ("Currency", "Difference from the exchange rate in the books."),
    "rounding": ("Rounding", "The provider's rounding and that of the cents on this page."),
    "billed": ("Billed", "What the bill says."),
}
"""Title and sentence of the components of the tie-out."""


def cause_texts(causes: Iterable[Cause]) -> list[CauseText]:
    """Return what the report says about each cause."""
    return [
        CauseText(
            cause.code,
            cause.title,
            cause.sentence,
            cause.advice,
            cause.first,
            cause.place,
            cause.is_avoidable,
        )
        for cause in causes
    ]


def step_texts(causes: Mapping[str, CauseText]) -> dict[str, CauseText]:
    """Return a text for every step: of its cause, else of TITLES, else the code in words."""
    bare = {code: CauseText(code, code.replace("_", " ").capitalize(), "", "") for code in STEPS}
    return {**bare, **TITLES, **causes}


def shown(line: Line) -> Decimal:
    """Return the cents of a line; what has no price adds nothing."""
    return line.usd.shown or Decimal(0)
