"""Opening registered environments by id."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

import vispro_gym  # noqa: F401  (registers the environments)
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.envs.visual_program import VisualProgramEnv
from vispro_gym.registration import ENVIRONMENTS, TASK_REWARDS, EnvironmentRow


class InspectionError(ValueError):
    """There is no such environment, or an option makes no sense."""


def find_row(env_id: str) -> EnvironmentRow:
    """The row of a registered environment.

    Raises:
        InspectionError: If there is none.
    """
    _check_kind(env_id)
    row = next((row for row in ENVIRONMENTS if env_id in (row.env_id, row.repair_id)), None)
    if row is None:
        raise InspectionError(f"There is no environment {env_id!r}. `vispro-gym list` shows what there is.")
    return row


def open_env(env_id: str, **options: Any) -> VisualProgramEnv:
    """Makes a registered environment and takes off Gymnasium's wrappers.

    Raises:
        InspectionError: If an option makes no sense.
        DatasetError: If the data is missing or damaged.
    """
    _check_kind(env_id)
    try:
        env = gym.make(env_id, **options).unwrapped
    except DatasetError:
        raise
    except (ValueError, TypeError) as error:
        raise InspectionError(f"{env_id} cannot be made: {error}") from error
    assert isinstance(env, VisualProgramEnv)
    return env


def _check_kind(env_id: str) -> None:
    if any(env_id == task.env_id for task in TASK_REWARDS):
        raise InspectionError(
            f"{env_id} is an environment of task rewards, whose actions are no programs. Expected an environment of programs, "
            f"such as {ENVIRONMENTS[0].env_id}; `vispro-gym list` shows both kinds."
        )
