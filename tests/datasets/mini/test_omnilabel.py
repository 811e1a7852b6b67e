"""The mini OmniLabel data: a valid data set in the official layout, balanced."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from vispro_gym.datasets import open_dataset
from vispro_gym.datasets.mini.omnilabel import write_omnilabel
from vispro_gym.tasks.detection import OmniLabelTask
from vispro_gym.tasks.metrics.omnilabel import omnilabel_metric

FILE = Path("omnilabel_val_v0.1.4") / "dataset_all_val_v0.1.4.json"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("omnilabel")
    write_omnilabel(folder)
    return folder


def test_the_data_is_a_function_of_the_seed(root: Path, tmp_path: Path) -> None:
    write_omnilabel(tmp_path)
    files = sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())
    assert len(files) == 50 + 3
    assert all((tmp_path / path).read_bytes() == (root / path).read_bytes() for path in files)
    (tmp_path / "other").mkdir()
    write_omnilabel(tmp_path / "other", seed=1)
    assert (tmp_path / "other" / FILE).read_bytes() != (root / FILE).read_bytes()


def test_the_file_is_an_official_one(root: Path) -> None:
    content: dict[str, Any] = json.loads((root / FILE).read_text())
    image_ids = {image["id"] for image in content["images"]}
    spaces = {description["id"]: set(description["image_ids"]) for description in content["descriptions"]}
    assert all((root / image["file_name"]).is_file() for image in content["images"])
    assert len(spaces) == len(content["descriptions"]) and all(ids <= image_ids for ids in spaces.values())
    texts = [(description["text"], description["anno_info"]["type"]) for description in content["descriptions"]]
    assert len(set(texts)) == len(texts) and {kind for _, kind in texts} == {"object_category", "object_description"}
    for annotation in content["annotations"]:
        assert all(annotation["image_id"] in spaces[number] for number in annotation["description_ids"])
        assert len(set(annotation["description_ids"])) == len(annotation["description_ids"]) > 0
    # the metric, of the file itself and of what the loader makes of it
    predictions = [annotation | {"scores": [1.0] * len(annotation["description_ids"])} for annotation in content["annotations"]]
    dataset = open_dataset("OmniLabel", root, "val")
    answers = {sample.sample_id: [list(box) for box in sample.target.gold] for sample in dataset}
    metric = OmniLabelTask().metric(answers, dataset)
    assert metric == omnilabel_metric(predictions, content) and metric["AP"] == pytest.approx(OmniLabelTask.perfect)
    assert {"descr-s/AP", "descr-m/AP", "descr-l/AP", "categ/AP"} <= metric.keys()


def test_balance(root: Path) -> None:
    dataset = open_dataset("OmniLabel", root, "val", form="all")
    assert 300 < len(dataset) < 700
    for field, least in (("type", 0.3), ("words", 0.15), ("polarity", 0.45)):
        counts = Counter(sample.fields[field] for sample in dataset)
        assert min(counts.values()) >= least * len(dataset), counts
        assert len(counts) == {"words": 3}.get(field, 2)
    task = OmniLabelTask()
    width, height = dataset[0].images[0].size
    for guess, most in (([], 0.55), ([(0, 0, width, height)], 0.1)):
        assert sum(task.score(guess, sample.target).reward for sample in dataset) < most * len(dataset)
    polarity: dict[str, Counter[Any]] = {}
    for sample in dataset:
        polarity.setdefault(str(sample.fields["words"]), Counter())[sample.fields["polarity"]] += 1
    assert all(min(counts.values()) > 0.2 * counts.total() for counts in polarity.values()), "length does not tell the answer"
