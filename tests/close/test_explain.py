"""`tallystick explain`, as a user runs it, over published tables that were written by hand."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from schemas.tables import BY_NAME

CELL = {
    "month": "2026-10",
    "provider": "openai",
    "account": "acme",
    "scope": "acme",
    "model": "gpt-5-mini",
    "service_tier": "standard",
    "token_kind": "output",
    "feature": "",
    "tokens_low": 0,
    "tokens_high": 0,
    "evidence_count": 1,
}
BRIDGE = """
team   | service | step            | tokens | tokens_low | tokens_high | usd   | basis
search | answers | traced          | 1000   | 1000       | 1000        | 0.01  | exact
search | answers | duplicate_spans | -300   | -300       | -300        | -0.003 | exact
search | answers | retries         | 250    | 100        | 400         | null  | estimated
search | index   | retries         | 50     | 50         | 50          | 0.0005 | exact
search | answers | unexplained     | 40     | 0          | 80          | 0.0004 | allocated
ops    | batch   | traced          | 7      | 7          | 7           | 0.00007 | exact
"""
EVIDENCE = """
step            | team   | trace_id | span_id | tokens | usd    | reason
duplicate_spans | search | aaaa     | 0001    | -100   | -0.001 | aggregate_span
duplicate_spans | search | bbbb     | 0002    | -150   | -0.0015 | aggregate_span
duplicate_spans | search | cccc     | 0003    | -50    | -0.0005 | span_exported_again
retries         | search | dddd     | 0004    | 280    | null   | a time-out that was sent again
duplicate_spans | ops    | eeee     | 0005    | -1     | null   | aggregate_span
"""


@pytest.fixture
def folder(tmp_path: Path, table: Callable[..., pl.DataFrame]) -> Path:
    published = tmp_path / "output" / "2026-10"
    published.mkdir(parents=True)
    table(BRIDGE, BY_NAME["recon.bridge"].schema, **CELL).write_parquet(published / "bridge.parquet")
    evidence = table(EVIDENCE, BY_NAME["recon.evidence"].schema, month="2026-10")
    evidence.drop("month").write_parquet(published / "evidence.parquet")
    (tmp_path / "tallystick.toml").write_text('company = "Acme"\n', "utf-8")
    return tmp_path


def explain(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("tallystick")), "explain", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def rows(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Lines of the output with single blanks."""
    assert done.returncode == 0, done.stderr
    return [" ".join(line.split()) for line in done.stdout.splitlines()]


def test_a_team_has_its_steps_and_they_add_up_to_metered(folder: Path) -> None:
    told = rows(explain(folder, "2026-10", "--team", "search"))

    assert "traced +1,000 exact $0.01" in told
    assert "retries +300 +150 to +450 exact, estimated $0.0005 (part has no price)" in told
    assert "metered +1,040 $0.0079 (part has no price)" in told
    assert not any("batch" in line for line in told)


def test_a_cause_goes_down_to_the_spans_and_adds_up(folder: Path) -> None:
    told = rows(explain(folder, "2026-10", "--team", "search", "--cause", "duplicate_spans", "--limit", "2"))

    assert "a span that repeats the total of the calls inside it 2 −250 −$0.0025" in told
    assert "the same span was exported again 1 −50 −$0.0005" in told
    assert [line.split()[0] for line in told if line.startswith(("aaaa", "bbbb", "cccc", "eeee"))] == [
        "bbbb",
        "aaaa",
    ]
    assert "The 3 rows of evidence add up to the step: −300 tokens, to the token." in told


def test_what_no_row_stands_behind_is_said(folder: Path) -> None:
    told = rows(explain(folder, "2026-10", "--team", "search", "--cause", "retries"))
    rest = rows(explain(folder, "2026-10", "--team", "search", "--cause", "unexplained"))
    part = rows(explain(folder, "2026-10", "--team", "search", "--service", "index", "--cause", "retries"))

    assert (
        "The step is +300 tokens. +280 of them stand in 1 row of evidence; "
        "+20 are allocated to the team by rule, without a span of their own."
    ) in told
    assert "The step is +40 tokens (allocated). No single span stands behind it." in rest
    assert any(
        line.startswith("The lines above are +50 tokens. Rows of evidence name no service") for line in part
    )


def test_learned_rates_of_the_cause_are_shown(folder: Path) -> None:
    schema = BY_NAME["recon.rate"].schema
    rate = {
        "month": "2026-10",
        "rate": "billed openai timeout",
        "steps": "cancellations, retries",
        "prior": 0.5,
        "prior_error": 0.25,
        "posterior": 0.7,
        "posterior_error": 0.05,
        "low": 0.0,
        "high": 1.0,
        "buckets": 31,
        "full_tokens": 1000,
        "is_separable": True,
    }
    pl.DataFrame([rate], schema=schema).write_parquet(folder / "output" / "2026-10" / "rates.parquet")
    words = ("2026-10", "--team", "search", "--cause")

    line = "billed openai timeout 0.5000 0.2500 0.7000 0.0500 31"
    assert line in rows(explain(folder, *words, "retries"))
    assert line not in rows(explain(folder, *words, "duplicate_spans"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("2026-10", "--team", "sales"), "no team 'sales'. Known: ops, search."),
        (("2026-10", "--team", "ops", "--cause", "retries"), "no step 'retries'. Known: traced."),
        (("2026-10", "--team", "ops", "--service", "x"), "no service 'x'. Known: batch."),
        (("2026-09", "--team", "ops"), "Run `tallystick close 2026-09` first"),
    ],
)
def test_what_is_not_there_ends_with_two_and_what_is(folder: Path, words: tuple[str, ...], told: str) -> None:
    done = explain(folder, *words)

    assert done.returncode == 2
    assert told in " ".join(done.stderr.split())
    assert done.stdout == ""


CHARGES = """
line_number | origin  | category | model             | token_kind     | quantity | expected_unit_price | expected_usd | price_usd | tax_usd | billed_usd | line_item
1           | invoice | usage    | claude-sonnet-4-6 | cache_write_1h | 1000000  | 0.000006            | 6            | -2.25     | 0       | 3.75       | [b]writes[/b]
2           | invoice | tax      | null              | null           | null     | null                | 0            | 0         | 0.31    | 0.31       | Sales tax
"""


@pytest.fixture
def invoiced(folder: Path, table: Callable[..., pl.DataFrame]) -> Path:
    schema = BY_NAME["recon.charge"].schema
    zero = {name: 0 for name in schema if name.endswith("_usd")}
    place = {"month": "2026-10", "provider": "anthropic", "account": "acme", "invoice_id": "INV-1"}
    rows = table(CHARGES, schema, **zero, **place, service_tier="all")
    rows.drop("file_id").write_parquet(folder / "output" / "2026-10" / "charges.parquet")
    return folder


def test_an_invoice_is_shown_line_by_line_the_largest_difference_first(invoiced: Path) -> None:
    found = explain(invoiced, "2026-10", "--invoice", "INV-1")
    assert found.returncode == 0, found.stderr
    rows = [line for line in found.stdout.splitlines() if line.strip()]
    assert rows[0] == "INV-1, October 2026: the 2 largest of 2 lines that differ"
    assert "[b]writes[/b]" in rows[2]
    assert "price −$2.25" in rows[2]
    assert "tax $0.31" in rows[3]
    assert "Together $4.06." in found.stdout


def test_a_line_is_shown_with_the_rates_that_make_its_amount(invoiced: Path) -> None:
    found = explain(invoiced, "2026-10", "--invoice", "INV-1", "--line", "1")
    assert found.returncode == 0, found.stderr
    tried = found.stdout[found.stdout.index("Rates that were tried") :].splitlines()
    assert tried[2].split() == [
        *["wrong_kind", "the", "rate", "of", "cache_write_5m", "3.750000000000", "0.000000000000"]
    ]
    assert (
        "No other rate was tried" in explain(invoiced, "2026-10", "--invoice", "INV-1", "--line", "2").stdout
    )


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--invoice", "INV-9"), "The month has no invoice 'INV-9'. Known: INV-1."),
        (("--invoice", "INV-1", "--line", "3"), "It has lines 1 to 2, and no line 3."),
        ((), "Name either a team (--team) or an invoice (--invoice)."),
        (("--invoice", "INV-1", "--team", "ops"), "Name either a team (--team) or an invoice (--invoice)."),
    ],
)
def test_what_is_not_there_is_said(invoiced: Path, words: tuple[str, ...], complaint: str) -> None:
    found = explain(invoiced, "2026-10", *words)
    assert (found.returncode, found.stderr.strip()) == (2, complaint)
