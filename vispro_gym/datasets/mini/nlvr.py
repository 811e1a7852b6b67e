"""The mini NLVR data: boxes of coloured shapes, and statements on them, in the official layout.

As in NLVR, a sentence is said of four examples; it is true of two of them.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from vispro_gym.datasets.mini.json_files import write_json, write_lines
from vispro_gym.datasets.mini.nlvr_boxes import Box, draw_box, draw_row, make_boxes
from vispro_gym.datasets.mini.nlvr_statements import Statement, statements
from vispro_gym.datasets.nlvr import ORDERS

_SPLITS = {"train": 60, "dev": 24}  # sentences
_EXAMPLES = 4
_TRIES = 60
_DIRECTORIES = 4


def write_nlvr(root: Path, seed: int = 0) -> None:
    """Writes the data set into an existing, empty folder.

    Args:
        root: The folder.
        seed: Everything is a function of it, byte for byte.
    """
    said: set[str] = set()  # a sentence is in one split only
    for split, wanted in _SPLITS.items():
        rng = Random(f"{seed}-nlvr-{split}")
        records: list[dict[str, Any]] = []
        programs: dict[str, str] = {}
        used: Counter[str] = Counter()
        for n in range(wanted):
            arrangement = ("scatter", "tower")[n % 2]
            statement, examples = _present(rng, arrangement, used, said)
            folder = root / split / "images" / str(n % _DIRECTORIES)
            folder.mkdir(parents=True, exist_ok=True)
            for m, boxes in enumerate(examples):
                identifier = f"{n}-{m}"
                label = str(statement.holds(boxes)).lower()
                records.append(
                    {
                        "sentence": statement.text,
                        "label": label,
                        "identifier": identifier,
                        "directory": str(n % _DIRECTORIES),
                        "evals": {"r0": label},
                        "structured_rep": [[shape.record for shape in box] for box in boxes],
                    }
                )
                programs[identifier] = statement.program
                drawn = [draw_box(box) for box in boxes]
                for k, order in enumerate(ORDERS):
                    draw_row([drawn[i] for i in order]).save(folder / f"{split}-{identifier}-{k}.png")
        write_lines(root / split / f"{split}.json", records)
        write_json(root / f"expert_programs_{split}.json", programs)


def _present(rng: Random, arrangement: str, used: Counter[str], said: set[str]) -> tuple[Statement, list[tuple[Box, ...]]]:
    """A sentence that was not said before, of the kind said least, and examples of which it is true of half."""
    half = _EXAMPLES // 2
    pool = [statement for statement in statements(arrangement) if statement.text not in said]
    while True:
        statement = min(pool, key=lambda each: (used[each.kind], rng.random()))
        used[statement.kind] += 1
        examples: dict[bool, list[tuple[Box, ...]]] = {True: [], False: []}
        for _ in range(_TRIES):
            boxes = make_boxes(rng, arrangement)
            holds = statement.holds(boxes)
            if holds is not None:
                examples[holds].append(boxes)
            if all(len(found) >= half for found in examples.values()):
                said.add(statement.text)
                chosen = examples[True][:half] + examples[False][:half]
                rng.shuffle(chosen)
                return statement, chosen
