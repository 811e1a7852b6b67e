"""How facts on photos are put into English, with COCO's names for things."""

from __future__ import annotations

import re
from collections.abc import Sequence

_PLURALS = {
    "bench": "benches",
    "broccoli": "broccoli",
    "bus": "buses",
    "couch": "couches",
    "knife": "knives",
    "person": "people",
    "sandwich": "sandwiches",
    "scissors": "scissors",
    "sheep": "sheep",
    "skis": "skis",
    "toothbrush": "toothbrushes",
    "wine glass": "wine glasses",
}
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
PLACES: dict[str, str] = {
    "kitchen": "in a kitchen",
    "living room": "in a living room",
    "bedroom": "in a bedroom",
    "office": "in an office",
    "park": "in a park",
    "street": "on a street",
    "beach": "on a beach",
    "field": "in a field",
}
"""How a caption says where a photo was taken."""


def plural(noun: str) -> str:
    """The plural of a COCO category or of a word like "animal": "wine glass" -> "wine glasses", "person" -> "people"."""
    return _PLURALS.get(noun, f"{noun}s")


def with_article(phrase: str) -> str:
    """A noun phrase in the singular with its article: "an orange cup"; "scissors" and "skis" have none."""
    if phrase.endswith(("scissors", "skis", "broccoli")):
        return phrase
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def number(count: int) -> str:
    """A count as a word, up to ten, beyond that in digits."""
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def enumeration(phrases: Sequence[str]) -> str:
    """Phrases in a row: "a cup, two chairs and a dog"."""
    return phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])} and {phrases[-1]}"


def sentence(text: str) -> str:
    """The text with a capital at the beginning and a full stop at the end."""
    return f"{text[0].upper()}{text[1:]}."


def variable(noun: str) -> str:
    """A noun as a Python variable: "cell phone" -> "cell_phone"."""
    return re.sub(r"[^a-z]+", "_", noun.lower()).strip("_")
