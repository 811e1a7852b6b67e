"""The mini VSR data: drawn photos, and statements on how two things in them are placed, in the official layout.

Statements are on pairs of things whose placing is clear, and for each true one there is a false one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import hypot
from pathlib import Path
from random import Random

from vispro_gym.datasets.mini.json_files import write_json, write_lines
from vispro_gym.datasets.mini.photos import (
    Photo,
    PhotoObject,
    Thing,
    choose_evenly,
    coco_file_name,
    coco_instances,
    compare,
    pointed,
    program,
    save_photos,
    statements,
    take_photos,
)
from vispro_gym.datasets.mini.photos.claims import ABOVE, BELOW, LEFT, RIGHT
from vispro_gym.datasets.mini.photos.wording import sentence, variable

_SPLITS = {"train": (60, 320, 400_001), "dev": (30, 160, 500_001)}  # pictures, statements, first image id
_PER_PICTURE = 10
# VSR's words for what a program compares.
_PLACES = {
    LEFT: ("left of", "at the left side of"),
    RIGHT: ("right of", "at the right side of"),
    ABOVE: ("above",),
    BELOW: ("below", "under", "beneath"),
}
_FAR, _NEAR = ("far from", "far away from"), ("near", "close to")
# Pixels between the edges: so many for one to call it far, or near, and what programs take for the border.
_FAR_FROM, _NEAR_TO, _BORDER = 160, 15, 80


@dataclass(frozen=True)
class Placement:
    """A statement.

    Attributes:
        image_id: The photo.
        subject: What it is about.
        relation: In VSR's words.
        object: What the subject is related to.
        holds: Whether it is true.
        program: A program that says True or False by looking.
    """

    image_id: int
    subject: Thing
    relation: str
    object: Thing
    holds: bool
    program: str

    @property
    def caption(self) -> str:
        """The statement in words."""
        return sentence(f"the {self.subject.phrase} is {self.relation} the {self.object.phrase}")


def write_vsr(root: Path, seed: int = 0) -> None:
    """Writes the data set into an existing, empty folder.

    Args:
        root: The folder.
        seed: Everything is a function of it, byte for byte.
    """
    file_name = coco_file_name("train2017")
    for split, (pictures, wanted, first_id) in _SPLITS.items():
        photos = list(take_photos(f"{seed}-vsr-{split}", pictures, first_id))
        rng = Random(f"{seed}-vsr-{split}-statements")
        pool = [placement for photo in photos for placement in (*_sides(photo, rng), *_distances(photo, rng))]
        said = choose_evenly(pool, wanted, rng, lambda p: p.relation, lambda p: p.holds, per_image=_PER_PICTURE)
        programs = {str(line): placement.program for line, placement in enumerate(said)}
        write_lines(root / "splits" / "random" / f"{split}.jsonl", map(_record, said))
        save_photos(photos, root / "images", file_name)
        write_json(root / "annotations" / f"instances_{split}2017.json", coco_instances(photos, "train2017"))
        for name in (split, f"random_{split}"):
            write_json(root / f"expert_programs_{name}.json", programs)


def _record(placement: Placement) -> dict[str, object]:
    return {
        "image": coco_file_name("train2017")(placement.image_id),
        "image_link": "",
        "caption": placement.caption,
        "label": int(placement.holds),
        "relation": placement.relation,
        "subj": placement.subject.category,
        "obj": placement.object.category,
        "annotator_id": 1,
        "vote_true_validator_id": "[2]" if placement.holds else "[]",
        "vote_false_validator_id": "[]" if placement.holds else "[2]",
    }


def _sides(photo: Photo, rng: Random) -> Iterator[Placement]:
    for statement in statements(photo, rng):
        first, second = statement.subject, statement.object
        check = compare(variable(first.category), statement.relation, variable(second.category))
        for relation in _PLACES[statement.relation]:
            yield Placement(photo.image_id, first, relation, second, statement.holds, _program(first, second, check))


def _distances(photo: Photo, rng: Random) -> Iterator[Placement]:
    marks = pointed(photo)
    for a in marks:
        for b in marks:
            gap = _gap(a.thing, b.thing)
            if a.phrase.category == b.phrase.category or _NEAR_TO < gap < _FAR_FROM:
                continue
            first, second = a.phrase, b.phrase
            between = f"distance({variable(first.category)}, {variable(second.category)})"
            for relation in (rng.choice(_FAR), rng.choice(_NEAR)):
                check = f"{between} {'>' if relation in _FAR else '<'} {_BORDER}"
                holds = (gap > _BORDER) == (relation in _FAR)
                yield Placement(photo.image_id, first, relation, second, holds, _program(first, second, check))


def _gap(first: PhotoObject, second: PhotoObject) -> float:
    """Pixels between the edges of two things, 0 where they overlap."""
    (left, top, right, bottom), (other_left, other_top, other_right, other_bottom) = first.box, second.box
    return hypot(max(0, left - other_right, other_left - right), max(0, top - other_bottom, other_top - bottom))


def _program(first: Thing, second: Thing, check: str) -> str:
    return program(
        f'{variable(first.category)} = image_patch.find("{first.phrase}")[0]',
        f'{variable(second.category)} = image_patch.find("{second.phrase}")[0]',
        f"return {check}",
    )
