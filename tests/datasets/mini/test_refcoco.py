"""The mini data of RefCOCO, RefCOCO+ and RefCOCOg: valid data sets in refer's layout."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vispro_gym.datasets import open_dataset
from vispro_gym.datasets.mini.refcoco import write_refcoco, write_refcoco_plus, write_refcocog
from vispro_gym.tasks.grounding import RefCOCOTask
from vispro_gym.tasks.metrics.boxes import iou_matrix

DATASETS: dict[str, tuple[str, str, Callable[..., None]]] = {
    "RefCOCO": ("refcoco", "refs(unc).p", write_refcoco),
    "RefCOCOplus": ("refcoco+", "refs(unc).p", write_refcoco_plus),
    "RefCOCOg": ("refcocog", "refs(umd).p", write_refcocog),
}


@pytest.fixture(scope="module", params=DATASETS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def root(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(name)
    DATASETS[name][2](folder)
    return folder


def refs_of(root: Path, name: str) -> list[dict[str, Any]]:
    folder, file, _ = DATASETS[name]
    refs: list[dict[str, Any]] = pickle.loads((root / folder / file).read_bytes())
    return refs


def test_the_data_is_a_function_of_the_seed(root: Path, name: str, tmp_path: Path) -> None:
    write = DATASETS[name][2]
    write(tmp_path)
    files = sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())
    assert len(files) == 60 + 30 + 2 + 2
    assert all((tmp_path / path).read_bytes() == (root / path).read_bytes() for path in files)
    (tmp_path / "other").mkdir()
    write(tmp_path / "other", seed=1)
    assert refs_of(tmp_path / "other", name) != refs_of(root, name)


def test_the_files_are_those_of_refer(root: Path, name: str) -> None:
    refs = refs_of(root, name)
    instances = json.loads((root / DATASETS[name][0] / "instances.json").read_text())
    annotations = {annotation["id"]: annotation for annotation in instances["annotations"]}
    images = {image["id"]: image for image in instances["images"]}
    sentences = [sentence for ref in refs for sentence in ref["sentences"]]
    assert len({ref["ref_id"] for ref in refs}) == len({ref["ann_id"] for ref in refs}) == len(refs)
    assert sorted(sentence["sent_id"] for sentence in sentences) == list(range(len(sentences)))
    assert {ref["split"] for ref in refs} == {"train", "val"}
    for ref in refs:
        annotation = annotations[ref["ann_id"]]
        assert (annotation["image_id"], annotation["category_id"]) == (ref["image_id"], ref["category_id"])
        assert [sentence["sent_id"] for sentence in ref["sentences"]] == ref["sent_ids"]
        stem, _, number = ref["file_name"].removesuffix(".jpg").rpartition("_")
        assert number == str(ref["ann_id"]) and f"{stem}.jpg" == images[ref["image_id"]]["file_name"]
        assert (root / "images" / "mscoco" / "images" / "train2014" / f"{stem}.jpg").is_file()


@pytest.mark.parametrize("split", ["train", "val"])
def test_samples(root: Path, name: str, split: str) -> None:
    dataset = open_dataset(name, root, split)
    assert len(dataset) > {"train": 150, "val": 75}[split]
    per_picture = Counter(sample.images[0].image_id for sample in dataset)
    assert max(per_picture.values()) <= 8
    alone = 0
    for sample in dataset:
        scene = sample.images[0].scene
        assert scene is not None
        alike = [item.box for item in scene.objects.values() if item.name == sample.fields["category"]]
        assert sample.target in alike
        alone += len(alike) == 1
    assert alone <= (0.45 * len(dataset) if name == "RefCOCOplus" else 0)


def test_what_expressions_speak_of(root: Path, name: str) -> None:
    queries = [sample.query for sample in open_dataset(name, root, "train")]
    placed = [
        query for query in queries if any(word in query.split() for word in ("left", "right", "leftmost", "rightmost", "middle"))
    ]
    assert len(placed) == 0 if name == "RefCOCOplus" else len(placed) > 0.3 * len(queries)
    assert max(Counter(queries).values()) < 0.1 * len(queries)
    longer = [query for query in queries if " in the picture of a" in query]
    assert len(longer) == (len(queries) if name == "RefCOCOg" else 0)


def test_no_constant_answer_is_right_often(root: Path, name: str) -> None:
    samples = open_dataset(name, root, "train")[:]
    width, height = samples[0].images[0].size
    guesses = [
        (x, y, min(width, x + size), min(height, y + size))
        for x in range(0, width, 30)
        for y in range(0, height, 30)
        for size in (40, 60, 80, 120, 160, 240, 400)
    ]
    rates = (iou_matrix(guesses, [sample.target for sample in samples]) >= 0.5).mean(axis=1)
    assert rates.max() < 0.1


def test_the_first_of_its_kind_is_often_another(root: Path, name: str) -> None:
    """Finding the category and taking the first is not enough."""
    samples = open_dataset(name, root, "train")[:]
    task, right = RefCOCOTask(), 0.0
    for sample in samples:
        scene = sample.images[0].scene
        assert scene is not None
        first = next(item for item in scene.objects.values() if item.name == sample.fields["category"])
        right += task.score(list(first.box), sample.target).reward
    assert right < (0.75 if name == "RefCOCOplus" else 0.6) * len(samples)
