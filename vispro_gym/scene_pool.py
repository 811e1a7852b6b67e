"""The annotated pictures of a dataset, and which of them hold what a program names."""

from __future__ import annotations

import contextlib
import random
from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vispro_gym.datasets.base import Dataset
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.sample import ImageRef
from vispro_gym.datasets.scene import Box
from vispro_gym.perception.language import PRONOUNS, parse_phrase
from vispro_gym.perception.oracle import OraclePerception
from vispro_gym.perception.protocol import PerceptionError, Relate
from vispro_gym.perception.vocabulary import attribute_facts, attribute_key, kinds
from vispro_gym.programs.presuppositions import Look

_PICTURES = 1_000  # as many as the oracle keeps indexes of
_SAMPLES = 4_000  # that are read, at most, to find so many pictures
_PHRASES = 2_000  # whose objects are kept


class ScenePool:
    """Pictures that are annotated, by number.

    Attributes:
        pictures: The pictures.
        oracle: Sees what is annotated in them.
    """

    def __init__(self, dataset: Dataset, seed: int) -> None:
        """Collects the pictures of a dataset, a seeded choice if there are more than a thousand; damaged ones are passed over."""
        self.oracle = OraclePerception()
        found: dict[str, ImageRef] = {}
        for position in random.Random(seed).sample(range(len(dataset)), min(_SAMPLES, len(dataset))):
            with contextlib.suppress(DatasetError):
                image, *others = dataset.sample(position).images
                if not others and image.image_id not in found and image.scene is not None:
                    found[image.image_id] = image
            if len(found) == _PICTURES:
                break
        self.pictures = list(found.values())
        self._counts: dict[str, NDArray[np.int16]] = {}
        self._named: dict[str, set[int]] = {}
        self._owner: list[int] = []  # number of the picture that each object is in
        self._boxes: list[dict[int, Box]] = []  # of each picture, by object
        self._holders: defaultdict[str, set[int]] = defaultdict(set)  # objects by what is true of them, word for word
        for number, image in enumerate(self.pictures):
            assert image.scene is not None
            self._boxes.append({})
            for obj in image.scene.objects.values():
                facts = attribute_facts(obj.name, obj.attributes)
                for word in kinds(obj.name).union(facts, *(map(attribute_key, fact.split()) for fact in facts)):
                    self._holders[word].add(len(self._owner))
                self._boxes[-1][len(self._owner)] = obj.box
                self._owner.append(number)

    def counts(self, phrase: str) -> NDArray[np.int16]:
        """How many objects a noun phrase names in each picture, int16 of shape `(pictures,)`.

        Made from words alone, which is fast and may be wrong about compounds and pronouns.
        """
        if phrase not in self._counts:
            owners = np.array([self._owner[obj] for obj in self._objects(phrase)], np.int64)
            self._counts[phrase] = np.bincount(owners, minlength=len(self.pictures)).astype(np.int16)
        return self._counts[phrase]

    def holds(self, number: int, looks: tuple[Look, ...]) -> bool:
        """Whether each look finds as many objects in a picture as it has to, as far as words tell, see `counts`."""
        found: dict[str, Box] = {}
        image = self.pictures[number]
        for look in looks:
            named = self._objects(look.name)
            boxes = [box for obj, box in self._boxes[number].items() if obj in named]
            if look.subject is not None:
                role: Any = look.role
                (related,) = self.oracle.relate([Relate(image, found[look.subject], look.relation, None, role)])
                boxes = [] if isinstance(related, PerceptionError) else [box for box in related if box in boxes]
            if not look.allows(len(boxes)):
                return False
            found[look.variable] = boxes[0]
        return True

    def _objects(self, phrase: str) -> set[int]:
        """The objects that a phrase names."""
        if phrase not in self._named:
            if len(self._named) >= _PHRASES:
                self._named.clear()
            self._named[phrase] = set().union(*(self._read(*reading) for reading in parse_phrase(phrase).readings))
        return self._named[phrase]

    def _read(self, adjectives: tuple[str, ...], noun: str | None) -> set[int]:
        words = [attribute_key(word) for word in adjectives]
        if noun is not None:
            words.append("person" if noun in PRONOUNS else noun)
        holders = [self._holders.get(word, set()) for word in words]
        return set.intersection(*holders) if holders else set(range(len(self._owner)))
