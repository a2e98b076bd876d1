"""A mix turns causes up, down and off, and changes the company; whatever it does, everything adds up."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.simulator import world as simulator
from pipeline.simulator.chances import chances
from pipeline.simulator.mix import CAUSES, Mix
from pipeline.simulator.staff import staff

Balance = Callable[[simulator.World], tuple[Counter[tuple[str, ...]], Counter[tuple[str, ...]]]]


@pytest.mark.parametrize("seed", range(8))
def test_drawn_companies_add_up(tmp_path: Path, seed: int, balance: Balance) -> None:
    explained, metered = balance(simulator.write(tmp_path, seed=seed, calls=700, mix=Mix.draw(seed)))
    assert explained == metered
