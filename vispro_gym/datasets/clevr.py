"""CLEVR v1.0 (Johnson et al., CVPR 2017) in its official layout.

    ROOT/images/{train,val}/CLEVR_{split}_000000.png
    ROOT/scenes/CLEVR_{train,val}_scenes.json
    ROOT/questions/CLEVR_{train,val}_questions.json

ROOT may also be the folder that holds `CLEVR_v1.0`. Download: https://cs.stanford.edu/people/jcjohns/clevr (CC BY
4.0). The test split has neither scenes nor answers. Files written by the official generator (node key "type" instead
of "function", answers of type bool and int) are read as well, for pictures of the official size, 480x320.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from vispro_gym.datasets.base import Dataset
from vispro_gym.datasets.errors import DatasetError, MissingDataError
from vispro_gym.datasets.images import image_ref
from vispro_gym.datasets.index import Builder
from vispro_gym.datasets.json_stream import Record, scan_list
from vispro_gym.datasets.records import number, record_list, record_value
from vispro_gym.datasets.sample import Sample
from vispro_gym.datasets.scene import Box, Scene, SceneCache, SceneObject

_WIDTH, _HEIGHT = 480, 320
_RELATIONS = {"left": "to the left of", "right": "to the right of", "front": "in front of", "behind": "behind"}

# CLEVR annotates the projected centre and the distance from the camera but no box. A sphere of radius r at distance d covers
# about r * 622 / d pixels to each side of its centre under CLEVR's camera.
_PIXELS_PER_UNIT = 622.0
_RADIUS = {"large": 0.7, "small": 0.35}


class CLEVR(Dataset):
    """One split of CLEVR: "train" or "val". Sample ids are the question indices."""

    name = "CLEVR"
    forms = {"question": "clevr"}  # noqa: RUF012 (the base class declares it)
    fields = ("family", "function", "program_length")
    type_field = "family"

    def _sources(self) -> list[Path]:
        root = self.location.root
        self._root = root / "CLEVR_v1.0" if (root / "CLEVR_v1.0").is_dir() else root
        self._questions_path = self._root / "questions" / f"CLEVR_{self.split}_questions.json"
        self._scenes_path = self._root / "scenes" / f"CLEVR_{self.split}_scenes.json"
        self._scenes = SceneCache(self._read_scene)
        if not self._questions_path.is_file():
            folder = self._questions_path.parent
            found = sorted(p.name[len("CLEVR_") : -len("_questions.json")] for p in folder.glob("CLEVR_*_questions.json"))
            there = f"Splits found there: {', '.join(found)}." if found else "No question files were found there."
            raise MissingDataError(
                f"CLEVR has no split {self.split!r} in {self._root}. "
                f"Expected questions/CLEVR_{self.split}_questions.json. {there} "
                "The official files are at https://cs.stanford.edu/people/jcjohns/clevr."
            )
        return [self._questions_path, self._scenes_path]

    def _build(self, builder: Builder) -> None:
        add = builder.table("scenes", unique="image_filename")
        self._annotated: set[str] = set()
        if self._scenes_path.exists():
            path = self._scenes_path
            for record in scan_list(path, 'official CLEVR scenes, {"scenes": [...]}', ("scenes",)):
                filename = record_value(record.value, "image_filename", str, f"{path}, scene {record.key}")
                add(filename, record, path)
                self._annotated.add(filename)
        self._add_samples(builder, "question_index", self._questions())
        del self._annotated

    def _questions(self) -> Iterator[tuple[str, Record, Path]]:
        path = self._questions_path
        expected = 'an official CLEVR question file, {"questions": [...]}'
        empty = True
        for record in scan_list(path, expected, ("questions",)):
            question = record.value if isinstance(record.value, dict) else {}
            if empty and question and "answer" not in question:
                raise DatasetError(
                    f"CLEVR split {self.split!r} has no answers. Rewards need a split with annotations: train or val."
                )
            empty = False
            index = question.get("question_index", record.key)
            if type(index) is not int:
                kind = type(index).__name__
                raise DatasetError(f"{path}, question {record.key}, has question_index of type {kind}. Expected int.")
            yield str(index), record, path
        if empty:
            raise DatasetError(f"{path} holds no questions. Expected {expected}.")

    def _fields(self, record: Any, where: str) -> dict[str, str | int]:
        fields: dict[str, str | int] = {}
        if "question_family_index" in record:
            fields["family"] = str(record_value(record, "question_family_index", int, where))
        if "program" in record and (program := record_list(record, "program", dict, where)):
            key = "type" if "type" in program[-1] else "function"
            fields["function"] = record_value(program[-1], key, str, f"{where}, last node of the program")
            fields["program_length"] = len(program)
        return fields

    def _is_annotated(self, record: Any) -> bool:
        return record_value(record, "image_filename", str, "") in self._annotated

    def _sample(self, sample_id: str, record: Any, seed: int) -> Sample:
        where = f"CLEVR {self.split} question {sample_id}"
        filename = record_value(record, "image_filename", str, where)
        if not re.fullmatch(r"\w[\w .-]{0,60}", filename):  # a file name is part of a path: it must not lead out of the folder
            raise DatasetError(f"{where} has image_filename {filename!r:.80}. Expected a plain file name.")
        fields = self._fields(record, where)
        path = self._root / "images" / self.split / filename
        return Sample(
            sample_id=sample_id,
            query=record_value(record, "question", str, where),
            images=(image_ref(path, filename, partial(self._scenes.get, filename), self.images),),
            target=answer_text(record_value(record, "answer", (str, bool, int), where)),
            fields=fields,
            functional_program=tuple(record["program"]) if record.get("program") else None,
            record=record,
        )

    def _read_scene(self, filename: str) -> Scene | None:
        record = self._index.table("scenes").get(filename)
        return None if record is None else scene_from_record(record, f"CLEVR scene {filename}")


def answer_text(answer: str | bool | int) -> str:
    """An answer as the distributed files write it: "yes", "no", "3", "metal"."""
    if isinstance(answer, bool):
        return "yes" if answer else "no"
    return str(answer)


def scene_from_record(record: Any, where: str) -> Scene:
    """Translates one official scene.

    Boxes, which CLEVR does not annotate, are made from the projected centre, the distance and the size.
    `relationships[r][i]` lists the objects that stand in relation r to object i.

    Raises:
        DatasetError: If a key is missing or of the wrong type, or a number makes no sense.
    """
    objects = record_value(record, "objects", list, where)
    relationships = record_value(record, "relationships", dict, where)
    edges: list[list[tuple[str, str]]] = [[] for _ in objects]
    for key, relation in _RELATIONS.items():
        rows = record_list(relationships, key, list, f"{where}, relationships")
        if len(rows) != len(objects):
            raise DatasetError(
                f"{where}, relationships, has {len(rows)} lists under {key!r}. Expected one per object: {len(objects)}."
            )
        for target, sources in enumerate(rows):
            for source in sources:
                if type(source) is not int or not 0 <= source < len(objects):
                    raise DatasetError(
                        f"{where}, relationships, {key!r}, list {target} holds {source!r:.80}. "
                        f"Expected indices of its {len(objects)} objects, counted from 0."
                    )
                edges[source].append((relation, str(target)))
    scene_objects = {}
    for i, item in enumerate(objects):
        here = f"{where}, object {i}"
        shape, size, color, material = (record_value(item, key, str, here) for key in ("shape", "size", "color", "material"))
        x, y, depth = _pixel_coords(item, here)
        scene_objects[str(i)] = SceneObject(
            object_id=str(i),
            name=shape,
            box=_box(x, y, depth, _RADIUS.get(size, _RADIUS["large"])),
            attributes=(size, color, material),
            relations=tuple(edges[i]),
            depth=float(depth),
        )
    return Scene(width=_WIDTH, height=_HEIGHT, objects=scene_objects)


def _pixel_coords(item: Any, where: str) -> tuple[float, float, float]:
    coords = record_value(item, "pixel_coords", list, where)
    if len(coords) != 3:
        raise DatasetError(f"{where} has {len(coords)} pixel_coords. Expected 3: x, y and the distance from the camera.")
    x, y, depth = coords
    what = f"{where}, pixel_coords"
    # the centre of an object at the edge may lie outside the picture, but nothing is at the camera itself
    return number(x, f"{what}, x", -_WIDTH), number(y, f"{what}, y", -_HEIGHT), number(depth, f"{what}, distance", 0.01)


def _box(x: float, y: float, depth: float, radius: float) -> Box:
    half = radius * _PIXELS_PER_UNIT / depth
    left, right = (min(max(round(edge), 0), _WIDTH) for edge in (x - half, x + half))
    top, bottom = (min(max(round(edge), 0), _HEIGHT) for edge in (y - half, y + half))
    return (left, top, right, bottom)
