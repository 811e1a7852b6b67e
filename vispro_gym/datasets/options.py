"""Options to choose from, for samples that have some: image-text matching and multiple choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from string import ascii_uppercase
from typing import TypeVar

Option = TypeVar("Option")

MOST_OPTIONS = len(ascii_uppercase)
"""At most so many options have a letter each."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is to be chosen.

    Attributes:
        index: Position of the right option, from 0, in the order in which they are shown.
        texts: The options as texts; None if the options are the sample's pictures.
        count: Number of options, at most `MOST_OPTIONS`.
    """

    index: int
    texts: tuple[str, ...] | None
    count: int


def one_line(text: str) -> str:
    """A text as it is shown: all spaces and line breaks between words are one space. Official captions have many of them."""
    return " ".join(text.split())


def shuffled(options: Sequence[Option], right: int, seed: int, sample_id: str) -> tuple[list[Option], int]:
    """The options in an order that depends on the seed and the sample, and the new position of the right one.

    Official files have the right option at a fixed place, and a program that always takes the first would be rewarded for it.
    """
    order = list(range(len(options)))
    Random(f"{seed} {sample_id}").shuffle(order)
    return [options[i] for i in order], order.index(right)


def list_options(question: str, texts: Sequence[str]) -> str:
    """A query with its options, one per line, each with its letter."""
    return "\n".join([question, *(f"{letter}: {text}" for letter, text in zip(ascii_uppercase, texts, strict=False))])
