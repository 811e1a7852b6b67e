"""The mini COCO data: drawn photos with all that COCO has categories for, in the official layout."""

from __future__ import annotations

from pathlib import Path

from vispro_gym.datasets.coco_categories import CATEGORIES
from vispro_gym.datasets.mini.json_files import write_json
from vispro_gym.datasets.mini.photos.pictures import coco_file_name, coco_instances, save_photos, take_photos
from vispro_gym.datasets.mini.photos.references import category_description

_SPLITS = {"train2017": (60, 600_001), "val2017": (30, 700_001)}  # pictures, first image id


def write_coco(root: Path, seed: int = 0) -> None:
    """Writes the data set into an existing, empty folder.

    There are expert programs for all categories, as any may be asked where it is not.

    Args:
        root: The folder.
        seed: Everything is a function of it, byte for byte.
    """
    for split, (pictures, first_id) in _SPLITS.items():
        photos = list(take_photos(f"{seed}-coco-{split}", pictures, first_id))
        save_photos(photos, root / split, coco_file_name(split))
        write_json(root / "annotations" / f"instances_{split}.json", coco_instances(photos, split))
        programs = {
            f"{photo.image_id}-{category.id}": category_description(photo, category.name).program
            for photo in photos
            for category in CATEGORIES
        }
        write_json(root / f"expert_programs_{split}.json", programs)
