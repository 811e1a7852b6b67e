"""The mini data of COCO's captions: drawn photos with five captions each, in Karpathy's format, and their instances."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vispro_gym.datasets.mini.captioned import Captioned, expert_programs, karpathy_record, take_captioned
from vispro_gym.datasets.mini.json_files import write_json
from vispro_gym.datasets.mini.photos.pictures import coco_file_name, coco_instances, save_photos

_SPLITS = {"train": (48, 300_001), "val": (24, 400_001)}  # pictures, first image id; sentence ids are far smaller
# In Karpathy's split some pictures of val2014 are for training, too.
_RESTVAL = 8


def write_coco_captions(root: Path, seed: int = 0) -> None:
    """Writes the data set into an existing, empty folder.

    Args:
        root: The folder.
        seed: Everything is a function of it, byte for byte.
    """
    records: list[dict[str, Any]] = []
    folders: dict[str, list[Captioned]] = {"train2014": [], "val2014": []}
    for split, (count, first_id) in _SPLITS.items():
        programs: dict[str, str] = {}
        for i, each in enumerate(take_captioned(f"{seed}-coco-captions-{split}", count, first_id)):
            image_id = each.photo.image_id
            said = "restval" if split == "train" and i >= count - _RESTVAL else split
            folder = "train2014" if said == "train" else "val2014"
            folders[folder].append(each)
            record = karpathy_record(each, len(records), said, coco_file_name(folder)(image_id))
            records.append({"filepath": folder, **record, "cocoid": image_id})
            programs |= expert_programs(each, str(image_id), record)
        write_json(root / f"expert_programs_{split}.json", programs)
    for folder, members in folders.items():
        photos = [each.photo for each in members]
        save_photos(photos, root / folder, coco_file_name(folder))
        write_json(root / "annotations" / f"instances_{folder}.json", coco_instances(photos, folder))
    write_json(root / "dataset_coco.json", {"images": records, "dataset": "coco"})
