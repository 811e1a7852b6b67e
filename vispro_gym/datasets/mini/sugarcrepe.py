"""The mini SugarCrepe data: drawn photos with a true caption and one that is wrong in one thing, in the official layout."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

from vispro_gym.datasets.mini.json_files import write_json
from vispro_gym.datasets.mini.photos.captions import FOILS, Caption, captions, foils
from vispro_gym.datasets.mini.photos.claims import program
from vispro_gym.datasets.mini.photos.facts import choose_evenly
from vispro_gym.datasets.mini.photos.pictures import Photo, coco_file_name, coco_instances, save_photos, take_photos
from vispro_gym.datasets.sugarcrepe import is_right

_PICTURES, _FIRST_ID = 60, 500_001
_PER_TYPE = 40
_PER_PICTURE = 8
_CAPTIONS = 12


@dataclass(frozen=True)
class Item:
    """A photo with its two captions.

    Attributes:
        image_id: The photo.
        kind: What is wrong with the wrong caption, one of `FOILS`.
        caption: The right caption.
        negative: The wrong one.
    """

    image_id: int
    kind: str
    caption: Caption
    negative: Caption

    @property
    def program(self) -> str:
        """Returns the right text by looking for the one thing in which they differ."""
        right, wrong = f'"{self.caption.text}"', f'"{self.negative.text}"'
        if self.kind == "add_obj":
            condition, then, otherwise = self.negative.mentions[-1].claim.condition(), wrong, right
        elif self.kind == "add_att":
            condition, then, otherwise = self.negative.condition(), wrong, right
        else:
            condition, then, otherwise = self.caption.condition(), right, wrong
        return program(f"if {condition}:", f"    return {then}", f"return {otherwise}")


def write_sugarcrepe(root: Path, seed: int = 0) -> None:
    """Writes the data set into an existing, empty folder.

    Args:
        root: The folder.
        seed: Everything is a function of it, byte for byte.
    """
    file_name = coco_file_name("val2017")
    photos = list(take_photos(f"{seed}-sugarcrepe", _PICTURES, _FIRST_ID))
    rng = Random(f"{seed}-sugarcrepe-captions")
    pool = [item for photo in photos for item in _items(photo, rng)]
    items = choose_evenly(pool, _PER_TYPE * len(FOILS), rng, lambda item: item.kind, per_image=_PER_PICTURE)
    everything: dict[str, str] = {}
    for kind in FOILS:
        chosen = [item for item in items if item.kind == kind]
        records = {
            str(i): {
                "filename": file_name(item.image_id),
                "caption": item.caption.text,
                "negative_caption": item.negative.text,
            }
            for i, item in enumerate(chosen)
        }
        programs: dict[str, str] = {}
        for i, item in enumerate(chosen):
            programs[f"{kind}-{i}"] = item.program
            for check in (f"{kind}-{i}-c0", f"{kind}-{i}-c1"):
                programs[check] = (item.caption if is_right(check) else item.negative).program
        write_json(root / "data" / f"{kind}.json", records)
        write_json(root / f"expert_programs_{kind}.json", programs)
        everything |= programs
    write_json(root / "expert_programs_test.json", everything)
    save_photos(photos, root / "val2017", file_name)
    write_json(root / "annotations" / "instances_val2017.json", coco_instances(photos, "val2017"))


def _items(photo: Photo, rng: Random) -> list[Item]:
    return [
        Item(photo.image_id, foil.kind, caption, foil.caption)
        for caption in captions(photo, rng, _CAPTIONS)
        for foil in foils(photo, caption, rng)
    ]
