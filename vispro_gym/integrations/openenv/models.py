"""What crosses the wire."""

from __future__ import annotations

from openenv.core.env_server.types import Action, Observation, State
from pydantic import Field


class ProgramAction(Action):  # type: ignore[misc]
    """A program, or a reply with a program in it."""

    program: str = Field(description="A Python function execute_command, alone or inside the reply of a language model.")


class ProgramObservation(Observation):  # type: ignore[misc]
    """What a policy sees. `metadata` is not for its eyes: it holds what environments call info, the sample id among it."""

    query: str = Field(description="The query about the picture.")
    prompt: str = Field(default="", description="After a reset: what a language model is told, the query among it.")
    images: list[str] = Field(
        default_factory=list, description="After a reset: the pictures as PNG files in base64, if asked for."
    )
    feedback: str = Field(default="", description="After a program that failed: why. Never the right answer.")
    outcome: str | None = Field(default=None, description="What became of the program, such as 'correct' or 'syntax_error'.")


class ProgramState(State):  # type: ignore[misc]
    """The state of a session's episode."""

    env_id: str = Field(default="", description="Environment id.")
    max_attempts: int = Field(default=1, description="Programs that may be tried in an episode.")
