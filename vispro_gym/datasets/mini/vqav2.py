"""The mini VQAv2 data: drawn photos, and questions of many kinds that ten people answer, in the layout of the official files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from vispro_gym.datasets.mini.photos.facts import KINDS, choose_evenly, questions
from vispro_gym.datasets.mini.photos.pictures import Photo, coco_file_name, coco_instances, save_photos, take_photos
from vispro_gym.datasets.mini.photos.question import Question
from vispro_gym.datasets.mini.photos.wording import number

PEOPLE = 10
"""So many people answer each question."""

_SPLITS = {"train": (60, 420, 100_001), "val": (30, 180, 200_001)}  # pictures, questions, first image id
_PER_PICTURE = 12
# Types of the official list, those that the questions here may have.
_TYPES = (
    "are there", "how many", "how many people are", "is the", "is there", "is there a",
    "what", "what color is the", "what is", "what is the", "which",
)  # fmt: skip
_DOUBTS = ("maybe", "probably", "i think")


def write_vqav2(root: Path, seed: int = 0) -> None:
    """Writes the data set into an existing, empty folder.

    Args:
        root: The folder.
        seed: Everything is a function of it, byte for byte.
    """
    for split, (pictures, wanted, first_id) in _SPLITS.items():
        photos = list(take_photos(f"{seed}-vqav2-{split}", pictures, first_id))
        rng = Random(f"{seed}-vqav2-{split}-questions")
        kinds = [kind for kind in KINDS if kind != "knowledge"]
        pool = [question for photo in photos for question in questions(photo, rng, kinds)]
        asked = choose_evenly(pool, wanted, rng, lambda q: q.kind, lambda q: q.answer, per_image=_PER_PICTURE)
        write_split(root, split, photos, asked, "v2_", lambda q: {"question_type": question_type(q.text)}, rng)


def write_split(
    root: Path,
    split: str,
    photos: Sequence[Photo],
    asked: Iterable[Question],
    prefix: str,
    facts: Callable[[Question], dict[str, Any]],
    rng: Random,
    **header: Any,
) -> None:
    """Writes one split in VQAv2's layout, with instance annotations and expert programs.

    Args:
        root: Folder of the data set.
        split: "train" or "val".
        photos: The pictures.
        asked: Questions on them.
        prefix: What the names of the files begin with.
        facts: What annotations say of a question beside its answers.
        rng: Decides what people answer.
        header: Further members of the annotation file.
    """
    coco_split = f"{split}2014"
    save_photos(photos, root / "Images" / "mscoco" / coco_split, coco_file_name(coco_split))
    records, annotations, programs = [], [], {}
    numbers: dict[int, int] = {}
    for question in sorted(asked, key=lambda q: q.image_id):
        image_id = question.image_id
        numbers[image_id] = numbers.get(image_id, -1) + 1
        question_id = image_id * 1000 + numbers[image_id]
        records.append({"image_id": image_id, "question": question.text, "question_id": question_id})
        annotations.append(
            {
                "image_id": image_id,
                "question_id": question_id,
                "answer_type": _answer_type(question.answer),
                "multiple_choice_answer": str(question.answer),
                "answers": [
                    {"answer": text, "answer_confidence": "maybe" if text.startswith(_DOUBTS) else "yes", "answer_id": i}
                    for i, text in enumerate(people_answer(question.answer, rng), 1)
                ],
                **facts(question),
            }
        )
        programs[str(question_id)] = question.program
    shared = {"info": {"description": "Drawn pictures in the layout of VQA"}, "data_type": "mscoco", "data_subtype": coco_split}
    shared["license"] = {"name": "The licence of vispro_gym", "url": ""}
    for path, content in (
        (f"Questions/{prefix}OpenEnded_mscoco_{coco_split}_questions.json", {"task_type": "Open-Ended", "questions": records}),
        (f"Annotations/{prefix}mscoco_{coco_split}_annotations.json", {**header, "annotations": annotations}),
    ):
        write_json(root / path, {**shared, **content})
    write_json(root / "annotations" / f"instances_{coco_split}.json", coco_instances(photos, coco_split))
    write_json(root / f"expert_programs_{split}.json", programs)


def people_answer(answer: str | int, rng: Random) -> list[str]:
    """What ten people answer: most of them right, some in another wording, and some add that they are not sure.

    Nobody is wrong: an answer that a single person gives is rewarded by default.
    """
    doubting = rng.choice((0, 0, 0, 1, 2, 3))
    answers = [str(answer)] * (PEOPLE - doubting) + [f"{rng.choice(_DOUBTS)} {answer}" for _ in range(doubting)]
    if isinstance(answer, int) and rng.random() < 0.3:
        answers[0] = number(answer) if answer else "none"
    rng.shuffle(answers)
    return answers


def question_type(text: str) -> str:
    """The longest of the official types that a question begins with, else "none of the above"."""
    words = text.lower().split()
    return max((name for name in _TYPES if words[: len(name.split())] == name.split()), key=len, default="none of the above")


def write_json(path: Path, content: Any) -> None:
    """Writes a JSON file in a folder that is made if it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")


def _answer_type(answer: str | int) -> str:
    if isinstance(answer, int):
        return "number"
    return "yes/no" if answer in ("yes", "no") else "other"
