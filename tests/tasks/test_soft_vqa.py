from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_gym.datasets import DatasetError, Sample, open_dataset
from vispro_gym.tasks import TASKS
from vispro_gym.tasks.metrics.soft_vqa import soft_accuracy
from vispro_gym.tasks.soft_vqa import SoftVQATask

DOGS = ("dog",) * 6 + ("Dog.", "a dog", "puppy", "cat")


@pytest.mark.parametrize("name", ["vqav2", "okvqa"])
def test_names(name: str) -> None:
    task = TASKS[name]()
    assert isinstance(task, SoftVQATask) and (task.scorer, task.threshold, task.headline) == ("strict", 0.3, "overall")


@pytest.mark.parametrize(("people", "soft"), [(0, 0.0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1.0), (9, 1.0), (10, 1.0)])
@pytest.mark.parametrize("scorer", ["strict", "official"])
def test_soft_accuracy_and_thresholds(scorer: str, people: int, soft: float) -> None:
    target = ("red",) * people + tuple(f"other{i}" for i in range(10 - people))
    for threshold in (None, 0.3, 0.6, 0.9, 1.0):
        score = SoftVQATask(scorer, threshold).score("red", target)
        assert score.soft == pytest.approx(soft)
        assert score.reward == float(soft >= (threshold or 0.3)), "a soft score is rewarded if it is as large as the threshold"


@pytest.mark.parametrize(
    ("answer", "target", "strict", "official"),
    [
        ("dog", DOGS, 1.0, 1.0),
        ("The dog!", DOGS, 1.0, 1.0),
        ("kitten", DOGS, 0.0, 0.0),
        ("cat", DOGS, 0.3, 0.3),
        # where all agree, the official code normalises nothing
        ("Dog", ("dog",) * 10, 1.0, 0.0),
        ("a dog", ("dog",) * 10, 1.0, 0.0),
        ("two", ("2",) * 10, 1.0, 0.0),
        ("2", ("2",) * 10, 1.0, 1.0),
        (2, ("2",) * 10, 1.0, 1.0),
        (2.0, ("2",) * 9 + ("two",), 1.0, 1.0),
        (True, ("yes",) * 9 + ("no",), 1.0, 1.0),
        (False, ("yes",) * 9 + ("no",), 0.3, 0.3),
        (1, ("yes",) * 10, 0.0, 0.0),
        ("t-shirt", ("t-shirt",) * 8 + ("shirt",) * 2, 1.0, 1.0),
        ("taking a photo", ("taking photo",) * 9 + ("phone",), 1.0, 1.0),
        ("dont know", ("don't know",) * 9 + ("no",), 1.0, 1.0),
        # nothing is left of articles
        ("a", ("a",) * 9 + ("b",), 1.0, 1.0),
        ("the", ("a",) * 9 + ("b",), 0.0, 1.0),
        ("", ("a",) * 9 + ("b",), 0.0, 1.0),
        ("", ("",) * 10, 0.0, 1.0),
        ("  ", ("",) * 10, 0.0, 1.0),
        # no answers to a question
        (["yes"], ("yes",) * 10, 0.0, 0.0),
        ([], ("no",) * 10, 0.0, 0.0),
        ([1, 2, 3, 4], ("yes",) * 10, 0.0, 0.0),
        (None, ("none",) * 10, 0.0, 0.0),
    ],
)  # fmt: skip
def test_answers(answer: Any, target: tuple[str, ...], strict: float, official: float) -> None:
    assert SoftVQATask().score(answer, target).soft == pytest.approx(strict)
    assert SoftVQATask("official").score(answer, target).soft == pytest.approx(official)


WORDS = st.sampled_from(
    ["red", "Red", "a red", "blue", "two", "2", "the", "a", "", "t-shirt", "t shirt", "don't", "dont", "1,000"]
)


@given(st.text() | WORDS, st.lists(st.text(max_size=5) | WORDS, min_size=1, max_size=10))
def test_laws_of_scores(answer: str, target: list[str]) -> None:
    official = SoftVQATask("official").score(answer, tuple(target))
    assert official.soft == soft_accuracy(answer, target)
    strict = SoftVQATask().score(answer, tuple(target))
    for score in (official, strict):
        assert 0.0 <= score.soft <= 1.0 + 1e-12 and score.reward in (0.0, 1.0)
    assert strict.soft == pytest.approx(SoftVQATask().score(f"  {answer}\n", tuple(target)).soft)
    assert strict.soft == pytest.approx(SoftVQATask().score(answer, tuple(reversed(target))).soft)


@given(st.text(min_size=1).filter(str.strip))
def test_what_all_say_is_right(text: str) -> None:
    assert SoftVQATask(threshold=1.0).score(text, (text,) * 10).reward == 1.0
    assert SoftVQATask("official", 1.0).score(text, (text,) * 10).reward == 1.0


def test_official_soft_accuracy_of_real_answers(realdata: Path) -> None:
    dataset = open_dataset("VQAv2", realdata / "vqav2", "val")
    targets = {sample.sample_id: sample.target for sample in dataset}
    golden = json.loads((realdata / "golden" / "vqa_official.json").read_text())["soft_accuracy"]
    assert len(golden) > 50
    for item in golden:
        score = SoftVQATask("official").score(item["prediction"], targets[str(item["question_id"])])
        assert round(100 * score.soft, 2) == item["accuracy"], item


def sample(sample_id: str, target: tuple[str, ...], kind: str) -> Sample:
    return Sample(sample_id, "?", (), target, {"question_type": "what is", "answer_type": kind})


SAMPLES = [
    sample("1", ("yes",) * 10, "yes/no"),
    sample("2", ("2",) * 9 + ("two",), "number"),
    sample("3", DOGS, "other"),
    sample("4", DOGS, "other"),
]


def test_metric() -> None:
    task = TASKS["vqav2"]()
    metric = task.metric({"1": True, "2": 2.0, "3": "cat", "4": ["dog"], "5": "not asked"}, SAMPLES)
    assert metric == {
        "overall": 57.5,
        "answer_type/number": 100.0,
        "answer_type/other": 15.0,
        "answer_type/yes/no": 100.0,
        "question_type/what is": 57.5,
    }
    assert task.metric({}, SAMPLES)["overall"] == 0.0 and task.metric({}, []) == {}


def test_submissions(tmp_path: Path) -> None:
    task, path = TASKS["vqav2"](), tmp_path / "results.json"
    predictions = {"1": True, "2": 2, "3": "cat"}
    task.write_submission(path, predictions, SAMPLES)
    assert json.loads(path.read_text()) == [
        {"question_id": 1, "answer": "yes"},
        {"question_id": 2, "answer": "2"},
        {"question_id": 3, "answer": "cat"},
        {"question_id": 4, "answer": ""},
    ]
    assert task.metric(task.read_submission(path, SAMPLES), SAMPLES) == task.metric(predictions, SAMPLES)
    assert task.read_submission(path, SAMPLES[:1]) == {"1": "yes"}
    with pytest.raises(DatasetError, match=r"results\.json answers none of the 1 questions, such as '9'"):
        task.read_submission(path, [sample("9", DOGS, "other")])
    path.write_text("[]x")
    with pytest.raises(DatasetError, match=r"results\.json is damaged"):
        task.read_submission(path, SAMPLES)
