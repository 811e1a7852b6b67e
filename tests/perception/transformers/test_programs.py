"""What becomes of programs depends neither on batches nor on the cache, and batches and the cache save forward passes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vispro_gym.datasets import Sample, open_dataset
from vispro_gym.engine import Engine, Job, Outcome
from vispro_gym.perception.cache import CachedPerception
from vispro_gym.perception.noise import NoisePerception
from vispro_gym.programs.experts import translate
from vispro_gym.tasks import TASKS


@pytest.fixture(scope="module")
def jobs() -> list[Job]:
    """Programs of all kinds on a few pictures, some of them twice."""
    dataset = open_dataset("GQA", split="val")
    samples: list[Sample] = dataset[:400:8]
    found = [Job(translate(sample), sample) for sample in samples]
    nearest = "def execute_command(image):\n    things = ImagePatch(image).find('object')\n    return min(things, key=lambda t: t.compute_depth())"
    kinds = "def execute_command(image):\n    return ImagePatch(image).best_text_match(['cup', 'dog'])"
    return found + [Job(text, sample) for text in (nearest, kinds) for sample in samples[:8]] + found[:10]


def essence(outcomes: list[Outcome]) -> list[Any]:
    return [(o.outcome, o.answer, [(s.operation, s.arguments, s.box, s.error) for s in o.calls]) for o in outcomes]


def together(perception: Any, jobs: list[Job]) -> list[Any]:
    return essence(Engine(TASKS[open_dataset("GQA", split="val").task](), perception).run(jobs))


def test_outcomes_do_not_depend_on_batches_or_the_cache(make: Callable[..., Any], jobs: list[Job], tmp_path: Path) -> None:
    def backend(batch_size: int) -> Any:
        return make(detector="owlv2", box_threshold=0.05, max_boxes=3, batch_size=batch_size)

    task = TASKS[open_dataset("GQA", split="val").task]()
    alone = backend(1)
    engine = Engine(task, alone)
    expected = essence([engine.run([job])[0] for job in jobs])
    assert {"detect", "answer", "verify", "depth", "similarity"} <= {call[0] for _, _, calls in expected for call in calls}
    passes = {}
    for batch_size in (1, 3, 16):
        batched = backend(batch_size)
        assert together(batched, jobs) == expected, batch_size
        passes[batch_size] = sum(batched.forward_passes.values())
    assert passes[16] < passes[3] < passes[1] <= sum(alone.forward_passes.values())
    cold, warm = backend(16), backend(16)
    assert together(CachedPerception(cold, folder=tmp_path), jobs) == expected
    assert together(CachedPerception(warm, folder=tmp_path), jobs) == expected
    assert sum(cold.forward_passes.values()) > 0 == sum(warm.forward_passes.values())


def test_noise_over_models_does_not_depend_on_batches(make: Callable[..., Any], jobs: list[Job], tmp_path: Path) -> None:
    inner = CachedPerception(make(detector="owlv2", box_threshold=0.05, max_boxes=3), folder=tmp_path)
    rates: dict[str, Any] = {"miss": 0.3, "spurious": 0.3, "jitter": 0.1, "confuse": 0.3, "seed": 1}
    expected = together(NoisePerception(inner, **rates), jobs)
    assert together(NoisePerception(inner, **rates), jobs[::-1])[::-1] == expected
    assert expected != together(inner, jobs)
