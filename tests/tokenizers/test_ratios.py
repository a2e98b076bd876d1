"""How near the billed tokens the counts come, on recorded calls, with the fit made from other prompts."""

import hashlib
from collections import defaultdict
from typing import Any

import polars as pl
import pytest

from pipeline.token_fit import Sample, fit, predict
from pipeline.token_priors import PRIORS
from pipeline.token_ratios import RATIOS, learned_ratio, with_recount

ENOUGH = 10


def half(prompt: str) -> int:
    return int(hashlib.sha256(prompt.encode()).hexdigest(), 16) % 2


def errors(recorded: list[Any]) -> dict[tuple[str, str], list[tuple[float, float, float]]]:
    """Mean absolute relative error by prompt: of the fit on the other half, of tiktoken, of characters / 4."""
    missed: dict[tuple[str, str], dict[str, list[tuple[float, ...]]]] = defaultdict(lambda: defaultdict(list))
    for own in (0, 1):
        ratios = fit([item.sample for item in recorded if half(item.sample.prompt) != own], PRIORS)
        for item in recorded:
            sample = item.sample
            if half(sample.prompt) == own and sample.billed:
                told = (predict(sample, ratios[sample[:2]]), item.plain, item.characters / 4)
                gaps = tuple(abs(count - sample.billed) / sample.billed for count in told)
                missed[sample[:2]][sample.prompt].append(gaps)
    return {
        key: [
            tuple(sum(column) / len(gaps) for column in zip(*gaps, strict=True)) for gaps in prompts.values()
        ]  # type: ignore[misc]
        for key, prompts in missed.items()
    }


def test_learned_ratios_beat_plain_counters_on_prompts_they_have_not_seen(recorded: list[Any]) -> None:
    table = {
        key: (len(prompts), *(sum(column) / len(prompts) for column in zip(*prompts, strict=True)))
        for key, prompts in sorted(errors(recorded).items())
    }
    for (family, side), (count, *mape) in table.items():
        print(f"{family:18} {side:7} {count:3} " + " ".join(f"{error:7.1%}" for error in mape))  # noqa: T201
    judged = {key: row for key, row in table.items() if row[0] >= ENOUGH}
    assert {key for key, _ in judged} >= {"openai", "openai_cl100k", "claude", "cohere", "nova"}
    assert {key: row for key, row in judged.items() if row[1] >= min(row[2:])} == {}


def test_the_shipped_numbers_are_what_the_fit_gives(recorded: list[Any]) -> None:
    fitted = fit([item.sample for item in recorded], PRIORS)
    assert fitted.keys() == RATIOS.keys()
    for key, ratio in fitted.items():
        assert ratio == pytest.approx(RATIOS[key], abs=0.002), key


def test_a_fit_finds_the_chat_template_beside_a_wrong_line() -> None:
    # billed = text + 4 a message + 3 a request; one of 40 prompts is billed for an image that nobody sees
    samples = [
        Sample(
            "openai", "input", f"p{i}", 20 + 7 * i, 1 + i % 4, True, 0, 0, 0, 20 + 7 * i + 4 * (1 + i % 4) + 3
        )
        for i in range(40)
    ]
    samples[5] = samples[5]._replace(billed=20_000)
    ratio = fit(samples, PRIORS)["openai", "input"]
    assert ratio.ratio == pytest.approx(1.0, abs=0.01)
    assert ratio.per_message == pytest.approx(4.0, abs=0.1)
    assert ratio.per_request == pytest.approx(3.0, abs=0.3)
    assert fit(samples[::-1], PRIORS)["openai", "input"] == ratio


def test_without_samples_the_prior_is_told_with_its_width() -> None:
    ratio = fit([], PRIORS)["claude_4_7", "input"]
    assert (ratio.ratio, ratio.prompts) == (1.42, 0)
    assert ratio.low == pytest.approx(1.42 - 1.645 * 0.08, abs=0.001)


def test_bounds_are_wider_where_the_class_of_text_was_not_measured() -> None:
    point, low, high = learned_ratio("claude_4_7", "input")
    assert low < point < high
    wide = learned_ratio("claude_4_7", "input", "cjk")
    assert wide[1] < low
    assert wide[2] > high
    assert learned_ratio("openai", "input", "cjk") == learned_ratio("openai", "input")


def test_a_recount_adds_template_and_tools() -> None:
    calls = pl.DataFrame(
        {
            "family": ["openai", "claude", "openai_embedding", "openai"],
            "operation": ["chat", "chat", "embeddings", "chat"],
            "text_class": ["prose", "prose", "prose", None],
            "tool_prompt": [0, 497, 0, 0],
            "counted_input_tokens": [10, 100, 50, None],
            "counted_output_tokens": [7, 20, None, None],
            "counted_messages": [2, 1, 1, None],
            "counted_tools": [0, 1, 0, None],
            "counted_tool_tokens": [0, 50, 0, None],
            "counted_tool_calls": [0, 0, None, None],
        }
    )
    told = with_recount(calls)
    # 10 + 3 + 2 * 4; more than the tool prompt, the text and the definition together; text alone; unknown
    assert told["recount_input_tokens"][0] == pytest.approx(21, abs=0.5)
    assert 497 + 100 + 50 < told["recount_input_tokens"][1] < 850
    assert told["recount_input_tokens"][2] == pytest.approx(50, abs=0.1)
    assert told["recount_input_tokens"][3] is None
    assert told["recount_output_tokens"].to_list()[2:] == [None, None]
    assert told.columns[: len(calls.columns)] == calls.columns
