from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vispro_gym.datasets.options import list_options, one_line, shuffled

OPTIONS = st.lists(st.integers(), min_size=1, max_size=26, unique=True)


@given(OPTIONS, st.integers(0, 2**31), st.text(max_size=20), st.data())
def test_shuffled_options_are_the_same_ones(options: list[int], seed: int, sample_id: str, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, len(options) - 1))
    order, index = shuffled(options, right, seed, sample_id)
    assert sorted(order) == sorted(options) and order[index] == options[right]
    assert shuffled(options, right, seed, sample_id) == (order, index)


def test_every_place_is_as_likely() -> None:
    places = [shuffled("abcd", 0, seed, "7")[1] for seed in range(4_000)]
    assert all(900 < places.count(place) < 1_100 for place in range(4))
    assert shuffled("abcdefgh", 0, 0, "7") != shuffled("abcdefgh", 0, 0, "8"), "samples differ under one seed"


def test_a_query_with_options() -> None:
    assert list_options("Which?", ["a cup", "a mug"]) == "Which?\nA: a cup\nB: a mug"
    assert one_line(" a  cup\non\ta table ") == "a cup on a table"
