"""The mini Flickr30k data: drawn photos with five captions each, in Karpathy's format, and COCO instances for the oracle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vispro_gym.datasets.mini.captioned import expert_programs, karpathy_record, take_captioned
from vispro_gym.datasets.mini.json_files import write_json
from vispro_gym.datasets.mini.photos.pictures import coco_instances, save_photos

_SPLITS = {"train": (48, 1_000_001), "val": (24, 2_000_001)}  # pictures, first number; sentence ids are far smaller


def write_flickr30k(root: Path, seed: int = 0) -> None:
    """Writes the data set into an existing, empty folder.

    Args:
        root: The folder.
        seed: Everything is a function of it, byte for byte.
    """
    records: list[dict[str, Any]] = []
    for split, (count, first_id) in _SPLITS.items():
        taken = take_captioned(f"{seed}-flickr30k-{split}", count, first_id)
        photos = [each.photo for each in taken]
        programs: dict[str, str] = {}
        for each in taken:
            number = each.photo.image_id
            records.append(karpathy_record(each, len(records), split, _file_name(number)))
            programs |= expert_programs(each, str(number), records[-1])
        instances = coco_instances(photos, split)
        for image in instances["images"]:
            image["file_name"] = _file_name(image["id"])
        save_photos(photos, root / "flickr30k-images", _file_name)
        write_json(root / "annotations" / f"instances_{split}.json", instances)
        write_json(root / f"expert_programs_{split}.json", programs)
    write_json(root / "dataset_flickr30k.json", {"images": records, "dataset": "flickr30k"})


def _file_name(number: int) -> str:
    return f"{number}.jpg"
