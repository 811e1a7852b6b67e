"""Claims on a photo: each can be checked here against the annotations, and says how a program checks it by looking.

Whether a claim holds is decided as its program decides it. Whether it is so clear that people agree is a question of its own
(`clearly`): claims that are near the border are not made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vispro_gym.datasets.mini.photos.pictures import Photo, PhotoObject
from vispro_gym.datasets.mini.photos.wording import plural, variable

LEFT, RIGHT, ABOVE, BELOW = "to the left of", "to the right of", "above", "below"
OPPOSITE: dict[str, str] = {LEFT: RIGHT, RIGHT: LEFT, ABOVE: BELOW, BELOW: ABOVE}
"""The spatial relations, each with its opposite."""
# What a program compares; y points up in programs.
_COMPARED = {
    LEFT: ("horizontal_center", "<"),
    RIGHT: ("horizontal_center", ">"),
    ABOVE: ("vertical_center", ">"),
    BELOW: ("vertical_center", "<"),
}
_APART = 30
_OVERLAP = 0.15
_TOUCHING = 8


@dataclass(frozen=True)
class Thing:
    """What a noun phrase names: a COCO category, with a color or without.

    Attributes:
        category: The category.
        color: The color, "" for any.
    """

    category: str
    color: str = ""

    @property
    def phrase(self) -> str:
        """The phrase without an article: "red cup"."""
        return f"{self.color} {self.category}".lstrip()

    @property
    def phrases(self) -> str:
        """The phrase in the plural: "red cups"."""
        return f"{self.color} {plural(self.category)}".lstrip()

    def names(self, thing: PhotoObject) -> bool:
        """Whether the phrase names a thing."""
        return thing.category == self.category and (not self.color or self.color in thing.attributes)

    def found(self, photo: Photo) -> list[PhotoObject]:
        """All things in a photo that the phrase names."""
        return [thing for thing in photo.objects if self.names(thing)]


def compare(first: str, relation: str, second: str) -> str:
    """The Python expression that says whether one patch stands in a spatial relation to another.

    Args:
        first: A variable that holds a patch.
        relation: A key of `OPPOSITE`.
        second: A variable that holds a patch.
    """
    attribute, sign = _COMPARED[relation]
    return f"{first}.{attribute} {sign} {second}.{attribute}"


def stands(first: PhotoObject, relation: str, second: PhotoObject) -> bool:
    """Whether the middle of one thing is in a spatial relation to the middle of another; what `compare` decides."""
    axis, sign = {LEFT: (0, -1), RIGHT: (0, 1), ABOVE: (1, -1), BELOW: (1, 1)}[relation]
    return sign * (first.center[axis] - second.center[axis]) > 0


def clearly(first: PhotoObject, relation: str, second: PhotoObject) -> bool:
    """Whether anyone would say that the relation holds.

    For left and right the boxes hardly overlap horizontally; for above and below one begins where the other ends, and they are
    over each other. In both cases the middles are at least 30 pixels apart.
    """
    if relation in (RIGHT, BELOW):
        return clearly(second, OPPOSITE[relation], first)
    (left, _, right, bottom), (other_left, other_top, other_right, _) = first.box, second.box
    axis = 0 if relation == LEFT else 1
    if second.center[axis] - first.center[axis] < _APART:
        return False
    if relation == LEFT:
        return right - other_left <= _OVERLAP * min(right - left, other_right - other_left)
    nearby = max(right - left, other_right - other_left) / 2
    return bottom <= other_top + _TOUCHING and abs(first.center[0] - second.center[0]) <= nearby


@dataclass(frozen=True)
class Shows:
    """That the photo shows at least one such thing."""

    thing: Thing

    def holds(self, photo: Photo) -> bool:
        """Whether it is so."""
        return bool(self.thing.found(photo))

    def condition(self, patch: str = "image_patch") -> str:
        """Python expression that checks it on the patch of a whole picture."""
        return f'{patch}.exists("{self.thing.phrase}")'


@dataclass(frozen=True)
class Counts:
    """That the photo shows exactly so many such things."""

    thing: Thing
    count: int

    def holds(self, photo: Photo) -> bool:
        """Whether it is so."""
        return len(self.thing.found(photo)) == self.count

    def condition(self, patch: str = "image_patch") -> str:
        """Python expression that checks it on the patch of a whole picture."""
        return f'len({patch}.find("{self.thing.phrase}")) == {self.count}'


@dataclass(frozen=True)
class Relates:
    """That some such thing stands in a spatial relation to some other such thing.

    Attributes:
        first: What stands in the relation.
        relation: A key of `OPPOSITE`.
        second: What it stands in the relation to.
    """

    first: Thing
    relation: str
    second: Thing

    def holds(self, photo: Photo) -> bool:
        """Whether it is so."""
        return any(stands(a, self.relation, b) for a in self.first.found(photo) for b in self.second.found(photo))

    def condition(self, patch: str = "image_patch") -> str:
        """Python expression that checks it on the patch of a whole picture."""
        one, other = variable(self.first.category), variable(self.second.category)
        if one == other:
            one, other = f"{self.first.color}_{one}".lstrip("_"), f"other_{other}"
        return (
            f'any({compare(one, self.relation, other)} for {one} in {patch}.find("{self.first.phrase}") '
            f'for {other} in {patch}.find("{self.second.phrase}"))'
        )


Claim = Shows | Counts | Relates


def all_hold(claims: Sequence[Claim], photo: Photo) -> bool:
    """Whether all claims hold for a photo."""
    return all(claim.holds(photo) for claim in claims)


def check_expression(claims: Sequence[Claim], patch: str = "image_patch") -> str:
    """Python expression that is true of the patch of a whole picture exactly if all claims hold."""
    return " and ".join(claim.condition(patch) for claim in claims)


def program(*lines: str) -> str:
    """A program for one picture with these lines; `image_patch` is the whole picture."""
    return "".join(
        f"{line}\n"
        for line in ("def execute_command(image):", "    image_patch = ImagePatch(image)", *(f"    {line}" for line in lines))
    )


def check_program(claims: Sequence[Claim]) -> str:
    """A program that says "yes" if all claims hold for its picture, else "no"."""
    conditions = [claim.condition() for claim in claims]
    if len(conditions) == 1:
        return program(f"return bool_to_yesno({conditions[0]})")
    return program("checks = [", *(f"    {condition}," for condition in conditions), "]", "return bool_to_yesno(all(checks))")
