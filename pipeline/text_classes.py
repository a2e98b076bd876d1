"""What kind of text this is, by the characters it is made of: tokenizers differ by kind, not by topic."""

import re

TEXT_CLASSES = ("prose", "code", "json", "cjk", "other")
"""prose: words in letters. code: program text. json: data in brackets. cjk: Chinese, Japanese, Korean."""

_SAMPLE = 4_000
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uff00-\uffef]")
_WORDS = re.compile(r"[^\W\d_]")
_MARKUP = re.compile(r"[\"{}\[\]:,]")
_SYMBOLS = re.compile(r"[{}()\[\];=<>_/\\*+&|#$@^~`]")
_JSON_START = re.compile(r"\s*[\[{]")


def text_class(text: str) -> str:
    """Return one of TEXT_CLASSES by the first 4,000 characters; text without any character is `other`."""
    sample = text[:_SAMPLE]
    dense = len(sample) - len(re.findall(r"\s", sample))
    if not dense:
        return "other"
    if _share(_CJK, sample, dense) > 0.2:
        return "cjk"
    if _JSON_START.match(sample) and _share(_MARKUP, sample, dense) > 0.08:
        return "json"
    if _share(_SYMBOLS, sample, dense) > 0.07:
        return "code"
    return "prose" if _share(_WORDS, sample, dense) > 0.7 else "other"


def _share(pattern: re.Pattern[str], text: str, size: int) -> float:
    return len(pattern.findall(text)) / size
