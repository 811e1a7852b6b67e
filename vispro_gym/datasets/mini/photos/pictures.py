"""Drawn pictures with annotations in the way of COCO: photos, the instance file that describes them, and their files.

COCO has no attributes. The annotations here carry them in an additional field `"attributes"`, a list of adjectives, so that
questions on colors can be answered; programs that read official files pass over it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image

from vispro_gym.datasets.coco_categories import BY_NAME, CATEGORIES
from vispro_gym.datasets.mini.drawing.canvas import PALETTE
from vispro_gym.datasets.mini.gqa.catalogue import ATTRIBUTE_CATEGORY, PEOPLE, PLACES
from vispro_gym.datasets.mini.photos.studio import photograph

COLORS: tuple[str, ...] = tuple(PALETTE)
"""The colors that things may have."""
_RENAMED = {
    **dict.fromkeys(PEOPLE, "person"),
    "ball": "sports ball",
    "duck": "bird",
    "phone": "cell phone",
    "plant": "potted plant",
    "stove": "oven",
    "table": "dining table",
    "television": "tv",
}
# Objects of one picture have the ids that begin with the picture's id and end in two digits.
_IDS_PER_PICTURE = 100
_QUALITY = 90

Box = tuple[int, int, int, int]
"""`(left, top, right, bottom)` in whole pixels, origin upper left."""


@dataclass(frozen=True)
class PhotoObject:
    """One thing in a photo.

    Attributes:
        annotation_id: Its id in the instance file, unique among all photos.
        name: What was drawn: "woman", "ball", "lamp".
        category: The name of its COCO category ("person", "sports ball"), "" if COCO has none.
        attributes: Adjectives that hold and can be seen ("red", "striped", "large").
        box: Where it is, in image coordinates, inside the photo.
    """

    annotation_id: int
    name: str
    category: str
    attributes: tuple[str, ...]
    box: Box

    @property
    def color(self) -> str:
        """Its one color, "" if it has none or several."""
        colors = [attribute for attribute in self.attributes if ATTRIBUTE_CATEGORY.get(attribute) == "color"]
        return colors[0] if len(colors) == 1 else ""

    @property
    def center(self) -> tuple[float, float]:
        """The middle of the box."""
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2

    @property
    def area(self) -> int:
        """The area of the box in square pixels."""
        left, top, right, bottom = self.box
        return (right - left) * (bottom - top)


@dataclass(frozen=True, eq=False)
class Photo:
    """One drawn picture.

    Attributes:
        image: The picture, RGB, 480x360.
        image_id: Its id.
        objects: All things that have a COCO category, in the order of the instance file.
        extras: What else can be seen and has a name (a lamp, a tree, a shirt); it is in no annotation.
        place: "kitchen", "living room", "bedroom", "office", "park", "street", "beach" or "field".
        location: "indoors" or "outdoors".
        weather: "sunny", "cloudy", "rainy" or "stormy"; "" indoors.
    """

    image: Image.Image
    image_id: int
    objects: tuple[PhotoObject, ...]
    extras: tuple[PhotoObject, ...]
    place: str
    location: str
    weather: str

    def of(self, category: str) -> list[PhotoObject]:
        """The things of one COCO category, in the order of the instance file."""
        return [thing for thing in self.objects if thing.category == category]

    @property
    def categories(self) -> list[str]:
        """The COCO categories that are there, each once, in the order of the instance file."""
        return list(dict.fromkeys(thing.category for thing in self.objects))


def coco_category(name: str) -> str:
    """The COCO category of a thing of the catalogue ("woman" is a "person"), "" if COCO has none."""
    category = _RENAMED.get(name, name)
    return category if category in BY_NAME else ""


def take_photos(rng_seed: str, count: int, first_id: int) -> Iterator[Photo]:
    """Draw photos, one after the other.

    Args:
        rng_seed: Everything is a function of it, byte for byte and in every process; two splits need two seeds.
        count: How many photos.
        first_id: Image ids count up from here. Annotation ids are the image id followed by two digits.
    """
    places = list(PLACES)
    for index in range(count):
        image_id = first_id + index
        rng = Random(f"{rng_seed}-{index}")  # a string seed is hashed by Random itself, the same in every process
        place = places[index % len(places)]
        image, graph = photograph(rng, place, image_id * _IDS_PER_PICTURE)
        things = [
            PhotoObject(
                int(key),
                record["name"],
                coco_category(record["name"]),
                tuple(record["attributes"]),
                (record["x"], record["y"], record["x"] + record["w"], record["y"] + record["h"]),
            )
            for key, record in graph["objects"].items()
            if record["name"] != place
        ]
        yield Photo(
            image,
            image_id,
            tuple(thing for thing in things if thing.category),
            tuple(thing for thing in things if not thing.category),
            place,
            graph["location"],
            graph.get("weather", ""),
        )


def coco_file_name(split: str) -> Callable[[int], str]:
    """How COCO names the files of a split, without a folder: "000000000042.jpg", in 2014 "COCO_val2014_000000000042.jpg"."""
    prefix = f"COCO_{split}_" if split.endswith("2014") else ""
    return lambda image_id: f"{prefix}{image_id:012d}.jpg"


def coco_instances(photos: Iterable[Photo], split: str) -> dict[str, Any]:
    """The content of `instances_{split}.json`.

    Args:
        photos: The photos of the split.
        split: "train2017" or "val2014", for example; it decides the year and how files are named.

    Returns:
        A JSON-able object `{info, licenses, images, annotations, categories}`. All 80 categories are listed. Outlines are the
        boxes, nothing is a crowd, and every annotation has the additional field "attributes".
    """
    file_name = coco_file_name(split)
    year = int(split[-4:]) if split[-4:].isdigit() else 2017
    images, annotations = [], []
    for photo in photos:
        images.append(
            {
                "license": 1,
                "file_name": file_name(photo.image_id),
                "coco_url": "",
                "height": photo.image.height,
                "width": photo.image.width,
                "date_captured": f"{year}-01-01 00:00:00",
                "flickr_url": "",
                "id": photo.image_id,
            }
        )
        annotations += [_annotation(thing, photo.image_id) for thing in photo.objects]
    return {
        "info": {
            "description": "Drawn pictures in the layout of COCO",
            "url": "",
            "version": "1.0",
            "year": year,
            "contributor": "vispro_gym",
            "date_created": f"{year}/01/01",
        },
        "licenses": [{"url": "", "id": 1, "name": "The licence of vispro_gym"}],
        "images": images,
        "annotations": annotations,
        "categories": [
            {"supercategory": category.supercategory, "id": category.id, "name": category.name} for category in CATEGORIES
        ],
    }


def _annotation(thing: PhotoObject, image_id: int) -> dict[str, Any]:
    left, top, right, bottom = thing.box
    return {
        "segmentation": [[left, top, right, top, right, bottom, left, bottom]],
        "area": thing.area,
        "iscrowd": 0,
        "image_id": image_id,
        "bbox": [left, top, right - left, bottom - top],
        "category_id": BY_NAME[thing.category].id,
        "id": thing.annotation_id,
        "attributes": list(thing.attributes),
    }


def save_photos(photos: Sequence[Photo], folder: Path, file_name: Callable[[int], str]) -> None:
    """Write the pictures as JPEG files.

    Args:
        photos: The photos.
        folder: Where to; it and its parents are made if they are missing.
        file_name: The name of a photo's file by image id, for example `coco_file_name("val2017")`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for photo in photos:
        photo.image.save(folder / file_name(photo.image_id), quality=_QUALITY)
