from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image

from vispro_gym.datasets.coco_categories import BY_NAME
from vispro_gym.datasets.mini.still_lifes import CAPTIONS_PER_PICTURE, StillLife, still_life, write_still_lifes

SEEDS = range(60)


@pytest.fixture(scope="module")
def lives() -> list[StillLife]:
    return [still_life(Random(f"test-{i}"), i + 1) for i in SEEDS]


def test_boxes_are_those_of_segments(lives: list[StillLife]) -> None:
    for life in lives:
        for i, thing in enumerate(life.photo.objects):
            mask = life.segments == i + 3
            assert life.categories[i + 3] == BY_NAME[thing.category].id
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            assert thing.box == (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
            assert mask.sum() >= 0.2 * thing.area


def test_segments_are_what_is_seen(lives: list[StillLife]) -> None:
    """A red apple's pixels are mostly red, and no pixel is without a segment."""
    for life in lives:
        assert (life.segments > 0).all()
        picture = np.asarray(life.photo.image).astype(int)
        for i, thing in enumerate(life.photo.objects):
            if thing.category == "sports ball" and thing.color in ("red", "green", "blue"):
                mean = picture[life.segments == i + 3].mean(0)
                assert ("red", "green", "blue")[int(mean.argmax())] == thing.color


def test_captions_count_what_is_there(lives: list[StillLife]) -> None:
    numbers = {"two": 2, "three": 3, "four": 4, "five": 5}
    for life in lives:
        there = Counter(thing.category for thing in life.photo.objects)
        assert len(life.captions) == CAPTIONS_PER_PICTURE
        for caption in life.captions:
            for category, count in there.items():
                plural = f"{category}s"
                if plural in caption:
                    word = next(word for word in caption.lower().split(plural)[0].split()[::-1] if word in numbers)
                    assert numbers[word] == count
            assert all(
                category in there or category not in caption for category in ("apple", "banana", "backpack", "cup", "teddy bear")
            )


def test_there_are_pictures_of_every_size_and_kind(lives: list[StillLife]) -> None:
    assert {len(life.photo.objects) for life in lives} >= {1, 2, 3, 4, 5}
    assert len({thing.category for life in lives for thing in life.photo.objects}) == 8
    assert max(len(still_life(Random(i), 1, most_things=2).photo.objects) for i in range(30)) == 2


def test_files_agree_with_each_other(tmp_path: Path) -> None:
    write_still_lifes(tmp_path, {"val2017": (6, 5)})
    found = {
        kind: json.loads((tmp_path / f"annotations/{kind}_val2017.json").read_text())
        for kind in ("instances", "captions", "panoptic")
    }
    assert [image["id"] for image in found["instances"]["images"]] == [5, 6, 7, 8, 9, 10]
    assert found["instances"]["images"] == found["captions"]["images"] == found["panoptic"]["images"]
    assert Counter(caption["image_id"] for caption in found["captions"]["annotations"]) == dict.fromkeys(range(5, 11), 5)
    assert len({caption["id"] for caption in found["captions"]["annotations"]}) == 30
    categories = {category["id"]: category for category in found["panoptic"]["categories"]}
    for record in found["panoptic"]["annotations"]:
        picture = np.asarray(Image.open(tmp_path / "annotations/panoptic_val2017" / record["file_name"])).astype(int)
        ids = picture @ [1, 256, 65536]
        infos = {info["id"]: info for info in record["segments_info"]}
        assert set(np.unique(ids)) == set(infos)
        for segment, info in infos.items():
            assert info["area"] == (ids == segment).sum()
            left, top, width, height = info["bbox"]
            assert (ids[top : top + height, left : left + width] == segment).sum() == info["area"]
        things = [info for info in infos.values() if categories[info["category_id"]]["isthing"]]
        boxes = [
            (one["category_id"], one["bbox"])
            for one in found["instances"]["annotations"]
            if one["image_id"] == record["image_id"]
        ]
        assert sorted(boxes) == sorted((info["category_id"], info["bbox"]) for info in things)
        assert (tmp_path / "val2017" / f"{record['image_id']:012d}.jpg").exists()


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    contents = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_still_lifes(tmp_path / name, {"val2017": (2, 1)}, seed=seed)
        contents.append(
            {p.relative_to(tmp_path / name): p.read_bytes() for p in sorted((tmp_path / name).rglob("*")) if p.is_file()}
        )
    assert contents[0] == contents[1] != contents[2]
