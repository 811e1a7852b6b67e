from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_gym.datasets import ImageRef
from vispro_gym.engine import Step
from vispro_gym.rendering.picture import PALETTE, draw_episode, draw_pictures

WHOLE = (0.0, 0.0, 100.0, 80.0)
IMAGE = np.full((80, 100, 3), 255, np.uint8)


def test_found_boxes_are_outlined_in_the_colour_of_their_line() -> None:
    trace = [
        Step(2, "detect", 0, WHOLE, ("cup",), [(20, 40, 40, 60)]),
        Step(3, "answer", 0, (60, 40, 90, 70), ("What?",), "red"),
    ]
    drawn = draw_episode(IMAGE, trace)
    assert drawn.shape == IMAGE.shape and drawn.dtype == np.uint8
    assert tuple(drawn[59, 30]) == PALETTE[0]
    assert tuple(drawn[69, 75]) == PALETTE[1]
    assert tuple(drawn[50, 30]) == (255, 255, 255), "the inside stays visible"
    drawn[:] = 0
    assert (IMAGE == 255).all(), "the input is not changed, nor shared"


def test_nothing_to_show() -> None:
    assert (draw_episode(IMAGE, []) == IMAGE).all()
    assert (draw_episode(IMAGE, [Step(2, "detect", 0, WHOLE, ("cup",), [])]) == IMAGE).all()
    assert (draw_episode(IMAGE, [Step(2, "answer", 0, WHOLE, ("What?",), "red")]) == IMAGE).all(), (
        "the whole picture needs no box"
    )


@pytest.mark.parametrize("text", ["", "x" * 500, "日本語 🙂", "<script>", "a\nb"])
def test_any_label(text: str) -> None:
    draw_episode(IMAGE, [Step(2, "detect", 0, WHOLE, (text,), [(20, 40, 40, 60)])])


@given(st.tuples(*[st.integers(-50, 150)] * 4))
def test_any_box(box: tuple[int, int, int, int]) -> None:
    drawn = draw_episode(IMAGE, [Step(2, "detect", 0, WHOLE, ("cup",), [box])])
    assert drawn.shape == IMAGE.shape


def test_several_pictures_stand_in_a_row() -> None:
    images = [
        ImageRef(str(i), (w, h), partial(np.full, (h, w, 3), 40 * i, dtype=np.uint8))
        for i, (w, h) in enumerate([(30, 20), (10, 40)])
    ]
    drawn = draw_pictures(images, [Step(2, "detect", 1, (0, 0, 10, 40), ("cup",), [(1, 1, 9, 39)])])
    assert drawn.shape == (40, 48, 3)
    assert (drawn[:20, :30] == 0).all() and (drawn[20:, :30] == 255).all() and (drawn[:, 30:38] == 255).all()
    assert (drawn[:, 38:] != 40).any(), "the box is in the second picture"
    assert (draw_pictures(images[:1], []) == 0).all()
