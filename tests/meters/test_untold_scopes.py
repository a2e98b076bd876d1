"""A pull without results says nothing of how it was grouped."""

from datetime import date

import polars as pl
import pytest

from pipeline.metering.untold_scopes import untold_scopes
from pipeline.period import Month
from pipeline.settings import Settings
from pipeline.tokens import KIND_COLUMNS

SETTINGS = Settings.model_validate(
    {"scopes": [{"name": "shop", "provider": "openai", "account": "main", "project_ids": ["proj_shop"]}]}
)


def step(day: int, grouping: str, tokens: int | None, requests: int | None) -> dict[str, object]:
    return {
        "provider": "openai", "account": "main", "grouping": grouping, "billing_day": date(2026, 10, day),
        **dict.fromkeys(KIND_COLUMNS), KIND_COLUMNS[0]: tokens, "request_count": requests,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("tokens", "requests", "days"),
    [(None, None, []), (0, 0, []), (7, None, ["on 1 days"]), (0, 2, ["on 1 days"])],
)
def test_an_empty_pull_of_embeddings_does_not_hide_the_projects_of_completions(
    tokens: int | None, requests: int | None, days: list[str]
) -> None:
    """OpenAI sends a bucket a day without results, which have no grouping."""
    rows = pl.DataFrame([step(1, "project_id+model", 100, 1), step(2, "", tokens, requests)])
    found = untold_scopes(rows, SETTINGS, Month.parse("2026-10"))
    assert found.height == len(days)
    assert all(words in message for words, message in zip(days, found["message"], strict=True))
