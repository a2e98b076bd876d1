"""Billed tokens from a local count: coefficients per family and side, and the class of the text.

The numbers were fitted by `token_fit.fit` with the priors of `token_priors` on 661 recorded calls of public
test suites (218 different prompts, mostly short English ones) whose bill and text are both known; where
`prompts` is 0 they are the prior alone. Split by prompt, the fit misses the input of OpenAI chats by 3 to
6 %, of Claude by 16 % and of Nova by 9 %, where the plain vocabulary misses by 25 to 58 %.
"""

import polars as pl

from pipeline.token_fit import Ratio

RATIOS: dict[tuple[str, str], Ratio] = {
    ("claude", "input"): Ratio(1.155, 0.153, 5.82, 1.417, 6.21, 1.114, 1.197, 0.232, 29),
    ("claude", "output"): Ratio(1.12, 0.0, 2.458, 1.0, 37.025, 1.093, 1.148, 0.22, 28),
    ("claude_2", "input"): Ratio(1.224, 1.681, 5.642, 1.15, 30.0, 1.121, 1.326, 0.089, 5),
    ("claude_2", "output"): Ratio(1.143, 0.0, 3.284, 1.0, 40.0, 1.072, 1.213, 0.167, 5),
    ("claude_4_7", "input"): Ratio(1.42, 3.0, 4.0, 1.42, 30.0, 1.288, 1.552, 0.1, 0),
    ("claude_4_7", "output"): Ratio(1.42, 0.0, 3.0, 1.0, 40.0, 1.288, 1.552, 0.1, 0),
    ("cohere", "input"): Ratio(1.061, -0.023, -0.417, 0.706, -31.823, 1.035, 1.087, 0.101, 19),
    ("cohere", "output"): Ratio(1.107, 0.0, -0.094, 1.0, 6.84, 1.075, 1.14, 0.101, 18),
    ("deepseek", "input"): Ratio(0.984, 1.321, 2.34, 0.8, 30.0, 0.881, 1.087, 0.121, 3),
    ("deepseek", "output"): Ratio(1.021, 0.0, 0.831, 1.0, 25.0, 0.972, 1.07, 0.119, 3),
    ("gemini", "input"): Ratio(0.946, 0.278, 0.085, 0.789, -4.842, 0.847, 1.045, 0.103, 7),
    ("gemini", "output"): Ratio(1.092, 0.0, -0.327, 1.0, -1.663, 1.039, 1.146, 0.108, 7),
    ("gpt_oss", "input"): Ratio(1.0, 4.0, 60.0, 0.7, 20.0, 0.967, 1.033, 0.1, 0),
    ("gpt_oss", "output"): Ratio(1.0, 0.0, 5.0, 1.0, 10.0, 0.967, 1.033, 0.15, 0),
    ("grok", "input"): Ratio(1.0, 4.0, 5.0, 0.8, 100.0, 0.836, 1.165, 0.15, 0),
    ("grok", "output"): Ratio(1.05, 0.0, 1.0, 1.0, 25.0, 0.886, 1.215, 0.15, 0),
    ("llama", "input"): Ratio(1.046, 6.073, 2.952, 0.8, 20.0, 0.971, 1.121, 0.17, 4),
    ("llama", "output"): Ratio(1.038, 0.0, 0.972, 1.0, 25.0, 0.982, 1.094, 0.128, 4),
    ("mistral", "input"): Ratio(1.242, 2.258, 0.331, 0.8, 10.0, 1.173, 1.312, 0.136, 4),
    ("mistral", "output"): Ratio(1.136, 0.0, 2.601, 1.0, 25.0, 1.067, 1.205, 0.131, 3),
    ("nova", "input"): Ratio(1.19, 0.804, -1.7, 0.795, 390.473, 1.111, 1.268, 0.159, 19),
    ("nova", "output"): Ratio(1.051, 0.0, -0.27, 1.0, 51.831, 1.017, 1.086, 0.091, 15),
    ("openai", "input"): Ratio(0.997, 4.01, 3.065, 0.672, 5.036, 0.984, 1.011, 0.084, 84),
    ("openai", "output"): Ratio(1.0, 0.0, 0.692, 1.0, 7.084, 0.989, 1.012, 0.16, 84),
    ("openai_cl100k", "input"): Ratio(1.001, 4.003, 3.024, 0.723, 11.569, 0.987, 1.016, 0.071, 28),
    ("openai_cl100k", "output"): Ratio(1.001, 0.0, -0.023, 1.0, 6.666, 0.986, 1.015, 0.072, 28),
    ("openai_completion", "input"): Ratio(1.0, 0.0, 0.0, 0.0, 0.0, 0.985, 1.015, 0.022, 4),
    ("openai_completion", "output"): Ratio(1.0, 0.0, 0.0, 1.0, 8.0, 0.985, 1.015, 0.023, 4),
    ("openai_embedding", "input"): Ratio(1.0, 0.0, 0.0, 0.0, 0.0, 0.986, 1.014, 0.016, 13),
    ("openai_embedding", "output"): Ratio(1.0, 0.0, 0.0, 1.0, 8.0, 0.984, 1.016, 0.03, 0),
    ("openai_reasoning", "input"): Ratio(1.0, 4.0, 2.0, 0.7, 10.0, 0.984, 1.016, 0.021, 5),
    ("openai_reasoning", "output"): Ratio(1.001, 0.0, 8.747, 1.0, 10.0, 0.972, 1.03, 0.18, 5),
    ("other", "input"): Ratio(0.89, 3.0, 3.0, 0.9, 50.0, 0.849, 0.931, 0.205, 4),
    ("other", "output"): Ratio(1.018, 0.0, 1.0, 1.0, 25.0, 0.944, 1.092, 0.183, 1),
    ("qwen", "input"): Ratio(1.05, 4.0, 5.0, 0.8, 100.0, 0.886, 1.215, 0.15, 0),
    ("qwen", "output"): Ratio(1.05, 0.0, 1.0, 1.0, 25.0, 0.886, 1.215, 0.15, 0),
    ("titan", "input"): Ratio(1.061, -0.005, 2.643, 0.8, 0.0, 1.008, 1.113, 0.194, 8),
    ("titan", "output"): Ratio(1.068, 0.0, 2.415, 1.0, 25.0, 1.022, 1.113, 0.112, 5),
}
"""Family of model_families and side -> coefficients; low and high bound the ratio at 90 %."""

CLASSES: dict[str, tuple[float, float]] = {
    "prose": (1.0, 0.0),
    "code": (0.955, 0.05),
    "json": (1.0, 0.05),
    "cjk": (1.0, 0.2),
    "other": (1.03, 0.15),
}
"""Class of text -> factor on the ratio, and its standard error, where the vocabulary is not the model's own.

Measured for Claude Opus 4.7: code 37 % above a public vocabulary, prose and JSON 44 %. The rest is wide.
"""

OWN_VOCABULARY = (
    "openai",
    "openai_cl100k",
    "openai_reasoning",
    "openai_completion",
    "openai_embedding",
    "gpt_oss",
)
"""Families whose own vocabulary is public: their text is counted here as it is billed."""

_NO_TEMPLATE = ("embeddings", "text_completion")


def learned_ratio(family: str, side: str, text_class: str = "prose") -> tuple[float, float, float]:
    """Return billed tokens per local token of text alone: point, low and high (90 %)."""
    ratio = RATIOS[family, side]
    factor, error = (1.0, 0.0) if family in OWN_VOCABULARY else CLASSES[text_class]
    point = ratio.ratio * factor
    spread = point - ratio.low * factor
    wide = (spread**2 + (1.645 * error * point) ** 2) ** 0.5
    return point, point - wide, point + wide


def with_recount(calls: pl.DataFrame) -> pl.DataFrame:
    """Return calls with the tokens that the text on their spans should have on the bill.

    `recount_input_tokens` and `recount_output_tokens` are null where no text was counted; the output is the
    visible one. `recount_input_error` and `recount_output_error` are standard errors relative to them. Needs
    `family` and `tool_prompt` of model_families.
    """
    table = calls.select("family").unique().join(_table(), on="family", how="left")
    classed = calls.join(table, on="family", how="left", maintain_order="left")
    factors = {name: factor for name, (factor, _) in CLASSES.items()}
    errors = {name: error for name, (_, error) in CLASSES.items()}
    is_own = pl.col("family").is_in(OWN_VOCABULARY)
    word = pl.col("text_class").fill_null("other")
    factor = pl.when(is_own).then(1.0).otherwise(word.replace_strict(factors, return_dtype=pl.Float64))
    error = pl.when(is_own).then(0.0).otherwise(word.replace_strict(errors, return_dtype=pl.Float64))
    is_chat = (~pl.col("operation").is_in(_NO_TEMPLATE)).cast(pl.Float64)
    has_tools = (pl.col("counted_tools").fill_null(0) > 0).cast(pl.Float64)
    template = is_chat * (
        pl.col("input_per_message") * pl.col("counted_messages") + pl.col("input_per_request")
    )
    tools = pl.col("input_tool_ratio") * pl.col("counted_tool_tokens").fill_null(0)
    tools += has_tools * (pl.col("input_per_tool") + pl.col("tool_prompt"))
    given = pl.col("input_ratio") * factor * pl.col("counted_input_tokens") + template + tools
    made = pl.col("output_ratio") * factor * pl.col("counted_output_tokens") + pl.col("output_per_request")
    made += pl.col("output_per_tool") * pl.col("counted_tool_calls").fill_null(0)
    return classed.with_columns(
        recount_input_tokens=given.clip(0),
        recount_output_tokens=made.clip(0),
        **{
            f"recount_{side}_error": (pl.col(f"{side}_error") ** 2 + error**2).sqrt()
            for side in ("input", "output")
        },
    ).drop([name for name in table.columns if name != "family"])


def _table() -> pl.DataFrame:
    """One row per family: the coefficients of both sides."""
    families = sorted({family for family, _ in RATIOS})
    rows = [
        {"family": family}
        | {
            f"{side}_{name}": value
            for side in ("input", "output")
            for name, value in RATIOS[family, side]._asdict().items()
            if name not in ("low", "high", "prompts")
        }
        for family in families
    ]
    return pl.DataFrame(rows)
