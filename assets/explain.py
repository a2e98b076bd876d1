"""`tallystick explain`: the rows behind a team's figures, from the published tables of a month."""

from decimal import Decimal
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import polars as pl
import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from assets import explain_invoice as invoices
from assets.close import load_settings
from pipeline.causes import CAUSES
from pipeline.errors import ConfigError, TallystickError
from pipeline.period import Month
from pipeline.settings import Settings
from reports import format as fmt
from reports.bridge import SUMS
from reports.reasons import reason
from reports.view import CauseText, cause_texts, step_texts
from schemas.types import BASES, STEPS

_out = Console(highlight=False, soft_wrap=True)
_TEXTS = step_texts({text.code: text for text in cause_texts(CAUSES)})
_PLACE = ("provider", "account", "model", "service", "feature")


def explain(  # noqa: PLR0913, PLR0915, PLR0917 - one parameter an option
    month: Annotated[str, typer.Argument(help="The month, as YYYY-MM.")],
    team: Annotated[str | None, typer.Option(help="The team or pool.")] = None,
    cause: Annotated[str | None, typer.Option(help="One step of its bridge, down to the spans.")] = None,
    invoice: Annotated[
        str | None, typer.Option(help="An invoice, or an account that awaits one, line by line.")
    ] = None,
    line: Annotated[int | None, typer.Option(min=1, help="One line of it, with the rates to try.")] = None,
    service: Annotated[str | None, typer.Option(help="Only bridge lines of this service.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows of evidence to show.")] = 20,
    config: Annotated[
        Path, typer.Option("--config", help="The configuration file.", envvar="TALLYSTICK_CONFIG")
    ] = Path("tallystick.toml"),
) -> None:
    """Show the rows behind a team's figures, down to trace and span ids, or the lines of an invoice."""
    settings, when = load_settings(config), Month.parse(month)
    folder = settings.output_folder / str(when)
    if invoice is not None and team is None:
        rows = invoices.of_invoice(_read(folder, "charges", month), invoice)
        if line is None:
            _invoice(rows, f"{fmt.label(invoice)}, {fmt.month_name(month)}", limit)
        else:
            _line(rows, line, settings, when, limit)
        return
    if team is None or invoice is not None:
        raise ConfigError("Name either a team (--team) or an invoice (--invoice).")
    bridge = _known(_read(folder, "bridge", month), "team", team, f"{month} has no team")
    if service is not None:
        bridge = _known(bridge, "service", service, f"Team {team} has no service")
    title = f"{fmt.label(team)}, {fmt.month_name(month)}: from traced to metered"
    if cause is None:
        _show(_steps(bridge), title)
        _say(f"One step in full: tallystick explain {month} --team {quote(team)} --cause <step>")
        return
    lines = _known(bridge, "step", cause, f"The bridge of {team} has no step", among=STEPS)
    evidence = _read(folder, "evidence", month).filter(team=team, step=cause)
    _show(_steps(bridge), title)
    _explain(_TEXTS[cause], lines, evidence, limit)
    _rates(folder, cause)
    _say(_tie(lines, evidence, service))


def _invoice(rows: pl.DataFrame, title: str, limit: int) -> None:
    table = _table(">line", "what", ">expected", ">billed", "made of")
    found = invoices.differing(rows, limit)
    for cells in found:
        table.add_row(*_cells(*cells))
    _show(table, f"{title}: the {len(found)} largest of {fmt.plural(rows.height, 'line')} that differ")
    if fees := invoices.fees(rows):
        _say(fees)
    _say(f"Together {fmt.exact_usd(Decimal(rows['billed_usd'].sum()))}. One line in full: --line <number>")


def _line(rows: pl.DataFrame, number: int, settings: Settings, month: Month, limit: int) -> None:
    row = invoices.line_of(rows, number)
    table = _table("", "")
    for name, value in invoices.facts(row):
        table.add_row(*_cells(name, value))
    _show(table, f"Line {number}")
    tried = invoices.tried(row, settings, month, limit)
    if not tried:
        _say(row["candidates"] or "No other rate was tried on it.")
        return
    table = _table("effect", "rate", ">makes", ">off by")
    for candidate in tried:
        table.add_row(*_cells(candidate.effect, candidate.words, f"{candidate.usd:f}", f"{candidate.gap:f}"))
    _show(table, "Rates that were tried, the best first")


def _read(folder: Path, name: str, month: str) -> pl.DataFrame:
    try:
        return pl.read_parquet(folder / f"{name}.parquet")
    except FileNotFoundError:
        raise TallystickError(
            f"{folder / name}.parquet is not there: month {month} has not been closed. "
            f"Run `tallystick close {month}` first."
        ) from None
    except pl.exceptions.PolarsError as error:
        raise TallystickError(
            f"{folder / name}.parquet cannot be read: {error}. Run `tallystick close {month}` again."
        ) from None


def _known(
    frame: pl.DataFrame, column: str, value: str, complaint: str, among: tuple[str, ...] | None = None
) -> pl.DataFrame:
    """The rows with the value; an error that names the values there are when there is none."""
    rows = frame.filter(pl.col(column) == value)
    if rows.is_empty():
        there = set(frame[column].unique())
        names = [name for name in among if name in there] if among else sorted(there)
        raise ConfigError(f"{complaint} '{value}'. Known: {', '.join(map(fmt.label, names))}.")
    return rows


def _steps(bridge: pl.DataFrame) -> Table:
    found = {row["step"]: row for row in bridge.group_by("step").agg(*SUMS).iter_rows(named=True)}
    table = _table("step", ">tokens", ">90 % interval", "basis", ">US dollars")
    for code in (step for step in STEPS if step in found):
        table.add_row(*_cells(code, *_figures(found[code])))
    total = {**bridge.select(SUMS).row(0, named=True), "bases": [], "tokens_low": 0, "tokens_high": 0}
    tokens, _, _, usd = _figures(total)
    table.add_row(*_cells("metered", tokens, "", "", usd), style="bold")
    return table


def _explain(text: CauseText, lines: pl.DataFrame, evidence: pl.DataFrame, limit: int) -> None:
    _show(_lines(lines), f"{text.title}: lines of the bridge", text.sentence)
    if evidence.height:
        _show(_by_reason(evidence), f"{text.title}: rows of evidence by reason")
        shown = min(limit, evidence.height)
        title = f"{text.title}: the {shown} largest of {fmt.plural(evidence.height, 'row')} of evidence"
        _show(_largest(evidence, shown), title)


def _lines(lines: pl.DataFrame) -> Table:
    table = _table(*_PLACE, ">tokens", ">90 % interval", "basis", ">US dollars")
    sums = lines.group_by(_PLACE).agg(*SUMS).sort(pl.col("tokens").abs(), *_PLACE, descending=True)
    for row in sums.iter_rows(named=True):
        table.add_row(*_cells(*(row[name] for name in _PLACE), *_figures(row)))
    return table


def _by_reason(evidence: pl.DataFrame) -> Table:
    table = _table("reason", ">rows", ">tokens", ">US dollars")
    usd = pl.when(pl.col("usd").is_not_null().all()).then(pl.col("usd").sum()).alias("usd")
    sums = evidence.group_by("reason").agg(pl.len().alias("rows"), pl.col("tokens").sum(), usd)
    for row in sums.sort("reason").iter_rows(named=True):
        figures = (fmt.integer(row["rows"]), fmt.signed_integer(row["tokens"]), fmt.exact_usd(row["usd"]))
        table.add_row(*_cells(reason(row["reason"]), *figures))
    return table


def _largest(evidence: pl.DataFrame, count: int) -> Table:
    table = _table("trace id", "span id", ">tokens", ">US dollars", "reason")
    size = (pl.col("usd").abs(), pl.col("tokens").abs())
    down = [True, True, False, False, False]
    order = evidence.sort(*size, "trace_id", "span_id", "reason", descending=down, nulls_last=True)
    for row in order.head(count).iter_rows(named=True):
        figures = (fmt.signed_integer(row["tokens"]), fmt.exact_usd(row["usd"]))
        table.add_row(
            *_cells(row["trace_id"] or "no span", row["span_id"] or "", *figures, reason(row["reason"]))
        )
    return table


def _rates(folder: Path, cause: str) -> None:
    """What calibration learned for the cause, over all teams; nothing where it learned nothing."""
    path = folder / "rates.parquet"
    if not path.exists():
        return
    rates = (
        pl.read_parquet(path)
        .filter(pl.col("steps").str.split(",").list.eval(pl.element().str.strip_chars()).list.contains(cause))
        .sort("rate")
    )
    if rates.is_empty():
        return
    table = _table("rate", ">expected", ">±", ">learned", ">±", ">buckets")
    columns = ("prior", "prior_error", "posterior", "posterior_error")
    for row in rates.iter_rows(named=True):
        figures = (f"{row[name]:.4f}" for name in columns)
        table.add_row(*_cells(row["rate"], *figures, fmt.integer(row["buckets"])))
    _show(table, "Rates of this step over all teams: before the month was looked at, and after")


def _tie(lines: pl.DataFrame, evidence: pl.DataFrame, service: str | None) -> str:
    """How the rows of evidence and the lines of the bridge add up."""
    whole, backed = int(lines["tokens"].sum()), int(evidence["tokens"].sum())
    figure, rows = fmt.signed_integer(whole), fmt.plural(evidence.height, "row")
    if service is not None:
        return (
            f"The lines above are {figure} tokens. Rows of evidence name no service: "
            f"those above are of all services of the team, {fmt.signed_integer(backed)} tokens."
        )
    if evidence.is_empty():
        bases = ", ".join(basis for basis in BASES if basis in set(lines["basis"]))
        return f"The step is {figure} tokens ({bases}). No single span stands behind it."
    if whole == backed:
        return f"The {rows} of evidence add up to the step: {figure} tokens, to the token."
    rest = fmt.signed_integer(whole - backed)
    return (
        f"The step is {figure} tokens. {fmt.signed_integer(backed)} of them stand in {rows} of evidence; "
        f"{rest} are allocated to the team by rule, without a span of their own."
    )


def _figures(row: dict[str, Any]) -> tuple[str, str, str, str]:
    """Tokens, interval, basis and dollars of a group of bridge rows."""
    low, high = (fmt.signed_integer(row[name]) for name in ("tokens_low", "tokens_high"))
    partial = " (part has no price)" if row["is_partial"] and row["usd"] is not None else ""
    known = ", ".join(basis for basis in BASES if basis in row["bases"])
    interval = "" if low == high else f"{low} to {high}"
    return fmt.signed_integer(row["tokens"]), interval, known, fmt.exact_usd(row["usd"]) + partial


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD if _out.is_terminal else None, pad_edge=False)
    for name in columns:
        table.add_column(
            name.lstrip(">"), justify="right" if name.startswith(">") else "left", overflow="fold"
        )
    return table


def _cells(*values: str) -> list[Text]:
    return [Text(fmt.label(value, 200)) for value in values]


def _show(table: Table, title: str, sentence: str = "") -> None:
    if not _out.is_terminal:
        _out.width = 240
    _out.print(Text(title, style="bold"))
    if sentence:
        _out.print(Text(sentence))
    _out.print(table)
    _out.print()


def _say(text: str) -> None:
    _out.print(Text(text))
