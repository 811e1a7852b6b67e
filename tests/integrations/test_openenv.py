"""The OpenEnv server, as a process of its own, with its client and OpenEnv's own validation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from PIL import Image
from websockets.sync.client import connect

from tests.integrations.surfaces import serving
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.integrations.openenv import ProgramAction, VisualProgramClient, VisualProgramEnvironment
from vispro_gym.integrations.openenv.server import make_app
from vispro_gym.programs.experts import translate

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy" / "openenv"
OPENENV = Path(sys.executable).with_name("openenv")
ENV_ID = "VisProg-GQA-Repair-v0"
START = "from vispro_gym.integrations.openenv.server import main; main()"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server process; it says at which port it listens."""
    log = tmp_path_factory.mktemp("server") / "log"
    options = ["--env", ENV_ID, "--options", '{"split": "val"}', "--images", "--port", "0"]
    with log.open("w") as out:
        server = subprocess.Popen([sys.executable, "-c", START, *options], stdout=out, stderr=out)
    try:
        while (text := log.read_text()).count("running on") == 0:
            assert server.poll() is None, text
        yield text.split("running on ")[1].split()[0]
    finally:
        server.terminate()
        assert server.wait(30) in (0, -15), log.read_text()


def test_an_episode_is_that_of_the_environment(address: str) -> None:
    env: Any = gym.make(ENV_ID, split="val")
    with VisualProgramClient(base_url=address).sync() as client:
        for seed in range(3):
            expected, info = env.reset(seed=seed)
            result = client.reset(seed=seed)
            assert (result.observation.query, result.observation.metadata) == (expected["query"], info)
            assert f"Query: {expected['query']}\nProgram:" in result.observation.prompt
            assert not result.done and result.reward is None
            assert_shows(result.observation.images, env.unwrapped.sample)
            for number, program in enumerate(["return 1 / 0", "x = (", translate(env.unwrapped.sample)]):
                expected, reward, terminated, _, info = env.step(program)
                result = client.step(ProgramAction(program=program))
                assert (result.reward, result.done) == (reward, terminated) == (float(number == 2), number == 2)
                assert result.observation.metadata == json.loads(json.dumps(info))
                assert result.observation.outcome == info["outcome"] and not result.observation.images
                assert result.done or result.observation.feedback.startswith(expected["feedback"])
                state = client.state()
                assert (state.step_count, state.env_id, state.max_attempts) == (number + 1, ENV_ID, 3)


def assert_shows(images: list[str], sample: Any) -> None:
    import base64
    import io

    for text, image in zip(images, sample.images, strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(text)))), image.pixels())


def test_sessions_do_not_meet(address: str) -> None:
    """Eight sessions at once, each with episodes of its own."""

    def play(seed: int) -> list[float]:
        env: Any = gym.make(ENV_ID, split="val")
        rewards = []
        with VisualProgramClient(base_url=address).sync() as client:
            for step in range(4):
                env.reset(seed=100 * seed + step)
                client.reset(seed=100 * seed + step)
                right = (seed + step) % 2 == 0
                program = translate(env.unwrapped.sample) if right else "return None"
                rewards.append(client.step(ProgramAction(program=program)).reward == float(right))
        return rewards

    with ThreadPoolExecutor(8) as threads:
        assert all(all(rewards) for rewards in threads.map(play, range(8)))


def test_mistakes_are_told_and_the_session_goes_on(address: str) -> None:
    with VisualProgramClient(base_url=address).sync() as client:
        with pytest.raises(Exception, match=r"Call reset\(\) first"):
            client.step(ProgramAction(program="return 1"))
        with pytest.raises(Exception, match="no sample 'nope'"):
            client.reset(sample_id="nope")
        with pytest.raises(Exception, match="unknown option 'colour' of reset"):
            client.reset(colour="red")
        with pytest.raises(Exception, match="there is no task 'x'"):
            client.reset(index="x")
        with pytest.raises(Exception, match="no split 'test'"):
            client.reset(index=0, split="test")
        assert client.reset(seed=0).observation.query


def test_lone_surrogates_cross_the_wire(address: str) -> None:
    """A client of Python cannot send them, others can."""
    with connect(address.replace("http", "ws") + "/ws") as socket:
        socket.send(json.dumps({"type": "reset", "data": {"seed": 0}}))
        socket.recv()
        socket.send('{"type": "step", "data": {"program": "return \'\\ud800\'"}}')
        told = json.loads(socket.recv())["data"]
    assert (told["reward"], told["observation"]["outcome"]) == (0.0, "syntax_error"), "UTF-8 has no such character"


def test_a_session_in_which_nothing_happens_makes_room() -> None:
    with serving("VisProg-GQA-v0", {}, sessions=1, idle_seconds=1.0) as server:
        request = urllib.request.Request(
            f"{server}/mcp",
            json.dumps({"jsonrpc": "2.0", "id": 1, "method": "openenv/session/create", "params": {}}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as reply:
            assert "error" not in json.load(reply)
        for attempt in range(60):
            try:
                with VisualProgramClient(base_url=server).sync() as client:
                    assert client.reset(seed=0).observation.query
                    break
            except Exception:
                assert attempt < 59, "the session was not ended"
                time.sleep(0.5)


def test_openenv_validates_the_server(address: str) -> None:
    done = subprocess.run([OPENENV, "validate", "--url", address], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with urllib.request.urlopen(f"{address}/metadata") as reply:
        metadata = json.load(reply)
    assert (metadata["name"], metadata["version"]) == (ENV_ID, "0.1.0")
    with urllib.request.urlopen(f"{address}/schema") as reply:
        assert "program" in json.load(reply)["action"]["properties"]


def test_openenv_validates_the_folder() -> None:
    command = [OPENENV, "validate", str(DEPLOY), "--level", "static", "--skip-build"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "FAIL" not in done.stdout, done.stdout + done.stderr


def test_the_folder_fits_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    folder = tomllib.loads((DEPLOY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert folder["version"] == project["version"] and "openenv" in project["optional-dependencies"]
    docker = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    assert "[openenv,wasm]" in docker and "server.app:app" in docker


def test_the_app_reads_its_settings_from_the_environment() -> None:
    """As uvicorn starts it in the container."""
    code = (
        "from fastapi.testclient import TestClient\nfrom server.app import app\n"
        "print(TestClient(app).get('/metadata').json()['name'])"
    )
    settings = {"VISPRO_SERVER_ENV": "VisProg-COCO-v0", "VISPRO_SERVER_OPTIONS": '{"split": "val"}'}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=DEPLOY, env={**os.environ, **settings}, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "VisProg-COCO-v0", done.stderr


def test_tasks_are_the_samples() -> None:
    env = VisualProgramEnvironment("VisProg-GQA-v0", {"split": "val"})
    dataset = gym.make("VisProg-GQA-v0", split="val").unwrapped.dataset  # type: ignore[attr-defined]
    assert env.list_splits() == ["val"] and env.num_tasks("val") == len(dataset)
    assert env.get_task("val", 7) == {"index": 7, "id": dataset.sample_ids[7], "query": dataset.sample(7).query}
    assert env.get_task_range("val", 5, 8)[2] == env.get_task("val", 7)
    assert len(env.list_tasks("val")) == 100
    with pytest.raises(ValueError, match="Expected at most 1000"):
        VisualProgramEnvironment("VisProg-GQA-v0").get_task_range("train")
    assert env.reset(index=7, split="val").metadata["sample_id"] == dataset.sample_ids[7]
    with pytest.raises(IndexError, match="Expected an integer from 0 to"):
        env.reset(index=len(dataset))


def test_mistakes_are_told_when_the_server_starts() -> None:
    with pytest.raises(DatasetError, match="split 'nope'"):
        make_app("VisProg-GQA-v0", {"split": "nope"})
    with pytest.raises(TypeError, match="expected a VisualProgramEnv"):
        make_app("CartPole-v1", {})
