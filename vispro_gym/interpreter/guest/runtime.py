"""The objects that programs hold: `ImagePatch` and the functions of the program API.

A patch is a picture's index and a box, nothing else: no pixels, no annotations. What needs to see the picture goes
through `perceive`, which the worker connects to the parent process. The methods are made from the table in
`vispro_gym.programs.api`, so that their signatures, and the errors of a wrong call, are those that the prompt
documents.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from vispro_gym.interpreter.types import MAX_TEXT, MAX_TEXT_TOTAL, MAX_TEXTS
from vispro_gym.programs.api import API, Member


def perceive(operation: str, image: int, box: tuple[int, int, int, int], arguments: tuple[Any, ...]) -> Any:
    """Asks the parent process. The worker puts the real function here."""
    raise RuntimeError("perception is available in the worker process only")


class ImagePatch:
    """A rectangular part of a picture. See `vispro_gym.programs.api` for the coordinates and members."""

    __slots__ = ("_box", "_image")
    _box: tuple[int, int, int, int]
    _image: int

    def __init__(
        self,
        image: ImagePatch,
        left: float | None = None,
        lower: float | None = None,
        right: float | None = None,
        upper: float | None = None,
    ) -> None:
        if not isinstance(image, ImagePatch):
            raise TypeError(f"ImagePatch() expects an image or a patch, got {type(image).__name__}")
        corners = (left, lower, right, upper)
        if corners == (None, None, None, None):
            box = image._box
        elif None in corners:
            raise TypeError("ImagePatch() expects all of left, lower, right and upper, or none of them")
        else:
            box = _intersection(image._box, _box_of(*corners))
        object.__setattr__(self, "_image", image._image)
        object.__setattr__(self, "_box", box)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("patches cannot be changed")

    def __repr__(self) -> str:
        return f"ImagePatch(left={self._box[0]}, lower={self._box[1]}, right={self._box[2]}, upper={self._box[3]})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ImagePatch) and (self._image, self._box) == (other._image, other._box)

    def __hash__(self) -> int:
        return hash((self._image, self._box))


def make_patch(image: int, box: Any) -> ImagePatch:
    """A patch from a picture's index and a box, without any check."""
    patch = object.__new__(ImagePatch)
    object.__setattr__(patch, "_image", image)
    object.__setattr__(patch, "_box", tuple(box))
    return patch


def _box_of(left: Any, lower: Any, right: Any, upper: Any) -> tuple[int, int, int, int]:
    for value in (left, lower, right, upper):
        if not isinstance(value, int | float):
            raise TypeError(f"a coordinate must be a number, got {type(value).__name__}")
    return (int(left), int(lower), int(right), int(upper))


def _intersection(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    left, lower, right, upper = max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])
    if left >= right or lower >= upper:
        raise ValueError("ImagePatch has no area")
    return (left, lower, right, upper)


def _text(value: Any, function: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{function}() expects a string, got {type(value).__name__}")
    if len(value) > MAX_TEXT:
        raise ValueError(f"{function}() expects at most {MAX_TEXT} characters, got {len(value)}")
    return value


def _texts(values: Any, function: str, prefix: str = "") -> tuple[str, ...]:
    if not isinstance(values, list | tuple):
        raise TypeError(f"{function}() expects a list of strings, got {type(values).__name__}")
    if not 0 < len(values) <= MAX_TEXTS:
        raise ValueError(f"{function}() expects 1 to {MAX_TEXTS} strings, got {len(values)}")
    texts = tuple(_text(prefix + _text(value, function), function) for value in values)
    if sum(map(len, texts)) > MAX_TEXT_TOTAL:
        raise ValueError(f"{function}() expects at most {MAX_TEXT_TOTAL} characters in all")
    return texts


def _patches(patch: ImagePatch, boxes: Any) -> list[ImagePatch]:
    return [make_patch(patch._image, box) for box in boxes]


def _short(value: Any) -> str:
    """What to show of an argument in a message."""
    return repr(value[:MAX_TEXT]) if isinstance(value, str) else type(value).__name__


def _related(patch: ImagePatch, relation: Any, name: Any, role: Any) -> list[ImagePatch]:
    if role not in ("subject", "object"):
        raise ValueError(f"related() expects the role 'subject' or 'object', got {_short(role)}")
    name = None if name is None else _text(name, "related")
    return _patches(patch, perceive("relate", patch._image, patch._box, (_text(relation, "related"), name, role)))


def _best_text_match(patch: ImagePatch, option_list: Any, prefix: Any) -> str:
    start = "" if prefix is None else _text(prefix, "best_text_match") + " "
    scores: list[float] = perceive("similarity", patch._image, patch._box, (list(_texts(option_list, "best_text_match", start)),))
    best: str = option_list[scores.index(max(scores))]
    return best


def _best_image_match(list_patches: Any, content: Any, return_index: Any) -> Any:
    texts = list(_texts(content, "best_image_match"))
    if not isinstance(list_patches, list | tuple) or not all(isinstance(patch, ImagePatch) for patch in list_patches):
        raise TypeError("best_image_match() expects a list of patches")
    if not list_patches:
        return None
    scores = [sum(perceive("similarity", patch._image, patch._box, (texts,))) for patch in list_patches]
    best = scores.index(max(scores))
    return best if return_index else list_patches[best]


def _overlaps_with(patch: ImagePatch, left: Any, lower: Any, right: Any, upper: Any) -> bool:
    a, b = patch._box, _box_of(left, lower, right, upper)
    return a[0] <= b[2] and a[2] >= b[0] and a[1] <= b[3] and a[3] >= b[1]


def _distance(a: Any, b: Any) -> float:
    if isinstance(a, int | float) and isinstance(b, int | float):
        return float(abs(a - b))
    if not isinstance(a, ImagePatch) or not isinstance(b, ImagePatch):
        raise TypeError(f"distance() expects two patches or two numbers, got {type(a).__name__} and {type(b).__name__}")
    (al, ao, ar, au), (bl, bo, br, bu) = a._box, b._box
    gap = math.hypot(max(0, al - br, bl - ar), max(0, ao - bu, bo - au))
    if gap > 0:
        return gap
    shared = max(0, min(ar, br) - max(al, bl)) * max(0, min(au, bu) - max(ao, bo))
    union = (ar - al) * (au - ao) + (br - bl) * (bu - bo) - shared
    return -shared / union if union else 0.0


_NUMBER = re.compile(r"-?\d+(?:,\d{3})*(?:\.\d+)?")
_WORDS = (
    "zero one two three four five six seven eight nine ten "
    "eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty"
).split()


def _coerce_to_numeric(text: Any) -> float:
    if isinstance(text, int | float):
        return float(text)
    for token in re.findall(r"-?\d[\d,.]*|[a-z]+", _text(text, "coerce_to_numeric").lower()):
        if match := _NUMBER.match(token):
            return float(match.group(0).replace(",", ""))
        if token in _WORDS:
            return float(_WORDS.index(token))
    raise ValueError(f"no number in {_short(text)}")


_IMPLEMENTATIONS: dict[str, Callable[..., Any]] = {
    "left": lambda patch: patch._box[0],
    "lower": lambda patch: patch._box[1],
    "right": lambda patch: patch._box[2],
    "upper": lambda patch: patch._box[3],
    "width": lambda patch: patch._box[2] - patch._box[0],
    "height": lambda patch: patch._box[3] - patch._box[1],
    "area": lambda patch: (patch._box[2] - patch._box[0]) * (patch._box[3] - patch._box[1]),
    "horizontal_center": lambda patch: (patch._box[0] + patch._box[2]) / 2,
    "vertical_center": lambda patch: (patch._box[1] + patch._box[3]) / 2,
    "find": lambda patch, name: _patches(patch, perceive("detect", patch._image, patch._box, (_text(name, "find"),))),
    "exists": lambda patch, name: bool(perceive("detect", patch._image, patch._box, (_text(name, "exists"),))),
    "verify_property": lambda patch, name, attribute: perceive(
        "verify", patch._image, patch._box, (_text(name, "verify_property"), _text(attribute, "verify_property"))
    ),
    "simple_query": lambda patch, question: perceive("answer", patch._image, patch._box, (_text(question, "simple_query"),)),
    "best_text_match": _best_text_match,
    "compute_depth": lambda patch: perceive("depth", patch._image, patch._box, ()),
    "related": _related,
    "crop": lambda patch, left, lower, right, upper: make_patch(
        patch._image, _intersection(patch._box, _box_of(left, lower, right, upper))
    ),
    "overlaps_with": _overlaps_with,
    "best_image_match": _best_image_match,
    "distance": _distance,
    "bool_to_yesno": lambda value: "yes" if value else "no",
    "coerce_to_numeric": _coerce_to_numeric,
}


def _function(member: Member, method: bool) -> Callable[..., Any]:
    """A function with the signature of the table that calls the implementation with all arguments by position."""
    parameters = member.signature[1 : member.signature.rindex(") ->")]
    names = re.findall(r"(\w+):", re.sub(r"\[[^\]]*\]", "", parameters))
    head = ", ".join(filter(None, ["self" if method else "", parameters]))
    arguments = ", ".join((["self"] if method else []) + names)
    # A method can be taken from the class and called with anything; what is no patch would get as far as the wire.
    check = "    if self.__class__ is not ImagePatch:\n        refuse(self)\n" if method else ""
    call = f"    return implementation({arguments})\n"
    source = f"from __future__ import annotations\ndef {member.name}({head}):\n{check}{call}"
    scope: dict[str, Any] = {"implementation": _IMPLEMENTATIONS[member.name], "ImagePatch": ImagePatch, "refuse": _refuse}
    exec(source, scope)
    function: Callable[..., Any] = scope[member.name]
    function.__doc__ = member.doc
    return function


def _refuse(value: Any) -> None:
    raise TypeError(f"methods of ImagePatch need a patch, got {type(value).__name__}")


def _build() -> dict[str, Any]:
    """Fills in the class from the table; returns the names that programs find in their namespace."""
    names: dict[str, Any] = {"ImagePatch": ImagePatch}
    for member in API:
        if member.kind == "function":
            names[member.name] = _function(member, method=False)
        elif member.kind == "method":
            setattr(ImagePatch, member.name, _function(member, method=True))
        else:
            setattr(ImagePatch, member.name, property(_IMPLEMENTATIONS[member.name], doc=member.doc))
    return names


NAMES = _build()
