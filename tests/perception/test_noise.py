"""Noise: a function of the request alone, from nothing at all to blindness."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.perception.seeing import MeanPerception, ask, batches, picture
from vispro_gym.datasets import open_dataset
from vispro_gym.perception.noise import NoisePerception
from vispro_gym.perception.oracle import OraclePerception
from vispro_gym.perception.protocol import Answer, BackendError, Depth, Detect, Relate, Similarity, Verify
from vispro_gym.perception.vocabulary import attribute_categories

RATES: dict[str, Any] = {"miss": 0.3, "spurious": 0.4, "jitter": 0.2, "confuse": 0.5}
IMAGE = picture(0, (400, 300))
WHOLE = (0, 0, 400, 300)


class Fixed(MeanPerception):
    """Always sees the same."""

    def __init__(self, result: Any) -> None:
        super().__init__()
        self.result = result

    def _look(self, *_: Any) -> Any:
        return self.result


@given(batches, st.integers(0, 2**32), st.randoms())
def test_noise_does_not_depend_on_batch_and_order(batch: Any, seed: int, rng: random.Random) -> None:
    operation, requests = batch
    noisy = NoisePerception(MeanPerception(), **RATES, seed=seed)
    together = ask(noisy, operation, requests)
    order = list(range(len(requests)))
    rng.shuffle(order)
    fresh = NoisePerception(MeanPerception(), **RATES, seed=seed)
    alone = {i: ask(fresh, operation, [requests[i]])[0] for i in order}
    assert [alone[i] for i in range(len(requests))] == together
    assert ask(noisy, operation, requests[::-1]) == together[::-1]


@given(batches)
def test_without_any_rate_it_is_the_inner_backend(batch: Any) -> None:
    operation, requests = batch
    assert ask(NoisePerception(MeanPerception()), operation, requests) == ask(MeanPerception(), operation, requests)


@given(batches, st.integers(0, 99))
def test_miss_1_finds_nothing(batch: Any, seed: int) -> None:
    operation, requests = batch
    noisy = NoisePerception(MeanPerception(), miss=1.0, spurious=1.0, seed=seed)
    if operation in ("detect", "relate"):
        assert all(result == [] or str(result).startswith("error") for result in ask(noisy, operation, requests))


_IN_ANOTHER_PROCESS = """
import json
from tests.perception.test_noise import sample_of_results
print(json.dumps(sample_of_results()))
"""


def sample_of_results() -> list[Any]:
    noisy = NoisePerception(Fixed([(10.0, 10.0, 60.0, 60.0)] * 3), **RATES, seed=5)
    return [noisy.detect([Detect(IMAGE, WHOLE, f"cup {i}")])[0] for i in range(20)]


def test_noise_is_the_same_in_another_process() -> None:
    run = subprocess.run([sys.executable, "-c", _IN_ANOTHER_PROCESS], capture_output=True, text=True, check=True, timeout=120)
    assert json.loads(run.stdout) == json.loads(json.dumps(sample_of_results()))


def test_the_rates_are_the_rates() -> None:
    boxes = [(100.0, 100.0, 150.0, 150.0)]
    requests = [Detect(IMAGE, WHOLE, f"thing {i}") for i in range(2_000)]
    found = NoisePerception(Fixed(boxes), miss=0.3, seed=1).detect(requests)
    assert abs(sum(map(len, found)) / 2_000 - 0.7) < 0.05  # five standard errors
    found = NoisePerception(Fixed([]), spurious=0.3, seed=1).detect(requests)
    assert abs(sum(map(len, found)) / 2_000 - 0.3) < 0.05
    asked = [Verify(IMAGE, WHOLE, "cup", f"colour {i}") for i in range(2_000)]
    assert abs(sum(NoisePerception(Fixed(True), confuse=0.3, seed=1).verify(asked)) / 2_000 - 0.7) < 0.05
    depths = NoisePerception(Fixed(2.0), jitter=0.1).depth([Depth(IMAGE, (i, 0, 200, 200)) for i in range(150)])
    spread = [depth / 2.0 - 1.0 for depth in depths]
    assert abs((sum(x * x for x in spread) / len(spread)) ** 0.5 - 0.1) < 0.03


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 50))
def test_a_larger_rate_makes_the_same_errors_and_some_more(a: float, b: float, seed: int) -> None:
    few, many = (
        NoisePerception(Fixed([(float(i), 0.0, i + 5.0, 5.0) for i in range(8)]), miss=rate, seed=seed) for rate in sorted((a, b))
    )
    request = [Detect(IMAGE, WHOLE, "cup")]
    assert set(many.detect(request)[0]) <= set(few.detect(request)[0])


@given(st.floats(0, 5), st.integers(0, 50))
def test_boxes_stay_inside_the_picture(jitter: float, seed: int) -> None:
    noisy = NoisePerception(
        Fixed([(0.0, 0.0, 400.0, 300.0), (390.0, 290.0, 400.0, 300.0)]), jitter=jitter, spurious=1.0, seed=seed
    )
    for request in (Detect(IMAGE, (350, 250, 400, 300), "cup"), Relate(IMAGE, (350, 250, 400, 300), "on", None, "subject")):
        (boxes,) = ask(noisy, type(request).__name__.lower(), [request])
        assert len(boxes) == 3
        assert all(0 <= left < right <= 400 and 0 <= top < bottom <= 300 for left, top, right, bottom in boxes)


@pytest.mark.parametrize("answer", ["yes", "no", "red", "3", "0", "cup", "left", "cloudy", "xyzzy"])
def test_a_confused_answer_is_another_of_its_kind(answer: str) -> None:
    noisy = NoisePerception(Fixed(answer), confuse=1.0)
    replies = noisy.answer([Answer(IMAGE, WHOLE, f"question {i}") for i in range(30)])
    assert answer not in replies
    if answer in ("yes", "no", "left"):
        assert set(replies) == {{"yes": "no", "no": "yes", "left": "right"}[answer]}
    elif answer.isdecimal():
        assert {abs(int(reply) - int(answer)) for reply in replies} == {1}
    elif answer == "red":
        assert set(replies) <= attribute_categories()["color"]
    elif answer == "xyzzy":
        assert set(replies) == {"unknown"}
    else:
        assert len(set(replies)) > 1


def test_confused_scores_belong_to_other_texts() -> None:
    noisy = NoisePerception(Fixed([0.1, 0.9, 0.5]), confuse=1.0)
    (scores,) = noisy.similarity([Similarity(IMAGE, WHOLE, ("a", "b", "c"))])
    assert sorted(scores) == [0.1, 0.5, 0.9] and scores[1] != 0.9


@pytest.mark.parametrize("rates", [{"miss": -0.1}, {"spurious": 1.1}, {"confuse": float("nan")}, {"jitter": -1.0}])
def test_rates_outside_their_range(rates: Any) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(rates))}=.* Expected a number"):
        NoisePerception(MeanPerception(), **rates)


def test_over_annotations_no_picture_is_read(tmp_path: Any) -> None:
    dataset = open_dataset("CLEVR", split="val")
    image = dataset[0].images[0]
    noisy = NoisePerception(OraclePerception(), miss=0.5, seed=3)
    (boxes,) = noisy.detect([Detect(image, (0, 0, *image.size), "object")])
    (everything,) = OraclePerception().detect([Detect(image, (0, 0, *image.size), "object")])
    assert set(boxes) < set(everything)
    assert "content_hash" not in vars(image)
    assert noisy.needs_scenes and noisy.identity("detect") is None


def test_what_was_served_before_a_failure_is_spoiled_alike() -> None:
    class Failing(Fixed):
        def _serve(self, operation: str, requests: Any) -> list[Any]:
            raise BackendError("down", ["yes", None])

    requests = [Answer(IMAGE, WHOLE, f"question {i}") for i in range(3)]
    with pytest.raises(BackendError, match="down") as caught:
        NoisePerception(Failing("yes"), confuse=1.0).answer(requests)
    assert caught.value.served == ["no", None, None]


def test_over_models_equal_pictures_get_equal_noise_whatever_their_names() -> None:
    one, other = picture(0, (400, 300), "one"), picture(0, (400, 300), "other")
    noisy = NoisePerception(Fixed([(10.0, 10.0, 60.0, 60.0)]), jitter=0.3, miss=0.3)
    for i in range(20):
        assert noisy.detect([Detect(one, WHOLE, f"{i}")]) == noisy.detect([Detect(other, WHOLE, f"{i}")])
