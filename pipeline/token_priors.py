"""What is known of a family's bill against a local count, before any call of it is measured.

Coefficients in the order of `token_fit`: ratio, per message, per request, per tool token, per tool.
Sources: OpenAI's chat template (3 tokens a request, 3 a message and its role; one less a request from gpt-5
and o3 on), exact in recordings; a public comparison of 7,485 counts (Claude Opus 4.7 is 41 % above a public
vocabulary, 37 to 44 % by class of text; Mistral 0 %, Gemini 2.5 +4.5 %); pages on Claude 3 (16 to 30 %);
recordings in which Gemini, Nova, Titan and Cohere bill the text alone, and gpt-oss 60 tokens more a request.
"""

from pipeline.token_fit import Prior

_TEXT_ALONE = ((1.0, 0.0, 0.0, 0.8, 0.0), (0.08, 1.0, 2.0, 0.3, 60.0))
_TEMPLATE = ((1.0, 4.0, 3.0, 0.7, 10.0), (0.01, 0.05, 0.3, 0.2, 15.0))
_SELF = ((1.0, 0.0, 0.0, 1.0, 8.0), (0.01, 0.1, 1.0, 0.5, 8.0))
_ANSWER = ((1.05, 0.0, 1.0, 1.0, 25.0), (0.1, 0.1, 2.0, 0.5, 25.0))


def _claude(ratio: float) -> tuple[Prior, Prior]:
    given = ((ratio, 3.0, 4.0, ratio, 30.0), (0.08, 1.5, 3.0, 0.25, 60.0))
    made = ((ratio, 0.0, 3.0, 1.0, 40.0), (0.08, 0.1, 2.0, 0.5, 25.0))
    return Prior(*given, 0.1), Prior(*made, 0.1)


_BOTH: dict[str, tuple[Prior, Prior]] = {
    "openai": (Prior(*_TEMPLATE, 0.03), Prior(*_SELF, 0.03)),
    "openai_cl100k": (Prior(*_TEMPLATE, 0.03), Prior(*_SELF, 0.03)),
    "openai_reasoning": (
        Prior((1.0, 4.0, 2.0, 0.7, 10.0), (0.01, 0.05, 0.3, 0.2, 15.0), 0.03),
        Prior((1.0, 0.0, 3.0, 1.0, 10.0), (0.02, 0.1, 3.0, 0.5, 10.0), 0.1),
    ),
    "openai_completion": (Prior((1.0, 0.0, 0.0, 0.0, 0.0), (0.01,) * 5, 0.03), Prior(*_SELF, 0.03)),
    "openai_embedding": (Prior((1.0, 0.0, 0.0, 0.0, 0.0), (0.01,) * 5, 0.03), Prior(*_SELF, 0.03)),
    "gpt_oss": (
        Prior((1.0, 4.0, 60.0, 0.7, 20.0), (0.02, 0.5, 10.0, 0.2, 20.0), 0.1),
        Prior((1.0, 0.0, 5.0, 1.0, 10.0), (0.02, 0.1, 5.0, 0.5, 10.0), 0.15),
    ),
    "claude_2": _claude(1.15),
    "claude": _claude(1.2),
    "claude_4_7": _claude(1.42),
    "gemini": (Prior(*_TEXT_ALONE), Prior((1.05, 0.0, 0.0, 1.0, 0.0), (0.1, 0.1, 1.0, 0.5, 10.0))),
    "mistral": (Prior((1.1, 3.0, 2.0, 0.8, 10.0), (0.1, 2.0, 3.0, 0.3, 60.0)), Prior(*_ANSWER)),
    "nova": (Prior((1.0, 0.0, 0.0, 0.8, 450.0), (0.08, 1.0, 2.0, 0.3, 250.0)), Prior(*_ANSWER)),
    "titan": (Prior(*_TEXT_ALONE), Prior(*_ANSWER)),
    "llama": (Prior((1.0, 5.0, 4.0, 0.8, 20.0), (0.06, 2.0, 3.0, 0.3, 100.0)), Prior(*_ANSWER)),
    "cohere": (Prior(*_TEXT_ALONE), Prior(*_ANSWER)),
    "deepseek": (Prior((1.05, 2.0, 2.0, 0.8, 30.0), (0.08, 2.0, 3.0, 0.3, 100.0)), Prior(*_ANSWER)),
    "grok": (Prior((1.0, 4.0, 5.0, 0.8, 100.0), (0.1, 2.0, 5.0, 0.3, 150.0)), Prior(*_ANSWER)),
    "qwen": (Prior((1.05, 4.0, 5.0, 0.8, 100.0), (0.1, 2.0, 5.0, 0.3, 150.0)), Prior(*_ANSWER)),
    "other": (Prior((1.1, 3.0, 3.0, 0.9, 50.0), (0.15, 2.0, 4.0, 0.3, 150.0), 0.25), Prior(*_ANSWER, 0.2)),
}

PRIORS: dict[tuple[str, str], Prior] = {
    (family, side): prior
    for family, both in _BOTH.items()
    for side, prior in zip(("input", "output"), both, strict=True)
}
"""Family and side -> prior."""
