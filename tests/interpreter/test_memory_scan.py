"""What a worker holds in its memory while and after it runs programs for the engine: their source, and nothing of their samples."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.scenes import HEIGHT, WIDTH, NamePerception, write_gqa_folder
from vispro_gym.datasets import open_dataset
from vispro_gym.datasets.sample import ImageRef
from vispro_gym.engine import Engine, Job
from vispro_gym.interpreter.pool import Interpreter
from vispro_gym.perception.protocol import Detect
from vispro_gym.tasks import VisualQuestionAnswering

SAMPLE_ID, TARGET, FOLDER, QUERY = "sentinel-sample-5f1c", "sentinel-target-8a3d", "sentinel-folder-2e9b", "sentinel-query-7c4f"
MARK = "sentinel-program-61d0"
VARIABLE = "sentinel-variable-90be"
ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
PIECE = 1 << 24

PROGRAM = f"""\
def execute_command(image):
    mark = '{MARK}'
    for patch in image.find('cup'):
        if patch.verify_property('cup', 'red'):
            return mark
    return patch.width
"""


def mappings(pid: int) -> Iterator[tuple[int, int]]:
    """Start and end of every part of a process's memory that can be read."""
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        bounds, rights, *rest = line.split()
        if "r" in rights and rest[-1] not in ("[vvar]", "[vvar_vclock]", "[vsyscall]"):
            start, end = (int(bound, 16) for bound in bounds.split("-"))
            yield start, end


def found_in_memory(pid: int, texts: Sequence[str]) -> set[str]:
    """Which of the texts a process has in its memory, in any encoding that Python uses."""
    needles = [(text, text.encode(encoding)) for text in texts for encoding in ENCODINGS]
    overlap = max(len(needle) for _, needle in needles)
    found = set()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, end in mappings(pid):
            for at in range(start, end, PIECE):
                memory.seek(at)
                try:
                    data = memory.read(min(PIECE + overlap, end - at))
                except OSError:  # a page that is there in name only
                    continue
                found |= {text for text, needle in needles if needle in data}
    return found


def scannable(pid: int) -> None:
    try:
        with open(f"/proc/{pid}/mem", "rb") as memory:
            memory.seek(next(mappings(pid))[0])
            memory.read(1)
    except OSError as error:
        pytest.skip(f"the worker's memory cannot be read by this user: {error}")


def test_a_worker_holds_nothing_of_a_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISPRO_SENTINEL", VARIABLE)
    folder = write_gqa_folder(tmp_path / FOLDER)
    sample = next(iter(open_dataset("GQA", folder, "val")))
    picture = sample.images[0]
    image = ImageRef(SAMPLE_ID, (WIDTH, HEIGHT), picture.pixels, folder / "images" / "1.jpg", picture.scene)
    sample = replace(sample, sample_id=SAMPLE_ID, query=QUERY, target=TARGET, images=(image,))

    sentinels = [SAMPLE_ID, TARGET, FOLDER, QUERY, VARIABLE]
    interpreter = Interpreter(workers=1)
    scans: list[set[str]] = []

    def scan() -> None:
        (worker,) = interpreter._workers
        scannable(worker._process.pid)
        scans.append(found_in_memory(worker._process.pid, [*sentinels, MARK]))

    class Watching(NamePerception):
        def detect(self, requests: Sequence[Detect]) -> list[Any]:
            assert requests[0].image.path is not None and FOLDER in str(requests[0].image.path)
            scan()
            return super().detect(requests)

    try:
        engine = Engine(VisualQuestionAnswering(), Watching(), interpreter)
        outcomes = engine.run([Job(PROGRAM, sample)] * 10)
        assert {outcome.outcome for outcome in outcomes} == {"wrong"} and outcomes[0].answer == MARK
        assert outcomes[0].sample_id == SAMPLE_ID
        scan()
    finally:
        interpreter.close()
    # The mark shows that the scan finds what is there: in the program's source, while it runs and afterwards.
    assert len(scans) == 2 and all(scan == {MARK} for scan in scans), scans


def test_the_scan_finds_what_this_process_holds() -> None:
    try:
        with open("/proc/self/mem", "rb"):
            pass
    except OSError as error:
        pytest.skip(f"this process's memory cannot be read: {error}")
    text = "-".join(["only", "here", str(os.getpid())])
    kept = [text.encode(encoding) for encoding in ENCODINGS]
    assert found_in_memory(os.getpid(), [text]) == {text} and kept
