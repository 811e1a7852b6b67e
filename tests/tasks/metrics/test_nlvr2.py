from __future__ import annotations

import json
from pathlib import Path

import pytest

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.tasks.metrics.nlvr2 import (
    Prediction,
    format_nlvr,
    format_nlvr2,
    nlvr2_metric,
    nlvr_images_metric,
    nlvr_metric,
    read_nlvr_predictions,
    write_nlvr_predictions,
)

LABELS = {"dev-1-0-0": "True", "dev-1-1-0": "False", "dev-1-0-1": "True", "dev-2-0-0": "False"}


def read_labels(path: Path) -> dict[str, str]:
    return {record["identifier"]: record["label"] for record in map(json.loads, path.read_text().splitlines())}


def test_official_script(realdata: Path, tmp_path: Path) -> None:
    labels = read_labels(realdata / "nlvr2" / "data" / "dev.json")
    golden = json.loads((realdata / "golden" / "nlvr2_official.json").read_text())
    wrong = set(golden["wrong_identifiers"])
    predictions = {i: (label == "True") != (i in wrong) for i, label in labels.items()}
    write_nlvr_predictions(tmp_path / "predictions.csv", predictions)
    metric = nlvr2_metric(read_nlvr_predictions(tmp_path / "predictions.csv"), labels)
    assert format_nlvr2(metric) + "\n" == golden["stdout"]
    assert nlvr2_metric(predictions, labels) == metric
    subset = read_labels(realdata / "nlvr2" / "data" / "balanced" / "balanced_dev.json")
    assert nlvr2_metric(predictions, subset)["accuracy"] == len(set(subset) - wrong) / len(subset)


def test_by_hand() -> None:
    # the sentence is told by set and sentence number; dev-1-?-0 has one judgement wrong
    predictions: dict[str, Prediction] = {"dev-1-0-0": "true", "dev-1-1-0": "True", "dev-1-0-1": True, "dev-2-0-0": "FALSE"}
    assert nlvr2_metric(predictions, LABELS) == {"accuracy": 3 / 4, "consistency": 2 / 3}
    assert nlvr2_metric({**predictions, "dev-1-0-1": None}, LABELS) == {"accuracy": 2 / 4, "consistency": 1 / 3}
    assert nlvr2_metric({}, LABELS) == {"accuracy": 0.0, "consistency": 0.0}
    assert nlvr2_metric(predictions, {}) == {}
    with pytest.raises(DatasetError, match="split-set-pair-sentence"):
        nlvr2_metric({}, {"1572-0": "true"})


def test_nlvr_by_hand() -> None:
    labels = {"72-0": "true", "72-1": "false", "9-0": "true"}
    metric = nlvr_metric({"72-0": "True", "72-1": "true", "9-0": True}, labels)
    assert metric == {"accuracy": 2 / 3, "consistency": 1 / 2}
    assert format_nlvr(metric) == f"precision={2 / 3}\nconsistency=0.5"


def test_nlvr_images_by_hand() -> None:
    labels = {"72-0": "true", "9-0": "false"}
    pictures = {f"dev-{i}-{k}.png": label for i, label in labels.items() for k in range(6)}
    assert nlvr_images_metric(pictures, labels) == {"accuracy": 1.0, "consistency": 1.0}
    assert nlvr_images_metric({**pictures, "dev-9-0-5.png": "true"}, labels) == {"accuracy": 11 / 12, "consistency": 1 / 2}
    del pictures["dev-72-0-3.png"]
    assert nlvr_images_metric(pictures, labels) == {"accuracy": 11 / 12, "consistency": 1 / 2}


def test_nlvr_real_labels(realdata: Path) -> None:
    labels = read_labels(realdata / "nlvr" / "dev" / "dev.json")
    assert nlvr_metric(labels, labels) == {"accuracy": 1.0, "consistency": 1.0}
    one = next(iter(labels))
    metric = nlvr_metric({**labels, one: "maybe"}, labels)
    sentences = {i.split("-")[0] for i in labels}
    assert metric == {"accuracy": (len(labels) - 1) / len(labels), "consistency": (len(sentences) - 1) / len(sentences)}


def test_file_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    write_nlvr_predictions(path, {"dev-1-0-0": True, "dev-1-1-0": "false", "dev-2-0-0": None})
    assert path.read_text() == "dev-1-0-0,True\ndev-1-1-0,False\ndev-2-0-0,None\n"
    assert read_nlvr_predictions(path) == {"dev-1-0-0": "True", "dev-1-1-0": "False", "dev-2-0-0": None}


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("dev-1-0-0\n", 1),
        ("dev-1-0-0,True\n\ndev-1-1-0,yes\n", 3),
        ("dev-1-0-0,Tr", 1),
        ("a,True\na,False\n", 2),
        ("a,True,\n", 1),
    ],
)
def test_damaged_files(tmp_path: Path, content: str, line: int) -> None:
    path = tmp_path / "predictions.csv"
    path.write_text(content)
    with pytest.raises(DatasetError, match=f"predictions.csv, line {line} .*Expected"):
        read_nlvr_predictions(path)


def test_files_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    path.write_bytes(b"\xff\xfe\x00")
    for bad in (path, tmp_path / "none.csv", tmp_path):
        with pytest.raises(DatasetError, match=f"{bad.name}.*Expected an NLVR predictions file"):
            read_nlvr_predictions(bad)


@pytest.mark.parametrize(("identifier", "prediction"), [("a,b", True), ("a\nb", True), ("", True), (" a", True), ("a", "yes")])
def test_rejects_what_could_not_be_read_back(tmp_path: Path, identifier: str, prediction: Prediction) -> None:
    with pytest.raises(DatasetError, match="Expected an identifier"):
        write_nlvr_predictions(tmp_path / "predictions.csv", {identifier: prediction})
