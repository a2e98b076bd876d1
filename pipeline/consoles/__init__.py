"""What people download from the providers' consoles, beside the answers of their APIs."""

from pipeline.consoles import anthropic, openai
from pipeline.provider import ExportFormat

CONSOLES: tuple[ExportFormat, ...] = (*openai.FORMATS, *anthropic.FORMATS)
