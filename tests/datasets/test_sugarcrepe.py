from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vispro_gym.datasets import DatasetError, MissingDataError, open_dataset
from vispro_gym.datasets.sugarcrepe import TYPES
from vispro_gym.tasks.sugarcrepe import SugarCREPEYesNo

COUNTS = {
    "add_att": 692, "add_obj": 2062, "replace_att": 788, "replace_obj": 1652, "replace_rel": 1406, "swap_att": 666, "swap_obj": 245,
}  # fmt: skip


def item(**change: Any) -> dict[str, Any]:
    record = {"filename": "000000000007.jpg", "caption": "A cat\non a mat.", "negative_caption": "A mat  on a cat."}
    return {key: value for key, value in (record | change).items() if value is not ...}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "Sugar Größe 1"
    (root / "data").mkdir(parents=True)
    (root / "val2017").mkdir()
    for kind in TYPES:
        (root / "data" / f"{kind}.json").write_text(json.dumps({"0": item(), "2": item()}))
    Image.new("RGB", (40, 30)).save(root / "val2017" / "000000000007.jpg")
    return root


@pytest.fixture(autouse=True)
def no_coco(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISPRO_DATA_COCO", raising=False)
    monkeypatch.delenv("VISPRO_DATA_ROOT", raising=False)


def test_samples(folder: Path) -> None:
    dataset = open_dataset("SugarCREPE", folder, "test")
    assert list(dataset.sample_ids) == [f"{kind}-{number}" for kind in TYPES for number in (0, 2)]
    sample = dataset[1]
    assert sample.fields == {"type": "add_att"} and sample.record == item()
    assert sorted(sample.target.texts) == ["A cat on a mat.", "A mat on a cat."], "spaces are made one"
    assert sample.images[0].pixels().shape == (30, 40, 3)
    for seed in range(8):
        sample = dataset.sample(3, seed)
        assert sample.target.texts[sample.target.index] == "A cat on a mat."
        assert sample.query.split("\n")[1:] == [f"A: {sample.target.texts[0]}", f"B: {sample.target.texts[1]}"]
    assert {dataset.sample(3, seed).target.index for seed in range(20)} == {0, 1}


def test_parts_are_splits(folder: Path) -> None:
    dataset = open_dataset("SugarCREPE", folder, "swap_obj")
    assert list(dataset.sample_ids) == ["swap_obj-0", "swap_obj-2"]
    with pytest.raises(MissingDataError, match="SugarCREPE has no split 'train'. Expected 'test' or one of: add_att"):
        open_dataset("SugarCREPE", folder, "train")


def test_files_in_the_folder_itself(folder: Path) -> None:
    for path in (folder / "data").iterdir():
        path.rename(folder / path.name)
    (folder / "data").rmdir()
    assert len(open_dataset("SugarCREPE", folder, "test")) == 14


def test_missing_files(folder: Path, tmp_path: Path) -> None:
    (folder / "data" / "swap_att.json").unlink()
    with pytest.raises(MissingDataError, match=r"split 'test' is not in .*: swap_att\.json missing.*https://github.com/RAIVNLab"):
        open_dataset("SugarCREPE", folder, "test")
    assert len(open_dataset("SugarCREPE", folder, "add_att")) == 2
    with pytest.raises(MissingDataError, match=r"add_att\.json, add_obj\.json, .* missing"):
        open_dataset("SugarCREPE", tmp_path, "test")


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (["0"], "is list. Expected an object"),
        (item(filename=...), "has no key 'filename'"),
        (item(filename="../000000000007.jpg"), "has 'filename': .*Expected the name of a COCO picture"),
        (item(filename=7), "has 'filename' of type int"),
        (item(caption=None), "has 'caption' of type NoneType"),
        (item(negative_caption=...), "has no key 'negative_caption'"),
    ],
)
def test_damaged_records_are_named(folder: Path, record: Any, message: str) -> None:
    (folder / "data" / "swap_obj.json").write_text(json.dumps({"0": item(), "1": record}))
    dataset = open_dataset("SugarCREPE", folder, "test")
    assert dataset[dataset.position("swap_obj-0")].target.count == 2
    with pytest.raises(DatasetError, match=f"SugarCREPE test item swap_obj-1 {message}"):
        dataset[dataset.position("swap_obj-1")]


def test_a_key_that_occurs_twice(folder: Path) -> None:
    path = folder / "data" / "swap_obj.json"
    path.write_text(path.read_text().replace('"2"', '"0"'))
    with pytest.raises(DatasetError, match="has item swap_obj-0 twice"):
        open_dataset("SugarCREPE", folder, "test")


def test_real_files(realdata: Path) -> None:
    dataset = open_dataset("SugarCREPE", realdata / "sugarcrepe", "test", images="optional")
    assert len(dataset) == sum(COUNTS.values()) == 7511
    kinds = Counter(sample_id.partition("-")[0] for sample_id in dataset.sample_ids)
    assert kinds == COUNTS
    position = dataset.position("swap_obj-0")
    sample = dataset[position]
    assert sample.images[0].image_id == "222235"
    assert sample.target.texts[sample.target.index] == "A cat sits on its hind legs, and swats at the plant."
    with pytest.raises(DatasetError, match="has no sample 'swap_obj-108'"):
        dataset.position("swap_obj-108")
    for kind, count in COUNTS.items():
        assert len(open_dataset("SugarCREPE", realdata / "sugarcrepe", kind, images="optional")) == count
    assert all("\n" not in text for sample in dataset for text in sample.target.texts)


def test_the_protocol_of_visrep(realdata: Path) -> None:
    dataset = open_dataset("SugarCREPE", realdata / "sugarcrepe", "test", images="optional", subset="80_per_type")
    assert len(dataset) == 560
    assert Counter(sample.fields["type"] for sample in dataset) == dict.fromkeys(TYPES, 80)
    again = open_dataset("SugarCREPE", realdata / "sugarcrepe", "visrep", images="optional")
    assert again.sample_ids == dataset.sample_ids
    checks = open_dataset("SugarCREPE", realdata / "sugarcrepe", "visrep", images="optional", form="yes_no")
    kinds = [f"{kind} {check}" for kind in TYPES for check in ("positive", "negative")]
    assert Counter(sample.fields["check"] for sample in checks) == dict.fromkeys(kinds, 40)


def test_verdicts_on_one_caption(realdata: Path, tmp_path: Path) -> None:
    dataset = open_dataset("SugarCREPE", realdata / "sugarcrepe", "swap_obj", images="optional", form="yes_no")
    assert len(dataset) == 2 * COUNTS["swap_obj"] and not dataset.is_shuffled and dataset.task == "sugarcrepe_yes_no"
    samples = sorted((dataset[dataset.position(f"swap_obj-0-{c}")] for c in ("c0", "c1")), key=lambda sample: not sample.target)
    assert [sample.target for sample in samples] == [True, False]
    assert [sample.fields["check"] for sample in samples] == ["swap_obj positive", "swap_obj negative"]
    first = [sample.target for sample in dataset if sample.sample_id.endswith("-c0")]
    assert 0.4 < sum(first) / len(first) < 0.6, "the id must not tell"
    assert samples[0].query == 'Verify image matches text="A cat sits on its hind legs, and swats at the plant."'
    assert samples[1].query == 'Verify image matches text="A cat sits on the plant, and swats at its hind legs."'
    task = SugarCREPEYesNo()
    predictions = {sample.sample_id: "yes" for sample in dataset}
    assert task.metric(predictions, dataset) == {"accuracy": 0.5, "swap_obj": 0.5}
    task.write_submission(tmp_path / "verdicts.jsonl", predictions | {samples[1].sample_id: "\ud800"}, dataset)
    read = task.read_submission(tmp_path / "verdicts.jsonl", dataset)
    assert read[samples[0].sample_id] is True and read[samples[1].sample_id] is None
    (tmp_path / "verdicts.jsonl").write_text('{"sample_id": "swap_obj-0-c0", "answer": "yes"}')
    with pytest.raises(DatasetError, match="Expected a sample_id, and an answer of true, false or null"):
        task.read_submission(tmp_path / "verdicts.jsonl", dataset)


def test_pictures_of_coco(realdata: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISPRO_DATA_COCO", str(realdata / "coco"))
    dataset = open_dataset("SugarCREPE", realdata / "sugarcrepe", "test", images="optional")
    dataset.keep_annotated()
    assert 0 < len(dataset) < 7511
    sample = dataset[0]
    assert sample.images[0].scene is not None and sample.images[0].pixels().shape[:2] == sample.images[0].size[::-1]
