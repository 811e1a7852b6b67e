"""Options, errors and details of the environment class, on a hand-made dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scenes import NamePerception, write_gqa_folder
from vispro_gym.datasets import DatasetError, open_dataset
from vispro_gym.envs import VisualProgramEnv
from vispro_gym.envs.episode import letterbox
from vispro_gym.tasks import VisualQuestionAnswering


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gqa_folder(tmp_path_factory.mktemp("gqa"))


def make(folder: Path, **options: Any) -> Any:
    return gym.make("VisProg-GQA-v0", **({"data_dir": str(folder), "split": "val"} | options))


def test_live_objects_can_be_passed(folder: Path) -> None:
    perception = NamePerception()
    env = VisualProgramEnv(open_dataset("GQA", folder, "val"), VisualQuestionAnswering(), perception=perception)
    env.reset(options={"sample_id": "0007"})
    _, reward, _, _, info = env.step("return bool_to_yesno(image.exists('cup'))")
    assert (reward, info["perception_calls"], info["data"]) == (1.0, 1, "official")
    assert perception.batches == [("detect", 1)]


def test_the_outcome_has_the_answer_as_it_is_and_the_info_its_text(folder: Path) -> None:
    env = make(folder)
    env.reset(seed=0)
    assert env.unwrapped.outcome is None
    for program in ("return True", "return image.crop(1, 2, 11, 22)"):
        height = env.unwrapped.sample.images[0].height
        answer = (1, height - 22, 11, height - 2) if "crop" in program else True
        *_, info = env.step(f"print('hello')\n{program}")
        assert env.unwrapped.outcome.answer == answer and info["answer"] == str(answer) and info["output"] == "hello\n"
        env.reset()
        assert env.unwrapped.outcome is None


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"split": "nope"},
            DatasetError,
            r"GQA has no split 'nope'.*nope_balanced_questions\.json.*Splits found there: val",
        ),
        ({"perception": "orakel"}, ValueError, r"perception='orakel': 'orakel' is unknown\. Expected one of: oracle, pixels"),
        ({"images": "maybe"}, ValueError, r"images='maybe' is unknown\. Expected one of: 'required', 'optional'"),
        ({"image_size": 0}, ValueError, r"image_size=0 .*from 1 to 4096"),
        ({"image_size": 10**7}, ValueError, r"image_size=10000000 is no size\. Expected .*from 1 to 4096"),
        ({"timings": "no"}, TypeError, r"timings='no' .*Expected True or False"),
        ({"data_dir": 5}, TypeError, r"data_dir=5 is no path\. Expected a str, a path or None"),
        (
            {"perception": None},
            TypeError,
            r"None is no perception backend: it lacks detect, .*Expected an object",
        ),
        ({"perception": 5}, TypeError, r"5 is no perception backend"),
        ({"perception": NamePerception}, TypeError, r"<class .* is no perception backend"),
        ({"task": 5}, TypeError, r"task=5 is no task\. Expected one of the names 'vqa', .*or an object .*score, metric"),
        ({"dataset": None}, TypeError, r"dataset=None is no dataset\. Expected a Dataset or one of the names: GQA, CLEVR"),
        ({"max_attempts": True}, ValueError, r"max_attempts=True .*positive integer"),
        *(
            ({"num_scenes": value}, ValueError, r"num_scenes=.* is no number of scenes\. Expected 0 or a positive integer")
            for value in (-1, True, 1.5, "4", None)
        ),
        ({"task": "vqqa"}, ValueError, r"task='vqqa' is unknown\. Expected one of: vqa"),
        ({"dataset": "GQQA"}, ValueError, r"Dataset 'GQQA' is unknown\. Expected one of: GQA, CLEVR"),
        ({"imagesize": 3}, TypeError, r"unknown option 'imagesize'\. Expected some of: split, form, pool_size, data_dir, images"),
    ],
)
def test_bad_options(folder: Path, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make(folder, **options)


def test_an_unknown_render_mode(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"render_mode='video' is unknown. Expected one of: \['human', 'rgb_array', 'ansi'\]"):
        VisualProgramEnv("GQA", "vqa", split="val", data_dir=folder, render_mode="video")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(
        DatasetError, match=r"data_dir is '.*nowhere', which does not exist\. Expected the root folder of the GQA data"
    ):
        make(tmp_path / "nowhere")


def test_bad_reset_options(folder: Path) -> None:
    env = make(folder)
    with pytest.raises(ValueError, match="unknown reset option 'sampleid'. Expected: 'sample_id'"):
        env.reset(options={"sampleid": "0007"})
    for options in (5, "0007", [("sample_id", "0007")]):
        with pytest.raises(TypeError, match=r"options=.* is no dict\. Expected \{'sample_id': \.\.\.\} or None"):
            env.unwrapped.reset(options=options)
    with pytest.raises(DatasetError, match="GQA val has no sample 7. Expected one of its 2 sample ids, such as '0007'"):
        env.reset(options={"sample_id": 7})


def test_a_reset_that_fails_leaves_the_episode_as_it_was(tmp_path: Path) -> None:
    folder = write_gqa_folder(tmp_path)
    env = make(folder, max_attempts=2, render_mode="ansi").unwrapped
    env.reset(seed=0, options={"sample_id": "0007"})
    env.step("return 'wrong'")
    before = env.render()
    (folder / "images" / "1.jpg").unlink()
    for options in ({"sample_id": "0008"}, {"sample_id": "nope"}, {"nope": 1}, None):
        with pytest.raises(ValueError):
            env.reset(options=options)
        assert env.render() == before
    _, reward, terminated, _, info = env.step("return 'yes'")
    assert (reward, terminated, info["sample_id"]) == (1.0, True, "0007"), "the second of two attempts"


def test_pictures_may_be_written_to(folder: Path) -> None:
    env = make(folder, render_mode="rgb_array").unwrapped
    observation, _ = env.reset(seed=0)
    before = env.render().copy()
    for picture in (observation["image"], env.render()):
        picture[:] = 0
    assert (env.render() == before).all() and env.step("x")[0]["image"].any(), "what is handed out is a copy"


def test_a_missing_picture_is_named_or_replaced(tmp_path: Path) -> None:
    folder = write_gqa_folder(tmp_path, picture=False)
    with pytest.raises(DatasetError, match=r"images[/\\]1\.jpg is missing.*images='optional'"):
        make(folder).reset(seed=0)
    env = make(folder, images="optional", render_mode="rgb_array")
    observation, _ = env.reset(seed=0)
    assert len(np.unique(observation["image"])) == 2, "a blank canvas between black bars"
    assert env.render().shape == (800, 800, 3)
    assert env.step("def execute_command(image):\n    return image.find('dog')")[4]["outcome"] == "wrong"


def test_samples_without_annotations_are_left_out_for_the_oracle(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vispro_gym.datasets.errors._said", set())
    folder = write_gqa_folder(tmp_path)
    questions = folder / "questions1.2" / "val_balanced_questions.json"
    questions.write_text(questions.read_text().replace('"imageId": "1"', '"imageId": "2"', 1))
    env = make(folder)
    assert env.unwrapped.dataset.sample_ids == ["0008"]
    assert "1 of 2 samples are left out" in caplog.text
    (folder / "sceneGraphs" / "val_sceneGraphs.json").unlink()
    with pytest.raises(DatasetError, match="has no scene annotations, which perception='oracle' answers from"):
        make(folder)


def test_order_of_calls(folder: Path) -> None:
    env = VisualProgramEnv("GQA", "vqa", split="val", data_dir=folder, render_mode="ansi")
    with pytest.raises(gym.error.ResetNeeded, match="before reset"):
        env.step("x")
    with pytest.raises(gym.error.ResetNeeded, match="before reset"):
        env.render()
    env.reset(seed=0)
    with pytest.raises(TypeError, match="of type int. Expected a str"):
        env.step(3)  # type: ignore[arg-type]


def test_mini_data_says_what_it_is(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vispro_gym.datasets.errors._said", set())
    gym.make("VisProg-CLEVR-v0")
    gym.make("VisProg-CLEVR-v0")
    assert caplog.text.count("CLEVR uses the generated mini data") == 1


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 40))
def test_letterboxing_keeps_the_proportions(width: int, height: int, size: int) -> None:
    image = np.full((height, width, 3), 255, np.uint8)
    boxed = letterbox(image, size)
    assert boxed.shape == (size, size, 3) and boxed.dtype == np.uint8
    white = boxed[..., 0] == 255
    fitted = (int(white.any(axis=0).sum()), int(white.any(axis=1).sum()))
    assert max(fitted) == size
    scale = size / max(width, height)
    assert fitted == (max(1, round(width * scale)), max(1, round(height * scale)))
