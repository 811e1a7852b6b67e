"""A small hand-made dataset and a perception that reads it, for tests of the rooms around them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from vispro_gym.perception.protocol import Answer, Depth, Detect, PerceptionError, Relate, Similarity, Verify

WIDTH, HEIGHT = 100, 80

GRAPH: dict[str, Any] = {
    "width": WIDTH,
    "height": HEIGHT,
    "location": "indoors",
    "objects": {
        "1": {
            "name": "cup", "x": 10, "y": 50, "w": 20, "h": 20, "attributes": ["red"],
            "relations": [{"name": "to the left of", "object": "2"}, {"name": "on", "object": "3"}],
        },
        "2": {
            "name": "book", "x": 60, "y": 55, "w": 30, "h": 15, "attributes": ["blue"],
            "relations": [{"name": "to the right of", "object": "1"}, {"name": "on", "object": "3"}],
        },
        "3": {"name": "table", "x": 0, "y": 65, "w": 100, "h": 15, "attributes": ["wood", "brown"], "relations": []},
    },
}  # fmt: skip

QUESTIONS: dict[str, Any] = {
    "0007": {
        "question": "Is there a red cup?", "answer": "yes", "imageId": "1",
        "types": {"structural": "verify", "semantic": "obj", "detailed": "existAttr"},
        "semantic": [
            {"operation": "select", "dependencies": [], "argument": "cup (1)"},
            {"operation": "filter color", "dependencies": [0], "argument": "red"},
            {"operation": "exist", "dependencies": [1], "argument": "?"},
        ],
    },
    "0008": {
        "question": "What color is the book?", "answer": "blue", "imageId": "1",
        "types": {"structural": "query", "semantic": "attr", "detailed": "directOf"},
        "semantic": [
            {"operation": "select", "dependencies": [], "argument": "book (2)"},
            {"operation": "query", "dependencies": [0], "argument": "color"},
        ],
    },
}  # fmt: skip


def write_gqa_folder(root: Path, picture: bool = True, split: str = "val") -> Path:
    """Writes the questions, the graph and, if asked, the picture in GQA's layout; returns the folder."""
    for folder in ("images", "sceneGraphs", "questions1.2"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "sceneGraphs" / f"{split}_sceneGraphs.json").write_text(json.dumps({"1": GRAPH}))
    (root / "questions1.2" / f"{split}_balanced_questions.json").write_text(json.dumps(QUESTIONS))
    if picture:
        Image.new("RGB", (WIDTH, HEIGHT), (200, 120, 40)).save(root / "images" / "1.jpg")
    return root


class NamePerception:
    """Finds objects by exact name and answers with their first attribute; remembers the batches that it was given."""

    name = "names"

    def __init__(self) -> None:
        self.batches: list[tuple[str, int]] = []

    def _note(self, operation: str, requests: Sequence[Any]) -> None:
        self.batches.append((operation, len(requests)))

    def detect(self, requests: Sequence[Detect]) -> list[Any]:
        self._note("detect", requests)
        return [[o.box for o in r.image.scene.objects.values() if o.name == r.text] for r in requests]

    def verify(self, requests: Sequence[Verify]) -> list[Any]:
        self._note("verify", requests)
        return [any(r.attribute in o.attributes for o in r.image.scene.objects.values() if o.name == r.name) for r in requests]

    def answer(self, requests: Sequence[Answer]) -> list[Any]:
        self._note("answer", requests)
        return [
            next(
                (o.attributes[0] for o in r.image.scene.objects.values() if o.box == r.box),
                PerceptionError("no object there"),
            )
            for r in requests
        ]

    def similarity(self, requests: Sequence[Similarity]) -> list[Any]:
        self._note("similarity", requests)
        return [[float(len(text)) for text in r.texts] for r in requests]

    def depth(self, requests: Sequence[Depth]) -> list[Any]:
        self._note("depth", requests)
        return [float(r.box[1]) for r in requests]

    def relate(self, requests: Sequence[Relate]) -> list[Any]:
        self._note("relate", requests)
        return [[] for _ in requests]
