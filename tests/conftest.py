"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Third-party libraries must neither phone home nor look for a network in tests, nor open windows.
os.environ.update(
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    HF_HUB_DISABLE_PROGRESS_BARS="1",
    TOKENIZERS_PARALLELISM="false",
    CUDA_VISIBLE_DEVICES="",
    SDL_VIDEODRIVER="dummy",
)

# How long an example takes depends on the machine's load.
settings.register_profile("without deadlines", deadline=None)
settings.load_profile("without deadlines")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real dataset samples, which is not part of the project."""
    folder = Path(os.environ.get("VISPRO_REALDATA", ROOT.parent / "shared" / "realdata"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder} (set VISPRO_REALDATA)")
    return folder
