"""The ledger of a month's closing, the figures that it holds, and who may write into it."""

from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.changes import changed_rules
from pipeline.closing import LEDGER_SCHEMA, Person, event, hashes, person, standing
from pipeline.errors import ConfigError
from pipeline.figures import KEYS, differences
from pipeline.period import Month
from pipeline.settings import Settings
from pipeline.variance.outcomes import NO_OUTCOMES
from schemas.tables import BY_NAME

NOW = datetime(2026, 11, 5, 9, 30, 12, 345, tzinfo=UTC)
OCTOBER = Month(2026, 10)


def ledger(*events: tuple[int, str]) -> pl.DataFrame:
    rows = [event(OCTOBER, number, what, Person("Ann", NOW, "so")) for number, what in events]
    return pl.concat([LEDGER_SCHEMA.to_frame(), *rows])


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((), ("preliminary", 0, False)),
        (((1, "closed"),), ("closed", 1, True)),
        (((1, "closed"), (1, "prepared"), (1, "reviewed")), ("closed", 1, True)),
        (((1, "closed"), (1, "reopened")), ("preliminary", 1, False)),
        (((1, "closed"), (1, "reopened"), (2, "restated")), ("restated", 2, True)),
        (((1, "closed"), (1, "reopened"), (2, "restated"), (2, "reopened")), ("preliminary", 2, False)),
    ],
)
def test_a_month_stands_as_its_last_lock_left_it(events, expected) -> None:
    for rows in (ledger(*events), ledger(*reversed(events))):
        now = standing(rows)
        assert (now.state, now.version, now.is_locked) == expected


def test_signatures_are_those_of_the_latest_version() -> None:
    rows = ledger((1, "closed"), (1, "reviewed"), (1, "reopened"), (2, "restated"), (2, "prepared"))

    assert set(standing(rows).signatures) == {"prepared"}


HOSTILE = "Bob\x1b[2J\r\n\u202eAnn\x00 <b>"


def test_names_are_one_line_of_printable_words() -> None:
    who = person(HOSTILE, NOW, f"  {HOSTILE}  ")

    assert who.name.isprintable()
    assert who.why is not None
    assert who.why.isprintable()
    assert "\u202e" not in who.name
    assert who.at.microsecond == 0


@given(st.text(max_size=30).filter(lambda text: text.strip()))
def test_a_name_is_printable_and_bounded_or_refused(text: str) -> None:
    with suppress(ConfigError):  # one that is too long once it is printable
        who = person(text, NOW)
        assert who.name.isprintable()
        assert 0 < len(who.name) <= 120


@pytest.mark.parametrize(
    ("name", "why"), [("", "x"), (" \n ", "x"), ("x" * 121, "x"), ("x", ""), ("x", "y" * 401)]
)
def test_what_says_nothing_or_too_much_is_refused(name: str, why: str) -> None:
    with pytest.raises(ConfigError, match=r"--by|--why"):
        person(name, NOW, why)


def amounts(**by_team: str) -> pl.DataFrame:
    blank = dict.fromkeys(KEYS, "") | {"dimension": "team", "line": "billed", "unit": "usd"}
    rows = [{**blank, "team": team, "amount": Decimal(amount)} for team, amount in by_team.items()]
    return pl.DataFrame(rows, schema={**dict.fromkeys(KEYS, pl.String), "amount": pl.Decimal(38, 12)})


def test_what_came_what_went_and_what_changed_are_told_apart() -> None:
    found = differences(amounts(a="1.50", b="2", c="3"), amounts(a="1.500000000001", b="2", d="0"))

    assert found.select("team", "old", "new", "difference").rows() == [
        ("a", Decimal("1.5"), Decimal("1.500000000001"), Decimal("0.000000000001")),
        ("c", Decimal(3), None, Decimal(-3)),
        ("d", None, Decimal(0), Decimal(0)),
    ]


CENTS = st.dictionaries(st.sampled_from("abcdefg"), st.decimals(-(10**9), 10**9, places=12), max_size=7)


@given(CENTS, CENTS)
def test_differences_add_up_to_the_difference_of_the_sums(old, new) -> None:
    found = differences(
        amounts(**{k: str(v) for k, v in old.items()}), amounts(**{k: str(v) for k, v in new.items()})
    )

    assert sum(found["difference"], Decimal(0)) == sum(new.values(), Decimal(0)) - sum(
        old.values(), Decimal(0)
    )


def test_the_table_of_outcomes_is_an_input_of_a_lock_and_named_when_it_is_another() -> None:
    frames = (BY_NAME["raw.file"].schema.to_frame(), BY_NAME["recon.expected_rate"].schema.to_frame())

    def lock(*words: str) -> dict[str, str]:
        rows = [("t", None, word, 1) for word in words]
        return hashes(Settings(), *frames, pl.DataFrame(rows, schema=NO_OUTCOMES.schema, orient="row"))

    none, one, other = lock(), lock("resolved"), lock("dropped")
    assert len({found["inputs_hash"] for found in (none, one, other)}) == 3
    assert changed_rules(one, lock("resolved"), 0) == ()
    for now in (none, other):
        assert changed_rules(one, now, 0) == ("the table of outcomes",)
