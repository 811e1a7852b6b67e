"""A taskset for verifiers v1 and prime-rl: `python examples/verifiers_taskset.py` (pip install 'vispro-gym[verifiers]').

Scores two replies to each of a few tasks, as verifiers does after a rollout. To have a model write them, install the taskset
under a name that verifiers finds (pip install ./deploy/verifiers) and choose it by `--env.taskset.id vispro-programs`.
"""

from __future__ import annotations

import asyncio

import tyro
import verifiers.v1 as vf

from vispro_gym.integrations.verifiers import VisualProgramConfig, VisualProgramTask, VisualProgramTaskset


def rollout(task: VisualProgramTask, reply: str) -> vf.Trace:
    """What verifiers keeps of a rollout in which the model gives one reply."""
    nodes = [
        vf.MessageNode(message=vf.UserMessage(content=task.data.prompt)),
        vf.MessageNode(message=vf.AssistantMessage(content=reply), parent=0, sampled=True),
    ]
    agent = vf.AgentInfo(config=vf.AgentConfig(model="example"))
    return vf.Trace(task=vf.TraceTask(type=type(task).__name__, data=task.data), agent=agent, nodes=nodes)


async def score(tasks: list[VisualProgramTask]) -> list[vf.Trace]:
    """Scores all rollouts at once: their programs run in common batches."""
    scored = [(task, rollout(task, f"```python\nreturn {answer!r}\n```")) for task in tasks for answer in ("yes", "no")]
    await asyncio.gather(*(task.score(trace) for task, trace in scored))
    return [trace for _, trace in scored]


def main(env: str = "VisProg-GQA-v0", limit: int = 3) -> None:
    """Scores.

    Args:
        env: Environment id.
        limit: Number of tasks.
    """
    options = {"filter": {"detailed": "exist"}} if env == "VisProg-GQA-v0" else {}
    tasks = list(VisualProgramTaskset(VisualProgramConfig(env=env, options=options, limit=limit)).load())
    for trace in asyncio.run(score(tasks)):
        print(f"{trace.task.key or trace.task.data.sample_id}: reward {trace.reward}, {sorted(trace.metrics)}")


if __name__ == "__main__":
    tyro.cli(main)
