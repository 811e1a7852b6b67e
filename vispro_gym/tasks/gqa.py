"""GQA's task: the reward of VisReP's pseudo-environment, and the official metric."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vispro_gym.datasets.sample import Sample
from vispro_gym.tasks.base import Score
from vispro_gym.tasks.metrics.gqa import gqa_metric, read_gqa, vipergpt_accuracy, vipergpt_text, write_gqa
from vispro_gym.tasks.metrics.soft_vqa import normalise_vqa
from vispro_gym.tasks.vqa import VisualQuestionAnswering, answer_text


class GQATask(VisualQuestionAnswering):
    """A short answer to a compositional question.

    The scorer "vipergpt" reads answers as ViperGPT's code does (the first item of a list, an empty list as "no", VQAv2's
    normalisation of the prediction only), so that rewards can be compared with its scores. Its rule that a crashed program has
    answered "no" is kept in the metric's "vipergpt_accuracy" and nowhere else: a program that gives no answer earns 0.
    """

    name = "gqa"
    scorers = ("strict", "official", "vipergpt")

    def score(self, answer: Any, target: Any) -> Score:
        """The verdict on one answer; `target` is the gold answer, a str."""
        if self.scorer != "vipergpt":
            return super().score(answer, target)
        normalised = normalise_vqa(vipergpt_text(answer))
        reward = float(normalised == target)
        return Score(reward, reward, {"normalised_answer": normalised})

    def metric(self, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> dict[str, float]:
        """What GQA's `eval.py` prints, see `vispro_gym.tasks.metrics.gqa.gqa_metric`, and "vipergpt_accuracy".

        Validity and plausibility are there if the samples are a dataset whose folder has the official choices. Consistency is
        over those entailed questions that are among the samples.
        """
        questions = {sample.sample_id: sample.record for sample in samples}
        texts = {sample_id: answer_text(predictions.get(sample_id)) for sample_id in questions}
        metric = gqa_metric(texts, questions, getattr(samples, "choices", None))
        return metric | vipergpt_accuracy(predictions, questions)

    def write_submission(self, path: Path | str, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> None:
        """Writes the official file, `[{"questionId": str, "prediction": str}, ...]`; no answer is an empty text."""
        write_gqa(path, {sample.sample_id: answer_text(predictions.get(sample.sample_id)) for sample in samples})

    def read_submission(self, path: Path | str, samples: Iterable[Sample]) -> dict[str, Any]:
        """Reads the official file; an empty text is no answer."""
        return {question_id: text or None for question_id, text in read_gqa(path).items()}
