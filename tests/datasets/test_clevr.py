from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vispro_gym.datasets import DatasetError, open_dataset
from vispro_gym.datasets.clevr import answer_text, scene_from_record

SCENE: dict[str, Any] = {
    "image_filename": "CLEVR_val_000003.png", "image_index": 3, "split": "val",
    "objects": [
        {"shape": "cube", "size": "large", "color": "red", "material": "metal", "pixel_coords": [100, 150, 10.0]},
        {"shape": "sphere", "size": "small", "color": "blue", "material": "rubber", "pixel_coords": [475, 5, 8.0]},
    ],
    "relationships": {"left": [[], [0]], "right": [[1], []], "front": [[1], []], "behind": [[], [0]]},
}  # fmt: skip
QUESTION: dict[str, Any] = {
    "question_index": 12, "question_family_index": 4, "image_filename": "CLEVR_val_000003.png", "image_index": 3, "split": "val",
    "question": "How many things are there?", "answer": 2,
    "program": [{"function": "scene", "inputs": [], "value_inputs": []}, {"function": "count", "inputs": [0], "value_inputs": []}],
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("images/val", "scenes", "questions"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "scenes" / "CLEVR_val_scenes.json").write_text(json.dumps({"scenes": [SCENE]}))
    (tmp_path / "questions" / "CLEVR_val_questions.json").write_text(json.dumps({"questions": [QUESTION]}))
    Image.new("RGB", (480, 320)).save(tmp_path / "images" / "val" / "CLEVR_val_000003.png")
    return tmp_path


def test_a_sample(folder: Path) -> None:
    dataset = open_dataset("CLEVR", folder, "val")
    assert dataset.sample_ids == ["12"]
    sample = dataset[0]
    assert (sample.query, sample.target, sample.fields) == (
        "How many things are there?",
        "2",
        {"family": "4", "function": "count", "program_length": 2},
    )
    scene = sample.images[0].scene
    assert scene is not None
    cube, sphere = scene.objects["0"], scene.objects["1"]
    assert (cube.name, cube.attributes, cube.depth) == ("cube", ("large", "red", "metal"), 10.0)
    assert cube.box == (56, 106, 144, 194), "0.7 * 622 / 10 pixels to each side of the centre"
    assert sphere.box == (448, 0, 480, 32), "cut at the picture's edges"
    assert cube.relations == (("to the left of", "1"), ("behind", "1"))
    assert sphere.relations == (("to the right of", "0"), ("in front of", "0"))


def test_the_folder_may_be_the_one_above(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    above = tmp_path_factory.mktemp("above")
    shutil.copytree(folder, above / "CLEVR_v1.0")
    assert len(open_dataset("CLEVR", above, "val")) == 1


@pytest.mark.parametrize(("answer", "text"), [(True, "yes"), (False, "no"), (3, "3"), ("metal", "metal"), ("yes", "yes")])
def test_answers_of_both_forms(answer: Any, text: str) -> None:
    assert answer_text(answer) == text


def test_unknown_split_and_split_without_answers(folder: Path) -> None:
    with pytest.raises(
        DatasetError,
        match=r"CLEVR has no split 'tset' in .*Expected questions/CLEVR_tset_questions.json.*found there: val",
    ):
        open_dataset("CLEVR", folder, "tset")
    record = {key: value for key, value in QUESTION.items() if key != "answer"}
    (folder / "questions" / "CLEVR_test_questions.json").write_text(json.dumps({"questions": [record]}))
    with pytest.raises(DatasetError, match="CLEVR split 'test' has no answers"):
        open_dataset("CLEVR", folder, "test")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"questions": [', "is damaged or cut short"),
        ("[]", "holds a JSON list. Expected .*: a JSON object"),
        ('{"info": {}}', "has no key 'questions'"),
        ('{"questions": []}', "holds no questions"),
        (json.dumps({"questions": [QUESTION, QUESTION]}), "has question_index 12 twice"),
        (json.dumps({"questions": [QUESTION | {"question_index": [1]}]}), "has question_index of type list. Expected int"),
        ('{"questions": [' + "1" * 5_000 + "]}", "is damaged or cut short"),
    ],
)
def test_damaged_files(folder: Path, content: str, message: str) -> None:
    (folder / "questions" / "CLEVR_val_questions.json").write_text(content)
    with pytest.raises(DatasetError, match=rf"CLEVR_val_questions\.json.*{message}"):
        open_dataset("CLEVR", folder, "val")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_filename": "../../secret.png"}, "Expected a plain file name"),
        ({"image_filename": ".."}, "Expected a plain file name"),
        ({"image_filename": ""}, "Expected a plain file name"),
        ({"image_filename": "x" * 300}, "Expected a plain file name"),
        ({"image_filename": None}, "has 'image_filename' of type NoneType. Expected str"),
        ({"image_filename": ["a.png"]}, "has 'image_filename' of type list. Expected str"),
        ({"program": {"function": "scene"}}, "has 'program' of type dict. Expected list"),
        ({"program": [{"function": "scene"}, 3]}, "has 'program' whose item 1 is of type int. Expected dict"),
        ({"program": [{}]}, "last node of the program has no key 'function'"),
        ({"program": [{"type": 3}]}, "last node of the program has 'type' of type int. Expected str"),
        ({"question_family_index": "x"}, "has 'question_family_index' of type str. Expected int"),
        ({"answer": [2]}, "has 'answer' of type list. Expected str or bool or int"),
    ],
)
def test_damaged_records_are_named(folder: Path, change: dict[str, Any], message: str) -> None:
    (folder / "questions" / "CLEVR_val_questions.json").write_text(json.dumps({"questions": [QUESTION | change]}))
    dataset = open_dataset("CLEVR", folder, "val")
    if not isinstance(change.get("image_filename", ""), str):
        dataset.keep_annotated()
        assert len(dataset) == 1, "a damaged record is not taken for one without annotations"
    with pytest.raises(DatasetError, match=f"CLEVR val question 12.*{message}"):
        dataset[0]


COORDS = "object 0, pixel_coords"
BAD_SCENES: list[tuple[str, Any, str]] = [
    ("left", None, "relationships has 'left' of type NoneType. Expected list"),
    ("left", [[]], "relationships, has 1 lists under 'left'. Expected one per object: 2"),
    ("left", [[], None], "relationships has 'left' whose item 1 is of type NoneType. Expected list"),
    *(
        ("left", [[], [i]], r"relationships, 'left', list 1 holds .*Expected indices of its 2 objects")
        for i in (-1, 2, "0", 0.0, True, None, [])
    ),
    ("pixel_coords", None, "object 0 has 'pixel_coords' of type NoneType. Expected list"),
    ("pixel_coords", [1, 2], "object 0 has 2 pixel_coords. Expected 3"),
    *(("pixel_coords", [x, 2, 9.0], f"{COORDS}, x is .*Expected a number") for x in (float("nan"), 10**400, True, "1", None)),
    *(
        ("pixel_coords", [1, 2, d], f"{COORDS}, distance is .*Expected a number")
        for d in (0, -1.0, float("nan"), float("inf"), [])
    ),
    ("color", 3, "object 0 has 'color' of type int. Expected str"),
]


@pytest.mark.parametrize(("key", "value", "message"), BAD_SCENES)
def test_damaged_scenes_are_named(key: str, value: Any, message: str) -> None:
    scene = json.loads(json.dumps(SCENE))
    (scene["relationships"] if key == "left" else scene["objects"][0])[key] = value
    with pytest.raises(DatasetError, match=f"CLEVR scene 3, {message}"):
        scene_from_record(scene, "CLEVR scene 3")


@pytest.mark.parametrize("coords", [[-90, 900, 8.0], [470, -300, 0.01], [900, 900, 900.0]])
def test_boxes_stay_inside_the_picture(coords: list[float]) -> None:
    scene = json.loads(json.dumps(SCENE))
    scene["objects"][0]["pixel_coords"] = coords
    left, top, right, bottom = scene_from_record(scene, "scene").objects["0"].box
    assert 0 <= left <= right <= 480 and 0 <= top <= bottom <= 320


def test_a_picture_rendered_at_another_size(folder: Path) -> None:
    Image.new("RGB", (320, 240)).save(folder / "images" / "val" / "CLEVR_val_000003.png")
    with pytest.raises(DatasetError, match=r"000003\.png is 320x240 pixels, but its annotations are for a picture of 480x320"):
        open_dataset("CLEVR", folder, "val")[0].images[0].pixels()


def test_real_samples(realdata: Path) -> None:
    dataset = open_dataset("CLEVR", realdata / "clevr", "train")
    assert len(dataset) == 800
    image = dataset[0].images[0]
    assert image.image_id == "CLEVR_train_000005.png" and image.pixels().shape == (320, 480, 3)
    assert open_dataset("CLEVR", realdata / "clevr", "val150", images="optional").sample_ids[0] == "0"
