"""Gateways between companies and providers: their logs name who was asked, and are no provider's own."""

from pipeline.gateways import litellm, openrouter, openrouter_days
from pipeline.provider import ExportFormat

GATEWAYS: tuple[ExportFormat, ...] = (*litellm.FORMATS, *openrouter.FORMATS, *openrouter_days.FORMATS)
