"""SugarCrepe's tasks: choosing the right one of two captions, and saying of one whether it is right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.sample import Sample
from vispro_gym.tasks.choice import ChoiceTask
from vispro_gym.tasks.metrics.files import add_once, read_record_lines, write_record_lines
from vispro_gym.tasks.metrics.sugarcrepe import (
    CaptionChoice,
    read_sugarcrepe_choices,
    sugarcrepe_metric,
    write_sugarcrepe_choices,
)
from vispro_gym.tasks.yes_no import YesNoTask


class SugarCREPETask(ChoiceTask):
    """Which of the two captions is right? Metrics are fractions, as the official code writes them."""

    name = "sugarcrepe"
    instructions = "Return the text that matches the image, or its letter."
    perfect = 1.0

    def metric(self, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> dict[str, float]:
        """Accuracy of each type, the means of each kind of edit ("macro/add", ...), and the "accuracy" over everything."""
        hits: dict[str, list[bool]] = {}
        for sample in samples:
            chosen = self.chosen(predictions.get(sample.sample_id), sample.target)
            hits.setdefault(str(sample.fields["type"]), []).append(chosen == sample.target.index)
        return _with_accuracy(hits)

    def write_submission(self, path: Path | str, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> None:
        """Writes a folder with one file of choices per type, "{type}.json", in the form of the official `gpt-4v-results`."""
        choices: dict[str, dict[str, CaptionChoice]] = {}
        for sample in samples:
            kind, _, number = sample.sample_id.partition("-")
            answer, record = predictions.get(sample.sample_id), sample.record
            chosen = self.chosen(answer, sample.target)
            right, wrong = record["caption"], record["negative_caption"]
            text = "" if chosen is None else right if chosen == sample.target.index else wrong
            reply = answer if isinstance(answer, str) else ""
            choices.setdefault(kind, {})[number] = CaptionChoice(record["filename"], right, wrong, text, reply)
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        for kind, items in choices.items():
            write_sugarcrepe_choices(folder / f"{kind}.json", items)

    def read_submission(self, path: Path | str, samples: Iterable[Sample]) -> dict[str, Any]:
        """Reads a folder as `write_submission` writes it, or, for samples of one type, one of the official files.

        Items that are not among the samples are passed over: the official results have one that the data has no more.
        """
        path = Path(path)
        files: dict[str, dict[str, CaptionChoice]] = {}
        answers: dict[str, Any] = {}
        for sample in samples:
            kind, _, number = sample.sample_id.partition("-")
            if kind not in files:
                files[kind] = read_sugarcrepe_choices(path / f"{kind}.json" if path.is_dir() else path)
            choice = files[kind].get(number)
            answers[sample.sample_id] = choice.chosen if choice is not None and choice.chosen else None
        return answers


class SugarCREPEYesNo(YesNoTask):
    """Is the caption right? The form in which ViUniT asks the items of VisReP. Metrics are fractions."""

    name = "sugarcrepe_yes_no"
    instructions = "Return True if the text matches the image, else False."
    perfect = 1.0

    def metric(self, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> dict[str, float]:
        """The "accuracy" over all checks, that of each type, and the means of each kind of edit ("macro/add", ...)."""
        hits: dict[str, list[bool]] = {}
        for sample in samples:
            right = self.read(predictions.get(sample.sample_id)) == sample.target
            hits.setdefault(str(sample.fields["type"]), []).append(right)
        return _with_accuracy(hits)

    def write_submission(self, path: Path | str, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> None:
        """Writes JSON lines `{"sample_id", "answer": true, false or null}`; there is no official file."""
        write_record_lines(
            path,
            ({"sample_id": s.sample_id, "answer": self.read(predictions.get(s.sample_id))} for s in samples),
        )

    def read_submission(self, path: Path | str, samples: Iterable[Sample]) -> dict[str, Any]:
        """Reads the lines that `write_submission` writes."""
        answers: dict[str, Any] = {}
        for where, record in read_record_lines(path, 'verdicts, {"sample_id", "answer"}'):
            answer = record.get("answer")
            if not isinstance(record.get("sample_id"), str) or not isinstance(answer, bool | None):
                raise DatasetError(f"{where} is {record!r:.80}. Expected a sample_id, and an answer of true, false or null.")
            add_once(answers, record["sample_id"], answer, where)
        return {sample.sample_id: answers.get(sample.sample_id) for sample in samples}


def _with_accuracy(hits: Mapping[str, Sequence[bool]]) -> dict[str, float]:
    everything = [hit for values in hits.values() for hit in values]
    overall = {"accuracy": sum(everything) / len(everything)} if everything else {}
    return overall | sugarcrepe_metric(hits)
