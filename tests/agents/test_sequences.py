"""Answers as tokens: what comes back, what may stand where, and that all that may be written can be read."""

from __future__ import annotations

import json
import random
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import vispro_gym  # noqa: F401 (registers the environments)
from vispro_agents.sequences import BOX_TOKENS, BoxCodec, CaptionCodec, ChromaCodec, Codec, SegmentCodec
from vispro_agents.task_reward_setup import SequenceArgs, make_codec
from vispro_agents.vision_model import word_tokenizer
from vispro_gym.envs.task_reward import TaskRewardEnv

SIZE = 32
KINDS = ("Detection", "Panoptic", "Colorization", "Captioning")
SEEDS = st.integers(0, 2**32 - 1)


Both = tuple[TaskRewardEnv, Codec]


@pytest.fixture(scope="module", params=KINDS)
def both(request: pytest.FixtureRequest) -> Both:
    """An environment on mini data, and a codec of few tokens for it."""
    env_id = f"TaskReward-{request.param}-v0"
    env = gym.make(env_id, disable_env_checker=True, split="val", image_size=SIZE).unwrapped
    assert isinstance(env, TaskRewardEnv)
    return env, make_codec(env, SequenceArgs(bins=16, most_boxes=3, grid=4, caption_tokens=8))


def ones(tokens: list[int]) -> NDArray[np.float32]:
    return np.ones(len(tokens), np.float32)


def check_written(codec: Codec, tokens: list[int]) -> None:
    """A sequence that the model can write, and whose probability is not zero."""
    assert 0 < len(tokens) <= codec.length
    assert all(codec.allowed[place, token] for place, token in enumerate(tokens))
    assert codec.end not in tokens[:-1]
    assert len(tokens) == codec.length or tokens[-1] == codec.end


def remade(codec: Codec) -> Codec:
    arguments = json.loads(json.dumps(codec.settings()))
    return CaptionCodec(codec.tokenizer, **arguments) if isinstance(codec, CaptionCodec) else type(codec)(**arguments)


def written(codec: Codec, rng: np.random.Generator, stop: float) -> list[int]:
    """A random sequence of those that are allowed, with the end if it has one."""
    tokens: list[int] = []
    for row in codec.allowed:
        if row[codec.end] and rng.random() < stop:
            return [*tokens, codec.end]
        choices = np.flatnonzero(row)
        inside = choices[choices != codec.end]
        if not len(inside):
            return [*tokens, codec.end]
        tokens.append(int(rng.choice(inside)))
    return tokens


def test_a_codec_says_which_tokens_make_sense(both: Both) -> None:
    _, codec = both
    assert codec.allowed.shape == (codec.length, codec.vocabulary)
    assert codec.allowed.any(1).all(), "something can be written at each position"
    assert codec.supervised.shape == (codec.length,)
    assert 0 <= codec.start < codec.vocabulary
    assert 0 <= codec.end < codec.vocabulary


@settings(max_examples=25)
@given(seed=SEEDS, stop=st.sampled_from([0.0, 0.1, 0.5, 1.0]), certain=st.booleans())
def test_all_that_may_be_written_is_an_action(both: Both, seed: int, stop: float, certain: bool) -> None:
    (env, codec), rng = both, np.random.default_rng(seed)
    tokens = written(codec, rng, stop)
    check_written(codec, tokens)
    filled = tokens + [codec.end] * (codec.length - len(tokens))
    probs = rng.integers(0, 2, codec.length).astype(np.float32) if certain else rng.random(codec.length, np.float32)
    action = codec.decode(filled, probs)
    assert action in env.action_space
    (scored,) = env.score([env.dataset.sample(seed % len(env.dataset))], [action])
    assert np.isfinite(scored.reward)
    # what fills up says nothing, and neither does the end
    unfilled = tokens[:-1] if tokens[-1] == codec.end else tokens
    for other in (tokens, unfilled):
        np.testing.assert_equal(codec.decode(other, probs[: len(other)]), action)
    assert codec.text(tokens) == (action if isinstance(codec, CaptionCodec) else "")
    if isinstance(codec, BoxCodec):
        wanted = codec.confidence_targets(scored.details["confidence_targets"])
        assert np.flatnonzero(wanted.sum(1)).tolist() == [i for i in range(len(tokens)) if i % BOX_TOKENS == 5]


def test_annotations_can_be_written(both: Both) -> None:
    """All of the split: none has a probability of zero, and what is read again is worth more than nothing on the whole."""
    env, codec = both
    rewards = []
    for number, sample in enumerate(env.dataset):
        for answer in env.answers(sample):
            tokens = codec.encode(answer, random.Random(number))
            check_written(codec, tokens)
            action = codec.decode(tokens, ones(tokens))
            assert action in env.action_space
        rewards.append(env.score([sample], [action])[0].reward)
    assert np.mean(rewards) > 0.1


def test_settings_make_an_equal_codec(both: Both) -> None:
    env, codec = both
    other = remade(codec)
    assert (other.length, other.vocabulary) == (codec.length, codec.vocabulary)
    assert (other.end, other.start) == (codec.end, codec.start)
    assert np.array_equal(codec.allowed, other.allowed)
    assert np.array_equal(codec.supervised, other.supervised)
    assert other.settings() == codec.settings()
    rng = np.random.default_rng(0)
    for _ in range(5):
        tokens = written(codec, rng, 0.2)
        probs = rng.random(codec.length, np.float32)
        np.testing.assert_equal(other.decode(tokens, probs), codec.decode(tokens, probs))
    sample = env.dataset.sample(0)
    (answer, *_) = env.answers(sample)
    assert other.encode(answer, random.Random(1)) == codec.encode(answer, random.Random(1))


def boxes_of(rng: np.random.Generator, size: int, labels: int, count: int) -> tuple[dict[str, Any], ...]:
    edges = np.sort(rng.random((count, 2, 2)) * rng.choice([0.0, 0.5, 1.0, 1.5], (count, 1, 1)), axis=1).clip(0, 1) * size
    return tuple(
        {"box": box.ravel().astype(np.float32), "label": np.int64(rng.integers(labels)), "score": np.ones((), np.float32)}
        for box in edges
    )


@given(seed=SEEDS, size=st.integers(1, 500), bins=st.integers(1, 100), most=st.integers(1, 6), count=st.integers(0, 9))
def test_boxes_come_back_within_half_a_bin(seed: int, size: int, bins: int, most: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    codec = BoxCodec(size, 7, bins, most)
    answer = boxes_of(rng, size, 7, count)
    tokens = codec.encode(answer, random.Random(seed))
    check_written(codec, tokens)
    found = codec.decode(tokens, ones(tokens))
    assert len(found) == min(most, count)
    assert codec.encode(answer, random.Random(seed)) == tokens, "all chance comes from the generator"

    rest = list(answer)
    for item in found:
        same = [i for i, other in enumerate(rest) if other["label"] == item["label"]]
        gaps = {i: np.abs(rest[i]["box"] - item["box"]) for i in same}
        near = {i: gap.sum() for i, gap in gaps.items() if gap.max() <= size / bins / 2 * (1 + 1e-4)}
        assert near
        del rest[min(near, key=near.__getitem__)]  # each stands for one


def test_boxes_are_chosen_and_ordered_by_chance() -> None:
    codec = BoxCodec(10, 5, 8, 2)
    answer = boxes_of(np.random.default_rng(0), 10, 5, 3)
    labelled = tuple(item | {"label": np.int64(label)} for label, item in enumerate(answer))
    orders = {
        tuple(int(item["label"]) for item in codec.decode(tokens, ones(tokens)))
        for tokens in (codec.encode(labelled, random.Random(seed)) for seed in range(100))
    }
    assert orders == {(a, b) for a in range(3) for b in range(3) if a != b}


@given(seed=SEEDS)
def test_scores_are_the_probability_of_a_right_box(seed: int) -> None:
    """Of its label, and that it is right if that was learned; whichever of "right" and "wrong" was written."""
    rng = np.random.default_rng(seed)
    codec = BoxCodec(16, 3, 8, 4, is_confident=bool(seed % 2))
    tokens = written(codec, rng, 0.1)
    probs = rng.random(codec.length, np.float32)
    for i, item in enumerate(codec.decode(tokens, probs)):
        _, _, _, _, _, sure = tokens[BOX_TOKENS * i : BOX_TOKENS * (i + 1)]
        right = probs[BOX_TOKENS * i + 5] if sure == codec.vocabulary - 1 else 1 - probs[BOX_TOKENS * i + 5]
        expected = probs[BOX_TOKENS * i + 4] * (right if codec.is_confident else 1)
        assert item["score"] == pytest.approx(expected, abs=1e-6)
        assert 0.0 <= item["score"] <= 1.0


@given(targets=st.lists(st.floats(0, 1), max_size=4))
def test_confidence_targets_are_distributions_of_right_and_wrong(targets: list[float]) -> None:
    codec = BoxCodec(16, 3, 8, 4)
    wanted = codec.confidence_targets(targets)
    assert wanted.shape == codec.allowed.shape
    assert (wanted >= 0).all()
    assert not wanted[~codec.allowed].any(), "what cannot be written is not asked for"
    places = [BOX_TOKENS * i + 5 for i in range(len(targets))]
    assert not np.delete(wanted, places, 0).any()
    np.testing.assert_allclose(wanted[places].sum(1), 1.0, rtol=1e-6)
    np.testing.assert_allclose(wanted[places, -1], targets, atol=1e-6)


def spread(cells: NDArray[np.int32], size: int) -> NDArray[np.int32]:
    """Maps whose cells have these values."""
    places = np.arange(size) * len(cells) // size
    return cells[places][:, places]


@given(seed=SEEDS, grid=st.integers(1, 6), scale=st.floats(2, 9), most=st.integers(1, 3))
def test_segments_come_back_at_the_grid(seed: int, grid: int, scale: float, most: int) -> None:
    rng, size = np.random.default_rng(seed), int(np.ceil(grid * scale))
    codec = SegmentCodec(size, [2, 5], [1, 7], grid, most)
    labels = rng.choice([0, 1, 1, 2, 3, 5, 7], (grid, grid)).astype(np.int32)  # 3 is a label that the codec does not know
    segments = rng.integers(1, 6, (grid, grid)).astype(np.int32)
    answer = {"labels": spread(labels, size), "segments": spread(segments, size)}
    tokens = codec.encode(answer, random.Random(0))
    check_written(codec, tokens)
    found = codec.decode(tokens, ones(tokens))
    assert all(found[name].dtype == np.int32 and found[name].shape == (size, size) for name in ("labels", "segments"))

    # by hand: numbers from 1 in reading order, those beyond `most` and unknown labels are void, those of stuff do not count
    seen: dict[int, list[int]] = {1: [], 7: []}
    expected = np.zeros((2, grid, grid), np.int32)
    for row in range(grid):
        for column in range(grid):
            label, segment = int(labels[row, column]), int(segments[row, column])
            if label in seen:
                if segment not in seen[label]:
                    seen[label].append(segment)
                number = seen[label].index(segment) + 1
                expected[:, row, column] = (label, number) if number <= most else (0, 0)
            elif label in (2, 5):
                expected[:, row, column] = (label, 0)
    assert np.array_equal(found["labels"], spread(expected[0], size))
    assert np.array_equal(found["segments"], spread(expected[1], size))
    assert codec.encode(found, random.Random(0)) == tokens


def palette() -> NDArray[np.float64]:
    """Grey, and twelve hues in three strengths."""
    hues = np.arange(12) * np.pi / 6
    return np.array([(0.0, 0.0), *((c * np.cos(hue), c * np.sin(hue)) for c in (12, 30, 55) for hue in hues)])


@given(seed=SEEDS, grid=st.integers(1, 5), factor=st.integers(1, 5), reach=st.sampled_from([5.0, 40.0, 127.0]))
def test_chroma_is_written_in_the_nearest_colours(seed: int, grid: int, factor: int, reach: float) -> None:
    rng, size = np.random.default_rng(seed), grid * factor
    codec = ChromaCodec(size, grid)
    answer = rng.uniform(-reach, reach, (size, size, 2)).astype(np.float32)
    tokens = codec.encode(answer, random.Random(0))
    check_written(codec, tokens)
    means = answer.astype(np.float64).reshape(grid, factor, grid, factor, 2).mean((1, 3)).reshape(-1, 1, 2)
    distances = np.linalg.norm(means - palette(), axis=-1)
    chosen = np.array(tokens) - 2
    np.testing.assert_allclose(distances[np.arange(len(chosen)), chosen], distances.min(1), atol=1e-3)
    # where nothing is resized, the colours come back as they are
    exact = ChromaCodec(grid, grid)
    colors = exact.decode(tokens, ones(tokens))
    np.testing.assert_allclose(colors.reshape(-1, 2), palette()[chosen], atol=1e-4)
    assert exact.encode(colors, random.Random(0)) == tokens


@given(color=st.integers(0, 36), grid=st.integers(1, 5), size=st.integers(1, 70))
def test_one_colour_stays_one_colour_at_any_size(color: int, grid: int, size: int) -> None:
    codec = ChromaCodec(size, grid)
    tokens = [color + 2] * grid**2
    found = codec.decode(tokens, ones(tokens))
    assert (found.dtype, found.shape) == (np.float32, (size, size, 2))
    np.testing.assert_allclose(found, np.broadcast_to(palette()[color], found.shape), atol=1e-3)
    assert codec.encode(found, random.Random(0)) == tokens


def test_chroma_of_cells_stays_where_it_is() -> None:
    """Rows are rows: the middle of each cell has its colour, whatever is around it."""
    tokens = [2, 10, 20, 30]
    found = ChromaCodec(20, 2).decode(tokens, ones(tokens))
    for token, (row, column) in zip(tokens, [(0, 0), (0, 19), (19, 0), (19, 19)], strict=True):
        np.testing.assert_allclose(found[row, column], palette()[token - 2], atol=1e-3)


WORDS = ("a", "red", "cup", "on", "the", "table", "dogs", "2", "café")


@given(st.lists(st.sampled_from(WORDS), max_size=9), st.integers(1, 8))
def test_words_survive_and_long_captions_are_cut(words: list[str], length: int) -> None:
    codec = CaptionCodec(word_tokenizer([" ".join(WORDS)]), length)
    assert (codec.end, codec.start) == (1, 0)
    tokens = codec.encode(", ".join(words).capitalize() + ".", random.Random(0))
    check_written(codec, tokens)
    assert len(tokens) == min(len(words), length - 1) + 1
    assert codec.decode(tokens, ones(tokens)) == " ".join(words[: length - 1]) == codec.text(tokens)


@pytest.mark.parametrize("caption", ["", "...", "Zebras!", "a red zebra", "a [START] cup", "a [END] cup"])
def test_unknown_words_are_written_as_something_possible(caption: str) -> None:
    """Otherwise the annotation has a probability of zero, and its loss is infinite."""
    codec = CaptionCodec(word_tokenizer([" ".join(WORDS)]), 8)
    tokens = codec.encode(caption, random.Random(0))
    check_written(codec, tokens)
    known = [word for word in caption.lower().replace("[", "").replace("]", "").split() if word in WORDS]
    assert codec.decode(tokens, ones(tokens)).split()[: len(known)] == known


def test_every_word_of_a_large_split_has_a_token() -> None:
    words = [f"w{number}" for number in range(30_500)]  # COCO's training captions have about as many
    assert len(word_tokenizer(words)) == len(words) + 3
