"""Pages of the providers' admin APIs in their documented shapes."""

import json
from collections.abc import Callable

import pytest

DAY = 86_400
OCTOBER = 1_790_812_800
"""2026-10-01T00:00:00Z in Unix seconds."""


@pytest.fixture
def openai_page() -> Callable[..., dict]:
    """A page of one-day buckets from 2026-10-01 on, one for each list of results."""

    def build(*days: list[dict], has_more: bool = False) -> dict:
        buckets = [
            {
                "object": "bucket",
                "start_time": OCTOBER + n * DAY,
                "end_time": OCTOBER + (n + 1) * DAY,
                "results": results,
            }
            for n, results in enumerate(days)
        ]
        return {"object": "page", "data": buckets, "has_more": has_more, "next_page": None}

    return build


@pytest.fixture
def completions() -> Callable[..., dict]:
    """A result of the completions endpoint; the documented example when nothing is given."""

    def build(**fields: object) -> dict:
        counts = {
            "input_tokens": 1000,
            "input_cached_tokens": 400,
            "output_tokens": 500,
            "num_model_requests": 5,
        }
        nulls = dict.fromkeys(("project_id", "user_id", "api_key_id", "model", "batch", "service_tier"))
        return {"object": "organization.usage.completions.result", **counts, **nulls, **fields}

    return build


@pytest.fixture
def anthropic_page() -> Callable[..., dict]:
    """A page of one-day buckets from 2026-10-01 on."""

    def build(*days: list[dict]) -> dict:
        buckets = [
            {
                "starting_at": f"2026-10-{n:02d}T00:00:00Z",
                "ending_at": f"2026-10-{n + 1:02d}T00:00:00Z",
                "results": results,
            }
            for n, results in enumerate(days, 1)
        ]
        return {"data": buckets, "has_more": False, "next_page": None}

    return build


@pytest.fixture
def messages() -> Callable[..., dict]:
    """A result of the messages usage report."""

    def build(**fields: object) -> dict:
        return {
            "uncached_input_tokens": 1500,
            "cache_creation": {"ephemeral_1h_input_tokens": 1000, "ephemeral_5m_input_tokens": 500},
            "cache_read_input_tokens": 200,
            "output_tokens": 600,
            "server_tool_use": {"web_search_requests": 10},
            "api_key_id": None,
            "workspace_id": None,
            "model": None,
            "service_tier": None,
            "context_window": None,
            **fields,
        }

    return build


@pytest.fixture
def as_bytes() -> Callable[[object], bytes]:
    return lambda value: json.dumps(value).encode()
