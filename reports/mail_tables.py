"""The tables of a mail: the largest rows as on the page, the others as one row, and what they add up to."""

from collections.abc import Sequence
from decimal import Decimal

from reports import format as fmt
from reports.mail_view import Line, Part, Sheet
from reports.mail_words import money, name, parts
from reports.pages import Page
from reports.teams import TeamRow, totals
from reports.tieout import Invoice
from reports.view import COMPONENTS, Breakdown, Row

MODELS = 8
SERVICES = 6
TEAMS = 25
BILLS = 12

_OF_BILL = {
    code: title
    for code, (title, _) in COMPONENTS.items()
    if code not in ("metered_at_expected_rate", "billed")
}


def tieout_part(page: Page) -> Part:
    """Return each bill, from metered at the expected rate to billed, and their sum."""
    table = page.tieout
    if not table.rows:
        return Part("From metered to billed", "No invoice and no cost export has come for this month.")
    ranked = sorted(
        table.rows,
        key=lambda bill: (-abs(bill.cells["billed"]), bill.provider, bill.account, bill.invoice_id or ""),
    )
    top, rest = ranked[:BILLS], ranked[BILLS:]
    lines = [_bill_line(_bill_name(bill), bill.cells) for bill in top]
    if rest:
        lines.append(_bill_line(fmt.plural(len(rest), "more bill"), _sum(rest), "rest"))
    lines.append(_bill_line(f"All {fmt.plural(len(table.rows), 'bill')}", table.total, "total"))
    return Part(
        "From metered to billed",
        "Each bill: metered tokens at the expected rate, and what the bill adds to them or takes away.",
        Sheet("Tie-out, US dollars", ("Bill", "Metered", "Differences", "Billed"), tuple(lines)),
    )


def _bill_name(bill: Invoice) -> str:
    invoice = "invoice awaited" if bill.invoice_id is None else name(bill.invoice_id)
    return f"{name(bill.provider)}, {name(bill.account)}, {invoice}"


def _bill_line(title: str, cells: dict[str, Decimal], role: str = "plain") -> Line:
    metered, billed = cells["metered_at_expected_rate"], cells["billed"]
    figures = (fmt.usd(metered), fmt.signed_usd(billed - metered), fmt.usd(billed))
    return Line(title, figures, parts(cells, _OF_BILL), role)


def _sum(bills: Sequence[Invoice]) -> dict[str, Decimal]:
    return {code: sum((bill.cells[code] for bill in bills), Decimal(0)) for code in COMPONENTS}


def teams_part(page: Page) -> Part:
    """Return pools, teams and their sum; traced, explained and unexplained make the total."""
    word = "Billed" if page.bridge.billed else "Metered"
    if not page.teams or page.teams_total is None:
        return Part("Teams", "No team has any call or any bill.")
    lines = [_team_line(row, name(row.name)) for row in page.teams[:TEAMS]]
    if rest := page.teams[TEAMS:]:
        lines.append(_team_line(totals(rest), fmt.plural(len(rest), "more team"), "rest"))
    lines.append(_team_line(page.teams_total, "All", "total"))
    return Part(
        "Teams",
        f"Traced, explained and unexplained add up to {word.lower()} in every row. Pools hold what no team's "
        "calls carry.",
        Sheet("Teams and pools, US dollars", ("Team", "Explained", "Unexplained", word), tuple(lines)),
    )


def _team_line(row: TeamRow, title: str, role: str = "plain") -> Line:
    figures = (fmt.signed_usd(row.explained_usd), fmt.signed_usd(row.unexplained_usd), fmt.usd(row.total_usd))
    pool = "pool; " if row.is_pool else ""
    return Line(title, figures, f"{pool}traced {fmt.usd(row.traced_usd)}", role)


def models_part(page: Page) -> Part:
    """Return the models with the most drift."""
    return _breakdown("By model", "model", page.models, MODELS)


def services_part(page: Page) -> Part | None:
    """Return the services of a team with the most drift; none on the mail of all teams."""
    return _breakdown("By service and feature", "service", page.services, SERVICES) if page.services else None


def workloads_part(page: Page) -> Part:
    """Return what the billed calls were for."""
    title, everything = "Where the money goes", page.anatomy.total
    if not page.anatomy.rows:
        return Part(title, "No billed call was traced.")
    lines = tuple(
        Line(
            row.title,
            (
                fmt.integer(row.calls),
                *((fmt.tokens(row.tokens), money(row.usd)) if row.tokens else ("none", "–")),
            ),
            role="total" if row is everything else "plain",
        )
        for row in (*page.anatomy.rows, everything)
    )
    return Part(
        title,
        "What the billed calls were for, as their spans record them, at the expected rate. "
        "No part of the bridge.",
        Sheet("Billed calls by workload", ("Workload", "Calls", "Tokens", "US dollars"), lines),
    )


def _breakdown(title: str, noun: str, table: Breakdown, top: int) -> Part:
    if not table.rows:
        return Part(title, "No tokens were traced or metered.")
    lines = [_row(row, noun) for row in table.rows[:top]]
    hidden = table.rows[top:]
    count = len(hidden) + table.rest_count
    if count:
        lines.append(_rest(table, lines_of=table.rows[:top], title=fmt.plural(count, f"more {noun}")))
    lines.append(_figures(table.total, f"All {noun}s", "", "total"))
    heads = (noun.capitalize(), "Metered", "Drift", "US dollars")
    return Part(
        title,
        "The most drift first; drift is metered minus traced, in tokens. Dollars are metered tokens at the "
        "expected rate.",
        Sheet(f"{title}: tokens and US dollars", heads, tuple(lines)),
    )


def _row(row: Row, noun: str) -> Line:
    if noun == "service":
        return _figures(row, name(row.labels[0]), name(row.labels[1]) if row.labels[1] else "")
    return _figures(row, name(row.labels[-1]), name(row.labels[0]))


def _figures(row: Row, title: str, note: str, role: str = "plain") -> Line:
    return Line(title, (fmt.tokens(row.metered), fmt.signed_tokens(row.drift), money(row.usd)), note, role)


def _rest(table: Breakdown, lines_of: Sequence[Row], title: str) -> Line:
    """What stands in no row of its own: the total minus the rows."""
    metered = table.total.metered - sum(row.metered for row in lines_of)
    drift = table.total.drift - sum(row.drift for row in lines_of)
    hidden = [*table.rows[len(lines_of) :], *([table.rest] if table.rest else [])]
    known = [row.usd.shown for row in hidden if row.usd.shown is not None]
    is_partial = any(row.usd.is_partial or row.usd.shown is None for row in hidden)
    usd = fmt.usd(sum(known, Decimal(0)) if known else None)
    told = f"{usd} + unpriced" if known and is_partial else usd
    return Line(title, (fmt.tokens(metered), fmt.signed_tokens(drift), told), "", "rest")
