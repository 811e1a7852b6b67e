"""A backend for each operation, and what is made of others."""

from __future__ import annotations

from typing import Any

import pytest

from tests.perception.seeing import MeanPerception, ask, picture
from vispro_gym.perception.cache import CachedPerception
from vispro_gym.perception.composed import ComposedPerception
from vispro_gym.perception.oracle import OraclePerception
from vispro_gym.perception.protocol import Answer, BackendError, Depth, Detect, PerceptionError, Relate, Verify

IMAGE = picture(1)
WHOLE = (0, 0, *IMAGE.size)


class Scripted(MeanPerception):
    """Says what a table says, by question, name or box."""

    def __init__(self, table: dict[Any, Any]) -> None:
        super().__init__()
        self.table = table
        self.heard: list[Any] = []

    def _look(self, operation: str, request: Any, pictures: Any) -> Any:
        key = {"detect": "text", "answer": "question", "depth": "box"}[operation]
        self.heard.append(getattr(request, key))
        return self.table[getattr(request, key)]


def test_each_operation_goes_to_its_backend() -> None:
    a, b = MeanPerception("a"), MeanPerception("b")
    composed = ComposedPerception(a, answer=b)
    for operation, request in (("detect", Detect(IMAGE, WHOLE, "cup")), ("answer", Answer(IMAGE, WHOLE, "What?"))):
        expected = b if operation == "answer" else a
        assert ask(composed, operation, [request]) == ask(expected, operation, [request])
        assert composed.identity(operation) == expected.identity(operation)
    assert not composed.needs_scenes and ComposedPerception(a, depth=OraclePerception()).needs_scenes
    assert ComposedPerception(a, depth=OraclePerception()).identity("depth") is None


def test_an_operation_that_nobody_serves_is_an_error_in_place() -> None:
    composed = ComposedPerception(detect=MeanPerception())
    (result,) = composed.depth([Depth(IMAGE, WHOLE)])
    assert isinstance(result, PerceptionError)
    assert str(result) == (
        "No backend is named for 'depth' in this composed perception, which serves detect. Add depth=..., or a default as its "
        "first argument."
    )
    assert composed.identity("depth") is None


def test_attributes_are_verified_by_questions() -> None:
    answers = Scripted(
        {"Is the cup red?": "Yes, it is.", "Is the cup blue?": "no", "Is the thing in the picture old?": "yesterday"}
    )
    composed = ComposedPerception(answer=answers)
    requests = [Verify(IMAGE, WHOLE, "cup", "red"), Verify(IMAGE, WHOLE, "cup", "blue"), Verify(IMAGE, WHOLE, "", "old")]
    assert composed.verify(requests) == [True, False, False]
    assert str(composed.identity("verify")).endswith(" verify of ['mean 1 answer']")


LEFT, MIDDLE, RIGHT = (0.0, 4.0, 4.0, 8.0), (8.0, 4.0, 12.0, 8.0), (16.0, 0.0, 20.0, 4.0)


@pytest.mark.parametrize(
    ("relation", "role", "expected"),
    [
        ("to the left of", "subject", [LEFT]),
        ("left of", "object", [RIGHT]),
        ("to the right of", "subject", [RIGHT]),
        ("above", "subject", [RIGHT]),
        ("below", "subject", []),
        ("below", "object", [RIGHT]),
        ("behind", "subject", [LEFT]),
        ("in front of", "subject", [RIGHT]),
        ("behind", "object", [RIGHT]),
    ],
)
def test_relations_by_position_and_depth(relation: str, role: Any, expected: Any) -> None:
    detector = Scripted({"cup": [LEFT, MIDDLE, RIGHT]})
    composed = ComposedPerception(detect=detector, answer=Scripted({}), depth=Scripted({LEFT: 9.0, MIDDLE: 5.0, RIGHT: 1.0}))
    assert composed.relate([Relate(IMAGE, MIDDLE, relation, "cup", role)]) == [expected]


@pytest.mark.parametrize("role", ["subject", "object"])
def test_other_relations_by_questions(role: Any) -> None:
    question = "Is the cup holding the man?" if role == "subject" else "Is the man holding the cup?"
    answers = Scripted({"What is this?": "man", question: "yes"})
    composed = ComposedPerception(detect=Scripted({"cups": [LEFT, MIDDLE]}), answer=answers)
    assert composed.relate([Relate(IMAGE, RIGHT, "holding", "cups", role)]) == [[LEFT, MIDDLE]]
    assert answers.heard == ["What is this?", question, question]


def test_errors_of_the_parts_stay_in_their_place() -> None:
    detector = Scripted({"cup": PerceptionError("too dark"), "book": [LEFT]})
    composed = ComposedPerception(
        detect=detector, answer=Scripted({"What is this?": "x", "Is the book on the x?": PerceptionError("no")})
    )
    requests = [Relate(IMAGE, RIGHT, "on", name, "subject") for name in ("cup", "book")]
    assert ask(composed, "relate", requests) == ["error: too dark", "error: no"]


def test_what_is_no_backend_and_no_operation() -> None:
    with pytest.raises(ValueError, match=r"was given \['smell'\]. Expected some of the operations: detect"):
        ComposedPerception(smell=MeanPerception())
    with pytest.raises(ValueError, match="was given nothing"):
        ComposedPerception()
    with pytest.raises(TypeError, match="was given 'pixels' for 'detect'. Expected a backend"):
        ComposedPerception(detect="pixels")  # type: ignore[arg-type]


def test_a_cache_around_it_keeps_the_parts(tmp_path: Any) -> None:
    answers = Scripted({"Is the cup red?": "yes"})
    cached = CachedPerception(ComposedPerception(answer=answers), folder=tmp_path)
    assert cached.verify([Verify(IMAGE, WHOLE, "cup", "red")]) == [True]
    assert cached.answer([Answer(IMAGE, WHOLE, "Is the cup red?")]) == ["yes"] and answers.heard == ["Is the cup red?"]


def test_a_failure_of_a_part_holds_what_was_served() -> None:
    class Failing(Scripted):
        def _serve(self, operation: str, requests: Any) -> list[Any]:
            raise BackendError("down", ["no", None])

    composed = ComposedPerception(answer=Failing({}), detect=Scripted({"cup": [LEFT]}))
    with pytest.raises(BackendError, match="down") as caught:
        composed.verify([Verify(IMAGE, WHOLE, "cup", "red"), Verify(IMAGE, WHOLE, "cup", "blue")])
    assert caught.value.served == [False, None]
    with pytest.raises(BackendError, match="down") as caught:
        composed.relate([Relate(IMAGE, RIGHT, "on", "cup", "subject")])
    assert caught.value.served == []
