"""The taskset for verifiers v1."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from verifiers.v1.errors import TaskError
from verifiers.v1.utils.loaders import load_taskset, taskset_config_type

from tests.integrations.surfaces import trace_of
from vispro_gym.engine import Engine
from vispro_gym.integrations.verifiers import VisualProgramConfig, VisualProgramTaskset

GQA = "VisProg-GQA-v0"
DEPLOY = Path(__file__).parents[2] / "deploy" / "verifiers"


def tasks_of(**config: Any) -> list[Any]:
    return list(VisualProgramTaskset(VisualProgramConfig(**config)).load())


def test_tasks_are_the_samples_of_a_split() -> None:
    env: Any = gym.make(GQA, split="val")
    tasks = tasks_of(options={"split": "val"}, style="short")
    assert [task.data.sample_id for task in tasks] == env.unwrapped.dataset.sample_ids
    assert [task.data.idx for task in tasks] == list(range(len(tasks)))
    for task in tasks[:3]:
        env.reset(options={"sample_id": task.data.sample_id})
        assert f"Query: {env.unwrapped.sample.query}\n" in task.data.prompt
        assert str(env.unwrapped.sample.target) not in task.data.model_dump_json(exclude={"prompt"})
    assert len({task.key for task in tasks}) == len(tasks)


def test_tasks_are_the_same_each_time() -> None:
    config: dict[str, Any] = {"env": "VisProg-SugarCREPE-v0", "limit": 5, "seed": 3}
    first, second = tasks_of(**config), tasks_of(**config)
    assert [task.data for task in first] == [task.data for task in second]
    assert [task.data.sample_id for task in tasks_of(**config | {"seed": 4})] != [task.data.sample_id for task in first]


def test_prompts_hold_the_pictures_if_asked() -> None:
    (task,) = tasks_of(env="VisProg-NLVR2-v0", limit=1, images=True)
    (message,) = task.data.prompt
    kinds = [part.type for part in message.content]
    assert kinds == ["image_url", "image_url", "text"]
    assert message.content[0].image_url.url.startswith("data:image/png;base64,")


def test_traces_of_one_task_are_scored_each_by_itself() -> None:
    (task,) = tasks_of(limit=1, options={"filter": {"detailed": "exist"}})
    replies = ["return 'yes'", "return 'no'", "return 'yes'", "return 1 / 0"]

    async def score_all() -> list[Any]:
        traces = [trace_of(task, reply) for reply in replies]
        await asyncio.gather(*(task.score(trace) for trace in traces))
        return traces

    traces = asyncio.run(score_all())
    assert traces[0].reward + traces[1].reward == 1.0
    assert (traces[2].reward, traces[2].metrics) == (traces[0].reward, traces[0].metrics)
    assert traces[3].metrics == {"outcome/runtime_error": 1.0, "soft": 0.0}


def test_a_failure_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    (task,) = tasks_of(limit=1)
    with monkeypatch.context() as patch:
        patch.setattr(Engine, "run", lambda *_: (_ for _ in ()).throw(OSError("server down")))
        with pytest.raises(TaskError, match="server down"):
            asyncio.run(task.score(trace_of(task, "return 1")))
    trace = trace_of(task, "return 1")
    asyncio.run(task.score(trace))
    assert trace.metrics["outcome/wrong"] == 1.0


def test_who_gives_up_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    (task,) = tasks_of(limit=1)
    run, go_on = Engine.run, threading.Event()
    monkeypatch.setattr(Engine, "run", lambda *args: go_on.wait(60) and run(*args))

    async def play() -> Any:
        first, second = trace_of(task, "return 1"), trace_of(task, "return 1")
        impatient = asyncio.ensure_future(task.score(first))
        patient = asyncio.ensure_future(task.score(second))
        await asyncio.sleep(0.1)
        impatient.cancel()
        go_on.set()
        await patient
        return second

    assert asyncio.run(play()).metrics["outcome/wrong"] == 1.0


def test_a_rollout_without_a_reply_earns_nothing() -> None:
    (task,) = tasks_of(limit=1)
    trace = trace_of(task, "")
    trace.nodes = trace.nodes[:1]
    asyncio.run(task.score(trace))
    assert trace.reward == 0.0 and trace.metrics["outcome/extract_error"] == 1.0


def test_verifiers_finds_the_taskset_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DEPLOY))  # where `pip install deploy/verifiers` would put it
    config = taskset_config_type("vispro-programs")(id="vispro-programs", env="VisProg-COCO-v0", limit=2)
    taskset = load_taskset(config)
    assert [task.data.env for task in taskset.load()] == ["VisProg-COCO-v0"] * 2
