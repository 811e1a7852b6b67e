"""The adapter for TRL, with its own trainers on very small models."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import transformers
from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

from tests.agents.policies.models import write as write_text_model
from tests.integrations.calling_model import with_padding, write_caller
from tests.perception.transformers.tiny_models import write as write_vision_model
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.engine import OUTCOMES
from vispro_gym.integrations.trl import ProgramReward, ToolEnvironment, build_dataset

# TRL 1.16 asks transformers 5.23 for it under the old name.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")

GQA = "VisProg-GQA-v0"
SETTINGS: dict[str, Any] = {
    "max_steps": 1, "per_device_train_batch_size": 4, "num_generations": 2, "max_completion_length": 8, "logging_steps": 1,
    "report_to": "none", "use_cpu": True, "save_strategy": "no", "bf16": False, "activation_checkpointing": False,
    "disable_tqdm": True,
}  # fmt: skip


def logged(trainer: Any) -> dict[str, float]:
    """All figures of a run of one step."""
    return {name: value for entry in trainer.state.log_history for name, value in entry.items()}


@pytest.fixture(scope="module")
def language_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_text_model("qwen2", tmp_path_factory.mktemp("qwen2"), chat=True))


@pytest.mark.parametrize("chat", [True, False], ids=["messages", "text"])
@pytest.mark.parametrize("kind", ["grpo", "rloo"])
def test_trainers_take_reward_and_dataset(kind: str, chat: bool, language_model: str, tmp_path: Path) -> None:
    config, trainer_class = (GRPOConfig, GRPOTrainer) if kind == "grpo" else (RLOOConfig, RLOOTrainer)
    trainer = trainer_class(
        language_model,
        reward_funcs=ProgramReward(GQA),
        train_dataset=build_dataset(GQA, limit=4, style="short", chat=chat),
        args=config(output_dir=str(tmp_path), beta=0.0, **SETTINGS),
        processing_class=with_padding(transformers.AutoTokenizer.from_pretrained(language_model)),
    )
    trainer.train()
    figures = logged(trainer)
    assert figures["rewards/program_reward/mean"] == 0.0
    assert sum(share for name, share in figures.items() if name.startswith("outcome/")) == pytest.approx(1.0)


def test_models_that_see_get_the_pictures(tmp_path: Path) -> None:
    folder = str(write_vision_model("llava", tmp_path / "llava"))
    trainer = GRPOTrainer(
        transformers.LlavaForConditionalGeneration.from_pretrained(folder),
        reward_funcs=ProgramReward(GQA),
        train_dataset=build_dataset(GQA, limit=4, style="short", images=True),
        args=GRPOConfig(output_dir=str(tmp_path), **SETTINGS),
        processing_class=with_padding(transformers.AutoProcessor.from_pretrained(folder)),
    )
    trainer.train()
    assert logged(trainer)["rewards/program_reward/mean"] == 0.0


@pytest.fixture(scope="module")
def caller(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_caller(tmp_path_factory.mktemp("caller")))


def test_a_model_repairs_by_a_tool(caller: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    env_id, options = "VisProg-GQA-Repair-v0", {"filter": {"detailed": "exist"}}
    trainer = GRPOTrainer(
        caller,
        environment_factory=ToolEnvironment.factory(env_id, **options),
        train_dataset=build_dataset(env_id, limit=4, style="short", tool=True, **options),
        args=GRPOConfig(
            output_dir=str(tmp_path), max_tool_calling_iterations=3, temperature=0.1, **{**SETTINGS, "max_completion_length": 400}
        ),
    )
    trainer.train()
    figures = logged(trainer)
    assert figures["tools/call_frequency"] >= 1 and figures["tools/failure_frequency"] == 0
    assert 0 < figures["reward"] <= 1  # half of the questions are to be answered with yes


def test_a_tool_environment_tells_what_went_wrong() -> None:
    env = ToolEnvironment("VisProg-GQA-Repair-v0")
    with pytest.raises(RuntimeError, match="before reset"):
        env.submit_program("return 1")
    assert env.get_reward() == 0.0
    with pytest.raises(ValueError, match="the row names no episode"):
        env.reset(prompt=[{"role": "user", "content": ""}])  # what TRL makes up if there is no dataset
    (row,) = build_dataset("VisProg-GQA-Repair-v0", limit=1, tool=True)
    assert "submit_program" in row["prompt"][0]["content"]
    env.reset(**row)
    assert env.submit_program(None).startswith("That is no program.")  # type: ignore[arg-type]
    told = env.submit_program("return 1 / 0")
    assert "ZeroDivisionError" in told and told.endswith("Write the whole function again.")
    env.submit_program("return 1 +")
    assert env.submit_program("return 1 / 0") == "The program is not right, and no attempt is left."
    assert env.submit_program("return 1") == "The episode has ended. Do not submit another program."
    assert env.get_reward() == 0.0


def test_rows_name_their_episodes() -> None:
    env_id = "VisProg-NLVR2-v0"
    rows = build_dataset(env_id, limit=3, seed=5, images=True)
    assert rows.column_names == ["prompt", "sample_id", "seed", "images"]
    env: Any = gym.make(env_id)
    for row in rows:
        observation, _ = env.reset(seed=row["seed"], options={"sample_id": row["sample_id"]})
        (message,) = row["prompt"]
        assert message["role"] == "user" and f"Query: {observation['query']}\nProgram:" in message["content"]
        assert "(left_image, right_image)" in message["content"]
        pictures = [np.asarray(picture) for picture in row["images"]]
        for picture, image in zip(pictures, env.unwrapped.sample.images, strict=True):
            np.testing.assert_array_equal(picture, image.pixels())
    assert build_dataset(env_id, limit=3, seed=5).to_list() == rows.remove_columns("images").to_list()
    whole = build_dataset(env_id, style="short", chat=False)
    assert whole["sample_id"] == env.unwrapped.dataset.sample_ids and all(isinstance(text, str) for text in whole["prompt"])


def test_reward_and_factory_can_be_pickled() -> None:
    options = {"split": "val", "filter": {"detailed": "exist"}}
    (row,) = build_dataset(GQA, limit=1, chat=False, **options)
    columns = {"sample_id": [row["sample_id"]] * 2, "seed": [row["seed"]] * 2}
    reward = ProgramReward(GQA, **options)
    again = pickle.loads(pickle.dumps(reward))
    completions = ["return 'yes'", "return 'no'"]
    assert again(completions, **columns) == reward(completions, **columns) in ([1.0, 0.0], [0.0, 1.0])
    assert again.__name__ == "program_reward"
    env = pickle.loads(pickle.dumps(ToolEnvironment.factory(GQA, **options)))()
    assert isinstance(env, ToolEnvironment)


def test_shares_of_outcomes_can_be_averaged() -> None:
    """TRL averages over the calls in which a name was logged: all names have to be, always."""
    (row,) = build_dataset(GQA, limit=1, chat=False)
    reward, logged = ProgramReward(GQA), []
    for text in ("return 1 +", "return 'x'", "return 'x'", "return 'x'"):
        figures: dict[str, float] = {}
        reward([text], [row["sample_id"]], [row["seed"]], log_metric=figures.__setitem__)
        logged.append(figures)
    assert [set(figures) for figures in logged] == [{f"outcome/{name}" for name in OUTCOMES}] * 4
    assert np.mean([figures["outcome/wrong"] for figures in logged]) == 0.75


def test_the_last_text_of_a_completion_counts() -> None:
    (row,) = build_dataset(GQA, limit=1, chat=False, filter={"detailed": "exist"})
    reward = ProgramReward(GQA, filter={"detailed": "exist"})
    parts = [{"type": "text", "text": "return "}, {"type": "image"}, {"type": "text", "text": "'yes'"}]
    completions = [
        "return 'yes'",
        [{"role": "assistant", "content": "return 'maybe'"}, {"role": "assistant", "content": "return 'yes'"}],
        [{"role": "assistant", "content": parts}],
        [{"role": "assistant", "content": "return 'yes'"}, {"role": "assistant", "content": None, "tool_calls": []}],
        [{"role": "assistant", "content": None}],
        [],
    ]
    rewards = reward(completions, [row["sample_id"]] * 6, [row["seed"]] * 6)
    assert rewards[:4] == rewards[:1] * 4 and rewards[4:] == [0.0, 0.0]


def test_a_dataset_of_other_options_is_an_error() -> None:
    with pytest.raises(DatasetError, match="no sample 'nope'"):
        ProgramReward(GQA)(["return 1"], ["nope"], [0])


def test_trl_itself_is_not_needed_to_score() -> None:
    """A process that only scores, such as a reward server, imports neither torch nor TRL."""
    code = (
        "import sys; from vispro_gym.integrations.trl import ProgramReward; ProgramReward('VisProg-GQA-v0')\n"
        "print([name for name in ('torch', 'trl', 'datasets', 'transformers') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
