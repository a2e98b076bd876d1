"""Scopes: the first rule that matches; without one, the account."""

import polars as pl

from pipeline.scopes import scope_owner, with_scope
from pipeline.settings import Settings

SETTINGS = Settings.model_validate(
    {
        "scopes": [
            {
                "name": "eval",
                "provider": "openai",
                "project_ids": ["p9"],
                "services": ["eval-*"],
                "team": "quality",
            },
            {"name": "keys", "provider": "openai", "account": "main", "api_key_ids": ["k1"]},
            {"name": "rest", "provider": "anthropic"},
        ]
    }
)


def test_the_metered_side_is_placed_by_project_and_key() -> None:
    frame = pl.DataFrame(
        [
            ("openai", "main", "p9", "k1"),
            ("openai", "main", "p1", "k1"),
            ("openai", "other", "p1", "k1"),
            ("openai", "main", None, None),
            ("anthropic", "main", None, None),
            ("groq", "main", "p9", "k1"),
        ],
        schema=["provider", "account", "project_id", "api_key_id"],
        orient="row",
    )

    assert with_scope(frame, SETTINGS)["scope"].to_list() == ["eval", "keys", "other", "main", "rest", "main"]


def test_the_traced_side_is_placed_by_service() -> None:
    frame = pl.DataFrame(
        [("openai", "main", "eval-nightly"), ("openai", "main", "chat"), ("openai", "main", None)],
        schema=["provider", "account", "service"],
        orient="row",
    )

    assert with_scope(frame, SETTINGS)["scope"].to_list() == ["eval", "main", "main"]


def test_without_rules_the_scope_is_the_account() -> None:
    frame = pl.DataFrame({"provider": ["openai"], "account": ["main"]})

    assert with_scope(frame, Settings())["scope"].to_list() == ["main"]
    assert with_scope(frame, SETTINGS)["scope"].to_list() == ["main"]


def test_owners_are_the_teams_of_scopes_that_have_one() -> None:
    assert scope_owner(SETTINGS) == {"eval": "quality"}
