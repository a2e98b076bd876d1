"""Lines of usage beside themselves a month ago: new, gone, unpriced, and without a month before."""

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.period import Month
from pipeline.variance.earlier import LINE, MONTHS, STEP_SCHEMA, STEPS, Earlier, steps_of
from pipeline.variance.lines import history, variance
from schemas.tables import BY_NAME

D = Decimal
NOVEMBER = Month(2026, 11)
EFFECTS = ("price_usd", "cache_hit_usd", "mix_usd", "volume_usd", "unpriced_usd")
OCTOBER_BRIDGE = """
    team | model | token_kind | tokens | usd
    red  | small | output     | 100    | 10
    red  | old   | output     | 40     | 8
    blue | small | output     | 7      | 0.7
"""


@pytest.fixture
def compared(bridge, earlier):
    """recon.variance of November from the bridges of October and November, by team and model."""

    def build(october: str, november: str) -> dict[tuple[str, str], dict[str, object]]:
        before = earlier("2026-10", bridges=(bridge("2026-10", october),))
        found = variance(bridge("2026-11", november), NOVEMBER, before)
        return {(row["team"], row["model"]): row for row in found.iter_rows(named=True)}

    return build


def effects_of(row) -> tuple[object, ...]:
    return tuple(row[name] for name in EFFECTS)


def test_a_new_model_and_one_that_is_gone_are_volume(compared) -> None:
    found = compared(
        OCTOBER_BRIDGE,
        """
        team | model | token_kind | tokens | usd
        red  | small | output     | 100    | 10
        red  | new   | output     | 40     | 6
        """,
    )

    assert [(key, row["line"], row["volume_usd"]) for key, row in sorted(found.items())] == [
        (("blue", "small"), "gone", D("-0.7")),
        (("red", "new"), "new", D(6)),
        (("red", "old"), "gone", D(-8)),
        (("red", "small"), "both", D(0)),
    ]
    gone, new = found["red", "old"], found["red", "new"]
    assert (gone["tokens"], gone["usd"], gone["prior_tokens"], gone["prior_usd"]) == (0, 0, 40, 8)
    assert (new["prior_tokens"], new["prior_usd"], new["tokens"], new["usd"]) == (0, 0, 40, 6)


def test_steps_scopes_and_services_of_a_line_are_one(compared) -> None:
    """100 traced and 20 lost, 10 of them twice: 110 at 0.10, then 220."""
    found = compared(
        """
        team | model | token_kind | step            | service | tokens | usd
        red  | m     | output     | traced          | a       | 100    | 10
        red  | m     | output     | missing_usage   | b       | 20     | 2
        red  | m     | output     | duplicate_spans | a       | -10    | -1
        """,
        """
        team | model | token_kind | step            | service | tokens | usd
        red  | m     | output     | traced          | a       | 220    | 22
        """,
    )

    row = found["red", "m"]
    assert (row["prior_tokens"], row["tokens"], row["prior_usd"]) == (110, 220, 11)
    assert effects_of(row) == (0, 0, 0, 11, 0)


def test_a_month_that_was_not_closed_is_no_month_of_zero(bridge, earlier) -> None:
    now = bridge("2026-11", OCTOBER_BRIDGE)

    for before in (earlier(), earlier("2026-09", bridges=(bridge("2026-09", OCTOBER_BRIDGE),))):
        found = variance(now, NOVEMBER, before)

        assert set(found["line"]) == {"no_prior"}
        assert found["usd"].sum() == D("18.7")
        empty = ["prior_month", "prior_tokens", "prior_unpriced_tokens", "prior_usd", *EFFECTS]
        assert found.select(empty).null_count().row(0) == (3,) * len(empty)


def test_a_month_that_was_closed_without_any_usage_is_one_of_zero(bridge, earlier) -> None:
    found = variance(bridge("2026-11", OCTOBER_BRIDGE), NOVEMBER, earlier("2026-10"))

    assert set(found["line"]) == {"new"}
    assert (found["prior_usd"].sum(), found["volume_usd"].sum()) == (0, D("18.7"))


@pytest.mark.parametrize(
    ("october", "november", "unpriced"),
    [("10", "null", D(-10)), ("null", "12", D(12)), ("null", "null", None)],
)
def test_a_price_that_one_month_lacks_is_no_saving_and_no_cost(
    compared, october: str, november: str, unpriced: Decimal | None
) -> None:
    head = "team | model | token_kind | tokens | usd\nred | m | output | 100 | "

    row = compared(head + october, head + november)["red", "m"]

    prior, now = (None if word == "null" else D(word) for word in (october, november))
    assert (row["prior_usd"], row["usd"]) == (prior, now)
    assert effects_of(row) == (None, None, None, None, unpriced)
    assert row["prior_unpriced_tokens"] == (100 if prior is None else 0)
    assert row["unpriced_tokens"] == (100 if now is None else 0)


def test_a_kind_without_a_price_leaves_the_effects_of_the_others(compared) -> None:
    """Output doubles at 0.10; of the images 5 tokens have a price of 1 in November and 3 none at all."""
    found = compared(
        """
        team | model | token_kind  | scope | tokens | usd
        red  | m     | output      | a     | 10     | 1
        red  | m     | input_image | a     | 8      | 8
        """,
        """
        team | model | token_kind  | scope | tokens | usd
        red  | m     | output      | a     | 20     | 2
        red  | m     | input_image | a     | 5      | 5
        red  | m     | input_image | b     | 3      | null
        """,
    )

    row = found["red", "m"]
    assert (row["prior_usd"], row["usd"], row["unpriced_tokens"]) == (9, 7, 3)
    assert effects_of(row) == (0, 0, 0, 1, -3)


def test_lines_without_tokens_and_dollars_are_left_out(compared) -> None:
    rows = """
        team | model | token_kind | step            | tokens | usd
        red  | m     | output     | traced          | 5      | 5
        red  | m     | output     | duplicate_spans | -5     | -5
    """

    assert compared(rows, rows) == {}


def test_the_trend_holds_the_closed_months_by_team_and_step(bridge, earlier) -> None:
    before = earlier(
        "2026-08", "2026-10", bridges=(bridge("2026-08", OCTOBER_BRIDGE), bridge("2026-10", OCTOBER_BRIDGE))
    )
    now = bridge(
        "2026-11",
        """
        team | model | token_kind | step    | tokens | usd
        red  | m     | output     | retries | 5      | null
        red  | n     | output     | retries | 2      | 0.5
        """,
    )

    found = history(now, NOVEMBER, before)

    assert found.drop("month").rows() == [
        ("2026-08", "blue", "traced", 7, 0, D("0.7")),
        ("2026-08", "red", "traced", 140, 0, D(18)),
        ("2026-10", "blue", "traced", 7, 0, D("0.7")),
        ("2026-10", "red", "traced", 140, 0, D(18)),
        ("2026-11", "red", "retries", 7, 5, D("0.5")),
    ]


ROW = st.fixed_dictionaries(
    {
        "team": st.sampled_from(["red", "blue"]),
        "model": st.sampled_from(["m", "n", "o"]),
        "token_kind": st.sampled_from(["input_uncached", "cache_read", "output"]),
        "tokens": st.integers(-5, 10**6),
        "usd": st.none() | st.decimals(-5, 10**6, places=12),
    }
)


def _bridge(month: str, rows) -> pl.DataFrame:
    fixed = {"month": month, "provider": "p", "account": "a", "scope": "s", "service_tier": "t"}
    fixed |= {"service": "", "feature": "", "basis": "exact", "step": "traced", "evidence_count": 0}
    schema = BY_NAME["recon.bridge"].schema
    return pl.DataFrame([{**fixed, "tokens_low": 0, "tokens_high": 0, **row} for row in rows], schema=schema)


@given(st.lists(ROW, max_size=12), st.lists(ROW, max_size=12))
def test_teams_models_and_the_whole_go_from_last_month_to_this_one(october, november) -> None:
    before, now = _bridge("2026-10", october), _bridge("2026-11", november)
    frames = {MONTHS: pl.DataFrame({"month": ["2026-10"]}), STEPS: steps_of(before).cast(dict(STEP_SCHEMA))}

    found = variance(now, NOVEMBER, Earlier.of(frames))

    moved = sum((pl.col(name).fill_null(0) for name in EFFECTS), pl.col("prior_usd").fill_null(0))
    assert found.filter(moved != pl.col("usd").fill_null(0)).is_empty()
    for frame, usd, tokens in ((before, "prior_usd", "prior_tokens"), (now, "usd", "tokens")):
        for keys in (["team"], ["model"], list(LINE)):
            wanted = {
                row[:-2]: row[-2:] for row in frame.group_by(keys).agg(pl.col("usd", "tokens").sum()).rows()
            }
            got = {row[:-2]: row[-2:] for row in found.group_by(keys).agg(pl.col(usd, tokens).sum()).rows()}
            assert {key: row for key, row in got.items() if any(row)} == {
                key: row for key, row in wanted.items() if any(row)
            }
