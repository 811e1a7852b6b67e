"""Blackjack against a dealer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vispro_gym.envs.cards.base import CardsEnv
from vispro_gym.envs.cards.deck import Card, draw_card, name_cards, read_cards
from vispro_gym.envs.cards.drawing import dealer_and_player
from vispro_gym.envs.cards.optimal import DEALER_STANDS, MAX_TOTAL, Total, action_values, optimal_value, total_of
from vispro_gym.envs.cards.page import documented

_Start = tuple[list[Card], list[Card]]


@documented
class BlackjackEnv(CardsEnv):
    """Blackjack against a dealer who draws up to 17.

    ## Description
    The player wants a higher total than the dealer, but not above 21. Chance decides much: even the optimal policy loses a
    little on average, `optimal_value()`. `expert_action` is that policy, by exact dynamic programming over the player's total,
    whether an ace counts 11, and the dealer's open card.

    ## Action Space
    `Discrete(2)`, the keywords "stand" and "hit": to be content, or to take another card.

    ## Observation Space
    The dealer's cards, one of which lies face down until the end, above the player's cards.

    ## Starting State
    Two cards each for dealer and player, all cards drawn uniformly from the 52, with replacement.
    `reset(options={"player": "10H 6S", "dealer": "9C 5D"})` chooses them, the dealer's open card first.

    ## Rewards
    1.0 for a higher total than the dealer's, or if the dealer exceeds 21; 0.0 for the same total; -1.0 for a lower one, or if the
    player exceeds 21. J, Q and K count 10, an ace 11, or 1 where the total would exceed 21. An ace and a ten are worth no
    more than any 21.

    ## Episode End
    Terminated by "stand", after which the dealer takes cards as long as the dealer's total is below 17, and by a total above 21.
    Never truncated.

    ## Information
    - `player`: the player's cards as text, such as "10H 6S". `player_total`: what they count.
    - `dealer`: the dealer's cards, only the open one until the end.

    ## Arguments

    ## Differences from gym-cards
    - gym-cards draws a card's value first and shows every ten as a jack, queen or king; here tens are shown as well. Values have
      the same probabilities.
    - The dealer's cards are shown at the end, in the picture too. The player's cards overlap from nine on, the dealer's from
      five on.
    - gym-cards' `info` tells the dealer's hidden card from the start; here nothing does before the end.
    - The arguments `natural`, `sab` and `is_pixel` are not offered; the rules are those of their defaults.
    """

    keywords = ("stand", "hit")
    reset_options = ("player", "dealer")

    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__(render_mode)
        self._player: list[Card] = []
        self._dealer: list[Card] = []

    def optimal_value(self) -> float:
        """The expected return of an optimal policy."""
        return float(optimal_value())

    @property
    def _total(self) -> Total:
        return total_of(card.value for card in self._player)

    def _checked_start(self, **options: Any) -> _Start:
        player, dealer = read_cards(options["player"], 2, MAX_TOTAL), read_cards(options["dealer"], 2, 2)
        if total_of(card.value for card in player).is_bust:
            raise ValueError(f"the player's cards, {name_cards(player)}, exceed {MAX_TOTAL}. Expected a total up to {MAX_TOTAL}.")
        return player, dealer

    def _deal(self, start: _Start | None) -> None:
        dealer, player = ([draw_card(self.np_random) for _ in range(2)] for _ in range(2))
        self._player, self._dealer = start or (player, dealer)

    def _play(self, keyword: str) -> tuple[float, bool, bool]:
        if keyword == "hit":
            self._player.append(draw_card(self.np_random))
            is_bust = self._total.is_bust
            return (-1.0 if is_bust else 0.0), is_bust, False
        dealer = total_of(card.value for card in self._dealer)
        while dealer.points < DEALER_STANDS:
            self._dealer.append(draw_card(self.np_random))
            dealer = dealer.plus(self._dealer[-1].value)
        lead = MAX_TOTAL if dealer.is_bust else self._total.points - dealer.points
        return float(np.sign(lead)), True, False

    def _picture(self) -> NDArray[np.uint8]:
        return dealer_and_player(self._dealer if self.has_ended else (self._dealer[0], None), self._player)

    def _facts(self) -> dict[str, Any]:
        return {
            "player": name_cards(self._player),
            "player_total": self._total.points,
            "dealer": name_cards(self._dealer if self.has_ended else self._dealer[:1]),
        }

    def _description(self) -> str:
        hidden = "" if self.has_ended else " ?"
        facts = self._facts()
        return f"Dealer: {facts['dealer']}{hidden}\nPlayer: {facts['player']} ({self._total})\n"

    def _task(self) -> str:
        return (
            "The picture shows a game of blackjack: the dealer's cards above, one of them face down, and your cards below. You "
            "win with a higher total than the dealer's. J, Q and K count 10, an ace 11, or 1 where the total would exceed 21. "
            '"hit" takes another card, and a total above 21 loses at once; "stand" takes none, and the dealer draws up to 17.'
        )

    def _short_task(self) -> str:
        return "Blackjack."

    def _reply_form(self) -> dict[str, str]:
        return {}

    def _reading(self) -> dict[str, Any]:
        return {}

    def _expert(self) -> str:
        if self.has_ended:
            return "stand"
        values = action_values(self._total, self._dealer[0].value)
        return "hit" if values.hit > values.stand else "stand"

    def _reasoning(self, keyword: str, short: bool) -> str:
        open_card = self._dealer[0].face
        if short:
            return f"{self._total} against {open_card}"
        *faces, last = (card.face for card in self._player)
        other = "standing" if keyword == "hit" else "hitting"
        return (
            f"My cards {', '.join(faces)} and {last} count {self._total}, and the dealer shows {open_card}. "
            f"To {keyword} is better than {other} here."
        )
