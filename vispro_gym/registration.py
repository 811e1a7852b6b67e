"""The table of environments. Adding a row registers, documents and tests an environment."""

from __future__ import annotations

from dataclasses import dataclass

import gymnasium as gym


@dataclass(frozen=True)
class EnvironmentRow:
    """One registered environment.

    Attributes:
        dataset: Dataset name; the environment's id is made of it.
        entry_point: Class, as "module:name".
        family: Kind of task: what papers file the dataset under.
        splits: Splits that the official release has annotations for; mini data exists for the first two of them.
        metric: What the official code prints, in a few words.
        licence: Licence of the annotations and of the pictures.
        address: Where the official files are.
        summary: One line for tables.
    """

    dataset: str
    entry_point: str
    family: str
    splits: tuple[str, ...]
    metric: str
    licence: str
    address: str
    summary: str

    @property
    def env_id(self) -> str:
        """Id for `gymnasium.make`."""
        return f"VisProg-{self.dataset}-v0"


ENVIRONMENTS: tuple[EnvironmentRow, ...] = (
    EnvironmentRow(
        "GQA",
        "vispro_gym.envs.questions:GQAEnv",
        family="compositional VQA",
        splits=("train", "val", "testdev"),
        metric="accuracy, binary, open, validity, plausibility, consistency, distribution",
        licence="CC BY 4.0 (annotations and Visual Genome pictures)",
        address="https://cs.stanford.edu/people/dorarad/gqa/download.html",
        summary="Compositional questions on photographs of everyday scenes",
    ),
    EnvironmentRow(
        "CLEVR",
        "vispro_gym.envs.questions:CLEVREnv",
        family="compositional VQA",
        splits=("train", "val"),
        metric="accuracy, by kind of question",
        licence="CC BY 4.0",
        address="https://cs.stanford.edu/people/jcjohns/clevr",
        summary="Compositional questions on rendered scenes of simple solids",
    ),
)


def register_environments() -> None:
    """Registers every row with Gymnasium; rows that are registered already are left alone."""
    for row in ENVIRONMENTS:
        if row.env_id not in gym.registry:
            # No max_episode_steps: Gymnasium's TimeLimit would mark the last attempt as truncated.
            gym.register(row.env_id, entry_point=row.entry_point, kwargs={"dataset": row.dataset})
