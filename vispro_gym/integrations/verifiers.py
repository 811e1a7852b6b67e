"""For verifiers v1, and so for prime-rl: a taskset in which a model's last reply is the program.

    taskset = VisualProgramTaskset(VisualProgramConfig(env="VisProg-GQA-v0"))

Commands of verifiers find tasksets by the name of an installed top-level module: `pip install deploy/verifiers` adds one that is
called "vispro-programs". Written for verifiers 0.3.1.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from vispro_gym.engine import Job, Outcome
from vispro_gym.integrations.extras import missing_extra
from vispro_gym.integrations.host import Host, data_uris, host
from vispro_gym.programs.prompt import Style

try:
    import verifiers.v1 as vf
    from pydantic import Field
except ImportError as error:
    raise missing_extra("vispro_gym.integrations.verifiers", "verifiers", error) from error

__all__ = ["VisualProgramConfig", "VisualProgramData", "VisualProgramTask", "VisualProgramTaskset"]


class VisualProgramConfig(vf.TasksetConfig):  # type: ignore[misc]
    """Which samples are asked, and how."""

    env: str = "VisProg-GQA-v0"
    """Environment id."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the environment, such as split and data_dir."""
    limit: int | None = None
    """How many samples, drawn without replacement; None for all, in order."""
    seed: int = 0
    """Seed of the draw, and of the order of options where there are any."""
    style: Style = "full"
    """How prompts are written, "full" or "short"."""
    images: bool = False
    """Whether prompts hold the pictures, for models that see."""


class VisualProgramData(vf.TaskData):  # type: ignore[misc]
    """One sample. The target is not part of it."""

    env: str
    options: dict[str, Any]
    sample_id: str
    seed: int


class VisualProgramTask(vf.Task[VisualProgramData]):  # type: ignore[misc]
    """Scores the last reply of a trace."""

    _scored: tuple[str, asyncio.Future[Outcome]] | None = None

    @property
    def key(self) -> str:
        """Identity of the task: environment, sample and seed."""
        return f"{self.data.env}/{self.data.sample_id}/{self.data.seed}"

    @vf.reward  # type: ignore[untyped-decorator]
    async def correct(self, trace: vf.Trace) -> float:
        """1.0 if the program is right, else 0.0."""
        return (await self._outcome(trace)).reward

    @vf.metric  # type: ignore[untyped-decorator]
    async def outcome(self, trace: vf.Trace) -> dict[str, float]:
        """1.0 under the name of the outcome, such as `outcome/syntax_error`, and the soft score."""
        outcome = await self._outcome(trace)
        return {f"outcome/{outcome.outcome}": 1.0, "soft": outcome.soft}

    async def _outcome(self, trace: vf.Trace) -> Outcome:
        # Reward and metric ask for the same; a program runs in a thread, so that others can join its batch.
        reply = trace.last_reply
        if self._scored is None or self._scored[0] != reply or not _is_alive(self._scored[1]):
            self._scored = (reply, asyncio.ensure_future(asyncio.to_thread(self._run, reply)))
        return await asyncio.shield(self._scored[1])  # others may wait for it when this one gives up

    def _run(self, reply: str) -> Outcome:
        here = host(self.data.env, self.data.options)
        (outcome,) = here.run([Job(reply, here.sample(self.data.sample_id, self.data.seed))])
        return outcome


def _is_alive(scored: asyncio.Future[Outcome]) -> bool:
    """Whether there is a result or will be one: nobody resolves what another, closed event loop left behind."""
    if not scored.done():
        return scored.get_loop() is asyncio.get_running_loop()
    return not scored.cancelled() and scored.exception() is None


class VisualProgramTaskset(vf.Taskset[VisualProgramTask, VisualProgramConfig]):  # type: ignore[misc]
    """The samples of an environment's split."""

    def load(self) -> Iterator[VisualProgramTask]:
        """One task for each sample."""
        config = self.config
        here = host(config.env, config.options)
        for number, (sample_id, seed) in enumerate(here.episodes(config.limit, config.seed)):
            data = VisualProgramData(
                idx=number,
                name=sample_id,
                prompt=_prompt(here, sample_id, seed, config),
                env=config.env,
                options=config.options,
                sample_id=sample_id,
                seed=seed,
            )
            yield VisualProgramTask(data, config.task)


def _prompt(here: Host, sample_id: str, seed: int, config: VisualProgramConfig) -> Any:
    sample = here.sample(sample_id, seed)
    text = here.prompt(sample, config.style)
    if not config.images:
        return text
    pictures = [vf.ImageUrlContentPart(image_url=vf.ImageUrlSource(url=uri)) for uri in data_uris(sample)]
    return [vf.UserMessage(content=[*pictures, vf.TextContentPart(text=text)])]
