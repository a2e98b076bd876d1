"""The commands that try Tallystick on made months: `tallystick simulate` and `tallystick bench`.

What they call is imported when they run: nothing else of the command line needs the simulator.
"""

import json
import os
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import track

from pipeline.errors import ConfigError

if TYPE_CHECKING:
    from assets.simulate import Outcome

_out = Console(highlight=False, soft_wrap=True)
_talk = Console(stderr=True, highlight=False)
_CORES = os.cpu_count() or 1


def simulate(  # noqa: PLR0913, PLR0917 - one parameter an option
    calls: Annotated[int, typer.Option(min=100, help="Calls of a month.")] = 3000,
    seeds: Annotated[int, typer.Option(min=1, help="Worlds: the seeds 1 to this.")] = 5,
    fresh: Annotated[int, typer.Option(min=0, help="Instead, so many worlds of random seeds.")] = 0,
    seed: Annotated[int | None, typer.Option(help="Instead, the one world of this seed, in full.")] = None,
    grain: Annotated[str, typer.Option(help="Time step of the exports: day, hour or minute.")] = "day",
    without: Annotated[str | None, typer.Option(help="Worlds that lack this cause.")] = None,
    only: Annotated[str | None, typer.Option(help="Worlds that have no cause but this.")] = None,
    drop: Annotated[str | None, typer.Option(help="Close without the claims of this cause too.")] = None,
    keep: Annotated[Path | None, typer.Option(help="Keep the worlds in this folder.")] = None,
    figures: Annotated[Path | None, typer.Option("--json", help="Write all figures here.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Worlds at the same time.")] = _CORES,
    strict: Annotated[bool, typer.Option(help="End with 1 when a median misses its goal.")] = False,
    money: Annotated[
        bool, typer.Option("--money", help="Months of bills: contracts and price faults.")
    ] = False,
) -> None:
    """Close simulated months and score them against their truth, beside the goals of their size."""
    from assets import scoreboard  # noqa: PLC0415
    from assets.simulate import Plan, as_json, run  # noqa: PLC0415

    chosen = [seed] if seed is not None else _seeds(seeds, fresh)
    if money:
        if without or only or drop:
            raise ConfigError("--without, --only and --drop are about traces: a month of bills has none.")
        _simulate_money(chosen, keep, figures, workers, strict)
        return
    plans = [Plan(calls, number, grain, without, only, drop, keep) for number in chosen]
    done: list[Outcome] = list(
        track(run(plans, workers), "closing worlds", total=len(plans), console=_talk, transient=True)
    )
    done.sort(key=lambda outcome: outcome.plan.seed)
    _out.width = max(_out.width, scoreboard.WIDTH)
    scoreboard.show(_out, done)
    if figures is not None:
        figures.write_text(json.dumps(as_json(done), indent=1) + "\n", "utf-8")
    short = scoreboard.missed(done)
    if strict and short:
        _talk.print(f"Goals missed by the median: {', '.join(short)}.", style="red")
        raise typer.Exit(1)


def _simulate_money(
    seeds: list[int], keep: Path | None, figures: Path | None, workers: int, strict: bool
) -> None:
    """Close months of bills, and say which components and faults are right."""
    from assets import scoreboard_money as board  # noqa: PLC0415
    from assets.simulate_money import MoneyPlan, as_money_json, run_money  # noqa: PLC0415

    plans = [MoneyPlan(number, keep) for number in seeds]
    told = track(run_money(plans, workers), "closing worlds", total=len(plans), console=_talk, transient=True)
    done = sorted(told, key=lambda outcome: outcome.plan.seed)
    _out.width = max(_out.width, 110)
    board.show_money(_out, done)
    if figures is not None:
        figures.write_text(json.dumps(as_money_json(done), indent=1) + "\n", "utf-8")
    if strict and not board.is_all_right(done):
        _talk.print("Not every component and fault is right.", style="red")
        raise typer.Exit(1)


def bench(
    only: Annotated[
        str | None, typer.Option(help="Only attribution, reports, backfill, landing, files or scale.")
    ] = None,
    calls: Annotated[int, typer.Option(min=100, help="Calls of the month, about.")] = 1_000_000,
    spans: Annotated[int, typer.Option(min=1_000, help="Spans of the dump; scale lands ten times these.")] = (
        1_000_000
    ),
    runs: Annotated[int, typer.Option(min=1, help="Runs; the median counts.")] = 3,
    figures: Annotated[Path | None, typer.Option("--json", help="Write all figures here.")] = None,
) -> None:
    """Measure speed and memory, each beside a baseline of the same data in the same run."""
    from assets import bench as trial  # noqa: PLC0415
    from assets.bench_machine import machine, told  # noqa: PLC0415
    from assets.bench_measure import Asked  # noqa: PLC0415

    if only not in (None, *trial.CODES):
        raise typer.BadParameter(f"'{only}' is not measured; these are: {', '.join(trial.CODES)}.")
    shape, done = machine(), []
    _out.width = max(_out.width, 110)
    _out.print(told(shape), markup=False)
    with _talk.status("measuring") as status:
        for shown in trial.run(Asked(calls, spans, runs, status.update), only):
            _out.print(shown.table)
            for note in shown.notes:
                _out.print(note, markup=False, style="dim")
            done.append(shown.figures)
            if figures is not None:  # what was measured stays, whatever comes next
                kept = {"machine": shape, "benchmarks": done}
                figures.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")


def _seeds(seeds: int, fresh: int) -> list[int]:
    """Return fixed seeds, or random ones, which are printed."""
    if not fresh:
        return list(range(1, seeds + 1))
    drawn = SystemRandom().sample(range(1000, 1_000_000_000), fresh)
    _out.print(f"Fresh seeds: {', '.join(map(str, drawn))}.")
    return drawn
