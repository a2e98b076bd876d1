"""What the README tells a newcomer to write works as it stands."""

import re
import shutil
from pathlib import Path

import pytest

from assets.close import close_month, load_settings
from pipeline.formats import detect
from pipeline.period import Month
from pipeline.preflight import check

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture
def blocks() -> list[str]:
    """The TOML blocks of the README: the configuration and the invoice."""
    return re.findall(r"```toml\n(.*?)```", README.read_text("utf-8"), flags=re.DOTALL)


def test_the_configuration_closes_a_month(blocks: list[str], pristine: Path, tmp_path: Path) -> None:
    shutil.copytree(pristine / "traces", tmp_path / "otel")
    for folder in ("openai", "anthropic", "invoices"):
        shutil.copytree(pristine / folder, tmp_path / folder)
    (tmp_path / "tallystick.toml").write_text(blocks[0], "utf-8")
    settings = load_settings(tmp_path / "tallystick.toml")
    assert [problem for problem in check(settings) if problem.severity == "error"] == []
    published = close_month(settings, Month.parse("2026-10"))
    assert published.headline.startswith("October 2026: Acme was billed $")
    assert (published.folder / "teams" / "support.html").exists()


def test_the_invoice_is_read_and_adds_up(blocks: list[str]) -> None:
    content = blocks[1].encode()
    parsed = detect(content, "invoice", "invoice.toml").parse(content)
    assert parsed.rejects == []
    assert str(parsed.rows["amount"].sum()) == "1190.000000000000"
    assert set(parsed.rows["category"]) == {"usage", "credit", "tax"}
