"""Visual question answering with one short gold answer (GQA, CLEVR)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from vispro_gym.datasets.sample import Sample
from vispro_gym.tasks.base import Score


class VisualQuestionAnswering:
    """The answer is a word or two, right if it equals the gold answer.

    The reward compares normalised texts: booleans become "yes" and "no", numbers their digits, texts are stripped
    and lowered and lose a final full stop; both sides alike. Lists and patches are no answers to a question and earn 0.

    The metric is exact equality of the texts, as in GQA's `eval.py` (accuracy, and accuracy on binary and open
    questions).
    """

    name = "vqa"

    def score(self, answer: Any, target: Any) -> Score:
        """The verdict on one answer.

        Args:
            answer: What the program returned: str, bool, int, float, or anything else (wrong).
            target: The gold answer, a str.
        """
        text = answer_text(answer)
        normalised = None if text is None else normalise(text)
        return Score(float(normalised is not None and normalised == normalise(target)), {"normalised_answer": normalised})

    def metric(self, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> dict[str, float]:
        """Accuracies in percent: "accuracy", and "binary" and "open" where samples say which they are.

        Binary questions are all but those of structural type "query", as in GQA's official code. A group without
        samples is left out.
        """
        right: dict[str, list[bool]] = {}
        for sample in samples:
            hit = answer_text(predictions.get(sample.sample_id)) == sample.target
            right.setdefault("accuracy", []).append(hit)
            if "structural" in sample.fields:
                right.setdefault("open" if sample.fields["structural"] == "query" else "binary", []).append(hit)
        return {name: 100.0 * sum(hits) / len(hits) for name, hits in right.items()}


def answer_text(answer: Any) -> str | None:
    """An answer as text: True is "yes", 3 and 3.0 are "3". None if it is neither text, bool nor number."""
    if isinstance(answer, bool):
        return "yes" if answer else "no"
    if isinstance(answer, float):
        return str(int(answer)) if answer.is_integer() else str(answer)
    if isinstance(answer, str | int):
        return str(answer)
    return None


def normalise(text: str) -> str:
    """Strips, lowers, drops a final full stop, and reads "true" and "false" as "yes" and "no"."""
    text = text.strip().lower().removesuffix(".").rstrip()
    return {"true": "yes", "false": "no"}.get(text, text)
