"""Models and tiers: exact, then configured, then the provider's table; never a guess."""

import polars as pl
import pytest

from pipeline.models import with_model, with_tier
from pipeline.settings import Settings

SETTINGS = Settings.model_validate(
    {"models": {"aliases": {"house-model": "gpt-4o-2024-08-06", "gpt-4": "mine"}}}
)


def _model(provider, model, known=None, settings=SETTINGS):
    frame = pl.DataFrame({"provider": [provider], "model": [model]}, schema_overrides={"model": pl.String})
    return with_model(frame, settings, known)["model"][0]


def _known(*pairs):
    return pl.DataFrame(pairs, schema={"provider": pl.String, "model": pl.String}, orient="row")


@pytest.mark.parametrize(
    ("provider", "model", "expected"),
    [
        ("openai", "gpt-4o", "gpt-4o-2024-08-06"),
        ("openai", "gpt-4o-2024-05-13", "gpt-4o-2024-05-13"),
        ("openai", "gpt-4o-x", "gpt-4o-x"),
        ("openai", "GPT-4o", "GPT-4o"),
        ("anthropic", "claude-3-5-haiku-latest", "claude-3-5-haiku-20241022"),
        ("anthropic", "Claude Opus 4.5", "claude-opus-4-5-20251101"),
        ("groq", "gpt-4o", "gpt-4o"),
        ("groq", "house-model", "gpt-4o-2024-08-06"),
        ("openai", "gpt-4", "mine"),
        ("nobody", "m", "m"),
        ("openai", None, None),
    ],
)
def test_a_word_becomes_the_model_that_a_table_names(provider, model, expected) -> None:
    assert _model(provider, model) == expected


@pytest.mark.parametrize(
    ("model", "known", "expected"),
    [
        ("gpt-4o", _known(("openai", "gpt-4o")), "gpt-4o"),
        ("gpt-4o", _known(("openai", "gpt-4o-2024-08-06")), "gpt-4o-2024-08-06"),
        ("gpt-4o", _known(("openai", "gpt-4o-2024-11-20")), "gpt-4o"),
        ("gpt-4o", _known(("groq", "gpt-4o")), "gpt-4o-2024-08-06"),
        ("gpt-4", _known(("openai", "gpt-4")), "gpt-4"),
        ("gpt-4", _known(("openai", "other")), "mine"),
    ],
)
def test_what_the_meter_holds_decides_over_the_tables(model, known, expected) -> None:
    assert _model("openai", model, known) == expected


def test_rows_stay_in_their_order_and_number() -> None:
    frame = pl.DataFrame({"provider": ["openai"] * 3, "model": ["gpt-4o", None, "gpt-4o"], "n": [1, 2, 3]})

    found = with_model(frame, Settings())

    assert found.rows() == [
        ("openai", "gpt-4o-2024-08-06", 1),
        ("openai", None, 2),
        ("openai", "gpt-4o-2024-08-06", 3),
    ]


@pytest.mark.parametrize(
    ("provider", "tier", "expected"),
    [
        ("anthropic", "auto", "standard"),
        ("anthropic", "priority_on_demand", "priority"),
        ("anthropic", "flex_discount", "flex"),
        ("openai", None, "standard"),
        ("openai", "default", "standard"),
        ("openai", "Flex", "flex"),
        ("openai", "brand-new", "brand-new"),
        ("nobody", None, "standard"),
    ],
)
def test_tiers_are_in_one_spelling(provider, tier, expected) -> None:
    frame = pl.DataFrame(
        {"provider": [provider], "service_tier": [tier]}, schema_overrides={"service_tier": pl.String}
    )

    assert with_tier(frame)["service_tier"].to_list() == [expected]
