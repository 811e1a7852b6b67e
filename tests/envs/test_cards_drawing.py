"""Pictures of cards and numbers."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vispro_gym.envs.cards
from vispro_gym.envs.cards.deck import SUITS, Card, read_cards
from vispro_gym.envs.cards.drawing import SIDE, dealer_and_player, hand_and_formula, number_line

GREEN = np.array([38, 110, 72])


def small(picture: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize((96, 96), Image.Resampling.LANCZOS), np.float64)


def hand(names: str) -> tuple[Card, ...]:
    return tuple(read_cards(names, 1, 22))


def test_all_cards_look_different_also_when_small() -> None:
    for others in ("", " AS AS"):
        pictures = [
            small(hand_and_formula(hand(f"{Card(rank, suit)} AS{others}"), "")) for rank, suit in product(range(1, 14), SUITS)
        ]
        for i, first in enumerate(pictures):
            for second in pictures[:i]:
                assert np.abs(first - second).max() > 60


def test_all_numbers_look_different_also_when_small() -> None:
    pictures = [small(number_line(current, target, 9)) for current, target in product(range(10), repeat=2)]
    for i, first in enumerate(pictures):
        for second in pictures[:i]:
            assert np.abs(first - second).max() > 60


def test_type_is_large() -> None:
    picture = number_line(3, 1, 5)
    blue = (picture[:200] == [32, 92, 190]).all(axis=2)
    assert np.ptp(np.flatnonzero(blue.any(axis=1))) >= 60
    for cards, least in (("3H 3D", 60), ("3H 3D 3H 3D", 36)):
        picture = hand_and_formula(hand(cards), "")
        width = SIDE // len(cards.split())
        rows = np.flatnonzero((picture[:, :width] == [200, 24, 32]).all(axis=2).any(axis=1))
        longest = max(len(run) for run in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1))
        assert longest >= least - 1


@pytest.mark.parametrize(("cards", "most"), [("10H 2S", 6), ("KH QS 10D AC", 21)])
def test_formulas_stay_in_the_picture(cards: str, most: int) -> None:
    blank = hand_and_formula(hand(cards), "")
    seen = {blank.tobytes()}
    for count in range(1, most + 1):
        tokens = (["10", "*", "10", "+", "("] * 5)[:count]
        picture = hand_and_formula(hand(cards), " ".join(tokens))
        assert picture.shape == (SIDE, SIDE, 3) and picture.dtype == np.uint8
        assert (picture[-4:] == GREEN).all() and (picture[:, -4:] == GREEN).all(), "there is a margin"
        seen.add(picture.tobytes())
    assert len(seen) == most + 1, "every token is seen"


def test_hands_of_any_size_stay_on_the_table() -> None:
    seen = set()
    for count in range(2, 23):
        picture = dealer_and_player(hand("KH 7S"), hand(" ".join(["AC"] * count)))
        assert (picture[-2:] == GREEN).all() and (picture[:, -4:] == GREEN).all()
        seen.add(picture.tobytes())
    for count in range(2, 13):
        picture = dealer_and_player(hand(" ".join(["AC"] * count)), hand("KH 7S"))
        assert (picture[:, -4:] == GREEN).all()
        seen.add(picture.tobytes())
    assert len(seen) == 32


def test_a_card_that_lies_face_down_is_no_card() -> None:
    hidden = dealer_and_player((hand("KH")[0], None), hand("2S 3S"))
    assert all(
        (dealer_and_player((hand("KH")[0], Card(rank, suit)), hand("2S 3S")) != hidden).any()
        for rank, suit in product(range(1, 14), SUITS)
    )


@pytest.mark.parametrize("last", [1, 5, 10, 12, 20, 21, 1000, 10**9])
def test_number_lines_of_any_length(last: int) -> None:
    for current, target in ((0, last), (last, 0), (last, last)):
        picture = number_line(current, target, last)
        assert picture.shape == (SIDE, SIDE, 3) and (picture[:, :4] == 255).all() and (picture[:, -4:] == 255).all()
        assert not picture.flags.writeable


def test_the_font_has_its_licence_beside_it() -> None:
    folder = Path(vispro_gym.envs.cards.__file__).parent / "fonts"
    assert {path.name for path in folder.iterdir()} == {"DejaVuSans-Bold.ttf", "LICENSE-DejaVu.txt"}
    text = (folder / "LICENSE-DejaVu.txt").read_text(encoding="utf-8")
    assert "Copyright (c) 2003 by Bitstream" in text and "Permission is hereby granted" in text
