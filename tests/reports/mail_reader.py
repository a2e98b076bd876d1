"""A mail read back: its parts, its words, its tables, and the colours of each piece of text."""

import re
from email import message_from_string, policy
from email.message import EmailMessage
from html.parser import HTMLParser

VOID = {"meta", "br"}
INVISIBLE = {"style", "title"}


def parsed(mail: str) -> EmailMessage:
    return message_from_string(mail, policy=policy.default)


def parts(mail: str) -> tuple[str, str]:
    """Text and HTML."""
    message = parsed(mail)
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain
    assert html
    return plain.get_content(), html.get_content()


def style_of(attrs: dict[str, str]) -> dict[str, str]:
    pairs = (pair.partition(":") for pair in attrs.get("style", "").split(";") if pair.strip())
    return {name.strip(): value.strip() for name, _, value in pairs}


class MailReader(HTMLParser):
    """Balanced tags, the visible text, tables by caption, and what colour stands on what."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.stack: list[tuple[str, str, str, str]] = [("", "#000000", "#ffffff", "")]
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.colours: set[tuple[str, str]] = set()
        self.tables: dict[str, list[list[str]]] = {}
        self.rows: list[list[str]] = []
        self.row: list[str] | None = None
        self.feed(html)
        self.close()
        assert len(self.stack) == 1

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append((tag, given))
        _, ink, ground, role = self.stack[-1]
        style = style_of(given)
        ink = style.get("color", ink)
        ground = style.get("background-color", given.get("bgcolor", ground))
        is_hidden = role == "hidden" or style.get("display") == "none"
        if tag == "table":
            role = "layout" if given.get("role") == "presentation" else "data"
        if tag not in VOID:
            self.stack.append((tag, ink, ground, "hidden" if is_hidden else role))
        if tag == "table" and role == "data":
            self.rows = []
        if tag == "tr" and role == "data":
            self.row = []
            self.rows.append(self.row)
        if tag in ("td", "th") and role == "data" and self.row is not None:
            self.row.append("")
        if tag in ("br", "p", "td", "th", "h1", "h2", "caption", "div"):
            self.text += " "

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        tag, ink, ground, role = self.stack[-1]
        if role == "hidden" or tag in INVISIBLE or not data.strip():
            return
        self.colours.add((ink, ground))
        self.text += data.replace("\N{WORD JOINER}", "")
        if tag == "caption":
            self.tables[data] = self.rows
        elif role == "data" and self.row:
            if tag == "small" or self.stack[-2][0] == "small":
                self.row[-1] += f" [{data}]"
            else:
                self.row[-1] += data


def figures(text: str) -> list[str]:
    """Every word that holds a digit, sorted."""
    clean = text.replace("\N{WORD JOINER}", "").replace("\N{NO-BREAK SPACE}", " ")
    return sorted(word.strip(".,;:()[]") for word in re.split(r"\s+", clean) if re.search(r"\d", word))
