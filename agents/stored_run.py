"""What commands read of a training run that is on disk."""

from __future__ import annotations

from pathlib import Path

from vispro_agents.curve import read_curve
from vispro_agents.episodes import open_env
from vispro_agents.errors import UsageError
from vispro_agents.experience import FOLDER, Experience
from vispro_gym.envs.visual_program import VisualProgramEnv


def open_experience(run_dir: Path) -> Experience:
    """The experience of a run.

    Raises:
        UsageError: If there is none.
    """
    experience = Experience(run_dir / FOLDER)
    if not experience.keys():
        raise UsageError(f"{run_dir} holds no experience: {FOLDER}/ has no files. Expected the folder of a training run.")
    return experience


def open_training_env(run_dir: Path) -> VisualProgramEnv:
    """The environment that a run was trained in, without pictures.

    Raises:
        UsageError: If the folder holds no training run.
        DatasetError: If its data is no longer there.
    """
    settings, _ = read_curve(run_dir)
    return open_env(settings["env"], settings["train_split"], settings["data_dir"], "optional")
