"""The mini data of COCO's pictures as such: still lifes with boxes, segments and captions, in the official layout.

    ROOT/annotations/{instances,captions,panoptic}_{train,val}2017.json
    ROOT/annotations/panoptic_{train,val}2017/000000800001.png
    ROOT/{train,val}2017/000000800001.jpg

A few things of eight of COCO's categories lie on a table before a wall. The pictures are small and plain, so that a model without
pretraining learns from a few thousand of them to find, segment, colour and describe what they show. `write_still_lifes` makes as
many as are wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vispro_gym.datasets.coco_categories import BY_NAME
from vispro_gym.datasets.mini.drawing import food, items
from vispro_gym.datasets.mini.drawing.canvas import OVERSAMPLING, Look, Pen, shade
from vispro_gym.datasets.mini.json_files import write_json
from vispro_gym.datasets.mini.photos.pictures import Photo, PhotoObject, coco_file_name, coco_instances, save_photos
from vispro_gym.datasets.mini.photos.wording import enumeration, number, plural, sentence, with_article

SPLITS: Mapping[str, tuple[int, int]] = {"train2017": (60, 800_001), "val2017": (30, 900_001)}
"""Number of pictures and first image id of each split."""
CAPTIONS_PER_PICTURE = 5
MOST_THINGS = 5

_SIZE = 128
_LEAST_VISIBLE = 0.7
_TRIES = 20
# In the order and with the ids of the official list, of which these two are all that is needed here.
_STUFF = ({"id": 189, "name": "table-merged", "supercategory": "furniture-stuff", "isthing": 0},
          {"id": 199, "name": "wall-other-merged", "supercategory": "wall", "isthing": 0})  # fmt: skip
_TABLES = ((168, 124, 84), (196, 152, 112), (150, 116, 92))
_WALLS = ((214, 206, 226), (240, 226, 204), (196, 214, 208), (204, 214, 222), (226, 220, 206))
_COLORS = ("red", "orange", "yellow", "green", "blue", "purple", "pink")
_OPENINGS = ("", "", "we see ", "a picture of ", "a table with ")
_ENDINGS = ("", " on a table", " on a wooden table")


@dataclass(frozen=True)
class _Kind:
    """What can lie on the table.

    Attributes:
        category: Name of the COCO category.
        draw: Draws it.
        weight: How often it is chosen, compared with others: categories are not equally frequent.
        colors: Its colors.
        values: More attributes of its look.
    """

    category: str
    draw: Callable[[Pen, Look], None]
    weight: int
    colors: tuple[str, ...] = _COLORS
    values: Mapping[str, str] | None = None


_KINDS = (
    _Kind("sports ball", items.ball, 6),
    _Kind("cup", items.cup, 5),
    _Kind("apple", food.apple, 4, ("red", "green", "yellow")),
    _Kind("book", items.book, 3, values={"state": "open"}),
    _Kind("teddy bear", items.teddy_bear, 3, ("brown", "pink")),
    _Kind("backpack", items.backpack, 2),
    _Kind("banana", food.banana, 2, ("yellow",)),
    _Kind("cell phone", items.phone, 1, ("black", "blue", "red")),
)


@dataclass(frozen=True, eq=False)
class StillLife:
    """A picture and all that is annotated of it.

    Attributes:
        photo: The picture and its things.
        segments: int32 of shape `(128, 128)`: for each pixel, the segment's id; 0 is no segment.
        categories: Category id of each segment id.
        captions: Five captions.
    """

    photo: Photo
    segments: NDArray[np.int32]
    categories: Mapping[int, int]
    captions: tuple[str, ...]


def still_life(rng: Random, image_id: int, most_things: int = MOST_THINGS) -> StillLife:
    """Draw a picture.

    Args:
        rng: Source of all choices.
        image_id: Its id. Ids of annotations are the image id followed by two digits.
        most_things: Largest number of things, at least 1.
    """
    image = Image.new("RGB", (_SIZE * OVERSAMPLING, _SIZE * OVERSAMPLING))
    pen = Pen(image)
    edge = rng.randint(30, 70)
    pen.move(0, _SIZE)
    pen.rect(0, 0, _SIZE, _SIZE, shade(rng.choice(_WALLS), rng.uniform(-0.15, 0.1)))
    pen.rect(0, 0, _SIZE, _SIZE - edge, shade(rng.choice(_TABLES), rng.uniform(-0.15, 0.15)))
    segments = np.full((_SIZE, _SIZE), 1, np.int32)
    segments[edge:] = 2
    categories = {1: 199, 2: 189}
    kinds: dict[int, tuple[_Kind, str]] = {}
    wanted = rng.randint(1, most_things)
    # from the back to the front, so that what is nearer hides what is behind it
    for place in sorted(rng.uniform(edge + 12, _SIZE - 4) for _ in range(wanted)):
        (kind,) = rng.choices(_KINDS, [each.weight for each in _KINDS])
        color = rng.choice(kind.colors)
        for _ in range(_TRIES):
            position = rng.uniform(20, _SIZE - 20), place, rng.uniform(0.55, 1.1), rng.random() < 0.5
            mask = _mask(kind, color, position)
            if _is_clear(mask, segments):
                break
        else:
            continue
        segment = 3 + len(kinds)
        kinds[segment] = kind, color
        categories[segment] = BY_NAME[kind.category].id
        pen.move(*position)
        kind.draw(pen, Look({"color": color, **(kind.values or {})}))
        segments[mask] = segment
    things = tuple(
        PhotoObject(100 * image_id + i, kind.category, kind.category, (color,), _box(segments == segment))
        for i, (segment, (kind, color)) in enumerate(kinds.items())
    )
    finished = image.resize((_SIZE, _SIZE), Image.Resampling.LANCZOS)
    photo = Photo(finished, image_id, things, (), "table", "indoors", "")
    return StillLife(photo, segments, categories, tuple(_captions(photo, rng)))


def _mask(kind: _Kind, color: str, position: tuple[float, float, float, bool]) -> NDArray[np.bool_]:
    """Which pixels a thing covers, its shadow not among them."""
    shades = []
    for background in (0, 255):
        image = Image.new("RGB", (_SIZE * OVERSAMPLING, _SIZE * OVERSAMPLING), (background,) * 3)
        pen = Pen(image)
        pen.move(*position)
        with pen.lifted():
            kind.draw(pen, Look({"color": color, **(kind.values or {})}))
        shades.append(np.asarray(image.resize((_SIZE, _SIZE), Image.Resampling.BOX)).astype(int))
    return np.asarray(np.abs(shades[1] - shades[0]).mean(-1) < 128)  # of what covers all, nothing of the background is seen


def _is_clear(mask: NDArray[np.bool_], segments: NDArray[np.int32]) -> bool:
    """Whether a thing is inside the picture and leaves enough to be seen of each thing behind it."""
    if mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any() or not mask.any():
        return False
    hidden = np.bincount(segments[mask], minlength=int(segments.max()) + 1)
    sizes = np.bincount(segments.ravel(), minlength=len(hidden))
    return all(hidden[i] <= (1 - _LEAST_VISIBLE) * sizes[i] for i in range(3, len(sizes)))


def _box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _captions(photo: Photo, rng: Random) -> Iterator[str]:
    """What people might say: all that is there or most of it, with colors or without, in any order."""
    if not photo.objects:
        for opening in ("an empty table", "a table", "a wooden table", "there is nothing on the table", "an empty wooden table"):
            yield sentence(opening)
        return
    for _ in range(CAPTIONS_PER_PICTURE):
        phrases = []
        for category in photo.categories:
            things = photo.of(category)
            colors = {thing.color for thing in things}
            phrase = category if len(things) == 1 else plural(category)
            if len(colors) == 1 and rng.random() < 0.6:
                phrase = f"{things[0].color} {phrase}"
            phrases.append(with_article(phrase) if len(things) == 1 else f"{number(len(things))} {phrase}")
        rng.shuffle(phrases)
        said = phrases[: max(1, len(phrases) - (rng.random() < 0.3))]
        opening = rng.choice(_OPENINGS)
        yield sentence(f"{opening}{enumeration(said)}{'' if 'table' in opening else rng.choice(_ENDINGS)}")


def write_still_lifes(
    root: Path, splits: Mapping[str, tuple[int, int]] = SPLITS, most_things: int = MOST_THINGS, seed: int = 0
) -> None:
    """Writes the data set into an existing folder.

    Args:
        root: The folder.
        splits: Number of pictures and first image id, by split; image ids count up from there.
        most_things: Largest number of things in a picture.
        seed: Everything is a function of it, byte for byte.
    """
    for split, (count, first_id) in splits.items():
        captions: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        photos = _draw_split(root, split, range(first_id, first_id + count), most_things, seed, captions, annotations)
        instances = coco_instances(photos, split)
        write_json(root / "annotations" / f"instances_{split}.json", instances)
        head = {key: instances[key] for key in ("info", "licenses", "images")}
        write_json(root / "annotations" / f"captions_{split}.json", {**head, "annotations": captions})
        things = [{**category, "isthing": 1} for category in instances["categories"]]
        panoptic = {**head, "annotations": annotations, "categories": [*things, *_STUFF]}
        write_json(root / "annotations" / f"panoptic_{split}.json", panoptic)


def _draw_split(
    root: Path, split: str, image_ids: range, most_things: int, seed: int, captions: list[Any], annotations: list[Any]
) -> Iterator[Photo]:
    """Draws and saves one picture after the other, and adds what is said and segmented; no picture is kept."""
    for i, image_id in enumerate(image_ids):
        life = still_life(Random(f"{seed}-still-lifes-{split}-{i}"), image_id, most_things)
        save_photos([life.photo], root / split, coco_file_name(split))
        captions += [
            {"image_id": image_id, "id": 10 * image_id + i, "caption": caption} for i, caption in enumerate(life.captions)
        ]
        annotations.append(_save_segments(life, root / "annotations" / f"panoptic_{split}"))
        yield life.photo


def _save_segments(life: StillLife, folder: Path) -> dict[str, Any]:
    """Writes the picture of segment ids, `id = red + 256 green + 65536 blue`, and returns its record."""
    folder.mkdir(parents=True, exist_ok=True)
    # The official ids are unrelated to what they name, and large.
    ids = np.zeros(max(life.categories) + 1, np.int64)
    for segment in life.categories:
        ids[segment] = (life.photo.image_id * 7919 + segment * 104_729) % (1 << 24) or 1
    colors = ids[life.segments]
    name = f"{life.photo.image_id:012d}.png"
    channels = np.stack([colors % 256, colors // 256 % 256, colors // 65536], axis=-1)
    Image.fromarray(channels.astype(np.uint8)).save(folder / name)
    found: Sequence[tuple[int, int]] = [pair for pair in life.categories.items() if (life.segments == pair[0]).any()]
    infos = []
    for segment, category_id in found:
        mask = life.segments == segment
        left, top, right, bottom = _box(mask)
        infos.append(
            {"id": int(ids[segment]), "category_id": category_id, "iscrowd": 0, "area": int(mask.sum()),
             "bbox": [left, top, right - left, bottom - top]}
        )  # fmt: skip
    return {"segments_info": infos, "file_name": name, "image_id": life.photo.image_id}
