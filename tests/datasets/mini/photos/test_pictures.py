"""Drawn photos: a function of their seed, annotated as COCO's, with things to count and to tell apart."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask
from pycocotools.coco import COCO

from tests.datasets.mini.photos.harness import photos
from vispro_gym.datasets.coco_categories import BY_NAME
from vispro_gym.datasets.mini.gqa.catalogue import KINDS, PLACES
from vispro_gym.datasets.mini.photos import coco_category, coco_file_name, coco_instances, save_photos, take_photos

_DIGEST = """
import hashlib, json
from random import Random
from vispro_gym.datasets.mini.photos import *
digest = hashlib.sha256()
for photo in take_photos("digest", 16, 5):
    rng = Random(f"facts-{photo.image_id}")
    digest.update(photo.image.tobytes())
    facts = [questions(photo, rng), statements(photo, rng), captions(photo, rng), expressions(photo, rng), descriptions(photo, rng)]
    facts.append([foils(photo, caption, rng) for caption in captions(photo, rng)])
    digest.update(json.dumps([coco_instances([photo], "val2017"), repr(facts)]).encode())
print(digest.hexdigest())
"""


def test_everything_is_a_function_of_the_seed_in_every_process() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", _DIGEST], capture_output=True, text=True, check=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("0", "1", "4711")
    }  # fmt: skip
    assert len(digests) == 1


def test_seeds_and_photos_differ() -> None:
    pictures = [photo.image.tobytes() for seed in ("a", "b") for photo in take_photos(seed, 40, 1)]
    assert len({hashlib.sha256(picture).digest() for picture in pictures}) == 80


def test_more_photos_begin_with_the_same_ones() -> None:
    few, many = list(take_photos("same", 3, 7)), list(take_photos("same", 9, 7))
    assert [photo.image.tobytes() for photo in few] == [photo.image.tobytes() for photo in many[:3]]
    assert [photo.objects for photo in few] == [photo.objects for photo in many[:3]]


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 580_000))
def test_boxes_lie_in_the_picture_and_ids_are_unique(seed: int, first_id: int) -> None:
    shot = list(take_photos(str(seed), 2, first_id))
    ids = [thing.annotation_id for photo in shot for thing in (*photo.objects, *photo.extras)]
    assert len(set(ids)) == len(ids)
    for photo in shot:
        assert photo.image.size == (480, 360)
        assert photo.image.mode == "RGB"
        assert (photo.location == "outdoors") == bool(photo.weather)
        assert photo.place in PLACES
        for thing in (*photo.objects, *photo.extras):
            left, top, right, bottom = thing.box
            assert 0 <= left < right <= 480
            assert 0 <= top < bottom <= 360
            assert all(type(edge) is int for edge in thing.box)
            assert thing.annotation_id // 100 == photo.image_id
        # A box is the one thing by which programs know a thing.
        assert len({thing.box for thing in photo.objects}) == len(photo.objects)


def test_things_have_official_categories() -> None:
    for photo in photos():
        assert photo.objects
        assert all(thing.category in BY_NAME and coco_category(thing.name) == thing.category for thing in photo.objects)
        assert all(thing.category == "" == coco_category(thing.name) for thing in photo.extras)


def test_nearly_every_category_that_can_be_drawn_is_shown() -> None:
    drawable = {coco_category(name) for name in KINDS} - {""} | {"person"}
    shown = {thing.category for photo in photos() for thing in photo.objects}
    assert len(drawable) == 43
    assert shown <= drawable
    assert len(shown) >= 41


def test_most_photos_show_several_of_something() -> None:
    most = Counter(max(Counter(thing.category for thing in photo.objects).values()) for photo in photos())
    total = len(photos())
    assert sum(most[count] for count in most if count > 1) > 0.6 * total
    assert sum(most[count] for count in most if count > 2) > 0.3 * total
    alike = [
        photo for photo in photos()
        if any(count > 1 for count in Counter((thing.category, thing.color) for thing in photo.objects if thing.color).values())
    ]  # fmt: skip
    assert len(alike) > 0.2 * total


@pytest.mark.parametrize("split", ["train2017", "val2014"])
def test_pycocotools_reads_the_instance_file(split: str, tmp_path: Path) -> None:
    some = photos()[:12]
    path = tmp_path / f"instances_{split}.json"
    path.write_text(json.dumps(coco_instances(some, split)))
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(path))
    assert len(coco.getCatIds()) == 80
    assert coco.getImgIds() == [photo.image_id for photo in some]
    for photo in some:
        (record,) = coco.loadImgs(photo.image_id)
        assert (record["width"], record["height"]) == photo.image.size
        annotations = coco.loadAnns(coco.getAnnIds(photo.image_id))
        assert [annotation["id"] for annotation in annotations] == [thing.annotation_id for thing in photo.objects]
        for annotation, thing in zip(annotations, photo.objects, strict=True):
            x, y, width, height = annotation["bbox"]
            assert (x, y, x + width, y + height) == thing.box
            assert annotation["area"] == width * height
            assert annotation["attributes"] == list(thing.attributes)
            assert coco.loadCats(annotation["category_id"])[0]["name"] == thing.category
            outline = coco.annToRLE(annotation)
            assert mask.area(outline) == thing.area
            assert list(mask.toBbox(outline)) == annotation["bbox"]


def test_the_fields_are_the_official_ones(realdata: Path) -> None:
    official = json.loads((realdata / "coco/annotations/instances_val2014_100.json").read_text())
    ours = coco_instances(photos()[:2], "val2014")
    assert ours.keys() == official.keys()
    assert ours["images"][0].keys() == official["images"][0].keys()
    assert ours["annotations"][0].keys() == official["annotations"][0].keys() | {"attributes"}
    assert ours["categories"] == official["categories"]


def test_files(tmp_path: Path) -> None:
    some = photos()[:3]
    save_photos(some, tmp_path / "coco" / "val2014", coco_file_name("val2014"))
    instances = coco_instances(some, "val2014")
    assert sorted(path.name for path in (tmp_path / "coco" / "val2014").iterdir()) == [
        image["file_name"] for image in instances["images"]
    ]
    assert instances["images"][0]["file_name"] == "COCO_val2014_000000000001.jpg"
    assert coco_file_name("val2017")(42) == "000000000042.jpg"
    with Image.open(tmp_path / "coco" / "val2014" / coco_file_name("val2014")(1)) as image:
        assert (image.format, image.size) == ("JPEG", (480, 360))
