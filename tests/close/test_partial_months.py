"""Months with nothing, with bills alone, with traces alone: each is closed, and its report says what it is."""

import shutil
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

from assets.close import Published, close_month, load_settings
from pipeline.period import Month

MONTH = Month.parse("2026-10")


class Words(HTMLParser):
    """What a page says, without its style and script."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(path.read_text("utf-8"))
        self.text = " ".join(" ".join(self.found).split())

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is None:
            self.found.append(data.replace("\N{WORD JOINER}", ""))


def closed(pristine: Path, folder: Path, *sources: str) -> Published:
    """Close the month with some of its sources only."""
    shutil.copytree(pristine, folder)
    config = folder / "tallystick.toml"
    head, *blocks = config.read_text("utf-8").split("[[sources]]\n")
    last, mark, rest = blocks[-1].partition("\n[[")
    blocks[-1] = last + "\n"
    kept = [block for block in blocks if any(f'kind = "{kind}"' in block for kind in sources)]
    tail = mark + rest if sources else ""
    config.write_text("[[sources]]\n".join([head, *kept]) + tail, "utf-8")
    return close_month(load_settings(config), MONTH)


def test_an_empty_month_says_that_there_is_nothing(pristine: Path, tmp_path: Path) -> None:
    published = closed(pristine, tmp_path / "month", "nothing")

    said = Words(published.folder / "index.html").text

    assert "has no bill and no metered tokens." in said
    for words in ("No tokens were traced or metered.", "No team has any call or any bill.", "No file was read.",
                  "No token was both traced and metered: there is no difference to explain.", "No billed call was traced."):  # fmt: skip
        assert words in said
    assert "No invoice and no cost export has come for this month." in said
    assert "Nothing of this month was read: no trace, no usage export and no bill." in said
    assert [path.name for path in published.folder.rglob("*.html")] == ["index.html"]


def test_a_month_of_invoices_alone_is_billed_and_not_explained_away(pristine: Path, tmp_path: Path) -> None:
    published = closed(pristine, tmp_path / "month", "invoice")

    said = Words(published.folder / "index.html").text
    billed = published.tieout.filter(component="billed")["usd"].sum()

    assert billed > 0
    assert f"was billed ${billed:,.2f}" in said
    assert "traces show $0.00" in said
    assert "No billed call was traced." in said
    assert "No trace of this month was read" in said
    assert "and no trace of the month was read that it could be compared with." in said
    assert "accounted for" not in said
    assert "Bring what is missing: a source of kind traces" in said
    assert "Why." not in said
    teams = pl.read_parquet(published.folder / "teams.parquet")
    assert teams["billed_usd"].sum() == billed
    for path in published.folder.glob("teams/*.html"):
        assert "traces show $0.00" in Words(path).text


def test_a_month_of_traces_alone_waits_for_meter_and_bill(pristine: Path, tmp_path: Path) -> None:
    published = closed(pristine, tmp_path / "month", "traces")

    said = Words(published.folder / "index.html").text

    assert "has no bill and no metered tokens." in said
    assert "No invoice and no cost export has come for this month." in said
    assert "Traced tokens that meet no meter. They are unknown, not zero" in said
    assert "No usage export, request log or bill of this month was read" in said
    assert "Bring what is missing: a source of kind usage" in said
    assert "is the largest difference" not in said
    assert "nothing is metered or billed" in said
    assert "Why." not in said
    unmetered = pl.read_parquet(published.folder / "unmetered.parquet")
    assert unmetered["tokens"].sum() > 0
    assert published.tieout.filter(component="billed")["usd"].sum() == Decimal(0)


@pytest.mark.parametrize("sources", [("nothing",), ("invoice",), ("traces",)])
def test_a_partial_month_asks_nobody_to_act_on_what_is_not_there(
    pristine: Path, tmp_path: Path, sources: tuple[str, ...]
) -> None:
    published = closed(pristine, tmp_path / "month", *sources)
    said = Words(published.folder / "index.html").text
    assert "Bring what is missing" in said
    assert "is the largest difference" not in said
    assert "NaN" not in said
    assert "None " not in said.replace("None: ", "")
