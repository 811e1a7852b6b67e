"""The mini Winoground data: pairs of drawn photos, and of captions of the same words, in the official layout.

Three kinds of pairs: which of two things is on the left, and of which things there are more, where nouns change places; and
between which things a third is, where "left" and "right" do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations
from pathlib import Path
from random import Random
from typing import NamedTuple

from vispro_gym.datasets.mini.json_files import write_json, write_lines
from vispro_gym.datasets.mini.photos.captions import opposite_pairs
from vispro_gym.datasets.mini.photos.claims import LEFT, RIGHT, Relates, Thing, check_expression, clearly, program
from vispro_gym.datasets.mini.photos.pictures import Photo, coco_instances, take_photos
from vispro_gym.datasets.mini.photos.scenery import pointed
from vispro_gym.datasets.mini.photos.wording import plural, with_article

_PICTURES = 200
_BETWEEN, _PLACED, _MORE = 6, 14, 12  # pairs of each kind, if there are as many


class Said(NamedTuple):
    """A caption, and the Python expression that checks it on the patch of a whole picture."""

    text: str
    condition: str


class Pair(NamedTuple):
    """Two captions of the same words; caption 0 is true of photo 0 only, caption 1 of photo 1 only.

    Attributes:
        captions: The captions.
        photos: The photos.
        tag: What changes places, in Winoground's words.
        collapsed_tag: "Object" or "Relation".
    """

    captions: tuple[Said, Said]
    photos: tuple[Photo, Photo]
    tag: str
    collapsed_tag: str


def write_winoground(root: Path, seed: int = 0) -> None:
    """Writes the data set into an existing, empty folder.

    Args:
        root: The folder.
        seed: Everything is a function of it, byte for byte.
    """
    pairs = _pairs(list(take_photos(f"{seed}-winoground", _PICTURES, 1)))
    Random(f"{seed}-winoground-order").shuffle(pairs)
    folder = root / "data" / "images"
    folder.mkdir(parents=True)
    records: list[dict[str, str | int]] = []
    programs: dict[str, str] = {}
    names: dict[int, str] = {}
    for number, pair in enumerate(pairs):
        for i, photo in enumerate(pair.photos):
            names[photo.image_id] = f"ex_{number}_img_{i}"
            photo.image.save(folder / f"{names[photo.image_id]}.png")
        records.append(_record(number, pair))
        programs |= _programs(number, pair)
    write_lines(root / "data" / "examples.jsonl", records)
    write_json(root / "expert_programs_test.json", programs)
    instances = coco_instances([photo for pair in pairs for photo in pair.photos], "test")
    for image in instances["images"]:
        image["file_name"] = f"{names[image['id']]}.png"
    write_json(root / "annotations" / "instances_test.json", instances)


def _pairs(photos: Sequence[Photo]) -> list[Pair]:
    """Pairs of all kinds; no photo is in two of them."""
    taken: list[Pair] = []
    for pairs, wanted in ((_between, _BETWEEN), (_placed, _PLACED), (_more, _MORE)):
        used = {photo.image_id for pair in taken for photo in pair.photos}
        taken += list(pairs([photo for photo in photos if photo.image_id not in used]))[:wanted]
    return taken


def _placed(photos: Sequence[Photo]) -> Iterator[Pair]:
    for pair in opposite_pairs(photos):
        first, second = (Said(_plain(caption.text), caption.condition()) for caption in pair.captions)
        yield Pair((first, second), pair.photos, "Noun", "Object")


def _more(photos: Sequence[Photo]) -> Iterator[Pair]:
    """Both photos show both things, in the one there are more of these and in the other of those."""
    seen: dict[tuple[str, str], Photo] = {}
    used: set[int] = set()
    told: set[tuple[str, str]] = set()
    for photo in photos:
        for few, many in permutations(photo.categories, 2):
            other = seen.get((many, few))
            if len(photo.of(few)) >= len(photo.of(many)) or (few, many) in told or photo.image_id in used:
                continue
            if other is None or other.image_id in used:
                seen[few, many] = photo
                continue
            used.update((photo.image_id, other.image_id))
            told.update(((few, many), (many, few)))
            yield Pair((_more_of(few, many), _more_of(many, few)), (other, photo), "Noun", "Object")


def _more_of(many: str, few: str) -> Said:
    condition = f'len(image_patch.find("{many}")) > len(image_patch.find("{few}"))'
    return Said(f"there are more {plural(many)} than {plural(few)}", condition)


def _between(photos: Sequence[Photo]) -> Iterator[Pair]:
    """In the one photo something has this on the left and that on the right, in the other it is the other way round."""
    seen: dict[tuple[str, str, str], Photo] = {}
    used: set[int] = set()
    for photo in photos:
        marks = [mark for mark in pointed(photo) if not mark.phrase.color]
        for a, b, c in permutations(marks, 3):
            one, left, right = a.phrase.category, b.phrase.category, c.phrase.category
            if photo.image_id in used or not (clearly(a.thing, RIGHT, b.thing) and clearly(a.thing, LEFT, c.thing)):
                continue
            other = seen.get((one, right, left))
            if other is None or other.image_id in used:
                seen[one, left, right] = photo
                continue
            used.update((photo.image_id, other.image_id))
            captions = _stands(one, LEFT, left, RIGHT, right), _stands(one, RIGHT, left, LEFT, right)
            yield Pair(captions, (other, photo), "Preposition", "Relation")


def _stands(one: str, relation: str, first: str, other_relation: str, second: str) -> Said:
    claims = [Relates(Thing(one), relation, Thing(first)), Relates(Thing(one), other_relation, Thing(second))]
    text = f"{with_article(one)} {relation} {with_article(first)} and {other_relation} {with_article(second)}"
    return Said(text, check_expression(claims))


def _plain(text: str) -> str:
    """A sentence without capital and full stop, as the official captions are."""
    return f"{text[0].lower()}{text[1:]}".removesuffix(".")


def _record(number: int, pair: Pair) -> dict[str, str | int]:
    return {
        "id": number,
        **{f"image_{i}": f"ex_{number}_img_{i}" for i in (0, 1)},
        **{f"caption_{i}": pair.captions[i].text for i in (0, 1)},
        "tag": pair.tag,
        "secondary_tag": "",
        "num_main_preds": 1,
        "collapsed_tag": pair.collapsed_tag,
    }


def _programs(number: int, pair: Pair) -> dict[str, str]:
    programs: dict[str, str] = {}
    first, second = pair.captions
    choose = program(f"if {first.condition}:", f'    return "{first.text}"', f'return "{second.text}"')
    for i, said in enumerate(pair.captions):
        verify = program(f"return bool_to_yesno({said.condition})")
        programs |= {f"{number}-c{i}-i0": verify, f"{number}-c{i}-i1": verify, f"{number}-i{i}": choose}
        lines = (
            "def execute_command(image_1, image_2):",
            "    for image in (image_1, image_2):",
            "        image_patch = ImagePatch(image)",
            f"        if {said.condition}:",
            "            return image_patch",
        )
        programs[f"{number}-c{i}"] = "".join(f"{line}\n" for line in lines)
    return programs
