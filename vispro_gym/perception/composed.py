"""A different backend for each operation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from typing import Any

from vispro_gym.perception.derived import Derivation, relate_by_parts, verify_by_question
from vispro_gym.perception.dispatch import Dispatching
from vispro_gym.perception.protocol import Perception, PerceptionError, identity, needs_scenes
from vispro_gym.programs.api import OPERATIONS


class ComposedPerception(Dispatching):
    """Sends each operation to the backend named for it.

    An operation that no backend is named for goes to the default. Without a default, `verify` is made of `answer`, and
    `relate` of `detect`, `answer` and, if it is named, `depth` (`vispro_gym.perception.derived`); any other request is a
    `PerceptionError`.

    Args:
        default: Serves what is not named; None for nothing.
        **operations: Backend by operation, for example `detect=..., answer=...`.

    Raises:
        ValueError: If there is no such operation, or neither a default nor an operation is named.
        TypeError: If something is no backend.
    """

    name = "composed"

    def __init__(self, default: Perception | None = None, **operations: Perception) -> None:
        if unknown := operations.keys() - set(OPERATIONS):
            raise ValueError(f"composed() was given {sorted(unknown)}. Expected some of the operations: {', '.join(OPERATIONS)}.")
        if default is None and not operations:
            raise ValueError(
                "composed() was given nothing. Expected a backend for at least one operation, such as detect=pixels."
            )
        for operation in OPERATIONS:
            part = operations.get(operation, default)
            if part is not None and not callable(getattr(part, operation, None)):
                raise TypeError(f"composed() was given {part!r} for {operation!r}. Expected a backend, which has that method.")
        self._parts = {operation: part for operation in OPERATIONS if (part := operations.get(operation, default)) is not None}

    @property
    def needs_scenes(self) -> bool:
        """Whether any part answers from annotations."""
        return any(needs_scenes(part) for part in self._parts.values())

    def identity(self, operation: str) -> str | None:
        """The identity of the backends that serve the operation."""
        parts = [identity(self._parts[used], used) for used in self._used(operation)]
        if not parts or None in parts:
            return None
        return parts[0] if operation in self._parts else f"vispro_gym {version('vispro-gym')} {operation} of {parts}"

    @property
    def derives(self) -> dict[str, Derivation]:
        """Operations that are made of others, see `vispro_gym.perception.derived`."""
        made: dict[str, Derivation] = {
            "verify": verify_by_question,
            "relate": partial(relate_by_parts, has_depth="depth" in self._parts),
        }
        return {name: derivation for name, derivation in made.items() if name not in self._parts and self._used(name)}

    def _used(self, operation: str) -> list[str]:
        """The operations that serve one; none if it cannot be served."""
        if operation in self._parts:
            return [operation]
        if operation == "verify" and "answer" in self._parts:
            return ["answer"]
        if operation == "relate" and {"detect", "answer"} <= self._parts.keys():
            return [used for used in ("detect", "answer", "depth") if used in self._parts]
        return []

    def _serve(self, operation: str, requests: Sequence[Any]) -> list[Any]:
        used = self._used(operation)
        if used == [operation]:
            results: list[Any] = getattr(self._parts[operation], operation)(requests)
            return results
        if not used:
            error = PerceptionError(
                f"No backend is named for {operation!r} in this composed perception, which serves "
                f"{', '.join(self._parts)}. Add {operation}=..., or a default as its first argument."
            )
            return [error for _ in requests]
        return self.derives[operation](self, requests)
