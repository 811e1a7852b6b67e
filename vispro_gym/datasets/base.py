"""What all datasets have in common: random access to samples by position and by id."""

from __future__ import annotations

import contextlib
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, overload

import numpy as np
from numpy.typing import NDArray

from vispro_gym.datasets.errors import DatasetError, MissingDataError, say_once
from vispro_gym.datasets.images import IMAGE_MODES
from vispro_gym.datasets.index import Builder, open_index
from vispro_gym.datasets.json_stream import Record, scan_object
from vispro_gym.datasets.location import Location
from vispro_gym.datasets.sample import Sample
from vispro_gym.datasets.selection import describe_values, read_ids, select_per_type, select_where
from vispro_gym.datasets.tables import Keys, Table, Value

_SPLIT = re.compile(r"[\w.+-]{1,80}")


class Dataset(ABC):
    """One split of a dataset, opened for random access.

    Annotation files are indexed once (`vispro_gym.datasets.index`) and read record by record, so that opening a split of millions
    of samples takes no time and no memory.

    Beside the official files a folder may hold `expert_programs_{split}.json`, one object of program texts by sample id; samples
    that have one carry it as `expert_program`.

    Subclasses say which files make up a split (`_sources`), which records in them are samples (`_build`, which calls
    `_add_samples`), and what a sample is made of (`_fields`, `_sample`).

    Attributes:
        name: Dataset name, for example "GQA".
        forms: The forms in which the dataset can be asked, and the name of the task of each; the first is the default.
        fields: Names of the facts that samples can be filtered by.
        type_field: The one of them that `subset="k_per_type"` goes by; None if there is none.
        location: Root folder, and whether it holds the generated mini data.
        split: Split name as given.
        form: One of `forms`.
    """

    name: ClassVar[str]
    forms: ClassVar[Mapping[str, str]]
    fields: ClassVar[tuple[str, ...]] = ()
    type_field: str | None = None

    def __init__(self, location: Location, split: str, images: str = "required", form: str | None = None) -> None:
        """Opens a split.

        Args:
            location: The dataset's root folder.
            split: Split name; each dataset says which ones it has.
            images: "required": a missing picture is an error when its sample is read. "optional": a blank canvas of the
                annotated size stands in.
            form: One of `forms`; None for the first.

        Raises:
            DatasetError: If the split is unknown or its files are missing or damaged.
            ValueError: If `images` or `form` has an unknown value.
        """
        if images not in IMAGE_MODES:
            raise ValueError(f"images={images!r} is unknown. Expected one of: {', '.join(map(repr, IMAGE_MODES))}.")
        if form is not None and form not in self.forms:
            raise ValueError(f"form={form!r} is unknown to {self.name}. Expected one of: {', '.join(map(repr, self.forms))}.")
        if not isinstance(split, str):
            raise TypeError(f"split={split!r} is no split. Expected a str.")
        self.location = location
        self.split = split
        self.images = images
        self.form = form or next(iter(self.forms))
        if not _SPLIT.fullmatch(split):  # it is part of file names
            raise MissingDataError(f"{self.name} has no split {split!r:.80}. Expected letters, digits, '_', '.', '+' and '-'.")
        self._experts_path = location.root / f"expert_programs_{split}.json"
        sources = [*self._sources(), self._experts_path]
        # the index of one form may hold other samples than that of another
        self._index = open_index(f"{self.name}-{split}-{self.form}", location.root, sources, self._build_all)
        self._samples: Table = self._index.table("samples")
        self._experts: Table = self._index.table("experts")
        if not len(self._samples):
            raise DatasetError(f"{self.name} {split} in {location.root} holds no samples. Expected at least one.")
        self._chosen: NDArray[np.int64] | None = None

    @abstractmethod
    def _sources(self) -> list[Path]:
        """The files that the split is made from. Raises MissingDataError, saying what was expected, if one is missing."""

    @abstractmethod
    def _build(self, builder: Builder) -> None:
        """Reads the files once: fills the table "samples" by `_add_samples`, and whatever other tables the dataset needs."""

    @abstractmethod
    def _fields(self, record: Any, where: str) -> dict[str, str | int]:
        """The facts of a record, by the names in `fields`; what is not known of it is left out.

        Raises:
            DatasetError: If the record is damaged; names `where`.
        """

    @abstractmethod
    def _is_annotated(self, record: Any) -> bool:
        """Whether the oracle can look at a record's pictures. Called while the index is built."""

    @abstractmethod
    def _sample(self, sample_id: str, record: Any, seed: int) -> Sample:
        """Builds one sample from its record. Raises DatasetError if the record is damaged."""

    @property
    def task(self) -> str:
        """Name of the task that goes with the form."""
        return self.forms[self.form]

    @property
    def image_names(self) -> tuple[str, ...]:
        """Names of the pictures of a sample, in the order in which programs receive them."""
        return ("image",)

    @property
    def is_shuffled(self) -> bool:
        """Whether samples have options whose order depends on a seed, see `sample`."""
        return False

    @property
    def is_mini(self) -> bool:
        """Whether this is the generated mini data."""
        return self.location.is_mini

    @property
    def sample_ids(self) -> Keys:
        """Identifiers of all samples, in file order."""
        return Keys(self._samples, self._chosen)

    def _build_all(self, builder: Builder) -> None:
        self._build(builder)
        add = builder.table("experts", unique="sample id")
        if self._experts_path.is_file():
            for record in scan_object(self._experts_path, "one object of program texts by sample id"):
                add(record.key, record, self._experts_path)

    def _add_samples(self, builder: Builder, unique: str, records: Iterator[tuple[str, Any, Path | None]]) -> None:
        """Fills the table of samples.

        A damaged record is no error here: it stays in the split, so that reading it says what is wrong with it.

        Args:
            builder: Writes the index.
            unique: What the sample ids are called in the files.
            records: Sample id, the `Record`, and the file that it is in; or a record made from several, and None.
        """
        add = builder.table("samples", (*self.fields, "annotated"), unique)
        for sample_id, record, source in records:
            value = record.value if isinstance(record, Record) else record
            fields: dict[str, Value] = {"annotated": 1}
            if isinstance(value, dict):
                with contextlib.suppress(DatasetError):
                    fields |= self._fields(value, "") | {"annotated": int(self._is_annotated(value))}
            add(sample_id, record, source, fields)

    def position(self, sample_id: str) -> int:
        """Position of a sample id. Raises DatasetError if the split has no such sample."""
        position = self.sample_ids.find(sample_id)
        if position is None:
            example = self.sample_ids[0] if len(self) else "none"
            raise DatasetError(
                f"{self.name} {self.split} has no sample {sample_id!r:.80}. "
                f"Expected one of its {len(self)} sample ids, such as {example!r}."
            )
        return position

    def has_scene(self, sample_id: str) -> bool:
        """Whether the sample's pictures are annotated, so that the oracle can look at them.

        True for a damaged record, too: it stays in the split, so that reading it says what is wrong with it.
        """
        return bool(len(self._samples.where("annotated AND key = ?", (sample_id,))))

    def keep_annotated(self) -> None:
        """Drops the samples whose pictures have no annotations, and says how many.

        Raises:
            DatasetError: If none is left.
        """
        missing = self._samples.exceptions("annotated")
        if not missing:
            return
        before = len(self)
        if missing < len(self._samples):
            self._keep(self._samples.where("annotated"))
        if missing == len(self._samples) or not len(self):
            raise DatasetError(
                f"{self.name} {self.split} in {self.location.root} has no scene annotations, "
                "which perception='oracle' answers from. "
                "Use a split that has them (the environment's page says where they are looked for) or another perception."
            )
        if len(self) < before:
            say_once(
                f"{self.name} {self.split}: {before - len(self)} of {before} samples are left out, "
                "because their pictures have no scene annotations and perception='oracle' answers from those."
            )

    def restrict(
        self,
        filter: Mapping[str, Any] | None = None,
        subset: str | None = None,
        ids: str | os.PathLike[str] | Sequence[str] | None = None,
    ) -> None:
        """Keeps some of the samples; what was dropped before stays dropped.

        Args:
            filter: Wanted values by field: one value, a list of values, or `{"min": ..., "max": ...}` with either or both.
            subset: "10_per_type": of each value of `type_field` ten samples (all, if there are fewer), the same ones always.
            ids: The sample ids to keep, or the path of a file of them: a JSON list, or one id per line.

        Raises:
            ValueError: If a field or the form of an argument is unknown.
            DatasetError: If no sample is left, or the file is damaged or names samples that do not exist.
        """
        if ids is not None:
            wanted = read_ids(ids)
            positions = [self._samples.position(sample_id) for sample_id in wanted]
            if unknown := [sample_id for sample_id, position in zip(wanted, positions, strict=True) if position is None]:
                given = ids if isinstance(ids, str | os.PathLike) else "ids"
                raise DatasetError(
                    f"{given} names {len(unknown)} samples that {self.name} {self.split} has not, such as {unknown[0]!r:.80}. "
                    f"Expected ids such as {self.sample_ids[0]!r}."
                )
            self._keep(np.unique(np.array(positions, np.int64)))
        if filter is not None:
            self._keep(select_where(self._samples, filter, (*self.fields, "annotated"), self.name))
        if subset is not None:
            self._keep(select_per_type(self._samples, self._chosen, subset, self.name, self.type_field, self.equivalents))
        if not len(self):
            raise DatasetError(
                f"Of {self.name} {self.split} no sample is left with filter={filter!r}, subset={subset!r} and ids={ids!r:.200}. "
                f"Expected at least one.{describe_values(self._samples, filter or ())}"
            )

    def equivalents(self, record: Any) -> list[str]:
        """Ids of the samples that ask the same as a record; a subset holds one of them at most."""
        return []

    def _keep(self, positions: NDArray[np.int64]) -> None:
        self._chosen = positions if self._chosen is None else np.intersect1d(self._chosen, positions)

    def __len__(self) -> int:
        return len(self._samples) if self._chosen is None else len(self._chosen)

    def sample(self, position: int, seed: int = 0) -> Sample:
        """The sample at a position.

        Args:
            position: From 0; negative ones count from the end.
            seed: For datasets whose samples have options: their order, and what the right one is mixed with, is a function of it
                and of the sample's id.

        Raises:
            DatasetError: If the record is damaged, or a picture is missing.
            IndexError: If there is no such position.
        """
        i = range(len(self))[position]
        row = i if self._chosen is None else int(self._chosen[i])
        sample_id, record = self._samples.item(row)
        sample = self._sample(sample_id, record, seed)
        if len(sample.images) > 1:
            sample = replace(sample, image_names=self.image_names)
        program = self._experts.get(sample_id) if len(self._experts) else None
        return replace(sample, expert_program=program) if isinstance(program, str) else sample

    @overload
    def __getitem__(self, position: int) -> Sample: ...
    @overload
    def __getitem__(self, position: slice) -> list[Sample]: ...
    def __getitem__(self, position: int | slice) -> Sample | list[Sample]:
        """The sample at a position; a list of samples for a slice."""
        if isinstance(position, slice):
            return [self.sample(i) for i in range(*position.indices(len(self)))]
        return self.sample(position)

    def __iter__(self) -> Iterator[Sample]:
        return (self.sample(i) for i in range(len(self)))

    def __repr__(self) -> str:
        return f"<{self.name} {self.split}: {len(self)} samples in {self.location.root}>"
