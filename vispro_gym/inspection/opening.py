"""Opening registered environments by id."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

import vispro_gym  # noqa: F401  (registers the environments)
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.envs.visual_program import VisualProgramEnv
from vispro_gym.registration import ENVIRONMENTS, EnvironmentRow


class InspectionError(ValueError):
    """There is no such environment, or an option makes no sense."""


def find_row(env_id: str) -> EnvironmentRow:
    """The row of a registered environment.

    Raises:
        InspectionError: If there is none.
    """
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
    try:
        env = gym.make(env_id, **options).unwrapped
    except DatasetError:
        raise
    except (ValueError, TypeError) as error:
        raise InspectionError(f"{env_id} cannot be made: {error}") from error
    assert isinstance(env, VisualProgramEnv)
    return env
