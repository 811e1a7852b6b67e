"""What all datasets have in common: random access to samples by position and by id."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, overload

from vispro_gym.datasets.errors import DatasetError, MissingDataError, say_once
from vispro_gym.datasets.images import IMAGE_MODES
from vispro_gym.datasets.location import Location
from vispro_gym.datasets.sample import Sample

# Larger than any picture and distance of the datasets, so that a damaged number cannot ask for a canvas of terabytes.
LARGEST = 16_384


class Dataset(ABC):
    """One split of a dataset, opened for random access.

    Attributes:
        name: Dataset name, for example "GQA".
        split: Split name as given.
        location: Root folder, and whether it holds the generated mini data.
        sample_ids: Identifiers of all samples, in file order.
    """

    name: str
    sample_ids: list[str]

    def __init__(self, location: Location, split: str, images: str = "required") -> None:
        """Opens a split.

        Args:
            location: The dataset's root folder.
            split: Split name; each dataset says which ones it has.
            images: "required": a missing picture is an error when its sample is read. "optional": a blank canvas of the
                annotated size stands in.

        Raises:
            DatasetError: If the split is unknown or its files are missing or damaged.
        """
        if images not in IMAGE_MODES:
            raise ValueError(f"images={images!r} is unknown. Expected one of: {', '.join(map(repr, IMAGE_MODES))}.")
        self.location = location
        self.split = split
        self.images = images
        self.sample_ids = self._open()
        self._positions = {sample_id: i for i, sample_id in enumerate(self.sample_ids)}

    @abstractmethod
    def _open(self) -> list[str]:
        """Reads the split's files and returns the sample ids in order."""

    @abstractmethod
    def _sample(self, sample_id: str) -> Sample:
        """Builds one sample."""

    @abstractmethod
    def has_scene(self, sample_id: str) -> bool:
        """Whether the sample's pictures are annotated, so that the oracle can look at them.

        True for a damaged record, too: it stays in the split, so that reading it says what is wrong with it.
        """

    @property
    def is_mini(self) -> bool:
        """Whether this is the generated mini data."""
        return self.location.is_mini

    def position(self, sample_id: str) -> int:
        """Position of a sample id. Raises DatasetError if the split has no such sample."""
        try:
            return self._positions[sample_id]
        except (KeyError, TypeError):
            example = self.sample_ids[0] if self.sample_ids else "none"
            raise DatasetError(
                f"{self.name} {self.split} has no sample {sample_id!r}. "
                f"Expected one of its {len(self)} sample ids, such as {example!r}."
            ) from None

    def keep_annotated(self) -> None:
        """Drops the samples whose pictures have no annotations, and says how many.

        Raises:
            DatasetError: If none is left.
        """
        kept = [sample_id for sample_id in self.sample_ids if self.has_scene(sample_id)]
        if not kept:
            raise DatasetError(
                f"{self.name} {self.split} in {self.location.root} has no scene annotations, "
                "which perception='oracle' answers from. "
                "Use a split that has them (GQA publishes scene graphs for train and val only) or another perception."
            )
        if len(kept) < len(self.sample_ids):
            say_once(
                f"{self.name} {self.split}: {len(self.sample_ids) - len(kept)} of {len(self.sample_ids)} samples are left out, "
                "because their pictures have no scene annotations and perception='oracle' answers from those."
            )
            self.sample_ids = kept
            self._positions = {sample_id: i for i, sample_id in enumerate(kept)}

    def __len__(self) -> int:
        return len(self.sample_ids)

    @overload
    def __getitem__(self, position: int) -> Sample: ...
    @overload
    def __getitem__(self, position: slice) -> list[Sample]: ...
    def __getitem__(self, position: int | slice) -> Sample | list[Sample]:
        """The sample at a position; a list of samples for a slice."""
        if isinstance(position, slice):
            return [self._sample(sample_id) for sample_id in self.sample_ids[position]]
        return self._sample(self.sample_ids[position])

    def __iter__(self) -> Iterator[Sample]:
        return (self._sample(sample_id) for sample_id in self.sample_ids)

    def __repr__(self) -> str:
        return f"<{self.name} {self.split}: {len(self)} samples in {self.location.root}>"


def read_json(path: Path, expected: str) -> Any:
    """Reads a JSON file of a dataset.

    Args:
        path: The file.
        expected: What the file should hold, for messages.

    Raises:
        DatasetError: If the file is missing, empty, cut short or no JSON.
    """
    try:
        with path.open(encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        raise MissingDataError(f"{path} is missing. Expected {expected}.") from None
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, an integer of thousands of digits, nested too deeply
        raise DatasetError(
            f"{path} is damaged or cut short ({error}). Expected {expected}, as JSON. Fetch the file again."
        ) from error
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error}. Expected {expected}.") from error


def record_value(record: Any, key: str, kind: type | tuple[type, ...], where: str) -> Any:
    """The value of a key that a record must have.

    Raises:
        DatasetError: If the record is no object, lacks the key, or the value has another type; names `where`.
    """
    if not isinstance(record, dict):
        raise DatasetError(f"{where} is {type(record).__name__}. Expected an object with the key {key!r}.")
    if key not in record:
        raise DatasetError(f"{where} has no key {key!r}. Expected a record of the official format.")
    value = record[key]
    if not isinstance(value, kind):
        names = " or ".join(t.__name__ for t in (kind if isinstance(kind, tuple) else (kind,)))
        raise DatasetError(f"{where} has {key!r} of type {type(value).__name__}. Expected {names}.")
    return value


def record_list(record: Any, key: str, kind: type, where: str) -> list[Any]:
    """The list under a key that a record must have, each of whose items is of one type.

    Raises:
        DatasetError: As `record_value`, and if an item has another type; names `where`.
    """
    items: list[Any] = record_value(record, key, list, where)
    for i, item in enumerate(items):
        if not isinstance(item, kind):
            raise DatasetError(f"{where} has {key!r} whose item {i} is of type {type(item).__name__}. Expected {kind.__name__}.")
    return items


def number(value: Any, what: str, low: float = 0) -> float:
    """A number of a dataset file, checked.

    Args:
        value: What the file holds.
        what: What to call the value in messages.
        low: The smallest number that makes sense.

    Raises:
        DatasetError: If the value is no finite number, or too small, or absurdly large.
    """
    # JSON as Python reads it may hold NaN, infinity and integers of thousands of digits: no comparison with these raises
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= LARGEST:
        raise DatasetError(f"{what} is {value!r:.80}. Expected a number from {low} to {LARGEST}.")
    return value
