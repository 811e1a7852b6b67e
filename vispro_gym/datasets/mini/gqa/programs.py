"""GQA's functional programs: how they are written, and a strict interpreter over scene graphs that computes the answers.

The interpreter is deliberately severe: wherever a question says "the", exactly one object must fit, and facts that a person
could argue about (left or right of a thing near the middle, a lamp among floor lamps) are refused. A program that it refuses
is simply not asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from vispro_gym.datasets.mini.gqa.catalogue import ATTRIBUTE_CATEGORY, PLACES, category, related

CLEAR_MARGIN = 0.12
"""Left, right, top and bottom are told only of things at least this far off the middle, as a fraction of the picture."""
MALE = ("man", "boy")


class Undecidable(Exception):
    """The program has no certain answer in this picture."""


class Step(NamedTuple):
    """One operation.

    Attributes:
        operation: For example "filter color".
        argument: For example "red" or "cup (12)".
        dependencies: Indices of the steps whose results it takes.
    """

    operation: str
    argument: str
    dependencies: tuple[int, ...] = ()


Program = tuple[Step, ...]


def join(*programs: Program) -> Program:
    """The programs one after the other, with their dependencies moved accordingly."""
    steps: list[Step] = []
    for program in programs:
        start = len(steps)
        steps += [step._replace(dependencies=tuple(index + start for index in step.dependencies)) for step in program]
    return tuple(steps)


def then(program: Program, operation: str, argument: str = "") -> Program:
    """The program with one more step that takes its result."""
    return (*program, Step(operation, argument, (len(program) - 1,)))


def both(first: Program, second: Program, operation: str, argument: str = "") -> Program:
    """Two programs and a step that takes the results of both."""
    return (*join(first, second), Step(operation, argument, (len(first) - 1, len(first) + len(second) - 1)))


def semantic(program: Program) -> list[dict[str, Any]]:
    """The program in the form of GQA's field `semantic`."""
    return [{"operation": step.operation, "dependencies": list(step.dependencies), "argument": step.argument} for step in program]


def semantic_str(program: Program) -> str:
    """The program in the form of GQA's field `semanticStr`."""
    parts = []
    for step in program:
        tail = f" [{', '.join(map(str, step.dependencies))}]" if step.dependencies else ""
        parts.append(f"{step.operation}: {step.argument}{tail}")
    return "->".join(parts)


def bare(argument: str) -> str:
    """An argument without the object ids in parentheses: "cup (12)" -> "cup"."""
    return argument.partition(" (")[0]


Value = list[str] | bool | str


class Interpreter:
    """Runs programs over one scene graph.

    Args:
        graph: A record of GQA's scene graph files.
    """

    def __init__(self, graph: dict[str, Any]) -> None:
        self.graph = graph
        self.objects: dict[str, dict[str, Any]] = graph["objects"]
        self.things = [key for key, value in self.objects.items() if value["name"] not in PLACES]
        self._nouns = {key: (str(self.objects[key]["name"]), category(self.objects[key]["name"])) for key in self.things}
        self._fitting: dict[str, tuple[set[str], set[str]]] = {}
        self._values: dict[tuple[str, str], str] = {}
        for key in self.things:
            if self.objects[key]["name"] in ("boy", "girl"):
                self._values[key, "age"] = "young"
            for value in self.objects[key]["attributes"]:
                self._values[key, ATTRIBUTE_CATEGORY[value]] = value
        self._targets: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._sources: dict[tuple[str, str], list[str]] = defaultdict(list)
        for key in self.things:
            for edge in self.objects[key]["relations"]:
                self._targets[key, edge["name"]].append(edge["object"])
                self._sources[edge["object"], edge["name"]].append(key)

    def attribute(self, key: str, wanted: str) -> str | None:
        """The object's value of an attribute category, None if it has none."""
        return self._values.get((key, wanted))

    def called(self, keys: Sequence[str], name: str) -> list[str]:
        """Those of the objects that a name or category fits.

        Raises:
            Undecidable: If speakers would not agree on one of them.
        """
        if name == "_":
            return list(keys)
        if name not in self._fitting:
            fitting = {key for key in self.things if name in self._nouns[key]}
            doubtful = {key for key in self.things if name in related(self._nouns[key][0])} - fitting
            self._fitting[name] = fitting, doubtful
        fitting, doubtful = self._fitting[name]
        if not doubtful.isdisjoint(keys):
            raise Undecidable(f"Somebody might call one of them a {name}, somebody else might not.")
        return [key for key in keys if key in fitting]

    def side(self, key: str, axis: str) -> str:
        """On which side of the picture an object is: "left" or "right" (axis "h"), "top" or "bottom" (axis "v").

        Raises:
            Undecidable: If it is near the middle.
        """
        thing = self.objects[key]
        if axis == "h":
            center, words = (thing["x"] + thing["w"] / 2) / self.graph["width"], ("left", "right")
        else:
            center, words = (thing["y"] + thing["h"] / 2) / self.graph["height"], ("top", "bottom")
        if abs(center - 0.5) < CLEAR_MARGIN:
            raise Undecidable(f"The {thing['name']} is in the middle.")
        return words[center > 0.5]

    def targets(self, key: str, relation: str) -> list[str]:
        """The objects that an object points at with a relation."""
        return self._targets.get((key, relation), [])

    def neighbors(self, key: str, relation: str, name: str, role: str) -> list[str]:
        """The objects called so that are subjects (role "s") or objects (role "o") of a relation with an object."""
        if relation.startswith("same "):
            value = self._one(key, relation.removeprefix("same "))
            wanted = relation.removeprefix("same ")
            found = [other for other in self.things if other != key and self.attribute(other, wanted) == value]
        elif role == "o":
            found = self.targets(key, relation)
        else:
            found = self._sources.get((key, relation), [])
        return self.called(found, name)

    def run(self, program: Program) -> tuple[str, list[Value]]:
        """Run a program.

        Returns:
            The answer as GQA writes it, and the result of every step.

        Raises:
            Undecidable: If the answer is not certain.
        """
        values: list[Value] = []
        for step in program:
            values.append(self._step(step, [values[index] for index in step.dependencies]))
        answer = values[-1]
        if isinstance(answer, list):
            raise ValueError(f"A program must end in an answer, not in objects: {semantic_str(program)}")
        return {True: "yes", False: "no"}[answer] if isinstance(answer, bool) else answer, values

    def _step(self, step: Step, inputs: list[Any]) -> Value:
        operation, _, detail = step.operation.partition(" ")
        argument = bare(step.argument)
        if operation == "select":
            return ["scene"] if argument == "scene" else self.called(self.things, argument)
        if operation == "filter":
            return [key for key in inputs[0] if self._holds(key, detail, argument)]
        if operation == "relate":
            name, relation, role = argument.split(",")
            return self.neighbors(self._the(inputs[0]), relation, name, role)
        if operation == "exist":
            return bool(inputs[0])
        if operation == "and":
            return bool(inputs[0] and inputs[1])
        if operation == "or":
            return bool(inputs[0] or inputs[1])
        if operation == "verify":
            return self._verify(self._the(inputs[0]), detail, argument)
        if operation == "query":
            return self._query(self._the(inputs[0]), argument)
        if operation == "choose":
            return self._choose(inputs, detail, argument)
        if operation in ("same", "different"):
            return self._alike(inputs, detail or argument) == (operation == "same")
        if operation == "common":
            return self._common(self._the(inputs[0]), self._the(inputs[1]))
        raise ValueError(f"Unknown operation {step.operation!r}.")

    @staticmethod
    def _the(keys: list[str]) -> str:
        if len(keys) != 1:
            raise Undecidable(f"{len(keys)} objects fit a definite description.")
        return keys[0]

    def _one(self, key: str, wanted: str) -> str:
        value = self.attribute(key, wanted)
        if value is None:
            raise Undecidable(f"The {self.objects[key]['name']} has no annotated {wanted}.")
        return value

    def _holds(self, key: str, detail: str, argument: str) -> bool:
        """Whether an attribute holds; False is certain only if another value of its category is annotated."""
        negated = argument.startswith("not(")
        value = argument[4:-1] if negated else argument
        if detail in ("hposition", "vposition"):
            return (self.side(key, detail[0]) == value) != negated
        wanted = ATTRIBUTE_CATEGORY[value]
        own = self.attribute(key, wanted)
        if own is None and (negated or wanted in ("age", "size", "height")):
            raise Undecidable(f"The {self.objects[key]['name']} has no annotated {wanted or 'state'}.")
        return (own == value) != negated

    def _verify(self, key: str, detail: str, argument: str) -> bool:
        if detail == "rel":
            name, relation, role = argument.split(",")
            return bool(self.neighbors(key, relation, name, role))
        if key == "scene":
            return self._scene(detail) == argument
        return self._holds(key, detail, argument)

    def _scene(self, what: str) -> str:
        if what in ("location", "weather"):
            if what not in self.graph:
                raise Undecidable(f"The picture has no {what}.")
            return str(self.graph[what])
        place = next(value["name"] for value in self.objects.values() if value["name"] in PLACES)
        if PLACES[place] != what:
            raise Undecidable(f"The picture shows a {PLACES[place]}, not a {what}.")
        return str(place)

    def _query(self, key: str, what: str) -> str:
        if key == "scene":
            return self._scene(what)
        if what == "name":
            return str(self.objects[key]["name"])
        if what in ("hposition", "vposition"):
            return self.side(key, what[0])
        return self._one(key, what)

    def _choose(self, inputs: list[list[str]], detail: str, argument: str) -> str:
        if len(inputs) == 2:
            return self._compare(self._the(inputs[0]), self._the(inputs[1]), detail)
        key = self._the(inputs[0])
        if detail == "rel":
            name, relations, role = argument.split(",")
            fitting = [relation for relation in relations.split("|") if self.neighbors(key, relation, name, role)]
            if len(fitting) != 1:
                raise Undecidable(f"{len(fitting)} of the relations hold.")
            return fitting[0].removeprefix("to the ").removesuffix(" of")
        options = argument.split("|")
        own = self._query(key, detail)
        if own not in options or (detail == "name" and not set(options).isdisjoint(related(own))):
            raise Undecidable(f"{own} is not one and only one of {options}.")
        return own

    def _compare(self, first: str, second: str, how: str) -> str:
        """The name of that one of two objects which is older, younger, taller, shorter, larger or smaller."""
        names = [self._nouns[key][0] for key in (first, second)]
        if how in ("older", "younger"):
            ages = [self._one(key, "age") for key in (first, second)]
            if ages[0] == ages[1]:
                raise Undecidable("They are of the same age.")
            return names[ages.index("old" if how == "older" else "young")]
        what, big, little = ("height", "tall", "short") if how in ("taller", "shorter") else ("size", "large", "small")
        boxes = [self.objects[key] for key in (first, second)]
        extents = [box["h"] if what == "height" else box["w"] * box["h"] for box in boxes]
        if max(extents) < 1.5 * min(extents):
            raise Undecidable("Their sizes are too much alike.")
        largest = extents.index(max(extents))
        keys = (first, second)
        if self.attribute(keys[largest], what) == little or self.attribute(keys[1 - largest], what) == big:
            raise Undecidable("A small elephant is larger than a large dog, but who is to say.")
        return names[largest if how in ("taller", "larger") else 1 - largest]

    def _alike(self, inputs: list[list[str]], what: str) -> bool:
        """Whether two objects share a value, or all of several have the same gender or type."""
        if len(inputs) == 2:
            return self._one(self._the(inputs[0]), what) == self._one(self._the(inputs[1]), what)
        names = [self._nouns[key][0] for key in inputs[0]]
        if len(names) < 2:
            raise Undecidable("There is only one of them.")
        if what == "gender":
            return len({name in MALE for name in names}) == 1
        if any(other in related(name) for name in names for other in names):
            raise Undecidable("Some would call one of them by the other's name.")
        return len(set(names)) == 1

    def _common(self, first: str, second: str) -> str:
        shared = []
        for what in ("color", "material", "shape"):
            value = self.attribute(first, what)
            if value is not None and value == self.attribute(second, what):
                shared.append(what)
        if len(shared) != 1:
            raise Undecidable(f"They have {len(shared)} things in common.")
        return shared[0]
