"""Drawn boxes and what is said of them: pixels, and the truth as the statement, the program and the oracle see it."""

from __future__ import annotations

from itertools import combinations, permutations
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from vispro_gym.datasets import open_dataset
from vispro_gym.datasets.mini.nlvr_boxes import COLORS, MOST, PALETTE, TALLEST, Box, Shape, draw_box, draw_row, make_boxes
from vispro_gym.datasets.mini.nlvr_statements import statements
from vispro_gym.datasets.nlvr import SIDE, scene_from_box
from vispro_gym.datasets.sample import ImageRef, Sample
from vispro_gym.engine import Engine, Job
from vispro_gym.perception.oracle import OraclePerception
from vispro_gym.tasks.nlvr import NLVRTask


def colored(canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A drawn box, RGB."""
    return np.array(list(PALETTE.values()), np.uint8)[canvas]


@pytest.mark.parametrize("arrangement", ["tower", "scatter"])
@settings(max_examples=25)
@given(seed=st.integers(0, 10**6))
def test_shapes_fill_their_bounding_squares_and_hide_nothing(arrangement: str, seed: int) -> None:
    for box in make_boxes(Random(seed), arrangement):
        assert 1 <= len(box) <= (TALLEST if arrangement == "tower" else MOST)
        pixels = colored(draw_box(box))
        for shape in box:
            part = pixels[shape.y : shape.y + shape.size, shape.x : shape.x + shape.size]
            inked = (part == PALETTE[shape.color]).all(-1)
            assert inked.shape == (shape.size, shape.size) and inked.any(0).all() and inked.any(1).all()
        for a, b in combinations(box, 2):
            assert a.x + a.size <= b.x or b.x + b.size <= a.x or a.y + a.size <= b.y or b.y + b.size <= a.y


def test_shapes_cover_the_same_pixels_as_nlvrs(realdata: Path) -> None:
    """Real examples, drawn anew: only the shades at the edges of circles and triangles differ."""
    dataset = open_dataset("NLVR", realdata / "nlvr", "dev")
    names = {code: name for name, code in COLORS.items()}
    paths = sorted((realdata / "nlvr" / "dev" / "images").rglob("*-0.png"))
    assert len(paths) == 120
    for path in paths:
        sample = dataset[dataset.position(path.stem.removeprefix("dev-").removesuffix("-0"))]
        boxes = [
            tuple(Shape(thing["type"], names[thing["color"]], thing["size"], thing["x_loc"], thing["y_loc"]) for thing in box)
            for box in sample.record["structured_rep"]
        ]
        ours = np.asarray(draw_row([draw_box(box) for box in boxes]).convert("RGB"))
        with Image.open(path) as image:
            theirs = np.asarray(image.convert("RGB"))
        for color in ("ground", "bars"):
            assert ((ours == PALETTE[color]).all(-1) == (theirs == PALETTE[color]).all(-1)).all(), path.name
        if all(shape.shape == "square" for box in boxes for shape in box):
            assert (ours == theirs).all(), path.name
        inked = (ours != PALETTE["ground"]).any(-1) & (ours != PALETTE["bars"]).any(-1)
        assert (ours != theirs).any(-1).sum() < 0.35 * inked.sum(), path.name


def pictures(boxes: tuple[Box, ...]) -> tuple[ImageRef, ...]:
    return tuple(
        ImageRef(
            str(i),
            (SIDE, SIDE),
            lambda box=box: colored(draw_box(box)),  # type: ignore[misc]
            scene=scene_from_box([shape.record for shape in box], "box"),
        )
        for i, box in enumerate(boxes)
    )


@pytest.mark.parametrize("arrangement", ["tower", "scatter"])
def test_programs_agree_with_statements_in_every_order(arrangement: str) -> None:
    """All statements, each on several rows of boxes, through the real interpreter."""
    engine = Engine(NLVRTask(), OraclePerception())
    rng = Random(arrangement)
    said = statements(arrangement)
    assert len({statement.text for statement in said}) == len(said)
    jobs = []
    for statement in said:
        for _ in range(4):
            boxes = make_boxes(rng, arrangement)
            truths = {statement.holds(order) for order in permutations(boxes)}
            assert len(truths) == 1, "the order of the boxes does not matter"
            (truth,) = truths
            if truth is not None:
                jobs.append(Job(statement.program, Sample(statement.text, "", pictures(boxes), truth)))
    outcomes = engine.run(jobs)
    assert [outcome.sample_id for outcome in outcomes if not outcome.reward] == []
    assert {job.sample.target for job in jobs} == {True, False}
