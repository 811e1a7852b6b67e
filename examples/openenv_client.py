"""A server of episodes and its client: `python examples/openenv_client.py` (pip install 'vispro-gym[openenv]').

Starts `vispro-openenv-server` on this machine and plays a few episodes through OpenEnv's client. With --url, plays on a server
that is there already, such as the Docker image of deploy/openenv.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import tyro

from vispro_gym.integrations.openenv import ProgramAction, VisualProgramClient


@contextlib.contextmanager
def serving(env: str) -> Iterator[str]:
    """The address of a server in a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "vispro_gym.integrations.openenv.server", "--env", env, "--port", str(port)]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        while server.poll() is None:
            with contextlib.suppress(urllib.error.URLError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health").close()
                break
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def play(url: str, episodes: int) -> None:
    """Plays episodes."""
    with VisualProgramClient(base_url=url).sync() as client:
        for seed in range(episodes):
            result = client.reset(seed=seed)
            query = result.observation.query
            while not result.done:
                result = client.step(ProgramAction(program="return image.simple_query('What is this?')"))
            print(f"{query} -> {result.observation.outcome}, reward {result.reward}")


def main(url: str = "", env: str = "VisProg-GQA-v0", episodes: int = 3) -> None:
    """Plays on a server.

    Args:
        url: Its address; "" to start one.
        env: Environment id of the server that is started.
        episodes: Number of episodes.
    """
    with contextlib.nullcontext(url) if url else serving(env) as address:
        play(address, episodes)


if __name__ == "__main__":
    tyro.cli(main)
