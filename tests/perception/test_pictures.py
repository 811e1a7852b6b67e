"""Pictures of a batch: read once, cut to whole pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.perception.seeing import picture
from vispro_gym.datasets.sample import ImageRef
from vispro_gym.perception.pictures import Pictures, pixel_box, request_key, serve_distinct
from vispro_gym.perception.protocol import BackendError, Depth, Detect

_sides = st.floats(-1e6, 1e6)


@given(st.tuples(_sides, _sides, _sides, _sides), st.tuples(st.integers(1, 500), st.integers(1, 500)))
def test_a_pixel_box_is_inside_and_not_empty(box: Any, size: tuple[int, int]) -> None:
    left, top, right, bottom = pixel_box(box, size)
    assert 0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]


@given(st.data())
def test_whole_pixels_stay_as_they_are(data: st.DataObject) -> None:
    left, top = data.draw(st.integers(0, 98)), data.draw(st.integers(0, 48))
    right, bottom = data.draw(st.integers(left + 1, 100)), data.draw(st.integers(top + 1, 50))
    assert pixel_box((left, top, right, bottom), (100, 50)) == (left, top, right, bottom)


def test_every_picture_is_read_once_and_every_part_cut_once() -> None:
    reads: list[str] = []

    def ref(name: str) -> ImageRef:
        pixels = picture(1).pixels()

        def load() -> Any:
            reads.append(name)
            return pixels

        image = ImageRef(name, (24, 16), load)
        image.content_hash = "same"
        return image

    pictures, a, b = Pictures(), ref("a"), ref("b")
    part = pictures.part(a, (3, 4, 10, 12))
    assert pictures.part(b, (3.2, 4.0, 10.4, 12.0)) is part
    assert np.array_equal(np.asarray(part), picture(1).pixels()[4:12, 3:10])
    assert part.size == (7, 8) and part.mode == "RGB"
    pictures.part(b, (0, 0, 24, 16))
    assert reads == ["a"]


def test_equal_requests_are_served_once_and_in_order() -> None:
    image, same, other = picture(1), picture(1, name="again"), picture(2)
    requests = [Depth(image, (0, 0, 9, 9)), Depth(other, (0, 0, 9, 9)), Depth(same, (0, 0, 9.2, 9)), Depth(image, (0, 0, 8, 9))]
    served: list[int] = []

    def serve(distinct: list[Depth]) -> list[float]:
        served.append(len(distinct))
        return [float(i) for i in range(len(distinct))]

    assert serve_distinct(requests, serve) == [0.0, 1.0, 0.0, 2.0] and served == [3]
    assert request_key(requests[0]) == request_key(requests[2]) != request_key(Detect(image, (0, 0, 9, 9), ""))


def test_what_is_held_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vispro_gym.perception.pictures._MOST_PIXELS", 1_000)
    pictures = Pictures()
    for i in range(20):
        part = pictures.part(picture(i), (0, 0, 10, 10))
        assert np.array_equal(np.asarray(part), picture(i).pixels()[:10, :10])
        assert sum(w.shape[0] * w.shape[1] for w in pictures._pixels.values()) + 100 * len(pictures._parts) <= 1_000
    assert pictures.pixels(picture(3)).shape == (16, 24, 3)


def test_what_was_served_before_a_failure_is_put_in_order() -> None:
    requests = [Depth(picture(i % 2), (0, 0, 9, 9)) for i in range(4)]

    def serve(distinct: list[Depth]) -> list[float]:
        raise BackendError("down", [1.0])

    with pytest.raises(BackendError, match="down") as caught:
        serve_distinct(requests, serve)
    assert caught.value.served == [1.0, None, 1.0, None]
