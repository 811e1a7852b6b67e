"""A small dataset in GQA's layout that a policy can learn in seconds, and one thread for torch: tests run side by side."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

_NOUNS = ("cup", "book", "dog", "car", "tree", "chair")
_COLORS = ("red", "blue", "green")


def _scene(rng: random.Random) -> dict[str, Any]:
    """Three things of different names side by side, each in one color."""
    objects = {
        str(place): {
            "name": name, "x": 10 + 30 * place, "y": 20, "w": 20, "h": 20, "attributes": [rng.choice(_COLORS)], "relations": [],
        }
        for place, name in enumerate(rng.sample(_NOUNS, 3))
    }  # fmt: skip
    return {"width": 100, "height": 60, "objects": objects}


def _questions(graph: dict[str, Any], image_id: str, rng: random.Random) -> list[dict[str, Any]]:
    """Whether a thing is there, and what color one of them has."""
    names = {record["name"]: record for record in graph["objects"].values()}
    asked = rng.choice(_NOUNS)
    found, record = rng.choice(sorted(names.items()))
    exist = {
        "question": f"Is there a {asked}?", "answer": "yes" if asked in names else "no", "imageId": image_id,
        "types": {"structural": "verify", "semantic": "obj", "detailed": "exist"},
        "semantic": [
            {"operation": "select", "dependencies": [], "argument": f"{asked} (-)"},
            {"operation": "exist", "dependencies": [0], "argument": "?"},
        ],
    }  # fmt: skip
    color = {
        "question": f"What color is the {found}?", "answer": record["attributes"][0], "imageId": image_id,
        "types": {"structural": "query", "semantic": "attr", "detailed": "directOf"},
        "semantic": [
            {"operation": "select", "dependencies": [], "argument": f"{found} (0)"},
            {"operation": "query", "dependencies": [0], "argument": "color"},
        ],
    }  # fmt: skip
    return [exist, color]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def small_gqa(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data folder with 80 train and 40 val questions of two kinds."""
    root = tmp_path_factory.mktemp("small_gqa")
    rng = random.Random(0)
    for folder in ("images", "sceneGraphs", "questions1.2"):
        (root / folder).mkdir()
    for split, scenes in (("train", 40), ("val", 20)):
        graphs = {f"{split}{number}": _scene(rng) for number in range(scenes)}
        questions = [question for image_id, graph in graphs.items() for question in _questions(graph, image_id, rng)]
        for image_id in graphs:
            Image.new("RGB", (100, 60), (90, 120, 150)).save(root / "images" / f"{image_id}.jpg")
        by_id = {f"{split}-{number:03d}": question for number, question in enumerate(questions)}
        (root / "sceneGraphs" / f"{split}_sceneGraphs.json").write_text(json.dumps(graphs))
        (root / "questions1.2" / f"{split}_balanced_questions.json").write_text(json.dumps(by_id))
    return root
