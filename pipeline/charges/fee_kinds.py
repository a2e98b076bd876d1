"""What a fee is for, by the words of its line, as exports and price pages write them.

web search: `web_search` (Anthropic, cost report), "web search tool calls" (OpenAI, costs). Sessions:
`code_execution` and `session_usage` (Anthropic), code interpreter and containers (OpenAI). Storage: "cached
text storage token hours" (Google), file search storage (OpenAI). Images: image generation (OpenAI).
Provisioned hours: PTU and "Provisioned Managed" meters (Azure), ProvisionedThroughput and ModelUnits (Amazon
Bedrock). Support: support plans on invoices that people write down.
"""

import re

from schemas.types import FEE_KINDS

OTHER = FEE_KINDS[-1]

_WORDS = {
    "web_search": r"web[ _-]?search",
    "sessions": r"code[ _-]?(?:interpreter|execution)|containers?\b|session",
    "storage": r"storage",
    "images": r"images?\b",
    "provisioned_hours": r"provisioned|\bPTUs?\b|model[ _-]?units?\b",
    "support": r"\bsupport\b",
}
_FOUND = {kind: re.compile(words, re.IGNORECASE) for kind, words in _WORDS.items()}


def fee_kind(words: str | None) -> str:
    """Return what a fee is for; `other` where its text names nothing that is known, or more than one."""
    told = [kind for kind, pattern in _FOUND.items() if pattern.search(words or "")]
    return told[0] if len(told) == 1 else OTHER
