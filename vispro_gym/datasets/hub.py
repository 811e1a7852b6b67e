"""Data that are published as a repository of Hugging Face `datasets`, opened when they are asked for by name.

    data_dir="hf:lmms-lab/GQA"                  a repository of the Hub, which is fetched: only the files of the split
    data_dir="hf:lmms-lab/GQA@{revision}"       a branch, tag or commit of it
    data_dir="hf:/path/to/a/folder"             such a repository on disk, or what `save_to_disk` wrote; nothing is fetched

What `save_to_disk` wrote may have several splits; configurations are folders of their names. `HF_HUB_OFFLINE` forbids fetching;
what is fetched is kept where the libraries keep it (`HF_HOME`). How datasets are published: `vispro_gym.datasets.hub_layouts`.

Rows become the records that the official files have, and the dataset's own class makes samples of them. `datasets` converts the
files to Arrow once and maps them into memory; pictures are decoded when they are looked at. They are those of the rows, whatever
`images` says; only VSR has none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from glob import escape
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vispro_gym.datasets.base import Dataset
from vispro_gym.datasets.errors import DatasetError, MissingDataError
from vispro_gym.datasets.hub_layouts import FORMS, Form, Part
from vispro_gym.datasets.index import Builder
from vispro_gym.datasets.location import HUB_PREFIX, HubLocation
from vispro_gym.datasets.sample import ImageRef, Sample
from vispro_gym.datasets.scene import Scene

_REPOSITORY = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}")
_BATCH = 1_000
_LISTED = 10
_NO_ID = "row"  # a sample without an id stays in the split, called by its row, so that reading it says what is wrong


def locate_hub(name: str, address: str) -> HubLocation:
    """Finds a repository on disk, or fetches its card from the Hub.

    Args:
        name: Dataset name, for example "GQA".
        address: As in the module docstring.

    Raises:
        MissingDataError: If there is no such folder, or the repository cannot be fetched.
        DatasetError: If the dataset is not known to be published in this way.
        ImportError: If the library `datasets` is not installed.
    """
    if name not in FORMS:
        raise DatasetError(
            f"data_dir is {address!r}, but no repository of {name} is known. Expected its official folder; "
            f"known are repositories of: {', '.join(FORMS)}."
        )
    _library(address)
    text = address.removeprefix(HUB_PREFIX)
    folder = Path(text).expanduser()
    if text and folder.is_dir():
        return HubLocation(folder.resolve(), False, address, None)
    repository, _, revision = text.partition("@")
    if not _REPOSITORY.fullmatch(repository) or text.startswith(("~", ".")):
        kind = "is a file" if folder.is_file() else "does not exist"
        raise MissingDataError(
            f"data_dir is {address!r}, but {text!r} {kind} and is no name of a repository. "
            f"Expected 'hf:/path/to/a/folder' or 'hf:owner/name', such as 'hf:{FORMS[name].repositories[0]}'."
        )
    # files that every repository has: they make the folder
    root = _fetch(address, repository, revision or None, ["README.md", ".gitattributes"])
    return HubLocation(root, False, address, repository)


def _library(address: str) -> ModuleType:
    try:
        import datasets
    except ImportError as error:
        raise ImportError(
            f"data_dir={address!r} needs {error.name or 'datasets'}, which is not installed: "
            'pip install "vispro-gym[agents]", or pip install datasets',
            name=error.name or "datasets",
        ) from error
    library: ModuleType = datasets
    return library


def _fetch(address: str, repository: str, revision: str | None, patterns: list[str]) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(repository, repo_type="dataset", revision=revision, allow_patterns=patterns))
    except (OSError, ValueError) as error:  # all that the library raises is one of them
        reason = str(error).strip().partition("\n")[0]
        raise MissingDataError(
            f"{address} cannot be fetched ({', '.join(patterns)}): {reason:.300} "
            "Expected a repository of the Hugging Face Hub that can be reached (HF_HUB_OFFLINE unset; logged in, if it asks for "
            "registration), one that has been fetched before, or the path of its folder after 'hf:'."
        ) from error


class Rows:
    """The rows of one split, mapped into memory.

    Args:
        location: The repository.
        name: Dataset name, for messages.
        part: Which rows.
        columns: Columns that must be there.
        note: What to add to the message that files are missing.

    Attributes:
        where: What to call the rows in messages.
        files: The Arrow files.

    Raises:
        MissingDataError: If there is no such configuration or split.
        DatasetError: If the files are damaged or lack a column.
    """

    def __init__(self, location: HubLocation, name: str, part: Part, columns: Sequence[str], note: str = "") -> None:
        self.where = f"{location.address}, configuration {part.config!r}, split {part.split!r}"
        self._table = _open_table(location, name, part, note)
        self._columns: dict[str, Any] = {}
        found = self._table.column_names
        if missing := [column for column in columns if column not in found]:
            raise DatasetError(
                f"{self.where}, has no column {', '.join(map(repr, missing))}. Expected {', '.join(columns)}, "
                f"as in {' and '.join(FORMS[name].repositories)}; its columns are {', '.join(found) or 'none'}."
            )
        self.files = [Path(file["filename"]) for file in self._table.cache_files]

    def records(self, columns: Sequence[str], optional: Sequence[str] = ()) -> Iterator[tuple[int, dict[str, Any]]]:
        """Position and values of each row; `optional` columns where they are there."""
        read = [*columns, *(column for column in optional if column in self._table.column_names)]
        position = 0
        for batch in self._table.select_columns(read).with_format("arrow").iter(_BATCH):
            for row in batch.to_pylist():
                yield position, row
                position += 1

    def picture(self, position: int, column: str) -> bytes:
        """The picture file in a row. Raises DatasetError if there is none."""
        if column not in self._columns:
            self._columns[column] = self._table.select_columns([column]).with_format("arrow")
        value = self._columns[column][position][column][0].as_py()
        data = value.get("bytes") if isinstance(value, dict) else None
        if not isinstance(data, bytes):
            raise MissingDataError(f"{self.where}, row {position}, has no picture in {column!r}. Expected the bytes of one.")
        return data


def _open_table(location: HubLocation, name: str, part: Part, note: str) -> Any:
    library = _library(location.address)
    folders = [location.root / part.config, *([location.root] if part.config == "default" else [])]
    saved = next((f for f in folders if any((f / mark).is_file() for mark in ("dataset_dict.json", "state.json"))), None)
    try:
        if saved is not None:
            return _saved_split(library.load_from_disk(str(saved)), location, name, part)
        if location.repository is not None:
            _fetch(location.address, location.repository, location.root.name, [part.files])  # the same commit as the card
        files = sorted(path for path in location.root.glob(part.files) if path.is_file())
        if not files:
            raise MissingDataError(
                f"{location.address} has no {part.files}, the files of configuration {part.config!r}, split {part.split!r}, "
                f"nor what save_to_disk wrote of it. Expected {name} in the form of "
                f"{' or '.join(FORMS[name].repositories)}. {_found(location.root)}{note}"
            )
        kind = "parquet" if files[0].suffix == ".parquet" else "json"
        paths = [escape(str(path)) for path in files]
        return library.load_dataset(kind, data_files={part.split: paths}, split=part.split)
    except DatasetError:
        raise
    except Exception as error:  # the libraries have no common class for what can be wrong with a file
        reason = str(error).strip().partition("\n")[0]
        raise DatasetError(
            f"{location.address}, configuration {part.config!r}, split {part.split!r}, cannot be read: {reason:.300} "
            "Fetch the files again."
        ) from error


def _saved_split(saved: Any, location: HubLocation, name: str, part: Part) -> Any:
    splits = list(saved) if isinstance(saved, dict) else [str(saved.split or part.split)]
    if part.split not in splits:
        raise MissingDataError(
            f"{location.address}, configuration {part.config!r}, has no split {part.split!r}, which {name} is read from. "
            f"Splits found there: {', '.join(splits)}."
        )
    return saved[part.split] if isinstance(saved, dict) else saved


def _found(root: Path) -> str:
    names = sorted(f"{path.name}/" if path.is_dir() else path.name for path in root.iterdir() if not path.name.startswith("."))
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"Found there: {', '.join(names[:_LISTED])}{more}." if names else "The folder is empty."


class RowDataset(Dataset):
    """A dataset whose records are rows. Comes first among the bases, before the class that reads the official files.

    Attributes:
        location: The repository.
    """

    location: HubLocation

    @property
    def published(self) -> Form:
        """How the dataset is published."""
        return FORMS[self.name]

    @property
    def _place(self) -> Part:
        parts = self.published.parts
        if self.split not in parts:
            raise MissingDataError(
                f"{self.name} has no split {self.split!r} in {self.location.address}. Expected one of: {', '.join(parts)}."
                f"{self.published.note}"
            )
        return parts[self.split]

    def _open_rows(self) -> list[Path]:
        """Opens the rows; called by `_sources`, which returns the files."""
        form = self.published
        self._rows = self._picture_rows = Rows(self.location, self.name, self._place, form.columns, form.note)
        # an index holds records as they were made of rows: another version of what makes them makes another index
        return [*self._rows.files, *(Path(__file__).with_name(f"{name}.py") for name in ("hub_layouts", "hub_datasets"))]

    def _records(self) -> Iterator[tuple[int, str, Any]]:
        """Position, sample id and record of each row of the split."""
        form = self.published
        columns = form.columns[: len(form.columns) - form.pictures]
        for position, row in self._rows.records(columns, form.optional):
            if form.keep is None or form.keep(row, self.split):
                key = position if form.key is None else row[form.key]
                yield position, str(key) if isinstance(key, int | str) else f"{_NO_ID} {position}", form.record(row)

    def sample(self, position: int, seed: int = 0) -> Sample:
        """The sample at a position, see `Dataset.sample`."""
        sample = super().sample(position, seed)
        if sample.sample_id.startswith(_NO_ID):
            raise DatasetError(f"{self._rows.where}, {sample.sample_id}, has no id. Expected a text or a number.")
        return sample

    def _picture_table(self, builder: Builder) -> Callable[..., None]:
        """Starts the table of pictures.

        Returns:
            A function `note(image_id, position, column)` that says in which row and column a picture is; the first row counts.
        """
        add = builder.table("pictures", unique="image id")
        seen: set[str] = set()

        def note(image_id: object, position: int, column: str = "image") -> None:
            if isinstance(image_id, int | str) and str(image_id) not in seen:
                seen.add(str(image_id))
                add(str(image_id), [position, column])

        return note

    def picture(self, image_id: str, scene: Callable[[], Scene | None]) -> ImageRef:
        """A reference to a picture in a row. Raises MissingDataError if it is in none."""
        found = self._index.table("pictures").get(image_id)
        if found is None:
            raise MissingDataError(f"{self._picture_rows.where}, has no picture {image_id!r:.80}. Fetch the files again.")
        position, column = found
        where = f"{self._picture_rows.where}, row {position}, {column!r}"
        return RowImage(image_id, partial(self._picture_rows.picture, position, column), where, scene)


class RowImage(ImageRef):
    """A picture whose file is in a row; its size is the annotated one, if there is one."""

    def __init__(self, image_id: str, data: Callable[[], bytes], where: str, scene: Callable[[], Scene | None]) -> None:
        super().__init__(image_id, self._find_size, self._read, scene=scene)
        self._data = data
        self._where = where

    @cached_property
    def content_hash(self) -> str:
        """Hex digest of the picture's file: equal pictures have equal hashes whatever their names."""
        return blake2b(self._data(), digest_size=16).hexdigest()

    def _find_size(self) -> tuple[int, int]:
        return self._decode(lambda image: image.size) if self.scene is None else (self.scene.width, self.scene.height)

    def _read(self) -> NDArray[np.uint8]:
        pixels: NDArray[np.uint8] = self._decode(lambda image: np.asarray(image.convert("RGB")))
        size = (pixels.shape[1], pixels.shape[0])
        if self.scene is not None and size != self.size:
            raise DatasetError(
                f"{self._where} is {size[0]}x{size[1]} pixels, but its annotations are for a picture of "
                f"{self.size[0]}x{self.size[1]}: boxes would be wrong. Expected the picture that was annotated."
            )
        return pixels

    def _decode(self, use: Callable[[Image.Image], Any]) -> Any:
        try:
            with Image.open(BytesIO(self._data())) as image:
                return use(image)
        except DatasetError:
            raise
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:  # what Pillow raises on damaged files
            raise DatasetError(f"{self._where} is not a readable picture: {error}. Fetch the files again.") from error
