"""The table of environments. Adding a row registers, documents and tests an environment."""

from __future__ import annotations

from dataclasses import dataclass

import gymnasium as gym


@dataclass(frozen=True)
class EnvironmentRow:
    """One registered environment.

    Attributes:
        env_id: Id for `gymnasium.make`.
        entry_point: Class, as "module:name".
        dataset: Dataset name.
        task: Task name.
        splits: Splits that the official release has annotations for.
        summary: One line for tables.
    """

    env_id: str
    entry_point: str
    dataset: str
    task: str
    splits: tuple[str, ...]
    summary: str


ENVIRONMENTS: tuple[EnvironmentRow, ...] = (
    EnvironmentRow(
        "VisProg-GQA-v0",
        "vispro_gym.envs.gqa:GQAEnv",
        dataset="GQA",
        task="vqa",
        splits=("train", "val", "testdev"),
        summary="Compositional questions on photographs of everyday scenes",
    ),
    EnvironmentRow(
        "VisProg-CLEVR-v0",
        "vispro_gym.envs.clevr:CLEVREnv",
        dataset="CLEVR",
        task="vqa",
        splits=("train", "val"),
        summary="Compositional questions on rendered scenes of simple solids",
    ),
)


def register_environments() -> None:
    """Registers every row with Gymnasium; rows that are registered already are left alone."""
    for row in ENVIRONMENTS:
        if row.env_id not in gym.registry:
            # No max_episode_steps: Gymnasium's TimeLimit would mark the last attempt as truncated.
            gym.register(row.env_id, entry_point=row.entry_point, kwargs={"dataset": row.dataset, "task": row.task})
