"""COCO's categories: the official ids, names and groups, and words that perception tells apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vispro_gym.datasets.coco_categories import BY_NAME, CATEGORIES
from vispro_gym.datasets.scene import Scene, SceneObject
from vispro_gym.perception.scene_index import SceneIndex
from vispro_gym.perception.vocabulary import plural


def test_there_are_eighty_with_ids_up_to_ninety() -> None:
    assert len(CATEGORIES) == len(BY_NAME) == 80
    ids = [category.id for category in CATEGORIES]
    assert ids == sorted(set(ids))
    assert set(range(1, 91)) - set(ids) == {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}


def test_they_are_those_of_the_official_files(realdata: Path) -> None:
    official = json.loads((realdata / "coco/annotations/instances_val2014_100.json").read_text())["categories"]
    assert [(row["id"], row["name"], row["supercategory"]) for row in official] == [tuple(row) for row in CATEGORIES]


def _scene(names: list[str]) -> Scene:
    objects = {name: SceneObject(name, name, (i, i, i + 10, i + 20)) for i, name in enumerate(names)}
    return Scene(640, 480, objects)


@pytest.mark.parametrize("name", list(BY_NAME))
def test_perception_takes_no_category_for_another(name: str) -> None:
    """By its name or its plural each category is found, and nothing else, whether it is there or not."""
    names = list(BY_NAME)
    everything, others = SceneIndex(_scene(names)), SceneIndex(_scene([other for other in names if other != name]))
    for phrase in (name, plural(name), f"the {name}"):
        assert [names[i] for i in everything.named(phrase)] == [name]
        assert others.named(phrase) == ()
