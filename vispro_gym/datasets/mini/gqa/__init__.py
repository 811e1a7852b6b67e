"""The mini GQA data: drawn pictures with scene graphs and questions, in the layout and schemas of the official files.

The pictures are drawn from an annotated description, the questions are made from the annotations and answered by a strict
interpreter of GQA's functional programs. Everything is a function of one seed.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from vispro_gym.datasets.mini.gqa import closed, existence, open_ended
from vispro_gym.datasets.mini.gqa.catalogue import PLACES
from vispro_gym.datasets.mini.gqa.questions import Asker, Question
from vispro_gym.datasets.mini.gqa.scenes import compose

SPLITS = {"train": (700, 4800), "val": (180, 1230)}
"""Number of pictures, and of questions aimed at, by split."""
PER_PICTURE = 12
"""At most so many questions on one picture."""
FAMILIES: tuple[tuple[float, tuple[str, ...], tuple[str, ...]], ...] = (
    (4.0, ("exist",), ("existC",)),
    (3.0, ("existAttr",), ("existAttrC",)),
    (1.0, ("existMaterial",), ("existMaterialC",)),
    (1.0, ("existThat",), ("existThatC",)),
    (1.0, ("existAttrNot",), ("existAttrNotC",)),
    (2.4, ("existAnd",), ("existAndC",)),
    (2.4, ("existOr",), ("existOrC",)),
    (3.0, ("existRelS",), ("existRelSC", "existRelSRC")),
    (5.0, ("relVerify",), ("relVerifyCo", "relVerifyCr")),
    (3.0, ("verifyAttr",), ("verifyAttrC",)),
    (2.0, ("verifyAttrK",), ("verifyAttrKC",)),
    (1.4, ("materialVerify",), ("materialVerifyC",)),
    (2.0, ("positionVerify",), ("positionVerifyC",)),
    (3.0, ("verifyAttrs",), ("verifyAttrsC",)),
    (1.0, ("verifyAttrAnd",), ("verifyAttrAndC",)),
    (1.6, ("placeVerify",), ("placeVerifyC",)),
    (1.0, ("weatherVerify",), ("weatherVerifyC",)),
    (1.0, ("locationVerify",), ("locationVerifyC",)),
    (1.4, ("twoSame",), ("twoSameC",)),
    (1.2, ("twoDifferent",), ("twoDifferentC",)),
    (1.0, ("twoSameMaterial",), ("twoSameMaterialC",)),
    (0.6, ("sameAnimals",), ("sameAnimalsC",)),
    (0.4, ("diffAnimals",), ("diffAnimalsC",)),
    (0.6, ("sameGender",), ("sameGenderC",)),
    (4.0, ("directOf",), ()),
    (4.0, ("directWhich",), ()),
    (2.0, ("material",), ()),
    (0.6, ("how",), ()),
    (2.6, ("positionQuery",), ()),
    (1.0, ("activity",), ()),
    (6.0, ("relS",), ()),
    (5.0, ("relO",), ()),
    (4.0, ("categoryRelS",), ()),
    (2.0, ("categoryRelO",), ()),
    (1.0, ("categoryRelOChoose",), ()),
    (3.0, ("relChooser",), ()),
    (1.0, ("sameRelate",), ()),
    (0.8, ("sameMaterialRelate",), ()),
    (2.4, ("category",), ()),
    (2.4, ("categoryAttr",), ()),
    (2.4, ("categoryThat",), ()),
    (1.0, ("categoryThatChoose",), ()),
    (1.6, ("activityWho",), ()),
    (4.0, ("chooseAttr",), ()),
    (1.4, ("materialChoose",), ()),
    (1.6, ("positionChoose",), ()),
    (0.8, ("activityChoose",), ()),
    (1.6, ("place",), ()),
    (1.2, ("placeChoose",), ()),
    (1.2, ("weather",), ()),
    (1.0, ("weatherChoose",), ()),
    (0.8, ("locationChoose",), ()),
    (1.4, ("twoCommon",), ()),
    (1.8, ("comparativeChoose",), ()),
)
"""Share of the questions, types that are answered "yes" (or with a word), and types that are answered "no"."""


def write_gqa(root: Path, seed: int = 0) -> None:
    """Write the data set into an existing, empty folder: images, scene graphs and balanced questions of train and val.

    Args:
        root: The folder.
        seed: Everything is a function of it, byte for byte.
    """
    (root / "images").mkdir()
    (root / "sceneGraphs").mkdir()
    (root / "questions1.2").mkdir()
    first_image, first_question = 2_310_001, 1_048_576
    for split, (pictures, wanted) in SPLITS.items():
        graphs: dict[str, dict[str, Any]] = {}
        pool: list[Question] = []
        for index in range(pictures):
            rng = Random(f"{seed}-{split}-{index}")  # a string seed is hashed by Random itself, the same in every process
            image_id = str(first_image + index)
            image, graph = compose(rng, list(PLACES)[index % len(PLACES)], (first_image + index) % 100_000 * 100)
            image.save(root / "images" / f"{image_id}.jpg", quality=90)
            graphs[image_id] = graph
            pool += ask_all(graph, image_id, rng)
        first_image += pictures
        questions = balance(pool, wanted, Random(f"{seed}-{split}-balance"))
        _write(root / "sceneGraphs" / f"{split}_sceneGraphs.json", graphs)
        _write(root / "questions1.2" / f"{split}_balanced_questions.json", _numbered(questions, first_question))
        first_question += len(questions)


def ask_all(graph: dict[str, Any], image_id: str, rng: Random) -> list[Question]:
    """All questions that the templates find on one picture."""
    asker = Asker(graph, image_id, rng)
    for template in (*existence.TEMPLATES, *closed.TEMPLATES, *open_ended.TEMPLATES):
        template(asker)
    return asker.questions


def balance(pool: Sequence[Question], wanted: int, rng: Random) -> list[Question]:
    """Choose about `wanted` questions: types by their share, as many "yes" as "no" in each family, other answers evened out."""
    by_type: dict[str, list[Question]] = defaultdict(list)
    for question in pool:
        by_type[question.detailed].append(question)
    asked: dict[str, set[str]] = defaultdict(set)
    total = sum(share for share, _, _ in FAMILIES)
    chosen: list[Question] = []
    for share, positive, negative in FAMILIES:
        quota = round(wanted * share / total)
        if not negative:
            chosen += _take(by_type, positive, quota, asked, rng)
            continue
        yes = _take(by_type, positive, quota // 2, asked, rng)
        no = _take(by_type, negative, quota // 2, asked, rng)
        even = min(len(yes), len(no))
        chosen += yes[:even] + no[:even]
    rng.shuffle(chosen)
    return chosen


def _take(
    by_type: dict[str, list[Question]], types: Iterable[str], quota: int, asked: dict[str, set[str]], rng: Random
) -> list[Question]:
    """Up to `quota` questions of some types, going round the answers so that none prevails.

    Args:
        by_type: All questions.
        types: Detailed types to take.
        quota: How many to take.
        asked: The texts already asked of each picture; those taken are added.
        rng: Source of all choices.
    """
    buckets: dict[tuple[str, str], list[Question]] = defaultdict(list)
    for detailed in types:
        for question in by_type[detailed]:
            buckets[detailed, question.answer].append(question)
    for bucket in buckets.values():
        rng.shuffle(bucket)
    taken: list[Question] = []
    while buckets and len(taken) < quota:
        for key in list(buckets):
            following = _next(buckets[key], asked)
            if following is None:
                del buckets[key]
            elif len(taken) < quota:
                asked[following.image_id].add(following.text)
                taken.append(following)
    rng.shuffle(taken)
    return taken


def _next(bucket: list[Question], asked: dict[str, set[str]]) -> Question | None:
    """Removes and returns the next question that may still be asked of its picture, None if there is none."""
    while bucket:
        question = bucket.pop()
        texts = asked[question.image_id]
        if len(texts) < PER_PICTURE and question.text not in texts:
            return question
    return None


def _numbered(questions: Sequence[Question], first_id: int) -> dict[str, dict[str, Any]]:
    """The records by question id: strings of eight digits, as in GQA's files."""
    ids = [f"{first_id + index:08d}" for index in range(len(questions))]
    return {question_id: question.record(question_id) for question_id, question in zip(ids, questions, strict=True)}


def _write(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json.dumps(data, separators=(",", ":")), encoding="utf-8")
