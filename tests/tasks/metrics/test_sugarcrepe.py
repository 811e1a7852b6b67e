from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.tasks.metrics.sugarcrepe import (
    CATEGORIES,
    CaptionChoice,
    read_sugarcrepe_choices,
    read_sugarcrepe_results,
    sugarcrepe_from_scores,
    sugarcrepe_metric,
    write_sugarcrepe_choices,
    write_sugarcrepe_results,
)

CHOICES = {
    "0": CaptionChoice("000000222235.jpg", "A cat on a plant.", "A plant on a cat.", "A cat on a plant.", "(1)"),
    "1": CaptionChoice("000000085329.jpg", "Zwei Bären.", "Ein Bär.", "Ein Bär.", "(2)"),
    "3": CaptionChoice("000000579307.jpg", "A kite.", "A bite.", "", "Neither."),
}


@pytest.mark.parametrize(
    ("order", "category", "right", "count"),
    [
        ("positive-first", "swap_att", 607, 666),
        ("negative-first", "swap_att", 593, 666),
        ("positive-first", "swap_obj", 211, 246),
        ("negative-first", "swap_obj", 198, 246),
    ],
)
def test_real_choices(realdata: Path, tmp_path: Path, order: str, category: str, right: int, count: int) -> None:
    path = realdata / "sugarcrepe" / "gpt-4v-results" / order / f"gpt4v-{category}.json"
    choices = read_sugarcrepe_choices(path)
    assert sugarcrepe_metric({category: [c.correct for c in choices.values()]}) == {category: right / count}
    write_sugarcrepe_choices(tmp_path / "choices.json", choices)
    items = {key: value for key, value in json.loads(path.read_text()).items() if key != "accuracy"}
    assert json.loads((tmp_path / "choices.json").read_text()) == items


def test_real_categories(realdata: Path) -> None:
    assert {path.stem for path in (realdata / "sugarcrepe" / "data").glob("*.json")} == set(CATEGORIES)


def test_by_hand() -> None:
    hits = {category: [True] * i + [False] * (10 - i) for i, category in enumerate(CATEGORIES, 1)}
    metric = sugarcrepe_metric(hits)
    assert metric == {
        "add_obj": 0.1,
        "add_att": 0.2,
        "replace_obj": 0.3,
        "replace_att": 0.4,
        "replace_rel": 0.5,
        "swap_obj": 0.6,
        "swap_att": 0.7,
        "macro/add": pytest.approx(0.15),
        "macro/replace": pytest.approx(0.4),
        "macro/swap": pytest.approx(0.65),
    }


def test_macro_averages_have_no_weights_and_need_all_categories() -> None:
    metric = sugarcrepe_metric({"swap_att": [True], "swap_obj": [False] * 9, "add_obj": [True], "add_att": []})
    assert metric == {"add_obj": 1.0, "swap_obj": 0.0, "swap_att": 1.0, "macro/swap": 0.5}
    assert sugarcrepe_metric({}) == {}
    with pytest.raises(DatasetError, match="no category 'swap'.*swap_obj"):
        sugarcrepe_metric({"swap": [True]})


def test_ties_are_wrong() -> None:
    assert sugarcrepe_from_scores({"add_obj": [(0.6, 0.5), (0.5, 0.5), (0.4, 0.5)]}) == {"add_obj": pytest.approx(1 / 3)}


def test_results_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "RN50-openai.json"
    metric = sugarcrepe_metric({category: [True, False, True] for category in CATEGORIES})
    write_sugarcrepe_results(path, metric)
    assert read_sugarcrepe_results(path) == dict.fromkeys(CATEGORIES, 2 / 3)
    assert path.read_text().startswith('{\n    "add_obj": 0.66')


@pytest.mark.parametrize(
    "content", ["", '{"add_obj": 0.5', "[]", '{"swap": 0.5}', '{"add_obj": "0.5"}', '{"add_obj": 71.2}', '{"add_obj": NaN}']
)
def test_damaged_results(tmp_path: Path, content: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(content)
    with pytest.raises(DatasetError, match="results.json.*Expected"):
        read_sugarcrepe_results(path)


def test_choices_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "choices.json"
    write_sugarcrepe_choices(path, CHOICES)
    assert read_sugarcrepe_choices(path) == CHOICES
    assert [choice.correct for choice in CHOICES.values()] == [True, False, False]


def item(**change: Any) -> dict[str, Any]:
    answer = {"free_form_answer": "(1)", "multiple_choice_answer": "b"}
    return {"answer": answer, "caption": "a", "negative_caption": "b", "filename": "1.jpg", "correct": False, **change}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([], "holds list"),
        ({"0": []}, "item '0' is list"),
        ({"0": item(answer="(1)")}, "'answer' of type str"),
        ({"0": item(answer={})}, "no key 'multiple_choice_answer'"),
        ({"0": item(caption=None)}, "'caption' of type NoneType"),
        ({"0": item(correct=True)}, "says correct: True. Expected False"),
    ],
)
def test_damaged_choices(tmp_path: Path, content: Any, expected: str) -> None:
    path = tmp_path / "choices.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DatasetError, match=f"choices.json.*{expected}"):
        read_sugarcrepe_choices(path)
