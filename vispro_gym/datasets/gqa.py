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
from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from vispro_gym.datasets.base import Dataset
from vispro_gym.datasets.errors import DatasetError, MissingDataError
from vispro_gym.datasets.images import image_ref
from vispro_gym.datasets.index import Builder
from vispro_gym.datasets.json_stream import Record, scan_object
from vispro_gym.datasets.records import LARGEST, number, read_json, record_list, record_value
from vispro_gym.datasets.sample import ImageRef, Sample
from vispro_gym.datasets.scene import Scene, SceneCache, SceneObject

_QUESTION_FOLDERS = ("questions1.2", "questions", ".")
_SUFFIX = "_questions.json"
_DOWNLOADS = "https://cs.stanford.edu/people/dorarad/gqa/download.html"
_IMAGE_ID = re.compile(r"\w{1,60}")
_TYPES = ("structural", "semantic", "detailed")


class GQA(Dataset):
    """One split of GQA.

    A split is named by its question file: "val_balanced" or "train_all"; "val" stands for "val_balanced". Any other
    file `{name}_questions.json` in the question folder is the split `name`. Scene graphs are taken from
    `sceneGraphs/{first word of the split}_sceneGraphs.json`.
    """

    name = "GQA"
    forms = {"question": "gqa"}  # noqa: RUF012 (the base class declares it)
    fields = (*_TYPES, "program_length")
    type_field = "detailed"

    def _sources(self) -> list[Path]:
        self._question_paths = self._find_questions()
        self._graphs_path = self.location.root / "sceneGraphs" / f"{self.split.partition('_')[0]}_sceneGraphs.json"
        self._scenes = SceneCache(self._read_scene)
        return [*self._question_paths, self._graphs_path]

    def _find_questions(self) -> list[Path]:
        root = self.location.root
        for folder in _QUESTION_FOLDERS:
            for stem in (f"{self.split}_balanced", self.split):
                path = root / folder / f"{stem}{_SUFFIX}"
                if path.is_file():
                    return [path]
                if path.with_suffix("").is_dir():  # train_all comes as a folder of chunks
                    chunks = sorted(path.with_suffix("").glob("*.json"), key=lambda chunk: (len(chunk.name), chunk.name))
                    if not chunks:
                        raise MissingDataError(f"{path.with_suffix('')} holds no files. Expected {path.stem}_0.json and others.")
                    return chunks
        found = {
            path.name.removesuffix(_SUFFIX).removesuffix("_balanced")
            for folder in _QUESTION_FOLDERS
            for path in (root / folder).glob(f"*{_SUFFIX}")
        }
        there = f"Splits found there: {', '.join(sorted(found))}." if found else "No question files were found there."
        raise MissingDataError(
            f"GQA has no split {self.split!r} in {root}. Expected questions1.2/{self.split}_balanced{_SUFFIX} "
            f"(or questions/, or the folder itself). {there} The official files are at {_DOWNLOADS}."
        )

    def _build(self, builder: Builder) -> None:
        add = builder.table("graphs", unique="image id")
        self._annotated: set[str] = set()
        if self._graphs_path.exists():
            for graph in scan_object(self._graphs_path, "official GQA scene graphs, one object of graphs by image id"):
                add(graph.key, graph, self._graphs_path)
                self._annotated.add(str(graph.key))
        self._add_samples(builder, "question id", self._questions())
        del self._annotated

    def _questions(self) -> Iterator[tuple[str, Record, Path]]:
        expected = "an official GQA question file, one object of records by question id"
        for path in self._question_paths:
            empty = True
            for record in scan_object(path, expected):
                if empty and isinstance(record.value, dict) and "answer" not in record.value:
                    raise DatasetError(
                        f"GQA split {self.split!r} has no answers (question {record.key}). "
                        "Rewards need a split with annotations: train, val or testdev."
                    )
                empty = False
                yield str(record.key), record, path
            if empty:
                raise DatasetError(f"{path} holds no questions. Expected {expected}.")

    def _fields(self, record: Any, where: str) -> dict[str, str | int]:
        types = record_value(record, "types", dict, where) if "types" in record else {}
        fields: dict[str, str | int] = {key: record_value(types, key, str, f"{where}, types") for key in _TYPES if key in types}
        if "semantic" in record:
            fields["program_length"] = len(record_list(record, "semantic", dict, where))
        return fields

    def _is_annotated(self, record: Any) -> bool:
        return record_value(record, "imageId", str, "") in self._annotated

    def _sample(self, sample_id: str, record: Any, seed: int) -> Sample:
        where = f"GQA {self.split} question {sample_id}"
        image_id = record_value(record, "imageId", str, where)
        query = record_value(record, "question", str, where)
        fields = self._fields(record, where)
        return Sample(
            sample_id=sample_id,
            query=query,
            images=(self._picture(image_id),),
            target=record_value(record, "answer", str, where),
            fields=fields,
            functional_program=tuple(record["semantic"]) if record.get("semantic") else None,
            record=record,
        )

    def _picture(self, image_id: str) -> ImageRef:
        if not _IMAGE_ID.fullmatch(image_id):  # an id is part of a path: it must not lead out of the folder
            raise DatasetError(
                f"GQA image id {image_id!r:.80} is malformed. Expected letters and digits, as in '2370799' or 'n161313'."
            )
        path = self.location.root / "images" / f"{image_id}.jpg"
        return image_ref(path, image_id, partial(self._scenes.get, image_id), self.images)

    def _read_scene(self, image_id: str) -> Scene | None:
        graph = self._index.table("graphs").get(image_id)
        return None if graph is None else scene_from_graph(graph, f"GQA scene graph {image_id}")

    def equivalents(self, record: Any) -> list[str]:
        """Ids of the questions that ask the same, the record's own among them."""
        listed = record.get("equivalent") if isinstance(record, dict) else None
        return [item for item in listed if isinstance(item, str)] if isinstance(listed, list) else []

    @cached_property
    def choices(self) -> Mapping[str, Any] | None:
        """Valid and plausible answers by question id, from `eval/{train,val}_choices.json`; None if the file is not there.

        The official archive `eval.zip` holds it. The metric's validity and plausibility need it.

        Raises:
            DatasetError: If the file is damaged.
        """
        for folder in ("eval", "."):
            path = self.location.root / folder / f"{self.split.partition('_')[0]}_choices.json"
            if path.is_file():
                content = read_json(path, "the official GQA choices, one object by question id")
                if not isinstance(content, dict):
                    raise DatasetError(f"{path} holds a JSON {type(content).__name__}. Expected one object by question id.")
                return content
        return None


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
