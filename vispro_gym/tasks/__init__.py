"""Tasks: what an answer means, and how a split is scored."""

from __future__ import annotations

from vispro_gym.tasks.base import Score, Task
from vispro_gym.tasks.vqa import VisualQuestionAnswering

__all__ = ["TASKS", "Score", "Task", "VisualQuestionAnswering"]

TASKS: dict[str, type[Task]] = {VisualQuestionAnswering.name: VisualQuestionAnswering}
"""Task classes by name."""
