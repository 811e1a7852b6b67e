"""The mini OK-VQA data: drawn photos, and questions that need knowledge beside them, in the layout of the official files."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

from vispro_gym.datasets.coco_categories import BY_NAME
from vispro_gym.datasets.mini.photos.facts import choose_evenly, questions
from vispro_gym.datasets.mini.photos.pictures import take_photos
from vispro_gym.datasets.mini.photos.question import Question
from vispro_gym.datasets.mini.vqav2 import write_split

_SPLITS = {"train": (160, 200, 300_001), "val": (80, 100, 400_001)}  # pictures, questions, first image id
_PER_PICTURE = 3
_KNOWLEDGE = {
    "one": "Vehicles and Transportation",
    "two": "Brands, Companies and Products",
    "three": "Objects, Material and Clothing",
    "four": "Sports and Recreation",
    "five": "Cooking and Food",
    "six": "Geography, History, Language and Culture",
    "seven": "People and Everyday life",
    "eight": "Plants and Animals",
    "nine": "Science and Technology",
    "ten": "Weather and Climate",
    "other": "Other",
}
_BY_SUPERCATEGORY = {
    "vehicle": "one",
    "sports": "four",
    "indoor": "four",  # toys
    "food": "five",
    "appliance": "five",
    "animal": "eight",
    "electronic": "nine",
}


def write_okvqa(root: Path, seed: int = 0) -> None:
    """Writes the data set into an existing, empty folder.

    Args:
        root: The folder.
        seed: Everything is a function of it, byte for byte.
    """
    for split, (pictures, wanted, first_id) in _SPLITS.items():
        photos = list(take_photos(f"{seed}-okvqa-{split}", pictures, first_id))
        rng = Random(f"{seed}-okvqa-{split}-questions")
        pool = [question for photo in photos for question in questions(photo, rng, ("knowledge",))]
        asked = choose_evenly(pool, wanted, rng, lambda q: q.text, lambda q: q.answer, per_image=_PER_PICTURE)
        write_split(root, split, photos, asked, "", _facts, rng, question_types=_KNOWLEDGE)


def _facts(question: Question) -> dict[str, Any]:
    supercategory = BY_NAME[question.about[0]].supercategory
    return {"question_type": _BY_SUPERCATEGORY.get(supercategory, "other"), "answer_type": "other", "confidence": 3}
