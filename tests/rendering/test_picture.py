from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rendering.episodes import HOSTILE, rationale_of, sample
from vispro_gym.rendering.marks import COLORS
from vispro_gym.rendering.picture import SIZE as SIDE
from vispro_gym.rendering.picture import draw_frame
from vispro_gym.rendering.rationale import Rationale
from vispro_gym.trace import Assignment, Step, Trace, Value

PICTURE = np.full((80, 100, 3), 90, np.uint8)


def colors(frame: np.ndarray) -> set[tuple[int, ...]]:
    return set(map(tuple, frame.reshape(-1, 3).tolist()))


def test_a_frame_shows_the_boxes_of_variables_in_their_colours() -> None:
    frame = draw_frame(rationale_of(), [PICTURE])
    assert frame.shape == (SIDE, SIDE, 3) and frame.dtype == np.uint8
    assert {COLORS[0], COLORS[1]} >= colors(frame) & set(COLORS) >= {COLORS[0]}
    frame[:] = 0
    assert (PICTURE == 90).all(), "the picture is not changed"


def test_outlines_are_where_the_boxes_are() -> None:
    rationale = rationale_of("def execute_command(image):\n    x = image.find('cup')\n    return 'red'")
    frame = draw_frame(rationale, [PICTURE])
    _, xs = np.nonzero((frame == COLORS[0]).all(axis=2))
    scale = min(784 / 100, (SIDE - 104 - 96 - 16) / 80)
    left = 8 + (784 - round(100 * scale)) // 2
    assert abs(xs.min() - (left + 10 * scale)) <= 2 and abs(xs.max() - (left + 70 * scale)) <= 40


def test_every_frame_has_the_same_size() -> None:
    for count, shape in [(1, (1, 1)), (1, (9, 900)), (2, (40, 30)), (6, (80, 100)), (30, (20, 20))]:
        pixels = [np.zeros((*shape, 3), np.uint8)] * count
        assert draw_frame(Rationale.of(sample(), None, with_pictures=False), pixels).shape == (SIDE, SIDE, 3)


def test_several_pictures_share_the_frame() -> None:
    pixels = [np.full((80, 100, 3), value, np.uint8) for value in (10, 200)]
    frame = draw_frame(Rationale.of(sample(pictures=2), None, with_pictures=False), pixels)
    found = [np.nonzero((frame == value).all(axis=2)) for value in (10, 200)]
    assert all(len(rows) > 60_000 for rows, _ in found)


def test_the_outcome_shows() -> None:
    right, wrong = (draw_frame(rationale_of(outcome=o, reward=r), [PICTURE]) for o, r in [("correct", 1.0), ("wrong", 0.0)])
    assert (right[:700] == wrong[:700]).all() and (right[704:] != wrong[704:]).any()
    other = draw_frame(rationale_of(query="Another question?"), [PICTURE])
    assert (other[:100] != right[:100]).any() and (other[104:] == right[104:]).all()


@pytest.mark.parametrize("text", ["", " ", "x" * 5_000, "word " * 400, "日本語 🙂", HOSTILE, "a\nb", "\ud800"])
def test_any_text(text: str) -> None:
    calls = (Step(2, "answer", 0, (1, 2, 30, 40), (text,), text),)
    draw_frame(rationale_of(query=text, answer=text, trace=Trace(calls)), [PICTURE])


@settings(max_examples=30)
@given(st.tuples(*[st.integers(-50, 150)] * 4))
def test_any_box(box: tuple[int, int, int, int]) -> None:
    value = Value("patch", ((0, box),))
    trace = Trace((), (Assignment(1, "x", 1, value, value),))
    draw_frame(replace(Rationale.of(sample(), None, with_pictures=False), trace=trace), [PICTURE])
