"""A run of the graph that is killed in each of its steps in turn: the last one gives the bytes of an undisturbed one."""

import random
import re
import shutil
import time
from pathlib import Path

import dagster as dg
import pytest

from tests.system.runs import Hashes, closed, finish, instance, make_world, published, start

pytestmark = pytest.mark.system
STEPS = ("land", "watch_landing", "reconcile", "watch_month", "publish")
ROUNDS = 4
CHANCE = random.Random(11)  # noqa: S311
MOMENTS = [tuple(CHANCE.random() for _ in STEPS) for _ in range(ROUNDS)]
"""For each kill the part of its step that may pass; the last can come too late, and is then no kill."""


def _seconds(told: str) -> dict[str, float]:
    """How long each step took, from what Dagster says of them."""
    found = re.findall(r'Finished execution of step "(\w+)" in ([\d.]+)(ms|s)', told)
    return {step: float(number) / (1000 if unit == "ms" else 1) for step, number, unit in found}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Hashes, dict[str, float]]:
    """A month that nobody has closed, what its close publishes, and how long each step takes."""
    pristine = make_world(tmp_path_factory.mktemp("world") / "demo")
    calm = Path(shutil.copytree(pristine, tmp_path_factory.mktemp("calm") / "demo"))
    code, told = finish(start(calm, calm.parent / "home"))
    assert code == 0, told[-3000:]
    found = published(calm / "output")
    seconds = _seconds(told)
    assert found
    assert set(STEPS) <= set(seconds), told[-3000:]
    return pristine, found, seconds


def _killed(home: Path) -> int:
    """Return how many runs were killed: nobody marks them as ended, and none holds up the next."""
    with instance(home) as opened:
        return len(opened.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])))


@pytest.mark.parametrize("moments", MOMENTS)
def test_killed_in_any_of_its_steps_a_month_is_as_if_it_had_never_been(
    undisturbed, tmp_path, moments
) -> None:
    pristine, expected, seconds = undisturbed
    folder, home = Path(shutil.copytree(pristine, tmp_path / "demo")), tmp_path / "home"
    for step, moment in zip(STEPS, moments, strict=True):
        process = start(folder, home)
        assert process.stderr
        begun = any(f'Started execution of step "{step}"' in line for line in process.stderr)
        assert begun
        time.sleep(moment * seconds[step])
        process.kill()
        finish(process)
        assert published(folder / "output") in (None, expected)

    assert _killed(home) >= len(STEPS) - 1
    assert closed(folder) == expected
