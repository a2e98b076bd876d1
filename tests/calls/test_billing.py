"""Who bills a call, on which account, as which model, and what nobody bills."""

import polars as pl
import pytest

from pipeline.settings import Models, Settings
from pipeline.team_settings import Scope

USAGE = {"input_tokens": 10, "output_tokens": 5}


def known(*rows: tuple[str, str, str]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["provider", "account", "model"], orient="row")


def place(calls) -> tuple[str, str]:
    return calls.calls.select("provider", "account").row(0)


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("api.openai.com", "openai"),
        ("API.GROQ.COM", "groq"),
        ("acme.openai.azure.com", "azure.ai.openai"),
        ("localhost", "self_hosted"),
        ("10.1.2.3", "self_hosted"),
        ("::1", "self_hosted"),
        ("vllm", "self_hosted"),
        ("llm.prod.internal", "self_hosted"),
        ("evil-api.openai.com.example.org", "openai"),
        ("llm.example.org", "openai"),
        ("8.8.8.8", "openai"),
    ],
)
def test_the_host_says_who_bills_and_a_strange_public_host_is_not_self_hosted(
    resolved, host, provider
) -> None:
    calls = resolved({"server_address": host, "request_model": "gpt-5", **USAGE})

    assert place(calls)[0] == provider


def test_a_strange_host_with_a_model_of_somebody_else_is_unknown(resolved) -> None:
    calls = resolved({"server_address": "llm.example.org", "request_model": "claude-sonnet-4-5", **USAGE})

    assert place(calls) == ("unknown", "unknown")


def test_a_private_host_with_a_model_that_the_account_meters_is_a_gateway(resolved) -> None:
    meters = known(("openai", "acme", "gpt-5"))
    calls = resolved({"server_address": "litellm", "account": "acme", **USAGE}, known=meters)

    assert place(calls) == ("openai", "acme")
    assert calls.calls["not_billed_reason"].to_list() == [None]


def test_the_accounts_own_meter_comes_before_the_word_of_the_instrumentation(resolved) -> None:
    meters = known(("groq", "acme", "llama3-8b-8192"), ("openai", "acme", "gpt-5"))
    calls = resolved({"account": "acme", "request_model": "llama3-8b-8192", **USAGE}, known=meters)

    assert place(calls) == ("groq", "acme")


def test_two_providers_that_meter_the_model_decide_nothing(resolved) -> None:
    meters = known(("groq", "acme", "m"), ("together", "acme", "m"))
    calls = resolved({"account": "acme", "request_model": "m", **USAGE}, known=meters)

    assert place(calls) == ("openai", "acme")


def test_without_an_account_the_only_provider_that_meters_the_model_bills(resolved) -> None:
    meters = known(("groq", "g", "llama3"), ("openai", "o", "gpt-5"))

    assert place(resolved({"request_model": "llama3", **USAGE}, known=meters)) == ("groq", "g")


def test_the_models_prefix_is_the_last_resort(resolved) -> None:
    calls = resolved({"provider_logged": None, "request_model": "claude-sonnet-4-5", **USAGE})

    assert place(calls) == ("anthropic", "anthropic")


def test_nothing_known_is_unknown(resolved) -> None:
    calls = resolved({"provider_logged": "acme", "request_model": None, **USAGE})

    assert calls.calls.select("provider", "account", "model").row(0) == ("unknown", "unknown", "unknown")


def test_of_several_accounts_none_is_chosen(resolved) -> None:
    meters = known(("openai", "a", "gpt-5"), ("openai", "b", "gpt-5"))

    assert place(resolved(USAGE, known=meters)) == ("openai", "unknown")


def test_the_model_that_answered_comes_first_unless_only_the_other_is_metered(resolved) -> None:
    names = {"account": "a", "request_model": "gpt-5", "response_model": "gpt-5-2025-08-07", **USAGE}

    assert resolved(names).calls["model"].to_list() == ["gpt-5-2025-08-07"]
    assert resolved(names, known=known(("openai", "a", "gpt-5"))).calls["model"].to_list() == ["gpt-5"]


@pytest.mark.parametrize("traced", ["nova-micro-v1:0", "us.amazon.nova-micro-v1:0"])
def test_a_model_without_its_vendor_is_the_one_that_the_meter_names(resolved, traced) -> None:
    bedrock = {"account": "a", "provider_logged": "aws.bedrock", "request_model": traced, **USAGE}
    meters = known(("aws.bedrock", "a", "amazon.nova-micro-v1:0"), ("aws.bedrock", "a", "amazon.titan"))

    assert resolved(bedrock, known=meters).calls["model"].to_list() == ["amazon.nova-micro-v1:0"]


def test_a_bare_model_of_two_vendors_stays_as_it_is(resolved) -> None:
    bedrock = {"account": "a", "provider_logged": "aws.bedrock", "request_model": "command", **USAGE}
    meters = known(("aws.bedrock", "a", "cohere.command"), ("aws.bedrock", "a", "meta.command"))

    assert resolved(bedrock, known=meters).calls["model"].to_list() == ["command"]


def test_a_configured_alias_names_the_model(resolved) -> None:
    settings = Settings(models=Models(aliases={"prod-chat": "gpt-5"}))
    calls = resolved({"request_model": "prod-chat", **USAGE}, settings=settings)

    assert calls.calls["model"].to_list() == ["gpt-5"]


def test_a_narrower_scope_follows_from_project_or_service(resolved) -> None:
    scope = Scope(name="shop-key", provider="openai", services=("shop*",))
    calls = resolved({**USAGE}, {"service": "search", **USAGE}, settings=Settings(scopes=(scope,)))

    assert calls.calls["scope"].to_list() == ["shop-key", "openai"]


def test_month_is_that_of_the_providers_billing_zone(resolved) -> None:
    at_midnight = 26 * 24 * 3600 * 1000 + 12 * 3600 * 1000  # 2026-11-01T00:00 UTC, still October in the west
    google = {"server_address": "generativelanguage.googleapis.com"}
    calls = resolved({"at": at_midnight, **USAGE}, {"at": at_midnight, **google, **USAGE})

    assert calls.calls["month"].to_list() == ["2026-11", "2026-10"]
    assert sorted(calls.traced["month"].to_list()) == ["2026-10", "2026-11"]


FAILED = {"status": "error", "request_model": "gpt-5"}
CLAUDE, GEMINI = "api.anthropic.com", "generativelanguage.googleapis.com"
VERTEX = "europe-west4-aiplatform.googleapis.com"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"cache_hit": True, **USAGE}, "gateway_cache_hit"),
        ({"server_address": "localhost", **USAGE}, "self_hosted"),
        ({**FAILED, "http_status": 404}, "rejected_before_output"),
        ({**FAILED, "error_type": "RateLimitError"}, "rejected_before_output"),
        ({**FAILED, "error_type": "openai.AuthenticationError"}, "rejected_before_output"),
        ({**FAILED, "error_type": "429"}, "rejected_before_output"),
        ({**FAILED, "http_status": 429, "input_tokens": 10}, "rejected_before_output"),
        ({**FAILED, "http_status": 503, "input_tokens": 10}, "failed_before_output"),
        ({**FAILED, "http_status": 503}, None),
        ({**FAILED, "http_status": 408, "input_tokens": 10}, None),
        ({**FAILED, "error_type": "APITimeoutError"}, None),
        ({**FAILED, "http_status": 400, "input_tokens": 10, "output_tokens": 4}, None),
        ({"http_status": 404}, None),
        ({**FAILED, "http_status": 400, "server_address": "a.openai.azure.com"}, None),
        ({**FAILED, "http_status": 400, "server_address": "a.openai.azure.com", "input_tokens": 9}, None),
        ({**FAILED, "http_status": 401, "server_address": "a.openai.azure.com"}, "rejected_before_output"),
        ({**FAILED, "http_status": 404, "server_address": "api.groq.com"}, None),
        ({**FAILED, "http_status": 500, "server_address": GEMINI}, "rejected_before_output"),
        ({**FAILED, "http_status": 503, "server_address": GEMINI}, None),
        ({**FAILED, "http_status": 503, "server_address": VERTEX}, "rejected_before_output"),
        ({**FAILED, "http_status": 500, "server_address": "openrouter.ai"}, "rejected_before_output"),
        ({**FAILED, "error_type": "overloaded_error", "server_address": CLAUDE}, "rejected_before_output"),
        ({**FAILED, "http_status": 500, "server_address": CLAUDE}, None),
        ({**USAGE}, None),
    ],
)
def test_what_nobody_bills_has_a_reason_and_a_doubt_has_none(resolved, given, reason) -> None:
    calls = resolved(given)

    assert calls.calls["not_billed_reason"].to_list() == [reason]
    taken = calls.corrections.filter(pl.col("step") == "not_billed")["tokens"].sum()
    tokens = (given.get("input_tokens") or 0) + (given.get("output_tokens") or 0)
    assert taken == (-tokens if reason else 0)


def test_counting_tokens_is_no_call(resolved) -> None:
    calls = resolved({"scope": "sdk", "name": "anthropic.messages.count_tokens", "input_tokens": 99})

    assert (calls.calls.height, calls.traced.height) == (0, 0)


def test_a_service_that_is_configured_as_unbilled_is_not_billed(resolved) -> None:
    settings = Settings(unbilled_services=("qa-*",))
    mock = resolved({"service": "qa-suite", "request_model": "gpt-5", **USAGE}, settings=settings)
    real = resolved({"service": "chat", "request_model": "gpt-5", **USAGE}, settings=settings)

    assert mock.calls["not_billed_reason"].to_list() == ["configured_as_unbilled"]
    assert mock.corrections["tokens"].sum() == -15
    assert real.calls["not_billed_reason"].to_list() == [None]


@pytest.mark.parametrize(
    ("output", "provider", "reason"),
    [(0, "anthropic", "refused_before_output"), (7, "anthropic", None), (0, "openai", None)],
)
def test_a_refusal_is_free_at_anthropic_before_any_output(resolved, output, provider, reason) -> None:
    counts = {"input_tokens": 10, "output_tokens": output}
    calls = resolved({"provider_logged": provider, "finish_reasons": "refusal", "response_id": "m", **counts})

    assert calls.calls["not_billed_reason"].to_list() == [reason]
