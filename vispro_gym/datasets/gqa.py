"""GQA (Hudson and Manning, CVPR 2019) in its official layout.

    ROOT/images/{imageId}.jpg
    ROOT/sceneGraphs/{train,val}_sceneGraphs.json
    ROOT/questions1.2/{split}_balanced_questions.json          also in questions/ or in ROOT itself
    ROOT/questions1.2/train_all_questions/train_all_questions_{0..9}.json

Downloads: https://cs.stanford.edu/people/dorarad/gqa/download.html (annotations CC BY 4.0). Scene graphs exist for
train and val only. Question ids are strings, some with leading zeros.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vispro_gym.datasets.base import LARGEST, Dataset, number, read_json, record_list, record_value
from vispro_gym.datasets.errors import DatasetError, MissingDataError
from vispro_gym.datasets.images import image_ref
from vispro_gym.datasets.sample import Sample
from vispro_gym.datasets.scene import Scene, SceneObject

_QUESTION_FOLDERS = ("questions1.2", "questions", ".")
_SUFFIX = "_questions.json"
_DOWNLOADS = "https://cs.stanford.edu/people/dorarad/gqa/download.html"


class GQA(Dataset):
    """One split of GQA.

    A split is named by its question file: "val_balanced" or "train_all"; "val" stands for "val_balanced". Any other
    file `{name}_questions.json` in the question folder is the split `name`. Scene graphs are taken from
    `sceneGraphs/{first word of the split}_sceneGraphs.json`.
    """

    name = "GQA"

    def _open(self) -> list[str]:
        self._questions = self._read_questions()
        first = next(iter(self._questions))
        if "answer" not in record_value(self._questions, first, dict, f"The question file of GQA {self.split}"):
            raise DatasetError(
                f"GQA split {self.split!r} has no answers (question {first}). "
                "Rewards need a split with annotations: train, val or testdev."
            )
        self._graphs = self._read_graphs()
        self._scenes: dict[str, Scene] = {}
        return list(self._questions)

    def _read_questions(self) -> dict[str, Any]:
        expected = "an official GQA question file, one object of records by question id"
        root = self.location.root
        for folder in _QUESTION_FOLDERS:
            for stem in (f"{self.split}_balanced", self.split):
                path = root / folder / f"{stem}{_SUFFIX}"
                if path.is_file():
                    paths = [path]
                elif (path.with_suffix("")).is_dir():  # train_all comes as a folder of chunks
                    paths = sorted(path.with_suffix("").glob("*.json"))
                else:
                    continue
                questions: dict[str, Any] = {}
                for part in paths:
                    records = read_json(part, expected)
                    if not isinstance(records, dict):
                        raise DatasetError(f"{part} holds a JSON {type(records).__name__}. Expected {expected}.")
                    questions.update(records)
                if not questions:
                    raise DatasetError(f"{path} holds no questions. Expected {expected}.")
                return questions
        raise MissingDataError(self._unknown_split())

    def _unknown_split(self) -> str:
        root = self.location.root
        found = {
            path.name.removesuffix(_SUFFIX).removesuffix("_balanced")
            for folder in _QUESTION_FOLDERS
            for path in (root / folder).glob(f"*{_SUFFIX}")
        }
        there = f"Splits found there: {', '.join(sorted(found))}." if found else "No question files were found there."
        return (
            f"GQA has no split {self.split!r} in {root}. Expected questions1.2/{self.split}_balanced{_SUFFIX} "
            f"(or questions/, or the folder itself). {there} The official files are at {_DOWNLOADS}."
        )

    def _read_graphs(self) -> dict[str, Any]:
        path = self.location.root / "sceneGraphs" / f"{self.split.partition('_')[0]}_sceneGraphs.json"
        if not path.exists():
            return {}
        graphs = read_json(path, "official GQA scene graphs, one object of graphs by image id")
        if not isinstance(graphs, dict):
            raise DatasetError(f"{path} holds a JSON {type(graphs).__name__}. Expected one object of graphs by image id.")
        return graphs

    def has_scene(self, sample_id: str) -> bool:
        """Whether the sample's picture has a scene graph, or the record is damaged."""
        record = self._questions[sample_id]
        image_id = record.get("imageId") if isinstance(record, dict) else None
        return not isinstance(image_id, str) or image_id in self._graphs

    def _sample(self, sample_id: str) -> Sample:
        record = self._questions[sample_id]
        where = f"GQA {self.split} question {sample_id}"
        image_id = record_value(record, "imageId", str, where)
        types = record_value(record, "types", dict, where) if "types" in record else {}
        program = record_list(record, "semantic", dict, where) if "semantic" in record else []
        return Sample(
            sample_id=sample_id,
            query=record_value(record, "question", str, where),
            images=(image_ref(self._image_path(image_id), image_id, self._scene(image_id), self.images),),
            target=record_value(record, "answer", str, where),
            fields={
                key: record_value(types, key, str, f"{where}, types")
                for key in ("structural", "semantic", "detailed")
                if key in types
            },
            functional_program=tuple(program) if program else None,
        )

    def _image_path(self, image_id: str) -> Path:
        if not re.fullmatch(r"\w{1,60}", image_id):  # an id is part of a path: it must not lead out of the folder
            raise DatasetError(
                f"GQA image id {image_id!r:.80} is malformed. Expected letters and digits, as in '2370799' or 'n161313'."
            )
        return self.location.root / "images" / f"{image_id}.jpg"

    def _scene(self, image_id: str) -> Scene | None:
        if image_id not in self._graphs:
            return None
        if image_id not in self._scenes:
            self._scenes[image_id] = scene_from_graph(self._graphs[image_id], f"GQA scene graph {image_id}")
        return self._scenes[image_id]


def scene_from_graph(graph: Any, where: str) -> Scene:
    """Translates one official scene graph.

    Args:
        graph: `{"width", "height", "objects": {id: {"name", "x", "y", "w", "h", "attributes", "relations"}}}`,
            optionally with "location" and "weather"; boxes in pixels, `(x, y)` the upper left corner.
        where: What to call the graph in messages.

    Raises:
        DatasetError: If a key is missing or of the wrong type.
    """
    objects = record_value(graph, "objects", dict, where)
    scene_objects = {}
    for object_id, record in objects.items():
        here = f"{where}, object {object_id}"
        x, y = (_number(record, key, here, low=-LARGEST) for key in ("x", "y"))  # annotators drew beyond the picture at times
        w, h = (_number(record, key, here) for key in ("w", "h"))
        scene_objects[object_id] = SceneObject(
            object_id=object_id,
            name=record_value(record, "name", str, here),
            box=(x, y, x + w, y + h),
            attributes=tuple(record_list(record, "attributes", str, here)),
            relations=tuple(
                (relation, other)
                for relation, other in _edges(record_list(record, "relations", dict, here), f"{here}, relation")
                if other in objects  # guard against dangling edges
            ),
        )
    return Scene(
        width=int(_number(graph, "width", where, low=1)),
        height=int(_number(graph, "height", where, low=1)),
        objects=scene_objects,
        properties={key: record_value(graph, key, str, where) for key in ("location", "weather") if key in graph},
    )


def _number(record: Any, key: str, where: str, low: float = 0) -> float:
    return number(record_value(record, key, object, where), f"{where}, {key!r}", low)


def _edges(relations: list[Any], where: str) -> Iterator[tuple[str, str]]:
    for edge in relations:
        yield record_value(edge, "name", str, where), record_value(edge, "object", str, where)
