"""Trains again and again in processes that are killed at random moments. Run by test_resume.py, as a process of its own.

Everything is imported once, then each attempt is a fork, so that a kill costs no seconds of importing. Prints one line of JSON:
how many were killed, and in which phases.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from vispro_agents import filtered_bc, reinforce, vlm_ppo
from vispro_agents.imitation import ImitationArgs

IMITATION = ImitationArgs(demonstrations=12, mle_epochs=1, mle_variants=3)
SMALL = {"iterations": 2, "queries": 12, "samples": 2, "eval_episodes": 10, "semantic_scenes": 2}


CORRECTIONS = r"""
- pattern: 'Is there a (?P<a>\w+)\?'
  program: |
    def execute_command(image):
        return bool_to_yesno(ImagePatch(image).exists("$a"))
"""


def learner(name: str, data_dir: Path, root: Path) -> Callable[[Path], object]:
    """A function that trains in a folder."""
    if name == "vlm_ppo":
        agent = vlm_ppo.Args(
            demonstrations=20, sft_steps=6, sft_batch_size=4, save_steps=2, iterations=2, updates=2, envs=4, steps=3, epochs=2,
            batch_size=6, eval_episodes=4, value_updates=1, thoughts=False,
        )  # fmt: skip
        return lambda folder: vlm_ppo.train(replace(agent, run_dir=folder))
    if name == "reinforce":
        gradient = reinforce.Args(data_dir=data_dir, imitation=IMITATION, queries_per_step=4, **SMALL)  # type: ignore[arg-type]
        return lambda folder: reinforce.train(replace(gradient, run_dir=folder))
    cloning = filtered_bc.Args(data_dir=data_dir, imitation=IMITATION, num_scenes=1, **SMALL)  # type: ignore[arg-type]
    if name == "corrections":
        corrections = root / "corrections.yaml"
        corrections.write_text(CORRECTIONS)
        cloning = replace(cloning, corrections=corrections, carry_over=False, replay="last", cap=0)
    return lambda folder: filtered_bc.train(replace(cloning, run_dir=folder))


def attempt(train: Callable[[Path], object], folder: Path, files: int | None = None, delay: float = 0.0) -> bool:
    """Train in a fork; kill it once the folder has so many files and some more seconds have passed. Whether it was killed."""
    child = os.fork()
    if child == 0:
        try:
            train(folder)
            os._exit(0)
        finally:
            os._exit(1)
    deadline = None
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert os.waitstatus_to_exitcode(status) == 0, "training failed"
            return False
        if files is not None and deadline is None and count_files(folder) >= files:
            deadline = time.monotonic() + delay
        if deadline is not None and time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return True
        time.sleep(0.005)


def count_files(folder: Path) -> int:
    """Files of a run so far: a clock that goes as fast as the run."""
    return sum(len(names) for _, _, names in os.walk(folder))


def main(name: str, data_dir: Path, root: Path, kills: int) -> None:
    """Train once without a kill, then with so many."""
    torch.set_num_threads(1)
    train = learner(name, data_dir, root)
    start = time.monotonic()
    attempt(train, root / "whole")
    total = count_files(root / "whole")
    pause = (time.monotonic() - start) / total  # seconds per file
    rng = random.Random(0)
    killed = number = 0
    reached: set[str] = set()
    while killed < kills:
        run = root / f"killed-{number}"
        # One kill in each part of a run, so that all phases are met. A part that a run has left behind is met in the next run.
        files = rng.randint(total * killed // kills, total * (killed + 1) // kills)
        if files > count_files(run) and attempt(train, run, files, rng.uniform(0.0, 2.0 * pause)):
            killed += 1
            found = sorted(path.stem for path in (run / "experience").glob("*.parquet"))
            reached.add(found[-1] if found else "nothing")
        else:
            attempt(train, run)
            number += 1
    attempt(train, root / f"killed-{number}")
    print(json.dumps({"killed": killed, "runs": number + 1, "reached": sorted(reached)}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
