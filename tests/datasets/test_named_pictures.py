from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vispro_gym.datasets.coco_pictures import CocoPictures
from vispro_gym.datasets.errors import DatasetError, MissingDataError
from vispro_gym.datasets.named_pictures import NamedPictures


def instances(*names: str) -> dict[str, Any]:
    return {
        "images": [{"id": i, "file_name": name, "width": 40, "height": 30} for i, name in enumerate(names)],
        "annotations": [
            {"id": 10 + i, "image_id": i, "category_id": 3, "bbox": [i, 1, 5, 6], "attributes": ["red"]}
            for i in range(len(names))
        ],
        "categories": [{"id": 3, "name": "cup"}],
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "Größe 1"
    (root / "annotations").mkdir(parents=True)
    (root / "annotations" / "instances_dev.json").write_text(json.dumps(instances("dev/a.png", "b.png")))
    (root / "annotations" / "instances_test.json").write_text(json.dumps(instances("images/c.png", "b.png")))
    Image.new("RGB", (40, 30), "blue").save(root / "a.png")
    return root


def test_pictures_are_known_by_their_names(folder: Path) -> None:
    pictures = NamedPictures(folder, "required")
    assert [path.name for path in pictures.sources] == ["instances_dev.json", "instances_test.json"]
    assert [pictures.has(name) for name in ("a.png", "b.png", "c.png", "dev/a.png", "d.png")] == [True, True, True, False, False]
    ref = pictures.ref(folder / "a.png", "a.png")
    assert (ref.image_id, ref.size, ref.pixels().shape) == ("a.png", (40, 30), (30, 40, 3))
    assert ref.scene is not None and ref.scene is pictures.scene("a.png"), "the oracle knows scenes by their identity"
    ((cup,),) = [ref.scene.objects.values()]
    assert (cup.name, cup.box, cup.attributes) == ("cup", (0, 1, 5, 7), ("red",))
    first = pictures.scene("b.png")
    assert first is not None and list(first.objects) == ["11"], "the first file that has a picture counts"
    assert pictures.scene("d.png") is None


def test_missing_pictures(folder: Path) -> None:
    with pytest.raises(MissingDataError, match=r"c\.png is missing"):
        NamedPictures(folder, "required").ref(folder / "c.png", "c.png")
    assert NamedPictures(folder, "optional").ref(folder / "c.png", "c.png").pixels().shape == (30, 40, 3)


def test_a_file_can_be_indexed_by_name_and_by_id(folder: Path) -> None:
    pictures = CocoPictures(folder, [], "optional")
    assert pictures.has(0) and NamedPictures(folder, "optional").has("a.png") and CocoPictures(folder, [], "optional").has(1)


def test_damaged_annotations(folder: Path) -> None:
    path = folder / "annotations" / "instances_test.json"
    content = instances("c.png")
    del content["images"][0]["file_name"]
    path.write_text(json.dumps(content))
    with pytest.raises(DatasetError, match=r"instances_test\.json, images 0 has no key 'file_name'"):
        NamedPictures(folder, "required").has("a.png")
    path.write_text(json.dumps(instances("x/c.png", "y/c.png")))
    with pytest.raises(DatasetError, match=r"instances_test\.json has file_name c\.png twice"):
        NamedPictures(folder, "required").has("a.png")
