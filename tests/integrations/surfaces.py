"""One program in one episode, as each library plays it: the reward and the outcome."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gymnasium as gym
import skyrl_gym
import uvicorn
import verifiers.v1 as vf

from vispro_gym.integrations import skyrl
from vispro_gym.integrations.openenv import ProgramAction, VisualProgramClient
from vispro_gym.integrations.openenv.server import make_app
from vispro_gym.integrations.trl import ProgramReward, ToolEnvironment
from vispro_gym.integrations.verifiers import VisualProgramConfig, VisualProgramData, VisualProgramTask

Played = tuple[float, str]
Surface = Callable[[str, str, int, list[str]], list[Played]]
"""Plays each program in an episode of its own: environment id, sample id, seed, programs."""


def gymnasium(env_id: str, sample_id: str, seed: int, programs: list[str]) -> list[Played]:
    env = gym.make(env_id)
    played = []
    for program in programs:
        env.reset(seed=seed, options={"sample_id": sample_id})
        _, reward, _, _, info = env.step(program)
        played.append((float(reward), info["outcome"]))
    return played


def vector(env_id: str, sample_id: str, seed: int, programs: list[str]) -> list[Played]:
    env = gym.make_vec(env_id, num_envs=len(programs))
    env.reset(seed=[seed] * len(programs), options={"sample_id": sample_id})
    _, rewards, _, _, infos = env.step(programs)
    env.close()
    return list(zip(rewards.tolist(), infos["final_info"]["outcome"], strict=True))


def trl_reward(env_id: str, sample_id: str, seed: int, programs: list[str]) -> list[Played]:
    reward = ProgramReward(env_id)
    outcomes: list[str] = []
    rewards = []
    for program in programs:  # one by one, because TRL is told shares of outcomes
        completion = [{"role": "assistant", "content": program}]
        rewards += reward(
            prompts=[""], completions=[completion], sample_id=[sample_id], seed=[seed],
            log_metric=lambda name, share: outcomes.extend([name.removeprefix("outcome/")] * int(share)),
        )  # fmt: skip
    assert (
        reward([[{"role": "assistant", "content": p}] for p in programs], [sample_id] * len(programs), [seed] * len(programs))
        == rewards
    )
    return list(zip(rewards, outcomes, strict=True))


def trl_tool(env_id: str, sample_id: str, seed: int, programs: list[str]) -> list[Played]:
    env = ToolEnvironment.factory(env_id)()
    played = []
    for program in programs:
        env.reset(sample_id=sample_id, seed=seed, prompt=[])
        told = env.submit_program(program)
        assert ("is right" in told) == (env.get_reward() == 1.0)
        played.append((env.get_reward(), env._episode.outcome.outcome))  # type: ignore[union-attr]
    return played


def skyrl_gym_env(env_id: str, sample_id: str, seed: int, programs: list[str]) -> list[Played]:
    skyrl.register()
    played = []
    for program in programs:
        env = skyrl_gym.make(skyrl.ENV_CLASS, extras={"env_id": env_id, "options": {}, "sample_id": sample_id, "seed": seed})
        prompt, _ = env.init([{"role": "user", "content": "?"}])
        assert prompt == [{"role": "user", "content": "?"}]
        step = env.step(program)
        assert step["done"]
        played.append((step["reward"], step["metadata"]["outcome"]))
    return played


def verifiers(env_id: str, sample_id: str, seed: int, programs: list[str]) -> list[Played]:
    data = VisualProgramData(idx=0, prompt="?", env=env_id, options={}, sample_id=sample_id, seed=seed)
    task = VisualProgramTask(data, VisualProgramConfig().task)

    async def play(program: str) -> Played:
        trace = trace_of(task, program)
        await task.score(trace)
        (outcome,) = [name.removeprefix("outcome/") for name in trace.metrics if name.startswith("outcome/")]
        return trace.reward, outcome

    async def play_all() -> list[Played]:
        return await asyncio.gather(*map(play, programs))

    return asyncio.run(play_all())


def trace_of(task: Any, reply: str) -> Any:
    """What verifiers keeps of a rollout in which the model gives one reply."""
    nodes = [
        vf.MessageNode(message=vf.UserMessage(content="?")),
        vf.MessageNode(message=vf.AssistantMessage(content=reply), parent=0, sampled=True),
    ]
    agent = vf.AgentInfo(config=vf.AgentConfig(model="none"))
    return vf.Trace(task=vf.TraceTask(type=type(task).__name__, data=task.data), agent=agent, nodes=nodes)


def openenv(env_id: str, sample_id: str, seed: int, programs: list[str]) -> list[Played]:
    played = []
    with serving(env_id, {}) as address, VisualProgramClient(base_url=address).sync() as client:
        for program in programs:
            client.reset(sample_id=sample_id, seed=seed)
            result = client.step(ProgramAction(program=program))
            assert result.done
            played.append((result.reward, result.observation.outcome))
    return played


@contextmanager
def serving(env_id: str, options: dict[str, Any], **settings: Any) -> Iterator[str]:
    """The address of an OpenEnv server in a thread of this process."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(make_app(env_id, options, **settings), log_level="error", ws="websockets-sansio"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


SURFACES: dict[str, Surface] = {
    "vector": vector,
    "TRL, reward": trl_reward,
    "TRL, tool": trl_tool,
    "OpenEnv": openenv,
    "verifiers": verifiers,
    "SkyRL": skyrl_gym_env,
}
