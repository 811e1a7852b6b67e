"""Drawn photos with captions that are true of one photo each, for the mini data of retrieval, in Karpathy's format.

Expert programs look for the facts of the right caption. As those hold in no other photo of the split, they are right whatever the
pool is: from text to image for the default size of the pool, whose pictures the program has as parameters; from image to text
for any size, because the right caption of a picture is always its first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

from vispro_gym.datasets.mini.photos.captions import Caption, captions
from vispro_gym.datasets.mini.photos.claims import Claim, program
from vispro_gym.datasets.mini.photos.pictures import Photo, take_photos

CAPTIONS_PER_PHOTO = 5
_POOL = tuple(f"image_{i}" for i in range(1, 6))
_TRIED = 60
_SPARE = 1.5


class Captioned(NamedTuple):
    """A photo and its captions, none of which is true of another photo of the split."""

    photo: Photo
    captions: tuple[Caption, ...]


def take_captioned(rng_seed: str, count: int, first_id: int) -> list[Captioned]:
    """Draws photos of which five things can be said that are true of no other.

    Args:
        rng_seed: Everything is a function of it.
        count: How many photos.
        first_id: Image ids count up from here, with gaps.
    """
    photos = list(take_photos(rng_seed, round(_SPARE * count), first_id))
    taken: list[Captioned] = []
    for photo in photos:
        said = _own_captions(photo, photos, Random(f"{rng_seed}-captions-{photo.image_id}"))
        if len(said) == CAPTIONS_PER_PHOTO and len(taken) < count:
            taken.append(Captioned(photo, tuple(said)))
    if len(taken) < count:
        raise ValueError(f"Only {len(taken)} of {len(photos)} photos have captions of their own. Expected {count}.")
    return taken


def _own_captions(photo: Photo, photos: Sequence[Photo], rng: Random) -> list[Caption]:
    found: dict[frozenset[Claim], Caption] = {}
    for caption in captions(photo, rng, _TRIED):
        if not any(caption.holds(other) for other in photos if other is not photo):
            found.setdefault(frozenset(caption.claims), caption)
    return list(found.values())[:CAPTIONS_PER_PHOTO]


def karpathy_record(taken: Captioned, position: int, split: str, filename: str) -> dict[str, Any]:
    """The record of a photo.

    Args:
        taken: The photo.
        position: Position in the file, from 0; ids of the photo and of its sentences are made of it.
        split: "train", "restval" or "val".
        filename: Name of the picture file.
    """
    ids = [CAPTIONS_PER_PHOTO * position + i for i in range(CAPTIONS_PER_PHOTO)]
    return {
        "sentids": ids,
        "imgid": position,
        "sentences": [
            {
                "tokens": re.findall(r"[a-z]+", caption.text.lower()),
                "raw": caption.text,
                "imgid": position,
                "sentid": sentence_id,
            }
            for sentence_id, caption in zip(ids, taken.captions, strict=True)
        ],
        "split": split,
        "filename": filename,
    }


def expert_programs(taken: Captioned, image_id: str, record: Mapping[str, Any]) -> dict[str, str]:
    """The programs for one photo, by sample id.

    Args:
        taken: The photo.
        image_id: Its id in the data set.
        record: As made by `karpathy_record`.
    """
    first = taken.captions[0]
    programs = {image_id: program(f"if {first.condition()}:", f'    return "{first.text}"', 'return "no text matches"')}
    for sentence_id, caption in zip(record["sentids"], taken.captions, strict=True):
        lines = (
            f"def execute_command({', '.join(_POOL)}):",
            f"    for image in ({', '.join(_POOL)}):",
            "        image_patch = ImagePatch(image)",
            f"        if {caption.condition()}:",
            "            return image_patch",
        )
        programs[str(sentence_id)] = "".join(f"{line}\n" for line in lines)
    return programs
