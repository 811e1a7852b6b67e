"""The rules of each game of cards, case by case."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from vispro_gym.envs.cards import BlackjackEnv, EZPointsEnv, NumberLineEnv, Points24Env
from vispro_gym.envs.cards.formula import FormulaError, evaluate
from vispro_gym.envs.cards.points import PointsEnv
from vispro_gym.envs.cards.solutions import completion, is_solvable, solutions


def said(env: Any, *keywords: str) -> list[tuple[float, bool, bool]]:
    """Reward, terminated and truncated of each."""
    return [env.step(env.keywords.index(keyword))[1:4] for keyword in keywords]


GOES_ON, WRONG, RIGHT, CUT_OFF = (0.0, False, False), (-1.0, True, False), (10.0, True, False), (-1.0, False, True)
BLANK = (-1.0, False, False)


# --- number lines ---


def line(current: int, target: int, max_position: int = 5) -> NumberLineEnv:
    env = NumberLineEnv(max_position)
    env.reset(options={"current": current, "target": target})
    return env


def test_number_line_rewards() -> None:
    env = line(1, 3)
    assert said(env, "-", "-", "+", "+", "+") == [BLANK, BLANK, GOES_ON, GOES_ON, (1.0, True, False)]
    env = line(5, 4)
    assert said(env, "+") == [BLANK], "at the edge nothing moves, which is not closer"
    assert said(env, "-") == [(1.0, True, False)]


def test_number_line_information() -> None:
    env = line(3, 1)
    *_, info = env.step(0)
    assert info == {"current": 2, "target": 1, "is_success": False}
    *_, info = env.step(0)
    assert info == {"current": 1, "target": 1, "is_success": True}
    assert env.describe() == "Current: 1\nTarget: 1\n"


@pytest.mark.parametrize("max_position", [1, 2, 5, 9])
def test_number_line_is_cut_off_after_twice_the_positions(max_position: int) -> None:
    env = line(0, max_position, max_position)
    moves = said(env, *["-"] * (2 * max_position))
    assert moves == [BLANK] * (2 * max_position - 1) + [CUT_OFF]


def test_the_target_in_the_last_step_ends_the_episode_by_itself() -> None:
    env = line(0, 5)
    assert said(env, *"-----", *"+++++")[-1] == (1.0, True, False)
    env = line(0, 4)
    assert said(env, *"------", *"++++")[-1] == (1.0, True, False)
    env = line(0, 4)
    assert said(env, *"-------", *"+++")[-1] == (0.0, False, True)


def test_success_on_a_number_line_needs_a_positive_return() -> None:
    env = line(1, 2)
    said(env, "-", "+")
    *_, info = env.step(1)
    assert env.has_ended and info["is_success"] is False, "the return is -1 + 0 + 1"


def test_all_pairs_of_a_number_line_are_equally_likely() -> None:
    env = NumberLineEnv(3)
    env.reset(seed=0)
    counts = Counter((info["current"], info["target"]) for _ in range(2400) for info in [env.reset()[1]])
    assert len(counts) == 12 and all(a != b for a, b in counts)
    assert sum((count - 200) ** 2 / 200 for count in counts.values()) < 31.3, "chi-squared, 11 degrees of freedom, 0.1 %"


@pytest.mark.parametrize("value", [0, -1, 1.5, "5", True, None, 10**10])
def test_lines_of_no_length(value: Any) -> None:
    with pytest.raises(ValueError, match="is no position. Expected an integer from 1 to"):
        NumberLineEnv(value)


def test_long_number_lines() -> None:
    env: Any = gym.make("Cards-NumberLine-v0", max_position=1_000_000_000).unwrapped
    _, info = env.reset(seed=0)
    assert 5 < max(info["current"], info["target"]) <= 1_000_000_000
    assert type(info["current"]) is int and env.step(env.expert_action())[1] in (0.0, 1.0)


# --- points ---


def hand(cards: str) -> PointsEnv:
    env: PointsEnv = EZPointsEnv() if len(cards.split()) == 2 else Points24Env()
    env.reset(options={"cards": cards})
    return env


RIGHT_FORMULAS = [
    ("10H 2S", "10 + 2"),
    ("10H 2S", "2 + 10"),
    ("KH 2S", "10 + 2"),
    ("6H 2S", "6 * 2"),
    ("6H 6S", "6 + 6"),
    ("3H 3S 8D 8C", "8 / ( 3 - 8 / 3 )"),
    ("4H 6S AD AC", "4 * 6 * 1 * 1"),
    ("4H 6S AD AC", "( 4 ) * ( ( 6 ) ) * 1 / 1"),
    ("QH JS 2D 2C", "10 + 10 + 2 + 2"),
    ("5H 5S 5D AC", "5 * ( 5 - 1 / 5 )"),
]


@pytest.mark.parametrize(("cards", "formula"), RIGHT_FORMULAS)
def test_right_formulas(cards: str, formula: str) -> None:
    env = hand(cards)
    assert said(env, *formula.split(), "=") == [GOES_ON] * len(formula.split()) + [RIGHT]
    assert env._info()["is_success"] and env._info()["formula"] == formula


WRONG_FORMULAS = [
    ("10H 2S", ""),
    ("10H 2S", "10"),
    ("10H 2S", "10 + "),
    ("10H 2S", "10 * 2"),
    ("10H 2S", "+ 10 2"),
    ("10H 2S", "10 + + 2"),
    ("AH 2S", "1 2"),
    ("6H 6S", "6 + 6 +"),
    ("4H 6S AD AC", "4 * 6"),
    ("4H 6S AD AC", "4 * 6 * 1"),
    ("2H 4S AD AC", "2 4 * 1 * 1"),
    ("2H 4S AD AC", "2 4 + 1 - 1"),
    ("4H 2S 8D AC", "4 * * 2 + 8 * 1"),
    ("9H 4S KD 4C", "9 / / 4 * 10 + 4"),
    ("8H 3S 8D 8C", "- 8 + 8 + 8 * 3"),
    ("8H 3S 8D 8C", "8 - - 8 + 8 * 3"),
    ("4H 6S AD AC", "4 * 6 * ( 1 / ( 1"),
    ("4H 6S AD AC", "4 * 6 * 1 * 1 )"),
    ("4H 6S AD AC", "( ) 4 * 6 * 1 * 1"),
    ("4H 6S AD AC", "4 ( 6 ) * 1 * 1"),
    ("4H 6S AD AC", "( 4 * 6 * 1 ) ( 1 )"),
    ("8H 8S 3D 3C", "8 * 3 / ( 8 - 8 )"),
    ("8H 8S 3D AC", "8 * 3 + 1 / ( 8 - 8 )"),
]


@pytest.mark.parametrize(("cards", "formula"), WRONG_FORMULAS)
def test_wrong_formulas(cards: str, formula: str) -> None:
    env = hand(cards)
    assert said(env, *formula.split(), "=")[-1] == WRONG
    assert not env._info()["is_success"]


def test_a_number_that_no_unused_card_has_leaves_a_blank() -> None:
    env = hand("10H 2S")
    assert said(env, "10", "10", "3", "+") == [GOES_ON, BLANK, BLANK, GOES_ON]
    assert env.formula == "10     +" and env._info()["formula"] == env.formula
    assert said(env, "2") == [GOES_ON]
    assert said(env, "=") == [RIGHT], "five tokens are not too many, and blanks do not matter"
    assert env._info()["is_success"], "10 - 2 is positive"


def test_success_in_points_counts_blanks() -> None:
    env = hand("4H 6S AD AC")
    said(env, *["9"] * 10, *"4*6*1*1")
    assert said(env, "=") == [RIGHT] and not env._info()["is_success"], "the return is 10 - 10"


@pytest.mark.parametrize(("cards", "most"), [("10H 2S", 5), ("4H 6S AD AC", 20)])
def test_long_formulas_are_cut_off(cards: str, most: int) -> None:
    for keyword in ("+", "9"):
        env = hand(cards)
        assert {reward[1:] for reward in said(env, *[keyword] * (most + 1))} == {(False, False)}
        assert said(env, "=") == [CUT_OFF]
    env = hand(cards)
    said(env, *["+"] * most)
    assert said(env, "=") == [WRONG], "the last moment at which it is read"


def test_information_of_points() -> None:
    env = hand("JH AS 10D 8C")
    info = env._info()
    assert info["cards"] == "JH AS 10D 8C" and info["formula"] == "" and info["is_success"] is False
    assert info["numbers"].tolist() == [10, 1, 10, 8] and info["numbers"].dtype == np.int64
    assert env.describe() == "Cards: JH AS 10D 8C\nFormula: \n"


def test_hands_of_two() -> None:
    expected: Counter[tuple[str, str]] = Counter()
    for face in ("2", "3", "4", "5", "6", "7", "8", "9", "10", "J", "Q", "K"):
        number = int(face) if face.isdigit() else 10
        others = [12 - number, 12 // number] if number in (2, 3, 4, 6) else [12 - number]
        for other in others:
            for pair in ((face, str(other)), (str(other), face)):
                expected[pair] += 4000 / 12 / len(others) / 2  # type: ignore[assignment]
    env: Any = EZPointsEnv()
    env._picture = lambda: None
    env.reset(seed=0)
    counts: Counter[tuple[str, ...]] = Counter()
    for _ in range(4000):
        _, info = env.reset()
        numbers = info["numbers"].tolist()
        assert sum(numbers) == 12 or numbers[0] * numbers[1] == 12
        counts[tuple(name[:-1] for name in info["cards"].split())] += 1
    assert counts.keys() == expected.keys() and len(expected) == 19
    assert sum((counts[pair] - count) ** 2 / count for pair, count in expected.items()) < 42.3, (
        "chi-squared, 18 degrees of freedom, 0.1 %"
    )


def test_hands_of_four() -> None:
    env = Points24Env()
    env.reset(seed=0)
    names = Counter(name for _ in range(1500) for name in env.reset()[1]["cards"].split())
    assert len(names) == 52
    expected = 6000 / 52
    assert sum((count - expected) ** 2 / expected for count in names.values()) < 87, "chi-squared, 51 degrees of freedom, 0.1 %"
    solvable = Points24Env(solvable=True)
    solvable.reset(seed=0)
    hands = [tuple(env.reset()[1]["numbers"].tolist()) for env in (solvable, env) for _ in range(150)]
    assert all(is_solvable(numbers, "+-*/", 24) for numbers in hands[:150])
    assert not all(is_solvable(numbers, "+-*/", 24) for numbers in hands[150:])
    with pytest.raises(TypeError, match="solvable=1 is no option"):
        Points24Env(solvable=1)  # type: ignore[arg-type]


def test_the_expert_goes_on_with_what_was_begun() -> None:
    env = hand("6H 2S")
    assert env.keywords[env.expert_action()] == "2", "the first in the order of tokens"
    said(env, "6")
    assert env.keywords[env.expert_action()] == "*"
    said(env, "+")
    assert env.keywords[env.expert_action()] == "=", "nothing can be saved"
    env = hand("6H 6S")
    said(env, "6", "9", "7")
    assert env.keywords[env.expert_action()] == "+", "there is just room enough"
    assert said(env, "+", "6", "=")[-1] == RIGHT
    env = hand("6H 6S")
    said(env, "6", "9", "7", "8")
    assert env.keywords[env.expert_action()] == "=", "there is none"
    assert "No formula that begins so, and fits in, can equal 12, so" in env.expert_reply() and "no solution" in env.expert_reply(
        short=True
    )
    env = hand("AH AS AD AC")
    assert env.keywords[env.expert_action()] == "="
    env = hand("3H 3S 8D 8C")
    said(env, *"8/(")
    assert env.keywords[env.expert_action()] == "3"


@pytest.mark.parametrize(
    ("cards", "begun", "end"),
    [
        ("4H 6S AD AC", "( 4 * 6", ") + 1 - 1"),
        ("4H 6S AD AC", "( 4", "+ 1 - 1 ) * 6"),
        ("4H 6S AD AC", "( ( 4 * 6 * 1 * 1", ") )"),
        ("4H 6S AD AC", "( 4 ) * 6 * 1 * 1", ""),
        ("3H 3S 8D 8C", "8 / ( ( 3 ) - (", "8 ) / 3 )"),
        ("3H 3S 8D 8C", "8 / ( 3 - 3", None),
        ("8H 3S 8D 8C", "( 3 / ( 8 - 8 )", None),
        ("4H 6S AD AC", "( ) 4", None),
        ("4H 6S AD AC", "( 4 ) )", None),
        ("4H 6S AD AC", "( 4 + )", None),
        ("AH AS AD AC", "(", None),
    ],
)
def test_parentheses_that_could_be_left_out_lose_nothing(cards: str, begun: str, end: str | None) -> None:
    env = hand(cards)
    assert said(env, *begun.split()) == [GOES_ON] * len(begun.split())
    assert follow(env) == [*(end or "").split(), "="]
    assert said(env, *follow(env))[-1] == (WRONG if end is None else RIGHT)


def follow(env: PointsEnv) -> list[str]:
    """The keywords by which the expert comes to the end, where the environment is left as it is."""
    twin = copy.deepcopy(env)
    keywords = []
    while not twin.has_ended:
        keywords.append(twin.keywords[twin.expert_action()])
        said(twin, keywords[-1])
    return keywords


def test_blanks_take_the_room_of_parentheses() -> None:
    for blanks, last in [(9, RIGHT), (10, WRONG)]:
        env = hand("4H 6S AD AC")
        said(env, *["9"] * blanks, *"((4*6")
        assert said(env, *follow(env))[-1] == last
    numbers, begun = (1, 1, 4, 6), ("(", "(", "4", "*", "6")
    assert completion(begun, numbers, "+-*/", 24, 11) == (*begun, *"))+1-1")
    assert completion(begun, numbers, "+-*/", 24, 10) is None


def can_be_completed(tokens: list[str], left: list[str], room: int) -> bool:
    """Tries all tokens; parentheses are opened only where two numbers are left that they could enclose."""
    if not left:
        for closing in range(room + 1):
            try:
                return evaluate([*tokens, *[")"] * closing]) == 24
            except FormulaError:
                continue
        return False
    if room <= 0:
        return False
    if not tokens or tokens[-1] in "+-*/(":
        following = [*left, *(["("] if len(left) == 2 and "(" not in tokens[-1:] else [])]
    else:
        following = [*"+-*/", *([")"] if tokens.count("(") > tokens.count(")") else [])]
    for token in following:
        rest = [number for i, number in enumerate(left) if i != left.index(token)] if token in left else left
        if can_be_completed([*tokens, token], rest, room - 1):
            return True
    return False


@pytest.mark.parametrize("seed", range(8))
def test_the_expert_of_24_is_optimal_in_every_state(seed: int) -> None:
    env = Points24Env(solvable=True)
    env._picture = lambda: np.zeros(1, np.uint8)  # type: ignore[method-assign]  # nobody looks
    env.reset(seed=seed)
    rng = np.random.default_rng(seed)
    found: Counter[bool] = Counter()
    for _ in range(25):
        env.reset()
        formulas = solutions(tuple(sorted(env.numbers)), "+-*/", 24)
        formula = formulas[int(rng.integers(len(formulas)))]
        left, most = [str(number) for number in env.numbers], int(rng.integers(3))
        tokens: list[str] = []
        for token in formula:
            blank = next(str(number) for number in range(1, 11) if str(number) not in left)
            blanks = [blank] * int(rng.integers(4)) if rng.random() < 0.15 else []
            opened = ["("] * int(rng.integers(3)) if token.isdigit() and rng.random() < 0.5 else []
            changed = "+-*/"[int(rng.integers(4))] if token in "+-*/" and rng.random() < 0.15 else token
            closed = [")"] if token.isdigit() and opened and rng.random() < 0.5 else []
            said(env, *blanks, *opened, changed, *closed)
            tokens += [*opened, changed, *closed]
            if token.isdigit():
                left.remove(token)
            if len(left) <= most:
                break
        if env.has_ended:
            continue
        expected = can_be_completed(tokens, left, 20 - len(env._formula))
        moves = said(env, *follow(env))
        assert sum(reward for reward, *_ in moves) == (10.0 if expected else -1.0), (env.numbers, tokens, left)
        found[expected] += 1
    assert min(found[True], found[False]) > 1


# --- blackjack ---


def game(player: str, dealer: str, seed: int = 0) -> BlackjackEnv:
    env = BlackjackEnv()
    env.reset(seed=seed, options={"player": player, "dealer": dealer})
    return env


@pytest.mark.parametrize(
    ("player", "dealer", "reward"),
    [
        ("10H 9S", "10C 8D", 1.0),
        ("10H 9S", "10C 9D", 0.0),
        ("10H 8S", "10C 9D", -1.0),
        ("2H 3S", "10C 7D", -1.0),
        ("AH KS", "10C AD", 0.0),
        ("AH KS", "7C AD", 1.0),
        ("AH 5S", "AC 6D", -1.0),
        ("AH 6S", "AC 6D", 0.0),
        ("AH 10S 10D", "KC QD", 1.0),
        ("7H 7S 7D", "AC JD", 0.0),
    ],
)
def test_totals_decide(player: str, dealer: str, reward: float) -> None:
    env = game(player, dealer)
    assert said(env, "stand") == [(reward, True, False)]
    assert env._info()["dealer"] == dealer, "17 or more, a soft one too, is enough for the dealer"
    assert env._info()["is_success"] == (reward > 0)


def test_the_dealer_draws_up_to_17_and_may_exceed_21() -> None:
    rewards = Counter()
    for seed in range(80):
        env = game("10H 8S", "2C 3D", seed)
        (((reward, *_),)) = said(env, "stand")
        cards = env._info()["dealer"].split()
        total, aces = 0, 0
        for i, card in enumerate(cards):
            if i > 1:
                assert (total + 10 if aces and total + 10 <= 21 else total) < 17, cards
            aces += card[0] == "A"
            total += {"A": 1, "J": 10, "Q": 10, "K": 10}.get(card[:-1]) or int(card[:-1])
        total = total + 10 if aces and total + 10 <= 21 else total
        assert total >= 17
        assert reward == (1.0 if total > 21 or total < 18 else 0.0 if total == 18 else -1.0)
        rewards[reward] += 1
    assert set(rewards) == {-1.0, 0.0, 1.0}


def test_hitting_takes_cards_until_21_is_exceeded() -> None:
    for seed in range(20):
        env = game("2H 2S", "10C 10D", seed)
        count = 2
        while not env.has_ended:
            ((reward, terminated, truncated),) = said(env, "hit")
            info = env._info()
            count += 1
            assert len(info["player"].split()) == count and not truncated
            assert terminated == (info["player_total"] > 21) and reward == (-1.0 if terminated else 0.0)
            assert info["dealer"] == ("10C 10D" if terminated else "10C")


def test_an_ace_counts_11_as_long_as_it_can() -> None:
    assert game("AH AS", "2C 2D")._info()["player_total"] == 12
    assert game("AH 9S", "2C 2D")._info()["player_total"] == 20
    assert game("AH 9S 5C", "2C 2D")._info()["player_total"] == 15
    assert game(" ".join(["AH"] * 21), "2C 2D")._info()["player_total"] == 21
    assert "soft 20" in game("AH 9S", "2C 2D").describe() and "Dealer: 2C ?" in game("AH 9S", "2C 2D").describe()


def test_the_longest_game_of_blackjack() -> None:
    env = game("AH AS", "2C 2D")
    for _ in range(19):
        env._player.append(env._player[0])
    assert env._info()["player_total"] == 21 and not env.has_ended
    assert said(env, "hit") == [(-1.0, True, False)], "the twentieth step"
    assert env.render_mode is None and env._picture().shape == (300, 300, 3)


def test_all_ranks_are_dealt_in_blackjack() -> None:
    env = BlackjackEnv()
    env.reset(seed=0)
    names = Counter(name[:-1] for _ in range(1500) for name in env.reset()[1]["player"].split())
    assert len(names) == 13 and sum((count - 3000 / 13) ** 2 / (3000 / 13) for count in names.values()) < 32.9


def test_the_hidden_card_is_not_seen() -> None:
    first, second = game("10H 9S", "10C 8D"), game("10H 9S", "10C 2S")
    assert (first._picture() == second._picture()).all() and first._facts() == second._facts()
    assert first.describe() == second.describe() and first.expert_reply() == second.expert_reply()
    said(first, "stand")
    assert not (first._picture() == second._picture()).all() and "8D" in first.describe()
