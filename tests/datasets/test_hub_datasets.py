"""Every dataset that is read from rows has the samples of its official layout."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

datasets = pytest.importorskip("datasets")

from tests.datasets.published import PUBLISHED, Tables, save, table, write_snapshot  # noqa: E402
from vispro_gym.datasets import Dataset, DatasetError, MissingDataError, Sample, open_dataset  # noqa: E402
from vispro_gym.datasets.mini import mini_root  # noqa: E402
from vispro_gym.datasets.options import Choice  # noqa: E402
from vispro_gym.tasks import TASKS  # noqa: E402

datasets.disable_progress_bars()


@dataclass(frozen=True)
class Case:
    """A dataset: its official split, the name of the same split of rows and what the repository calls that."""

    name: str
    split: str
    rows: str
    published: str
    forms: tuple[str | None, ...] = (None,)
    form: str | None = None  # of the samples that rows are made from

    def __str__(self) -> str:
        return self.name


CASES = [
    Case("GQA", "val", "val", "val"),
    Case("VQAv2", "val", "val", "validation"),
    Case("AOKVQA", "val", "val", "validation", ("multiple_choice", "direct_answer")),
    Case("POPE", "random", "random", "test"),
    Case("VSR", "dev", "dev", "validation"),
    Case("WinoGround", "test", "test", "test", ("yes_no", "caption", "image"), form="caption"),
    Case("Flickr30k", "val", "all", "test", ("image_to_text", "text_to_image")),
    Case("COCOCaptions", "val", "val2014", "val", ("image_to_text",)),
]
REFCOCO = [
    Case("RefCOCO", "val", "lmms_val", "val"),
    Case("RefCOCOplus", "val", "val", "val"),
    Case("RefCOCOg", "val", "lmms_val", "val"),
]


@pytest.fixture(autouse=True, scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What the library converts stays among the tests' files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("arrow"))
        yield


def official(case: Case, form: str | None = None) -> Dataset:
    return open_dataset(case.name, mini_root(case.name), case.split, form=form)


def tables(case: Case) -> Tables:
    dataset = official(case, case.form)
    return PUBLISHED[case.name](dataset if case.name in ("Flickr30k", "COCOCaptions") else list(dataset), case.published)


def facts(sample: Sample) -> dict[str, Any]:
    return {
        "sample_id": sample.sample_id,
        "query": sample.query,
        "target": sample.target,
        "fields": dict(sample.fields),
        "functional_program": sample.functional_program,
        "images": [image.image_id for image in sample.images],
    }


def assert_equal(rows: Dataset, other: Dataset, but: tuple[str, ...] = ()) -> None:
    assert rows.sample_ids == other.sample_ids and len(rows) == len(other) > 10
    for i in range(len(rows)):
        here, there = rows.sample(i, seed=5), other.sample(i, seed=5)
        a, b = facts(here), facts(there)
        assert {key: a[key] for key in a if key not in but} == {key: b[key] for key in b if key not in but}
        assert all(there.record[key] == value for key, value in here.record.items())
        assert there.record.keys() - here.record.keys() <= {"annotations", "image_id", "split"}
    for i in range(0, len(rows), len(rows) // 8):
        for a, b in zip(rows.sample(i).images, other.sample(i).images, strict=True):
            assert a.size == b.size and np.array_equal(a.pixels(), b.pixels()) and a.content_hash == b.content_hash
    predictions = {sample.sample_id: answer(sample, i) for i, sample in enumerate(other)}
    task = TASKS[other.task]()
    assert task.metric(predictions, list(rows)) == task.metric(predictions, list(other)) != {}


def answer(sample: Sample, i: int) -> Any:
    """A right answer or a wrong one, in turn."""
    target = sample.target
    if isinstance(target, Choice):
        return target.index if i % 2 else "none of them"
    if isinstance(target, tuple) and isinstance(target[0], str):
        return target[0] if i % 2 else "nothing"
    if isinstance(target, tuple):
        return target if i % 2 else (0, 0, 1, 1)
    return target if i % 2 else "nothing"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_snapshot_has_the_samples_of_the_official_layout(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISPRO_DATA_COCO", raising=False)
    root = write_snapshot(tmp_path / "snapshot [1], Größe", tables(case))
    if case.name == "VSR":  # the repository has the official files, and no pictures
        (root / "dev.jsonl").write_bytes((mini_root("VSR") / "splits" / "random" / "dev.jsonl").read_bytes())
        (root / "images").symlink_to(mini_root("VSR") / "images")
    for form in case.forms:
        rows = open_dataset(case.name, f"hf:{root}", case.rows, form=form)
        assert_equal(rows, official(case, form), but=("images",) if case.name == "AOKVQA" else ())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_save_to_disk_wrote_has_the_same_samples(case: Case, tmp_path: Path) -> None:
    root = save(tmp_path / "saved", tables(case))
    if case.name == "VSR":
        (root / "images").symlink_to(mini_root("VSR") / "images")
    rows = open_dataset(case.name, f"hf:{root}", case.rows, form=case.forms[-1])
    assert_equal(rows, official(case, case.forms[-1]), but=("images",) if case.name == "AOKVQA" else ())


@pytest.mark.parametrize("case", REFCOCO, ids=str)
def test_refcoco_has_the_same_expressions_and_boxes(case: Case, tmp_path: Path) -> None:
    other = official(case)
    rows = open_dataset(case.name, f"hf:{write_snapshot(tmp_path, tables(case))}", case.rows)
    assert rows.sample_ids == [str(i) for i in range(len(other))]
    pairs = list(zip(rows, other, strict=True))
    assert len(pairs) > 10
    for a, b in pairs:
        assert (a.query, a.target, a.fields["words"]) == (b.query, b.target, b.fields["words"])
        assert a.images[0].image_id == b.images[0].image_id and a.images[0].size == b.images[0].size
    predictions = [answer(sample, i) for i, sample in enumerate(other)]
    task = TASKS[other.task]()
    metrics = [
        task.metric({s.sample_id: p for s, p in zip(samples, predictions, strict=True)}, samples)
        for samples in (list(rows), list(other))
    ]
    assert metrics[0] == metrics[1] and 0 < metrics[0][task.headline] < 1
    task.write_submission(tmp_path / "boxes.json", dict(zip(rows.sample_ids, predictions, strict=True)), rows)


def test_boxes_are_those_that_were_rounded(tmp_path: Path) -> None:
    (rows,) = tables(REFCOCO[0]).values()
    box = [286.76, 233.17, 65.08, 236.75]
    changed = table([{**row, "bbox": box} for row in rows.cast_column("image", datasets.Image(decode=False))], rows.features)
    sample = open_dataset("RefCOCO", f"hf:{write_snapshot(tmp_path, {('default', 'testA'): changed})}", "testA")[0]
    assert sample.target == (286.76, 233.17, 286.76 + 65.08, 233.17 + 236.75)


def test_okvqa_finds_its_images_by_question_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = list(open_dataset("OKVQA", mini_root("OKVQA"), "val"))
    numbers = {sample.sample_id: sample.record["image_id"] * 10 + i % 10 for i, sample in enumerate(samples[:10])}
    (rows,) = PUBLISHED["OKVQA"](samples[:10], "val2014").values()
    rows = table(
        [
            {**row, "question_id": str(numbers[row["question_id"]])}
            for row in rows.cast_column("image", datasets.Image(decode=False))
        ],
        rows.features,
    )
    root = write_snapshot(tmp_path, {("default", "val2014"): rows})
    monkeypatch.setenv("VISPRO_DATA_COCO", str(mini_root("OKVQA")))
    dataset = open_dataset("OKVQA", f"hf:{root}", "val")
    dataset.keep_annotated()  # COCO's instances are found by the images' ids
    assert len(dataset) == 10
    for a, b in zip(dataset, samples, strict=False):
        assert (a.sample_id, a.query, a.target, a.fields) == (str(numbers[b.sample_id]), b.query, b.target, b.fields)
        assert a.images[0].image_id == b.images[0].image_id and np.array_equal(a.images[0].pixels(), b.images[0].pixels())
        assert a.images[0].scene is not None and b.images[0].scene is not None
        assert list(a.images[0].scene.objects) == list(b.images[0].scene.objects)
    predictions = {new: answer(sample, i) for i, (new, sample) in enumerate(zip(dataset.sample_ids, samples, strict=False))}
    old = {sample.sample_id: predictions[str(numbers[sample.sample_id])] for sample in samples[:10]}
    assert TASKS["okvqa"]().metric(predictions, dataset) == TASKS["okvqa"]().metric(old, samples[:10])


def test_captions_without_ids_are_called_by_their_picture(tmp_path: Path) -> None:
    case = CASES[-1]
    root = write_snapshot(tmp_path, tables(case))
    rows = open_dataset("COCOCaptions", f"hf:{root}", "val2014", form="text_to_image")
    other = official(case, "text_to_image")
    assert len(rows) == len(other) and rows[0].sample_id == f"{rows[0].record['image']}-0"
    assert [sample.query for sample in rows] == [sample.query for sample in other]
    with pytest.raises(DatasetError, match="COCOCaptions val2017 in .* holds no samples"):
        open_dataset("COCOCaptions", f"hf:{root}", "val2017")


def test_a_pope_split_is_one_category(tmp_path: Path) -> None:
    root = write_snapshot(tmp_path, tables(CASES[3]))
    assert open_dataset("POPE", f"hf:{root}", "adversarial").sample_ids == ["1", "2", "3"]
    with pytest.raises(DatasetError, match="POPE popular in .* holds no samples"):
        open_dataset("POPE", f"hf:{root}", "popular")


def test_vsr_says_which_picture_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISPRO_DATA_COCO", raising=False)
    monkeypatch.delenv("VISPRO_DATA_ROOT", raising=False)
    dataset = open_dataset("VSR", f"hf:{save(tmp_path, tables(CASES[4]))}", "dev")
    with pytest.raises(MissingDataError, match=r"images/\d{12}\.jpg is missing"):
        dataset[0]


DAMAGED: dict[str, tuple[Case, dict[str, Any], str]] = {
    "VQAv2 without answers": (CASES[1], {"answers": None}, "VQAv2 val question .* has no key 'answers'"),
    "VQAv2 without an image id": (CASES[1], {"image_id": None}, "VQAv2 val question .* has no key 'image_id'"),
    "VQAv2 without an id": (CASES[1], {"question_id": None}, "hf:.*, split 'validation', row 0, has no id"),
    "AOKVQA with other answers": (CASES[2], {"choices": None}, "A-OKVQA val question .* has no key 'choices'"),
    "POPE with another picture": (CASES[3], {"image_source": "../x"}, "POPE random question .* has 'image': '../x.jpg'"),
    "POPE with another label": (CASES[3], {"answer": "maybe"}, "POPE random question .* has the label 'maybe'"),
    "RefCOCO without a box": (REFCOCO[0], {"bbox": None}, "RefCOCO lmms_val sentence 0 has 'bbox' of type NoneType"),
    "RefCOCO with half a box": (REFCOCO[0], {"bbox": [1.0, 2.0]}, "RefCOCO lmms_val sentence 0 has a bbox of 2 numbers"),
    "RefCOCO without a name": (REFCOCO[0], {"file_name": "x.jpg"}, "RefCOCO lmms_val sentence 0 has 'file_name': 'x.jpg'"),
    "RefCOCO without sentences": (REFCOCO[0], {"answer": None}, "RefCOCO lmms_val sentence 0 has 'sent' of type NoneType"),
    "WinoGround without a caption": (CASES[5], {"caption_0": None}, "WinoGround test example .* has no key 'caption_0'"),
    "Flickr30k without a caption": (
        CASES[6],
        {"caption": []},
        "Flickr30k all picture .* has captions that are no texts, or none",
    ),
    "COCOCaptions without captions": (
        CASES[7],
        {"answer": None},
        "COCOCaptions val2014 picture .* has captions that are no texts",
    ),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_rows_are_named_and_stop_nothing(name: str, tmp_path: Path) -> None:
    case, change, message = DAMAGED[name]
    (rows,) = tables(case).values()
    plain = rows
    for column, feature in rows.features.items():
        if isinstance(feature, datasets.Image):
            plain = plain.cast_column(column, datasets.Image(decode=False))
    first = next(i for i, row in enumerate(plain) if row.get("category", "random") == "random")
    changed = table([{**row, **change} if i == first else row for i, row in enumerate(plain)], rows.features)
    dataset = open_dataset(case.name, f"hf:{write_snapshot(tmp_path, {('default', case.published): changed})}", case.rows)
    with pytest.raises(DatasetError, match=message):
        dataset[0]
    assert re.fullmatch(r"[\w-]+", dataset[len(dataset) - 1].sample_id)
