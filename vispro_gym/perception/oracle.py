"""Perception that looks things up in the annotations of the picture instead of looking at pixels.

It answers from `ImageRef.scene` whatever dataset the scene came from. What it cannot know it does not guess: an absent object is
not found, a question whose fact is not annotated has the answer "unknown", and a phrase or question outside its English
(`vispro_gym.perception.language`) is a `PerceptionError`. What a box shows is defined in `vispro_gym.perception.scene_index`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import TypeVar

from vispro_gym.datasets.sample import ImageRef
from vispro_gym.datasets.scene import Box
from vispro_gym.perception.language import (
    MAX_COMPOUND,
    UNKNOWN,
    Question,
    categories_asked,
    forms_in_one_line,
    is_relational_value,
    parse_phrase,
    parse_question,
)
from vispro_gym.perception.protocol import Answer, Depth, Detect, PerceptionError, Relate, Similarity, Verify
from vispro_gym.perception.scene_index import SceneIndex, SceneItem, limited
from vispro_gym.perception.vocabulary import attribute_key, relation_key

_Request = TypeVar("_Request", Detect, Verify, Answer, Similarity, Depth, Relate)
_Result = TypeVar("_Result")

_MAX_SCENES = 1024

# Names of places that say what is underfoot, not where a picture was taken.
_SURFACES = frozenset({"dirt", "floor", "grass", "ground", "pavement", "sand", "snow"})


class OraclePerception:
    """Perception from annotations; needs pictures with a scene.

    Objects come in the order of the dataset's file. One instance may serve any number of scenes; it keeps the indexes of the last
    thousand.
    """

    name = "oracle"
    needs_scenes = True

    def __init__(self) -> None:
        self._indexes: dict[int, SceneIndex] = {}

    def detect(self, requests: Sequence[Detect]) -> list[list[Box] | PerceptionError]:
        """Boxes, as annotated, of the objects that the phrase names."""
        return _each(requests, self._detect)

    def verify(self, requests: Sequence[Verify]) -> list[bool | PerceptionError]:
        """Whether any object of that name has the attribute; False if there is no such object."""
        return _each(requests, self._verify)

    def answer(self, requests: Sequence[Answer]) -> list[str | PerceptionError]:
        """Answers to questions of the forms in `QUESTION_FORMS`."""
        return _each(requests, self._answer)

    def similarity(self, requests: Sequence[Similarity]) -> list[list[float] | PerceptionError]:
        """Share of each text's words that are true of what the box shows, from 0 to 1."""
        return _each(requests, self._similarity)

    def depth(self, requests: Sequence[Depth]) -> list[float | PerceptionError]:
        """Annotated distance of the object, or the median distance of the objects shown."""
        return _each(requests, self._depth)

    def relate(self, requests: Sequence[Relate]) -> list[list[Box] | PerceptionError]:
        """Boxes, as annotated, of the related objects; from positions where a spatial relation is not annotated."""
        return _each(requests, self._relate)

    def _index(self, image: ImageRef) -> SceneIndex:
        scene = image.scene
        if scene is None:
            raise PerceptionError(
                f"The oracle answers from annotations, and picture {image.image_id!r} has none. Use a split with annotated "
                "scenes or another perception."
            )
        index = self._indexes.get(id(scene))
        if index is None:  # the index holds the scene, so that its id stays its own
            while len(self._indexes) >= _MAX_SCENES:
                self._indexes.pop(next(iter(self._indexes)), None)
            index = self._indexes[id(scene)] = SceneIndex(scene)
        return index

    def _detect(self, request: Detect) -> list[Box]:
        index = self._index(request.image)
        named = index.named(request.text)
        if index.is_whole(request.box):
            return [index.items[i].box for i in named]
        return [index.items[i].box for i in named if index.items[i].is_inside(request.box)]

    def _verify(self, request: Verify) -> bool:
        index = self._index(request.image)
        return _holds(index, request.box, index.subjects(request.box, request.name), request.name, request.attribute)

    def _answer(self, request: Answer) -> str:
        index = self._index(request.image)
        question = parse_question(limited(request.question))
        if question is None:
            raise PerceptionError(f"The oracle does not understand {request.question!r}. It understands: {forms_in_one_line()}")
        return _ANSWERS[question.kind](index, request.box, question)

    def _similarity(self, request: Similarity) -> list[float]:
        index = self._index(request.image)
        items = [index.items[i] for i in index.with_box(request.box) or index.shown(request.box)]
        properties = index.properties if index.is_whole(request.box) else frozenset[str]()
        phrases = [parse_phrase(limited(text)) for text in request.texts]
        return [_share(phrase.words, items, properties) if phrase.text else 0.0 for phrase in phrases]

    def _depth(self, request: Depth) -> float:
        index = self._index(request.image)
        for positions in (index.with_box(request.box), index.shown(request.box)):
            depths = [depth for i in positions if (depth := index.items[i].depth) is not None]
            if depths:
                return float(median(depths))
        raise PerceptionError("No depth is annotated for what the box shows. Only some datasets, such as CLEVR, annotate depth.")

    def _relate(self, request: Relate) -> list[Box]:
        index = self._index(request.image)
        relation = relation_key(limited(request.relation))
        subjects: Sequence[int] = index.with_box(request.box)
        if not subjects:
            if index.is_whole(request.box):
                raise PerceptionError(
                    "The whole picture stands in no relation. Find an object first and ask what is related to it."
                )
            subjects = sorted(index.shown(request.box), key=lambda i: -index.items[i].area)[:1]
        found = {i for subject in subjects for i in index.related(subject, relation, request.role)}
        if request.name is not None:
            found &= set(index.named(request.name))
        return [index.items[i].box for i in sorted(found)]


def _each(requests: Sequence[_Request], serve: Callable[[_Request], _Result]) -> list[_Result | PerceptionError]:
    results: list[_Result | PerceptionError] = []
    for request in requests:
        try:
            results.append(serve(request))
        except PerceptionError as error:
            results.append(error)
    return results


def _share(words: Sequence[str], items: Sequence[SceneItem], properties: frozenset[str]) -> float:
    """The largest share of the words that holds for the picture and one of the items."""
    return max((_words_held(words, item, properties) for item in items), default=0) / len(words)


def _words_held(words: Sequence[str], item: SceneItem, properties: frozenset[str]) -> int:
    """How many words hold; names and adjectives may have several words, the longest that hold are taken together."""
    held = start = 0
    while start < len(words):
        for end in range(min(len(words), start + MAX_COMPOUND), start, -1):
            part = " ".join(words[start:end])
            if attribute_key(part) in properties or item.holds(parse_phrase(part)):
                held += end - start
                start = end
                break
        else:
            start += 1
    return held


def _of_picture(name: str) -> bool:
    return name == "" or parse_phrase(limited(name)).text in ("picture", "image", "photo", "scene", "weather")


def _holds(index: SceneIndex, box: Box, items: Sequence[SceneItem], name: str, text: str) -> bool:
    """Whether an adjective, noun or noun phrase is true of one of the items, or of the picture if that is what is asked about."""
    phrase = parse_phrase(limited(text))
    if any(item.holds(phrase) for item in items):
        return True
    if index.is_whole(box) and _of_picture(name) and attribute_key(text) in index.properties:
        return True
    if is_relational_value(phrase.words):
        raise PerceptionError(f"The oracle verifies adjectives and nouns, not {text!r}. For relations ask for related objects.")
    return False


def _splits(question: Question) -> Iterator[tuple[str, str]]:
    """Each way to part subject and value, longest subject first."""
    if question.value:
        yield question.subject, question.value
        return
    words = question.subject.split(" ")
    for end in range(len(words) - 1, 0, -1):
        subject = " ".join(words[:end])
        yield "" if parse_phrase(subject).names_everything else subject, " ".join(words[end:])


def _answer_verify(index: SceneIndex, box: Box, question: Question) -> str:
    for subject, value in _splits(question):
        if items := index.subjects(box, subject):
            return "yes" if _holds(index, box, items, subject, value) else "no"
    _refuse_relations(question)
    return "no"


def _answer_either(index: SceneIndex, box: Box, question: Question) -> str:
    for subject, value in _splits(question):
        if items := index.subjects(box, subject):
            return next((option for option in (value, question.other) if _holds(index, box, items, subject, option)), UNKNOWN)
    _refuse_relations(question)
    return UNKNOWN


def _refuse_relations(question: Question) -> None:
    text = f"{question.subject} {question.value} {question.other}".strip()
    if is_relational_value(text.split(" ")):
        raise PerceptionError(f"The oracle does not understand {text!r}. It understands: {forms_in_one_line()}")


def _answer_count(index: SceneIndex, box: Box, question: Question) -> str:
    shown = index.shown(box)
    return str(sum(i in shown for i in index.named(question.subject)))


def _answer_exists(index: SceneIndex, box: Box, question: Question) -> str:
    shown = index.shown(box)
    return "yes" if any(i in shown for i in index.named(question.subject)) else "no"


def _answer_place(index: SceneIndex, box: Box, question: Question) -> str:
    items = [index.items[i] for i in index.shown(box)]
    places = [item for item in items if question.category in item.kinds and item.lemma not in (_SURFACES | {question.category})]
    return max(places, key=lambda item: item.area).name if places else UNKNOWN


def _answer_attribute(index: SceneIndex, box: Box, question: Question) -> str:
    if index.is_whole(box) and _of_picture(question.subject):
        annotated = index.scene.properties.get(question.category)
        if annotated is not None:
            return annotated
    # The weather is often annotated on the sky.
    subject = "sky" if question.category == "weather" and index.is_whole(box) and not question.subject else question.subject
    for item in index.subjects(box, subject):
        for category in categories_asked(question):
            if values := item.values_of(category):
                return values[0]
    return UNKNOWN


def _answer_name(index: SceneIndex, box: Box, question: Question) -> str:
    if question.category:
        items = index.subjects(box, question.category)
        return max(items, key=lambda item: item.area).name if items else UNKNOWN
    return next((item.name for item in index.subjects(box, question.subject)), UNKNOWN)


_ANSWERS: dict[str, Callable[[SceneIndex, Box, Question], str]] = {
    "attribute": _answer_attribute,
    "count": _answer_count,
    "either": _answer_either,
    "exists": _answer_exists,
    "name": _answer_name,
    "place": _answer_place,
    "verify": _answer_verify,
}
