"""The process of an OpenAI-compatible server, seen from the tests: they tell it how to misbehave, and it tells what it was sent."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
SETTINGS = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


class EndpointServer:
    """A server process, seen from the tests."""

    def __init__(self, port: int) -> None:
        self.root = f"http://127.0.0.1:{port}"

    def tell(self, *rules: dict[str, Any], delay: float = 0.0) -> None:
        """Begins anew: replies take `delay` seconds. A rule says what to send, how many times, to requests that have a text:

        `has` is the text, `times` is 1 if it is not given, `sleep` are seconds before, and what is sent is the `raw` body, the
        error of a `status` with `message` and `headers`, or a completion of `text` that ends for the reason `finish`. A rule with
        none of these is heeded and then passed over.
        """
        data = json.dumps({"rules": rules, "delay": delay}).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{self.root}/control", data, {"Content-Type": "application/json"})):
            pass

    @property
    def seen(self) -> dict[str, Any]:
        """Lists of `sent` (what the model notes of each request) and `keys`; and `most`, how many were under way at once."""
        with urllib.request.urlopen(f"{self.root}/control") as reply:
            return json.load(reply)


@contextmanager
def serving(module: str) -> Iterator[EndpointServer]:
    """The server of a module that calls `serve` when it is run."""
    with subprocess.Popen([sys.executable, "-m", module], stdout=subprocess.PIPE, text=True, cwd=ROOT) as started:
        assert started.stdout is not None
        yield EndpointServer(int(started.stdout.readline()))
        started.kill()  # it would wait for replies that it was told to delay


def begin(server: EndpointServer, monkeypatch: pytest.MonkeyPatch) -> EndpointServer:
    """The server as it is for each test: it does as it should, and nothing is set in the environment."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    server.tell()
    return server
