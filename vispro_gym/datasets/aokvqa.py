"""A-OKVQA (Schwenk et al., ECCV 2022) in its official layout.

    ROOT/aokvqa_v1p0_{train,val}.json
    ROOT/{train,val}2017/{image_id:012d}.jpg

Pictures and instance annotations are found as in `vispro_gym.datasets.coco_pictures`. Download:
https://github.com/allenai/aokvqa (Apache 2.0, pictures under Flickr terms). The answers of the test split are not public.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vispro_gym.datasets.base import Dataset
from vispro_gym.datasets.coco_pictures import CocoPictures
from vispro_gym.datasets.errors import DatasetError, MissingDataError
from vispro_gym.datasets.index import Builder
from vispro_gym.datasets.json_stream import Record, scan_list
from vispro_gym.datasets.options import MOST_OPTIONS, Choice, list_options, shuffled
from vispro_gym.datasets.records import natural, record_list, record_value
from vispro_gym.datasets.sample import Sample

_DIRECT = "direct_answer"
_DOWNLOADS = "https://github.com/allenai/aokvqa"


class AOKVQA(Dataset):
    """One split of A-OKVQA: "train" or "val".

    Sample ids are the question ids. In the form "multiple_choice" four options stand below the question, in an order that depends
    on the seed, and the target is a `Choice`. In the form "direct_answer" the target is what people answered, a tuple of texts;
    questions that are marked as difficult to answer directly are left out, as in the official metric.
    """

    name = "AOKVQA"
    forms = {"multiple_choice": "aokvqa_multiple_choice", _DIRECT: "aokvqa_direct_answer"}  # noqa: RUF012 (the base class declares it)
    fields = ("difficult",)

    @property
    def is_shuffled(self) -> bool:
        """Whether samples have options whose order depends on a seed."""
        return self.form != _DIRECT

    def _sources(self) -> list[Path]:
        root = self.location.root
        self._questions_path = root / f"aokvqa_v1p0_{self.split}.json"
        if not self._questions_path.is_file():
            found = sorted(path.stem.removeprefix("aokvqa_v1p0_") for path in root.glob("aokvqa_v1p0_*.json"))
            there = f"Splits found there: {', '.join(found)}." if found else "No question files were found there."
            raise MissingDataError(
                f"A-OKVQA has no split {self.split!r} in {root}. Expected {self._questions_path.name}. {there} "
                f"The official files are at {_DOWNLOADS}."
            )
        self._pictures = CocoPictures(root, (f"{self.split}2017/{{id:012d}}.jpg",), self.images)
        return [self._questions_path, *self._pictures.sources]

    def _build(self, builder: Builder) -> None:
        self._pictures.has(0)  # a damaged instance file is found here, not at each question
        self._add_samples(builder, "question_id", self._questions())

    def _questions(self) -> Iterator[tuple[str, Record, Path]]:
        path = self._questions_path
        for record in scan_list(path, "an official A-OKVQA file, a list of questions"):
            question_id = record_value(record.value, "question_id", str, f"{path}, question {record.key}")
            if not record.key and not {"correct_choice_idx", "direct_answers"} & record.value.keys():
                raise DatasetError(
                    f"A-OKVQA split {self.split!r} has no answers (question {question_id!r:.80}). "
                    "Rewards need a split with annotations: train or val."
                )
            if self.form != _DIRECT or record.value.get("difficult_direct_answer") is not True:
                yield question_id, record, path

    def _fields(self, record: Any, where: str) -> dict[str, str | int]:
        return {"difficult": int(record_value(record, "difficult_direct_answer", bool, where))}

    def _is_annotated(self, record: Any) -> bool:
        return self._pictures.has(natural(record, "image_id", ""))

    def _sample(self, sample_id: str, record: Any, seed: int) -> Sample:
        where = f"A-OKVQA {self.split} question {sample_id!r:.80}"
        query = record_value(record, "question", str, where)
        target: Choice | tuple[str, ...]
        if self.form == _DIRECT:
            target = tuple(record_list(record, "direct_answers", str, where))
            if not target:
                raise DatasetError(f"{where} has an empty list of direct_answers. Expected the answers of several people.")
        else:
            texts, right = shuffled(*_choices(record, where), seed, sample_id)
            target = Choice(right, tuple(texts), len(texts))
            query = list_options(query, texts)
        return Sample(
            sample_id=sample_id,
            query=query,
            images=(self._pictures.ref(natural(record, "image_id", where)),),
            target=target,
            fields=self._fields(record, where),
            record=record,
        )


def _choices(record: Any, where: str) -> tuple[list[str], int]:
    choices = record_list(record, "choices", str, where)
    right = natural(record, "correct_choice_idx", where)
    if not right < len(choices) <= MOST_OPTIONS:
        raise DatasetError(
            f"{where} has 'correct_choice_idx' {right} and {len(choices)} choices. "
            f"Expected a position, from 0, in at most {MOST_OPTIONS} choices; officially there are 4."
        )
    return choices, right
