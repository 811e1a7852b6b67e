from __future__ import annotations

import contextlib
import doctest
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vispro_gym.rewards import detection
from vispro_gym.rewards.detection import (
    IOU_THRESHOLDS,
    BoxBatch,
    box_counts,
    class_weights,
    confidence_targets,
    map_reward,
    recall_reward,
)

Box = tuple[float, float, float, float]
Labelled = tuple[tuple[int, int, int, int], int]
WEIGHTS = np.array([0.25, 1.0, 1.75])

# Few coordinates, so that identical boxes, equal overlaps and boxes without area are common.
spans = st.tuples(st.integers(0, 4), st.integers(0, 4)).map(sorted)
one_box = st.tuples(st.builds(lambda x, y: (x[0], y[0], x[1], y[1]), spans, spans), st.integers(0, 2))
some = st.lists(one_box, max_size=6)
cases = st.tuples(some, some)


def batch(*pictures: list[Labelled]) -> BoxBatch:
    return BoxBatch.of([([box for box, _ in picture], np.array([label for _, label in picture], int)) for picture in pictures])


def reward(predicted: list[Labelled], gold: list[Labelled], weights: NDArray[np.float64] = WEIGHTS) -> float:
    return float(map_reward(batch(predicted), batch(gold), weights)[0])


def one_dimensional(length: int) -> Labelled:
    """Overlaps `((0, 0, 100, 1), 0)` by `length` percent."""
    return (0, 0, length, 1), 0


def slow_iou(a: Box, b: Box) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def slow_reward(predicted: list[Labelled], gold: list[Labelled], weights: NDArray[np.float64], penalty: float = 0.3) -> float:
    """The paper's rule, threshold by threshold, with loops."""
    total = 0.0
    for threshold in (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95):
        groups: dict[int, list[int]] = {}
        for i, (box, label) in enumerate(predicted):
            overlaps = [slow_iou(box, other) if label == other_label else 0.0 for other, other_label in gold]
            above = [j for j, overlap in enumerate(overlaps) if overlap > threshold]
            if above:
                groups.setdefault(min(above, key=lambda j: (-overlaps[j], gold[j][0])), []).append(i)
        for j, members in groups.items():
            total += weights[gold[j][1]] - penalty * (len(members) - 1) * weights[gold[j][1]]
    return total / 10


def test_documentation() -> None:
    results = doctest.testmod(detection)
    assert (results.failed, results.attempted) == (0, 6)


def test_by_hand() -> None:
    gold = [((0, 0, 10, 10), 1), ((20, 0, 30, 10), 2)]
    # IoU 1, above all ten; 0.7, above four (0.5, 0.55, 0.6, 0.65), a duplicate; the wrong label; and nothing there
    predicted = [((0, 0, 10, 10), 1), ((0, 0, 7, 10), 1), ((20, 0, 30, 10), 0), ((50, 50, 60, 60), 2)]
    assert reward(predicted, gold) == pytest.approx(1.0 - 0.3 * 0.4)
    assert recall_reward(batch(predicted), batch(gold)) == pytest.approx([1 - 0.3 * 0.4])
    assert recall_reward(batch(predicted), batch(gold), duplicate_penalty=2) == pytest.approx([1 - 2 * 0.4])
    assert reward([*predicted, ((20, 0, 30, 10), 2)], gold) == pytest.approx(1.0 - 0.3 * 0.4 + 1.75)
    assert [int(count[0]) for count in box_counts(batch(predicted), batch(gold))] == [1, 1, 2, 2]
    assert [int(count[0]) for count in box_counts(batch(predicted), batch(gold), 0.7)] == [1, 0, 3, 2]
    assert confidence_targets(batch(predicted[::-1]), batch(gold)).tolist() == [[0, 0, 0, 1]]


def test_thresholds_are_exact_and_strict() -> None:
    assert IOU_THRESHOLDS == (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
    gold = [one_dimensional(100)]
    for percent in range(1, 101):
        levels = sum(percent > threshold for threshold in range(50, 100, 5))
        assert recall_reward(batch([one_dimensional(percent)]), batch(gold))[0] == levels / 10


@pytest.mark.parametrize("percent", range(50, 100, 5))
def test_each_threshold_counts_once(percent: int) -> None:
    # The two predictions are below and above the same one threshold: the reward grows by a tenth, whichever it is.
    # With results kept under thresholds of one decimal the ten steps are 0.1, 0, 0, 0.2, 0.2, 0, 0, 0.3, 0, 0.2.
    gold = batch([one_dimensional(100)])
    below, above = (recall_reward(batch([one_dimensional(length)]), gold)[0] for length in (percent, percent + 1))
    assert above - below == pytest.approx(0.1, abs=1e-12)
    # and a duplicate costs 0.3 of that
    exact = one_dimensional(100)
    below, above = (recall_reward(batch([exact, one_dimensional(length)]), gold)[0] for length in (percent, percent + 1))
    assert below - above == pytest.approx(0.03, abs=1e-12)


@given(cases)
def test_against_loops(case: tuple[list[Labelled], list[Labelled]]) -> None:
    predicted, gold = case
    assert reward(predicted, gold) == pytest.approx(slow_reward(predicted, gold, WEIGHTS), abs=1e-12)
    ones = np.ones(3)
    assert recall_reward(batch(predicted), batch(gold)) == pytest.approx([slow_reward(predicted, gold, ones)], abs=1e-12)


@given(cases, st.randoms(use_true_random=False))
def test_order_does_not_matter(case: tuple[list[Labelled], list[Labelled]], random: Any) -> None:
    predicted, gold = case
    places = list(range(len(predicted)))
    random.shuffle(places)
    shuffled = [predicted[i] for i in places]
    other = random.sample(gold, len(gold))
    assert reward(shuffled, other) == reward(predicted, gold)  # to the last bit
    for one, two in zip(box_counts(batch(shuffled), batch(other)), box_counts(batch(predicted), batch(gold)), strict=True):
        assert one.tolist() == two.tolist()
    targets, others = (confidence_targets(batch(p), batch(g))[0] for p, g in ((predicted, gold), (shuffled, other)))
    # the same for the same box; identical boxes share their targets
    assert sorted(zip(shuffled, others, strict=True)) == sorted(zip(predicted, targets, strict=True))


def test_ties() -> None:
    # The first prediction overlaps both gold boxes equally, the second is on the left one only. Were the first gold box of the
    # list taken, the reward would depend on the list: 0.6 + 1 or 1 - 0.3 * 0.6.
    left, right, between = ((0, 0, 4, 1), 0), ((1, 0, 5, 1), 0), ((0, 0, 5, 1), 0)
    gold = [left, right]
    assert slow_iou(between[0], left[0]) == slow_iou(between[0], right[0]) == 0.8
    expected = 1 - 0.3 * 0.6
    for order in (gold, gold[::-1]):
        assert recall_reward(batch([left, between]), batch(order)) == pytest.approx([expected])
        assert recall_reward(batch([between, left]), batch(order)) == pytest.approx([expected])
        assert recall_reward(batch([right, between]), batch(order)) == pytest.approx([1.6])
    # Identical gold boxes can be matched only once, and identical predictions are duplicates
    assert recall_reward(batch([left, left]), batch([left, left])) == pytest.approx([0.7])
    assert confidence_targets(batch([left, left]), batch([left, left])).tolist() == [[1.0, 0.0]]


@given(st.lists(cases, max_size=4))
def test_batch_is_one_by_one(pictures: list[tuple[list[Labelled], list[Labelled]]]) -> None:
    predicted, gold = batch(*(p for p, _ in pictures)), batch(*(g for _, g in pictures))
    assert len(predicted) == len(pictures)
    assert map_reward(predicted, gold, WEIGHTS).tolist() == [reward(*picture) for picture in pictures]
    assert recall_reward(predicted, gold).tolist() == [recall_reward(batch(p), batch(g))[0] for p, g in pictures]
    targets = confidence_targets(predicted, gold)
    assert targets.shape == predicted.labels.shape and not targets[predicted.labels < 0].any()
    counts = box_counts(predicted, gold)
    for i, (p, g) in enumerate(pictures):
        assert targets[i, : len(p)].tolist() == confidence_targets(batch(p), batch(g))[0].tolist()
        assert [count[i] for count in counts] == [count[0] for count in box_counts(batch(p), batch(g))]
    reverse = BoxBatch(predicted.boxes[::-1], predicted.labels[::-1]), BoxBatch(gold.boxes[::-1], gold.labels[::-1])
    assert map_reward(*reverse, WEIGHTS).tolist() == map_reward(predicted, gold, WEIGHTS)[::-1].tolist()


@given(cases)
def test_bounds_and_parts(case: tuple[list[Labelled], list[Labelled]]) -> None:
    predicted, gold = case
    value = float(recall_reward(batch(predicted), batch(gold))[0])
    assert -0.3 * max(len(predicted) - 1, 0) <= value <= len(gold)
    for threshold in (0.0, 0.5, 0.8):
        matched, duplicates, unmatched, annotated = (int(c[0]) for c in box_counts(batch(predicted), batch(gold), threshold))
        assert matched + duplicates + unmatched == len(predicted) and annotated == len(gold) and matched <= len(gold)
        targets = confidence_targets(batch(predicted), batch(gold), threshold)[0]
        assert np.count_nonzero(targets) == matched and (targets[targets > 0] > threshold).all() and targets.max(initial=0) <= 1
    # the reward is the mean of counts
    totals = [box_counts(batch(predicted), batch(gold), threshold) for threshold in IOU_THRESHOLDS]
    assert value == pytest.approx(np.mean([c.matched[0] - 0.3 * c.duplicates[0] for c in totals]), abs=1e-12)


@given(cases, st.data())
def test_what_more_predictions_do(case: tuple[list[Labelled], list[Labelled]], data: st.DataObject) -> None:
    predicted, gold = case
    before = reward(predicted, gold)
    assert reward([*predicted, ((100, 100, 110, 110), 0)], gold) == before  # an unmatched box changes nothing
    far = ((200, 0, 210, 10), data.draw(st.integers(0, 2)))
    missed = reward(predicted, [*gold, far])
    assert missed == before
    shift = data.draw(st.integers(0, 3))  # IoU 10/10, 9/11, 8/12, 7/13
    hit = ((200 + shift, 0, 210 + shift, 10), far[1])
    found = reward([*predicted, hit], [*gold, far])
    assert found > before
    worse = ((200 + shift, 0, 210 + shift, 10), far[1])
    assert reward([*predicted, hit, worse], [*gold, far]) < found
    assert reward([*predicted, hit, worse, ((300, 0, 310, 10), 1)], [*gold, far]) == reward(
        [*predicted, hit, worse], [*gold, far]
    )


@given(cases, st.integers(1, 1000))
def test_scale_does_not_matter(case: tuple[list[Labelled], list[Labelled]], scale: int) -> None:
    predicted, gold = (batch(boxes) for boxes in case)
    scaled = (BoxBatch(b.boxes * scale + scale, b.labels) for b in (predicted, gold))
    assert map_reward(*scaled, WEIGHTS).tolist() == map_reward(predicted, gold, WEIGHTS).tolist()


def test_boxes_without_area_and_huge_ones() -> None:
    gold = batch([((0, 0, 10, 10), 0), ((5, 5, 5, 5), 0)])
    for box in [(10, 10, 0, 0), (10, 0, 0, 10), (5, 5, 5, 5), (0, 0, 10, 0)]:
        assert recall_reward(batch([(box, 0)]), gold).tolist() == [0.0]
    huge = BoxBatch.of([([(-1e300, -1e300, 1e300, 1e300)], [0])])
    assert recall_reward(huge, huge).tolist() == [0.0]


def test_class_weights() -> None:
    # 1 / (1 + 0.05 * 4) : 1 / (3 + 0.05 * 4) = 8 : 3
    assert class_weights([1, 3]) == pytest.approx([16 / 11, 6 / 11])
    assert class_weights([5, 5, 5]).tolist() == pytest.approx([1, 1, 1])
    assert class_weights([1, 3], smoothing=0) == pytest.approx([1.5, 0.5])
    counts = np.random.default_rng(0).integers(0, 1000, 80)
    counts[:3] = 0
    assert class_weights(counts)[counts > 0].mean() == pytest.approx(1)
    assert class_weights([0, 1, 3])[1:] == pytest.approx([16 / 11, 6 / 11]), "classes that do not occur change nothing"
    assert class_weights(counts) == pytest.approx(class_weights(counts * 7))
    for bad in ([], [0, 0], [-1, 2], [float("nan")], [[1]]):
        with pytest.raises(ValueError, match="Expected a list of finite numbers of at least 0"):
            class_weights(bad)
    for smoothing, numbers in ((0, [0, 1]), (-1, [1]), (float("inf"), [1])):
        with pytest.raises(ValueError, match="smoothing"):
            class_weights(numbers, smoothing)


@pytest.mark.parametrize(
    ("boxes", "labels", "expected"),
    [
        ([(0, 0, 1)], [1], r"picture 1 has boxes of shape \(1, 3\)"),
        ([0, 0, 1, 1], [1], r"boxes of shape \(4,\)"),
        ([(0, 0, 1, 1)], [1, 2], r"labels of shape \(2,\). Expected \(1,\)"),
        ([(0, 0, 1, float("nan"))], [1], "NaN or infinity"),
        ([(0, 0, 1, 1)], [-1], "Expected integers of at least 0"),
        ([(0, 0, 1, 1)], [1.0], "Expected integers"),
        ([(0, 0, 1, 1)], [True], "Expected integers"),
    ],
)
def test_bad_pictures(boxes: Any, labels: Any, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        BoxBatch.of([([], []), (boxes, labels)])


def test_bad_batches() -> None:
    good = batch([((0, 0, 1, 1), 3)])
    for boxes, labels, expected in [
        (good.boxes.astype(np.float32), good.labels, "float32"),
        (good.boxes[0], good.labels, r"shape \(1, 4\)"),
        (good.boxes, good.labels[0], r"Expected int64 of shape \(1, 1\)"),
        (good.boxes * np.nan, good.labels, "NaN"),
        (good.boxes, good.labels - 5, "labels hold -2"),
    ]:
        with pytest.raises(ValueError, match=expected):
            BoxBatch(boxes, labels)
    with pytest.raises(ValueError, match="predicted has the label 3. Expected labels below 3"):
        map_reward(good, batch([]), WEIGHTS)
    with pytest.raises(ValueError, match="gold has the label 3"):
        map_reward(batch([]), good, WEIGHTS)
    with pytest.raises(ValueError, match="1 pictures have predictions, 2 have gold"):
        recall_reward(good, batch([], []))
    for function in (confidence_targets, box_counts):
        with pytest.raises(ValueError, match="threshold=1.0"):
            function(good, good, 1.0)


def test_against_cocoeval(realdata: Path) -> None:
    # Gold boxes, each moved a little at random: what COCOeval matches is what we match, as long as no prediction overlaps two
    # gold boxes of its label and no IoU is equal to a threshold, which is where the rules differ.
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    gold = json.loads((realdata / "coco" / "annotations" / "instances_val2014_100.json").read_text())
    kept: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for annotation in gold["annotations"]:
        alike = kept.setdefault((annotation["image_id"], annotation["category_id"]), [])
        if not annotation["iscrowd"] and all(slow_iou(corners(annotation), corners(other)) == 0 for other in alike):
            alike.append(annotation)
    rng = np.random.default_rng(0)
    results: list[dict[str, Any]] = []
    moved: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for group, alike in kept.items():
        moved[group] = []
        for annotation in alike:
            x, y, width, height = annotation["bbox"]
            x, y = x + width * rng.uniform(-0.2, 0.2), y + height * rng.uniform(-0.2, 0.2)
            box = {**annotation, "bbox": [x, y, width * rng.uniform(0.9, 1.1), height], "score": float(rng.random())}
            if sum(slow_iou(corners(box), corners(other)) > 0 for other in alike) == 1:
                moved[group].append(box)
                results.append({key: box[key] for key in ("image_id", "category_id", "bbox", "score")})
    assert len(results) > 300
    truth = COCO()
    truth.dataset = {**gold, "annotations": [annotation for alike in kept.values() for annotation in alike]}
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
        evaluation.params.areaRng, evaluation.params.areaRngLbl, evaluation.params.maxDets = [[0, 1e10]], ["all"], [10_000]
        evaluation.evaluate()
        evaluation.accumulate()
    found = {(e["image_id"], e["category_id"]): (e["dtMatches"] > 0).sum(1) for e in evaluation.evalImgs if e}
    groups = [group for group, alike in kept.items() if alike]
    assert set(found) == set(groups)
    predicted, annotated = (
        BoxBatch.of([([corners(box) for box in boxes[group]], np.zeros(len(boxes[group]), int)) for group in groups])
        for boxes in (moved, kept)
    )
    for t, threshold in enumerate(IOU_THRESHOLDS):
        counts = box_counts(predicted, annotated, threshold)
        assert counts.matched.tolist() == [found[group][t] for group in groups]
        assert not counts.duplicates.any()
    rewards = recall_reward(predicted, annotated)
    assert rewards == pytest.approx([found[group].sum() / 10 for group in groups], abs=1e-9)
    assert 0.3 < rewards.sum() / len(results) < 0.9
    # the recall of a category, mean over the thresholds, is the mean reward over its boxes
    recall = evaluation.eval["recall"][:, :, 0, 0].mean(0)
    for category, value in zip(evaluation.params.catIds, recall, strict=True):
        places = [i for i, (_, other) in enumerate(groups) if other == category]
        if places:
            assert rewards[places].sum() / sum(len(kept[groups[i]]) for i in places) == pytest.approx(value, abs=1e-9)


def corners(record: dict[str, Any]) -> Box:
    x, y, width, height = record["bbox"]
    return (x, y, x + width, y + height)
