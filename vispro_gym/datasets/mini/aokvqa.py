"""The mini A-OKVQA data: drawn photos and questions with four options and direct answers, in the layout of the official files."""

from __future__ import annotations

import string
from pathlib import Path
from random import Random
from typing import Any

from vispro_gym.datasets.mini.photos.facts import choose_evenly, questions
from vispro_gym.datasets.mini.photos.pictures import coco_file_name, coco_instances, save_photos, take_photos
from vispro_gym.datasets.mini.photos.question import Question
from vispro_gym.datasets.mini.photos.wording import sentence, with_article
from vispro_gym.datasets.mini.vqav2 import PEOPLE, people_answer, write_json

_SPLITS = {"train": (60, 240, 700_001), "val": (30, 120, 800_001)}  # pictures, questions, first image id
_PER_PICTURE = 6
_KINDS = ("knowledge", "color", "what")
_DIFFICULT = 0.1
_ID_LENGTH = 22


def write_aokvqa(root: Path, seed: int = 0) -> None:
    """Writes the data set into an existing, empty folder.

    Args:
        root: The folder.
        seed: Everything is a function of it, byte for byte.
    """
    for split, (pictures, wanted, first_id) in _SPLITS.items():
        photos = list(take_photos(f"{seed}-aokvqa-{split}", pictures, first_id))
        coco_split = f"{split}2017"
        save_photos(photos, root / coco_split, coco_file_name(coco_split))
        rng = Random(f"{seed}-aokvqa-{split}-questions")
        pool = [question for photo in photos for question in questions(photo, rng, _KINDS)]
        asked = choose_evenly(pool, wanted, rng, lambda q: q.kind, lambda q: q.answer, per_image=_PER_PICTURE)
        records = [_record(question, split, rng) for question in asked]
        write_json(root / f"aokvqa_v1p0_{split}.json", records)
        write_json(root / "annotations" / f"instances_{coco_split}.json", coco_instances(photos, coco_split))
        programs = {record["question_id"]: question.program for record, question in zip(records, asked, strict=True)}
        write_json(root / f"expert_programs_{split}.json", programs)


def _record(question: Question, split: str, rng: Random) -> dict[str, Any]:
    answer = str(question.answer)
    choices = [answer, *map(str, question.others)]
    rng.shuffle(choices)
    is_difficult = rng.random() < _DIFFICULT
    # where people are asked for too much, no two of them agree
    direct = [f"{answer}, maybe {i}" for i in range(PEOPLE)] if is_difficult else people_answer(answer, rng)
    shown = with_article(question.about[0])
    return {
        "split": split,
        "image_id": question.image_id,
        "question_id": "".join(rng.choices(string.ascii_letters + string.digits, k=_ID_LENGTH)),
        "question": question.text,
        "choices": choices,
        "correct_choice_idx": choices.index(answer),
        "direct_answers": direct,
        "difficult_direct_answer": is_difficult,
        "rationales": [sentence(text) for text in (f"there is {shown}", f"it shows {shown}", f"the answer is {answer}")],
    }
