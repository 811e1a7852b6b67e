from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Name of a tiny model -> its folder, written when it is first asked for."""
    from tests.perception.transformers.tiny_models import write

    root = tmp_path_factory.mktemp("models")

    def folder(name: str) -> str:
        path: Path = root / name
        return str(path if path.is_dir() else write(name, path))

    return folder


@pytest.fixture
def make(model: Callable[[str], str]) -> Callable[..., Any]:
    """Makes the backend with tiny models by name."""
    from vispro_gym.perception.transformers import TransformersPerception

    def made(detector: str = "dino", answerer: str = "vilt", matcher: str = "clip", depth: str = "depth", **options: Any) -> Any:
        models = {"detector": detector, "answerer": answerer, "matcher": matcher, "depth": depth}
        return TransformersPerception(device="cpu", **{role: model(name) for role, name in models.items()}, **options)

    return made
