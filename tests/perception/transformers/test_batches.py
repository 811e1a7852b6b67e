"""A result does not depend on the batch that it came in, nor on what was asked before."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch

from tests.perception.transformers.tiny_models import picture
from vispro_gym.perception.protocol import Answer, Depth, Detect, PerceptionError, Similarity
from vispro_gym.perception.transformers.network import Memory, in_batches

PICTURES = (picture(1, 64, 48), picture(2, 64, 48), picture(3, 48, 64), picture(4, 100, 60))
BOXES = ((0, 0, 40, 40), (3, 9, 37, 20))
QUESTIONS = ("is it red?", "what color is the cup?", "how many large dogs are there on the wooden table?")


def requests(operation: str) -> list[Any]:
    places = [(image, box) for image in PICTURES for box in BOXES]
    if operation == "detect":
        return [Detect(image, box, text) for image, box in places for text in ("cup", "Large table on it", "")]
    if operation == "answer":
        return [Answer(image, box, text) for image, box in places for text in QUESTIONS]
    if operation == "similarity":
        return [
            Similarity(image, box, texts) for image, box in places for texts in (("a cup",), ("x", "a cup", "large wooden dog"))
        ]
    return [Depth(image, box) for image, box in places]


@pytest.mark.parametrize(
    ("operation", "role", "name", "tolerance"),
    [
        ("detect", "detector", "dino", 0.03),  # pixels
        ("detect", "detector", "mm_dino", 0.03),
        ("detect", "detector", "owlv2", 0.011),  # coordinates have two digits
        ("detect", "detector", "owlvit", 0.011),
        ("answer", "answerer", "vilt", None),
        ("answer", "answerer", "vilt_few_patches", None),
        ("answer", "answerer", "blip2_opt", None),
        ("answer", "answerer", "blip2_t5", None),
        ("answer", "answerer", "instructblip", None),
        ("answer", "answerer", "llava", None),
        ("answer", "answerer", "llava_next", None),
        ("similarity", "matcher", "clip", 1e-6),
        ("similarity", "matcher", "siglip", 1e-6),
        ("depth", "depth", "depth", 1e-5),
    ],
)
def test_results_do_not_depend_on_the_batch(make: Any, operation: str, role: str, name: str, tolerance: float | None) -> None:
    asked = requests(operation)
    together = getattr(make(**{role: name}, box_threshold=0.0), operation)(asked)
    assert len({repr(one) for one in together}) > 1 and not any(isinstance(one, PerceptionError) for one in together)
    order = list(range(len(asked)))
    random.Random(0).shuffle(order)
    few = make(**{role: name}, box_threshold=0.0, batch_size=3)
    single = make(**{role: name}, box_threshold=0.0, batch_size=1)
    mixed = dict(zip(order, getattr(few, operation)([asked[i] for i in order]), strict=True))
    for i in order[:4]:
        alone = getattr(single, operation)([asked[i]])[0]
        for other in (together[i], mixed[i]):
            if tolerance is None:
                assert other == alone
            else:
                np.testing.assert_allclose(other, alone, atol=tolerance, rtol=tolerance)


def test_vilt_neither_reads_nor_moves_the_general_random_numbers(make: Any) -> None:
    image = PICTURES[3]
    asked = [Answer(image, (0, 0, 100, 60), question) for question in QUESTIONS]
    seen = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        perception = make(answerer="vilt_few_patches")
        perception.answer(asked)
        seen.append(perception._loaded["answerer"]._memory.get(("vilt", (image.content_hash, (0, 0, 100, 60))))["image_embeds"])
        after = torch.rand(1)
        torch.manual_seed(seed)
        assert torch.equal(after, torch.rand(1))
    assert torch.equal(*seen)


def test_equal_requests_and_known_pictures_cost_nothing(make: Any) -> None:
    perception = make(detector="owlv2", box_threshold=0.1)
    image, again = picture(1, 64, 48), picture(1, 64, 48)  # equal, but not the same object
    first = perception.detect([Detect(image, (0, 0, 64, 48), "cup"), Detect(again, (0.2, 0, 64, 48), "cup")])
    assert first[0] == first[1] and perception.forward_passes["detect"] == 2
    assert perception.detect([Detect(again, (0, 0, 64, 48), "cup")])[0] == first[0]
    assert perception.forward_passes["detect"] == 2
    perception.detect([Detect(again, (0, 0, 64, 48), "dog")])
    assert perception.forward_passes["detect"] == 3  # the phrase is new, the picture is not
    depths = perception.depth([Depth(image, (0, 0, 9, 9)), Depth(again, (9, 9, 20, 20))])
    assert depths == perception.depth([Depth(again, (0, 0, 9, 9))]) + perception.depth([Depth(again, (9, 9, 20, 20))])
    assert perception.forward_passes["depth"] == 1
    assert perception.detect([]) == []


def test_batches_have_one_shape_and_few_items_are_held() -> None:
    drawn = 0

    def items() -> Any:
        nonlocal drawn
        for i in range(100):
            drawn += 1
            yield i, {"pixels": torch.zeros(1, 1 + i % 20)}

    done: list[int] = []
    for batch in in_batches(items(), 4):
        assert len({tensors["pixels"].shape for _, tensors in batch}) == 1 and len(batch) <= 4
        assert drawn - len(done) <= 16
        done += [i for i, _ in batch]
    assert sorted(done) == list(range(100))


def test_memory_forgets_what_was_not_used_for_longest() -> None:
    memory = Memory(limit=250)
    rows = torch.zeros(100, 100, dtype=torch.uint8)
    memory.put("a", {"x": rows[0]})
    memory.put("b", {"x": rows[1]})
    assert memory.get("a") is not None
    memory.put("c", {"x": rows[2]})
    assert memory.get("b") is None and memory.get("a") is not None
    kept = memory.get("c")
    assert kept is not None and kept["x"].untyped_storage().nbytes() == 100  # not the batch it was a row of


def test_putting_twice_does_not_count_twice() -> None:
    memory = Memory(limit=250)
    for _ in range(5):
        memory.put("a", {"x": torch.zeros(100, dtype=torch.uint8)})
    memory.put("b", {"x": torch.zeros(100, dtype=torch.uint8)})
    assert memory.get("a") is not None and memory.get("b") is not None
