"""The services of a company under a mix: the usual ones or drawn ones, their faults turned up or down."""

from dataclasses import replace
from math import exp, log, sqrt
from random import Random

from pipeline.simulator.company import SERVICES
from pipeline.simulator.mix import Mix
from pipeline.simulator.models import GPT5_MINI, GPT41, GPT41_MINI, GPT51, HAIKU, SONNET
from pipeline.simulator.newcomers import NEWCOMERS
from pipeline.simulator.service import Service

_MODELS = {"openai": (GPT5_MINI, GPT51, GPT41, GPT41_MINI), "anthropic": (SONNET, HAIKU)}

_WATCHES: dict[str, dict[tuple[str, ...], float]] = {
    "openai": {
        ("genai_openai",): 3, ("openllmetry_openai",): 3, ("openinference_openai",): 2, ("openai_v2",): 2,
        ("pydantic_ai",): 2, ("vercel",): 2, ("openinference_langchain",): 1, ("openllmetry_langchain",): 1,
        ("litellm",): 1, ("openllmetry_openai_old",): 0.5, ("openllmetry_openai", "openinference_openai"): 1,
    },
    "anthropic": {
        ("genai_anthropic",): 2, ("openllmetry_anthropic",): 2, ("openinference_anthropic",): 2,
        ("anthropic_sdk",): 3, ("pydantic_ai",): 1, ("claude_code",): 1,
        ("openllmetry_anthropic", "anthropic_sdk"): 1,
    },
}  # fmt: skip
"""Provider -> instrumentations that may watch a service, and how usual they are."""

ESTIMATING = ("litellm", "openllmetry_openai_old")
"""Instrumentations that count for themselves when a stream brings no usage."""

_TELLS_ALL = (
    "genai_openai", "openllmetry_openai", "openinference_openai", "vercel", "openinference_langchain",
    "openllmetry_langchain", "anthropic_sdk",
)  # fmt: skip
"""Instrumentations that tell of all cached tokens, and of the lifetime of writes where there are any."""

_MOST = 0.6
"""No chance grows beyond this."""


def staff(mix: Mix) -> tuple[Service, ...]:
    """Return the services, with faults and shares as the mix wants them."""
    services: tuple[Service, ...] = (*SERVICES, *NEWCOMERS) if mix.newcomers else SERVICES
    if mix.company is not None:
        services = tuple(_drawn(service, mix.company) for service in services)
    turned = (_turned(service, mix) for service in services)
    return tuple(service for service in turned if service.share > 0)


def _drawn(service: Service, company: int) -> Service:
    """Return the service as another company has it; each is drawn for itself."""
    rng = Random(f"company {company} {service.name}")  # noqa: S311 - wants to be predictable
    drawn = replace(
        service,
        share=service.share * rng.lognormvariate(0, 0.5),
        prompt=round(service.prompt * rng.lognormvariate(0, 0.3)),
        answer=round(service.answer * rng.lognormvariate(0, 0.3)),
        window=service.window and round(service.window * rng.lognormvariate(0, 0.2)),
        stream=min(1.0, service.stream * rng.lognormvariate(0, 0.3)),
        retries=service.retries * rng.lognormvariate(0, 0.5),
        cancels=service.cancels * rng.lognormvariate(0, 0.5),
        speed=rng.lognormvariate(0, 0.4),
        timeout=exp(rng.uniform(log(20), log(600))),
        has_http_spans=rng.random() < 0.45,
        lost=0.012 if rng.random() < 0.25 else 0.0,
        estimate=rng.uniform(0.78, 0.99),
        doubled=rng.uniform(0.3, 1.0),
        repeats=rng.uniform(0.2, 0.8),
    )
    provider = service.models[0].provider
    is_bound = service.operation != "chat" or service.tier != "standard" or bool(service.shared_by)
    if is_bound or provider not in _WATCHES or service.reasks == "span" or not service.dialects:
        return drawn
    dialects = rng.choices([*_WATCHES[provider]], [*_WATCHES[provider].values()])[0]
    models = tuple(rng.choice(_MODELS[provider]) for _ in service.models)
    return replace(drawn, dialects=dialects, models=models, untold=_untold(provider, dialects, rng))


def _untold(provider: str, dialects: tuple[str, ...], rng: Random) -> tuple[tuple[str, float], ...]:
    """What instrumentations leave out, as measured: streams without usage, false zeros, spans left open."""
    if dialects == ("openllmetry_anthropic",):
        return (("false_zero", 0.08), ("stream_read_inside_with", 0.05))
    if provider != "openai":
        return ()
    share = 0.4 if dialects[0] in ESTIMATING else rng.choice((0.0, 0.02, 0.05))
    return (("stream_without_include_usage", share),) if share else ()


def _turned(service: Service, mix: Mix) -> Service:
    is_estimated = service.dialects[:1] and service.dialects[0] in ESTIMATING
    untold = mix.tokenizer_mismatch if is_estimated else mix.missing_usage
    tells_all = all(code in _TELLS_ALL for code in service.dialects) or _is_openai_pydantic(service)
    repeats = min(1.0, service.repeats * mix.duplicate_spans)
    return replace(
        service,
        share=_share(service, mix),
        retries=_chance(service.retries, mix.retries),
        invalid=_chance(service.invalid, mix.retries if service.reasks == "span" else 1.0),
        cancels=_chance(service.cancels, mix.cancellations),
        cache_hits=_chance(service.cache_hits, mix.not_billed),
        refusals=_chance(service.refusals, mix.not_billed),
        untold=tuple((name, _chance(chance, untold)) for name, chance in service.untold),
        lost=service.lost * mix.missing_usage,
        resent=service.resent * mix.duplicate_spans,
        window=service.window if service.compacts == "drops" else _window(service, mix.summary_compaction),
        sampled=service.sampled if mix.sampling else 1.0,
        doubled=min(1.0, service.doubled * mix.duplicate_spans),
        repeats=repeats,
        adds_start=mix.duplicate_spans > 0,
        cached=1.0 if tells_all else min(1.0, mix.cache_convention),
        reasoning=mix.reasoning,
        is_logged=mix.request_log and service.models[0].provider == "anthropic",
    )


def _share(service: Service, mix: Mix) -> float:
    if not service.dialects:
        return service.share * mix.uninstrumented
    if service.models[0].provider == "self_hosted":
        return service.share * mix.not_billed
    if service.sampled < 1:
        return service.share * (mix.sampling or 1.0)
    return service.share


def _is_openai_pydantic(service: Service) -> bool:
    return service.dialects == ("pydantic_ai",) and service.models[0].provider == "openai"


def _chance(usual: float, intensity: float) -> float:
    return min(_MOST, usual * intensity)


_SUMMARY = 520
"""Median tokens of a summary."""


def _window(service: Service, intensity: float) -> int | None:
    """A smaller window is full more often; a summary leaves at most half of it (vendors: 30 to 50 %)."""
    if service.window is None or not intensity:
        return None
    return max(round(service.window / min(2.0, max(0.5, sqrt(intensity)))), 2 * (service.prompt + _SUMMARY))
