"""The client of a server of episodes."""

from __future__ import annotations

from typing import Any

from openenv.core import EnvClient
from openenv.core.client_types import StepResult

from vispro_gym.integrations.openenv.models import ProgramAction, ProgramObservation, ProgramState


class VisualProgramClient(EnvClient[ProgramAction, ProgramObservation, ProgramState]):  # type: ignore[misc]
    """One session; asynchronous, or with `.sync()` not."""

    def _step_payload(self, action: ProgramAction) -> dict[str, Any]:
        return {"program": action.program}

    def _parse_result(self, payload: dict[str, Any]) -> StepResult[ProgramObservation]:
        common = {"reward": payload.get("reward"), "done": payload.get("done", False)}
        observation = ProgramObservation(**({"metadata": payload.get("metadata") or {}} | payload["observation"] | common))
        return StepResult(observation=observation, **common)

    def _parse_state(self, payload: dict[str, Any]) -> ProgramState:
        return ProgramState(**payload)
