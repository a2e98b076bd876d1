"""How many of the calls that end in nothing were given up, by how much of a usual answer they had time for."""

import polars as pl
import pytest

from pipeline.given_up import with_given_up


def chances(*rows: tuple[str, bool, str, float | None], dialect: str | None = None) -> list[float]:
    names = ("service", "is_doubtful", "fate", "progress")
    frame = pl.DataFrame(rows, schema=names, orient="row", schema_overrides={"progress": pl.Float64})
    frame = frame.with_columns(dialect=pl.lit(dialect, pl.String))
    return with_given_up(frame)["given_up"].to_list()


def test_calls_that_took_as_long_as_whole_answers_completed() -> None:
    # The prior of 0.6 weighs 6 calls; 54 calls say 0: 3.6 of 60.
    found = chances(*[("chat", True, "missing_usage", 0.95)] * 54)
    assert found == pytest.approx([0.06] * 54)


@pytest.mark.parametrize(("doubtful", "fate"), [(True, "missing_usage"), (False, "silent")])
def test_calls_that_ended_half_way_were_given_up_with_or_without_a_span(doubtful: bool, fate: str) -> None:
    # 54 calls say 1, as 0.53 is what is made on average when clients leave: 57.6 of 60.
    assert chances(*[("chat", doubtful, fate, 0.53)] * 54) == pytest.approx([0.96] * 54)


def test_calls_with_and_without_a_span_are_counted_apart() -> None:
    found = chances(*[("chat", True, "missing_usage", 0.95)] * 54, *[("chat", False, "silent", 0.53)] * 54)
    assert found == pytest.approx([0.06] * 54 + [0.96] * 54)


def test_what_a_whole_answer_takes_is_read_from_the_answered_calls_of_the_service() -> None:
    # 20 answers of 1.1 and the prior of 0.86 in 10: 1.02. Half way to 0.53 is 0.775; prior 3.6 of 6.
    answered, doubtful = ("chat", False, "agrees", 1.1), ("chat", True, "missing_usage", 0.775)
    assert chances(*[answered] * 20, *[doubtful] * 54)[20:] == pytest.approx([(27 + 3.6) / 60] * 54)


def test_calls_that_are_not_in_doubt_and_other_services_say_nothing() -> None:
    found = chances(
        *[("chat", False, "agrees", 0.1)] * 20,
        ("chat", True, "missing_usage", None),
        ("batch", True, "silent", 0.95),
    )
    assert found[:21] == [0.6] * 21
    assert found[21] == pytest.approx(3.6 / 7, abs=1e-6)


def test_one_call_that_hung_for_hours_counts_as_a_long_answer() -> None:
    # Progress counts up to 1.3: (1.3 + 9 * 0.53) / 10 = 0.607, hence 0.253 / 0.33 given up; prior 3.6 of 6.
    found = chances(("chat", True, "missing_usage", 400.0), *[("chat", True, "missing_usage", 0.53)] * 9)
    assert found == pytest.approx([(10 * 0.253 / 0.33 + 3.6) / 16] * 10, abs=1e-6)


@pytest.mark.parametrize(
    ("dialect", "chance"),
    [
        ("otel_openai_v2", (54 + 3.6) / 60),
        ("generic_genai", (54 + 3.6) / 60),
        ("vercel_ai", (54 + 0.1 * 30) / 84),
    ],
)
def test_where_spans_of_given_up_calls_end_a_missing_one_was_lost(dialect: str, chance: float) -> None:
    # Of 54 calls without a span the time around them says 1, and one call says what watches the service.
    found = chances(*[("chat", False, "silent", 0.53)] * 54, ("chat", False, "agrees", None), dialect=dialect)
    assert found[0] == pytest.approx(chance, abs=1e-6)
    empty = chances(*[("chat", True, "missing_usage", 0.53)] * 54, dialect=dialect)
    assert empty[0] == pytest.approx((54 + 3.6) / 60)
