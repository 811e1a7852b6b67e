"""The OpenAI-compatible backend against a server that others wrote, with a real, if tiny, vision-language model behind it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from vispro_gym.datasets.sample import ImageRef
from vispro_gym.perception.openai import OpenAIPerception
from vispro_gym.perception.protocol import Answer, BackendError, Detect, Verify

for library in ("openai", "fastapi", "uvicorn", "torch", "transformers"):
    if find_spec(library) is None:  # imported by the server alone
        pytest.skip(f"the library {library} is not installed", allow_module_level=True)

WHOLE = (0, 0, 100, 80)


def painted(channel: int) -> ImageRef:
    pixels = np.zeros((80, 100, 3), np.uint8)
    pixels[..., channel] = 180
    return ImageRef(f"channel {channel}", (100, 80), lambda: pixels)


RED, BLUE = painted(0), painted(2)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The address of the server; the model's name is the folder."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    command = [sys.executable, str(Path(__file__).with_name("tiny_vlm.py")), str(tmp_path), str(port)]
    log = tmp_path / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=output, env=environment | {"OMP_NUM_THREADS": "1"}) as process,
    ):
        try:
            while True:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/health").close()
                    break
                except OSError:
                    assert process.poll() is None, log.read_text()
                    time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.kill()


def test_a_model_behind_transformers_serve(served: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    backend = OpenAIPerception(str(tmp_path), served, retries=0)
    colours = backend.answer([Answer(picture, WHOLE, "What colour is it?") for picture in (RED, BLUE, RED)])
    assert colours == ["red", "blue", "red"]
    found = backend.detect([Detect(RED, WHOLE, "cup"), Detect(BLUE, WHOLE, "cup"), Detect(RED, (20, 10, 100, 80), "cup")])
    assert found == [[(0, 0, 50, 80)], [], [(20, 10, 60, 80)]]
    assert backend.verify([Verify(RED, WHOLE, "cup", "large")]) == [False]  # it says "red", which is no yes
    with pytest.raises(BackendError, match="refuses even a plain question.*Server is pinned to"):
        OpenAIPerception("another", served, retries=0).answer([Answer(RED, WHOLE, "What?")])
