"""The instrumentations that are known, first match wins; the last reads whatever is left."""

from pipeline.dialect import Dialect
from pipeline.dialects import claude, conventions, frameworks, openinference, openllmetry, opentelemetry

DIALECTS: tuple[Dialect, ...] = (
    *claude.DIALECTS,
    *opentelemetry.DIALECTS,
    *openllmetry.DIALECTS,
    *openinference.DIALECTS,
    *frameworks.DIALECTS,
    *conventions.DIALECTS,
)
