"""Visual Spatial Reasoning (Liu et al., TACL 2023): is the statement true of the picture?

Follows `src/eval.py` and `analysis_scripts/eval_compute_acc_by_rel.py` of cambridgeltl/visual-spatial-reasoning.
Records have no ids: predictions stand in the order of the split file. Predictions files (`preds.txt`) hold one 0 or 1 per
line; -1, which no label equals, stands for no answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.tasks.metrics.files import read_lines

_EXPECTED = "VSR predictions, one 0 (false) or 1 (true) per line, -1 for no answer"
_NO_ANSWER = "-1"


def vsr_metric(predictions: Sequence[bool | int | None], labels: Sequence[int], relations: Sequence[str]) -> dict[str, float]:
    """Computes "accuracy" and "relation/NAME" for every relation, the most frequent first, as fractions.

    Args:
        predictions: True or 1, False or 0 for each record; None for no answer, which is wrong.
        labels: 1 or 0 for each record.
        relations: Relation of each record, for example "on top of".

    Raises:
        DatasetError: If the lists have different lengths.
    """
    if not len(predictions) == len(labels) == len(relations):
        raise DatasetError(
            f"{len(predictions)} predictions, {len(labels)} labels and {len(relations)} relations. "
            "Expected one prediction for every record of the split, in its order."
        )
    if not labels:
        return {}
    by_relation: dict[str, list[bool]] = {}
    for prediction, label, relation in zip(predictions, labels, relations, strict=True):
        by_relation.setdefault(relation, []).append(prediction == label)
    metric = {"accuracy": sum(map(sum, by_relation.values())) / len(labels)}
    for relation, hits in sorted(by_relation.items(), key=lambda item: -len(item[1])):
        metric[f"relation/{relation}"] = sum(hits) / len(hits)
    return metric


def read_vsr_predictions(path: Path | str) -> list[int | None]:
    """Reads a predictions file.

    Raises:
        DatasetError: If the file is missing or a line is no prediction; names the file and the line.
    """
    predictions: list[int | None] = []
    for where, line in read_lines(path, _EXPECTED):
        if line not in ("0", "1", _NO_ANSWER):
            raise DatasetError(f"{where} is {line!r:.80}. Expected {_EXPECTED}.")
        predictions.append(None if line == _NO_ANSWER else int(line))
    return predictions


def write_vsr_predictions(path: Path | str, predictions: Sequence[bool | int | None]) -> None:
    """Writes a predictions file.

    Raises:
        DatasetError: If a prediction is neither 0 nor 1 nor None.
    """
    for i, prediction in enumerate(predictions):
        if prediction not in (0, 1, None):
            raise DatasetError(f"Prediction {i} is {prediction!r:.80}. Expected 0, 1 or None.")
    lines = [_NO_ANSWER if prediction is None else str(int(prediction)) for prediction in predictions]
    Path(path).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
