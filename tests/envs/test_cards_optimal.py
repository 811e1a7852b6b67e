"""Optimal play of the games of cards, and what it is worth."""

from __future__ import annotations

from functools import cache
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from vispro_gym.envs.cards.optimal import action_values, optimal_value, total_of

PROBABILITY = [0, *[1 / 13] * 9, 4 / 13]


def returns(env: Any, episodes: int, seed: int = 0) -> Any:
    """The returns of `expert_action`."""
    env.reset(seed=seed)
    earned = np.zeros(episodes)
    for i in range(episodes):
        while not env.has_ended:
            earned[i] += env.step(env.expert_action())[1]
        env.reset()
    return earned


@pytest.mark.parametrize(
    ("env_id", "options", "value"),
    [
        ("NumberLine", {}, 1.0),
        ("NumberLine", {"max_position": 9}, 1.0),
        ("EZPoints", {}, 10.0),
        ("Points24", {"solvable": True}, 10.0),
    ],
)
def test_optimal_play_that_never_fails(env_id: str, options: dict[str, Any], value: float) -> None:
    env: Any = gym.make(f"Cards-{env_id}-v0", **options).unwrapped
    assert type(env.optimal_value()) is float and env.optimal_value() == value
    assert set(returns(env, 150)) == {value}


@pytest.mark.parametrize(("env_id", "episodes"), [("Points24", 600), ("Blackjack", 4000)])
def test_optimal_play_of_games_of_chance(env_id: str, episodes: int) -> None:
    env: Any = gym.make(f"Cards-{env_id}-v0").unwrapped
    env._picture = lambda: None  # nobody looks
    earned = returns(env, episodes)
    assert abs(earned.mean() - env.optimal_value()) < 3 * earned.std() / episodes**0.5
    assert set(earned) == ({-1.0, 10.0} if env_id == "Points24" else {-1.0, 0.0, 1.0})


def counted(points: int, has_ace: bool) -> int:
    """The total of cards with aces as 1, one of which may count 11."""
    return points + 10 if has_ace and points + 10 <= 21 else points


@cache
def dealer_ends(first: int) -> dict[int, float]:
    """The distribution of the dealer's total, 0 for one above 21: all hands go on side by side, card by card."""
    hands = {(first, first == 1): 1.0}
    ends: dict[int, float] = {}
    while hands:
        longer: dict[tuple[int, bool], float] = {}
        for (points, has_ace), share in hands.items():
            for card in range(1, 11):
                hand = points + card, has_ace or card == 1
                total = counted(*hand)
                target: dict[Any, float] = longer if total < 17 else ends
                key = hand if total < 17 else total if total <= 21 else 0
                target[key] = target.get(key, 0.0) + share * PROBABILITY[card]
        hands = longer
    return ends


def solve(dealer: int) -> dict[tuple[int, bool], tuple[float, float]]:
    """The values of standing and hitting for all hands, by sweeps over all of them until nothing changes."""
    ends = dealer_ends(dealer)
    states = [(points, has_ace) for points in range(1, 22) for has_ace in (False, True)]
    stand = {
        state: sum(share * ((end < counted(*state)) - (end > counted(*state))) for end, share in ends.items()) for state in states
    }
    best = dict(stand)
    while True:
        hit = {
            (points, has_ace): sum(
                PROBABILITY[card] * best.get((points + card, has_ace or card == 1), -1.0) for card in range(1, 11)
            )
            for points, has_ace in states
        }
        improved = {state: max(stand[state], hit[state]) for state in states}
        if improved == best:
            return {state: (stand[state], hit[state]) for state in states}
        best = improved


def test_dynamic_programming_agrees_with_another_one() -> None:
    expected = 0.0
    for dealer in range(1, 11):
        assert sum(dealer_ends(dealer).values()) == pytest.approx(1)
        values = solve(dealer)
        for (points, has_ace), pair in values.items():
            if points >= 2 and (points > 2 or has_ace):  # two cards or more; a single ace is no hand
                total = total_of([1, points - 1] if has_ace and points <= 11 else [])
                if not has_ace:
                    cards = [2] * (points // 2 - points % 2) + [3] * (points % 2)
                    total = total_of(cards)
                elif points > 11:
                    total = total_of([1, 10, *[1] * (points - 11)])
                assert total.points == counted(points, has_ace)
                assert tuple(map(float, action_values(total, dealer))) == pytest.approx(pair, abs=1e-12)
        for first in range(1, 11):
            for second in range(1, 11):
                start = first + second, 1 in (first, second)
                expected += PROBABILITY[first] * PROBABILITY[second] * PROBABILITY[dealer] * max(values[start])
    assert float(optimal_value()) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("player", "dealer", "wins"),
    [
        ((10, 6), 10, "hit"),
        ((10, 6), 6, "stand"),
        ((10, 2), 2, "hit"),
        ((10, 2), 4, "stand"),
        ((1, 7), 9, "hit"),
        ((1, 7), 8, "stand"),
        ((1, 6), 2, "hit"),
        ((10, 7), 1, "stand"),
        ((5, 6), 6, "hit"),
    ],
)
def test_well_known_decisions(player: tuple[int, ...], dealer: int, wins: str) -> None:
    values = action_values(total_of(player), dealer)
    assert (values.hit > values.stand) == (wins == "hit")
    env: Any = gym.make("Cards-Blackjack-v0").unwrapped
    names = {1: "A", 10: "K"}
    cards = " ".join(f"{names.get(value, value)}S" for value in player)
    env.reset(options={"player": cards, "dealer": f"{names.get(dealer, dealer)}H 2C"})
    assert env.keywords[env.expert_action()] == wins
