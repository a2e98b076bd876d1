"""The `tallystick` command: does what the Dagster jobs do, by calling the same functions."""

import logging
import shutil
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from assets import close as steps
from assets import closing, logs, trials
from assets.close import Published
from assets.explain import explain
from assets.send import send
from assets.status import status
from pipeline.disk import refusal
from pipeline.errors import ConfigError, TallystickError
from pipeline.period import Month
from pipeline.settings import Settings

log = logging.getLogger(__name__)
app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Reconciles traced, metered and billed LLM usage, and says why the three differ.",
)

_out = Console(highlight=False, soft_wrap=True)
_talk = Console(stderr=True, highlight=False)

ConfigOption = Annotated[
    Path, typer.Option("--config", help="The configuration file.", envvar="TALLYSTICK_CONFIG")
]
MonthArgument = Annotated[str, typer.Argument(help="The month, as YYYY-MM.")]
_CONFIG = Path("tallystick.toml")
_BUG = "This is a bug. The last good state is kept; please report what stands above."


@app.command()
def demo(
    folder: Annotated[Path, typer.Option("--dir", help="Where the demo goes.")] = Path("demo"),
    seed: Annotated[int, typer.Option(help="Another seed makes another company.")] = 7,
    calls: Annotated[int, typer.Option(min=100, help="Calls of the simulated month.")] = 12_000,
) -> None:
    """Make a seeded month of a company with three providers and six teams, and close it."""
    from pipeline.simulator import world  # noqa: PLC0415  (only the demo needs it)

    _make_room(folder)
    with _Steps() as progress:
        world.write(folder, seed=seed, month="2026-10", calls=calls, progress=progress)
        published = steps.close_month(
            steps.load_settings(folder / "tallystick.toml"), Month.parse("2026-10"), progress
        )
    _show(published)


def _make_room(folder: Path) -> None:
    """Remove an earlier demo, so that two companies never mix; refuse a folder with anything else in it."""
    mark = folder / ".tallystick-demo"
    if folder.is_dir() and any(folder.iterdir()):
        if not mark.exists():
            raise ConfigError(f"{folder} holds other things than a demo. Choose another folder with --dir.")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    mark.touch()


@app.command()
def close(
    month: MonthArgument,
    lock: Annotated[
        bool, typer.Option("--lock", help="Lock it: from then on nothing of it changes.")
    ] = False,
    by: closing.ByOption = None,
    config: ConfigOption = _CONFIG,
) -> None:
    """Land what is new, reconcile the month, attribute its drift and write the reports.

    Ends with 0, with 1 when findings are above materiality or a locked month would change, with 2 when the
    configuration cannot be used.
    """
    settings, wanted = steps.load_settings(config), Month.parse(month)
    if by is not None and not lock:
        raise ConfigError("--by says who locks the month. Add --lock, or leave it out.")
    who = closing.lock_of(by) if lock else None
    with _Steps() as progress:
        published = steps.close_month(settings, wanted, progress, who)
    _show(published)
    if closing.tell(wanted, published):
        raise typer.Exit(1)
    if published.errors:
        raise typer.Exit(1)


@app.command()
def land(
    config: ConfigOption = _CONFIG,
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
) -> None:
    """Land what is new in the sources and stop: what the daily job does."""
    settings = steps.load_settings(config)
    known = [item.name for item in settings.sources]
    if source is not None and source not in known:
        raise ConfigError(f"There is no source '{source}'. Known sources: {', '.join(known)}.")
    with _Steps() as progress:
        summary = steps.land(settings, progress, source)
    _out.print(summary.text(), markup=False)
    for line in summary.late:
        _out.print(line, markup=False)


@app.command()
def check(config: ConfigOption = _CONFIG) -> None:
    """Say at once what is wrong with configuration and sources, and what to do."""
    settings: Settings = steps.load_settings(config)
    problems = steps.check_sources(settings)
    for problem in problems:
        _out.print(f"{problem.severity}: {problem.where}: {problem.message} {problem.advice}", markup=False)
    errors = sum(problem.severity == "error" for problem in problems)
    _talk.print(
        f"{len(settings.sources)} sources checked: {errors} errors, {len(problems) - errors} warnings."
    )
    if errors:
        raise typer.Exit(2)


app.command()(closing.reopen)
app.command()(closing.sign)
app.command()(send)
app.command()(trials.simulate)
app.command()(trials.bench)

app.command()(explain)
app.command()(status)


def main() -> None:
    """Run the command line; what we or the system refuse ends with 2 and a message, a bug with 3."""
    logs.configure(_talk)
    try:
        app()
    except TallystickError as error:
        _fail(str(error))
    except OSError as error:
        _fail(refusal(error))
    except Exception:  # a bug; 1 would say that the month is closed and has findings
        if logs.is_json():
            log.exception(_BUG)
        else:
            _talk.print_exception(show_locals=False)
            _talk.print(_BUG)
        sys.exit(3)


def _fail(message: str) -> NoReturn:
    if logs.is_json():
        log.error(message)
    else:
        _talk.print(message, style="red", markup=False, soft_wrap=True)
    sys.exit(2)


class _Steps:
    """Shows what is being done, how far it is and how long it took; one line a step."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description:<44}"),
            BarColumn(24),
            TextColumn("{task.percentage:>3.0f} %"),
        )
        self._progress = Progress(*columns, TimeElapsedColumn(), console=_talk, disable=logs.is_json())
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "_Steps":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, what: str, done: int, whole: int) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=whole)
            log.info("%s: begun", what)
        self._progress.update(self._tasks[what], completed=done, total=whole)


def _show(published: Published) -> None:
    _out.print(published.headline, markup=False)
    if published.tieout.height:
        _out.print(_tieout(published))
    counts = published.findings["severity"].value_counts().sort("severity").rows()
    found = ", ".join(f"{count} {severity}{'s' if count > 1 else ''}" for severity, count in counts)
    _out.print(f"Findings: {found or 'none'}. The month is {published.status}.", markup=False)
    for code, severity, message in published.findings.select("code", "severity", "message").head(6).rows():
        _out.print(f"  {severity}: {message} [{code}]", markup=False)
    _out.print(f"Report: {published.folder / 'index.html'}", markup=False)
    if published.copy:
        _out.print(f"Copy: {published.copy}", markup=False)


def _tieout(published: Published) -> Table:
    table = Table(title="From metered to billed, in US dollars")
    accounts = published.tieout.select("provider", "account", "invoice_id").unique(maintain_order=True).rows()
    table.add_column("component", no_wrap=True, min_width=24)
    for provider, account, invoice in accounts:
        table.add_column(f"{provider}\n{account}\n{invoice or 'no invoice yet'}", justify="right")
    for component in published.tieout["component"].unique(maintain_order=True):
        rows = published.tieout.filter(published.tieout["component"] == component)
        amounts = {
            (row["provider"], row["account"], row["invoice_id"]): row["usd"] for row in rows.to_dicts()
        }
        table.add_row(component, *[f"{amounts[key]:,.2f}" if key in amounts else "" for key in accounts])
    return table


if __name__ == "__main__":
    main()
