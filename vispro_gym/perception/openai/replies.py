"""What is asked of a vision-language model, and how its replies are read.

A reply is read or refused, never mended by a guess: prose without boxes is not "nothing found", and half a list is no list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, Field, TypeAdapter, ValidationError

from vispro_gym.datasets.sample import ImageRef
from vispro_gym.datasets.scene import Box
from vispro_gym.perception.pictures import pixel_box
from vispro_gym.perception.protocol import Answer, Detect

VERSION = 1
"""Number of what is sent and of how replies are read; kept results of another number are not used."""

BoxUnits = Literal["pixels", "thousandths"]

_THOUSAND = 1000
_SLACK = 0.1  # By how much of a side a box may be outside; farther out, it is in other units than those asked for.
_SHOWN = 120
_SHORTEST, _LONGEST_BY = 32, 100  # Vision processors fail on pictures of a few pixels and on thin strips.
_FENCE = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL)
_OPENING = re.compile(r"[\[{]")
_QUOTES = ('""', "''", "``", "“”", "‘’", "«»")


class MalformedReplyError(ValueError):
    """A reply that is not of the form asked for. The message says what is wrong with it."""


_Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
_Sides = tuple[_Number, _Number, _Number, _Number]


class _Thing(BaseModel):
    # Names that come with this order of sides. Gemini's own "box_2d" does not: it begins with the top.
    box: _Sides = Field(validation_alias=AliasChoices("bbox_2d", "bbox", "box"))


class _Things(BaseModel):
    boxes: list[_Sides | _Thing] = Field(validation_alias=AliasChoices("boxes", "objects"))


_ADAPTER: TypeAdapter[Any] = TypeAdapter(_Sides | list[_Sides | _Thing] | _Things | _Thing)


@dataclass(frozen=True, slots=True)
class Ask:
    """One question about a part of a picture.

    Attributes:
        image: The picture.
        box: The part of it.
        prompt: What is asked.
        read: Makes the result from the text of a reply; raises `MalformedReplyError` if it cannot.
    """

    image: ImageRef
    box: Box
    prompt: str
    read: Callable[[str], Any]


def ask_answer(request: Answer) -> Ask:
    """Asks for a short answer."""
    prompt = (
        f"{request.question}\nAnswer with one to three words or a number, in lower case, and nothing else. "
        "If it is a question of yes or no, answer yes or no."
    )
    return Ask(request.image, request.box, prompt, read_answer)


def ask_boxes(request: Detect, units: BoxUnits) -> Ask:
    """Asks for the boxes of all that a text names; its result are boxes in the coordinates of the whole picture."""
    left, top, right, bottom = pixel_box(request.box, request.image.size)
    width, height = right - left, bottom - top
    sent = sent_size((width, height))
    where = (
        f"pixels; the picture is {sent[0]} pixels wide and {sent[1]} pixels high"
        if units == "pixels"
        else f"whole numbers from 0 to {_THOUSAND}: thousandths of the picture's width and height"
    )
    prompt = (
        f"Find everything in the picture that matches {json.dumps(request.text, ensure_ascii=False)}. Reply with JSON and "
        'nothing else: a list with one entry for each thing found, of the form {"bbox_2d": [left, top, right, bottom]}. '
        f"Coordinates are {where}. Their origin is the upper left corner. If nothing matches, reply []."
    )

    def read(reply: str) -> list[Box]:
        boxes = [(a, b, min(c, float(width)), min(d, float(height))) for a, b, c, d in read_boxes(reply, sent, units)]
        return [(left + a, top + b, left + c, top + d) for a, b, c, d in boxes if a < c and b < d]

    return Ask(request.image, request.box, prompt, read)


def sent_size(size: tuple[int, int]) -> tuple[int, int]:
    """`(width, height)` in pixels of what is sent for a part: small and thin parts get black to the right or below."""
    least = max(_SHORTEST, -(-max(size) // _LONGEST_BY))
    return max(size[0], least), max(size[1], least)


def again(prompt: str, problem: str) -> str:
    """The same once more, after a malformed reply."""
    return f"{prompt}\nAn earlier reply was of no use: {problem}. Keep to the form asked for, and be short."


def read_answer(reply: str) -> str:
    """A short answer, in one line, without quotes around it and full stop behind it.

    Raises:
        MalformedReplyError: If nothing is left.
    """
    answer = " ".join(_after_thinking(reply).split())
    while answer and (bare := _bare(answer)) != answer:
        answer = bare
    if not answer:
        raise MalformedReplyError("it was empty")
    return answer


def _bare(answer: str) -> str:
    if len(answer) > 1 and answer[0] + answer[-1] in _QUOTES:
        return answer[1:-1].strip()
    return answer.removesuffix(".").strip()


def read_boxes(reply: str, size: tuple[int, int], units: BoxUnits) -> list[Box]:
    """The boxes in a reply, in its order, each once.

    Args:
        reply: JSON, alone, in a code fence or amid prose: a list of boxes, or of objects with a "bbox_2d", "bbox" or "box"; the
            same under "boxes"; or such objects one after the other.
        size: `(width, height)` of the picture that the model saw, in pixels.
        units: What the reply's coordinates are.

    Returns:
        Boxes in pixels of that picture, origin upper left, clipped to it. Those with nothing inside are left out.

    Raises:
        MalformedReplyError: If there are no boxes and no empty list in it, or a box is none in these units.
    """
    text = _after_thinking(reply)
    fenced = _FENCE.findall(text)
    values = list(_values("\n".join(fenced) if fenced else text))
    try:
        found = [sides for value in values for sides in _sides(_ADAPTER.validate_python(value))]
    except (ValidationError, OverflowError):
        values = []
    if not values:
        raise MalformedReplyError(f"it holds no JSON list of boxes, or something beside it: {_short(reply)}")
    most = size if units == "pixels" else (_THOUSAND, _THOUSAND)
    boxes = [_in_pixels(sides, most, size, units) for sides in dict.fromkeys(found)]
    return [box for box in boxes if box[0] < box[2] and box[1] < box[3]]


def _values(text: str) -> Iterator[Any]:
    """The JSON values in a text. What is inside a broken one is not looked for: it would be a part taken for the whole."""
    decoder = json.JSONDecoder()
    position = 0
    while start := _OPENING.search(text, position):
        try:
            value, position = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            raise MalformedReplyError(f"its JSON is broken: {_short(text)}") from None
        yield value


def _sides(value: Any) -> list[_Sides]:
    match value:
        case _Thing():
            return [value.box]
        case _Things():
            return [side for entry in value.boxes for side in _sides(entry)]
        case list():
            return [side for entry in value for side in _sides(entry)]
        case _:
            return [value]


def _in_pixels(sides: _Sides, most: tuple[int, int], size: tuple[int, int], units: BoxUnits) -> Box:
    left, top, right, bottom = sides
    if left > right or top > bottom:
        raise MalformedReplyError(f"{list(sides)} is no box [left, top, right, bottom]")
    for low, high, end in ((left, right, most[0]), (top, bottom, most[1])):
        if low < -_SLACK * end or high > (1 + _SLACK) * end:
            raise MalformedReplyError(f"the box {list(sides)} is not in {units}, of which there are {most[0]} by {most[1]}")
    across, down = size[0] / most[0], size[1] / most[1]
    return (
        min(max(left * across, 0.0), float(size[0])),
        min(max(top * down, 0.0), float(size[1])),
        min(max(right * across, 0.0), float(size[0])),
        min(max(bottom * down, 0.0), float(size[1])),
    )


def _after_thinking(reply: str) -> str:
    """A reply without the thoughts that some servers leave in front of it."""
    return reply.rpartition("</think>")[2]


def _short(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
