"""How replies of models are read: all the forms that boxes come in, and what is no form at all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

replies = pytest.importorskip("vispro_gym.perception.openai.replies", reason="the library openai is not installed")
MalformedReplyError, read_answer, read_boxes = replies.MalformedReplyError, replies.read_answer, replies.read_boxes

SIZE = (200, 100)
TWO = [(20.0, 30.0, 60.0, 80.0), (120.0, 10.0, 150.0, 40.0)]
WRITTEN = "[100, 300, 300, 800], [600, 100, 750, 400]"


@pytest.mark.parametrize(
    "reply",
    [
        f"[{WRITTEN}]",
        f'{{"boxes": [{WRITTEN}]}}',
        '[{"bbox_2d": [100, 300, 300, 800], "label": "cup"}, {"bbox_2d": [600, 100, 750, 400], "label": "cup"}]',
        '```json\n[\n\t{"bbox_2d": [100, 300, 300, 800], "label": "cup"},\n\t{"bbox": [600, 100, 750, 400]}\n]\n```',
        f"Sure [as asked]! Here they are:\n```\n[{WRITTEN}]\n```\nIs [that] all?",
        f"There are two: [{WRITTEN}]. Anything else?",
        '{"bbox_2d": [100, 300, 300, 800]}\n{"bbox_2d": [600, 100, 750, 400]}',
        '{"objects": [{"box": [100.0, 300.0, 300.0, 800.0]}, {"box": [600, 100, 750, 400]}]}',
        f"<think>Perhaps [[1, 2, 3, 4]]?</think>[{WRITTEN}, {WRITTEN}]",
    ],
)
def test_forms_of_boxes(reply: str) -> None:
    assert read_boxes(reply, SIZE, "thousandths") == TWO


@pytest.mark.parametrize("reply", ["[]", '{"boxes": []}', "```json\n[]\n```", "Nothing matches: []"])
def test_nothing_found(reply: str) -> None:
    assert read_boxes(reply, SIZE, "thousandths") == []


def test_units_and_edges() -> None:
    assert read_boxes("[[100, 20, 210, 90]]", SIZE, "pixels") == [(100, 20, 200, 90)]
    assert read_boxes("[[-30, 0, 1040, 1000]]", SIZE, "thousandths") == [(0, 0, 200, 100)]
    assert read_boxes("[[50, 50, 50, 90], [1001, 0, 1050, 10]]", SIZE, "thousandths") == []


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ("", "no JSON"),
        ("There are no cups.", "no JSON"),
        ("null", "no JSON"),
        ("{}", "no JSON"),
        ('{"error": "no picture"}', "no JSON"),
        ('[{"bbox_2d": [1, 2, 3, 4]}, {"bbo', "broken"),
        ('```json\n[{"bbox_2d": [1, 2, 3, 4]}, {"bbo', "broken"),
        ("[[1, 2, 3]]", "no JSON"),
        ("[[1, 2, 3, 4], null]", "no JSON"),
        ('[["1", 2, 3, 4]]', "no JSON"),
        ("[[1, 2, 3, NaN]]", "no JSON"),
        ("[[1, 2, 3, 1" + "0" * 400 + "]]", "no JSON"),
        ("[" * 100_000, "broken"),
        ('[{"box_2d": [1, 2, 3, 4]}]', "no JSON"),
        ("[] [[1, 2, 3]]", "beside it"),
        ("[[30, 10, 20, 40]]", "is no box"),
        ("[[30, 10, 1834, 40]]", "not in thousandths, of which there are 1000 by 1000"),
    ],
)
def test_what_is_no_form_is_refused(reply: str, problem: str) -> None:
    with pytest.raises(MalformedReplyError, match=problem) as caught:
        read_boxes(reply, SIZE, "thousandths")
    assert len(str(caught.value)) < 300


@given(st.recursive(st.none() | st.floats() | st.integers() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=4)))
def test_boxes_are_inside_or_refused(value: Any) -> None:
    try:
        boxes = read_boxes(json.dumps(value), SIZE, "pixels")
    except MalformedReplyError:
        return
    assert all(0 <= left < right <= 200 and 0 <= top < bottom <= 100 for left, top, right, bottom in boxes)


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("Red.", "Red"),
        (' "Red." ', "Red"),
        ("“two  dogs”", "two dogs"),
        ("yes\n", "yes"),
        ("3.5", "3.5"),
        ("the dogs'", "the dogs'"),
        ("<think>Hm.</think>\n\nred", "red"),
    ],
)
def test_answers_are_bare(reply: str, answer: str) -> None:
    assert read_answer(reply) == answer


@pytest.mark.parametrize("reply", ["", " \n", ".", '""', "<think>Hm.</think>"])
def test_an_empty_answer_is_refused(reply: str) -> None:
    with pytest.raises(MalformedReplyError, match="empty"):
        read_answer(reply)
