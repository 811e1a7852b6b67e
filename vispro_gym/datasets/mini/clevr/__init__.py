"""The embedded mini data of CLEVR: scenes, pictures and questions in the official layout of CLEVR v1.0.

Everything is generated: random scenes (`scenes`) before a fixed camera (`geometry`), pictures by ray casting
(`render`), questions with functional programs (`questions`, `programs`, `wording`).
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image

from vispro_gym.datasets.mini.clevr.questions import QuestionWriter
from vispro_gym.datasets.mini.clevr.render import render
from vispro_gym.datasets.mini.clevr.scenes import sample_scene, scene_record

SCENES = {"train": 250, "val": 60}
"""Number of pictures of each split."""
QUESTIONS_PER_SCENE = 8

_INFO = {"license": "generated", "version": "mini", "date": "2025-01-01"}


def write_clevr(root: Path, seed: int = 0) -> None:
    """Writes the mini data; equal seeds give equal bytes.

    The layout is that of the official archive:

        ROOT/CLEVR_v1.0/images/{train,val}/CLEVR_{split}_000000.png
        ROOT/CLEVR_v1.0/scenes/CLEVR_{split}_scenes.json
        ROOT/CLEVR_v1.0/questions/CLEVR_{split}_questions.json

    Args:
        root: An existing, empty folder.
        seed: Selects scenes and questions.
    """
    top = root / "CLEVR_v1.0"
    for folder in ("scenes", "questions"):
        (top / folder).mkdir(parents=True)
    for split, number in SCENES.items():
        (top / "images" / split).mkdir(parents=True)
        writer = QuestionWriter()
        scenes: list[dict[str, Any]] = []
        questions: list[dict[str, Any]] = []
        for index in range(number):
            rng = Random(f"clevr {seed} {split} {index}")
            things = sample_scene(rng)
            scene = scene_record(things, split, index)
            scenes.append(scene)
            questions += writer.write(scene, rng, QUESTIONS_PER_SCENE)
            picture = render([t.solid for t in things], [t.color for t in things], [t.material for t in things])
            Image.fromarray(picture).save(top / "images" / split / scene["image_filename"], compress_level=1)
        info = {"split": split, **_INFO}
        numbered = [{**question, "question_index": i} for i, question in enumerate(questions)]
        _write_json(top / "scenes" / f"CLEVR_{split}_scenes.json", {"info": info, "scenes": scenes})
        _write_json(top / "questions" / f"CLEVR_{split}_questions.json", {"info": info, "questions": numbered})


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")
