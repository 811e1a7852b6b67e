from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.rendering.episodes import HOSTILE, PROGRAM, outcome_of, rationale_of, sample
from vispro_gym.datasets.boxes import Boxes
from vispro_gym.datasets.options import Choice
from vispro_gym.engine import Outcome
from vispro_gym.rendering.rationale import MAX_SIDE, Picture, Rationale, RationaleError
from vispro_gym.rendering.replay import ReplayError, replay
from vispro_gym.trace import Trace

PROGRAMS = {
    "right": PROGRAM,
    "wrong": "def execute_command(image):\n    return 'blue'",
    "patch": "def execute_command(image):\n    return image.find('cup')[0]",
    "patches": "def execute_command(image):\n    return image.find('cup') + [image]",
    "mixed": "def execute_command(image):\n    return ['a', 1, True, 2.5, image]",
    "all calls": "def execute_command(image):\n    p = image.related('on')\n    q = image.best_text_match(['a', 'bc'])\n    return q",
    "no depth": "def execute_command(image):\n    x = [image]\n    return image.compute_depth()",
    "broken": "def execute_command(image):\n    return image.find('cup')[9]",
    "syntax": "def execute_command(image):\n    return (",
    "no program": "Sorry.",
    "hostile": f"def execute_command(image):\n    x = {HOSTILE!r}\n    print(x)\n    return x + image.simple_query(x)",
    "surrogates": "def execute_command(image):\n    x = chr(0xd800)\n    return x",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_stored_rationale_is_the_same(name: str) -> None:
    rationale = rationale_of(PROGRAMS[name])
    text = rationale.to_json()
    assert "\n" not in text and text.isascii()
    again = Rationale.from_json(text)
    assert again == rationale and again.to_json() == text


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_stored_program_goes_the_same_way_again(name: str) -> None:
    rationale = Rationale.from_json(rationale_of(PROGRAMS[name]).to_json())
    assert replay(rationale) == rationale.trace


def test_a_program_that_goes_another_way_is_noticed() -> None:
    rationale = rationale_of()
    program = PROGRAM.replace('"red"', '"blue"')
    calls, assignments = rationale.trace.calls, rationale.trace.assignments
    changed = [
        replace(rationale, program=program),
        replace(rationale, program="def execute_command(image):\n    return 'red'"),
        replace(rationale, trace=Trace(calls[:-1], assignments)),
        replace(rationale, trace=Trace(calls, assignments[:-1])),
        replace(rationale, error={"type": "ValueError", "message": "", "line": 2}),
        replace(rationale, answer="blue"),
        replace(rationale, outcome="step_limit"),
        replace(rationale, output="more"),
        replace(rationale, steps=rationale.steps + 1),
    ]
    for other in changed:
        with pytest.raises(ReplayError):
            replay(other)


def test_what_is_known_of_an_episode() -> None:
    rationale = rationale_of()
    assert (rationale.outcome, rationale.answer, rationale.target, rationale.sample_id) == ("correct", "red", "red", "7")
    assert [step.operation for step in rationale.trace.calls] == ["detect", "verify", "answer", "verify"]
    assert [assignment.name for assignment in rationale.trace.assignments] == ["cups", "names", "cup", "count"]
    hidden = Rationale.of(sample(), outcome_of(PROGRAM), with_pictures=False, with_target=False)
    assert (hidden.target, hidden.target_boxes, hidden.pictures) == (None, (), ())
    assert Rationale.of(sample(), None).outcome is None


@pytest.mark.parametrize(
    ("target", "text", "boxes"),
    [
        ("red", "red", 0), (True, "yes", 0), (False, "no", 0), (3, "3", 0),
        (("red", "blue", "red"), "red (2), blue (1)", 0),
        ((1.0, 2.0, 3.4, 4.0), "patch (1, 2, 3, 4)", 1),
        (Boxes(((1, 2, 3, 4), (5, 6, 7, 8))), "2 boxes", 2), (Boxes(((1, 2, 3, 4),)), "1 box", 1), (Boxes(()), "0 boxes", 0),
        (Choice(1, ("a", "b"), 2), "b", 0), (Choice(1, None, 2), "picture 2", 0),
    ],
)  # fmt: skip
def test_annotations_of_all_tasks(target: Any, text: str, boxes: int) -> None:
    rationale = Rationale.of(sample(target=target), None)
    assert (rationale.target, len(rationale.target_boxes)) == (text, boxes)


def test_answers_of_patches() -> None:
    one = Rationale.of(sample(), Outcome("wrong", 0.0, "7", answer=[(1, 2, 3, 4), "a"]))
    assert (one.answer, one.answer_boxes) == ("[patch (1, 2, 3, 4), 'a']", ((0, (1, 2, 3, 4)),))
    other = Rationale.of(sample(pictures=2), Outcome("wrong", 0.0, "7", answer={"image": 1, "box": (1, 2, 3, 4)}))
    assert (other.answer, other.answer_boxes) == ("patch (1, 2, 3, 4) of picture 2", ((1, (1, 2, 3, 4)),))


def test_pictures_are_kept_small_and_come_back_in_their_size() -> None:
    image = sample().images[0]
    image._size = size = (2_000, 500)
    image._load = lambda: np.full((size[1], size[0], 3), 77, np.uint8)
    picture = Picture.of(image)
    assert (picture.width, picture.height) == size and len(picture.data) < 10_000
    assert picture.pixels().shape == (500, 2_000, 3) and abs(int(picture.pixels()[9, 9, 0]) - 77) <= 2
    assert max(size) > MAX_SIDE


STORED = rationale_of().to_json()
CHANGES = [
    ('"rationale":1', '"rationale":true'), ('"rationale":1', '"rationale":2'), ('"width":100', '"width":"x"'), ('"width":100', '"width":0'),
    ('"error":null,"output"', '"error":{},"output"'), ("[10,20,40,60]", "[10,20,40]"), ("[10,20,40,60]", '[10,20,40,"x"]'),
    ('"reward":1.0', '"reward":"<b>"'), ('"query":"What color is the red cup?"', '"query":null'), ('"operation":"verify"', '"operation":"zap"'),
    ('"count":2', '"count":"x"'), ('"result":true', '"result":7'), ('"target_boxes":[]', '"target_boxes":[[7,[1,2,3,4]]]'),
    ('"image":0', '"image":7'), ('"data":"', '"data":"aGk='), ('"steps":', '"steps":null,"x":'), ('"line":2', '"line":true'),
]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["", "x", "[]", "{}", "null", '{"rationale": 1}', "[" * 5_000, *[STORED.replace(*change, 1) for change in CHANGES]]
)
def test_other_files_are_refused(text: str) -> None:
    assert text != STORED
    with pytest.raises(RationaleError, match="Expected a file that `vispro-gym run --save` wrote"):
        Rationale.from_json(text)


def test_a_trace_needs_a_program() -> None:
    with pytest.raises(RationaleError, match="a trace without a program"):
        Rationale.from_json(replace(rationale_of(), program=None).to_json())


def test_a_rationale_is_plain_json() -> None:
    fields = json.loads(rationale_of().to_json())
    assert fields["trace"]["calls"][0] == {
        "line": 2, "operation": "detect", "image": 0, "box": [0, 0, 100, 80], "arguments": ["cup"],
        "result": [[10, 20, 40, 60], [50, 30, 70, 50]], "error": None,
    }  # fmt: skip
    assert fields["trace"]["assignments"][3] == {
        "line": 7, "name": "count", "count": 1, "first": {"text": "1", "boxes": []}, "last": {"text": "1", "boxes": []},
    }  # fmt: skip
