"""Winoground (Thrush et al., CVPR 2022): two captions of the same words, two pictures, which belongs to which.

Caption c0 describes picture i0, caption c1 picture i1. Three scores, each a fraction of the examples:

* text: for both pictures the right caption was preferred;
* image: for both captions the right picture was preferred;
* group: both.

There is no official submission. Files here are JSON lines, one per example: "id" (the official example's number) and the
decisions under the keys of the official notebook: "c0_i0" is caption 0 with picture 0. Decisions are either scores, or
verdicts (true, false), or choices: "i0" is the caption (0 or 1) chosen for picture 0, "c0" the picture chosen for caption
0. null is no answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.tasks.metrics.files import add_once, finite, integer, read_record_lines, write_record_lines
from vispro_gym.tasks.metrics.results_file import whole_number

MATCHES = ("c0_i0", "c0_i1", "c1_i0", "c1_i1")
"""Keys of scores and of verdicts: each caption with each picture."""
CAPTION_CHOICES = ("i0", "i1")
"""Keys of the captions chosen for each picture."""
IMAGE_CHOICES = ("c0", "c1")
"""Keys of the pictures chosen for each caption."""

_EXPECTED = 'Winoground decisions, {"id": 0, "c0_i0": ...} or {"id": 0, "i0": 0, "i1": 1, "c0": 0, "c1": 1}'


def winoground_from_scores(examples: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Computes "text", "image" and "group" from matching scores: larger is a better match, a tie is wrong.

    Args:
        examples: Scores under the keys `MATCHES`.

    Raises:
        DatasetError: If a score is missing or no finite number.
    """
    rows = []
    for i, example in enumerate(examples):
        c0_i0, c0_i1, c1_i0, c1_i1 = (finite(example.get(key), f"Winoground example {i}, {key!r},") for key in MATCHES)
        rows.append((c0_i0 > c1_i0 and c1_i1 > c0_i1, c0_i0 > c0_i1 and c1_i1 > c1_i0))
    return _summary(rows)


def winoground_from_choices(examples: Iterable[Mapping[str, int | None]]) -> dict[str, float]:
    """Computes "text", "image" and "group" from choices. None, or no entry, is wrong.

    Guessing earns 1/4 in text and image and, since the four choices are made one by one, 1/16 in group (1/6 with scores).

    Args:
        examples: The captions chosen (0 or 1) under `CAPTION_CHOICES` and the pictures chosen under `IMAGE_CHOICES`. If no
            example has one of the kinds, its score and "group" are left out.
    """
    examples = list(examples)
    rows = [
        (
            all(example.get(key) == int(key[1]) for key in CAPTION_CHOICES),
            all(example.get(key) == int(key[1]) for key in IMAGE_CHOICES),
        )
        for example in examples
    ]
    kinds = [any(key in example for example in examples for key in keys) for keys in (CAPTION_CHOICES, IMAGE_CHOICES)]
    asked = {"text": kinds[0], "image": kinds[1], "group": all(kinds)}
    return {name: value for name, value in _summary(rows).items() if asked[name]}


def winoground_from_verdicts(examples: Iterable[Mapping[str, bool | None]]) -> dict[str, float]:
    """Computes "accuracy", "text", "image" and "group" from yes-or-no verdicts: does this caption describe this picture?

    "accuracy" is the fraction of right verdicts, four per example (1,600 in all). A verdict is a score of 1 (yes) or 0
    (no). Under the strict inequalities picture 0 has the right caption if (c0, i0) is yes and (c1, i0) is no, and picture
    1 if (c1, i1) is yes and (c0, i1) is no. So text asks for all four right verdicts. The same holds for image, and
    therefore for group: of hard verdicts the three are equal.

    Args:
        examples: Verdicts under the keys `MATCHES`. None, or no entry, is wrong.
    """
    right = [[example.get(key) == (key[1] == key[4]) for key in MATCHES] for example in examples]
    if not right:
        return {}
    accuracy = sum(map(sum, right)) / (len(MATCHES) * len(right))
    return {"accuracy": accuracy, **_summary([(all(row), all(row)) for row in right])}


def read_winoground_decisions(path: Path | str) -> dict[str, dict[str, Any]]:
    """Reads a file of decisions: by example id what the functions above take.

    Raises:
        DatasetError: If the file is missing or damaged, or has an example twice; names the file and the line.
    """
    examples: dict[str, dict[str, Any]] = {}
    for where, record in read_record_lines(path, _EXPECTED):
        example_id = str(integer(record, "id", where))
        decisions = {key: value for key, value in record.items() if key != "id"}
        _check(decisions, where)
        add_once(examples, example_id, decisions, where)
    return examples


def write_winoground_decisions(path: Path | str, examples: Mapping[str, Mapping[str, Any]]) -> None:
    """Writes a file of decisions.

    Raises:
        DatasetError: If an id is no decimal number, or a decision is none.
    """
    for example_id, decisions in examples.items():
        _check(decisions, f"Winoground example {example_id}")
    write_record_lines(path, ({"id": whole_number(i), **decisions} for i, decisions in examples.items()))


def _check(decisions: Mapping[str, Any], where: str) -> None:
    for key, value in decisions.items():
        if key in MATCHES:
            if value is not None and not isinstance(value, bool):
                finite(value, f"{where}, {key!r},")
        elif key not in CAPTION_CHOICES + IMAGE_CHOICES or (
            value is not None and (type(value) is not int or value not in (0, 1))
        ):
            raise DatasetError(f"{where} has {key!r:.80}: {value!r:.80}. Expected {_EXPECTED}.")


def _summary(rows: list[tuple[bool, bool]]) -> dict[str, float]:
    """Scores from whether the text part and the image part of each example are right."""
    if not rows:
        return {}
    right = {"text": [t for t, _ in rows], "image": [i for _, i in rows], "group": [t and i for t, i in rows]}
    return {name: sum(hits) / len(rows) for name, hits in right.items()}
