"""What the perception "pixels" sees of what is annotated, and what expert programs earn with it.

    python benchmarks/pixels.py --realdata DIR    all pictures and questions of three splits: some minutes
    python benchmarks/pixels.py --quick           under a minute: fewer of each

Looks at the pictures of mini CLEVR's split val, of mini GQA's split val, and of real CLEVR where there are some: a folder `clevr`
in CLEVR's layout, with the split train, below `--realdata` (or VISPRO_REALDATA).
None of them is among those that the networks are trained on. A thing is found if something of the same name has a box with an IoU
of at least 0.5. Attributes are compared on what is found: for each category, the share, of the things that have or are said to
have one of it, for which both agree. Then the experts' programs are run, with this perception and with the oracle.

The first run on a machine trains the networks, which takes minutes and is not part of the time. Prints a table in Markdown and
ends with one line of JSON.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from vispro_gym.datasets import open_dataset
from vispro_gym.datasets.base import Dataset
from vispro_gym.datasets.sample import ImageRef, Sample
from vispro_gym.datasets.scene import Scene, SceneObject, iou
from vispro_gym.engine import Engine, Job
from vispro_gym.perception.oracle import OraclePerception
from vispro_gym.perception.pixels import PixelsPerception
from vispro_gym.perception.pixels.kinds import LEARNED, Kind
from vispro_gym.perception.protocol import Perception
from vispro_gym.programs.experts import translate
from vispro_gym.tasks import TASKS

FOUND = 0.5  # least IoU


@dataclass(frozen=True)
class Args:
    """Measure the perception "pixels"."""

    realdata: Path | None = Path(os.environ["VISPRO_REALDATA"]) if "VISPRO_REALDATA" in os.environ else None
    """Folder with real datasets; CLEVR is looked for in `clevr` below it."""
    quick: bool = False
    """Under a minute: 40 pictures and 80 programs of each split."""


@dataclass(frozen=True)
class Seen:
    """What was seen of one split: all figures 0 to 1, but for the counts."""

    pictures: int
    things: int
    precision: float
    recall: float
    attributes: dict[str, float]
    programs: int
    reward: float
    oracle_reward: float
    picture_ms: float


def pictures(data: Dataset, limit: int | None) -> list[ImageRef]:
    """The first pictures of a split that have annotations, each once."""
    found: dict[str, ImageRef] = {}
    for position in range(len(data)):
        for image in data[position].images:
            if image.scene is not None:
                found.setdefault(image.image_id, image)
        if limit is not None and len(found) >= limit:
            break
    return list(found.values())


def compare(kind: Kind, estimated: Scene, annotated: Scene, counts: Counter[str]) -> None:
    """Counts what of one picture was found, and whether its attributes are right."""
    there = [thing for thing in annotated.objects.values() if thing.name in kind.names]
    said = [thing for thing in estimated.objects.values() if thing.name in kind.names]
    counts["there"] += len(there)
    counts["said"] += len(said)
    free = list(there)
    for thing in said:
        match = max(
            (other for other in free if other.name == thing.name), key=lambda other: iou(other.box, thing.box), default=None
        )
        if match is None or iou(match.box, thing.box) < FOUND:
            continue
        free.remove(match)
        counts["found"] += 1
        for category, values in categories(kind).items():
            mine, right = value_of(thing, values), value_of(match, values)
            if mine or right:
                counts[f"have {category}"] += 1
                counts[f"right {category}"] += mine == right


def categories(kind: Kind) -> dict[str, tuple[str, ...]]:
    """The values of attributes by category."""
    return {**kind.attributes, "size": ("large", "small")}


def value_of(thing: SceneObject, values: tuple[str, ...]) -> str:
    return next((value for value in thing.attributes if value in values), "")


def rewards(data: Dataset, samples: list[tuple[str, Sample]], perception: Perception) -> float:
    outcomes = Engine(TASKS[data.task](), perception).run([Job(program, sample) for program, sample in samples])
    return float(np.mean([outcome.reward for outcome in outcomes]))


def measure(data: Dataset, perception: PixelsPerception, quick: bool) -> Seen:
    images = pictures(data, 40 if quick else None)
    kind = next(kind for kind in LEARNED if kind.size == images[0].size)
    perception.scene(images[0])  # the first picture sets up libraries
    counts: Counter[str] = Counter()
    taken = 0.0
    for image in images:
        start = time.perf_counter()
        scene = perception.scene(image)
        taken += time.perf_counter() - start
        assert image.scene is not None
        compare(kind, scene, image.scene, counts)
    samples = [data[i] for i in range(0, len(data), max(1, len(data) // 80) if quick else 1)]
    programs = [(translate(sample), sample) for sample in samples]
    return Seen(
        pictures=len(images),
        things=counts["there"],
        precision=counts["found"] / max(1, counts["said"]),
        recall=counts["found"] / counts["there"],
        attributes={key: counts[f"right {key}"] / counts[f"have {key}"] for key in categories(kind) if counts[f"have {key}"]},
        programs=len(programs),
        reward=rewards(data, programs, perception),
        oracle_reward=rewards(data, programs, OraclePerception()),
        picture_ms=1000 * taken / len(images),
    )


def main(args: Args) -> None:
    logging.getLogger("vispro_gym").setLevel(logging.ERROR)
    perception = PixelsPerception()
    identity = perception.identity("detect")
    results: dict[str, Seen] = {}
    splits: dict[str, Dataset] = {
        "mini CLEVR val": open_dataset("CLEVR", split="val"),
        "mini GQA val": open_dataset("GQA", split="val"),
    }
    if args.realdata is not None and (args.realdata / "clevr").is_dir():
        splits["real CLEVR"] = open_dataset("CLEVR", args.realdata / "clevr", "train")
    else:
        print("Real CLEVR is left out: name a folder with it by --realdata.\n")
    for name, data in splits.items():
        results[name] = measure(data, perception, args.quick)
    print("| | pictures | things | precision | recall | expert programs | with the oracle | per picture | attributes |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, seen in results.items():
        attributes = ", ".join(f"{key} {value:.2f}" for key, value in seen.attributes.items())
        print(
            f"| {name} | {seen.pictures} | {seen.things} | {seen.precision:.3f} | {seen.recall:.3f} | {seen.reward:.3f} "
            f"| {seen.oracle_reward:.3f} | {seen.picture_ms:.0f} ms | {attributes} |"
        )
    print()
    result: dict[str, Any] = {"quick": args.quick, "identity": identity, "splits": {k: asdict(v) for k, v in results.items()}}
    print(json.dumps(result))


if __name__ == "__main__":
    main(tyro.cli(Args, description=__doc__, config=(tyro.conf.FlagCreatePairsOff,)))
