"""Episodes for tests of renderers."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from vispro_gym.datasets.sample import ImageRef, Sample
from vispro_gym.engine import Engine, Job, Outcome
from vispro_gym.perception.protocol import Answer, Depth, Detect, PerceptionError, Relate, Similarity, Verify
from vispro_gym.rendering.rationale import Rationale
from vispro_gym.tasks import VisualQuestionAnswering

SIZE = (100, 80)
HOSTILE = "<script>alert(1)</script>\"onerror='x' </style>]]>&lt;{{ 7*7 }}\u202eabc\u2066\x1b[31m\x07\x9b"


class Seeing:
    """Perception that finds two cups, and says what it is asked for."""

    name = "seeing"

    def __init__(self, said: str = "red") -> None:
        self.said = said

    def detect(self, requests: list[Detect]) -> list[Any]:
        return [[(10, 20, 40, 60), (50, 30, 70, 50)] if "cup" in r.text else [] for r in requests]

    def verify(self, requests: list[Verify]) -> list[Any]:
        return [r.box[0] < 50 for r in requests]

    def answer(self, requests: list[Answer]) -> list[Any]:
        return [self.said for _ in requests]

    def similarity(self, requests: list[Similarity]) -> list[Any]:
        return [[float(len(text)) for text in r.texts] for r in requests]

    def depth(self, requests: list[Depth]) -> list[Any]:
        return [PerceptionError("no depth here") for _ in requests]

    def relate(self, requests: list[Relate]) -> list[Any]:
        return [[(50, 30, 70, 50)] for _ in requests]


PROGRAM = """\
def execute_command(image):
    cups = image.find("cup")
    names = []
    for cup in cups:
        if cup.verify_property("cup", "red"):
            names.append(cup.simple_query("What color?"))
    count = len(names)
    return names[0]
"""


def sample(query: str = "What color is the red cup?", target: Any = "red", pictures: int = 1) -> Sample:
    images = tuple(
        ImageRef(f"picture-{i}", SIZE, partial(np.full, (SIZE[1], SIZE[0], 3), 90 + 40 * i, dtype=np.uint8))
        for i in range(pictures)
    )
    return Sample("7", query, images, target, image_names=("image",) if pictures == 1 else ("left", "right")[:pictures])


def outcome_of(program: str, of: Sample | None = None, said: str = "red") -> Outcome:
    engine = Engine(VisualQuestionAnswering(), Seeing(said))  # type: ignore[arg-type]
    return engine.run([Job(program, of or sample())])[0]


def rationale_of(
    program: str = PROGRAM, query: str = "What color is the red cup?", said: str = "red", **changes: Any
) -> Rationale:
    asked = sample(query)
    return replace(
        Rationale.of(asked, outcome_of(program, asked, said), reply=program, env="VisProg-GQA-v0", split="val"), **changes
    )
