"""Tables of a mail as text: columns that line up where letters have one width."""

from collections.abc import Iterator

from reports.mail_view import Line, Sheet

_NAME = 34


def sheet_text(sheet: Sheet) -> str:
    """Return a table as lines of text, a rule before its totals; long names stand on a line of their own."""
    return "\n".join(_lines(sheet))


def _lines(sheet: Sheet) -> Iterator[str]:
    columns = list(zip(sheet.heads[1:], *(line.figures for line in sheet.lines), strict=True))
    widths = [max(map(len, column)) for column in columns]
    yield _row(sheet.heads[0], sheet.heads[1:], widths)
    rule = "-" * len(_row("", sheet.heads[1:], widths))
    for i, line in enumerate(sheet.lines):
        if i == 0 or line.role == "total":
            yield rule
        yield from _told(line, widths)


def _told(line: Line, widths: list[int]) -> Iterator[str]:
    name = line.name
    if len(name) > _NAME:
        yield name
        name = ""
    yield _row(name, line.figures, widths)
    if line.note:
        yield f"    {line.note}"


def _row(name: str, figures: tuple[str, ...], widths: list[int]) -> str:
    cells = (f"{figure:>{width}}" for figure, width in zip(figures, widths, strict=True))
    return f"{name:<{_NAME}}  {'  '.join(cells)}".rstrip()
