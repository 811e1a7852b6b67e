"""Small models, written once for all tests of a process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Kind of a small model (see `models.KINDS`), and whether it chats -> its folder, written when it is first asked for."""
    from tests.agents.policies.models import write

    root = tmp_path_factory.mktemp("language_models")

    def folder(kind: str, *, chat: bool = False) -> Path:
        path = root / f"{kind}-chat" if chat else root / kind
        return path if path.is_dir() else write(kind, path, chat=chat)

    return folder
