from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from vispro_gym.datasets import Dataset, DatasetError, Sample, open_dataset
from vispro_gym.tasks import TASKS


@pytest.fixture(
    scope="module", params=[(n, f) for n in ("Flickr30k", "COCOCaptions") for f in ("image_to_text", "text_to_image")]
)
def dataset(request: pytest.FixtureRequest) -> Dataset:
    name, form = request.param
    return open_dataset(name, split="val", form=form)


def seen(dataset: Dataset, seed: int) -> list[Sample]:
    return [dataset.sample(i, seed) for i in range(len(dataset))]


def answer(sample: Sample, index: int, rng: Random) -> Any:
    """One way to name an option."""
    named: Any = {"image": index, "box": [0, 0, 9, 9]} if sample.target.texts is None else sample.target.texts[index]
    return rng.choice([named, "ABCDE"[index]])


def test_the_share_of_right_choices(dataset: Dataset) -> None:
    task, rng = TASKS[dataset.task](), Random(3)
    samples = seen(dataset, 7)
    rights = {sample.sample_id: answer(sample, sample.target.index, rng) for sample in samples}
    for every in (1, 3):
        some = {sample_id: value if i % every == 0 else "F" for i, (sample_id, value) in enumerate(rights.items())}
        share = 100 * len(range(0, len(samples), every)) / len(samples)
        assert task.metric(some, samples) == {"accuracy": pytest.approx(share), f"{dataset.form}/accuracy": pytest.approx(share)}
    assert task.metric({}, []) == {}
    always = [task.metric(dict.fromkeys(rights, "A"), seen(dataset, seed)[:24])["accuracy"] for seed in range(10)]
    assert 10 < sum(always) / 10 < 30, "the match is at any place"


def test_submission_round_trip(dataset: Dataset, tmp_path: Path) -> None:
    task, rng = TASKS[dataset.task](), Random(4)
    samples = seen(dataset, 1)
    answers = {sample.sample_id: rng.choice([None, answer(sample, rng.randrange(5), rng)]) for sample in samples}
    path = tmp_path / "choices.jsonl"
    task.write_submission(path, answers, samples)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["sample_id"] for line in lines] == [sample.sample_id for sample in samples]
    read = task.read_submission(path, samples)
    for sample in samples:
        before, after = (task.score(each[sample.sample_id], sample.target).details for each in (answers, read))
        assert before == after
    shown = next(i for i, line in enumerate(lines) if line["chosen"])
    names = samples[shown].target.texts or samples[shown].record["pool"]
    assert lines[shown]["chosen"] in names
    with pytest.raises(
        DatasetError, match=r"choices\.jsonl chooses .* Expected one of its 5 candidates: the samples must be those"
    ):
        for seed in range(2, 9):
            task.read_submission(path, seen(dataset, seed))


@pytest.mark.parametrize(
    "line",
    ['{"sample_id": 3, "chosen": "x"}', '{"sample_id": "3", "chosen": 0}', "[]", "{", '{"sample_id": "1", "chosen": null}'],
)
def test_damaged_submissions(tmp_path: Path, line: str) -> None:
    path = tmp_path / "choices.jsonl"
    path.write_text(f'{{"sample_id": "1", "chosen": null}}\n{line}\n')
    with pytest.raises(DatasetError, match=r"choices\.jsonl, line 2.*Expected"):
        TASKS["flickr30k_image_to_text"]().read_submission(path, [])
