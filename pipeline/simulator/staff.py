"""The services of a company under a mix: the usual ones, with their faults turned up or down."""

from dataclasses import replace
from math import sqrt

from pipeline.simulator.company import SERVICES, Service
from pipeline.simulator.mix import Mix

_UNBILLED = ("qa-suite", "local-llama")
_MOST = 0.6
"""No chance grows beyond this."""


def staff(mix: Mix) -> tuple[Service, ...]:
    """Return the services, with faults and shares as the mix wants them."""
    services = (_turned(service, mix) for service in SERVICES)
    return tuple(service for service in services if service.share > 0)


def _turned(service: Service, mix: Mix) -> Service:
    is_estimated = "litellm" in service.dialects
    untold = mix.tokenizer_mismatch if is_estimated else mix.missing_usage
    share = service.share
    if not service.dialects:
        share *= mix.uninstrumented
    if service.name in _UNBILLED:
        share *= mix.not_billed
    return replace(
        service,
        share=share,
        retries=_chance(service.retries, mix.retries),
        cancels=_chance(service.cancels, mix.cancellations),
        cache_hits=_chance(service.cache_hits, mix.not_billed),
        refusals=_chance(service.refusals, mix.not_billed),
        untold=tuple((name, _chance(chance, untold)) for name, chance in service.untold),
        is_lossy=service.is_lossy and mix.missing_usage > 0,
        window=_window(service.window, mix.summary_compaction),
    )


def _chance(usual: float, intensity: float) -> float:
    return min(_MOST, usual * intensity)


def _window(usual: int | None, intensity: float) -> int | None:
    """A smaller window is full more often."""
    if usual is None or not intensity:
        return None
    return round(usual / min(2.0, max(0.5, sqrt(intensity))))
