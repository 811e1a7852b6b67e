"""Questions of the mini CLEVR data: a small grammar, checked for sense and balanced over answers.

One grammar rule writes one family of questions. A rule composes the functional program and the sentence side by side, drawing
random parts. The program is executed as it grows, so a rule sees what its parts refer to and gives up (`ProgramError`) when a
question would make no sense: a reference that is not unique, a relation that adds nothing, a comparison that is decided by logic.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from itertools import combinations
from random import Random
from typing import Any

from vispro_gym.datasets.mini.clevr.programs import ATTRIBUTES, Description, Program, ProgramError, matches
from vispro_gym.datasets.mini.clevr.scenes import RELATIONS
from vispro_gym.datasets.mini.clevr.wording import clause, noun_phrase, place, sentence

_ATTEMPTS = 6  # drafts of a rule on one picture


class _Looks:
    """The descriptions that fit each object of a scene, the shortest first, and what else they fit.

    Attributes:
        options: For each object its `(attribute names, description, positions of all fitting objects)`.
    """

    def __init__(self, things: Sequence[Mapping[str, Any]]) -> None:
        subsets = [names for size in range(len(ATTRIBUTES) + 1) for names in combinations(ATTRIBUTES, size)]
        self.options: list[list[tuple[frozenset[str], Description, frozenset[int]]]] = []
        for thing in things:
            described = [(frozenset(names), {name: thing[name] for name in names}) for names in subsets]
            self.options.append(
                [
                    (names, description, frozenset(i for i, other in enumerate(things) if matches(other, description)))
                    for names, description in described
                ]
            )


class _Draft:
    """One question being written about one scene.

    Args:
        scene: The scene record.
        looks: The descriptions of its objects.
        rng: Source of all choices.
        attribute: The attribute that the question is about, if its family is about one.
    """

    def __init__(self, scene: Mapping[str, Any], looks: _Looks, rng: Random, attribute: str) -> None:
        self.things: list[Mapping[str, Any]] = scene["objects"]
        self.looks = looks
        self.rng = rng
        self.attribute = attribute
        self.program = Program(scene)
        self.mentioned: list[int] = []

    def result(self, node: int) -> Any:
        """What a node of the program returns."""
        return self.program.results[node]

    def one(self, hops: int, unsaid: Collection[str] = ()) -> tuple[int, str]:
        """Refers to a single object, by its looks and `hops` relations to further objects.

        Args:
            hops: Number of relations.
            unsaid: Attributes that must not be told of the object itself, because the question asks for them.

        Returns:
            The program node and the words: `(5, "the ball behind the red cube")`.
        """
        if hops == 0:
            return self.single(self.program.add("scene"), None, unsaid)
        anchor, words = self.one(hops - 1)
        relation = self.rng.choice(RELATIONS)
        pool = self.program.add("relate", anchor, value=relation)
        return self.single(pool, clause(self.rng, place(self.rng, relation, words)), unsaid)

    def single(self, pool: int, where: str | None, unsaid: Collection[str] = ()) -> tuple[int, str]:
        """Picks one object of a set and describes it so that the set has no other of that description.

        If a clause `where` tells what the set is, the description alone must fit further objects of the scene: otherwise there
        would be no need to understand the clause.
        """
        members = [i for i in self.result(pool) if i not in self.mentioned]
        if not members:
            raise ProgramError("Expected a set with an object that was not yet mentioned.")
        target = self.rng.choice(members)
        pool_members = frozenset(self.result(pool))
        options = [
            description
            for names, description, fitting in self.looks.options[target]
            if len(fitting & pool_members) == 1 and (where is None or len(fitting) > 1) and names.isdisjoint(unsaid)
        ]
        if not options:
            raise ProgramError("Expected an object that can be described.")
        description = self.rng.choice([option for option in options if len(option) <= len(options[0]) + 1])
        self.mentioned.append(target)
        node = self.program.add("unique", self.program.filter(pool, description))
        noun = noun_phrase(self.rng, description)
        return node, f"the {noun}" if where is None else f"the {noun} {where}"

    def description(self, fewest: int, most: int, unsaid: Collection[str] = ()) -> Description:
        """Values of some attributes, mostly of one object, sometimes mixed from two."""
        names = [name for name in ATTRIBUTES if name not in unsaid]
        chosen = self.rng.sample(names, self.rng.randint(fewest, most))
        first, second = self.rng.choice(self.things), self.rng.choice(self.things)
        mixed = self.rng.random() < 0.4
        return {name: (second if mixed and i else first)[name] for i, name in enumerate(chosen)}

    def require_fitting(self, description: Description) -> None:
        """Gives up unless an object that was not yet mentioned fits the description."""
        if not any(matches(thing, description) for i, thing in enumerate(self.things) if i not in self.mentioned):
            raise ProgramError("Expected a description that fits an object.")

    def many(self, description: Description, hops: int) -> tuple[int, str]:
        """A set of objects and its plural: `(3, "red cubes")`, `(7, "red cubes behind the ball")`."""
        noun = noun_phrase(self.rng, description, plural=True)
        if hops == 0:
            return self.program.filter(self.program.add("scene"), description), noun
        anchor, words = self.one(hops - 1)
        self.require_fitting(description)
        relation = self.rng.choice(RELATIONS)
        related = self.program.add("relate", anchor, value=relation)
        return self.program.filter(related, description), f"{noun} {place(self.rng, relation, words)}"

    def nouns(self, description: Description) -> dict[str, str]:
        """The description in singular and plural."""
        singular = noun_phrase(self.rng, description)
        return {"singular": singular, "plural": f"{singular}s"}

    def both_places(self) -> tuple[int, str, str]:
        """The objects that stand in two relations to two objects, neither of which implies the other."""
        nodes, words = [], []
        for _ in range(2):
            anchor, name = self.one(0)
            relation = self.rng.choice(RELATIONS)
            nodes.append(self.program.add("relate", anchor, value=relation))
            words.append(place(self.rng, relation, name))
        self.require_overlap(*nodes)
        return self.program.add("intersect", *nodes), words[0], words[1]

    def require_overlap(self, first: int, second: int) -> None:
        """Gives up if one of two sets holds the other."""
        a, b = set(self.result(first)), set(self.result(second))
        if a <= b or b <= a:
            raise ProgramError("Expected two sets of which neither holds the other.")


def _count_or_exist(draft: _Draft, function: str, hops: int) -> str:
    description = draft.description(1 if function == "exist" or not hops else 0, 2)
    if hops == 0:
        draft.program.add(function, draft.program.filter(draft.program.add("scene"), description))
        return sentence(draft.rng, function, **draft.nouns(description))
    anchor, words = draft.one(hops - 1)
    draft.require_fitting(description)
    relation = draft.rng.choice(RELATIONS)
    draft.program.add(function, draft.program.filter(draft.program.add("relate", anchor, value=relation), description))
    return sentence(draft.rng, f"{function}_related", place=place(draft.rng, relation, words), **draft.nouns(description))


def _query(draft: _Draft, hops: int) -> str:
    node, words = draft.one(hops, unsaid=[draft.attribute])
    return _ask(draft, node, words)


def _ask(draft: _Draft, node: int, words: str) -> str:
    draft.program.add(f"query_{draft.attribute}", node)
    return sentence(draft.rng, f"query_{draft.attribute}", it=words)


def _same(draft: _Draft, function: str) -> str:
    anchor, words = draft.one(draft.rng.randint(0, 1), unsaid=[draft.attribute])
    description = draft.description(0, 1, unsaid=[draft.attribute])
    draft.require_fitting(description)
    same = draft.program.add(f"same_{draft.attribute}", anchor)
    draft.program.add(function, draft.program.filter(same, description))
    return sentence(draft.rng, f"same_{function}", attribute=draft.attribute, it=words, **draft.nouns(description))


def _same_query(draft: _Draft) -> str:
    """Asks one attribute of the only other object that agrees with a first one in another attribute."""
    shared = draft.rng.choice([name for name in ATTRIBUTES if name != draft.attribute])
    anchor, words = draft.one(draft.rng.randint(0, 1), unsaid=[shared])
    pool = draft.program.add(f"same_{shared}", anchor)
    return _ask(draft, *draft.single(pool, f"that matches {words} in {shared}", unsaid=[shared, draft.attribute]))


def _equal_attribute(draft: _Draft, hops: int) -> str:
    first, first_words = draft.one(0, unsaid=[draft.attribute])
    second, second_words = draft.one(hops, unsaid=[draft.attribute])
    values = [draft.program.add(f"query_{draft.attribute}", node) for node in (first, second)]
    draft.program.add(f"equal_{draft.attribute}", *values)
    return sentence(draft.rng, "equal", first=first_words, second=second_words, attribute=draft.attribute)


def _compare_counts(draft: _Draft, function: str) -> str:
    """Compares two sets that differ in the value of one attribute, so that neither can hold the other."""
    attribute = draft.rng.choice(ATTRIBUTES)
    values = sorted({thing[attribute] for thing in draft.things})
    if len(values) < 2:
        raise ProgramError("Expected objects that differ.")
    extra = draft.description(0, 1, unsaid=[attribute])
    nodes, words = [], []
    for value in draft.rng.sample(values, 2):
        node, plural = draft.many({**extra, attribute: value}, draft.rng.choice((0, 0, 1)))
        nodes.append(node)
        words.append(plural)
    if not any(draft.result(node) for node in nodes):
        raise ProgramError("Expected a set that is not empty.")
    draft.program.add(function, *[draft.program.add("count", node) for node in nodes])
    return sentence(draft.rng, function, first=words[0], second=words[1])


def _union(draft: _Draft) -> str:
    first, first_words = draft.many(draft.description(1, 2), 0)
    second, second_words = draft.many(draft.description(1, 2), draft.rng.randint(0, 1))
    draft.require_overlap(first, second)
    draft.program.add("count", draft.program.add("union", first, second))
    return sentence(draft.rng, "union", first=first_words, second=second_words)


def _intersect(draft: _Draft, function: str) -> str:
    both, first, second = draft.both_places()
    description = draft.description(0 if function == "count" else 1, 1)
    draft.require_fitting(description)
    draft.program.add(function, draft.program.filter(both, description))
    return sentence(draft.rng, f"intersect_{function}", first=first, second=second, **draft.nouns(description))


def _intersect_query(draft: _Draft) -> str:
    both, first, second = draft.both_places()
    return _ask(draft, *draft.single(both, f"that is both {first} and {second}", unsaid=[draft.attribute]))


FAMILIES: tuple[Callable[[_Draft], str], ...] = (
    *[partial(_count_or_exist, function="count", hops=hops) for hops in range(4)],
    *[partial(_count_or_exist, function="exist", hops=hops) for hops in range(4)],
    *[partial(_query, hops=hops) for hops in range(4)],
    partial(_same, function="count"),
    partial(_same, function="exist"),
    _same_query,
    *[partial(_equal_attribute, hops=hops) for hops in range(2)],
    *[partial(_compare_counts, function=function) for function in ("equal_integer", "less_than", "greater_than")],
    _union,
    partial(_intersect, function="count"),
    partial(_intersect, function="exist"),
    _intersect_query,
)
"""One rule per family; the position is the `question_family_index`."""


class QuestionWriter:
    """Writes the questions of one split, keeping families and answers in balance.

    The next question comes from the family that was used least and is possible on the picture; of several drafts the one with the
    family's rarest answer is kept. A "yes" is kept only if the family has no more "yes" than "no" so far, and the reverse.
    """

    def __init__(self) -> None:
        self._families: Counter[int] = Counter()
        self._answers: Counter[tuple[int, str]] = Counter()

    def write(self, scene: Mapping[str, Any], rng: Random, count: int) -> list[dict[str, Any]]:
        """Writes `count` different questions about a scene record, without their `question_index`."""
        looks = _Looks(scene["objects"])
        records: list[dict[str, Any]] = []
        while len(records) < count:
            order = sorted(range(len(FAMILIES)), key=lambda family: (self._families[family], rng.random()))
            taken = {record["question"] for record in records}
            drafts = (self._best(scene, looks, rng, family, taken) for family in order)
            records.append(next(record for record in drafts if record is not None))
        return records

    def _best(self, scene: Mapping[str, Any], looks: _Looks, rng: Random, family: int, taken: set[str]) -> dict[str, Any] | None:
        attribute = ATTRIBUTES[self._families[family] % len(ATTRIBUTES)]
        best: tuple[int, str, Program] | None = None
        for _ in range(_ATTEMPTS):
            draft = _Draft(scene, looks, rng, attribute)
            try:
                question = FAMILIES[family](draft)
            except ProgramError:
                continue
            answer = draft.program.answer
            used = self._answers[family, answer]
            opposite = {"yes": "no", "no": "yes"}.get(answer)
            if question in taken or (opposite is not None and used > self._answers[family, opposite]):
                continue
            if best is None or used < best[0]:
                best = (used, question, draft.program)
            if opposite is not None:
                break
        if best is None:
            return None
        _, question, program = best
        self._families[family] += 1
        self._answers[family, program.answer] += 1
        return {
            "image_index": scene["image_index"],
            "image_filename": scene["image_filename"],
            "question_family_index": family,
            "split": scene["split"],
            "question": question,
            "answer": program.answer,
            "program": program.nodes,
        }
