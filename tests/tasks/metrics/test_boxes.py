from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.scene import Box, iou
from vispro_gym.tasks.metrics.boxes import from_xywh, iou_matrix, match_boxes, to_xywh, xywh

# a small grid, so that equal overlaps, equal boxes and partners by chance are frequent
EDGES = st.integers(0, 6)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    left, top = draw(EDGES), draw(EDGES)
    return (left, top, left + draw(st.integers(1, 4)), top + draw(st.integers(1, 4)))


LISTS = st.lists(boxes(), max_size=7)
THRESHOLDS = st.sampled_from([0.1, 0.3, 0.5, 0.75, 1.0])


class TestIou:
    @pytest.mark.parametrize(
        ("a", "b", "expected"),
        [
            ((0, 0, 10, 10), (0, 0, 10, 10), 1.0),
            ((0, 0, 10, 10), (0, 0, 10, 5), 0.5),
            ((0, 0, 10, 10), (5, 5, 15, 15), 25 / 175),
            ((0, 0, 10, 10), (10, 0, 20, 10), 0.0),
            ((0, 0, 10, 10), (2, 3, 4, 7), 0.08),
            ((-5, -5, 5, 5), (0, 0, 5, 5), 0.25),
            ((0.5, 0.5, 1.5, 1.5), (1, 0.5, 2, 1.5), 1 / 3),
            ((3, 3, 3, 3), (3, 3, 3, 3), 0.0),
            ((10, 10, 0, 0), (0, 0, 10, 10), 0.0),
        ],
    )
    def test_by_hand(self, a: Box, b: Box, expected: float) -> None:
        assert iou(a, b) == pytest.approx(expected)
        assert iou(b, a) == iou(a, b)

    @pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
    def test_boxes_that_are_none_overlap_nothing(self, bad: float) -> None:
        assert iou((0, 0, bad, 10), (0, 0, 10, 10)) == iou((bad, 0, 10, 10), (bad, 0, 10, 10)) == 0.0
        assert match_boxes([(0, 0, bad, bad)], [(0, 0, bad, bad)], ignored=[(0, 0, 5, bad)]).f1 == 0.0

    @given(LISTS, LISTS)
    def test_matrix_agrees_with_single_values(self, a: list[Box], b: list[Box]) -> None:
        matrix = iou_matrix(a, b)
        assert matrix.shape == (len(a), len(b))
        assert matrix.tolist() == [[iou(x, y) for y in b] for x in a]
        assert ((matrix >= 0) & (matrix <= 1)).all()
        np.testing.assert_array_equal(matrix.T, iou_matrix(b, a))


class TestMatch:
    def test_by_hand(self) -> None:
        gold: list[Box] = [(0, 0, 10, 10), (20, 0, 30, 10), (40, 0, 50, 10)]
        predicted: list[Box] = [(20, 0, 30, 8), (0, 0, 10, 6), (0, 0, 10, 9), (41, 0, 59, 10)]
        match = match_boxes(predicted, gold)
        # the first gold box goes to the better of its two candidates; 9 of 19 columns are not enough for the last
        assert match.pairs == ((2, 0, 0.9), (0, 1, 0.8))
        assert (match.precision, match.recall) == (2 / 4, 2 / 3)
        assert match.f1 == pytest.approx(2 * (2 / 4) * (2 / 3) / (2 / 4 + 2 / 3))
        assert match.mean_iou == pytest.approx(0.85)

    def test_threshold_is_included(self) -> None:
        assert match_boxes([(0, 0, 10, 5)], [(0, 0, 10, 10)], threshold=0.5).f1 == 1.0
        assert match_boxes([(0, 0, 10, 5)], [(0, 0, 10, 10)], threshold=0.51).f1 == 0.0

    def test_nothing_is_found_by_predicting_nothing(self) -> None:
        nothing = match_boxes([], [])
        assert nothing.precision == nothing.recall == nothing.f1 == nothing.mean_iou == 1.0
        for match in (match_boxes([(0, 0, 1, 1)], []), match_boxes([], [(0, 0, 1, 1)])):
            assert match.precision == match.recall == match.f1 == match.mean_iou == 0.0

    def test_crowds_excuse_what_has_no_partner(self) -> None:
        gold: list[Box] = [(0, 0, 10, 10)]
        crowd: list[Box] = [(100, 0, 200, 100)]
        inside: list[Box] = [(110, 10, 120, 20), (95, 0, 105, 10)]
        outside: list[Box] = [(94, 0, 104, 10)]
        assert match_boxes(gold + inside, gold, ignored=crowd).f1 == 1.0
        assert match_boxes(gold + inside, gold).precision == 1 / 3
        assert match_boxes(gold + outside, gold, ignored=crowd).precision == 0.5
        assert match_boxes(inside, [], ignored=crowd).f1 == 1.0
        # a crowd is nothing that must be found, and does not take a hit away
        assert match_boxes(gold, gold, ignored=crowd).recall == 1.0
        assert match_boxes(gold, gold, ignored=[(0, 0, 50, 50)]).f1 == 1.0

    @pytest.mark.parametrize("threshold", [0, -0.5, 1.5, math.nan])
    def test_rejects_thresholds(self, threshold: float) -> None:
        with pytest.raises(ValueError, match="above 0 and at most 1"):
            match_boxes([], [], threshold)

    @given(LISTS, THRESHOLDS)
    def test_gold_finds_itself(self, gold: list[Box], threshold: float) -> None:
        match = match_boxes(gold, gold, threshold)
        assert match.f1 == match.mean_iou == 1.0

    def test_equal_overlaps_do_not_depend_on_the_order(self) -> None:
        # a chain in which all neighbours overlap alike: who is paired first decides whether one or two pairs are found
        gold: list[Box] = [(0, 0, 4, 1), (4, 0, 8, 1)]
        predicted: list[Box] = [(2, 0, 6, 1), (6, 0, 10, 1)]
        orders = [(p, g) for p in (predicted, predicted[::-1]) for g in (gold, gold[::-1])]
        assert {match_boxes(p, g, 0.3).f1 for p, g in orders} == {match_boxes(g, p, 0.3).f1 for p, g in orders} == {1.0}

    @given(LISTS, LISTS, THRESHOLDS, st.randoms(use_true_random=False))
    def test_order_does_not_matter(self, predicted: list[Box], gold: list[Box], threshold: float, random: Any) -> None:
        one = match_boxes(predicted, gold, threshold)
        other = match_boxes(random.sample(predicted, len(predicted)), random.sample(gold, len(gold)), threshold)
        assert [overlap for *_, overlap in one.pairs] == [overlap for *_, overlap in other.pairs]
        assert (one.f1, one.precision, one.recall) == (other.f1, other.precision, other.recall)

    @given(LISTS, LISTS, THRESHOLDS)
    def test_precision_and_recall_change_places(self, predicted: list[Box], gold: list[Box], threshold: float) -> None:
        one, other = match_boxes(predicted, gold, threshold), match_boxes(gold, predicted, threshold)
        assert (one.precision, one.recall, one.f1) == (other.recall, other.precision, other.f1)

    @given(LISTS, LISTS, LISTS, THRESHOLDS)
    def test_is_one_to_one_and_bounded(self, predicted: list[Box], gold: list[Box], ignored: list[Box], threshold: float) -> None:
        match = match_boxes(predicted, gold, threshold, ignored)
        assert len({i for i, *_ in match.pairs}) == len({j for _, j, _ in match.pairs}) == len(match.pairs)
        assert all(overlap == iou(predicted[i], gold[j]) >= threshold for i, j, overlap in match.pairs)
        assert all(0.0 <= value <= 1.0 for value in (match.f1, match.precision, match.recall, match.mean_iou))
        assert match.f1 >= match_boxes(predicted, gold, threshold).f1


class TestXywh:
    def test_by_hand(self) -> None:
        assert from_xywh([10, 20, 30, 40]) == (10, 20, 40, 60)
        assert to_xywh((10, 20, 40, 60)) == [10, 20, 30, 40]

    @given(st.lists(st.floats(-1e4, 1e4), min_size=4, max_size=4))
    def test_round_trip(self, values: list[float]) -> None:
        assert to_xywh(from_xywh(values)) == pytest.approx(values, abs=1e-9)

    @pytest.mark.parametrize(
        "value",
        [
            None,
            [1, 2, 3],
            [1, 2, 3, 4, 5],
            [1, 2, -3, 4],
            [1, 2, 3, math.nan],
            [1, 2, math.inf, 4],
            ["1", 2, 3, 4],
            "1234",
            [True, 2, 3, 4],
        ],
    )
    def test_names_what_is_wrong(self, value: Any) -> None:
        with pytest.raises(DatasetError, match="record 7.*bbox.*Expected"):
            xywh({"bbox": value}, "record 7")
