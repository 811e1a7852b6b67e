from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vispro_gym.datasets import Dataset, DatasetError, MissingDataError, open_dataset
from vispro_gym.datasets.nlvr import ORDERS, scene_from_box
from vispro_gym.datasets.sample import ImageRef
from vispro_gym.perception.oracle import OraclePerception
from vispro_gym.perception.protocol import Answer, Detect, Verify

COLORS = {"Black": (0, 0, 0), "#0099ff": (0, 153, 255), "Yellow": (255, 255, 0)}


def item(kind: str, color: str, size: int, x: int, y: int) -> dict[str, Any]:
    return {"type": kind, "color": color, "size": size, "x_loc": x, "y_loc": y}


BOXES = [
    [item("circle", "Black", 10, 0, 20), item("square", "#0099ff", 30, 50, 70)],
    [item("triangle", "Yellow", 20, 30, 30)],
    [item("square", "Black", 20, 80, 0)],
]
RECORDS: list[dict[str, Any]] = [
    {"identifier": "15-0", "sentence": "There is a black circle.", "label": "true", "directory": "2", "structured_rep": BOXES},
    {
        "identifier": "15-1",
        "sentence": "There is a black circle.",
        "label": "false",
        "directory": "2",
        "structured_rep": BOXES[::-1],
    },
]


def draw(record: dict[str, Any], order: tuple[int, ...]) -> Image.Image:
    image = Image.new("RGBA", (400, 100), (128, 128, 128, 255))
    for place, box in enumerate(order):
        image.paste((211, 211, 211, 255), (150 * place, 0, 150 * place + 100, 100))
        for thing in record["structured_rep"][box]:
            left, top = 150 * place + thing["x_loc"], thing["y_loc"]
            image.paste((*COLORS[thing["color"]], 255), (left, top, left + thing["size"], top + thing["size"]))
    return image


def write_folder(root: Path, records: list[Any] = RECORDS, base: str = ".", folder: str = "images/2") -> Path:
    (root / base / "dev" / folder).mkdir(parents=True, exist_ok=True)
    (root / base / "dev" / "dev.json").write_text("\n".join(json.dumps(record) for record in records))
    for record in RECORDS:
        for k, order in enumerate(permutations(range(3))):
            draw(record, order).save(root / base / "dev" / folder / f"dev-{record['identifier']}-{k}.png")
    return root


def shows(image: ImageRef) -> bool:
    """Whether the pixels have the annotated colours in the middle of every annotated object, and the ground in a corner."""
    pixels = image.pixels()
    assert image.scene is not None and pixels.shape == (100, 100, 3) and image.size == (100, 100)
    for thing in image.scene.objects.values():
        left, top, right, bottom = thing.box
        color = {"black": (0, 0, 0), "blue": (0, 153, 255), "yellow": (255, 255, 0)}[thing.attributes[-1]]
        if tuple(pixels[int(top + bottom) // 2, int(left + right) // 2]) != color:
            return False
    return True


def test_a_sample(tmp_path: Path) -> None:
    dataset = open_dataset("NLVR", write_folder(tmp_path / "Größe 1"), "dev")
    assert dataset.image_names == ("box_1", "box_2", "box_3") and dataset.is_shuffled
    assert dataset.sample_ids == ["15-0", "15-1"] and dataset.has_scene("15-1")
    sample = dataset[0]
    assert (sample.query, sample.target) == ("There is a black circle.", True) and dataset[1].target is False
    assert dict(sample.fields) == {"arrangement": "scatter", "objects": 4, "directory": 2}
    first, second, third = sample.images
    assert [image.image_id for image in sample.images] == [f"dev-15-0-0.png, box {i}" for i in (1, 2, 3)]
    assert all(map(shows, sample.images))
    assert first.path is None and len({image.content_hash for image in sample.images}) == 3
    assert first.scene is not None and second.scene is not None and third.scene is not None
    (circle, square), (triangle,) = first.scene.objects.values(), second.scene.objects.values()
    assert (circle.name, circle.box, circle.attributes) == ("circle", (0, 20, 10, 30), ("small", "black"))
    assert (square.name, square.box, square.attributes) == ("square", (50, 70, 80, 100), ("large", "blue"))
    assert (triangle.name, triangle.attributes) == ("triangle", ("medium", "yellow"))


def test_the_seed_chooses_the_picture(tmp_path: Path) -> None:
    dataset = open_dataset("NLVR", write_folder(tmp_path), "dev")
    seen = []
    for seed in range(6):
        sample = dataset.sample(0, seed)
        assert all(map(shows, sample.images)) and sample.images[0].image_id.startswith(f"dev-15-0-{seed}.png")
        scenes = [image.scene for image in sample.images]
        seen.append(tuple(len(scene.objects) + 10 * int("triangle" in str(scene)) for scene in scenes if scene))
        assert dataset.sample(0, seed + 6).images[0].image_id == sample.images[0].image_id
    assert seen == [tuple((2, 11, 1)[i] for i in order) for order in ORDERS]
    assert dataset.sample(0, 3).images[2].scene is dataset.sample(0, 0).images[0].scene, (
        "the oracle knows scenes by their identity"
    )


def test_the_oracle_knows_the_words(tmp_path: Path) -> None:
    box = open_dataset("NLVR", write_folder(tmp_path), "dev")[0].images[0]
    oracle, whole = OraclePerception(), (0, 0, 100, 100)
    found = {
        text: oracle.detect([Detect(box, whole, text)])[0]
        for text in (
            "circle",
            "black circle",
            "small black circles",
            "blue square",
            "large square",
            "item",
            "black square",
            "triangle",
        )
    }
    circle, square = [(0, 20, 10, 30)], [(50, 70, 80, 100)]
    assert found == {
        "circle": circle, "black circle": circle, "small black circles": circle,
        "blue square": square, "large square": square, "item": circle + square, "black square": [], "triangle": [],
    }  # fmt: skip
    assert oracle.verify([Verify(box, square[0], "square", "blue"), Verify(box, square[0], "square", "black")]) == [True, False]
    questions = ("What color is this?", "How big is this?", "What is this?")
    assert oracle.answer([Answer(box, square[0], text) for text in questions]) == ["blue", "large", "square"]


@pytest.mark.parametrize("base", [".", "nlvr"])
def test_places_of_the_files(tmp_path: Path, base: str) -> None:
    assert all(map(shows, open_dataset("NLVR", write_folder(tmp_path, base=base), "dev")[0].images))


@pytest.mark.parametrize("folder", ["images", "images/7"])
def test_records_without_a_directory(tmp_path: Path, folder: str) -> None:
    records = [{key: value for key, value in record.items() if key != "directory"} for record in RECORDS]
    dataset = open_dataset("NLVR", write_folder(tmp_path, records, folder=folder), "dev")
    assert all(map(shows, dataset[1].images)) and "directory" not in dataset[1].fields


def test_missing_pictures(tmp_path: Path) -> None:
    root = write_folder(tmp_path, folder="elsewhere")
    with pytest.raises(MissingDataError, match=r"dev-15-0-0\.png is missing"):
        open_dataset("NLVR", root, "dev")[0]
    box = open_dataset("NLVR", root, "dev", images="optional")[0].images[0]
    assert box.pixels().shape == (100, 100, 3) and box.scene is not None and len(box.scene.objects) == 2
    with pytest.raises(MissingDataError, match=r"no split 'train' in .*Expected train/train\.json.*Splits found there: dev\."):
        open_dataset("NLVR", root, "train")


def test_a_picture_of_another_size(tmp_path: Path) -> None:
    root = write_folder(tmp_path)
    Image.new("RGB", (200, 50)).save(root / "dev" / "images" / "2" / "dev-15-0-0.png")
    with pytest.raises(DatasetError, match=r"dev-15-0-0\.png is 200x50 pixels, but its annotations are for a picture of 400x100"):
        open_dataset("NLVR", root, "dev")[0].images[0].pixels()


def test_pictures_without_annotations(tmp_path: Path) -> None:
    records = [{key: value for key, value in RECORDS[0].items() if key != "structured_rep"}, RECORDS[1]]
    dataset = open_dataset("NLVR", write_folder(tmp_path, records), "dev")
    assert dataset[0].images[0].scene is None and dict(dataset[0].fields) == {"directory": 2}
    assert np.array_equal(dataset[0].images[2].pixels(), dataset[1].images[0].pixels())
    dataset.keep_annotated()
    assert dataset.sample_ids == ["15-1"]


BAD: dict[str, tuple[Any, str]] = {
    "label": ({"label": "yes"}, "NLVR dev example 15-1 has the label 'yes'. Expected 'True' or 'False'"),
    "sentence": ({"sentence": None}, "example 15-1 has 'sentence' of type NoneType. Expected str"),
    "identifier": ({"identifier": "../../x"}, "has the identifier '../../x'. Expected two numbers"),
    "directory": ({"directory": ".."}, "example 15-1 has the directory '..'. Expected a whole number"),
    "two boxes": ({"structured_rep": BOXES[:2]}, "example 15-1 has a structured_rep of 2 boxes. Expected 3"),
    "no boxes": ({"structured_rep": {}}, "example 15-1 has 'structured_rep' of type dict. Expected list"),
    "a box": ({"structured_rep": [[], [], "box"]}, "'structured_rep' whose item 2 is of type str. Expected list"),
    "an object": ({"structured_rep": [[], [None], []]}, "a structured_rep whose box 1 holds None. Expected objects"),
}


@pytest.mark.parametrize("name", BAD)
def test_damaged_records_are_named(tmp_path: Path, name: str) -> None:
    change, message = BAD[name]
    dataset = open_dataset("NLVR", write_folder(tmp_path, [RECORDS[0], RECORDS[1] | change]), "dev")
    assert dataset[0].target is True, "other records are not affected"
    with pytest.raises(DatasetError) as error:
        dataset[1]
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x_loc": float("nan")}, "box 0, object 0, 'x_loc' is nan"),
        ({"y_loc": -1}, "'y_loc' is -1"),
        ({"size": "20"}, "'size' is '20'"),
        ({"color": 3}, "object 0 has 'color' of type int"),
        ({"type": None}, "object 0 has 'type' of type NoneType"),
    ],
)
def test_damaged_objects_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DatasetError) as error:
        scene_from_box([BOXES[0][0] | change], "box 0")
    assert message in str(error.value)


def test_other_colors_and_sizes_are_taken_as_they_are() -> None:
    ((thing,),) = [scene_from_box([item("Star", "Red", 13, 1, 2)], "box").objects.values()]
    assert (thing.name, thing.box, thing.attributes) == ("star", (1, 2, 14, 15), ("red",))


@pytest.fixture
def real(realdata: Path) -> Dataset:
    return open_dataset("NLVR", realdata / "nlvr", "dev")


def with_pictures(dataset: Dataset) -> Iterator[int]:
    pictures = {path.name.rpartition("-")[0] for path in dataset.location.root.rglob("*.png")}
    return (i for i, key in enumerate(dataset.sample_ids) if f"dev-{key}" in pictures)


def test_real_samples(real: Dataset) -> None:
    assert len(real) == 989 and sum(record["label"] == "true" for record in records(real)) == 547
    sample = real[real.position("1572-0")]
    assert sample.query == "Each grey box contains atleast one yellow object touching the edge" and sample.target is True
    kinds = {kind: sum(row == (kind,) for row in rows(real, "arrangement")) for kind in ("tower", "scatter")}
    assert kinds == {"tower": 676, "scatter": 313}


def records(dataset: Dataset) -> list[Any]:
    path = dataset.location.root / "dev" / "dev.json"
    return [json.loads(line) for line in path.read_text().splitlines()]


def rows(dataset: Dataset, field: str) -> list[tuple[Any, ...]]:
    return dataset._samples.fields([field])


def test_real_pictures_show_what_is_annotated_in_every_order(real: Dataset) -> None:
    positions = list(with_pictures(real))
    assert len(positions) == 120
    for seed in range(6):
        for i in positions[seed::6]:
            sample = real.sample(i, seed)
            assert all(map(shows, sample.images)), (sample.sample_id, seed)


def test_the_orders_are_the_only_ones_that_fit_the_real_pictures(real: Dataset) -> None:
    """Taken for picture j, the boxes of picture k do not show what is annotated, in almost all examples and for all k and j."""
    positions = list(with_pictures(real))
    for k in range(6):
        for j in set(range(6)) - {k}:
            fits = 0
            for i in positions[j::6]:
                pixels, scenes = real.sample(i, k).images, real.sample(i, j).images
                fits += all(shows(ImageRef("", (100, 100), a.pixels, scene=b.scene)) for a, b in zip(pixels, scenes, strict=True))
            assert fits <= 4, (k, j)
