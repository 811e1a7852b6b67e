from __future__ import annotations

import json
from pathlib import Path

import pytest

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.tasks.metrics.vsr import read_vsr_predictions, vsr_metric, write_vsr_predictions


def test_by_hand() -> None:
    metric = vsr_metric([True, 0, 1, None, 0], [1, 1, 1, 0, 0], ["near", "under", "near", "near", "under"])
    assert metric == {"accuracy": 3 / 5, "relation/near": 2 / 3, "relation/under": 1 / 2}
    assert list(metric) == ["accuracy", "relation/near", "relation/under"]
    assert vsr_metric([], [], []) == {}


def test_every_record_needs_a_prediction() -> None:
    with pytest.raises(DatasetError, match="1 predictions, 2 labels and 2 relations. Expected one prediction for every record"):
        vsr_metric([1], [1, 0], ["near", "near"])


def test_real_split(realdata: Path) -> None:
    path = realdata / "vsr" / "splits" / "random" / "test.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    labels, relations = [r["label"] for r in records], [r["relation"] for r in records]
    assert set(vsr_metric(labels, labels, relations).values()) == {1.0}
    metric = vsr_metric([1] * len(records), labels, relations)
    assert metric["accuracy"] == sum(labels) / len(labels)
    touching = [r["label"] for r in records if r["relation"] == "touching"]
    assert metric["relation/touching"] == sum(touching) / len(touching)
    assert list(metric)[1] == "relation/touching"  # the most frequent one
    assert len(metric) == 1 + len(set(relations))


def test_file_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "preds.txt"
    write_vsr_predictions(path, [True, 0, None, 1, False])
    assert path.read_text() == "1\n0\n-1\n1\n0\n"
    assert read_vsr_predictions(path) == [1, 0, None, 1, 0]
    with pytest.raises(DatasetError, match="Prediction 1 is 2"):
        write_vsr_predictions(path, [1, 2])


@pytest.mark.parametrize("line", ["2", "true", "0.5", "1 0", "{}"])
def test_damaged_files(tmp_path: Path, line: str) -> None:
    path = tmp_path / "preds.txt"
    path.write_text(f"1\n0\n{line}\n")
    with pytest.raises(DatasetError, match="preds.txt, line 3 .*Expected VSR predictions"):
        read_vsr_predictions(path)
