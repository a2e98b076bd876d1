"""Local token counts with public vocabularies, from the machine alone: nothing is ever downloaded.

A vocabulary comes from $TIKTOKEN_CACHE_DIR (files named as tiktoken names them), else from the installed
package bpe-openai. Patterns, special tokens and checksums are those of tiktoken's `openai_public`.
"""

import base64
import gzip
import hashlib
import os
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import tiktoken

from pipeline.errors import VocabularyError

THREADS = 2
"""Threads that count a batch; more do not help beside a decoder that needs a core of its own."""

_PIECE = 10_000
"""Characters counted at once: bounds the work on text without spaces, at most a token off at each seam."""

_LETTERS = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_SMALL = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_ENDING = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"


class _Vocabulary(NamedTuple):
    cache_name: str
    """SHA-1 of the address that tiktoken would fetch: the file's name in its cache."""
    sha256: str
    pattern: str
    special_tokens: dict[str, int]


_VOCABULARIES = {
    "o200k_base": _Vocabulary(
        "fb374d419588a4632f3f557e76b4b70aebbca790",
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        "|".join(
            (
                rf"[^\r\n\p{{L}}\p{{N}}]?{_LETTERS}*{_SMALL}+{_ENDING}",
                rf"[^\r\n\p{{L}}\p{{N}}]?{_LETTERS}+{_SMALL}*{_ENDING}",
                r"\p{N}{1,3}",
                r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
                r"\s*[\r\n]+",
                r"\s+(?!\S)",
                r"\s+",
            )
        ),
        {"<|endoftext|>": 199999, "<|endofprompt|>": 200018},
    ),
    "cl100k_base": _Vocabulary(
        "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$"
        r"|\s*[\r\n]|\s+(?!\S)|\s",
        {
            "<|endoftext|>": 100257,
            "<|fim_prefix|>": 100258,
            "<|fim_middle|>": 100259,
            "<|fim_suffix|>": 100260,
            "<|endofprompt|>": 100276,
        },
    ),
    "p50k_base": _Vocabulary(
        "ec7223a39ce59f226a68acc30dc1af2788490e15",
        "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069",
        r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s",
        {"<|endoftext|>": 50256},
    ),
}


def count_tokens(texts: Sequence[str], encoding: str = "o200k_base") -> list[int]:
    """Return the tokens of each text, special tokens read as plain text, no template added.

    Raises:
        VocabularyError: the vocabulary is not on this machine, or its file is damaged.
    """
    pieces = [[text[i : i + _PIECE] for i in range(0, len(text), _PIECE)] for text in texts]
    flat = [piece for parts in pieces for piece in parts]
    if not flat:
        return [0] * len(texts)
    counts = iter(_encoding(encoding).encode_ordinary_batch(flat, num_threads=THREADS))
    return [sum(len(next(counts)) for _ in parts) for parts in pieces]


@lru_cache(maxsize=4)
def _encoding(name: str) -> tiktoken.Encoding:
    vocabulary = _VOCABULARIES[name]
    return tiktoken.Encoding(
        name,
        pat_str=vocabulary.pattern,
        mergeable_ranks=_ranks(_bytes(name, vocabulary)),
        special_tokens=vocabulary.special_tokens,
    )


def _bytes(name: str, vocabulary: _Vocabulary) -> bytes:
    """Return the file of a vocabulary: from the user's cache, else from the installed package."""
    for variable in ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"):
        folder = os.environ.get(variable)
        if folder and (path := Path(folder) / vocabulary.cache_name).is_file():
            return _sound(path.read_bytes(), name, vocabulary, f"file {vocabulary.cache_name} in ${variable}")
    package = find_spec("bpe_openai")  # only its files are used: importing it would load all vocabularies
    packed = Path(package.origin or "").parent / "data" / f"{name}.tiktoken.gz" if package else None
    if packed is None or not packed.is_file():
        raise VocabularyError(
            f"The vocabulary {name} is needed to count tokens, and it is not on this machine. Install the "
            "package bpe-openai (it holds o200k_base and cl100k_base), or set TIKTOKEN_CACHE_DIR to a "
            f"folder that holds it under the name {vocabulary.cache_name}. Nothing is downloaded."
        )
    return _sound(gzip.decompress(packed.read_bytes()), name, vocabulary, "copy in the package bpe-openai")


def _sound(data: bytes, name: str, vocabulary: _Vocabulary, place: str) -> bytes:
    if hashlib.sha256(data).hexdigest() != vocabulary.sha256:
        raise VocabularyError(
            f"The vocabulary {name} is damaged: the {place} has {len(data):,} bytes and the wrong checksum. "
            "Replace it, or unset the variable to use the copy of the package bpe-openai."
        )
    return data


def _ranks(data: bytes) -> dict[bytes, int]:
    pairs = (line.split() for line in data.splitlines() if line)
    return {base64.b64decode(token): int(rank) for token, rank in pairs}
