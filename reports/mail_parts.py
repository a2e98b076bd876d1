"""The parts of a mail in their order: bridge, causes, tables, last month, data quality, closing."""

from collections.abc import Iterator, Sequence
from decimal import Decimal, localcontext

from reports import format as fmt
from reports.mail_change import compared_parts
from reports.mail_tables import models_part, services_part, teams_part, tieout_part, workloads_part
from reports.mail_view import Bar, Item, Line, Part, Sheet
from reports.mail_words import amount, money, more, name, sentence
from reports.pages import Page
from reports.story import Cause
from reports.view import Line as Step_
from reports.view import shown
from reports.waterfall import Step, Waterfall, waterfall

CAUSES = 5
FINDINGS = 5
CARRIED = 5

_WIDTH = 100
"""Cells of a bar from one end of the axis to the other."""
_FEWEST = Decimal("1.5")
"""Cells that a bar is wide at least, before it is rounded."""


def every_part(page: Page) -> Iterator[Part]:
    """Yield the parts of a mail in their order; a part that would say nothing is left out."""
    yield bridge_part(page)
    yield causes_part(page)
    if page.team is None:
        yield tieout_part(page)
        yield teams_part(page)
    yield from compared_parts(page)
    yield models_part(page)
    if services := services_part(page):
        yield services
    yield workloads_part(page)
    yield quality_part(page)
    yield from closing_part(page)


def bridge_part(page: Page) -> Part:
    """Return every line of the bridge with its bar; the lines add up to the totals below them."""
    bridge = page.bridge
    lines = [*bridge.lines, bridge.metered, *bridge.invoice, *([bridge.billed] if bridge.billed else [])]
    drawn = _drawn(lines)
    rows = tuple(_bridge_line(line, bar) for line, bar in zip(lines, _bars(drawn), strict=True))
    goal = "billed" if bridge.billed else "metered"
    net = f"Net drift, metered minus traced: {fmt.signed_tokens(bridge.net_tokens)} tokens."
    gross = f"Gross drift, sizes added up with signs ignored: {fmt.tokens(bridge.gross_tokens)} tokens."
    start = f" Bars start at {_start(drawn, lines)}, not at zero." if drawn.is_broken else ""
    return Part(
        f"The bridge: from traced to {goal}",
        f"What the traces show, each named reason, and what was {goal}. + means that the provider counts "
        f"more than the traces show, − that it counts less. {net} {gross}{start}",
        Sheet("Bridge; the lines add up to the totals below them", ("Step", "Tokens", "US dollars"), rows),
    )


def _bridge_line(line: Step_, bar: Bar) -> Line:
    is_total = line.role == "total"
    count = "–" if line.tokens is None else (fmt.tokens if is_total else fmt.signed_tokens)(line.tokens)
    role = {"total": "total", "rest": "unexplained"}.get(line.role, "plain")
    return Line(line.title, (count, money(line.usd, signed=not is_total)), line.basis, role, bar)


def _drawn(lines: Sequence[Step_]) -> Waterfall:
    in_tokens = lines[-1].usd.shown is None
    return waterfall(
        [Step("", Decimal(line.tokens or 0) if in_tokens else shown(line), "", line.role) for line in lines]
    )


def _bars(drawn: Waterfall) -> Iterator[Bar]:
    with localcontext(prec=30):
        scale = _WIDTH / (drawn.end - drawn.start)
        for bar in drawn.bars:
            size = round(max((bar.high - bar.low) * scale, _FEWEST))
            before = min(round((bar.low - drawn.start) * scale), _WIDTH - size)
            yield Bar(before, size, _WIDTH - before - size, bar.css)


def _start(drawn: Waterfall, lines: Sequence[Step_]) -> str:
    if lines[-1].usd.shown is None:
        return f"{fmt.tokens(int(drawn.start))} tokens"
    return fmt.usd(drawn.start)


def causes_part(page: Page) -> Part:
    """Return the largest causes, each with its size, how it is known, and what to do."""
    items = tuple(_cause(cause) for cause in page.causes[:CAUSES])
    lead = "" if items else "Traced and metered agree: there is nothing to explain."
    return Part("Causes, largest first", lead, None, items, more(len(page.causes) - CAUSES, "cause"))


def _cause(cause: Cause) -> Item:
    line = cause.line
    low, high = fmt.signed_tokens(line.low), fmt.signed_tokens(line.high)
    between = f", between {low} and {high}" if low != high else ""
    rows = (
        f"{fmt.integer(line.evidence_count)} {'span or row' if line.evidence_count == 1 else 'spans or rows'}"
    )
    known = f"known as {line.basis}" if line.basis else "without a basis"
    facts = f"{fmt.signed_tokens(line.tokens or 0)} tokens{between}; {known}; evidence: {rows}"
    return Item(f"{line.title}: {money(line.usd, signed=True)}", facts, line.sentence, cause.advice)


def quality_part(page: Page) -> Part:
    """Return how much was read, set aside and not counted, and the gravest findings."""
    findings = page.quality.findings
    items = tuple(_finding(row, page.team is None) for row in findings.rows[:FINDINGS])
    hidden = len(findings.rows) - len(items) + findings.more
    return Part("Data quality", _coverage(page), None, items, more(hidden, "finding"))


def _coverage(page: Page) -> str:
    close = page.close
    if not close:
        return "Nothing was closed, so that there is nothing to count."
    whose = "" if page.team is None else "Of the whole company: "
    found = f"{fmt.plural(close['input_files'], 'file')}; records kept " + fmt.ratio(
        close["rows_kept"], close["rows_read"]
    )
    calls = fmt.ratio(close["calls_with_usage"], close["call_count"])
    told = "" if page.quality.findings.rows else " No findings."
    quarantined = fmt.integer(close["rows_quarantined"])
    return f"{whose}{found}; quarantined {quarantined}; calls with usage {calls}.{told}"


def _finding(row: dict[str, str], is_index: bool) -> Item:
    whose = f", {name(row['team'])}" if is_index and row["team"] else ""
    where = f", {name(row['provider'])}" if row["provider"] else ""
    title = f"{row['severity'].capitalize()}{whose}{where}"
    return Item(title, "", sentence(row["message"]), sentence(row["advice"]))


def closing_part(page: Page) -> Iterator[Part]:
    """Yield open items of earlier months, and who locked and signed the month."""
    sign = page.sign_off
    if sign.carried and page.team is None:
        items = tuple(
            Item(
                f"{sentence(row['code'])}, {fmt.plural(row['age_days'], 'day')} old",
                f"since {fmt.month_name(row['first_month'])}; {row['status']}; owner: {name(row['owner'])}",
                sentence(row["message"]),
            )
            for row in sign.carried[:CARRIED]
        )
        hidden = len(sign.carried) - len(items) + sign.more_carried
        yield Part("Open items of earlier months", "", None, items, more(hidden, "item"))
    if sign.lock:
        yield Part("Closing", " ".join(_closing(page)))


def _closing(page: Page) -> Iterator[str]:
    sign = page.sign_off
    if sign.reopened:
        day, who = fmt.day(sign.reopened["recorded_at"]), name(sign.reopened["recorded_by"])
        yield f"Version {sign.version} was opened again on {day} by {who}: {sentence(sign.reopened['why'])}."
        return
    if sign.lock is None:
        return
    yield (
        f"{sign.state.capitalize()}, version {sign.version}, on {fmt.day(sign.lock['recorded_at'])} by "
        f"{name(sign.lock['recorded_by'])}."
    )
    if sign.state == "restated":
        yield f"Restated because: {sentence(sign.lock['why'])}."
    for word, row in (("Prepared", sign.prepared), ("Reviewed", sign.reviewed)):
        yield (
            f"{word}: {name(row['recorded_by'])}, {fmt.day(row['recorded_at'])}."
            if row
            else f"{word}: not signed."
        )


def now(page: Page) -> str:
    """Return the one thing to do now."""
    if page.main_cause is None:
        return "Nothing: no cause of this month asks for action."
    line = page.main_cause.line
    which = (
        "largest difference"
        if page.main_cause == page.causes[0]
        else "largest difference that can be acted on"
    )
    return f"{line.title} ({amount(line)}) is the {which}. {page.main_cause.advice}"
