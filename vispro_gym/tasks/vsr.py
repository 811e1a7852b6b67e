"""VSR's task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.sample import Sample
from vispro_gym.tasks.metrics.vsr import read_vsr_predictions, vsr_metric, write_vsr_predictions
from vispro_gym.tasks.yes_no import YesNoTask


class VSRTask(YesNoTask):
    """Whether a statement on where two things are is true of the picture.

    The scorer "official" compares with the official label, 1 or 0: it takes True, False and numbers, and no text.
    """

    name = "vsr"
    perfect = 1.0

    def read(self, answer: Any) -> bool | None:
        """What an answer says, None if neither true nor false."""
        if self.scorer == "official":
            return bool(answer) if isinstance(answer, int | float) and answer in (0, 1) else None
        return super().read(answer)

    def metric(self, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> dict[str, float]:
        """Accuracy, in all and by relation, see `vispro_gym.tasks.metrics.vsr.vsr_metric`."""
        records = [(self.read(predictions.get(sample.sample_id)), sample.record) for sample in samples]
        labels, relations = ([record[key] for _, record in records] for key in ("label", "relation"))
        return vsr_metric([said for said, _ in records], labels, relations)

    def write_submission(self, path: Path | str, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> None:
        """Writes the official file, one 0 or 1 per line in the order of the samples; -1 stands for no answer."""
        write_vsr_predictions(path, [self.read(predictions.get(sample.sample_id)) for sample in samples])

    def read_submission(self, path: Path | str, samples: Iterable[Sample]) -> dict[str, Any]:
        """Reads the official file, which has one line for each of the samples."""
        said = read_vsr_predictions(path)
        ids = [sample.sample_id for sample in samples]
        if len(said) != len(ids):
            raise DatasetError(
                f"{path} has {len(said)} lines. Expected one prediction per line for each of the {len(ids)} samples."
            )
        return {
            sample_id: None if prediction is None else bool(prediction) for sample_id, prediction in zip(ids, said, strict=True)
        }
