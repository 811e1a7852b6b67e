"""Pools of captions or pictures to choose from, for pictures that have several captions each."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vispro_gym.datasets.base import Dataset
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.index import Builder
from vispro_gym.datasets.location import Location
from vispro_gym.datasets.options import MOST_OPTIONS, Choice, list_options, one_line
from vispro_gym.datasets.sample import ImageRef, Sample

_TRIES = 8  # times the size of the pool: so many other pictures are looked at before it is given up


class Caption(NamedTuple):
    """A caption with the dataset's own id of it."""

    sentence_id: str
    text: str


class Picture(NamedTuple):
    """What the index keeps of a picture.

    Attributes:
        image_id: The dataset's own id.
        record: The `Record` that is in `source`, or a value that is kept as it is.
        source: The file, None for a value.
        sentence_ids: Ids of its captions; none if the record is damaged.
    """

    image_id: str
    record: Any
    source: Path | None
    sentence_ids: Sequence[str]


class Retrieval(Dataset):
    """One split of pictures with captions, in one of two forms.

    * "image_to_text": one picture and `pool_size` captions, of which one belongs to it: the first of its own. Sample ids are
      the picture's.
    * "text_to_image": one caption and `pool_size` pictures, to one of which it belongs. Sample ids are the caption's.

    The others of the pool belong to other pictures of the split and are drawn, like the order, by the seed and the sample's id.
    None has the same text as a caption of the right picture. A picture that is annotated is among annotated ones, so that one
    perception can look at all. The target is a `vispro_gym.datasets.options.Choice`.
    """

    def __init__(
        self, location: Location, split: str, images: str = "required", form: str | None = None, pool_size: int = 5
    ) -> None:
        """Opens a split.

        Args:
            location: The dataset's root folder.
            split: Split name.
            images: "required" or "optional", as in `vispro_gym.datasets.base.Dataset`.
            form: "image_to_text" or "text_to_image"; None for the first.
            pool_size: Number of candidates, from 2 to 26.

        Raises:
            DatasetError: If the split is unknown, its files are missing or damaged, or it has fewer pictures than `pool_size`.
            ValueError: If `images`, `form` or `pool_size` has an unknown value.
        """
        if isinstance(pool_size, bool) or not isinstance(pool_size, int) or not 2 <= pool_size <= MOST_OPTIONS:
            raise ValueError(f"pool_size={pool_size!r} is no size of a pool. Expected an integer from 2 to {MOST_OPTIONS}.")
        self.pool_size = pool_size
        super().__init__(location, split, images, form)
        self._table = self._index.table("images")
        if len(self._table) < pool_size:
            raise DatasetError(
                f"{self.name} {split} in {location.root} has {len(self._table)} pictures with captions. "
                f"Expected at least pool_size={pool_size}."
            )

    @property
    def image_names(self) -> tuple[str, ...]:
        """One picture, or as many as the pool has."""
        if self.form == "image_to_text":
            return ("image",)
        return tuple(f"image_{i}" for i in range(1, self.pool_size + 1))

    @property
    def is_shuffled(self) -> bool:
        """Always: the pool is drawn."""
        return True

    def keep_annotated(self) -> None:
        """Drops the samples whose pictures have no annotations.

        Raises:
            DatasetError: If none is left, or too few for a pool of pictures.
        """
        super().keep_annotated()
        if self.form == "text_to_image" and len(self._annotated) < self.pool_size:
            raise DatasetError(
                f"{self.name} {self.split} in {self.location.root} has scene annotations of {len(self._annotated)} pictures. "
                f"Expected at least pool_size={self.pool_size} for perception='oracle'."
            )

    @abstractmethod
    def _scan(self, builder: Builder) -> Iterator[Picture]:
        """The pictures of the split, in file order."""

    @abstractmethod
    def _captions(self, image_id: str, record: Any, where: str) -> list[Caption]:
        """The captions of a picture, in file order. Raises DatasetError if there are none or the record is damaged."""

    @abstractmethod
    def _has_scene(self, image_id: str) -> bool:
        """Whether a picture is annotated."""

    @abstractmethod
    def _ref(self, image_id: str) -> ImageRef:
        """A reference to a picture. Raises MissingDataError if it is missing and required."""

    def _build(self, builder: Builder) -> None:
        self._known = lru_cache(1024)(self._has_scene)
        self._known("0")  # a damaged instance file is found here, not at each picture
        add = builder.table("images", ("annotated",), "image id")
        what = "image id" if self.form == "image_to_text" else "sentence id"
        self._add_samples(builder, what, self._asked(self._scan(builder), add))
        del self._known

    def _asked(self, pictures: Iterator[Picture], add: Any) -> Iterator[tuple[str, dict[str, str], None]]:
        for picture in pictures:
            add(picture.image_id, picture.record, picture.source, {"annotated": int(self._known(picture.image_id))})
            record = {"image": picture.image_id}
            if self.form == "image_to_text":
                yield picture.image_id, record, None
                continue
            for sample_id in picture.sentence_ids or (f"picture_{picture.image_id}",):  # reading the latter says what is wrong
                yield sample_id, record, None

    def _fields(self, record: Any, where: str) -> dict[str, str | int]:
        return {}

    def _is_annotated(self, record: Any) -> bool:
        return self._known(record["image"])

    def _sample(self, sample_id: str, record: Any, seed: int) -> Sample:
        image_id = record["image"]
        where = f"{self.name} {self.split} picture {image_id}"
        own = self._captions(image_id, self._table.get(image_id), where)
        texts = {_plain(caption.text) for caption in own}
        position = self._table.position(image_id)
        assert position is not None  # the index was written with both
        rng = Random(f"{seed} {sample_id}")
        if self.form == "image_to_text":
            pool = [own[0].text, *self._other_texts(rng, position, texts, where)]
            rng.shuffle(pool)
            query = list_options("Which text matches the image?", pool)
            target = Choice(pool.index(own[0].text), tuple(pool), len(pool))
            images: tuple[ImageRef, ...] = (self._ref(image_id),)
            return Sample(sample_id, query, images, target, record=record)
        text = next((caption.text for caption in own if caption.sentence_id == sample_id), None)
        if text is None:
            raise DatasetError(f"{where} has no caption {sample_id}. Expected one of its {len(own)} captions.")
        pictures = [image_id, *self._other_pictures(rng, position, _plain(text), where)]
        rng.shuffle(pictures)
        return Sample(
            sample_id=sample_id,
            query=f'Which image matches text="{text}"?',
            images=tuple(map(self._ref, pictures)),
            target=Choice(pictures.index(image_id), None, len(pictures)),
            record=record | {"pool": pictures},
        )

    @cached_property
    def _annotated(self) -> NDArray[np.int64]:
        """Positions of the annotated pictures."""
        return self._table.where("annotated")

    def _others(self, rng: Random, own: int, among: NDArray[np.int64] | range) -> Iterator[tuple[str, list[Caption]]]:
        """Other pictures with captions in random order; more than enough in any sensible split."""
        for i in rng.sample(range(len(among)), min(len(among), _TRIES * self.pool_size)):
            position = int(among[i])
            image_id = self._table.key(position)
            if position != own:
                try:
                    yield image_id, self._captions(image_id, self._table.at(position), "")
                except DatasetError:  # reading that sample says what is wrong with it; this one can do without
                    continue

    def _other_texts(self, rng: Random, own: int, taken: set[str], where: str) -> list[str]:
        found: list[str] = []
        for _, captions in self._others(rng, own, range(len(self._table))):
            text = captions[0].text  # as the right one: captions of one picture may be sorted, Flickr30k's are by length
            if _plain(text) not in taken:
                taken = taken | {_plain(text)}
                found.append(text)
                if len(found) == self.pool_size - 1:
                    return found
        raise self._too_few(len(found), where)

    def _other_pictures(self, rng: Random, own: int, text: str, where: str) -> list[str]:
        found: list[str] = []
        annotated = len(self._annotated) >= self.pool_size and own in self._annotated
        for image_id, captions in self._others(rng, own, self._annotated if annotated else range(len(self._table))):
            if all(_plain(caption.text) != text for caption in captions):
                found.append(image_id)
                if len(found) == self.pool_size - 1:
                    return found
        raise self._too_few(len(found), where)

    def _too_few(self, count: int, where: str) -> DatasetError:
        return DatasetError(
            f"{where} finds {count} pictures whose captions are other than its own. "
            f"Expected {self.pool_size - 1} for pool_size={self.pool_size}."
        )


def _plain(text: str) -> str:
    """A caption as captions are compared: as answers are, without regard to case and a final full stop."""
    return one_line(text).lower().removesuffix(".").rstrip()
