"""Formulas of cards that equal a number: two cards and 12, four cards and 24."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vispro_gym.envs.cards.base import CardsEnv
from vispro_gym.envs.cards.deck import Card, draw_card, draw_suit, name_cards, read_cards
from vispro_gym.envs.cards.drawing import hand_and_formula
from vispro_gym.envs.cards.formula import BLANK, FormulaError, evaluate
from vispro_gym.envs.cards.page import documented
from vispro_gym.envs.cards.solutions import Tokens, completion, is_solvable, solutions, solvable_share

_NUMBERS = tuple(str(number) for number in range(1, 11))
_COUNTS = {2: "two", 4: "four"}


class PointsEnv(CardsEnv):
    """What both games have in common. See `CardsEnv` for the arguments."""

    target: ClassVar[int]
    """What the formula has to equal."""
    operators: ClassVar[str]
    """The operators among the keywords."""
    num_cards: ClassVar[int]
    """Cards of a hand."""
    max_tokens: ClassVar[int]
    """Longest formula to which anything may still be said."""

    reset_options = ("cards",)

    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__(render_mode)
        self._cards: tuple[Card, ...] = ()
        self._formula: list[str] = []

    @property
    def numbers(self) -> tuple[int, ...]:
        """What the cards of the hand count."""
        return tuple(card.value for card in self._cards)

    @property
    def formula(self) -> str:
        """The formula so far: its tokens, with spaces between them. The token of a number that no card had is itself a space."""
        return " ".join(self._formula)

    def _checked_start(self, **options: Any) -> tuple[Card, ...]:
        return tuple(read_cards(options["cards"], self.num_cards, self.num_cards))

    @abstractmethod
    def _draw_hand(self) -> tuple[Card, ...]:
        """A hand from the environment's generator."""

    def _deal(self, start: tuple[Card, ...] | None) -> None:
        drawn = self._draw_hand()
        self._cards = start or drawn
        self._formula = []

    def _play(self, keyword: str) -> tuple[float, bool, bool]:
        if len(self._formula) > self.max_tokens:
            return -1.0, False, True
        if keyword == "=":
            return (10.0 if self._is_right() else -1.0), True, False
        if keyword in _NUMBERS and self._formula.count(keyword) >= self.numbers.count(int(keyword)):
            self._formula.append(BLANK)
            return -1.0, False, False
        self._formula.append(keyword)
        return 0.0, False, False

    def _is_right(self) -> bool:
        if Counter(token for token in self._formula if token in _NUMBERS) != Counter(map(str, self.numbers)):
            return False
        try:
            return evaluate(self._formula) == self.target
        except FormulaError:
            return False

    def _solution(self) -> Tokens | None:
        """A formula that is right, begins with this one and fits in: the shortest of `solutions`, else the shortest of all.

        None if there is none.
        """
        begun = tuple(token for token in self._formula if token != BLANK)
        room = self.max_tokens - len(self._formula) + len(begun)
        numbers = tuple(sorted(self.numbers))
        for tokens in solutions(numbers, self.operators, self.target):
            if len(tokens) <= room and tokens[: len(begun)] == begun:
                return tokens
        # Parentheses that could be left out come only from those that are open already.
        return completion(begun, numbers, self.operators, self.target, room) if "(" in begun else None

    def _expert(self) -> str:
        solution = self._solution()
        begun = len(self._formula) - self._formula.count(BLANK)
        return "=" if solution is None or len(solution) == begun else solution[begun]

    def _reasoning(self, keyword: str, short: bool) -> str:
        solution = self._solution()
        if solution is None:
            reason = f"No formula that begins so, and fits in, can equal {self.target}, so it is ended with =."
            return "no solution" if short else reason
        equation = f"{' '.join(solution)} = {self.target}"
        if short:
            return equation
        if keyword == "=":
            return f"The formula uses all cards and {equation}, so it is complete and ended with =."
        return f"The cards can make {equation}, so the formula goes on with {keyword}."

    def _picture(self) -> NDArray[np.uint8]:
        return hand_and_formula(self._cards, self.formula)

    def _facts(self) -> dict[str, Any]:
        return {"cards": name_cards(self._cards), "numbers": np.array(self.numbers, np.int64), "formula": self.formula}

    def _description(self) -> str:
        return f"Cards: {name_cards(self._cards)}\nFormula: {self.formula}\n"

    def _task(self) -> str:
        return (
            f"The picture shows {_COUNTS[self.num_cards]} cards. Build a formula that equals {self.target} and uses the number "
            "of each card exactly once; an ace counts 1, and J, Q and K count 10. The keyword that you choose is appended to the "
            f'formula; "=" ends it.\nThe formula so far: {self.formula or "(empty)"}'
        )

    def _short_task(self) -> str:
        return f"Formula: {self.formula}" if self._formula else "Formula:"

    def _reply_form(self) -> dict[str, str]:
        return {"cards": f"[{', '.join(['<number>'] * self.num_cards)}]", "current formula": '"<formula so far>"'}

    def _reading(self) -> dict[str, Any]:
        return {"cards": list(self.numbers), "current formula": self.formula}


@documented
class EZPointsEnv(PointsEnv):
    """A formula of two cards that equals 12, built token by token.

    ## Description
    Two cards are on the table. Every hand has a solution, a sum or a product, so that the optimal policy earns 10.0 in every
    episode. `expert_action` goes on with a formula that equals 12, the shortest one first; where the formula cannot become one
    any more, for lack of room as well, it is "=".

    ## Action Space
    `Discrete(13)`, the keywords "1", "2", ..., "10", "+", "*" and "=". The number of a card that is not used yet, or an operator,
    is appended to the formula; a number that no unused card has appends a blank; "=" ends the formula.

    ## Observation Space
    The two cards, and the formula below them. Blanks leave gaps, which are not seen at the end of the formula.

    ## Starting State
    The first card is drawn uniformly from the ranks 2 to K. With n for what it counts, the second card counts 12 - n; where n is
    2, 3, 4 or 6, it counts 12 / n instead with probability 1/2. Then the two change places with probability 1/2. Suits are drawn
    uniformly. `reset(options={"cards": "10H 2S"})` chooses the cards, which may be unsolvable.

    ## Rewards
    10.0 for "=" where the formula uses both cards and equals 12, else -1.0 for "="; -1.0 for a number that no unused card has;
    -1.0 for the action that is cut off; else 0.0. Aces count 1; J, Q and K count 10. Blanks in the formula are ignored.

    ## Episode End
    Terminated by "=". Truncated by any action where the formula has more than 5 tokens, blanks among them.

    ## Information
    - `cards`: the cards as text, such as "10H 2S". `numbers`: what they count, an int64 array.
    - `formula`: the tokens of the formula with spaces between them, as text.

    ## Arguments

    ## Differences from gym-cards
    - Formulas are read by a grammar, not by Python: numbers and operators take turns. "1" and "2" next to each other are no 12,
      "*" and "*" no power, a sign before a number is none.
    - gym-cards' argument `target_points` is not offered.
    - All that is random comes from the environment's own generator, so that `reset(seed=)` decides it; gym-cards draws from
      Python's module `random`.
    - Cards are named by rank and suit, "10H", where gym-cards says "HT".
    """

    keywords = (*_NUMBERS, "+", "*", "=")
    target, operators, num_cards, max_tokens = 12, "+*", 2, 5

    def optimal_value(self) -> float:
        """The expected return of an optimal policy: 10.0, which it earns in every episode."""
        return 10.0

    def _draw_hand(self) -> tuple[Card, ...]:
        first = Card(int(self.np_random.integers(2, 14)), draw_suit(self.np_random))
        is_product = self.np_random.random() < 0.5
        number = 12 // first.value if is_product and first.value in (2, 3, 4, 6) else 12 - first.value
        second = Card(number, draw_suit(self.np_random))
        return (second, first) if self.np_random.random() < 0.5 else (first, second)


@documented
class Points24Env(PointsEnv):
    """A formula of four cards that equals 24, built token by token.

    ## Description
    The game of 24. Not every hand has a solution, and some have one only with fractions: 8 / (3 - 8 / 3). The optimal policy
    earns 10.0 where there is one and -1.0 where there is none; `optimal_value()` is the mean over all hands. `expert_action` is
    optimal in every state: it goes on with a formula that equals 24, the shortest one first, without parentheses that could be
    left out where the formula can still become such a one. Where it cannot equal 24 any more, for lack of room as well, it is
    "=".

    ## Action Space
    `Discrete(17)`, the keywords "1", "2", ..., "10", "+", "-", "*", "/", "(", ")" and "=". The number of a card that is not used
    yet, an operator or a parenthesis is appended to the formula; a number that no unused card has appends a blank; "=" ends the
    formula.

    ## Observation Space
    The four cards, and the formula below them. Blanks leave gaps, which are not seen at the end of the formula.

    ## Starting State
    Four cards, each drawn uniformly from the 52. With `solvable` they are drawn again until there is a solution.
    `reset(options={"cards": "3H 3S 8D 8C"})` chooses the cards, which may be unsolvable.

    ## Rewards
    10.0 for "=" where the formula uses all cards and equals 24, else -1.0 for "="; -1.0 for a number that no unused card has;
    -1.0 for the action that is cut off; else 0.0. Aces count 1; J, Q and K count 10. Blanks in the formula are ignored.

    ## Episode End
    Terminated by "=". Truncated by any action where the formula has more than 20 tokens, blanks among them.

    ## Information
    - `cards`: the cards as text, such as "3H JS 8D AC". `numbers`: what they count, an int64 array.
    - `formula`: the tokens of the formula with spaces between them, as text.

    ## Arguments
    - `solvable`: whether only hands are dealt that have a solution.

    ## Differences from gym-cards
    - Formulas are read by a grammar, not by Python: numbers and binary operators take turns, parentheses group. "2" and "4" next
      to each other are no 24, "*" and "*" no power, "/" and "/" no division without remainder, a sign before a number is none,
      and a number before a parenthesis calls nothing.
    - Values are fractions, compared exactly, where gym-cards computes in floating point: 8 / (3 - 8 / 3) is 24 here.
    - `solvable` is new; without it hands are drawn as in gym-cards, whose arguments `treat_face_cards_as_10` and `target_points`
      are not offered.
    - All that is random comes from the environment's own generator, so that `reset(seed=)` decides it; gym-cards draws from
      Python's module `random`.
    - Cards are named by rank and suit, "10H", where gym-cards says "HT".
    """

    keywords = (*_NUMBERS, "+", "-", "*", "/", "(", ")", "=")
    target, operators, num_cards, max_tokens = 24, "+-*/", 4, 20

    def __init__(self, solvable: bool = False, render_mode: str | None = None) -> None:
        if not isinstance(solvable, bool):
            raise TypeError(f"solvable={solvable!r} is no option. Expected True or False.")
        super().__init__(render_mode)
        self.solvable = solvable

    def optimal_value(self) -> float:
        """The expected return of an optimal policy, from the share of hands that have a solution."""
        share = 1 if self.solvable else solvable_share(self.num_cards, self.operators, self.target)
        return float(11 * share - 1)

    def _draw_hand(self) -> tuple[Card, ...]:
        while True:
            hand = tuple(draw_card(self.np_random) for _ in range(self.num_cards))
            if not self.solvable or is_solvable(tuple(card.value for card in hand), self.operators, self.target):
                return hand
