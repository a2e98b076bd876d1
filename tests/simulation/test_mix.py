"""A mix turns causes up, down and off, and changes the company; whatever it does, everything adds up."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.simulator import world as simulator
from pipeline.simulator.chances import BILLED, chances
from pipeline.simulator.mix import CAUSES, Mix
from pipeline.simulator.staff import staff
from pipeline.simulator.tracing import DIALECTS

Balance = Callable[[simulator.World], tuple[Counter[tuple[str, ...]], Counter[tuple[str, ...]]]]
Rows = Callable[[Path], list[dict[str, str]]]


def found(world: simulator.World, rows: Rows) -> set[str]:
    """Causes with any cell of the truth."""
    return {row["cause"] for row in rows(world.truth / "truth.csv")} - {"traced"}


@pytest.mark.parametrize("seed", range(6))
def test_drawn_companies_add_up(tmp_path: Path, seed: int, balance: Balance) -> None:
    explained, metered = balance(simulator.write(tmp_path, seed=seed, calls=600, mix=Mix.draw(seed)))
    assert explained == metered


def test_a_month_that_is_metered_by_a_log_adds_up(tmp_path: Path, balance: Balance) -> None:
    world = simulator.write(tmp_path, seed=4, calls=800, mix=replace(Mix.draw(4), request_log=True))
    assert not (tmp_path / "anthropic" / "usage").exists()
    assert 'uri = "anthropic/requests.csv"' in world.configuration.read_text()
    explained, metered = balance(world)
    assert explained == metered


@pytest.mark.parametrize("cause", CAUSES)
def test_a_cause_occurs_alone(tmp_path: Path, cause: str, rows: Rows, balance: Balance) -> None:
    world = simulator.write(tmp_path, seed=12, calls=1000, mix=Mix.only(cause))
    assert found(world, rows) == {cause}
    explained, metered = balance(world)
    assert explained == metered


@pytest.mark.parametrize("cause", CAUSES)
def test_a_cause_is_switched_off(tmp_path: Path, cause: str, rows: Rows) -> None:
    mix = Mix.draw(CAUSES.index(cause)).without(cause)
    assert cause not in found(simulator.write(tmp_path, seed=8, calls=500, mix=mix), rows)


def test_an_intensity_makes_more_of_a_cause(tmp_path: Path) -> None:
    few, many = (
        simulator.write(tmp_path / str(intensity), seed=2, calls=1000, mix=Mix(retries=intensity))
        for intensity in (0.3, 3.0)
    )
    assert many.causes["retries"] > 3 * few.causes["retries"]


def test_what_cannot_be_simulated_is_refused() -> None:
    with pytest.raises(ValueError, match="day, hour or minute"):
        Mix(grain="week")
    with pytest.raises(ValueError, match="0 or more: retries"):
        Mix(retries=-1.0)
    with pytest.raises(ValueError, match="no cause retry"):
        Mix().without("retry")


def test_drawn_mixes_differ_and_stay_in_range() -> None:
    mixes = [Mix.draw(seed) for seed in range(40)]
    values = [getattr(mix, cause) for mix in mixes for cause in CAUSES]
    assert Mix.draw(7) == mixes[7]
    assert len(set(values)) > 0.9 * len(values)
    assert 0.4 <= min(values) < 0.45
    assert 2.0 < max(values) <= 2.2


def test_drawn_providers_bill_differently_and_never_for_certain() -> None:
    drawn = [chances(Mix.draw(seed)) for seed in range(40)]
    timeouts = {billed["openai"]["timeout"] for billed in drawn}
    assert min(timeouts) < BILLED["openai"]["timeout"] < max(timeouts)
    assert all(0 < chance < 1 for billed in drawn for kinds in billed.values() for chance in kinds.values())


def test_every_instrumentation_watches_some_company() -> None:
    watching = {code for seed in range(20) for service in staff(Mix.draw(seed)) for code in service.dialects}
    assert watching == set(DIALECTS)


def test_the_same_company_keeps_its_services_whatever_its_faults() -> None:
    one, two = (
        {service.name: (service.dialects, service.models, service.prompt) for service in staff(mix)}
        for mix in (Mix.draw(3), replace(Mix.draw(3), retries=0.0, grain="hour"))
    )
    assert one == two


def test_the_grain_changes_the_exports_and_nothing_else(tmp_path: Path) -> None:
    for grain in ("day", "hour"):
        simulator.write(tmp_path / grain, seed=3, calls=200, mix=Mix(grain=grain))
    day, hour = (
        {
            str(path.relative_to(tmp_path / grain)): path.read_bytes()
            for path in (tmp_path / grain).rglob("*.*")
            if "usage" not in path.parts and path.name != "summary.json"
        }
        for grain in ("day", "hour")
    )
    assert day == hour


def pages(folder: Path) -> list[dict[str, Any]]:
    """Pages in the order in which the API gave them."""
    paths = sorted(folder, key=lambda path: int(path.stem.rsplit("page", 1)[1]))  # type: ignore[call-overload]
    return [json.loads(path.read_bytes()) for path in paths]


@pytest.mark.parametrize(
    ("grain", "width", "limit", "whole"), [("hour", 3600, 168, 744), ("minute", 60, 1440, 44_640)]
)
def test_finer_exports_are_paged_as_the_apis_do(
    tmp_path: Path, grain: str, width: int, limit: int, whole: int
) -> None:
    simulator.write(tmp_path, seed=3, calls=300, mix=Mix(grain=grain))
    usage = tmp_path / "openai" / "usage"
    openai = pages(list(usage.glob("completions-by-key_2026-11-04_*")))
    starts = [bucket["start_time"] for page in openai for bucket in page["data"]]
    assert starts == [1_790_812_800 + width * number for number in range(whole)]
    assert all(bucket["end_time"] - bucket["start_time"] == width for bucket in openai[0]["data"])
    assert [len(page["data"]) for page in openai[:-1]] == [limit] * (len(openai) - 1)
    assert [page["has_more"] for page in openai] == [True] * (len(openai) - 1) + [False]
    anthropic = pages(list((tmp_path / "anthropic" / "usage").iterdir()))
    buckets = [bucket for page in anthropic for bucket in page["data"]]
    assert len(buckets) == whole
    assert [one["ending_at"] for one in buckets[:-1]] == [one["starting_at"] for one in buckets[1:]]
    assert buckets[1]["starting_at"] == f"2026-10-01T{'01:00' if grain == 'hour' else '00:01'}:00Z"
