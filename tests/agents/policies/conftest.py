"""Small models, written once for all tests of a process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Kind of a small model (see `models.KINDS`), and whether it chats -> its folder, written when it is first asked for."""
    from tests.agents.policies.models import write

    root = tmp_path_factory.mktemp("language_models")

    def folder(kind: str, *, chat: bool = False) -> Path:
        path = root / f"{kind}-chat" if chat else root / kind
        return path if path.is_dir() else write(kind, path, chat=chat)

    return folder
