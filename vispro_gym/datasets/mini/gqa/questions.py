"""Questions about one picture: the common frame of all templates.

A template hands a question text, a program and a full answer to `Asker.ask`, which computes the answer, refuses what is not
certain, and adds GQA's bookkeeping. The templates themselves are in `existence` and `closed` (yes or no) and
`open_ended` (all others).
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from vispro_gym.datasets.mini.gqa.catalogue import ATTRIBUTE_CATEGORY, category
from vispro_gym.datasets.mini.gqa.programs import Program, Undecidable, semantic, semantic_str
from vispro_gym.datasets.mini.gqa.references import Describer, unmark

_KINDS: dict[tuple[str, str], str] = {
    ("obj", "verify"): "exist existC existAttr existAttrC existMaterial existMaterialC existAttrNot existAttrNotC existThat "
    "existThatC",
    ("obj", "logical"): "existAnd existAndC existOr existOrC",
    ("rel", "verify"): "existRelS existRelSC existRelSRC relVerify relVerifyCo relVerifyCr",
    ("attr", "verify"): "verifyAttr verifyAttrC verifyAttrK verifyAttrKC materialVerify materialVerifyC positionVerify "
    "positionVerifyC",
    ("attr", "logical"): "verifyAttrs verifyAttrsC verifyAttrAnd verifyAttrAndC",
    ("attr", "choose"): "chooseAttr materialChoose positionChoose activityChoose",
    ("attr", "query"): "directOf directWhich material positionQuery activity how",
    ("attr", "compare"): "twoSame twoSameC twoDifferent twoDifferentC twoSameMaterial twoSameMaterialC twoCommon "
    "comparativeChoose sameAnimals sameAnimalsC diffAnimals diffAnimalsC sameGender sameGenderC",
    ("rel", "query"): "relS relO categoryRelS categoryRelO sameRelate sameMaterialRelate",
    ("rel", "choose"): "relChooser categoryRelOChoose",
    ("cat", "query"): "category categoryAttr categoryThat activityWho",
    ("cat", "choose"): "categoryThatChoose",
    ("global", "query"): "place weather",
    ("global", "verify"): "placeVerify placeVerifyC weatherVerify weatherVerifyC locationVerify locationVerifyC",
    ("global", "choose"): "placeChoose weatherChoose locationChoose",
}
TYPES: dict[str, tuple[str, str]] = {name: kind for kind, names in _KINDS.items() for name in names.split()}
"""GQA's detailed question types, with their semantic and structural type."""


@dataclass(frozen=True)
class Question:
    """A question on one picture.

    Attributes:
        detailed: Detailed type, a key of `TYPES`.
        answer: The short answer.
        answer_key: Id of the object that the answer names, None if it names none.
        image_id: The picture.
        marked: The question with marks.
        marked_full: The full answer with marks.
        program: The functional program.
        groups: GQA's global and local group.
    """

    detailed: str
    answer: str
    answer_key: str | None
    image_id: str
    marked: str
    marked_full: str
    program: Program
    groups: tuple[str | None, str]

    @property
    def text(self) -> str:
        """The question as it is asked."""
        return unmark(self.marked)[0]

    def record(self, question_id: str) -> dict[str, Any]:
        """The question as in GQA's files."""
        text, positions = unmark(self.marked)
        full, full_positions = unmark(self.marked_full)
        return {
            "semantic": semantic(self.program),
            "entailed": [question_id],
            "equivalent": [question_id],
            "question": text,
            "imageId": self.image_id,
            "isBalanced": True,
            "groups": {"global": self.groups[0], "local": self.groups[1]},
            "answer": self.answer,
            "semanticStr": semantic_str(self.program),
            "annotations": {
                "answer": {"0": self.answer_key} if self.answer_key else {},
                "question": positions,
                "fullAnswer": full_positions,
            },
            "types": {
                "detailed": self.detailed,
                "semantic": TYPES[self.detailed][0],
                "structural": TYPES[self.detailed][1],
            },
            "fullAnswer": full,
        }


class Asker:
    """Collects the questions on one picture.

    Args:
        graph: Scene graph of the picture.
        image_id: Its name.
        rng: Source of all choices.
    """

    def __init__(self, graph: dict[str, Any], image_id: str, rng: Random) -> None:
        self.graph = graph
        self.image_id = image_id
        self.rng = rng
        self.describer = Describer(graph, rng)
        self.interpreter = self.describer.interpreter
        self.objects = self.describer.objects
        self.things = self.interpreter.things
        self.names = {key: str(self.objects[key]["name"]) for key in self.things}
        self.present = sorted(set(self.names.values()))
        self.questions: list[Question] = []

    def value(self, key: str, category: str) -> str | None:
        """An object's value of an attribute category."""
        return self.interpreter.attribute(key, category)

    def rivals(self, key: str, value: str) -> list[str]:
        """What an object might have been instead of having this attribute: other values of the category, in a fixed order."""
        group = category(self.names[key])
        if ATTRIBUTE_CATEGORY[value] == "activity" and group == "animal":
            return []
        unlikely = {"brick", "sleeping"} if value not in ("brick", "sleeping") else set()
        return [
            other
            for other, wanted in ATTRIBUTE_CATEGORY.items()
            if wanted == ATTRIBUTE_CATEGORY[value] and other != value and other not in unlikely
        ]

    def phrase(self, *wordings: str) -> str:
        """One of several wordings."""
        return self.rng.choice(wordings)

    def ask(self, detailed: str, text: str, program: Program, full: str, group: str | None = None, local: str = "") -> None:
        """Add a question if its answer is certain and, for a type that fixes the answer, the expected one.

        Args:
            detailed: Detailed type. Types of yes/no questions fix the answer: "no" if their name ends in C, Cr or Co.
            text: The question with marks.
            program: The program that answers it.
            full: The full answer with marks; `[answer]` stands for the answer.
            group: GQA's global group.
            local: GQA's local group.
        """
        try:
            answer, values = self.interpreter.run(program)
        except Undecidable:
            return
        if answer in ("yes", "no") and answer != ("no" if detailed.endswith(("C", "Cr", "Co")) else "yes"):
            return
        found = values[-2] if program[-1][:2] == ("query", "name") else None
        key = found[0] if isinstance(found, list) else None
        question = Question(
            detailed,
            answer,
            key,
            self.image_id,
            text if text[0] == "{" else text[0].upper() + text[1:],
            full.replace("[answer]", answer),
            program,
            (group, local),
        )
        self.questions.append(question)
