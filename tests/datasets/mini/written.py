"""Mini data as written by its generator, and what must hold for every one of them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image

from vispro_gym.datasets import Dataset, open_dataset
from vispro_gym.datasets.mini import write_mini
from vispro_gym.datasets.options import Choice
from vispro_gym.tasks import TASKS


def digest(root: Path) -> str:
    """A digest of all files of a folder and their names."""
    found = hashlib.sha256()
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        found.update(f"{path.relative_to(root).as_posix()} {path.stat().st_size}\n".encode() + path.read_bytes())
    return found.hexdigest()


def written_elsewhere(name: str, folder: Path) -> str:
    """The digest of what another process writes, in which sets have another order."""
    write = (
        f"from pathlib import Path; from vispro_gym.datasets.mini import write_mini; write_mini({name!r}, Path({str(folder)!r}))"
    )
    folder.mkdir()
    subprocess.run([sys.executable, "-c", write], env=os.environ | {"PYTHONHASHSEED": "12345"}, check=True)
    return digest(folder)


def check_folder(name: str, root: Path, folder: Path, splits: Iterable[str]) -> None:
    """The data is a function of the seed, complete, and annotated; every sample has an expert."""
    assert digest(root) == written_elsewhere(name, folder)
    hashes: set[str] = set()
    for split in splits:
        dataset = open_dataset(name, root, split)
        samples = list(dataset)
        assert all(sample.expert_program for sample in samples)
        assert all(dataset.has_scene(sample.sample_id) for sample in samples)
        images = {image.image_id: image for sample in samples for image in sample.images}
        for image in images.values():
            assert image.path is not None and image.scene is not None
            with Image.open(image.path) as picture:
                assert picture.size == image.size
        found = {image.content_hash for image in images.values()}
        assert len(found) == len(images) and not found & hashes, "no picture is there twice"
        hashes |= found


def best_constant(dataset: Dataset) -> float:
    """Share of the samples that the best of all constant answers earns a reward for."""
    task = TASKS[dataset.task]()
    targets = [sample.target for sample in dataset]
    answers: set[Any] = set()
    for target in targets:
        if isinstance(target, Choice):
            answers.update("ABCD", target.texts or ())
        else:
            answers.update(target if isinstance(target, tuple) else (target,))
    return max(sum(task.score(answer, target).reward for target in targets) / len(targets) for answer in answers)


def write(name: str, folder: Path) -> Path:
    """Writes the mini data of a dataset into a new folder."""
    folder.mkdir()
    write_mini(name, folder)
    return folder
