"""One of the processes that use a cache at the same time until they are killed: `python -m tests.perception.hammer FOLDER SEED`.

Asks at random what others ask, too, and compares every answer with the right one. Ends by itself only after a wrong answer.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from tests.perception.seeing import MeanPerception, picture
from vispro_gym.perception.cache import CachedPerception
from vispro_gym.perception.protocol import Depth, Detect

PICTURES = [picture(i) for i in range(20)]


def requests_of(rng: random.Random, count: int) -> list[Depth]:
    return [Depth(rng.choice(PICTURES), (0, 0, rng.randint(1, 24), rng.randint(1, 16))) for _ in range(count)]


def main(folder: Path, seed: int) -> int:
    rng = random.Random(seed)
    perception, right = CachedPerception(MeanPerception(), folder=folder, memory=50), MeanPerception()
    print("ready", flush=True)
    while True:
        depths = requests_of(rng, rng.randint(1, 30))
        if perception.depth(depths) != right.depth(depths):
            return 3
        detections = [Detect(request.image, request.box, rng.choice("abc")) for request in depths]
        if perception.detect(detections) != right.detect(detections):
            return 4


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
