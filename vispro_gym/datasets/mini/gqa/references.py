"""How questions refer to things: noun phrases with the program that finds what they mean, and the grammar around them.

Phrases carry marks like `{12|red cup}`, which tell which words stand for which object; `unmark` turns them into plain text and
GQA's word annotations.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random
from typing import Any

from vispro_gym.datasets.mini.gqa.catalogue import ALWAYS_PLURAL, ATTRIBUTE_CATEGORY, PLACES, category
from vispro_gym.datasets.mini.gqa.programs import Interpreter, Program, Step, Undecidable, then

_MARK = re.compile(r"\{(\d+)\|([^}]*)\}")
ADJECTIVES = {"wood": "wooden"}
"""Attributes that read differently before a noun."""
LINKED = {
    "holding": "that is holding the",
    "wearing": "that is wearing the",
    "sitting on": "that is sitting on the",
    "lying on": "that is lying on the",
    "on": "on the",
    "under": "under the",
    "above": "above the",
    "below": "below the",
    "in": "in the",
    "to the left of": "to the left of the",
    "to the right of": "to the right of the",
}
"""Relations between two nouns."""


def unmark(text: str) -> tuple[str, dict[str, str]]:
    """Plain text, and the object ids by word position ("3", or "3:5" for several words)."""
    positions = {}
    plain = ""
    end = 0
    for match in _MARK.finditer(text):
        plain += text[end : match.start()]
        start = len(plain.split())
        words = len(match[2].split())
        positions[str(start) if words == 1 else f"{start}:{start + words}"] = match[1]
        plain += match[2]
        end = match.end()
    return plain + text[end:], positions


def article(noun: str) -> str:
    """The noun with "a" or "an", or alone if it is a plural."""
    last = re.sub(r"[{}]|\d+\|", "", noun)
    if last in ALWAYS_PLURAL or last.split()[-1] in ALWAYS_PLURAL:
        return noun
    return f"{'an' if last[0] in 'aeiou' else 'a'} {noun}"


def be(name: str) -> str:
    """The verb that goes with a name: "is" or "are"."""
    return "are" if name in ALWAYS_PLURAL else "is"


def operation(prefix: str, value: str) -> str:
    """The operation on the category of a value: ("filter", "red") -> "filter color"."""
    return f"{prefix} {ATTRIBUTE_CATEGORY[value]}".rstrip()


def adjective(value: str) -> str:
    """An attribute as it stands before a noun."""
    return ADJECTIVES.get(value, value)


def is_predicate(value: str) -> bool:
    """Whether an attribute is said after the noun only ("the dog that is lying")."""
    return ATTRIBUTE_CATEGORY[value] in ("pose", "activity")


@dataclass(frozen=True)
class Reference:
    """A noun phrase that fits exactly one object of the picture.

    Attributes:
        key: Id of the object.
        name: The noun.
        text: The phrase without its article, with marks.
        program: The program that finds the object.
        kind: How it is described: "name", "attribute", "not", "relation", "position" or "category".
        value: The attribute used, "" if none.
    """

    key: str
    name: str
    text: str
    program: Program
    kind: str
    value: str = ""

    @property
    def the(self) -> str:
        """The phrase with its article."""
        return f"the {self.text}"


class Describer:
    """Finds the references to the things of one picture.

    Args:
        graph: Scene graph of the picture.
        rng: Source of all choices.
    """

    def __init__(self, graph: dict[str, Any], rng: Random) -> None:
        self.interpreter = Interpreter(graph)
        self.rng = rng
        self.objects: dict[str, dict[str, Any]] = graph["objects"]
        self._found: dict[tuple[str, str], list[Reference]] = {}

    def _references(self, key: str, way: str) -> list[Reference]:
        """All references to an object that mention no second one (way "simple"), or that do (way "linked")."""
        if (key, way) not in self._found:
            candidates = self._simple(key) if way == "simple" else self._linked(key)
            self._found[key, way] = [reference for reference in candidates if self._fits(reference)]
        return self._found[key, way]

    def _fits(self, reference: Reference) -> bool:
        try:
            _, values = self.interpreter.run(then(reference.program, "query", "name"))
        except Undecidable:
            return False
        return values[-2] == [reference.key]

    def _simple(self, key: str) -> list[Reference]:
        """Descriptions that mention no second object."""
        thing = self.objects[key]
        found = []
        for noun in dict.fromkeys((thing["name"], category(thing["name"]))):
            if not noun:
                continue
            kind = "name" if noun == thing["name"] else "category"
            if kind == "category" and noun == "clothing":
                continue
            select: Program = (Step("select", f"{noun} ({key})"),)
            found.append(Reference(key, noun, f"{{{key}|{noun}}}", select, kind))
            for value in thing["attributes"]:
                text = f"{{{key}|{noun}}} that is {value}" if is_predicate(value) else f"{{{key}|{adjective(value)} {noun}}}"
                program = then(select, operation("filter", value), value)
                found.append(Reference(key, noun, text, program, "attribute" if kind == "name" else kind, value))
            found += self._contrasted(key, noun, select)
            for side in ("left", "right"):
                program = then(select, "filter hposition", side)
                found.append(Reference(key, noun, f"{{{key}|{noun}}} on the {side}", program, "position"))
        return found

    def _contrasted(self, key: str, noun: str, select: Program) -> list[Reference]:
        """Descriptions by what distinguishes it from another of its name: "the cup that is not red"."""
        found = []
        for other in self.interpreter.things:
            if other == key or self.objects[other]["name"] != noun:
                continue
            for value in self.objects[other]["attributes"]:
                if ATTRIBUTE_CATEGORY[value] != "color":
                    continue
                program = then(select, operation("filter", value), f"not({value})")
                text = f"{{{key}|{noun}}} that {be(noun)} not {value}"
                found.append(Reference(key, noun, text, program, "not", value))
        return found

    def _linked(self, key: str) -> list[Reference]:
        """Descriptions by a relation to a second object."""
        thing = self.objects[key]
        found = []
        edges = [edge for edge in thing["relations"] if edge["name"] in LINKED]
        close = [edge for edge in edges if not edge["name"].startswith("to the")]
        far = [edge for edge in edges if edge["name"].startswith("to the")]
        for edge in close + self.rng.sample(far, min(3, len(far))):
            other = self.plain(edge["object"])
            if other is None:
                continue
            for noun in dict.fromkeys((thing["name"], category(thing["name"]))):
                if noun and noun != "clothing":
                    program = then(other.program, "relate", f"{noun},{edge['name']},s ({key})")
                    text = f"{{{key}|{noun}}} {LINKED[edge['name']]} {other.text}"
                    found.append(Reference(key, noun, text, program, "relation"))
        for other_key in self.interpreter.things:
            for relation, verb in (("holding", "is holding"), ("wearing", "is wearing")):
                if key in self.interpreter.targets(other_key, relation):
                    other = self.plain(other_key)
                    if other is not None:
                        program = then(other.program, "relate", f"{thing['name']},{relation},o ({key})")
                        text = f"{{{key}|{thing['name']}}} the {other.text} {verb}"
                        found.append(Reference(key, thing["name"], text, program, "relation"))
        return found

    def plain(self, key: str) -> Reference | None:
        """The shortest description of an object that mentions no second one, None if there is none."""
        if self.objects[key]["name"] in PLACES:
            return None
        options = [ref for ref in self._references(key, "simple") if ref.kind in ("name", "attribute")]
        names = [ref for ref in options if ref.kind == "name"]
        if names and self.rng.random() < 0.75:
            return names[0]
        return self.rng.choice(options) if options else None

    def any(self, key: str, without: str = "") -> Reference | None:
        """Some description of an object that does not use its attribute of the category `without`, None if there is none."""
        options = [
            ref
            for ref in (*self._references(key, "simple"), *self._references(key, "linked"))
            if not (without and ref.value and ATTRIBUTE_CATEGORY[ref.value] == without)
            and not (without == "position" and ref.kind == "position")
        ]
        weights = {"name": 6.0, "attribute": 1.2, "not": 2.0, "relation": 0.8, "position": 0.7, "category": 0.5}
        if not options:
            return None
        return self.rng.choices(options, [weights[ref.kind] for ref in options])[0]
