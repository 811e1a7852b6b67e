"""Variable names for translated programs: made from the nouns, valid, and distinct within a program."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterator
from itertools import count

from vispro_gym.perception.language import ANYTHING, PRONOUNS
from vispro_gym.perception.vocabulary import plural, singular
from vispro_gym.programs.api import API, ENTRY_POINT

_RESERVED = (
    frozenset(dir(builtins))
    | frozenset(keyword.kwlist)
    | frozenset(keyword.softkwlist)
    | frozenset(member.name for member in API)
    | {ENTRY_POINT, "ImagePatch", "image", "image_patch"}
)


def quoted(text: str) -> str:
    """The text as a Python string literal in double quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def identifier(text: str) -> str:
    """The text as a Python identifier: "t-shirt" -> "t_shirt"."""
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    return name if name and not name[0].isdigit() else f"n_{name}"


class Names:
    """Hands out the variable names of one program."""

    def __init__(self) -> None:
        self._taken: set[str] = set(_RESERVED)

    def one(self, noun: str, *prefixes: str) -> str:
        """A name for one object: "cube", if that is taken "red_cube" and so on with each prefix, then "other_cube"."""
        word = _stem(noun)
        name = next(name for name in map(identifier, _labels(word, prefixes)) if name not in self._taken)
        self._taken.add(name)
        return name

    def several(self, noun: str, *prefixes: str) -> tuple[str, str]:
        """Names for a list and for its elements: ("cups", "cup"), or ("pants", "pants_patch") without a singular."""
        word = _stem(noun)
        for label in _labels(word, prefixes):
            many, each = identifier(plural(label)), identifier(label)
            if each == many or each in _RESERVED:
                each += "_patch"
            if self._taken.isdisjoint((many, each)):
                self._taken.update((many, each))
                return many, each
        raise AssertionError("unreachable: labels end in ever larger numbers")


def _stem(noun: str) -> str:
    if noun in PRONOUNS - ANYTHING:
        return "person"
    return "thing" if noun in ANYTHING or noun == "_" else singular(noun)


def _labels(word: str, prefixes: tuple[str, ...]) -> Iterator[str]:
    yield word
    yield from (f"{prefix} {word}" for prefix in prefixes if prefix)
    yield f"other {word}"
    yield from (f"other {word} {i}" for i in count(2))
