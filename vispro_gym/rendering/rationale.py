"""The rationale of an episode: all that is needed to show what a program did and what became of it.

It holds the pictures themselves, so that it can be stored, sent and shown without data, models or an interpreter. Texts, frames
and pages are functions of it.
"""

from __future__ import annotations

import base64
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from vispro_gym.datasets.boxes import Boxes
from vispro_gym.datasets.options import Choice
from vispro_gym.datasets.sample import ImageRef, Sample
from vispro_gym.datasets.scene import Box
from vispro_gym.engine import Outcome
from vispro_gym.programs.api import OPERATIONS
from vispro_gym.trace import Assignment, Step, Trace, Value

VERSION = 1
MAX_SIDE = 1_024
"""Longer side, in pixels, that a kept picture has at most. Boxes are in the coordinates of the original."""


class RationaleError(ValueError):
    """A file holds no rationale of this version."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of the sample.

    Attributes:
        image_id: The dataset's own name of it.
        width: Width of the original in pixels, in which boxes are told.
        height: Height of the original in pixels.
        data: The picture as a WebP file, made smaller if it is large.
    """

    image_id: str
    width: int
    height: int
    data: bytes

    @classmethod
    def of(cls, image: ImageRef) -> Picture:
        """Encodes a picture of a sample."""
        pixels = Image.fromarray(image.pixels()).convert("RGB")
        pixels.thumbnail((MAX_SIDE, MAX_SIDE))
        buffer = io.BytesIO()
        pixels.save(buffer, format="WEBP", quality=85)
        return cls(image.image_id, image.width, image.height, buffer.getvalue())

    def pixels(self) -> NDArray[np.uint8]:
        """The picture in its original size, uint8 of shape `(height, width, 3)`, RGB."""
        with Image.open(io.BytesIO(self.data), formats=("WEBP",)) as picture:
            return np.asarray(picture.convert("RGB").resize((self.width, self.height)))


@dataclass(frozen=True)
class Rationale:
    """An episode as people look at it.

    Attributes:
        sample_id: The sample.
        query: What was asked.
        reply: What the policy said; None before it said anything.
        program: The program found in the reply; None if there was none.
        outcome: One of `vispro_gym.engine.OUTCOMES`; None before the first program.
        reward: 1.0 or 0.0.
        soft: How right the answer is, from 0.0 to 1.0.
        answer: What the program answered, as text; None if it gave no answer.
        answer_boxes: Index of the picture and box (image coordinates) of each patch in the answer.
        target: What is annotated, as text. None where nobody may see it: in what an environment renders.
        target_boxes: As `answer_boxes`, of what is annotated.
        error: `{"type", "message", "line"}` if the program gave no answer, else None.
        output: What the program printed.
        steps: Steps that the program took.
        trace: What it did.
        pictures: The pictures of the sample; empty where only text is wanted.
        env: Id of the environment; "" if it has none.
        split: Split of the dataset; "" if it is not known.
    """

    sample_id: str
    query: str
    reply: str | None = None
    program: str | None = None
    outcome: str | None = None
    reward: float = 0.0
    soft: float = 0.0
    answer: str | None = None
    answer_boxes: tuple[tuple[int, Box], ...] = ()
    target: str | None = None
    target_boxes: tuple[tuple[int, Box], ...] = ()
    error: dict[str, Any] | None = None
    output: str = ""
    steps: int = 0
    trace: Trace = Trace()  # noqa: RUF009 (frozen)
    pictures: tuple[Picture, ...] = ()
    env: str = ""
    split: str = ""

    @classmethod
    def of(
        cls,
        sample: Sample,
        outcome: Outcome | None,
        *,
        reply: str | None = None,
        with_pictures: bool = True,
        with_target: bool = True,
        env: str = "",
        split: str = "",
    ) -> Rationale:
        """The rationale of an episode.

        Args:
            sample: What was asked.
            outcome: What became of the last program; None before the first.
            reply: What the policy said, where that is more than the program.
            with_pictures: Whether to keep the pictures.
            with_target: Whether to tell what is annotated.
            env: Id of the environment.
            split: Split of the dataset.

        Raises:
            DatasetError: If a picture is missing or damaged.
        """
        pictures = tuple(Picture.of(image) for image in sample.images) if with_pictures else ()
        target, target_boxes = _target(sample.target) if with_target else (None, ())
        if outcome is None:
            return cls(
                sample.sample_id, sample.query, target=target, target_boxes=target_boxes, pictures=pictures, env=env, split=split
            )
        boxes = tuple(_boxes(outcome.answer))
        return cls(
            sample_id=sample.sample_id,
            query=sample.query,
            reply=reply if reply is not None else outcome.program,
            program=outcome.program,
            outcome=outcome.outcome,
            reward=outcome.reward,
            soft=outcome.soft,
            answer=None if outcome.answer is None else answer_text(outcome.answer),
            answer_boxes=boxes,
            target=target,
            target_boxes=target_boxes,
            error=outcome.error,
            output=outcome.output,
            steps=outcome.steps,
            trace=outcome.trace,
            pictures=pictures,
            env=env,
            split=split,
        )

    def to_json(self) -> str:
        """The rationale as one line of JSON, from which `from_json` makes an equal one."""
        fields = asdict(self)
        for picture in fields["pictures"]:
            picture["data"] = base64.b64encode(picture["data"]).decode("ascii")
        return json.dumps({"rationale": VERSION, **fields}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Rationale:
        """Reads what `to_json` wrote.

        Raises:
            RationaleError: If the text is something else, or of another version.
        """
        try:
            fields = json.loads(text)
            version = fields.pop("rationale")
            if type(version) is not int or version != VERSION:
                raise ValueError("another version")
            return _read(fields)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, UnidentifiedImageError) as error:
            raise RationaleError(
                f"this is no stored rationale of version {VERSION} ({type(error).__name__}: {error}). "
                "Expected a file that `vispro-gym run --save` wrote."
            ) from error


def _read(fields: dict[str, Any]) -> Rationale:
    """A rationale from the fields of its JSON object, each of which is checked: the file may be anybody's."""
    pictures = tuple(_picture(**picture) for picture in fields.pop("pictures"))
    count = len(pictures)
    trace = fields.pop("trace")
    calls = tuple(_step(step, count) for step in trace["calls"])
    assignments = tuple(_assignment(assignment, count) for assignment in trace["assignments"])
    error = fields.pop("error")
    if error is not None:
        error = {"type": _is(str, error["type"]), "message": _is(str, error["message"]), "line": _is(int, error["line"])}
    for name in ("answer_boxes", "target_boxes"):
        fields[name] = _placed(fields[name], count)
    for name in ("sample_id", "query", "output", "env", "split"):
        _is(str, fields[name])
    for name in ("reply", "program", "outcome", "answer", "target"):
        fields[name] = None if fields[name] is None else _is(str, fields[name])
    for name in ("reward", "soft"):
        fields[name] = float(_is(int | float, fields[name]))
    _is(int, fields["steps"])
    if fields["program"] is None and (calls or assignments):
        raise ValueError("a trace without a program")
    return Rationale(**fields, error=error, trace=Trace(calls, assignments), pictures=pictures)


def _is(kind: Any, value: Any) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{value!r:.90} is no {getattr(kind, '__name__', kind)}")
    return value


def _picture(image_id: Any, width: Any, height: Any, data: Any) -> Picture:
    for side in (width, height):
        if not 0 < _is(int, side) < 1 << 20:
            raise ValueError(f"{side} is no width or height of a picture")
    picture = Picture(_is(str, image_id), width, height, base64.b64decode(data, validate=True))
    with Image.open(io.BytesIO(picture.data), formats=("WEBP",)):
        return picture


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _index(image: Any, count: int) -> int:
    """The index of a picture; where pictures are not kept, of any."""
    if not 0 <= _is(int, image) < (count or 1 << 20):
        raise ValueError(f"there is no picture {image}")
    return int(image)


def _placed(boxes: Sequence[Any], count: int) -> tuple[tuple[int, Box], ...]:
    return tuple((_index(image, count), _box(box)) for image, box in boxes)


def _box(box: Any) -> Box:
    left, top, right, bottom = (_is(int | float, edge) for edge in _is(list, box))
    return left, top, right, bottom


def _step(step: dict[str, Any], count: int) -> Step:
    operation, result, error = step["operation"], step["result"], step["error"]
    if operation not in OPERATIONS:
        raise ValueError(f"{operation!r:.90} is no operation")
    if error is not None:
        _is(str, error)
        result = None
    elif operation in ("detect", "relate"):
        result = [_box(box) for box in result]
    else:
        kind = {"verify": bool, "answer": str, "similarity": list, "depth": int | float}[operation]
        for score in _is(kind, result) if operation == "similarity" else ():
            _is(int | float, score)
        _is(kind, result)
    arguments = _tuples(_is(list, step["arguments"]))
    return Step(_is(int, step["line"]), operation, _index(step["image"], count), _box(step["box"]), arguments, result, error)


def _value(value: dict[str, Any], count: int) -> Value:
    return Value(_is(str, value["text"]), _placed(value["boxes"], count))


def _assignment(assignment: dict[str, Any], count: int) -> Assignment:
    first, last = (_value(assignment[name], count) for name in ("first", "last"))
    return Assignment(_is(int, assignment["line"]), _is(str, assignment["name"]), _is(int, assignment["count"]), first, last)


def _boxes(answer: Any) -> list[tuple[int, Box]]:
    """The patches of an answer (`vispro_gym.engine.Outcome.answer`)."""
    if isinstance(answer, tuple):
        return [(0, answer)]  # type: ignore[list-item]
    if isinstance(answer, Mapping):
        return [(answer["image"], answer["box"])]
    return [box for item in answer for box in _boxes(item)] if isinstance(answer, list) else []


def answer_text(answer: Any) -> str:
    """An answer as people read it: a text as it is, patches as boxes."""
    if isinstance(answer, tuple):
        return f"patch {tuple(round(edge) for edge in answer)}"
    if isinstance(answer, Mapping):
        return f"patch {tuple(round(edge) for edge in answer['box'])} of picture {answer['image'] + 1}"
    if isinstance(answer, list):
        return f"[{', '.join(repr(item) if isinstance(item, str) else answer_text(item) for item in answer)}]"
    return str(answer)


def _target(target: Any) -> tuple[str, tuple[tuple[int, Box], ...]]:
    """An annotation as text, and its boxes."""
    if isinstance(target, Boxes):
        return f"{len(target.gold)} box{'' if len(target.gold) == 1 else 'es'}", tuple((0, box) for box in target.gold)
    if isinstance(target, Choice):
        name = target.texts[target.index] if target.texts is not None else f"picture {target.index + 1}"
        return name, ()
    if isinstance(target, tuple) and len(target) == 4 and all(isinstance(edge, int | float) for edge in target):
        return answer_text(target), ((0, target),)
    if isinstance(target, tuple):  # what several people answered
        return ", ".join(f"{text} ({count})" for text, count in Counter(map(str, target)).most_common()), ()
    return ("yes" if target else "no") if isinstance(target, bool) else str(target), ()
