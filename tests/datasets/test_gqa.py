from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.scenes import GRAPH, QUESTIONS, write_gqa_folder
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
    assert sample.fields == {"structural": "verify", "semantic": "obj", "detailed": "existAttr", "program_length": 3}
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
    "an integer of 5,000 digits": (b'{"1": ' + b"1" * 5_000 + b"}", "is damaged or cut short"),
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
    "unhashable image id": ({"imageId": ["1"]}, "GQA val question 0008 has 'imageId' of type list. Expected str"),
    "image id that leads out": ({"imageId": "../../secret"}, "GQA image id '../../secret' is malformed"),
    "image id too long for a file": ({"imageId": "1" * 300}, "GQA image id '1+ is malformed"),
    "types": ({"types": "verify"}, "GQA val question 0008 has 'types' of type str. Expected dict"),
    "a type": ({"types": {"structural": ["query"]}}, "question 0008, types has 'structural' of type list. Expected str"),
    "program": ({"semantic": {"operation": "exist"}}, "GQA val question 0008 has 'semantic' of type dict. Expected list"),
    "node": ({"semantic": [{}, "exist"]}, "question 0008 has 'semantic' whose item 1 is of type str. Expected dict"),
}


@pytest.mark.parametrize("name", BAD_RECORDS)
def test_damaged_records_are_named(folder: Path, name: str) -> None:
    change, message = BAD_RECORDS[name]
    question_file(folder).write_text(json.dumps(QUESTIONS | {"0008": QUESTIONS["0008"] | change}))
    dataset = open_dataset("GQA", folder, "val")
    assert dataset[0].sample_id == "0007", "other records are not affected"
    with pytest.raises(DatasetError, match=message):
        dataset[1]


@pytest.mark.parametrize("image_id", [None, 3, ["1"], {}])
def test_a_damaged_record_is_not_taken_for_one_without_annotations(folder: Path, image_id: Any) -> None:
    records = {"0007": QUESTIONS["0007"] | {"imageId": "not annotated"}, "0008": QUESTIONS["0008"] | {"imageId": image_id}}
    question_file(folder).write_text(json.dumps(records))
    dataset = open_dataset("GQA", folder, "val")
    dataset.keep_annotated()
    assert dataset.sample_ids == ["0008"]
    with pytest.raises(DatasetError, match="GQA val question 0008 has 'imageId' of type"):
        dataset[0]


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
        assert open_dataset("GQA", folder, "val")[0].images[0].size
    graphs.write_text('{"1": ')
    with pytest.raises(DatasetError, match=r"val_sceneGraphs\.json is damaged or cut short"):
        open_dataset("GQA", folder, "val")


NAN, INFINITY, HUGE = float("nan"), float("inf"), 10**4000
BAD_GRAPHS: dict[str, tuple[tuple[str, ...], list[Any], str]] = {
    "picture": (("width",), [NAN, INFINITY, HUGE, True, 0, -1, "100", None], r"'width' is .*from 1 to"),
    "position": (("objects", "1", "x"), [NAN, -INFINITY, HUGE, False, "1", []], r"object 1, 'x' is .*from -16384 to"),
    "box": (("objects", "1", "w"), [NAN, -INFINITY, HUGE, False, -1, "1", []], r"object 1, 'w' is .*from 0 to"),
    "name": (("objects", "1", "name"), [None, 3, []], "object 1 has 'name' of type .*Expected str"),
    "object": (("objects", "1"), [None, 3, []], "object 1 is .*Expected an object with the key"),
    "attributes": (("objects", "1", "attributes"), [None, "red"], "object 1 has 'attributes' of type .*Expected list"),
    "attribute": (("objects", "1", "attributes"), [[None], [3], [["red"]]], "'attributes' whose item 0 is of type .*Expected str"),
    "relations": (("objects", "1", "relations"), [None, {"name": "on"}], "'relations' of type .*Expected list"),
    "relation": (("objects", "1", "relations"), [[None], ["on"]], "'relations' whose item 0 is of type .*Expected dict"),
    "relation key": (("objects", "1", "relations"), [[{"name": "on"}], [{"object": "2"}]], "object 1, relation has no key"),
    "relation value": (
        ("objects", "1", "relations"),
        [[{"name": 3, "object": "dangling"}], [{"name": "on", "object": 2}], [{"name": "on", "object": []}]],
        "object 1, relation has '(name|object)' of type .*Expected str",
    ),
    "location": (("location",), [None, 3, ["indoors"]], "has 'location' of type .*Expected str"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_GRAPHS)
def test_damaged_values_of_scene_graphs_are_named(name: str) -> None:
    path, values, message = BAD_GRAPHS[name]
    for value in values:
        graph = json.loads(json.dumps(GRAPH))
        record = graph
        for key in path[:-1]:
            record = record[key]
        record[path[-1]] = value
        with pytest.raises(DatasetError, match=f"(?s)GQA scene graph 1.*{message}") as error:
            scene_from_graph(graph, "GQA scene graph 1")
        assert len(str(error.value)) < 300


def test_a_picture_of_another_size_than_annotated(folder: Path) -> None:
    Image.new("RGB", (50, 40)).save(folder / "images" / "1.jpg")
    image = open_dataset("GQA", folder, "val")[0].images[0]
    with pytest.raises(DatasetError, match=r"1\.jpg is 50x40 pixels, but its annotations are for a picture of 100x80"):
        image.pixels()
    (folder / "sceneGraphs" / "val_sceneGraphs.json").unlink()
    image = open_dataset("GQA", folder, "val")[0].images[0]
    assert image.size == (50, 40) and image.pixels().shape == (40, 50, 3), "without annotations any size is right"


def test_a_dataset_is_no_sequence_of_python_but_walks_like_one(folder: Path) -> None:
    dataset = open_dataset("GQA", folder, "val")
    assert dataset.position("0008") == 1
    assert [sample.sample_id for sample in dataset] == [sample.sample_id for sample in dataset[:]] == ["0007", "0008"]
    assert dataset[-1].sample_id == "0008"
    for sample_id in ("8", 8, ["0008"]):
        with pytest.raises(DatasetError, match="GQA val has no sample .*Expected one of its 2 sample ids, such as '0007'"):
            dataset.position(sample_id)  # type: ignore[arg-type]


def test_a_picture_that_is_no_picture(folder: Path) -> None:
    (folder / "images" / "1.jpg").write_bytes(b"not a picture")
    with pytest.raises(DatasetError, match=r"1\.jpg is not a readable picture"):
        open_dataset("GQA", folder, "val")[0].images[0].pixels()


def test_real_samples(realdata: Path) -> None:
    dataset = open_dataset("GQA", realdata / "gqa", "sample", images="optional")
    assert len(dataset) == 20 and all(dataset.has_scene(sample_id) for sample_id in dataset.sample_ids)
    sample = dataset[dataset.position("07333408")]
    assert (sample.query, sample.target) == ("What is on the white wall?", "pipe")
    assert sample.images[0].scene is not None and "722332" in sample.images[0].scene.objects
    val = open_dataset("GQA", realdata / "gqa", "gazevlm_val")
    assert len(val) == 5 and val[0].images[0].pixels().ndim == 3
