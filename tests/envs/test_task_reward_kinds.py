"""What is particular about each environment of task rewards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vispro_gym.datasets.mini.still_lifes import write_still_lifes
from vispro_gym.datasets.scene import iou
from vispro_gym.envs import CaptioningEnv, ColorizationEnv, DetectionEnv, PanopticEnv
from vispro_gym.envs.episode import letterbox
from vispro_gym.envs.task_reward.base import Placement
from vispro_gym.rewards.colorization import colorfulness, lab_of, rgb_of

SIZE = 96


@given(st.integers(1, 900), st.integers(1, 900), st.integers(1, 300))
@settings(max_examples=60)
def test_placements_are_where_pictures_are_put(width: int, height: int, side: int) -> None:
    place = Placement.of((width, height), side)
    square = letterbox(np.full((height, width, 3), 255, np.uint8), side)
    expected = np.zeros((side, side), bool)
    expected[place.area] = True
    assert ((square[..., 0] > 0) == expected).all()


@pytest.fixture(scope="module")
def detection() -> DetectionEnv:
    return DetectionEnv("val", image_size=SIZE)


def scored(env: Any, sample: Any, action: Any) -> Any:
    (item,) = env.score([sample], [action])
    return item


def test_boxes_are_moved_into_the_observation(detection: DetectionEnv) -> None:
    for sample in detection.dataset[:10]:
        (action,) = detection.answers(sample)
        boxes = [tuple(item["box"].tolist()) for item in action]
        for i, gold in enumerate(sample.target.boxes):
            for j, other in enumerate(sample.target.boxes):
                assert iou(boxes[i], boxes[j]) == pytest.approx(iou(gold, other), abs=1e-4), "IoU does not change"


def test_what_detections_earn(detection: DetectionEnv) -> None:
    sample = next(sample for sample in detection.dataset if len(sample.target.labels) >= 3)
    n = len(sample.target.labels)
    (right,) = detection.answers(sample)
    assert scored(detection, sample, right).reward == pytest.approx(n)
    missing = scored(detection, sample, right[1:])
    assert missing.reward == pytest.approx(n - 1) and missing.details["recall"] == pytest.approx([(n - 1) / n] * 10)
    duplicate = scored(detection, sample, [right[0], *right])
    assert duplicate.reward == pytest.approx(n - 0.3) and duplicate.details["duplicates"] == 1
    nowhere = {"box": [0, 0, 0, 0], "label": 0, "score": 0.5}
    free = scored(detection, sample, [nowhere, *right])
    assert free.reward == pytest.approx(n) and free.details["unmatched"] == 1
    assert free.details["confidence_targets"] == pytest.approx([0.0] + [1.0] * n, abs=1e-3)
    for score in (0.0, 0.25):
        assert scored(detection, sample, [item | {"score": score} for item in right]).reward == pytest.approx(n)
    wrong_label = [item | {"label": (item["label"] + 1) % len(detection.categories)} for item in right]
    assert scored(detection, sample, wrong_label).reward < n / 2


def test_rare_classes_count_more_for_map() -> None:
    env = DetectionEnv("train", reward="map", image_size=SIZE)
    counts = np.array(env.dataset.counts)
    weights = 1 / (counts + 0.05 * counts.sum())
    weights /= weights[counts > 0].mean()
    for sample in env.dataset[:10]:
        reward = scored(env, sample, env.answers(sample)[0]).reward
        assert reward == pytest.approx(sum(weights[list(sample.target.labels)]))
    with pytest.raises(ValueError, match="reward='mAP' is unknown. Expected one of: 'recall', 'map'"):
        DetectionEnv(reward="mAP")


def test_scores_decide_the_metric_but_not_the_reward(detection: DetectionEnv) -> None:
    good, bad = {}, {}
    for sample in detection.dataset:
        (right,) = detection.answers(sample)
        wrong = [{"box": [0, 0, 5, 5], "label": item["label"], "score": 0.5} for item in right]
        good[sample.sample_id] = [*right, *wrong]
        bad[sample.sample_id] = [*(item | {"score": 0.1} for item in right), *wrong]
    assert detection.metric(good)["AP"] > 0.99 > 0.8 > detection.metric(bad)["AP"]
    assert detection.categories[0] == detection.dataset.categories[0].name


@pytest.fixture(scope="module")
def panoptic() -> PanopticEnv:
    return PanopticEnv("val", image_size=SIZE)


def test_what_segments_earn(panoptic: PanopticEnv) -> None:
    sample = next(sample for sample in panoptic.dataset if len(sample.target.labels) >= 4)
    (right,) = panoptic.answers(sample)
    best = scored(panoptic, sample, right)
    n = best.details["matched"]
    assert best.reward == n == best.details["iou"] and best.details["unmatched"] == best.details["missed"] == 0
    renumbered = right | {"segments": 65535 - right["segments"]}
    assert scored(panoptic, sample, renumbered) == best, "numbers are names; those of stuff do not count"
    stuff = [k for k, category in enumerate(panoptic.dataset.categories, 1) if not category.is_thing]
    things = [k for k, category in enumerate(panoptic.dataset.categories, 1) if category.is_thing]
    left = np.where(np.isin(right["labels"], stuff), np.arange(SIZE) // 9, right["segments"]).astype(np.int32)
    assert scored(panoptic, sample, right | {"segments": left}) == best
    some = next(k for k in things if (right["labels"] == k).any())
    without = right | {"labels": np.where(right["labels"] == some, 0, right["labels"])}
    assert scored(panoptic, sample, without).details["missed"] >= 1
    assert scored(panoptic, sample, without).reward <= n - 1
    other = next(k for k in things if k != some and not (right["labels"] == k).any())
    wrong = scored(panoptic, sample, right | {"labels": np.where(right["labels"] == some, other, right["labels"])})
    assert wrong.reward <= n - 1.5 and wrong.details["unmatched"] >= 1


def test_segments_are_put_where_the_picture_is(panoptic: PanopticEnv) -> None:
    for sample in panoptic.dataset[:5]:
        gold = panoptic.answers(sample)[0]["labels"]
        place = Placement.of(sample.images[0].size, SIZE)
        inside = np.zeros((SIZE, SIZE), bool)
        inside[place.area] = True
        assert not gold[~inside].any()
        pixels = sample.target.pixels()[..., 0]
        shares = [(gold[inside] == k).mean() - (pixels == k).mean() for k in np.unique(pixels)]
        assert np.abs(shares).max() < 0.02


@pytest.fixture(scope="module")
def colorization() -> ColorizationEnv:
    return ColorizationEnv("val", image_size=SIZE)


def test_the_lightness_is_shown(colorization: ColorizationEnv) -> None:
    sample = colorization.dataset[0]
    observation = colorization.observe(sample)
    picture = letterbox(sample.images[0].pixels(), SIZE)
    assert np.abs(observation[..., 0] / 2.55 - lab_of(picture[None])[0, ..., 0]).max() < 1e-4


def test_what_colours_earn(colorization: ColorizationEnv) -> None:
    sample = colorization.dataset[0]
    right = scored(colorization, sample, colorization.answers(sample)[0])
    assert right.details["chroma_error"] < 1 and 0 < right.reward == right.details["vivid"] * right.details["hue_entropy"]
    turn = np.linspace(0, 2 * np.pi, SIZE, endpoint=False)
    rainbow = np.stack([np.cos(turn), np.sin(turn)], 1)[None].repeat(SIZE, 0).astype(np.float32)
    vivid = scored(colorization, sample, 40 * rainbow)
    assert right.reward < vivid.reward < np.log(7) and vivid.details["chroma_error"] > 10
    assert scored(colorization, sample, 5 * rainbow).reward == 0, "too dull"
    one_hue = np.full((SIZE, SIZE, 2), (40, 0), np.float32)
    assert scored(colorization, sample, one_hue).reward < 0.3


def test_colours_count_as_a_screen_shows_them(colorization: ColorizationEnv) -> None:
    """Beyond what sRGB has, a colour is what is shown instead, and nothing where that is lighter or darker than the picture."""
    sample = colorization.dataset[0]
    inside = Placement.of(sample.images[0].size, SIZE).area
    lightness = colorization.observe(sample)[None] / np.float32(2.55)
    strong = np.random.default_rng(0).choice([-128, -30, 30, 127], (SIZE, SIZE, 2)).astype(np.float32)
    shown = lab_of(rgb_of(np.concatenate([lightness, strong[None]], 3)))
    kept = np.abs(shown[0, ..., 0] - lightness[0, ..., 0]) <= 5
    assert 0.05 < kept.mean() < 0.95
    found = scored(colorization, sample, strong)
    counted = np.where(kept[..., None], shown[..., 1:], 0)
    assert found.reward == pytest.approx(colorfulness(counted[:, *inside])[0], abs=0.02)  # the lightness was rounded
    outside = strong.copy()
    outside[inside] = 0
    assert scored(colorization, sample, outside).reward == 0, "only the picture counts"


@pytest.mark.parametrize("lightness", [0, 255])
def test_black_and_white_cannot_be_painted_over(tmp_path: Path, lightness: int) -> None:
    write_still_lifes(tmp_path, {"val2017": (1, 1)})
    Image.new("RGB", (128, 128), (lightness,) * 3).save(tmp_path / "val2017" / "000000000001.jpg")
    env = ColorizationEnv("val", data_dir=tmp_path, image_size=SIZE)
    strong = np.random.default_rng(0).choice([-128, 127], (SIZE, SIZE, 2)).astype(np.float32)
    assert scored(env, env.dataset[0], strong).reward == 0


@pytest.fixture(scope="module")
def captioning() -> CaptioningEnv:
    return CaptioningEnv("val", image_size=SIZE)


def test_what_captions_earn(captioning: CaptioningEnv) -> None:
    sample = captioning.dataset[0]
    own, *_ = captioning.answers(sample)
    right = scored(captioning, sample, own)
    assert 0 < right.reward <= 10 and right.details == {"words": len(own.split())}
    assert scored(captioning, sample, own.upper().replace(".", " !?")) == right, "case and punctuation do not matter"
    assert scored(captioning, sample, f"{own} {own}").reward < right.reward, "nor does saying it twice help"
    other = next(s for s in captioning.dataset if s.target[0] not in sample.target)
    assert scored(captioning, sample, other.target[0]).reward < right.reward


def test_phrases_are_counted_over_the_whole_split_and_kept(captioning: CaptioningEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    part = CaptioningEnv("val", ids=[captioning.dataset.sample_ids[0]])
    expected = scored(captioning, part.dataset[0], part.answers(part.dataset[0])[0])
    assert captioning.frequencies.documents == len(captioning.dataset)

    def fail(self: Any) -> Any:
        raise AssertionError("counted again")

    monkeypatch.setattr(CaptioningEnv, "_references", fail)
    assert scored(part, part.dataset[0], part.answers(part.dataset[0])[0]) == expected


def test_the_metric_agrees_with_the_rewards(captioning: CaptioningEnv) -> None:
    """Over the whole split the metric counts phrases as the reward does."""
    answers = {sample.sample_id: captioning.answers(sample)[-1] for sample in captioning.dataset}
    rewards = [scored(captioning, sample, answers[sample.sample_id]).reward for sample in captioning.dataset]
    assert captioning.metric(answers)["CIDEr"] == pytest.approx(np.mean(rewards))
