"""Tasks: what an answer means, and how a split is scored."""

from __future__ import annotations

from vispro_gym.tasks.base import Score, Task
from vispro_gym.tasks.gqa import GQATask
from vispro_gym.tasks.vqa import CLEVRTask, VisualQuestionAnswering

__all__ = ["TASKS", "Score", "Task"]

TASKS: dict[str, type[Task]] = {task.name: task for task in (VisualQuestionAnswering, GQATask, CLEVRTask)}
"""Task classes by name."""
