"""NLVR2 (Suhr et al., ACL 2019), statements on pairs of photographs, in its official layout.

    ROOT/data/{train,dev,test1,test2}.json
    ROOT/data/{balanced,unbalanced}/{balanced,unbalanced}_{dev,test1}.json
    ROOT/images/train/{directory}/train-10171-0-img0.png        the archives that the authors give out: train, ...
    ROOT/dev/dev-850-0-img0.png, ROOT/test1/..., ROOT/test2/... ... dev and the test sets
    ROOT/annotations/instances_{name}.json                      optional, for perception="oracle"

ROOT may also be the folder that holds `nlvr2/`; all pictures may be below `images/`, or together in one folder. Files hold one
JSON record per line, `{"identifier", "sentence", "label", "synset", ...}`, the label "True" or "False". The two pictures of
"dev-850-0-1" are "dev-850-0-img0.png" (left) and "dev-850-0-img1.png" (right); many of them are no PNG but JPEG. There are no
official annotations of what the pictures show: files in COCO's format, made by whoever needs them, are read if they are there.

Download: https://github.com/lil-lab/nlvr/tree/master/nlvr2 (sentences and labels CC BY 4.0; pictures on request, for research).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vispro_gym.datasets.base import Dataset
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.index import Builder
from vispro_gym.datasets.named_pictures import NamedPictures
from vispro_gym.datasets.records import record_value
from vispro_gym.datasets.sample import Sample
from vispro_gym.datasets.split_files import find_split, split_records

_LAYOUT = tuple(
    (names, f"{root}data/{path}.json")
    for root in ("", "nlvr2/")
    for names, path in (("{}", "{}"), ("balanced_{}", "balanced/balanced_{}"), ("unbalanced_{}", "unbalanced/unbalanced_{}"))
)
_FOLDERS = ("images/{part}/{directory}", "images/{part}", "{part}/{directory}", "{part}", "images", ".")
_EXPECTED = "NLVR2 statements, one JSON record per line"
_IDENTIFIER = re.compile(r"(([a-z0-9]{1,20})-\d{1,9}-\d{1,9})-\d{1,9}")


class NLVR2(Dataset):
    """One split of NLVR2: "train", "dev", "test1", "test2", "balanced_dev", "unbalanced_dev" and so on.

    Sample ids are the identifiers. Targets are bool. Training pairs of different directories have no pictures in common: the
    authors recommend to part a validation set by them.
    """

    name = "NLVR2"
    forms = {"statement": "nlvr2"}  # noqa: RUF012 (the base class declares it)
    fields = ("synset", "directory")
    type_field = "synset"

    @property
    def image_names(self) -> tuple[str, ...]:
        """Names of the pictures of a sample, in the order in which programs receive them."""
        return ("left_image", "right_image")

    def _sources(self) -> list[Path]:
        root = self.location.root
        self._path = find_split(self.name, self.split, root, _LAYOUT, "https://github.com/lil-lab/nlvr/tree/master/nlvr2")
        base = root / "nlvr2" if self._path.is_relative_to(root / "nlvr2") else root
        self._folders = [(folder, pattern) for folder in dict.fromkeys((base, root)) for pattern in _FOLDERS]
        self._pictures = NamedPictures(base, self.images)
        return [self._path, *self._pictures.sources]

    def _build(self, builder: Builder) -> None:
        self._pictures.has("")  # a damaged instance file is found here, not at each example
        records = split_records(f"NLVR2 {self.split}", self._path, _EXPECTED, "label", "identifier")
        self._add_samples(builder, "identifier", records)

    def _fields(self, record: Any, where: str) -> dict[str, str | int]:
        fields: dict[str, str | int] = {}
        if "synset" in record:
            fields["synset"] = record_value(record, "synset", str, where)
        if "directory" in record:
            fields["directory"] = directory_of(record, where)
        return fields

    def _is_annotated(self, record: Any) -> bool:
        return all(self._pictures.has(name) for name in _names(record, ""))

    def _sample(self, sample_id: str, record: Any, seed: int) -> Sample:
        where = f"NLVR2 {self.split} example {sample_id}"
        names = _names(record, where)
        return Sample(
            sample_id=sample_id,
            query=record_value(record, "sentence", str, where),
            images=tuple(self._pictures.ref(path, path.name) for path in self._paths(names, record, where)),
            target=truth_of(record, where),
            fields=self._fields(record, where),
            record=record,
        )

    def _paths(self, names: tuple[str, str], record: Any, where: str) -> Iterator[Path]:
        """Where the pictures are; where the first layout would have them, if they are nowhere."""
        words = {"part": names[0].partition("-")[0]}
        if "directory" in record:
            words["directory"] = str(directory_of(record, where))
        folders = [place for place in self._folders if "directory" in words or "{directory}" not in place[1]]
        for name in names:
            for i, (folder, pattern) in enumerate(folders):
                path = folder / pattern.format(**words) / name
                if path.exists():
                    if i:  # the next one is probably in the same folder
                        self._folders.remove((folder, pattern))
                        self._folders.insert(0, (folder, pattern))
                    yield path
                    break
            else:
                folder, pattern = folders[0]
                yield folder / pattern.format(**words) / name


def truth_of(record: Any, where: str) -> bool:
    """The label of a statement, "True" or "False" in any case.

    Raises:
        DatasetError: If it is neither; names `where`.
    """
    label: str = record_value(record, "label", str, where)
    if label.lower() not in ("true", "false"):
        raise DatasetError(f"{where} has the label {label!r:.80}. Expected 'True' or 'False'.")
    return label.lower() == "true"


def directory_of(record: Any, where: str) -> int:
    """The number of the folder that the pictures of a statement are in; files have it as a number or as its digits.

    Raises:
        DatasetError: If it is neither; names `where`.
    """
    directory = record_value(record, "directory", (int, str), where)
    if not re.fullmatch(r"[0-9]{1,9}", str(directory)):  # it is part of a path: it must not lead out of the folder
        raise DatasetError(f"{where} has the directory {directory!r:.80}. Expected a whole number.")
    return int(directory)


def _names(record: Any, where: str) -> tuple[str, str]:
    identifier = record_value(record, "identifier", str, where)
    match = _IDENTIFIER.fullmatch(identifier)
    if match is None:  # it is part of a path: it must not lead out of the folder
        raise DatasetError(
            f"{where} has the identifier {identifier!r:.80}. Expected split-set-pair-sentence, such as 'dev-850-0-1'."
        )
    return (f"{match[1]}-img0.png", f"{match[1]}-img1.png")
