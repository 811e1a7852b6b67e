"""VQAv2 (Goyal et al., CVPR 2017) and OK-VQA (Marino et al., CVPR 2019), which share one layout.

    ROOT/Questions/v2_OpenEnded_mscoco_{train,val}2014_questions.json       OK-VQA: without "v2_"
    ROOT/Annotations/v2_mscoco_{train,val}2014_annotations.json
    ROOT/Images/mscoco/{train,val}2014/COCO_{train,val}2014_{image_id:012d}.jpg

The questions may also be in `questions/`, the annotations in `annotations/`, and either in ROOT itself. Pictures and instance
annotations are found as in `vispro_gym.datasets.coco_pictures`. Downloads: https://visualqa.org/download.html and
https://okvqa.allenai.org/download.html (annotations CC BY 4.0, pictures under Flickr terms). The answers of VQAv2's test splits
are not public; OK-VQA has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

from vispro_gym.datasets.base import Dataset
from vispro_gym.datasets.coco_pictures import CocoPictures
from vispro_gym.datasets.errors import DatasetError, MissingDataError
from vispro_gym.datasets.index import Builder
from vispro_gym.datasets.json_stream import Record, scan_list
from vispro_gym.datasets.records import natural, record_list, record_value
from vispro_gym.datasets.sample import Sample


class VQAv2(Dataset):
    """One split of VQAv2: "train" or "val". Sample ids are the question ids; targets are people's answers, tuples of texts."""

    name = "VQAv2"
    forms = {"question": "vqav2"}  # noqa: RUF012 (the base class declares it)
    fields = ("question_type", "answer_type")
    type_field = "question_type"
    _prefix: ClassVar[str] = "v2_"
    _downloads: ClassVar[str] = "https://visualqa.org/download.html"
    _unanswered: ClassVar[tuple[str, ...]] = ("test", "test-dev")

    def _sources(self) -> list[Path]:
        root, split = self.location.root, self.split
        if split in self._unanswered:
            raise DatasetError(
                f"{self.name} split {split!r} has no answers: they are not public. "
                "Rewards need a split with annotations: train or val."
            )
        start, end = f"{self._prefix}OpenEnded_mscoco_", "2014_questions.json"
        questions, annotations = f"{start}{split}{end}", f"{self._prefix}mscoco_{split}2014_annotations.json"
        found = (_find(root, "Questions", questions), _find(root, "Annotations", annotations))
        if found[0] is None:
            folders = ("Questions", "questions", ".")
            splits = {path.name[len(start) : -len(end)] for folder in folders for path in (root / folder).glob(f"{start}*{end}")}
            there = f"Splits found there: {', '.join(sorted(splits))}." if splits else "No question files were found there."
            raise MissingDataError(
                f"{self.name} has no split {split!r} in {root}. Expected Questions/{questions} and Annotations/{annotations} "
                f"(or questions/ and annotations/, or the folder itself). {there} The official files are at {self._downloads}."
            )
        if found[1] is None:
            raise MissingDataError(
                f"{self.name} split {split!r} in {root} has questions but no answers: Annotations/{annotations} is missing "
                "(or annotations/, or the folder itself). Rewards need it. "
                f"The official files are at {self._downloads}."
            )
        self._questions_path, self._annotations_path = found[0], found[1]
        self._pictures = CocoPictures(root, (f"Images/mscoco/{split}2014/COCO_{split}2014_{{id:012d}}.jpg",), self.images)
        return [self._questions_path, self._annotations_path, *self._pictures.sources]

    def _build(self, builder: Builder) -> None:
        path = self._annotations_path
        add = builder.table("annotations", unique="question_id")
        facts: dict[str, dict[str, Any]] = {}
        self._facts: dict[int, dict[str, Any]] = {}
        for record in scan_list(path, f'official {self.name} annotations, {{"annotations": [...]}}', ("annotations",)):
            question_id = natural(record.value, "question_id", f"{path}, annotation {record.key}")
            add(str(question_id), record, path)
            found = {field: record.value[field] for field in self.fields if field in record.value}
            self._facts[question_id] = facts.setdefault(str(found), found)  # few differ from each other
        self._has_scene = lru_cache(1024)(self._pictures.has)  # many questions are on one picture
        self._has_scene(0)  # a damaged instance file is found here, not at each question
        self._add_samples(builder, "question_id", self._questions())
        del self._facts, self._has_scene

    def _questions(self) -> Iterator[tuple[str, Record, Path]]:
        path = self._questions_path
        questions = annotated = 0
        for record in scan_list(path, f'an official {self.name} question file, {{"questions": [...]}}', ("questions",)):
            question_id = natural(record.value, "question_id", f"{path}, question {record.key}")
            questions += 1
            annotated += question_id in self._facts
            yield str(question_id), record._replace(value=record.value | self._facts.get(question_id, {})), path
        if questions and not annotated:
            raise DatasetError(
                f"{self._annotations_path} has answers to none of the {questions} questions in {path}. "
                "Expected both files of the same release and split."
            )

    def _fields(self, record: Any, where: str) -> dict[str, str | int]:
        return {field: record_value(record, field, str, where) for field in self.fields if field in record}

    def _is_annotated(self, record: Any) -> bool:
        return self._has_scene(natural(record, "image_id", ""))

    def _sample(self, sample_id: str, record: Any, seed: int) -> Sample:
        where = f"{self.name} {self.split} question {sample_id}"
        annotation = self._index.table("annotations").get(sample_id)
        if annotation is None:
            raise DatasetError(f"{where} has no answers in {self._annotations_path}. Expected one annotation for each question.")
        image_id = natural(record, "image_id", where)
        if annotation.get("image_id", image_id) != image_id:
            raise DatasetError(
                f"{where} is on image {image_id}, but its annotation on image {annotation['image_id']!r:.80}. "
                "Expected both files of the same release."
            )
        return Sample(
            sample_id=sample_id,
            query=record_value(record, "question", str, where),
            images=(self._pictures.ref(image_id),),
            target=_answers(annotation, where),
            fields=self._fields(annotation, where),
            record=annotation | record,
        )


class OKVQA(VQAv2):
    """One split of OK-VQA: "train" or "val". Its annotations name the kind of knowledge by a number word as "question_type"."""

    name = "OKVQA"
    forms = {"question": "okvqa"}  # noqa: RUF012 (the base class declares it)
    _prefix = ""
    _downloads = "https://okvqa.allenai.org/download.html"
    _unanswered = ()


def _find(root: Path, folder: str, name: str) -> Path | None:
    return next((path for place in (folder, folder.lower(), ".") if (path := root / place / name).is_file()), None)


def _answers(annotation: Any, where: str) -> tuple[str, ...]:
    items = record_list(annotation, "answers", dict, where)
    if not items:
        raise DatasetError(f"{where} has an empty list of answers. Expected the answers of several people, officially ten.")
    return tuple(record_value(item, "answer", str, f"{where}, answer {i}") for i, item in enumerate(items))
