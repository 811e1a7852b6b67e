"""The mini TallyQA data: drawn photos and questions on how many there are, in the layout of the official files.

As in the official data, pictures of train are of COCO and of Visual Genome, those of test of Visual Genome; some of both have the
same number; and only test says which questions are simple.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from vispro_gym.datasets.mini.photos.facts import choose_evenly, questions
from vispro_gym.datasets.mini.photos.pictures import coco_file_name, coco_instances, save_photos, take_photos
from vispro_gym.datasets.mini.vqav2 import write_json

_SPLITS = {  # pictures, questions, first image id
    "train": {"train2014": (20, 80, 500_001), "val2014": (20, 80, 510_001), "VG_100K": (20, 80, 500_001)},
    "test": {"VG_100K_2": (30, 120, 600_001)},
}
_PER_PICTURE = 6
_SIMPLE = "count"
_COMPLEX = ("count color", "count relation", "count group")
# Official files put a 9 before the ids of Visual Genome's pictures.
_GENOME_IMAGES = 90_000_000
_GENOME_QUESTIONS = 30_000_001


def write_tallyqa(root: Path, seed: int = 0) -> None:
    """Writes the data set into an existing, empty folder.

    Args:
        root: The folder.
        seed: Everything is a function of it, byte for byte.
    """
    for split, folders in _SPLITS.items():
        records, programs = [], {}
        for folder in folders:
            for record, program in _write_folder(root, folder, *folders[folder], seed):
                if split == "train":
                    del record["issimple"]
                records.append(record)
                programs[str(record["question_id"])] = program
        write_json(root / f"{split}.json", records)
        write_json(root / f"expert_programs_{split}.json", programs)


def _write_folder(
    root: Path, folder: str, pictures: int, wanted: int, first_id: int, seed: int
) -> Iterator[tuple[dict[str, Any], str]]:
    """Writes a folder of pictures and their annotations; yields the questions on them and their expert programs."""
    is_genome = folder.startswith("VG_100K")
    file_name = _genome_file_name if is_genome else coco_file_name(folder)
    photos = list(take_photos(f"{seed}-tallyqa-{folder}", pictures, first_id))
    save_photos(photos, root / folder, file_name)
    instances = coco_instances(photos, folder)
    for image in instances["images"]:
        image["file_name"] = file_name(image["id"])
    write_json(root / "annotations" / f"instances_{folder}.json", instances)
    rng = Random(f"{seed}-tallyqa-{folder}-questions")
    pool = [question for photo in photos for question in questions(photo, rng, (_SIMPLE, *_COMPLEX))]
    asked = choose_evenly(
        pool, wanted, rng, lambda q: q.kind == _SIMPLE, lambda q: q.kind, lambda q: q.answer, per_image=_PER_PICTURE
    )
    for i, question in enumerate(asked):
        image_id, is_simple = question.image_id, question.kind == _SIMPLE
        record = {
            "answer": question.answer,
            "data_source": ("imported_genome" if is_genome else "imported_vqa") if is_simple else "amt",
            "image": f"{folder}/{file_name(image_id)}",
            "image_id": _GENOME_IMAGES + image_id if is_genome else image_id,
            "issimple": is_simple,
            "question": question.text,
            "question_id": (_GENOME_QUESTIONS if is_genome else 1000 * first_id) + i,
        }
        yield record, question.program


def _genome_file_name(image_id: int) -> str:
    return f"{image_id}.jpg"
