"""Operations that a backend without a model of their own serves through its other operations.

* `verify` by a yes-or-no question.
* `relate` by positions where the relation is one in the picture ("left of", "above"), by depth where it is one of depth
  ("behind") and the backend tells depths, and else by a yes-or-no question on the part that shows both things.

Each is a fixed number of batched calls, whatever the number of requests. A backend that serves an operation so says it in an
attribute `derives`; then a cache around it keeps the parts, which other requests share, rather than the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from vispro_gym.datasets.scene import Box, iou
from vispro_gym.perception.protocol import Answer, BackendError, Depth, Detect, Perception, PerceptionError, Relate, Verify
from vispro_gym.perception.vocabulary import lemma, relation_key

Derivation: TypeAlias = Callable[[Perception, Sequence[Any]], list[Any]]
"""Serves requests of one operation through the other operations of a backend."""

_SAME = 0.8  # Boxes with a larger IoU are taken for one object.

# Relation -> (axis, sign): the subject's coordinate on the axis is smaller (-1) or larger (1) than the object's.
PLANAR = {
    "to left of": ("x", -1),
    "to right of": ("x", 1),
    "above": ("y", -1),
    "below": ("y", 1),
}
IN_DEPTH = {"in front of": -1, "behind": 1}


def verify_by_question(perception: Perception, requests: Sequence[Verify]) -> list[bool | PerceptionError]:
    """Whether the answer to "Is the cup red?" is yes.

    Raises:
        BackendError: If the backend cannot serve anything; holds what was served.
    """
    questions = [
        Answer(request.image, request.box, f"Is the {request.name or 'thing in the picture'} {request.attribute}?")
        for request in requests
    ]
    try:
        replies: Sequence[Any] = perception.answer(questions)
    except BackendError as error:
        raise BackendError(str(error), list(map(_verdict, error.served))) from None
    return list(map(_verdict, replies))


def _verdict(reply: Any) -> Any:
    return is_yes(reply) if isinstance(reply, str) else reply


def is_yes(reply: str) -> bool:
    """Whether a reply says yes: its first word does."""
    words = reply.lower().replace(",", " ").replace(".", " ").split()
    return bool(words) and words[0] in ("yes", "true")


def relate_by_parts(perception: Perception, requests: Sequence[Relate], has_depth: bool) -> list[list[Box] | PerceptionError]:
    """The boxes of what is related to a box, found without annotations.

    Args:
        perception: Detects and answers; tells depths, if `has_depth`.
        requests: The requests.
        has_depth: Whether relations of depth are told by depths rather than by questions.

    Raises:
        BackendError: If the backend cannot serve anything. Holds nothing: no request is served before the last question of all.
    """
    try:
        return _relate(perception, requests, has_depth)
    except BackendError as error:
        raise BackendError(str(error)) from None


def _relate(perception: Perception, requests: Sequence[Relate], has_depth: bool) -> list[list[Box] | PerceptionError]:
    found = perception.detect(
        [Detect(request.image, (0, 0, *request.image.size), request.name or "object") for request in requests]
    )
    results: list[list[Box] | PerceptionError] = []
    by_depth: list[int] = []
    by_question: list[int] = []
    for i, (request, boxes) in enumerate(zip(requests, found, strict=True)):
        if isinstance(boxes, PerceptionError):
            results.append(boxes)
            continue
        others = [box for box in boxes if iou(box, request.box) < _SAME]
        relation = relation_key(request.relation)
        if relation in PLANAR:
            others = [box for box in others if _holds_in_plane(relation, box, request)]
        elif others:
            (by_depth if has_depth and relation in IN_DEPTH else by_question).append(i)
        results.append(others)
    _keep(results, by_depth, lambda: _hold_in_depth(perception, requests, results, by_depth))
    _keep(results, by_question, lambda: _hold_by_question(perception, requests, results, by_question))
    return results


def _keep(results: list[Any], chosen: Sequence[int], tell: Any) -> None:
    """Keeps the boxes of the chosen results that `tell` says to keep; it tells one bool or error per box, in order."""
    if not chosen:
        return
    told = iter(tell())
    for i in chosen:
        verdicts = [next(told) for _ in results[i]]
        error = next((verdict for verdict in verdicts if isinstance(verdict, PerceptionError)), None)
        results[i] = error or [box for box, holds in zip(results[i], verdicts, strict=True) if holds]


def _holds_in_plane(relation: str, box: Box, request: Relate) -> bool:
    axis, sign = PLANAR[relation]
    start = 0 if axis == "x" else 1
    difference = (box[start] + box[start + 2]) - (request.box[start] + request.box[start + 2])
    return (sign if request.role == "subject" else -sign) * difference > 0


def _hold_in_depth(
    perception: Perception, requests: Sequence[Relate], results: Sequence[Any], chosen: Sequence[int]
) -> list[bool | PerceptionError]:
    own = perception.depth([Depth(requests[i].image, requests[i].box) for i in chosen])
    others = iter(perception.depth([Depth(requests[i].image, box) for i in chosen for box in results[i]]))
    verdicts: list[bool | PerceptionError] = []
    for i, here in zip(chosen, own, strict=True):
        sign = IN_DEPTH[relation_key(requests[i].relation)] * (1 if requests[i].role == "subject" else -1)
        for _ in results[i]:
            there = next(others)
            error = next((depth for depth in (here, there) if isinstance(depth, PerceptionError)), None)
            verdicts.append(error or sign * (there - here) > 0)  # type: ignore[operator]
    return verdicts


def _hold_by_question(
    perception: Perception, requests: Sequence[Relate], results: Sequence[Any], chosen: Sequence[int]
) -> list[bool | PerceptionError]:
    names = perception.answer([Answer(requests[i].image, requests[i].box, "What is this?") for i in chosen])
    questions: list[Answer] = []
    for i, name in zip(chosen, names, strict=True):
        request = requests[i]
        this = "object" if isinstance(name, PerceptionError) else name
        for box in results[i]:
            found = lemma(request.name) if request.name else "other object"
            subject, other = (found, this) if request.role == "subject" else (this, found)
            questions.append(
                Answer(request.image, _around(box, request.box), f"Is the {subject} {request.relation} the {other}?")
            )
    return list(map(_verdict, perception.answer(questions)))


def _around(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])
