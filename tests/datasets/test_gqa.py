from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.scenes import QUESTIONS, write_gqa_folder
from vispro_gym.datasets import DatasetError, open_dataset
from vispro_gym.datasets.gqa import scene_from_graph


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_gqa_folder(tmp_path / "GQA data, Größe 1")  # spaces and letters beyond ASCII


def question_file(folder: Path) -> Path:
    return folder / "questions1.2" / "val_balanced_questions.json"


def test_a_sample(folder: Path) -> None:
    dataset = open_dataset("GQA", folder, "val")
    assert dataset.sample_ids == ["0007", "0008"] and len(dataset) == 2
    sample = dataset[0]
    assert (sample.sample_id, sample.query, sample.target) == ("0007", "Is there a red cup?", "yes")
    assert sample.fields == {"structural": "verify", "semantic": "obj", "detailed": "existAttr"}
    assert sample.functional_program is not None and sample.functional_program[0]["operation"] == "select"
    (image,) = sample.images
    assert image.size == (100, 80) and image.pixels().shape == (80, 100, 3)
    assert image.scene is not None and image.scene.properties == {"location": "indoors"}
    cup = image.scene.objects["1"]
    assert (cup.name, cup.box, cup.attributes) == ("cup", (10, 50, 30, 70), ("red",))
    assert cup.relations == (("to the left of", "2"), ("on", "3"))
    assert image.content_hash == dataset[1].images[0].content_hash
    assert [s.sample_id for s in dataset] == [s.sample_id for s in dataset[0:2]]


@pytest.mark.parametrize("split", ["val", "val_balanced"])
@pytest.mark.parametrize("where", ["questions1.2", "questions", "."])
def test_places_of_the_question_file(folder: Path, where: str, split: str) -> None:
    target = folder / where / "val_balanced_questions.json"
    target.parent.mkdir(exist_ok=True)
    question_file(folder).rename(target)
    assert len(open_dataset("GQA", folder, split)) == 2


def test_chunked_questions(folder: Path) -> None:
    chunks = folder / "questions1.2" / "val_all_questions"
    chunks.mkdir()
    for i, (key, record) in enumerate(QUESTIONS.items()):
        (chunks / f"val_all_questions_{i}.json").write_text(json.dumps({key: record}))
    assert open_dataset("GQA", folder, "val_all").sample_ids == ["0007", "0008"]


def test_dangling_edges_are_left_out() -> None:
    graph = {
        "width": 9, "height": 9,
        "objects": {"1": {"name": "a", "x": 0, "y": 0, "w": 1, "h": 1, "attributes": [], "relations": [{"name": "on", "object": "2"}]}},
    }  # fmt: skip
    assert scene_from_graph(graph, "graph").objects["1"].relations == ()


BAD_FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is damaged or cut short"),
    "truncated": (json.dumps(QUESTIONS).encode()[:200], "is damaged or cut short"),
    "not text": (b"\xff\xfe\x00PK", "is damaged or cut short"),
    "a list": (b"[]", "holds a JSON list"),
    "no questions": (b"{}", "holds no questions"),
    "nested too deeply": (b"[" * 100_000, "is damaged or cut short"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_damaged_question_files(folder: Path, name: str) -> None:
    content, message = BAD_FILES[name]
    question_file(folder).write_bytes(content)
    with pytest.raises(DatasetError, match=rf"(?s)val_balanced_questions\.json {message}.*Expected"):
        open_dataset("GQA", folder, "val")


BAD_RECORDS: dict[str, tuple[dict[str, Any], str]] = {
    "no question": ({"question": None}, "GQA val question 0008 has 'question' of type NoneType. Expected str"),
    "image id of a wrong type": ({"imageId": 3}, "GQA val question 0008 has 'imageId' of type int. Expected str"),
    "image id that leads out": ({"imageId": "../../secret"}, "GQA image id '../../secret' is malformed"),
}


@pytest.mark.parametrize("name", BAD_RECORDS)
def test_damaged_records_are_named(folder: Path, name: str) -> None:
    change, message = BAD_RECORDS[name]
    question_file(folder).write_text(json.dumps(QUESTIONS | {"0008": QUESTIONS["0008"] | change}))
    dataset = open_dataset("GQA", folder, "val")
    assert dataset[0].sample_id == "0007", "other records are not affected"
    with pytest.raises(DatasetError, match=message):
        dataset[1]


def test_a_missing_key_is_named(folder: Path) -> None:
    record = {key: value for key, value in QUESTIONS["0008"].items() if key != "imageId"}
    question_file(folder).write_text(json.dumps({"0007": QUESTIONS["0007"], "0008": record}))
    with pytest.raises(DatasetError, match="GQA val question 0008 has no key 'imageId'"):
        open_dataset("GQA", folder, "val")[1]


def test_a_split_without_answers(folder: Path) -> None:
    records = {key: {"question": "?", "imageId": "1", "isBalanced": True} for key in QUESTIONS}
    (folder / "questions1.2" / "test_balanced_questions.json").write_text(json.dumps(records))
    with pytest.raises(DatasetError, match="GQA split 'test' has no answers"):
        open_dataset("GQA", folder, "test")


def test_damaged_scene_graphs(folder: Path) -> None:
    graphs = folder / "sceneGraphs" / "val_sceneGraphs.json"
    graphs.write_text('{"1": {"width": 100, "height": 80, "objects": {"1": {"name": "cup"}}}}')
    with pytest.raises(DatasetError, match="GQA scene graph 1, object 1 has no key 'x'"):
        open_dataset("GQA", folder, "val")[0]
    graphs.write_text('{"1": ')
    with pytest.raises(DatasetError, match=r"val_sceneGraphs\.json is damaged or cut short"):
        open_dataset("GQA", folder, "val")


def test_a_picture_that_is_no_picture(folder: Path) -> None:
    (folder / "images" / "1.jpg").write_bytes(b"not a picture")
    with pytest.raises(DatasetError, match=r"1\.jpg is not a readable picture"):
        open_dataset("GQA", folder, "val")[0].images[0].pixels()


def test_real_samples(realdata: Path) -> None:
    dataset = open_dataset("GQA", realdata / "gqa", "sample", images="optional")
    assert len(dataset) == 20 and all(dataset.has_scene(sample_id) for sample_id in dataset.sample_ids)
    sample = dataset[dataset.index("07333408")]
    assert (sample.query, sample.target) == ("What is on the white wall?", "pipe")
    assert sample.images[0].scene is not None and "722332" in sample.images[0].scene.objects
    val = open_dataset("GQA", realdata / "gqa", "gazevlm_val")
    assert len(val) == 5 and val[0].images[0].pixels().ndim == 3
