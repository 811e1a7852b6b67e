"""The learning curve of a run: what was measured after each phase, and under which settings.

A phase is finished when its point is in `RUN/curve.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vispro_agents.errors import UsageError
from vispro_agents.files import write_whole

CURVE = "curve.json"


@dataclass(frozen=True)
class Point:
    """One point of the learning curve: a saved policy and what it earns.

    Attributes:
        policy: Name of the policy, also of its folder in `policies/`.
        iteration: Iteration that it came from; 0 before the first.
        reward: Mean reward of its greedy programs on the evaluation split.
        semantic: Share of the programs that are right on counterfactual scenes, too, where there are any; None if there are none.
        outcomes: Number of evaluation episodes by outcome.
        by_type: Mean reward by type of the question.
        trained_on: Number of programs that it was trained on in this phase.
        grow_reward: Mean reward of the programs that were sampled in this phase; None if none were.
        executed: Number of programs that were sampled and executed in training so far.
        metric: The metric of the whole evaluation split, where it is not the reward: `task_reward` and `vlm_ppo` have both.
    """

    policy: str
    iteration: int
    reward: float
    semantic: float | None = None
    outcomes: dict[str, int] = field(default_factory=dict)
    by_type: dict[str, float] = field(default_factory=dict)
    trained_on: int = 0
    grow_reward: float | None = None
    executed: int = 0
    metric: dict[str, float] = field(default_factory=dict)


def policy_path(folder: Path) -> Path:
    """Folder of the policy that a folder stands for: of the last policy if it is that of a run, else the folder itself."""
    return last_policy_path(folder) if (folder / CURVE).is_file() else folder


def last_policy_path(run_dir: Path) -> Path:
    """Folder of the policy that a run ended with, or has reached.

    Not that with the highest held-out reward: whoever chooses on a split cannot measure on it.

    Raises:
        UsageError: If the folder holds no training run.
    """
    _, points = read_curve(run_dir)
    if not points:
        raise UsageError(f"{run_dir / CURVE} has no finished policy yet. Run the training command again to go on.")
    return run_dir / "policies" / points[-1].policy


def read_curve(run_dir: Path) -> tuple[dict[str, Any], list[Point]]:
    """Settings and finished phases of a run.

    Raises:
        UsageError: If the folder holds no training run, or its curve is damaged.
    """
    try:
        curve = json.loads((run_dir / CURVE).read_text(encoding="utf-8"))
        return dict(curve["args"]), [Point(**point) for point in curve["points"]]
    except FileNotFoundError:
        raise UsageError(f"{run_dir} holds no training run: {CURVE} is missing.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{run_dir / CURVE} is damaged ({error}). Expected an object with 'args' and 'points'.") from error


def write_curve(run_dir: Path, settings: Mapping[str, Any], points: Sequence[Point]) -> None:
    """Replace the curve in one step, so that a crash leaves the old one or the new one."""
    text = json.dumps({"args": dict(settings), "points": [asdict(point) for point in points]}, indent=1)
    write_whole(run_dir / CURVE, f"{text}\n".encode())
