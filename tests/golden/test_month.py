"""A small month of files gives these tables and this page, byte for byte.

`make update-golden` rewrites them; a figure that moves needs a line in CHANGELOG.md.
"""

import re
from importlib.metadata import version
from pathlib import Path

import pytest

from assets.close import close_month, load_settings
from pipeline.period import Month
from pipeline.simulator import world

GOLDEN = Path(__file__).parent / "month"
FILES = ("bridge.csv", "tieout.csv", "teams.csv", "open_items.csv", "quarantine.csv", "index.html")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("golden")
    world.write(folder, seed=5, month="2026-10", calls=120)
    return close_month(load_settings(folder / "tallystick.toml"), Month.parse("2026-10")).folder


def normalised(path: Path) -> str:
    """The file without style, and without what changes with a release: our version and the close id."""
    text = path.read_text("utf-8").replace(version("tallystick"), "VERSION")
    if path.suffix != ".html":
        return text
    text = re.sub(r"(?s)<style>.*?</style>", "<style></style>", text)
    return re.sub(r"\b[0-9a-f]{16}\b", "CLOSE_ID", text)


@pytest.mark.parametrize("name", FILES)
def test_the_month_is_the_one_that_was_looked_at(
    name: str, published: Path, request: pytest.FixtureRequest
) -> None:
    text = normalised(published / name)
    golden = GOLDEN / name
    if request.config.getoption("--update-golden"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text, "utf-8", newline="")
    assert text == golden.read_text("utf-8"), "look at the difference, then: make update-golden"
