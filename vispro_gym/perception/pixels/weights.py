"""The trained weights: made once, kept in the cache folder, named by what they depend on."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from filelock import FileLock

from vispro_gym.datasets.cache import cache_dir
from vispro_gym.datasets.errors import logger
from vispro_gym.perception.pixels import training
from vispro_gym.perception.pixels.kinds import LEARNED
from vispro_gym.perception.pixels.network import Eyes
from vispro_gym.perception.protocol import BackendError

# Files and folders of the package that the weights depend on.
_MODULES = tuple(f"perception/pixels/{name}.py" for name in ("examples", "kinds", "network", "parts", "training", "variation"))
_SOURCES = ("datasets/mini/clevr", "datasets/mini/gqa", "datasets/mini/drawing", "datasets/mini/photos", *_MODULES)


def trained_eyes() -> tuple[Mapping[str, Eyes], str]:
    """The networks of each kind of pictures by its name, trained if they are not yet, and a digest of their weights.

    Safe when several processes ask at once: one trains, the others wait.

    Raises:
        BackendError: If the cache folder cannot be written, or training fails.
    """
    folder = cache_dir() / "pixels"
    path = folder / f"{_source_digest()}.pt"
    weights = _read(path)
    try:
        if weights is None:
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / "pixels.lock"):
                weights = _read(path)  # another process may have trained them meanwhile
                if weights is None:
                    logger.warning("Training the networks of perception 'pixels' into %s (once, some minutes) ...", path)
                    weights = _train()
                    _write(path, weights)
    except OSError as error:
        raise BackendError(
            f"The weights of perception 'pixels' could not be kept in {folder}: {error}. "
            "Set VISPRO_CACHE to a folder that can be written."
        ) from error
    eyes = {}
    for kind in LEARNED:
        with torch.random.fork_rng(devices=[]):  # what a network is before its weights are loaded costs random numbers
            eyes[kind.name] = Eyes(kind).eval()
        eyes[kind.name].load_state_dict(weights[kind.name])
    return eyes, _weights_digest(weights)


Weights = dict[str, dict[str, torch.Tensor]]
"""State of the networks by the name of the kind."""


def _train() -> Weights:
    """Trains the networks, those of each kind in a process of its own: their settings and random numbers stay out of this one."""
    with TemporaryDirectory() as folder:
        running = {}
        for kind in LEARNED:
            plan = json.dumps(asdict(training.PLANS[kind.name]))
            command = [sys.executable, "-m", training.__name__, kind.name, plan, os.path.join(folder, kind.name)]
            running[kind.name] = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            for name, process in running.items():
                _, errors = process.communicate()
                if process.returncode:
                    raise BackendError(f"Training the networks of perception 'pixels' ({name}) failed:\n{errors[-2000:]}")
        finally:
            for process in running.values():
                process.kill()
                process.wait()
        return {name: torch.load(os.path.join(folder, name), weights_only=True) for name in running}


def _read(path: Path) -> Weights | None:
    """The weights in a file, None if it is missing or damaged."""
    if not path.exists():
        return None
    try:
        kept = torch.load(path, weights_only=True)
        weights: Weights = kept["weights"]
        if kept["digest"] == _weights_digest(weights):
            return weights
    except (OSError, RuntimeError, ValueError, EOFError, LookupError, TypeError, AttributeError, pickle.UnpicklingError):
        pass
    logger.warning("The weights of perception 'pixels' in %s are damaged; they are trained anew.", path)
    return None


def _write(path: Path, weights: Weights) -> None:
    partial = path.with_suffix(".partial")
    torch.save({"weights": weights, "digest": _weights_digest(weights)}, partial)
    os.replace(partial, path)


def _weights_digest(weights: Weights) -> str:
    digest = blake2b(digest_size=8)
    for kind in sorted(weights):
        for name, values in sorted(weights[kind].items()):
            digest.update(f"{kind} {name} {tuple(values.shape)} {values.dtype}".encode())
            digest.update(values.contiguous().numpy().tobytes())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _source_digest() -> str:
    root = Path(__file__).parents[2]
    digest = blake2b(digest_size=8)
    for source in _SOURCES:
        path = root / source
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(file.read_bytes())
    return digest.hexdigest()
