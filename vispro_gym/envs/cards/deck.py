"""Playing cards: their names, what they count, and how they are drawn from a deck that never runs out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

RANKS = ("A", "2", "3", "4", "5", "6", "7", "8", "9", "10", "J", "Q", "K")
"""Names of the ranks 1 to 13."""

SUITS = ("H", "S", "D", "C")
"""Hearts, spades, diamonds, clubs."""


class Card(NamedTuple):
    """A playing card.

    Attributes:
        rank: 1 (ace) to 13 (king).
        suit: One of `SUITS`.
    """

    rank: int
    suit: str

    @property
    def face(self) -> str:
        """The rank as it stands on the card: "A", "2", ..., "10", "J", "Q" or "K"."""
        return RANKS[self.rank - 1]

    @property
    def value(self) -> int:
        """What it counts: an ace 1; a jack, a queen and a king 10."""
        return min(self.rank, 10)

    def __str__(self) -> str:
        return self.face + self.suit


def draw_suit(np_random: np.random.Generator) -> str:
    """A suit, drawn uniformly."""
    return SUITS[int(np_random.integers(len(SUITS)))]


def draw_card(np_random: np.random.Generator) -> Card:
    """A card, drawn uniformly from the 52, with replacement."""
    rank = int(np_random.integers(1, len(RANKS) + 1))
    return Card(rank, draw_suit(np_random))


def name_cards(cards: Iterable[Card]) -> str:
    """Cards as text, such as "10H AS"."""
    return " ".join(map(str, cards))


def read_cards(text: object, at_least: int, at_most: int) -> list[Card]:
    """Reads what `name_cards` writes.

    Args:
        text: The names of the cards.
        at_least: The smallest number of cards that is wanted.
        at_most: The largest one.

    Raises:
        TypeError: If the text is no text.
        ValueError: If it names something else than cards, or too few or too many of them.
    """
    if not isinstance(text, str):
        raise TypeError(f"cards are given as {text!r:.80}. Expected a str such as '10H AS'.")
    cards = []
    for name in text.split():
        if name[:-1] not in RANKS or name[-1] not in SUITS:
            raise ValueError(f"{name!r:.80} is no card. Expected a rank ({', '.join(RANKS)}) and a suit ({', '.join(SUITS)}).")
        cards.append(Card(RANKS.index(name[:-1]) + 1, name[-1]))
    if not at_least <= len(cards) <= at_most:
        wanted = str(at_least) if at_least == at_most else f"{at_least} to {at_most}"
        raise ValueError(f"{text!r:.80} names {len(cards)} cards. Expected {wanted}.")
    return cards
