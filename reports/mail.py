"""Mails of a month: a message for each team and one for finance, HTML and text with the same figures.

The same tables give the same bytes: the date is that of the lock or the end of the month, ids and boundaries
are hashes of what the mail is. Who gets it is not in it; that is written when it is sent.
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from functools import cache
from typing import NamedTuple

import css_inline

from pipeline.mailings import GROUP, REPORT, group_of
from pipeline.period import Month
from reports import format as fmt
from reports.environment import environment
from reports.mail_parts import every_part, now
from reports.mail_text import sheet_text
from reports.mail_view import Figure, Mail
from reports.mail_words import amount, money, name
from reports.pages import Page

NOBODY = "Tallystick <no-reply@tallystick.invalid>"
_SUBJECT = 220


class Letterhead(NamedTuple):
    """What the configuration says of every mail."""

    sender: str = NOBODY
    reply_to: str | None = None
    base_url: str | None = None
    """Where the published months are served; the page of a month is found below its name."""


def render_mails(pages: Iterable[Page], letterhead: Letterhead) -> dict[str, str]:
    """Return path -> message of the mail that goes with each page; ASCII, with the line ends of mail."""
    mails = (mail_of(page, letterhead) for page in pages)
    return {mail.path: message_of(mail, letterhead).as_bytes().decode("ascii") for mail in mails}


def mail_of(page: Page, letterhead: Letterhead) -> Mail:
    """Return what the mail of a page says."""
    bridge, standing = page.bridge, _standing(page)
    who = "all teams" if page.team is None else f"{'pool' if page.is_pool else 'team'} {name(page.team)}"
    link = f"{letterhead.base_url}/{page.month}/{page.path}" if letterhead.base_url and page.close else ""
    headline = fmt.label(page.headline, _SUBJECT)
    verdict = page.verdict
    return Mail(
        subject=f"{headline.removesuffix('.')} ({standing})",
        team=page.team,
        path=page.path.removesuffix(".html") + ".eml",
        month=page.month,
        report=_report(page),
        sent_at=_instant(page),
        preheader=page.answer.why or now(page)[0],
        kicker=f"{fmt.month_name(page.month)} · {who} of {name(page.company)} · {standing}",
        headline=headline,
        warnings=tuple(page.warnings),
        figures=(
            Figure(
                "Billed" if bridge.billed else "Metered, not billed yet",
                money(bridge.total.usd),
                "nothing is metered or billed"
                if bridge.is_empty
                else f"traces show {money(bridge.traced.usd)}",
            ),
            Figure(
                "Explained",
                fmt.signed_usd(bridge.explained_usd),
                f"of {fmt.signed_usd(bridge.difference_usd)} between traces and "
                f"{'bill' if bridge.billed else 'meters'}",
            ),
            Figure("Unexplained", amount(bridge.unexplained), _share(page)),
        ),
        why=tuple(
            (word, told) for word, told in (("Why", page.answer.why), ("How sure", page.answer.sure)) if told
        ),
        now=now(page),
        verdict=verdict,
        parts=tuple(every_part(page)),
        link=link,
        notes=tuple(_notes(page)),
    )


def _standing(page: Page) -> str:
    return page.sign_off.words(page.close["status"]) if page.close else "not closed"


def _report(page: Page) -> str:
    if not page.close:
        return f"{page.month} not closed"
    state = "preliminary" if page.sign_off.state == "preliminary" else f"version {page.sign_off.version}"
    return f"{page.month} {state} {page.close['close_id']}"


def _instant(page: Page) -> datetime:
    if page.sign_off.lock and not page.sign_off.reopened:
        locked: datetime = page.sign_off.lock["recorded_at"]
        return locked.astimezone(UTC)
    return Month.parse(page.month).end() if page.close else datetime.fromtimestamp(0, UTC)


def _share(page: Page) -> str:
    rest, total = page.bridge.unexplained.usd.shown, page.bridge.total.usd.shown
    if rest is None:
        return "no price known"
    return f"{fmt.signed_percent(rest, total or 0)} of {'the bill' if page.bridge.billed else 'metered'}"


def _notes(page: Page) -> Iterable[str]:
    if page.close:
        yield f"The full report is {page.month}/{page.path} in the folder of reports."
    yield (
        "Traced: tokens on every exported span, as logged. Metered: tokens in the provider's usage export. "
        "Billed: dollars on the provider's bill. Drift: metered minus traced."
    )
    yield (
        "Known as exact: arithmetic on recorded facts; bounded: a rule gives a low and a high; estimated: "
        "statistics; allocated: split by a stated method. Ranges are 90 % intervals."
    )
    yield (
        "Tokens: k thousand, M million, B billion. + unpriced: a part has no known price; it is in the "
        "tokens and not in the dollars. Amounts are rounded so that rows and columns add up; the CSV files "
        "beside the page hold them exactly, with every row behind this mail."
    )
    if page.close:
        yield (
            f"Close {fmt.label(page.close['close_id'])}, Tallystick {fmt.label(page.close['version'])}, "
            f"prices: {fmt.label(page.close['price_card_version'], 120)}."
        )


def message_of(mail: Mail, letterhead: Letterhead) -> EmailMessage:
    """Return the message, with everything but its recipients."""
    group = group_of(mail.team)
    mark = hashlib.sha256(f"{mail.report}\n{group}".encode()).hexdigest()[:32]
    message = EmailMessage(policy=policy.SMTP)
    message["Subject"] = mail.subject
    message["From"] = letterhead.sender
    if letterhead.reply_to:
        message["Reply-To"] = letterhead.reply_to
    message["Date"] = format_datetime(mail.sent_at)
    message["Message-ID"] = f"<{mark}@{_domain(letterhead.sender)}>"
    message["Auto-Submitted"] = "auto-generated"
    message[REPORT] = mail.report
    message[GROUP] = group
    message.set_content(text_of(mail), cte="quoted-printable")
    message.add_alternative(html_of(mail), subtype="html", cte="quoted-printable")
    message["Content-Language"] = "en"
    message.set_boundary(f"=_{mark}")  # no line of quoted-printable holds these two signs
    return message


def _domain(sender: str) -> str:
    return parseaddr(sender)[1].rpartition("@")[2] or "tallystick.invalid"


def text_of(mail: Mail) -> str:
    """Return the mail as text."""
    return environment().get_template("mail.txt.j2").render(mail=mail, sheet_text=sheet_text)


def html_of(mail: Mail) -> str:
    """Return the mail as HTML, its style written into its elements."""
    return str(_inliner().inline(environment().get_template("mail.html.j2").render(mail=mail)))


@cache
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(load_remote_stylesheets=False, keep_at_rules=True, minify_css=True)
