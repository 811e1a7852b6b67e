"""What must hold for every registered environment of task rewards, on its mini data."""

from __future__ import annotations

import inspect
import json
import os
import pickle
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec, load_env_creator
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.utils.env_match import check_environments_match
from PIL import Image

from vispro_gym.datasets.errors import DatasetError, MissingDataError
from vispro_gym.envs.page import HEADINGS
from vispro_gym.envs.task_reward import Scored, TaskRewardEnv
from vispro_gym.registration import TASK_REWARDS, register_environments

IDS = [row.env_id for row in TASK_REWARDS]
SIZE = 64


def box(*edges: float, label: int = 0, score: float = 1) -> dict[str, Any]:
    return {"box": np.array(edges, np.float32), "label": label, "score": np.array(score, np.float32)}


def segments(labels: Any, numbers: Any, dtype: Any = np.int32) -> dict[str, Any]:
    return {name: np.full((SIZE, SIZE), value, dtype) for name, value in (("labels", labels), ("segments", numbers))}


def chroma(value: float, shape: tuple[int, ...] = (SIZE, SIZE, 2)) -> Any:
    return np.full(shape, value, np.float32)


NOTHING: dict[str, Any] = {
    "TaskReward-Detection-v0": (),
    "TaskReward-Panoptic-v0": segments(0, 0),
    "TaskReward-Colorization-v0": chroma(0),
    "TaskReward-Captioning-v0": "",
}
"""Actions that say nothing, and earn 0.0."""

OTHERS: dict[str, list[Any]] = {
    "TaskReward-Detection-v0": [(), (box(0, 0, SIZE, SIZE),), [box(9, 9, 2, 2), box(1, 1, 1, 5)], tuple([box(0, 0, 9, 9)] * 100)],
    "TaskReward-Panoptic-v0": [segments(0, 0), segments(0, 7), segments(1, 2), segments(3, 65535), segments(2, 0, np.uint8)],
    "TaskReward-Colorization-v0": [chroma(0), chroma(1), np.zeros((SIZE, SIZE, 2), np.int64)],
    "TaskReward-Captioning-v0": ["", "?!", "a", "kilowatt", "the the the the", "x" * 4096, "Ünïcödé \ud800 \0 日本"],
}
"""Actions that earn less than the annotation does."""

WRONG: dict[str, list[tuple[Any, type[Exception], str]]] = {
    "TaskReward-Detection-v0": [
        (None, TypeError, "the action is of type NoneType. Expected a list or tuple of {'box'"),
        ("boxes", TypeError, "of type str"),
        (box(0, 0, 1, 1), TypeError, "of type dict"),
        ([3], TypeError, "item 0 of the action is 3"),
        ([{"box": [0, 0, 1, 1], "label": 0}], TypeError, "item 0 of the action is"),
        ([box(0, 0, 1)], TypeError, "each box of the action has to be four numbers"),
        ([box(0, 0, 1, 1), box(0, 1, 1)], TypeError, "each box of the action has to be four numbers"),
        ([box(0, 0, 1, SIZE + 1)], ValueError, f"a box that is not from 0 to {SIZE}"),
        ([box(0, 0, 1, float("nan"))], ValueError, f"a box that is not from 0 to {SIZE}"),
        ([box(-1, 0, 1, 1)], ValueError, f"a box that is not from 0 to {SIZE}"),
        ([box(0, 0, 1, 1, score=1.5)], ValueError, "a score that is not from 0 to 1"),
        ([box(0, 0, 1, 1, score=float("nan"))], ValueError, "a score that is not from 0 to 1"),
        ([box(0, 0, 1, 1, label=-1)], ValueError, "labels from -1 to -1. Expected labels from 0 to"),
        ([box(0, 0, 1, 1, label=10**6)], ValueError, "Expected labels from 0 to"),
        ([box(0, 0, 1, 1, label="dog")], TypeError, "each label of the action has to be a number"),  # type: ignore[arg-type]
        ([box(0, 0, 1, 1, label=1.0)], TypeError, "labels of the action are of type float64. Expected integers"),  # type: ignore[arg-type]
        ([box(0, 0, 1, 1)] * 101, ValueError, "holds 101 boxes. Expected at most 100"),
    ],
    "TaskReward-Panoptic-v0": [
        (None, TypeError, "Expected {'labels': ..., 'segments': ...} with integers of shape"),
        ({"labels": np.zeros((SIZE, SIZE), np.int32)}, TypeError, "the action is {'labels'"),
        (segments(0, 0) | {"labels": [[0]]}, TypeError, "labels of the action is of type list"),
        (segments(0, 0) | {"labels": np.zeros((SIZE, SIZE))}, TypeError, "labels of the action is of type float64"),
        (
            segments(0, 0) | {"segments": np.zeros((SIZE, 3), np.int32)},
            ValueError,
            r"segments of the action has the shape \(64, 3\)",
        ),
        (segments(-1, 0), ValueError, "values from -1 to 0"),
        (segments(1000, 0), ValueError, "labels of the action has the shape .* and values from 0 to 1000"),
        (segments(1, 65536), ValueError, "from 0 to 65535"),
    ],
    "TaskReward-Colorization-v0": [
        (None, TypeError, "the action is of type NoneType. Expected an array of floats of shape"),
        ([[1, 2]], TypeError, "of type list"),
        (np.full((SIZE, SIZE, 2), "red"), TypeError, "of type <U3"),
        (chroma(0, (SIZE, SIZE)), ValueError, r"has the shape \(64, 64\)"),
        (chroma(128), ValueError, "holds NaN or values out of bounds"),
        (chroma(float("nan")), ValueError, "holds NaN or values out of bounds"),
        (chroma(float("-inf")), ValueError, "holds NaN or values out of bounds"),
    ],
    "TaskReward-Captioning-v0": [
        (None, TypeError, "the action is of type NoneType. Expected a str that holds a caption"),
        (b"a dog", TypeError, "of type bytes"),
        (["a dog"], TypeError, "of type list"),
        ("x" * 4097, ValueError, "has 4097 characters. Expected at most 4096"),
    ],
}


@pytest.fixture(params=IDS)
def env_id(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def env(env_id: str) -> Any:
    return gym.make(env_id, split="val", image_size=SIZE)


def unwrapped(env: Any) -> TaskRewardEnv:
    assert isinstance(env.unwrapped, TaskRewardEnv)
    return env.unwrapped


def test_check_env_has_nothing_to_say(env_id: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gym.make(env_id, split="val", image_size=SIZE).unwrapped)
        check_env(gym.make(env_id, render_mode="rgb_array", image_size=SIZE).unwrapped)


def test_the_default_split_has_mini_data(env_id: str) -> None:
    assert len(unwrapped(gym.make(env_id)).dataset) > 20


def test_the_spec_survives_json(env: Any) -> None:
    again = EnvSpec.from_json(env.spec.to_json())
    assert again == env.spec
    check_environments_match(env, gym.make(again), num_steps=3)


def test_registering_twice_is_harmless() -> None:
    register_environments()
    assert set(IDS) <= set(gym.registry)


def episodes(env_id: str, seed: int) -> str:
    """Everything that some seeded episodes show, as text."""
    env = gym.make(env_id, split="val", image_size=SIZE)
    observation, info = env.reset(seed=seed)
    env.action_space.seed(seed)
    said: list[Any] = []
    for i in range(4):
        sample = unwrapped(env).sample
        assert sample is not None
        action = env.action_space.sample() if i % 2 else unwrapped(env).answers(sample)[0]
        _, reward, terminated, truncated, final = env.step(action)
        final = {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in final.items()}
        said += [observation.tobytes().hex()[:: SIZE * 3], info, reward, terminated, truncated, final]
        observation, info = env.reset()
    return json.dumps(said)


def test_the_same_seed_gives_the_same_episodes_in_every_process(env_id: str) -> None:
    here = episodes(env_id, 7)
    assert here == episodes(env_id, 7) != episodes(env_id, 8)
    there = subprocess.run(
        [sys.executable, "-c", f"from tests.envs.test_task_reward import episodes; print(episodes({env_id!r}, 7))"],
        env=os.environ | {"PYTHONHASHSEED": "12345"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert there.stdout.strip() == here


def test_an_episode(env: Any) -> None:
    observation, info = env.reset(seed=3)
    assert env.observation_space.contains(observation) and observation.std() > 5, "the picture is blank"
    assert info == {"sample_id": unwrapped(env).sample.sample_id, "data": "mini"}  # type: ignore[union-attr]
    after, reward, terminated, truncated, later = env.step(NOTHING[env.spec.id])
    assert (after == observation).all() and (reward, terminated, truncated) == (0.0, True, False)
    assert info.items() <= later.items() and len(later) > len(info)


def test_a_sample_can_be_chosen_without_shifting_later_episodes(env: Any) -> None:
    env.reset(seed=0)
    _, free = env.reset()
    sample = unwrapped(env).dataset[5]
    observation, info = env.reset(seed=0, options={"sample_id": sample.sample_id})
    assert info["sample_id"] == sample.sample_id and (observation == unwrapped(env).observe(sample)).all()
    assert env.reset()[1] == free


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ([1], TypeError, r"options=\[1\] is no dict"),
        ({"sample": "1"}, ValueError, "unknown reset option 'sample'. Expected: 'sample_id'"),
        ({"sample_id": "nope"}, DatasetError, "has no sample 'nope'. Expected one of its 30 sample ids, such as"),
    ],
)
def test_wrong_reset_options_change_nothing(env: Any, options: Any, error: type[Exception], message: str) -> None:
    _, info = env.reset(seed=0)
    with pytest.raises(error, match=message):
        unwrapped(env).reset(options=options)
    assert unwrapped(env).sample.sample_id == info["sample_id"]  # type: ignore[union-attr]


def test_nothing_can_be_done_before_the_first_reset(env: Any) -> None:
    for call in (lambda: unwrapped(env).step(NOTHING[env.spec.id]), lambda: unwrapped(env).render()):
        unwrapped(env).render_mode = "rgb_array"
        with pytest.raises(gym.error.ResetNeeded, match="before reset"):
            call()
    assert unwrapped(env).sample is None


@pytest.mark.parametrize(
    ("env_id", "number"), [(env_id, i) for env_id in IDS for i in range(len(WRONG[env_id]))], indirect=["env_id"]
)
def test_invalid_actions_earn_nothing_and_end_nothing(env: Any, env_id: str, number: int) -> None:
    action, error, message = WRONG[env_id][number]
    env.reset(seed=0)
    single = unwrapped(env)
    with pytest.raises(error, match=message):
        single.step(action)
    assert single._episode is not None and not single._episode.has_ended
    sample = single.sample
    assert sample is not None
    with pytest.raises(error, match=message) as raised:
        single.score([sample] * 2, [NOTHING[env_id], action])
    assert raised.value.__notes__ == ["It is action 1 of 2, counted from 0."]
    if action is not None:
        with pytest.raises(error, match=message):
            single.metric({sample.sample_id: action}, [sample])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the space warns of values that it has to convert
        assert not single.action_space.contains(action)
    assert single.step(NOTHING[env_id])[1:4] == (0.0, True, False)


def test_the_annotation_earns_more_than_other_actions(env: Any, env_id: str) -> None:
    single = unwrapped(env)
    samples = single.dataset[:12]
    for sample in samples:
        answers = single.answers(sample)
        assert answers and all(single.action_space.contains(answer) for answer in answers)
        best, *others = single.score([sample] * (1 + len(OTHERS[env_id])), [answers[0], *OTHERS[env_id]])
        assert best.reward > max(other.reward for other in others)
    together = single.score(samples, [single.answers(sample)[0] for sample in samples])
    apart = [single.score([sample], single.answers(sample)[:1])[0] for sample in samples]
    assert data_equivalence([item.__dict__ for item in together], [item.__dict__ for item in apart]), "the others do not matter"
    assert all(isinstance(item, Scored) and type(item.reward) is float for item in together)
    assert single.score([], []) == []
    with pytest.raises(ValueError, match="1 actions were given for 2 samples"):
        single.score(samples[:2], [NOTHING[env_id]])


PERFECT = {
    "TaskReward-Detection-v0": {"AP": 1, "AP50": 1, "AR100": 1},
    "TaskReward-Panoptic-v0": {"PQ": 1, "SQ": 1, "RQ": 1},
    "TaskReward-Colorization-v0": {"chroma_error": 0},
    "TaskReward-Captioning-v0": {"BLEU-4": 1},
}


def test_the_metric_of_the_annotation_and_of_nothing(env: Any, env_id: str) -> None:
    single = unwrapped(env)
    answers = {sample.sample_id: single.answers(sample)[0] for sample in single.dataset}
    metric = single.metric(answers)
    assert {key: metric[key] for key in PERFECT[env_id]} == pytest.approx(PERFECT[env_id], abs=0.05)
    nothing = single.metric({})
    assert nothing == single.metric(dict.fromkeys(answers, NOTHING[env_id])), "what is missing counts as empty"
    assert all(value == 0 for key, value in nothing.items() if key != "chroma_error")
    half = dict(list(answers.items())[::2])
    headline = next(iter(PERFECT[env_id]))
    assert min(metric[headline], nothing[headline]) < single.metric(half)[headline] < max(metric[headline], nothing[headline])
    some = single.dataset[4:9]
    assert single.metric({sample.sample_id: answers[sample.sample_id] for sample in some}, some)[headline] == pytest.approx(
        PERFECT[env_id][headline], abs=0.05
    )
    for samples in (None, some):
        with pytest.raises(ValueError, match="predictions name 1 samples that were not asked, such as 'nope'"):
            single.metric({"nope": NOTHING[env_id]}, samples)


def test_frames(env_id: str) -> None:
    env = gym.make(env_id, split="val", image_size=SIZE, render_mode="rgb_array")
    env.reset(seed=1)
    frames = [env.render()]
    for action in (NOTHING[env_id], unwrapped(env).answers(unwrapped(env).sample)[0], OTHERS[env_id][-1]):  # type: ignore[arg-type]
        unwrapped(env).step(action)
        frames.append(env.render())
    assert all(frame.shape == (800, 800, 3) and frame.dtype == np.uint8 for frame in frames)  # type: ignore[union-attr]
    assert len({frame.tobytes() for frame in frames}) >= 3  # type: ignore[union-attr]
    with pytest.warns(UserWarning, match="needs a render mode"):
        assert gym.make(env_id).unwrapped.render() is None


def test_environments_can_be_pickled(env: Any) -> None:
    _, info = env.reset(seed=2)
    again = pickle.loads(pickle.dumps(unwrapped(env)))
    assert again.sample.sample_id == info["sample_id"]
    assert again.reset(seed=5)[1] == env.reset(seed=5)[1]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"image_size": 0}, ValueError, "image_size=0 is no size"),
        ({"image_size": True}, ValueError, "image_size=True is no size"),
        ({"render_mode": "human"}, ValueError, "render_mode='human' is unknown"),
        ({"images": "no"}, ValueError, "images='no' is unknown"),
        ({"split": "nope"}, MissingDataError, "has no split 'nope' in .*Expected annotations/"),
        ({"data_dir": "/nowhere"}, MissingDataError, "data_dir is '/nowhere', which does not exist. Expected the root folder"),
        ({"filter": {"annotated": 0}}, DatasetError, "no sample is left"),
        ({"filter": {"nope": 0}}, ValueError, "filter has the field 'nope'"),
        ({"ids": ["nope"]}, DatasetError, "ids names 1 samples"),
        ({"image_sise": 3}, TypeError, "image_sise"),
    ],
)
def test_wrong_options(env_id: str, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        load_env_creator(str(gym.spec(env_id).entry_point))(**({"split": "val"} | options))


def test_part_of_a_split(env_id: str) -> None:
    single = unwrapped(gym.make(env_id, split="val"))
    wanted = list(single.dataset.sample_ids)[3:5]
    assert unwrapped(gym.make(env_id, split="val", ids=wanted)).dataset.sample_ids == wanted
    (field,) = single.dataset.fields
    most = max(int(sample.fields[field]) for sample in single.dataset)
    few = unwrapped(gym.make(env_id, split="val", filter={field: {"min": most}})).dataset
    assert 0 < len(few) <= len(single.dataset)


@pytest.mark.parametrize("env_id", IDS)
def test_a_missing_picture_is_told_and_the_episode_goes_on(env_id: str, tmp_path: Path) -> None:
    official = unwrapped(gym.make(env_id, split="val")).dataset.location.root
    (tmp_path / "annotations").symlink_to(official / "annotations")
    (tmp_path / "val2017").mkdir()
    first, second = list(gym.make(env_id, split="val").unwrapped.dataset.sample_ids)[:2]  # type: ignore[attr-defined]
    (tmp_path / "val2017" / f"{int(first):012d}.jpg").symlink_to(official / "val2017" / f"{int(first):012d}.jpg")
    env = gym.make(env_id, split="val", data_dir=str(tmp_path))
    _, info = env.reset(seed=0, options={"sample_id": first})
    assert info["data"] == "official"
    with pytest.raises(MissingDataError, match=r"The picture .*\.jpg is missing"):
        env.unwrapped.reset(options={"sample_id": second})
    assert unwrapped(env).sample.sample_id == first  # type: ignore[union-attr]
    blank, _ = gym.make(env_id, split="val", data_dir=str(tmp_path), images="optional").reset(options={"sample_id": second})
    assert blank.max() > 200, "a grey canvas"


def test_the_class_docstring_is_a_documentation_page(env_id: str) -> None:
    cls = load_env_creator(str(gym.spec(env_id).entry_point))
    doc = cls.__doc__ or ""
    assert re.findall("^## (.*)$", doc, re.MULTILINE) == list(HEADINGS)
    assert "{" not in re.sub(r"`[^`]*`", "", doc), "a placeholder was left"
    arguments = doc.partition("## Arguments")[2]
    for name in [*inspect.signature(TaskRewardEnv).parameters, *inspect.signature(cls).parameters]:
        assert name == "options" or f"- `{name}`: " in arguments, name
    single = unwrapped(gym.make(env_id, split="val", image_size=SIZE))
    sample = single.dataset[0]
    information = doc.partition("## Information")[2].partition("## Arguments")[0]
    for key in single.score([sample], single.answers(sample)[:1])[0].details:
        assert f"`{key}`" in information, key
    page = (Path(__file__).parents[2] / "docs" / "environments.md").read_text(encoding="utf-8")
    assert f"## {env_id}\n" in page


def test_torch_is_not_imported() -> None:
    code = (
        "import sys, vispro_gym.envs.task_reward.vector; assert not {'torch', 'torchmetrics', 'pycocoevalcap'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_real_samples(realdata: Path, tmp_path: Path) -> None:
    """Official files; captions and segments are of pictures that are not there, or have none."""
    source = realdata / "coco"
    (tmp_path / "annotations" / "panoptic_val2017").mkdir(parents=True)
    (tmp_path / "val2017").symlink_to(source / "val2017")
    (tmp_path / "annotations" / "instances_val2017.json").symlink_to(source / "annotations" / "instances_val2017.json")
    (tmp_path / "annotations" / "captions_val2017.json").symlink_to(source / "annotations" / "captions_tiny.json")
    panoptic = json.loads((source / "annotations" / "panoptic_val2017.json").read_text())
    sizes = {image["id"]: (image["width"], image["height"]) for image in panoptic["images"]}
    panoptic["annotations"] = panoptic["annotations"][:8]
    for annotation in panoptic["annotations"]:  # boxes in place of the outlines, which only the PNG files have
        width, height = sizes[annotation["image_id"]]
        png = np.zeros((height, width, 3), np.uint8)
        for segment in sorted(annotation["segments_info"], key=lambda segment: -segment["area"]):
            x, y, w, h = segment["bbox"]
            png[y : y + h, x : x + w] = [segment["id"] >> shift & 255 for shift in (0, 8, 16)]
        Image.fromarray(png).save(tmp_path / "annotations" / "panoptic_val2017" / annotation["file_name"])
    (tmp_path / "annotations" / "panoptic_val2017.json").write_text(json.dumps(panoptic))
    for env_id, size in zip(IDS, (128, 8, 128, 8), strict=True):
        env = gym.make(env_id, split="val", data_dir=str(tmp_path), images="optional", image_size=SIZE)
        single = unwrapped(env)
        assert len(single.dataset) == size and env.reset(seed=0)[1]["data"] == "official"
        samples = single.dataset[:8]
        answers = {sample.sample_id: single.answers(sample)[0] for sample in samples}
        assert all(single.action_space.contains(answer) for answer in answers.values())
        metric = single.metric(answers, samples)
        assert {key: metric[key] for key in PERFECT[env_id]} == pytest.approx(
            PERFECT[env_id], abs=1.5 if "chroma_error" in metric else 0.01
        )
        best = single.score(samples, list(answers.values()))
        none = single.score(samples, [NOTHING[env_id]] * len(samples))
        assert all(one.reward >= other.reward == 0 for one, other in zip(best, none, strict=True))
        assert sum(item.reward for item in best) > 1
