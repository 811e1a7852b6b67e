from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import DependencyNotInstalled
from gymnasium.utils.env_checker import check_env

import vispro_gym  # noqa: F401  (registers the environments)
from vispro_gym.envs.visual_program import VisualProgramEnv
from vispro_gym.rendering.window import Window

YES = "def execute_command(image):\n    return 'yes'\n"


@pytest.fixture(autouse=True)
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setitem(VisualProgramEnv.metadata, "render_fps", 1_000)
    yield
    if sys.modules.get("pygame") is not None:
        sys.modules["pygame"].display.quit()


def make(render_mode: str) -> Any:
    return gym.make("VisProg-GQA-v0", split="val", render_mode=render_mode)


def shown() -> Any:
    """The pixels on the screen; None where there is no window."""
    import pygame

    surface = pygame.display.get_surface() if pygame.display.get_init() else None
    return None if surface is None else pygame.surfarray.array3d(surface).transpose(1, 0, 2)


def test_reset_and_step_show_the_frame_by_themselves() -> None:
    env, twin = make("human"), make("rgb_array")
    env.reset(seed=16)
    twin.reset(seed=16)
    assert env.render() is None
    before = shown()
    assert before.shape == (800, 800, 3) and (before == twin.render()).all()
    for each in (env, twin):
        assert each.step(YES)[1] == 1.0
    assert (shown() == twin.render()).all() and (shown() != before).any()
    env.close()
    assert shown() is None
    env.close()
    env.reset(seed=16)
    assert (shown() == before).all(), "the window opens again"


def test_an_environment_that_showed_nothing_closes_no_window() -> None:
    window = Window()
    window.show(np.full((60, 80, 3), 7, np.uint8))
    make("rgb_array").close()
    make("human").close()
    assert (shown() == 7).all() and shown().shape == (60, 80, 3)
    window.close()
    assert shown() is None


def test_environments_of_a_process_share_the_window() -> None:
    first, second = Window(), Window()
    first.show(np.full((60, 80, 3), 1, np.uint8))
    second.show(np.full((90, 80, 3), 2, np.uint8))
    assert (shown() == 2).all() and shown().shape == (90, 80, 3)
    second.close()
    first.show(np.full((60, 80, 3), 1, np.uint8))
    assert (shown() == 1).all()


def test_people_have_time_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("vispro_gym.rendering.window.time.sleep", waits.append)
    monkeypatch.setitem(VisualProgramEnv.metadata, "render_fps", 1)
    env = make("human")
    env.reset(seed=16)
    env.step(YES)
    assert waits == [0, 1]


def test_check_env_has_nothing_to_say() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(make("human").unwrapped)


def test_a_missing_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygame", None)
    with pytest.raises(DependencyNotInstalled, match=r'needs pygame, .*: pip install "vispro-gym\[play\]"'):
        make("human").reset(seed=16)
    assert make("rgb_array").reset(seed=16)


def test_a_window_leaves_the_process_as_it_was() -> None:
    code = """
import os, signal, numpy
from vispro_gym.rendering.window import Window
before = dict(os.environ)
Window().show(numpy.zeros((8, 8, 3), numpy.uint8))
assert dict(os.environ) == before
os.kill(os.getpid(), signal.SIGTERM)
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (-15, "", "")
