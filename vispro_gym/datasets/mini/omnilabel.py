"""The mini OmniLabel data: drawn photos, and descriptions of any number of things in them, in the official layout.

As in OmniLabel, descriptions are the names of categories or free texts, and many fit nothing that the photo shows.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

from vispro_gym.datasets.mini.json_files import write_json
from vispro_gym.datasets.mini.photos.facts import choose_evenly
from vispro_gym.datasets.mini.photos.pictures import Photo, coco_file_name, coco_instances, save_photos, take_photos
from vispro_gym.datasets.mini.photos.references import Reference, category_description, descriptions
from vispro_gym.datasets.mini.photos.scenery import common_absent

_PICTURES, _FIRST_ID = 50, 800_001
_CATEGORIES = 2  # that are there, and as many that are not
_DESCRIPTIONS = 300
_COCO_SPLIT = "val2017"


def write_omnilabel(root: Path, seed: int = 0) -> None:
    """Writes the data set into an existing, empty folder.

    Args:
        root: The folder.
        seed: Everything is a function of it, byte for byte.
    """
    photos = list(take_photos(f"{seed}-omnilabel", _PICTURES, _FIRST_ID))
    rng = Random(f"{seed}-omnilabel-descriptions")
    pool = [reference for photo in photos for reference in descriptions(photo, rng)]
    free = choose_evenly(pool, _DESCRIPTIONS, rng, lambda r: r.kind, lambda r: not r.annotation_ids, per_image=8)
    plain = [reference for photo in photos for reference in _categories(photo, rng)]
    asked = [("object_category", reference) for reference in plain] + [("object_description", reference) for reference in free]

    records: dict[tuple[str, str], dict[str, Any]] = {}
    meant: dict[int, list[int]] = {}
    programs: dict[str, str] = {}
    for kind, reference in asked:
        number = len(records) + 1
        new = {"id": number, "text": reference.text, "anno_info": {"orig_id": number, "type": kind}, "image_ids": []}
        record = records.setdefault((kind, reference.text), new)
        record["image_ids"].append(reference.image_id)
        for annotation_id in reference.annotation_ids:
            meant.setdefault(annotation_id, []).append(record["id"])
        programs[f"{reference.image_id}-{record['id']}"] = reference.program

    instances = coco_instances(photos, _COCO_SPLIT)
    content = {
        "images": [{"id": image["id"], "file_name": f"coco/{image['file_name']}"} for image in instances["images"]],
        "descriptions": list(records.values()),
        "annotations": [
            {
                **{key: annotation[key] for key in ("id", "image_id", "bbox", "area", "iscrowd")},
                "description_ids": meant[annotation["id"]],
            }
            for annotation in instances["annotations"]
            if annotation["id"] in meant
        ],
    }
    write_json(root / "omnilabel_val_v0.1.4" / "dataset_all_val_v0.1.4.json", content)
    write_json(root / "annotations" / f"instances_{_COCO_SPLIT}.json", instances)
    write_json(root / "expert_programs_val.json", programs)
    save_photos(photos, root / "coco", coco_file_name(_COCO_SPLIT))


def _categories(photo: Photo, rng: Random) -> list[Reference]:
    there = rng.sample(photo.categories, min(_CATEGORIES, len(photo.categories)))
    return [category_description(photo, category) for category in (*there, *rng.sample(common_absent(photo), len(there)))]
