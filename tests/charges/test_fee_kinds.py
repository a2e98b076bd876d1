"""What fees are for, by the words of exports and invoices."""

import pytest

from pipeline.charges.fee_kinds import fee_kind
from tests.charges.bills import line, meter
from tests.charges.test_parts import Tie


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("web_search", "web_search"),
        ("Web search tool calls", "web_search"),
        ("web search, gpt-5", "web_search"),
        ("code_execution", "sessions"),
        ("session_usage", "sessions"),
        ("Code interpreter containers", "sessions"),
        ("Generate content cached text storage token hours gemini 2.5 pro", "storage"),
        ("gpt-image-1, image generation", "images"),
        ("USE1-Qwen3-32B-ProvisionedThroughput-NoCommit-ModelUnits", "provisioned_hours"),
        ("Provisioned Managed Global Unit", "provisioned_hours"),
        ("50 PTU, 744 hours", "provisioned_hours"),
        ("Support plan", "support"),
        ("Customer supported models", "other"),
        ("imagery", "other"),
        ("Guardrail text units", "other"),
        ("web search and code interpreter", "other"),
        ("", "other"),
        (None, "other"),
    ],
)
def test_words_of_a_line_tell_what_a_fee_is_for_or_nothing_is_guessed(words: str | None, kind: str) -> None:
    assert fee_kind(words) == kind


def test_only_fees_have_a_kind(tied: Tie) -> None:
    rows = [
        line(1, "input_uncached"),
        line(2, category="fee", line_item="Web search"),
        line(3, category="fee", line_item="Something new"),
        line(4, category="credit", line_item="Credit for web search"),
    ]
    found = tied(meter({"input_uncached": 1}), rows).charges.filter(origin="invoice")
    assert found["fee_kind"].to_list() == [None, "web_search", "other", None]
