"""The application that OpenEnv's tools start; see `vispro_gym.integrations.openenv.server` for its settings."""

from vispro_gym.integrations.openenv.server import app, main

__all__ = ["app", "main"]

if __name__ == "__main__":
    main()
