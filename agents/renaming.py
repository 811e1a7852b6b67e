"""More demonstrations from few: the same programs about other things.

A program follows its query word by word where it names things: what is asked of cups is asked of zebras alike. A small model sees
too few demonstrations to find this out, and learns each noun by heart. So each demonstration is repeated with its rare words
replaced, in query and program alike. Rare words are names of things and of their properties; the frequent ones are grammar and
relations, and stay. The variants are imitated only, never run and never logged as experience.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence

_WORD = re.compile(r"[A-Za-z]+")
_GRAMMAR = 50


def rare_words(queries: Iterable[str]) -> list[str]:
    """Words of the queries but the 50 most frequent, without plural "s", in alphabetical order."""
    counts = Counter(_stem(word) for query in queries for word in _WORD.findall(query))
    grammar = {word for word, _ in counts.most_common(_GRAMMAR)}
    return sorted(word for word in counts.keys() - grammar if word.islower())


def rename(pairs: Sequence[tuple[str, str]], words: Sequence[str], rng: random.Random) -> list[tuple[str, str]]:
    """Replace in each pair the words that query and program share.

    Args:
        pairs: `(query, program)` pairs.
        words: Words that may be replaced and may replace others, as stems.
        rng: Source of randomness.

    Returns:
        As many pairs. A word has the same replacement wherever it stands in a pair, with a plural "s" where it had one.
    """
    known = set(words)
    renamed = []
    for query, program in pairs:
        shared = sorted(known & _stems(query) & _stems(program))
        replacement = dict(zip(shared, rng.sample(words, len(shared)), strict=True))

        def replace(match: re.Match[str], replacement: dict[str, str] = replacement) -> str:
            word = match.group()
            stem = _stem(word)
            return replacement[stem] + word[len(stem) :] if stem in replacement else word

        renamed.append((_WORD.sub(replace, query), _WORD.sub(replace, program)))
    return renamed


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") else word


def _stems(text: str) -> set[str]:
    return {_stem(word) for word in _WORD.findall(text)}
