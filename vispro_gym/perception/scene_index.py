"""One scene, indexed for the oracle: which objects a phrase names, which a box shows, which are related.

What a box shows. The box of an annotated object (rounded to whole pixels) is that object. Any other box shows the objects whose
centre is inside it or of which it covers at least half; the whole picture shows everything. Where one object is needed and the
box is none's, it is the largest of those it shows.
"""

from __future__ import annotations

from collections.abc import Sequence

from vispro_gym.datasets.scene import Box, Scene, SceneObject
from vispro_gym.perception.language import MAX_COMPOUND, MAX_TEXT, PRONOUNS, Phrase, is_relational, parse_phrase
from vispro_gym.perception.protocol import PerceptionError
from vispro_gym.perception.vocabulary import (
    attribute_categories,
    attribute_facts,
    attribute_key,
    category_words,
    implied_attributes,
    kinds,
    lemma,
    plain_names,
    relation_key,
)

_MAX_PHRASES = 512
_INSIDE = 0.5

# Relation -> (opposite, axis, sign): the found object's coordinate on the axis is smaller (-1) or larger (1).
_SPATIAL: dict[str, tuple[str, str, int]] = {
    "to left of": ("to right of", "x", -1),
    "to right of": ("to left of", "x", 1),
    "above": ("below", "y", -1),
    "below": ("above", "y", 1),
    "in front of": ("behind", "depth", -1),
    "behind": ("in front of", "depth", 1),
}
_GENDER_OF_OTHERS = {"he": "female", "she": "male"}


class SceneItem:
    """An annotated object with what follows from its annotation.

    Attributes:
        name: The name as annotated.
        box: The box as annotated.
        depth: The depth as annotated.
        lemma: Lemma of its name.
        kinds: Lemmas of its name and of everything that it is.
        facts: Keys of the adjectives that hold.
        attributes: `(adjective, key)` in the order in which they answer questions: annotated ones, then implied ones.
        area: Area of the box in square pixels.
        centre: Centre of the box.
    """

    __slots__ = ("_values", "area", "attributes", "box", "centre", "depth", "facts", "kinds", "lemma", "name")

    def __init__(self, obj: SceneObject) -> None:
        left, top, right, bottom = self.box = obj.box
        self.name = obj.name
        self.depth = obj.depth
        self.area = (right - left) * (bottom - top)
        self.centre = ((left + right) / 2, (top + bottom) / 2)
        self.lemma = lemma(obj.name)
        self.kinds = kinds(obj.name)
        self.facts = attribute_facts(obj.name, obj.attributes)
        self.attributes = tuple((attribute, attribute_key(attribute)) for attribute in obj.attributes) + tuple(
            (attribute, attribute) for attribute in implied_attributes(obj.name)
        )
        self._values: dict[str, tuple[str, ...]] = {}

    def is_called(self, noun: str | None) -> bool:
        """Whether a lemma (None: any) or a pronoun may name the object."""
        if noun is None or noun in self.kinds:
            return True
        if noun in PRONOUNS:
            return "person" in self.kinds and _GENDER_OF_OTHERS.get(noun) not in self.facts
        return False

    def has_all(self, words: Sequence[str]) -> bool:
        """Whether the words are a sequence of adjectives that hold ("dark blue long sleeved"); True of no words."""
        reachable = [True]  # reachable[i]: the first i words are such a sequence
        for end in range(1, len(words) + 1):
            starts = range(max(0, end - MAX_COMPOUND), end)
            reachable.append(
                any(reachable[start] and attribute_key(" ".join(words[start:end])) in self.facts for start in starts)
            )
        return reachable[-1]

    def matches(self, phrase: Phrase, plain: frozenset[str] = frozenset()) -> bool:
        """Whether a noun phrase names the object, in any of its readings; nouns in `plain` name only what is called just that."""
        return any(
            (self.lemma == noun if noun in plain else self.is_called(noun)) and self.has_all(adjectives)
            for adjectives, noun in phrase.readings
        )

    def holds(self, phrase: Phrase) -> bool:
        """Whether adjectives, a noun or a noun phrase are true of the object."""
        return self.matches(phrase) or self.has_all(phrase.words)

    def is_inside(self, box: Box) -> bool:
        """Whether the centre is inside the box or at least half of the object's own box is."""
        x, y = self.centre
        left, top, right, bottom = box
        if left <= x <= right and top <= y <= bottom:
            return True
        own_left, own_top, own_right, own_bottom = self.box
        width, height = min(right, own_right) - max(left, own_left), min(bottom, own_bottom) - max(top, own_top)
        return width > 0 and height > 0 and width * height >= _INSIDE * self.area

    def values_of(self, category: str) -> tuple[str, ...]:
        """Adjectives of a category that hold, as annotated, annotated ones first."""
        if category not in self._values:
            keys = attribute_categories()[category]
            self._values[category] = tuple(attribute for attribute, key in self.attributes if key in keys)
        return self._values[category]


class SceneIndex:
    """One scene, indexed for look-ups. Objects are meant by their positions in file order.

    Attributes:
        scene: The scene; held so that its identity stays its own while the index lives.
        items: Its objects in file order.
        properties: Keys of the facts on the picture as a whole.
        relations: Keys of the relations that are annotated somewhere in the scene.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.items = [SceneItem(obj) for obj in scene.objects.values()]
        self._whole = (0, 0, scene.width, scene.height)
        self.properties = frozenset(attribute_key(value) for value in scene.properties.values())
        self._plain = plain_names() & {item.lemma for item in self.items}
        self._phrases: dict[str, tuple[int, ...]] = {}
        self._by_box: dict[tuple[int, ...], list[int]] = {}
        for i, item in enumerate(self.items):
            for corners in {_rounded(item.box), _rounded(self._clipped(item.box))}:
                self._by_box.setdefault(corners, []).append(i)
        position = {object_id: i for i, object_id in enumerate(scene.objects)}
        # (subject, relation) -> objects and (object, relation) -> subjects.
        self._objects: dict[tuple[int, str], list[int]] = {}
        self._subjects: dict[tuple[int, str], list[int]] = {}
        self.relations: set[str] = set()
        for subject, obj in enumerate(scene.objects.values()):
            for relation, other in obj.relations:
                key = relation_key(relation)
                self.relations.add(key)
                self._objects.setdefault((subject, key), []).append(position[other])
                self._subjects.setdefault((position[other], key), []).append(subject)

    def _clipped(self, box: Box) -> Box:
        left, top, right, bottom = box
        width, height = self.scene.width, self.scene.height
        return max(0, left), max(0, top), min(width, right), min(height, bottom)

    def matching(self, text: str) -> tuple[int, ...]:
        """Positions of all objects that a phrase names, in file order.

        Where something is called "glass", "glass" does not name a wine glass (`vocabulary.plain_names`).
        """
        found = self._phrases.get(text)
        if found is None:
            phrase = parse_phrase(limited(text))
            found = tuple(i for i, item in enumerate(self.items) if item.matches(phrase, self._plain))
            if len(self._phrases) >= _MAX_PHRASES:
                self._phrases.clear()
            self._phrases[text] = found
        return found

    def named(self, text: str) -> tuple[int, ...]:
        """Like `matching`.

        Raises:
            PerceptionError: If the phrase names nothing and says how things relate, which only `Relate` answers.
        """
        found = self.matching(text)
        if not found and is_relational(parse_phrase(text).words):
            raise PerceptionError(
                f'The oracle finds objects by a noun with adjectives in front ("small red cup"), not by {text!r}. '
                "For relations between objects ask for related objects."
            )
        return found

    def is_whole(self, box: Box) -> bool:
        """Whether the box is the whole picture."""
        return _rounded(box) == self._whole

    def with_box(self, box: Box) -> Sequence[int]:
        """Objects whose box this is."""
        return self._by_box.get(_rounded(box), ())

    def shown(self, box: Box) -> Sequence[int]:
        """Objects that a box shows, in file order."""
        if self.is_whole(box):
            return range(len(self.items))
        return [i for i, item in enumerate(self.items) if item.is_inside(box)]

    def subjects(self, box: Box, name: str) -> list[SceneItem]:
        """The objects that a request on `name` in a box is about; those whose box it is go before those it shows."""
        exact = self.with_box(box)
        phrase = parse_phrase(limited(name))
        if phrase.names_everything:
            if exact:
                return [self.items[i] for i in exact]
            shown = self.shown(box)
            return [self.items[max(shown, key=lambda i: self.items[i].area)]] if shown else []
        found = [i for i in exact if self.items[i].matches(phrase)]
        if not found and (matching := self.matching(name)):
            shown = self.shown(box)
            found = [i for i in matching if i in shown]
        return [self.items[i] for i in found]

    def related(self, subject: int, relation: str, role: str) -> list[int]:
        """Positions of objects related to one object."""
        if relation.startswith("same "):
            return self._same(subject, relation.removeprefix("same ").removesuffix(" as"))
        edges = self._subjects if role == "subject" else self._objects
        if relation in self.relations or not self._by_geometry(relation):
            return edges.get((subject, relation), [])
        _, axis, sign = _SPATIAL[relation]
        here = self._coordinate(subject, axis)
        sign = sign if role == "subject" else -sign
        return [i for i in range(len(self.items)) if i != subject and sign * (self._coordinate(i, axis) - here) > 0]

    def _by_geometry(self, relation: str) -> bool:
        """Whether a relation that is not annotated in this scene follows from where things are.

        Where a dataset annotates relations at large (anything beyond the six spatial ones), a missing edge above, below, in
        front of or behind means that the relation does not hold. Left and right are annotated for some pairs only, and always as
        the boxes say.

        Raises:
            PerceptionError: If it is no spatial relation and the scene has no relations at all.
        """
        if relation not in _SPATIAL:
            if not self.relations:
                raise PerceptionError(
                    f"This picture has no annotated relations, so the oracle cannot tell what is {relation!r}. It knows by "
                    "position what is to the left of, to the right of, above, below, in front of, behind; by attribute what has "
                    "the same color, same material and so on."
                )
            return False
        opposite, axis, _ = _SPATIAL[relation]
        if opposite in self.relations or (axis != "x" and self.relations - _SPATIAL.keys()):
            return False
        return axis != "depth" or not self.relations or any(item.depth is not None for item in self.items)

    def _coordinate(self, i: int, axis: str) -> float:
        item = self.items[i]
        if axis != "depth":
            return item.centre[0 if axis == "x" else 1]
        if item.depth is None:
            raise PerceptionError("This picture has neither annotated depths nor annotated relations in front of and behind.")
        return item.depth

    def _same(self, subject: int, word: str) -> list[int]:
        if word in ("type", "kind", "species", "name"):
            mine = self.items[subject].lemma
            return [i for i, item in enumerate(self.items) if i != subject and item.lemma == mine]
        category = category_words().get(word)
        if category is None:
            raise PerceptionError(
                f"The oracle does not know the relation 'same {word}'. It knows: same {', same '.join(attribute_categories())}."
            )
        values = {attribute_key(value) for value in self.items[subject].values_of(category)}
        return [
            i
            for i, item in enumerate(self.items)
            if i != subject and any(attribute_key(value) in values for value in item.values_of(category))
        ]


def limited(text: str) -> str:
    """The text, if it is short enough to be looked at.

    Raises:
        PerceptionError: If it is longer than `MAX_TEXT` characters.
    """
    if len(text) > MAX_TEXT:
        raise PerceptionError(f"A text of {len(text)} characters was given. Expected at most {MAX_TEXT}.")
    return text


def _rounded(box: Box) -> tuple[int, ...]:
    return round(box[0]), round(box[1]), round(box[2]), round(box[3])
