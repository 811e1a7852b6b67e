"""The mini POPE data: drawn photos, and questions on what they show, in the official layout.

As in POPE, each photo is asked for three objects that it shows and for three that it does not.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from vispro_gym.datasets.mini.json_files import write_json, write_lines
from vispro_gym.datasets.mini.photos import (
    Absences,
    Photo,
    coco_file_name,
    coco_instances,
    existence_question,
    save_photos,
    take_photos,
)

SPLITS = ("random", "popular", "adversarial")
"""How the absent objects are chosen."""

_PICTURES = 50
_EACH = 3  # objects that are there, and as many that are not
_COCO_SPLIT = "val2014"


def write_pope(root: Path, seed: int = 0) -> None:
    """Writes the data set into an existing, empty folder.

    Args:
        root: The folder.
        seed: Everything is a function of it, byte for byte.
    """
    taken = take_photos(f"{seed}-pope", 10 * _PICTURES, 300_001)
    photos = list(islice((photo for photo in taken if len(photo.categories) >= _EACH), _PICTURES))
    absences = Absences(photos)
    for split in SPLITS:
        records: list[dict[str, Any]] = []
        programs: dict[str, str] = {}
        for photo in photos:
            rng = Random(f"{seed}-pope-{photo.image_id}")  # what is there is the same in all splits
            present = rng.sample(photo.categories, _EACH)
            absent = _absent(absences, split, photo, rng)
            for category in (name for pair in zip(present, absent, strict=True) for name in pair):
                question = existence_question(photo, category)
                question_id = len(records) + 1
                records.append(
                    {
                        "question_id": question_id,
                        "image": coco_file_name(_COCO_SPLIT)(photo.image_id),
                        "text": question.text,
                        "label": question.answer,
                    }
                )
                programs[str(question_id)] = question.program
        write_lines(root / "coco" / f"coco_pope_{split}.json", records)
        write_json(root / f"expert_programs_{split}.json", programs)
    save_photos(photos, root / _COCO_SPLIT, coco_file_name(_COCO_SPLIT))
    write_json(root / "annotations" / f"instances_{_COCO_SPLIT}.json", coco_instances(photos, _COCO_SPLIT))


def _absent(absences: Absences, split: str, photo: Photo, rng: Random) -> list[str]:
    if split == "random":
        return absences.random(photo, _EACH, rng)
    return (absences.popular if split == "popular" else absences.adversarial)(photo, _EACH)
