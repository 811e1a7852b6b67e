"""Where generated files are kept."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path


def cache_dir() -> Path:
    """Folder for generated files: `VISPRO_CACHE` if set, else the platform's user cache folder."""
    configured = os.environ.get("VISPRO_CACHE")
    return Path(configured).expanduser() if configured else user_cache_path("vispro_gym", appauthor=False)
