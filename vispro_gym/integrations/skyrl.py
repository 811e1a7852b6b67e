"""For SkyRL-gym: an environment of text in which the model's whole reply is the action.

    register()                                   # as "vispro_gym", in the process that makes environments
    rows = build_rows("VisProg-GQA-v0", limit=1000)

With the "-Repair" ids, or `max_attempts` among the options, a model that failed is told why and may reply again. Written for
skyrl-gym 0.4. Rows are plain data, to be stored as SkyRL wants it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from vispro_gym.integrations.extras import missing_extra
from vispro_gym.integrations.host import data_uris, feedback, host
from vispro_gym.programs.prompt import Style

try:
    import skyrl_gym
    from skyrl_gym.envs.base_text_env import BaseTextEnv, BaseTextEnvStepOutput
except ImportError as error:
    raise missing_extra("vispro_gym.integrations.skyrl", "skyrl", error) from error

ENV_CLASS = "vispro_gym"


class VisualProgramTextEnv(BaseTextEnv):  # type: ignore[misc]
    """One episode. The id "vispro_gym" stands for it after `register`.

    Args:
        env_config: Not used: a row says everything.
        extras: The other columns of a row: "env_id", "options", "sample_id" and "seed", see `build_rows`.

    Raises:
        KeyError: If a column is missing.
        DatasetError: If there is no such sample.
    """

    def __init__(self, env_config: Any = None, extras: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        row = extras or {}
        if missing := [name for name in ("env_id", "sample_id", "seed") if name not in row]:
            raise KeyError(
                f"the row has no {', '.join(missing)}. Expected the columns of vispro_gym.integrations.skyrl.build_rows."
            )
        self._host = host(row["env_id"], json.loads(row.get("options") or "{}"))
        self._episode = self._host.start(row["sample_id"], int(row["seed"]))
        self.max_turns = self._host.env.max_attempts

    def step(self, action: str) -> BaseTextEnvStepOutput:
        """Runs the program in a reply.

        Args:
            action: The reply.

        Returns:
            The reward; whether the episode has ended, and if not, a message that says what went wrong; and as metadata what
            environments call info.
        """
        self.turns += 1
        outcome = self._host.step(self._episode, action)
        done = self._episode.has_ended
        observations = [] if done else [{"role": "user", "content": feedback(outcome)}]
        return BaseTextEnvStepOutput(
            observations=observations, reward=outcome.reward, done=done, metadata=self._episode.info(), postprocessed_action=None
        )

    def get_metrics(self) -> dict[str, Any]:
        """Number of attempts, and for each episode whether its last program was right."""
        outcome = self._episode.outcome
        return {"attempts": self.turns, "correct": float(outcome is not None and outcome.reward == 1.0)}


def register() -> None:
    """Registers the environment with SkyRL-gym as "vispro_gym"; a second time is harmless."""
    if ENV_CLASS not in skyrl_gym.envs.registration.registry:
        skyrl_gym.register(id=ENV_CLASS, entry_point=f"{__name__}:{VisualProgramTextEnv.__name__}")


def build_rows(
    env_id: str, *, limit: int | None = None, seed: int = 0, style: Style = "full", images: bool = False, **options: Any
) -> list[dict[str, Any]]:
    """The samples of an environment's split as rows of a dataset for SkyRL.

    Args:
        env_id: Environment id.
        limit: How many samples, drawn without replacement; None for all, in order.
        seed: Seed of the draw, and of the order of options where there are any.
        style: How prompts are written, see `vispro_gym.programs.prompt.build_prompt`.
        images: Whether prompts hold the pictures as data URIs, for models that see.
        **options: Options of the environment, such that can be stored.

    Returns:
        Rows with "prompt" (messages), "env_class", "env_id", "options" (JSON), "sample_id" and "seed".
    """
    here = host(env_id, options)
    rows = []
    for sample_id, row_seed in here.episodes(limit, seed):
        sample = here.sample(sample_id, row_seed)
        content: Any = here.prompt(sample, style)
        if images:
            pictures = [{"type": "image_url", "image_url": {"url": uri}} for uri in data_uris(sample)]
            content = [*pictures, {"type": "text", "text": content}]
        rows.append(
            {
                "prompt": [{"role": "user", "content": content}],
                "env_class": ENV_CLASS,
                "env_id": env_id,
                "options": json.dumps(options),
                "sample_id": sample_id,
                "seed": row_seed,
            }
        )
    return rows
