"""The tasks of NLVR2 and NLVR."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vispro_gym.datasets.sample import Sample
from vispro_gym.tasks.metrics.nlvr2 import (
    Prediction,
    nlvr2_metric,
    nlvr_metric,
    read_nlvr_predictions,
    write_nlvr_predictions,
)
from vispro_gym.tasks.yes_no import YesNoTask


class NLVR2Task(YesNoTask):
    """Whether a statement is true of a pair of pictures.

    The scorer "official" takes what the official code takes for a label: True, False and these words in any case, nothing else.
    """

    name = "nlvr2"
    perfect = 1.0

    def read(self, answer: Any) -> bool | None:
        """What an answer says, None if neither true nor false."""
        if self.scorer == "official" and isinstance(answer, str):
            return {"true": True, "false": False}.get(answer.lower())
        return super().read(answer)

    def metric(self, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> dict[str, float]:
        """Accuracy and consistency, as fractions: of samples judged right, and of sentences judged right in all their samples."""
        labels = {sample.sample_id: str(sample.record["label"]) for sample in samples}
        return self._compute({sample_id: self.read(predictions.get(sample_id)) for sample_id in labels}, labels)

    def _compute(self, said: Mapping[str, Prediction], labels: Mapping[str, str]) -> dict[str, float]:
        return nlvr2_metric(said, labels)

    def write_submission(self, path: Path | str, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> None:
        """Writes the official file, lines `identifier,True` or `identifier,False`; "None" stands for no answer."""
        write_nlvr_predictions(path, {sample.sample_id: self.read(predictions.get(sample.sample_id)) for sample in samples})

    def read_submission(self, path: Path | str, samples: Iterable[Sample]) -> dict[str, Any]:
        """Reads the official file."""
        return dict(read_nlvr_predictions(path))


class NLVRTask(NLVR2Task):
    """Whether a statement is true of three boxes. The metric is the official one for one judgement per example."""

    name = "nlvr"

    def _compute(self, said: Mapping[str, Prediction], labels: Mapping[str, str]) -> dict[str, float]:
        return nlvr_metric(said, labels)
