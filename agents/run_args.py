"""What every learner is asked, and which of it makes a run another one."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, is_dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, Protocol

from vispro_agents.cluster import address_of, import_ray
from vispro_agents.curve import CURVE, Point, read_curve
from vispro_agents.episodes import SEMANTIC_SCENES
from vispro_agents.errors import UsageError, at_least


@dataclass(frozen=True)
class RunArgs:
    """What every learner asks."""

    run_dir: Path = Path("runs/filtered_bc")
    """Folder for policies, experience and the curve. A run that is there already is resumed."""
    env: str = "VisProg-GQA-v0"
    """Environment id."""
    data_dir: Path | None = None
    """Root folder of the dataset. None: see the environment; without any data, the generated mini data is used."""
    images: Literal["required", "optional"] = "required"
    """Whether a missing picture is an error."""
    perception: str = "oracle"
    """What programs see through, see `vispro_gym.perception.make_perception`."""
    train_split: str = "train"
    """Split whose queries are asked and whose rewards are learned from."""
    num_scenes: int = 0
    """Counterfactual scenes on which a program has to be right, too, to be rewarded in training; needs functional programs."""
    seed: int = 0
    """Seed of everything."""
    iterations: int = 4
    """Iterations of the learner, each of which ends with a saved policy and its evaluation."""
    queries: int = 700
    """Queries of the train split that are asked in each iteration."""
    samples: int = 4
    """Programs that are drawn per query."""
    temperature: float = 0.8
    """Sampling temperature."""
    top_p: float = 1.0
    """Programs are drawn from the most probable tokens that together have this probability."""
    eval_split: str = "val"
    """Split that the policies are measured on."""
    eval_episodes: int | None = None
    """Samples to measure on; None for the whole split."""
    semantic_scenes: int = SEMANTIC_SCENES
    """Counterfactual scenes on which measured programs are checked, where the dataset has functional programs; 0 for none."""
    log_with: tuple[Literal["tensorboard", "wandb", "trackio"], ...] = ("tensorboard",)
    """Where figures are sent while training."""
    engine: str = "local"
    """Where programs run, and in filtered-bc are drawn: local, ray, or ray:ADDRESS of a cluster; needs the extra 'ray'."""
    actors: int | None = None
    """Processes that run programs, with --engine ray; None for one on each core of the cluster."""


def check(args: RunArgs) -> None:
    """Raise a `UsageError` for numbers that make no sense, and for an engine that is not there."""
    at_least(
        0, iterations=args.iterations, queries=args.queries, num_scenes=args.num_scenes, semantic_scenes=args.semantic_scenes
    )
    at_least(1, samples=args.samples, eval_episodes=args.eval_episodes, actors=args.actors)
    if not args.temperature >= 0.0 or not 0.0 < args.top_p <= 1.0:
        raise UsageError(f"--temperature {args.temperature} --top-p {args.top_p}: expected 0 or more, and above 0 up to 1.")
    if address_of(args.engine) is not None:
        import_ray()


class Resumable(Protocol):
    """Arguments of a run that can be resumed, a dataclass of a learner's module."""

    @property
    def run_dir(self) -> Path:
        """Folder of the run."""

    @property
    def iterations(self) -> int:
        """Iterations, of which more may be asked later."""


def settings_of(args: Resumable) -> dict[str, Any]:
    """The arguments as JSON with the learner's name, but for those that change no result: where files, figures and work go."""
    assert is_dataclass(args) and not isinstance(args, type)
    settings: dict[str, Any] = json.loads(json.dumps(asdict(args), default=str))
    corrections = getattr(args, "corrections", None)
    if corrections is not None:  # what is in the file counts, not where it is
        settings["corrections"] = blake2b(Path(corrections).read_bytes(), digest_size=16).hexdigest()
    init = getattr(args, "init", None)
    if init is not None and Path(init).is_dir():  # likewise
        digest = blake2b(digest_size=16)
        for path in sorted(path for path in Path(init).iterdir() if path.suffix in (".safetensors", ".json")):
            digest.update(path.read_bytes())
        settings["init"] = digest.hexdigest()
    return {"learner": type(args).__module__.rpartition(".")[2]} | {
        key: value for key, value in settings.items() if key not in ("run_dir", "log_with", "engine", "actors")
    }


def read_points(args: Resumable) -> list[Point]:
    """The finished phases of the run to resume; none of a new one."""
    if not (args.run_dir / CURVE).exists():
        return []
    wanted = settings_of(args)
    settings, points = read_curve(args.run_dir)
    # More iterations may be asked of a finished run; nothing else may differ.
    if settings.get("learner") != wanted["learner"]:
        raise UsageError(
            f"{args.run_dir} holds a run of {settings.get('learner')}, not of {wanted['learner']}. Choose another --run-dir."
        )
    there = _by_option(settings)
    differing = [
        f"--{key.replace('_', '-')} {there.get(key)} (asked is {value})"
        for key, value in _by_option(wanted).items()
        if there.get(key) != value and key != "iterations"
    ]
    if differing:
        raise UsageError(
            f"{args.run_dir} holds a run with other settings: {', '.join(differing)}. "
            "To go on with it, repeat all its options; to begin anew, choose another --run-dir."
        )
    return [point for point in points if point.iteration <= args.iterations]


def _by_option(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings by the options that set them: those of nested groups have their own."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= _by_option(value) if isinstance(value, dict) else {key: value}
    return flat
