"""The server: `vispro-openenv-server`, or `uvicorn vispro_gym.integrations.openenv.server:app` with settings in the environment.

| variable | meaning |
|---|---|
| `VISPRO_SERVER_ENV` | environment id, "VisProg-GQA-v0" by default |
| `VISPRO_SERVER_OPTIONS` | options of the environment as a JSON object |
| `VISPRO_SERVER_IMAGES` | "1": observations hold the pictures |
| `VISPRO_SERVER_SESSIONS` | sessions at once, 64 by default |
| `VISPRO_SERVER_IDLE_SECONDS` | when a session is ended in which nothing happens, 1800 by default |
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import partial
from typing import Any

import tyro
from fastapi import FastAPI
from openenv.core.env_server.http_server import create_app
from openenv.core.env_server.types import ConcurrencyConfig

from vispro_gym.integrations.openenv.environment import VisualProgramEnvironment
from vispro_gym.integrations.openenv.models import ProgramAction, ProgramObservation, ProgramState


@dataclass(frozen=True)
class Args:
    """Serve episodes of an environment."""

    env: str = "VisProg-GQA-v0"
    """Environment id."""
    options: str = "{}"
    """Options of the environment as a JSON object, such as '{"split": "val", "max_attempts": 3}'."""
    images: bool = False
    """Whether observations hold the pictures."""
    sessions: int = 64
    """Sessions at once."""
    idle_seconds: float = 1800.0
    """Seconds after which a session in which nothing happens is ended, so that others find room."""
    host: str = "127.0.0.1"
    """Address to listen at; 0.0.0.0 for all."""
    port: int = 8000
    """Port to listen at."""


def make_app(
    env_id: str, options: dict[str, Any], images: bool = False, sessions: int = 64, idle_seconds: float = 1800.0
) -> FastAPI:
    """The application.

    Args:
        env_id: Environment id.
        options: Options of the environment.
        images: Whether observations hold the pictures.
        sessions: Sessions at once.
        idle_seconds: Seconds after which a session in which nothing happens is ended.

    Raises:
        DatasetError: If the data is missing or damaged.
        TypeError: If there is no such option.
    """
    VisualProgramEnvironment(env_id, options)  # mistakes are told here, not to the first client
    factory = partial(VisualProgramEnvironment, env_id, options, images)
    app: FastAPI = create_app(
        factory,
        ProgramAction,
        ProgramObservation,
        env_name="vispro_gym",
        concurrency_config=ConcurrencyConfig(max_concurrent_envs=sessions, session_timeout=idle_seconds),
        state_cls=ProgramState,
    )
    return app


def main(argv: list[str] | None = None) -> None:
    """Serves until it is interrupted."""
    import uvicorn

    args = tyro.cli(Args, args=argv, prog="vispro-openenv-server", config=(tyro.conf.FlagCreatePairsOff,))
    app = make_app(args.env, json.loads(args.options), args.images, args.sessions, args.idle_seconds)
    uvicorn.run(app, host=args.host, port=args.port)


def __getattr__(name: str) -> Any:
    if name == "app":  # what uvicorn asks for
        return make_app(
            os.environ.get("VISPRO_SERVER_ENV", "VisProg-GQA-v0"),
            json.loads(os.environ.get("VISPRO_SERVER_OPTIONS", "{}")),
            os.environ.get("VISPRO_SERVER_IMAGES") == "1",
            int(os.environ.get("VISPRO_SERVER_SESSIONS", "64")),
            float(os.environ.get("VISPRO_SERVER_IDLE_SECONDS", "1800")),
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if __name__ == "__main__":
    main()
