"""The mini data of RefCOCO, RefCOCO+ and RefCOCOg: drawn photos, and expressions that name one thing, in the layout of refer.

As in the datasets, what is meant is mostly one of several things of a category; expressions of RefCOCO+ do not speak of places in
the picture, and those of RefCOCOg are longer.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from vispro_gym.datasets.coco_categories import BY_NAME
from vispro_gym.datasets.mini.json_files import write_json
from vispro_gym.datasets.mini.photos.facts import choose_evenly
from vispro_gym.datasets.mini.photos.pictures import Photo, coco_file_name, coco_instances, save_photos, take_photos
from vispro_gym.datasets.mini.photos.references import Reference, expressions
from vispro_gym.datasets.mini.photos.wording import PLACES

_SPLITS = {"train": 60, "val": 30}  # pictures
_PER_PICTURE = 8
_DRAWN = 8  # at most so many times as many pictures are drawn: those with little to tell apart are left out
_IDS_PER_SPLIT = 5_000
# Kinds of expressions. Color and size tell few things apart, so that RefCOCO+ also has names of what is there once.
_LOOKS = ("color", "size", "name")
_ALL = ("color", "size", "side", "relation")


def write_refcoco(root: Path, seed: int = 0) -> None:
    """Writes RefCOCO into an existing, empty folder; everything is a function of the seed, byte for byte."""
    _write(root, "refcoco", "unc", f"{seed}-refcoco", 900_001, 5, _ALL)


def write_refcoco_plus(root: Path, seed: int = 0) -> None:
    """Writes RefCOCO+ into an existing, empty folder; everything is a function of the seed, byte for byte."""
    _write(root, "refcoco+", "unc", f"{seed}-refcoco+", 910_001, 3, _LOOKS)


def write_refcocog(root: Path, seed: int = 0) -> None:
    """Writes RefCOCOg into an existing, empty folder; everything is a function of the seed, byte for byte."""
    _write(root, "refcocog", "umd", f"{seed}-refcocog", 920_001, 5, _ALL, " in the picture of {}")


def _write(
    root: Path, folder: str, partition: str, seed: str, first_id: int, each: int, kinds: Sequence[str], suffix: str = ""
) -> None:
    refs: dict[int, dict[str, Any]] = {}
    everything: list[Photo] = []
    sent_id = 0
    for part, (split, pictures) in enumerate(_SPLITS.items()):
        rng = Random(f"{seed}-{split}-expressions")
        taken = take_photos(f"{seed}-{split}", _DRAWN * pictures, first_id + part * _IDS_PER_SPLIT)
        asked = ((photo, _asked(photo, kinds, rng)) for photo in taken)
        telling = ((photo, found) for photo, found in asked if sum(reference.kind != "name" for reference in found) > 1)
        kept = list(islice(telling, pictures))
        everything += (photo for photo, _ in kept)
        pool = [
            replace(reference, text=reference.text + suffix.format(PLACES[photo.place].partition(" ")[2]))
            for photo, found in kept
            for reference in found
        ]
        programs = {}
        for reference in choose_evenly(pool, each * pictures, rng, lambda r: r.kind, per_image=_PER_PICTURE):
            (annotation_id,) = reference.annotation_ids
            ref = refs.setdefault(annotation_id, _ref(len(refs), split, annotation_id, reference))
            ref["sent_ids"].append(sent_id)
            ref["sentences"].append(_sentence(sent_id, reference.text))
            programs[str(sent_id)] = reference.program
            sent_id += 1
        write_json(root / f"expert_programs_{split}.json", programs)
    save_photos(everything, root / "images" / "mscoco" / "images" / "train2014", coco_file_name("train2014"))
    write_json(root / folder / "instances.json", coco_instances(everything, "train2014"))
    _write_pickle(root / folder / f"refs({partition}).p", refs.values())


def _asked(photo: Photo, kinds: Sequence[str], rng: Random) -> list[Reference]:
    return [
        reference
        for reference in expressions(photo, rng)
        if reference.kind in kinds and (reference.kind == "name" or len(photo.of(reference.category)) > 1)
    ]


def _ref(ref_id: int, split: str, annotation_id: int, reference: Reference) -> dict[str, Any]:
    picture = coco_file_name("train2014")(reference.image_id)
    return {
        "ref_id": ref_id,
        "ann_id": annotation_id,
        "image_id": reference.image_id,
        "category_id": BY_NAME[reference.category].id,
        "file_name": picture.replace(".jpg", f"_{annotation_id}.jpg"),
        "split": split,
        "sent_ids": [],
        "sentences": [],
    }


def _sentence(sent_id: int, text: str) -> dict[str, Any]:
    return {"sent_id": sent_id, "raw": text, "sent": text, "tokens": re.findall(r"\w+", text)}


def _write_pickle(path: Path, refs: Iterable[dict[str, Any]]) -> None:
    # protocol 2, as Python 2 wrote it, and readable everywhere
    path.write_bytes(pickle.dumps(list(refs), protocol=2))
