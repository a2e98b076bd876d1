"""What a fee is for, by the words of its line.

Words seen: cost types of Anthropic's cost report (web_search, code_execution, session_usage); line items of
OpenAI's cost export (web search, code interpreter, container, file storage, image generation); cached text
storage of Google; PTU and provisioned meters of Azure, ProvisionedThroughput and model units of Bedrock, GSU
of Vertex AI; support plans.
"""

import re

from schemas.types import FEE_KINDS

OTHER = FEE_KINDS[-1]

_WORDS = {
    "web_search": r"web[ _-]?search",
    "sessions": r"code[ _-]?(?:interpreter|execution)|containers?\b|session",
    "storage": r"storage",
    "images": r"images?\b",
    "provisioned_hours": r"provisioned|\bPTUs?\b|\bGSUs?\b|model[ _-]?units?\b",
    "support": r"\bsupport\b",
}
_FOUND = {kind: re.compile(words, re.IGNORECASE) for kind, words in _WORDS.items()}


def fee_kind(words: str | None) -> str:
    """Return what a fee is for; `other` where its text names nothing that is known, or more than one."""
    told = [kind for kind, pattern in _FOUND.items() if pattern.search(words or "")]
    return told[0] if len(told) == 1 else OTHER
