"""The taskset under a name that verifiers and prime-rl find.

--env.taskset.id vispro-programs --env.taskset.env VisProg-GQA-v0
"""

from vispro_gym.integrations.verifiers import VisualProgramTaskset

__all__ = ["VisualProgramTaskset"]
