"""What opening a large dataset costs: the index of this project, `json.load`, and Hugging Face `datasets`.

Draws a folder in GQA's official layout, without pictures, and opens it in each of the ways, every measurement in a process of its
own. Prints a table in Markdown and ends with one line of JSON.

    python benchmarks/dataset_index.py           a million questions on 75,000 pictures: 15 minutes, 5 GB of disk, 10 GB of memory
    python benchmarks/dataset_index.py --quick   under a minute: 100,000 questions

All ways read the questions and the scene graphs; the files lie in the operating system's page cache for all of them. Times are
processor time without imports, since others may use the machine: next to nothing waits, so that it is the time of the clock on
an idle machine ("wall" in the JSON is by the clock, and so is how long making the environment and `reset()` take). Of several
rounds the quickest counts. Memory is what is resident, with the interpreter and the imported libraries, and with the pages of
files that are mapped into it. "Later open" is that of a process that finds what the first open left behind. A fetch is a question
at random with all its fields and no picture; all ways fetch the same ones, and what they get is compared.

`datasets` has no reader for GQA's files, objects whose keys are ids: it gets the records one by one (`Dataset.from_generator`)
from this project's scanner, which is quicker and smaller than `json.load`. Arrow's structs have fixed fields, therefore what has
ids as keys ("annotations" of a question, "objects" of a graph) is handed over as JSON text, and stays that when fetched.

Needs Linux, which tells the resident memory of a process.
"""

from __future__ import annotations

import json
import logging
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from shutil import disk_usage, rmtree
from statistics import median, quantiles
from typing import Any

import tyro
from rich.console import Console

PER_IMAGE = 40 / 3  # questions: the proportion of train_balanced
OBJECTS, RELATIONS = 16, 48  # of a picture, on average
DRAWN = 1_000  # different pictures with their questions; they occur again and again, under other ids
QUESTION_ID, IMAGE_ID = "question id", "image id"  # in what is drawn
BYTES_PER_QUESTION = 5_000  # on disk at most, with the share of the graphs and what the contenders write
RESETS = 500
QUESTIONS, GRAPHS = "questions1.2/train_balanced_questions.json", "sceneGraphs/train_sceneGraphs.json"
OURS, JSON, HF = "this project", "json.load", "Hugging Face datasets"


@dataclass(frozen=True)
class Args:
    """Measure what opening a large dataset costs."""

    questions: int = 1_000_000
    """How many questions."""
    fetches: int = 10_000
    """How many of them are fetched, at random."""
    rounds: int = 3
    """How often first opens are measured; later ones are once more."""
    seed: int = 0
    """Seed of the data and of the fetches."""
    quick: bool = False
    """Under a minute: 100,000 questions, one round."""


# The data

NOUNS = "man woman shirt wall window table chair sky tree plate cup dog cat horse grass fence building car bag hat".split()
ADJECTIVES = "red blue green white black brown large small wooden metal round striped open wet".split()
LINKS = ["to the left of", "to the right of", "on", "near", "behind", "in front of", "wearing", "holding", "under", "above"]
DETAILED = (
    "existAttrC existAttrNotC attrC directWhich exist logOr logAnd relS relO existRelS existAnd existOr existMaterial verifyAttr "
    "verifyAttrs verifyRel relVerify relVerifyCr chooseAttr categoryRelS categoryThat place company sameMaterialsC"
).split()
SEMANTIC = ["rel", "attr", "obj", "cat", "global"]


def graph(draw: random.Random, first_id: int) -> dict[str, Any]:
    """One scene graph with all official keys."""
    ids = [str(first_id + i) for i in range(draw.randint(OBJECTS // 2, OBJECTS * 3 // 2))]
    objects = {}
    for object_id in ids:
        edges = draw.randint(0, 2 * RELATIONS // OBJECTS)
        relations = [{"object": draw.choice(ids), "name": draw.choice(LINKS)} for _ in range(edges)]
        x, y = draw.randrange(400), draw.randrange(300)
        objects[object_id] = {
            "name": draw.choice(NOUNS),
            "h": draw.randint(5, 75),
            "w": draw.randint(5, 100),
            "x": x,
            "y": y,
            "attributes": draw.sample(ADJECTIVES, draw.randrange(3)),
            "relations": relations,
        }
    return {"width": 500, "height": 375, "objects": objects}


def question(draw: random.Random, objects: dict[str, Any]) -> dict[str, Any]:
    """One question with all official keys, about as long as the official ones are."""
    chosen = draw.choices(list(objects), k=draw.randint(1, 4))
    names = [objects[object_id]["name"] for object_id in chosen]
    semantic: list[dict[str, Any]] = [{"operation": "select", "dependencies": [], "argument": f"{names[0]} ({chosen[0]})"}]
    for i, (name, object_id) in enumerate(zip(names[1:], chosen[1:], strict=True)):
        argument = f"{name},{draw.choice(LINKS)},{draw.choice('so')} ({object_id})"
        semantic.append({"operation": "relate", "dependencies": [i], "argument": argument})
    last = draw.choice(["exist", "query", "verify color", "choose name"])
    semantic.append({"operation": last, "dependencies": [len(semantic) - 1], "argument": "?"})
    answer = draw.choice(["yes", "no", *NOUNS, *ADJECTIVES])
    words = f"{draw.choice(['Is there', 'Do you see', 'What is'])} the {' that is near the '.join(names)}?"
    first = draw.randrange(10**7)
    entailed = [f"{first + i:08}" for i in range(draw.randrange(80))]
    return {
        "semantic": semantic,
        "entailed": entailed,
        "equivalent": [QUESTION_ID],
        "question": words,
        "imageId": IMAGE_ID,
        "isBalanced": True,
        "groups": {"global": draw.choice([None, "person", "color"]), "local": f"{draw.randint(3, 15)}-{names[0]}_{names[-1]}"},
        "answer": answer,
        "semanticStr": "->".join(f"{node['operation']}: {node['argument']} {node['dependencies'] or ''}" for node in semantic),
        "annotations": {
            "answer": {},
            "question": {str(4 * i + 3): object_id for i, object_id in enumerate(chosen)},
            "fullAnswer": {"1": chosen[0]},
        },
        "types": {
            "detailed": draw.choice(DETAILED),
            "semantic": draw.choice(SEMANTIC),
            "structural": draw.choice(["query", "verify", "choose", "logical", "compare"]),
        },
        "fullAnswer": f"The {names[0]} is {answer}.",
    }


def write_folder(folder: Path, questions: int, seed: int) -> None:
    """Draws the folder. Question ids are in no order and have leading zeros, as the official ones."""
    draw = random.Random(seed)
    for name in (QUESTIONS, GRAPHS):
        (folder / name).parent.mkdir(parents=True)
    images = max(1, round(questions / PER_IMAGE))
    pictures = []
    for i in range(min(images, DRAWN)):
        scene = graph(draw, 1_000_000 + 40 * i)
        records = [json.dumps(question(draw, scene["objects"])) for _ in range(-(-questions // images))]
        pictures.append((json.dumps(scene), records))
    step = next(step for step in (7_368_787, 7_368_791) if questions % step)  # primes: every id occurs once
    with (folder / QUESTIONS).open("w") as question_file, (folder / GRAPHS).open("w") as graph_file:
        written = 0
        for i in range(images):
            text, records = pictures[i % len(pictures)]
            graph_file.write(f'{", " if i else "{"}"{2_300_000 + i}": {text}')
            for record in records[: questions * (i + 1) // images - written]:
                question_id = f"{written * step % questions * 15:08}"
                text = record.replace(IMAGE_ID, str(2_300_000 + i)).replace(QUESTION_ID, question_id)
                question_file.write(f'{", " if written else "{"}"{question_id}": {text}')
                written += 1
        question_file.write("}")
        graph_file.write("}")


# The ways. Each imports what it needs, and returns a function that opens the folder and returns one that fetches by position.

Fetch = Callable[[int], Any]


def ours(folder: Path, kept: Path) -> Callable[[], Fetch]:
    """This project, as its environments open a dataset. What is fetched is a `Sample`."""
    from vispro_gym.datasets import open_dataset

    logging.disable(logging.WARNING)  # that an index is built, that pictures are missing
    os.environ["VISPRO_CACHE"] = str(kept)

    def opened() -> Fetch:
        dataset = open_dataset("GQA", folder, "train", images="optional")
        dataset.keep_annotated()
        return dataset.sample

    return opened


def plain(folder: Path, kept: Path) -> Callable[[], Fetch]:
    """`json.load`: both files in memory."""

    def opened() -> Fetch:
        questions, graphs = (json.loads((folder / name).read_text(encoding="utf-8")) for name in (QUESTIONS, GRAPHS))
        keys = list(questions)

        def fetch(position: int, graphs: Any = graphs) -> Any:  # which stay in memory
            return questions[keys[position]]

        return fetch

    return opened


def records_of(folder: str, name: str) -> Iterator[dict[str, Any]]:
    """The records of a file as `datasets` gets them."""
    from vispro_gym.datasets.json_stream import scan_object

    for record in scan_object(Path(folder) / name, "records"):
        ids_as_keys = "annotations" if name == QUESTIONS else "objects"
        yield {"id": record.key} | record.value | {ids_as_keys: json.dumps(record.value[ids_as_keys])}


def hugging_face(folder: Path, kept: Path) -> Callable[[], Fetch]:
    """`datasets`: Arrow files in its cache, mapped into memory."""
    os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1", HF_HOME=str(kept))
    import datasets

    datasets.disable_progress_bars()

    def opened() -> Fetch:
        questions, graphs = (
            datasets.Dataset.from_generator(records_of, gen_kwargs={"folder": str(folder), "name": name}, cache_dir=str(kept))
            for name in (QUESTIONS, GRAPHS)
        )

        def fetch(position: int, graphs: Any = graphs) -> Any:  # which stay open
            return questions[position]

        return fetch

    return opened


WAYS = {OURS: ours, JSON: plain, HF: hugging_face}


# One measurement, in a process of its own


def resident(what: str = "VmRSS") -> float:
    """Megabytes of memory that are resident, or were at most ("VmHWM")."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(what))
    return int(line.split()[1]) / 1e3


def digest(records: Iterator[Any]) -> str:
    """What tells whether two ways fetched the same."""
    keys = ("question", "answer", "imageId", "semantic", "types", "entailed")
    return blake2b(json.dumps([[record[key] for key in keys] for record in records], sort_keys=True).encode()).hexdigest()


@contextmanager
def watched(result: dict[str, Any], what: str) -> Iterator[None]:
    """Notes the processor time that something takes, and the time by the clock."""
    wall, processor = time.perf_counter(), time.process_time()
    yield
    result |= {f"{what}_s": time.process_time() - processor, f"{what}_wall_s": time.perf_counter() - wall}


def measure(way: str, folder: Path, kept: Path, questions: int, fetches: int, seed: int) -> dict[str, Any]:
    """Opens the folder and fetches records at random."""
    draw = random.Random(seed)
    positions = [draw.randrange(questions) for _ in range(fetches)]
    opened = WAYS[way](folder, kept)
    result: dict[str, Any] = {"imported_mb": resident()}
    with watched(result, "open"):
        fetch = opened()
    result["opened_mb"] = resident()
    with watched(result, "fetches"):
        for position in positions:
            fetch(position)
    result |= {"fetch_per_s": fetches / result["fetches_s"], "fetched_mb": resident(), "peak_mb": resident("VmHWM")}
    some = (fetch(position) for position in positions[:1_000])
    result["digest"] = digest(sample.record if way == OURS else sample for sample in some)
    return result


def measure_resets(folder: Path, kept: Path) -> dict[str, Any]:
    """Makes the environment and starts episodes: a question is drawn, and its blank canvas made an observation."""
    import gymnasium

    import vispro_gym  # noqa: F401 (registers the environments)

    logging.disable(logging.WARNING)
    os.environ["VISPRO_CACHE"] = str(kept)
    start = time.perf_counter()
    env = gymnasium.make("VisProg-GQA-v0", data_dir=str(folder), split="train", images="optional")
    result: dict[str, Any] = {"make_s": time.perf_counter() - start}
    env.reset(seed=0)
    times = []
    for _ in range(RESETS):
        start = time.perf_counter()
        env.reset()
        times.append(1e3 * (time.perf_counter() - start))
    env.close()
    return result | {"reset_ms_median": median(times), "reset_ms_p95": quantiles(times, n=20)[-1], "resets_mb": resident()}


def apart(folder: Path, *arguments: object) -> dict[str, Any]:
    """What a process of its own measures, after all files were read once."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb", buffering=0) as file:
                while file.read(1 << 24):
                    pass
    command = [sys.executable, __file__, "measure", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


# All measurements


def best(results: list[dict[str, Any]], key: str) -> float:
    """The figure of the quickest round; of memory, the largest one."""
    figures: list[float] = [result[key] for result in results]
    return max(figures) if key.endswith("_mb") or key == "fetch_per_s" else min(figures)


def main(args: Args) -> None:
    if not Path("/proc/self/status").exists():
        raise SystemExit("this benchmark needs Linux, which tells the resident memory of a process")
    console = Console(stderr=True)
    questions, rounds = (100_000, 1) if args.quick else (args.questions, args.rounds)
    ways = [OURS, JSON] + [HF] * (find_spec("datasets") is not None)
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        if disk_usage(base).free < questions * BYTES_PER_QUESTION:
            raise SystemExit(f"{base} needs {questions * BYTES_PER_QUESTION / 1e9:.0f} GB of free disk. Set TMPDIR.")
        console.print(f"drawing {questions:,} questions")
        folder = base / "GQA"
        write_folder(folder, questions, args.seed)
        common = (questions, args.fetches, args.seed)
        first: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
        later: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
        for number in range(rounds):
            for way in ways if number == 0 else (OURS, JSON):  # no claim rests on how long `datasets` takes: minutes
                console.print(f"round {number + 1} of {rounds}: {way}, first open")
                if way == OURS:
                    rmtree(base / way, ignore_errors=True)
                first[way].append(apart(base, way, folder, base / way, *common))
        for way in ways:
            console.print(f"{way}, later open")
            again = 0 if way == JSON else rounds + 1
            later[way] = [apart(base, way, folder, base / way, *common) for _ in range(again)] or first[way]
        console.print("resets")
        resets = apart(base, "resets", folder, base / OURS)
        disk = {way: sum(p.stat().st_size for p in (base / way).rglob("*") if p.is_file()) / 1e6 for way in ways}
        files_mb = sum((folder / name).stat().st_size for name in (QUESTIONS, GRAPHS)) / 1e6
    if len({result["digest"] for way in ways for result in first[way] + later[way]}) != 1:
        raise SystemExit("the ways fetched different records")

    table = {
        way: {
            "first_open_s": best(first[way], "open_s"),
            "first_open_peak_mb": best(first[way], "peak_mb"),
            "later_open_s": best(later[way], "open_s"),
            "imported_mb": best(later[way], "imported_mb"),
            "opened_mb": best(later[way], "opened_mb"),
            "fetched_mb": best(later[way], "fetched_mb"),
            "fetch_per_s": best(later[way], "fetch_per_s"),
            "disk_mb": disk[way],
            "first_open_wall_s": best(first[way], "open_wall_s"),
            "later_open_wall_s": best(later[way], "open_wall_s"),
            "fetches_wall_s": best(later[way], "fetches_wall_s"),
        }
        for way in ways
    }
    mine = table[OURS]
    show(table, resets)
    result = {
        "quick": args.quick,
        "questions": questions,
        "files_mb": files_mb,
        "rounds": rounds,
        "python": sys.version.split()[0],
        "reopen_s": mine["later_open_s"],
        "rss_mb": mine["fetched_mb"],
        "fetch_per_s": mine["fetch_per_s"],
        "fetch_per_s_wall": args.fetches / mine["fetches_wall_s"],
        "build_ratio_to_json_load": mine["first_open_s"] / table[JSON]["first_open_s"],
        "reopen_ratio_to_json_load": mine["later_open_s"] / table[JSON]["first_open_s"],
        "rss_ratio_to_json_load": mine["fetched_mb"] / table[JSON]["fetched_mb"],
        **resets,
        "table": table,
        "first_opens_s": {way: [result["open_s"] for result in first[way]] for way in ways},
        "not_measured": [way for way in WAYS if way not in ways],
    }
    print(json.dumps(result))


def show(table: dict[str, dict[str, float]], resets: dict[str, float]) -> None:
    """Prints the tables in Markdown."""
    print("| | first open | its peak memory | later open | memory, opened | after the fetches | fetches per second | on disk |")
    print("|---|---|---|---|---|---|---|---|")
    for way, row in table.items():
        print(
            f"| {way} | {row['first_open_s']:.1f} s | {row['first_open_peak_mb']:,.0f} MB | {row['later_open_s']:.3f} s "
            f"| {row['opened_mb']:,.0f} MB | {row['fetched_mb']:,.0f} MB | {row['fetch_per_s']:,.0f} | {row['disk_mb']:,.0f} MB |"
        )
    print(
        f"\nMaking the environment takes {resets['make_s']:.3f} s, reset() {resets['reset_ms_median']:.1f} ms "
        f"(median; 95 in 100 at most {resets['reset_ms_p95']:.1f} ms), {resets['resets_mb']:,.0f} MB resident.\n"
    )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["measure", "resets", data, kept]:
            print(json.dumps(measure_resets(Path(data), Path(kept))))
        case ["measure", way, data, kept, *numbers]:
            print(json.dumps(measure(way, Path(data), Path(kept), *map(int, numbers))))
        case _:
            main(tyro.cli(Args, description=__doc__, config=(tyro.conf.FlagCreatePairsOff,)))
