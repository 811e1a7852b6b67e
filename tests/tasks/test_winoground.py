from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from vispro_gym.datasets import Dataset, DatasetError, Sample, open_dataset
from vispro_gym.tasks import TASKS
from vispro_gym.tasks.metrics.winoground import winoground_from_choices, winoground_from_verdicts

FORMS = ("yes_no", "caption", "image")
PARTS = {"yes_no": ("c0-i0", "c0-i1", "c1-i0", "c1-i1"), "caption": ("i0", "i1"), "image": ("c0", "c1")}


@pytest.fixture(scope="module", params=FORMS)
def dataset(request: pytest.FixtureRequest) -> Dataset:
    return open_dataset("WinoGround", split="test", form=request.param)


def right_answer(sample: Sample) -> Any:
    if isinstance(sample.target, bool):
        return sample.target
    if sample.target.texts is not None:
        return sample.target.texts[sample.target.index]
    return {"image": sample.target.index, "box": [0, 0, 480, 360]}


def some_answer(sample: Sample, rng: Random) -> Any:
    """Right, wrong or none, and in several ways."""
    wrong: Any = not sample.target if isinstance(sample.target, bool) else "AB"[1 - sample.target.index]
    return rng.choice([right_answer(sample), right_answer(sample), wrong, None, "neither"])


def test_right_answers(dataset: Dataset) -> None:
    task = TASKS[dataset.task]()
    samples = list(dataset)
    assert all(task.score(right_answer(sample), sample.target).reward == 1.0 for sample in samples)
    metric = task.metric({sample.sample_id: right_answer(sample) for sample in samples}, samples)
    names = {"yes_no": {"text", "image", "group"}, "caption": {"text"}, "image": {"image"}}[dataset.form]
    assert metric == dict.fromkeys({"accuracy", *names}, 1.0)
    assert task.metric({}, samples) == dict.fromkeys(metric, 0.0)
    assert task.metric({}, []) == {}


def decisions(answers: dict[str, Any], samples: list[Sample]) -> dict[str, dict[str, Any]]:
    """What the answers say of the official examples, found in another way: by what is shown."""
    found: dict[str, dict[str, Any]] = {}
    for sample in samples:
        example, _, part = sample.sample_id.partition("-")
        answer, record = answers[sample.sample_id], sample.record
        value: Any = None
        if isinstance(sample.target, bool):
            value = answer if isinstance(answer, bool) else None
        elif answer in ("A", "B") or (isinstance(answer, dict) or answer in (sample.target.texts or ())):
            shown: Any = sample.target.texts or tuple(image.image_id for image in sample.images)
            names = [record[f"caption_{i}"] if sample.target.texts else f"{record[f'image_{i}']}.png" for i in (0, 1)]
            if answer in ("A", "B"):
                chosen = shown["AB".index(answer)]
            else:
                chosen = answer if isinstance(answer, str) else shown[answer["image"]]
            value = names.index(chosen)
        found.setdefault(example, {})[part.replace("-", "_")] = value
    return found


@pytest.mark.parametrize("seed", range(3))
def test_the_metric_joins_the_samples_of_an_example(dataset: Dataset, seed: int) -> None:
    task = TASKS[dataset.task]()
    samples = [dataset.sample(i, seed) for i in range(len(dataset))]
    rng = Random(seed)
    answers = {sample.sample_id: some_answer(sample, rng) for sample in samples}
    joined = decisions(answers, samples)
    expected = (winoground_from_verdicts if dataset.form == "yes_no" else winoground_from_choices)(joined.values())
    metric = task.metric(answers, samples)
    rewards = [task.score(answers[sample.sample_id], sample.target).reward for sample in samples]
    assert metric == expected | {"accuracy": pytest.approx(sum(rewards) / len(rewards))}
    assert 0.2 < metric["accuracy"] < 0.7 and metric[task.headline] > 0


def test_examples_that_are_not_complete_count_in_the_accuracy_only(dataset: Dataset) -> None:
    task = TASKS[dataset.task]()
    samples = [sample for sample in dataset if sample.sample_id.partition("-")[0] in ("0", "1")]
    rights = {sample.sample_id: right_answer(sample) for sample in samples}
    part = PARTS[dataset.form][1]
    some = [sample for sample in samples if sample.sample_id != f"1-{part}"]
    assert task.metric(rights, some) == task.metric(rights, samples)
    assert task.metric(rights, [sample for sample in samples if sample.sample_id == f"0-{part}"]) == {"accuracy": 1.0}


@pytest.mark.parametrize("seed", range(3))
def test_submission_round_trip(dataset: Dataset, seed: int, tmp_path: Path) -> None:
    task = TASKS[dataset.task]()
    samples = [dataset.sample(i, seed) for i in range(len(dataset))]
    rng = Random(seed)
    answers = {sample.sample_id: some_answer(sample, rng) for sample in samples}
    path = tmp_path / "decisions.jsonl"
    task.write_submission(path, answers, samples)
    lines = {str(line.pop("id")): line for line in map(json.loads, path.read_text().splitlines())}
    assert lines == decisions(answers, samples)
    assert task.metric(task.read_submission(path, samples), samples) == task.metric(answers, samples)
    others = [dataset.sample(i, seed + 10) for i in range(len(dataset))]
    read = task.read_submission(path, others)
    assert task.metric(read, others) == task.metric(answers, samples), "a file does not depend on the order that was shown"


def test_scores_are_no_answers(tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    path.write_text('{"id": 0, "c0_i0": 0.7, "c0_i1": 0.1, "c1_i0": 0.2, "c1_i1": 0.3}\n')
    samples = open_dataset("WinoGround", split="test")[:4]
    with pytest.raises(DatasetError, match=r"scores\.jsonl, example 0, 'c0_i0', is 0\.7\. Expected true, false or null"):
        TASKS["winoground_yes_no"]().read_submission(path, samples)
    path.write_text("")
    assert TASKS["winoground_yes_no"]().read_submission(path, samples) == {sample.sample_id: None for sample in samples}
