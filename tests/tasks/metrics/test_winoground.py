from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.tasks.metrics.winoground import (
    MATCHES,
    read_winoground_decisions,
    winoground_from_choices,
    winoground_from_scores,
    winoground_from_verdicts,
    write_winoground_decisions,
)

RIGHT = {"c0_i0": True, "c0_i1": False, "c1_i0": False, "c1_i1": True}


def scores(*values: float) -> dict[str, float]:
    return dict(zip(MATCHES, values, strict=True))


@pytest.mark.parametrize(
    ("example", "text", "image"),
    [
        # c0_i0, c0_i1, c1_i0, c1_i1
        (scores(0.9, 0.1, 0.1, 0.9), True, True),
        (scores(0.9, 0.6, 0.5, 0.7), True, True),
        (scores(0.3, 0.5, 0.2, 0.6), True, False),  # picture 1 matches everything better
        (scores(0.3, 0.2, 0.5, 0.6), False, True),  # caption 1 matches everything better
        (scores(0.1, 0.9, 0.9, 0.1), False, False),
        (scores(0.5, 0.5, 0.5, 0.5), False, False),  # ties fail
        (scores(0.5, 0.4, 0.5, 0.6), False, True),
        (scores(0.5, 0.5, 0.4, 0.6), True, False),
    ],
)
def test_scores_by_hand(example: dict[str, float], text: bool, image: bool) -> None:
    expected = {"text": float(text), "image": float(image), "group": float(text and image)}
    assert winoground_from_scores([example]) == expected


def test_scores_are_averaged() -> None:
    examples = [scores(0.9, 0.1, 0.1, 0.9), scores(0.3, 0.5, 0.2, 0.6), scores(0.3, 0.2, 0.5, 0.6), scores(0, 0, 0, 0)]
    assert winoground_from_scores(examples) == {"text": 0.5, "image": 0.5, "group": 0.25}
    assert winoground_from_scores([]) == {}


def test_chance_of_scores() -> None:
    metric = winoground_from_scores(scores(*order) for order in itertools.permutations(range(4)))
    assert metric == {"text": 1 / 4, "image": 1 / 4, "group": pytest.approx(1 / 6)}


@pytest.mark.parametrize("bad", [{}, {**scores(1, 2, 3, 4), "c1_i0": None}, scores(1, 2, float("nan"), 4)])
def test_bad_scores(bad: dict[str, float]) -> None:
    with pytest.raises(DatasetError, match="Winoground example 1, 'c.*Expected a finite number"):
        winoground_from_scores([scores(1, 2, 3, 4), bad])


def test_choices_by_hand() -> None:
    examples: list[dict[str, int | None]] = [
        {"i0": 0, "i1": 1, "c0": 0, "c1": 1},
        {"i0": 0, "i1": 1, "c0": 0, "c1": 0},
        {"i0": 0, "i1": None, "c0": 0, "c1": 1},
        {"i0": 1, "i1": 0, "c0": None},
    ]
    assert winoground_from_choices(examples) == {"text": 0.5, "image": 0.5, "group": 0.25}
    assert winoground_from_choices([{"i0": 0, "i1": 1}, {"i0": 0}]) == {"text": 0.5}
    assert winoground_from_choices([{"c0": 0, "c1": 1}]) == {"image": 1.0}
    assert winoground_from_choices([]) == {}


def test_chance_of_choices() -> None:
    metric = winoground_from_choices(
        dict(zip(("i0", "i1", "c0", "c1"), c, strict=True)) for c in itertools.product((0, 1), repeat=4)
    )
    assert metric == {"text": 1 / 4, "image": 1 / 4, "group": 1 / 16}


def test_verdicts_by_hand() -> None:
    always = dict.fromkeys(MATCHES, True)
    assert winoground_from_verdicts([RIGHT]) == {"accuracy": 1.0, "text": 1.0, "image": 1.0, "group": 1.0}
    assert winoground_from_verdicts([RIGHT, always]) == {"accuracy": 6 / 8, "text": 0.5, "image": 0.5, "group": 0.5}
    assert winoground_from_verdicts([{**RIGHT, "c1_i0": None}]) == {"accuracy": 3 / 4, "text": 0.0, "image": 0.0, "group": 0.0}
    assert winoground_from_verdicts([{}]) == {"accuracy": 0.0, "text": 0.0, "image": 0.0, "group": 0.0}
    assert winoground_from_verdicts([]) == {}


@given(st.lists(st.fixed_dictionaries({key: st.booleans() for key in MATCHES}), min_size=1, max_size=6))
def test_verdicts_are_scores_of_one_and_zero(examples: list[dict[str, bool]]) -> None:
    verdicts = winoground_from_verdicts(examples)
    accuracy = verdicts.pop("accuracy")
    assert verdicts == winoground_from_scores({key: float(value) for key, value in e.items()} for e in examples)
    assert verdicts["group"] <= accuracy


def test_file_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    examples: dict[str, dict[str, Any]] = {
        "0": scores(0.5, 0.25, -1, 2),
        "17": {**RIGHT, "c1_i0": None},
        "399": {"i0": 0, "i1": None, "c0": 1, "c1": 1},
    }
    write_winoground_decisions(path, examples)
    assert path.read_text().splitlines()[2] == '{"id": 399, "i0": 0, "i1": null, "c0": 1, "c1": 1}'
    assert read_winoground_decisions(path) == examples


@pytest.mark.parametrize(
    "line",
    [
        '{"id": 0',
        "[]",
        "{}",
        '{"id": "0"}',
        '{"id": 0, "i0": 2}',
        '{"id": 0, "i0": true}',
        '{"id": 0, "c0_i0": "yes"}',
        '{"id": 0, "c0_i2": 1}',
        '{"id": 3, "i0": 1}',
    ],
)
def test_damaged_files(tmp_path: Path, line: str) -> None:
    path = tmp_path / "decisions.jsonl"
    path.write_text('{"id": 3, "i0": 0, "i1": 1}\n\n' + line + "\n")
    with pytest.raises(DatasetError, match="decisions.jsonl, line 3.*Expected"):
        read_winoground_decisions(path)


def test_rejects_what_is_no_decision(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="Winoground example 4"):
        write_winoground_decisions(tmp_path / "decisions.jsonl", {"4": {"i0": 3}})
    with pytest.raises(DatasetError, match="'first'"):
        write_winoground_decisions(tmp_path / "decisions.jsonl", {"first": {"i0": 1}})
