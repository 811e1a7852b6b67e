"""What can be chosen: presets, and the options that override them. Nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

VERIFY_BY = ("similarity", "question")
DTYPES = ("auto", "float32", "bfloat16", "float16")


@dataclass(frozen=True, slots=True)
class Preset:
    """Models and the values that they are used with.

    Attributes:
        detector: Hub id of the model that finds objects.
        answerer: Hub id of the model that answers questions.
        matcher: Hub id of the model that compares pictures and texts.
        depth: Hub id of the model that estimates depth.
        box_threshold: Least score of a box; None is the default of the detector's architecture.
        max_boxes: How many boxes are kept, the best first.
        verify_threshold: Least mean probability of the attribute against each other one.
        beams: Beams of BLIP-2 and InstructBLIP; other answerers decode greedily.
        length_penalty: What those beams prefer: below 0 short answers.
        max_new_tokens: Most tokens of an answer.
    """

    detector: str
    answerer: str
    matcher: str
    depth: str
    box_threshold: float | None
    max_boxes: int
    verify_threshold: float
    beams: int
    length_penalty: float
    max_new_tokens: int


PRESETS = {
    # The re-implementation of VisReP in ViUniT. Its text threshold (0.2) chooses the words of a label, which nothing reads, and
    # its list of 617 negative attributes is not used here: its licence forbids that. A maximal length of 10 counts the token
    # that decoding starts with. The length penalty is that of ViperGPT, and MiDaS is ViperGPT's model of depth.
    "viunit": Preset(
        detector="IDEA-Research/grounding-dino-base",
        answerer="Salesforce/blip2-flan-t5-xxl",
        matcher="openai/clip-vit-large-patch14-336",
        depth="Intel/dpt-large",
        box_threshold=0.2,
        max_boxes=10,
        verify_threshold=0.8,
        beams=5,
        length_penalty=-1.0,
        max_new_tokens=9,
    ),
    # What a laptop without a GPU can run: about 400 million weights together.
    "light": Preset(
        detector="IDEA-Research/grounding-dino-tiny",
        answerer="dandelin/vilt-b32-finetuned-vqa",
        matcher="openai/clip-vit-base-patch32",
        depth="depth-anything/Depth-Anything-V2-Small-hf",
        box_threshold=None,
        max_boxes=10,
        verify_threshold=0.6,
        beams=1,
        length_penalty=1.0,
        max_new_tokens=16,
    ),
}


@dataclass(frozen=True, slots=True)
class Options:
    """The resolved choice; see `Preset` and `vispro_gym.perception.transformers.backend.TransformersPerception`."""

    models: dict[str, str]
    device: str
    dtype: str
    batch_size: int
    box_threshold: float | None
    max_boxes: int
    verify: str
    verify_threshold: float
    beams: int
    length_penalty: float
    max_new_tokens: int


def resolve(
    preset: str,
    models: dict[str, str | None],
    device: str,
    dtype: str,
    batch_size: int,
    box_threshold: float | None,
    max_boxes: int | None,
    verify: str,
    verify_threshold: float | None,
) -> Options:
    """The preset with what overrides it.

    Raises:
        ValueError: If a value is not one of those expected.
    """
    one_of("preset", preset, tuple(PRESETS))
    one_of("dtype", dtype, DTYPES)
    one_of("verify", verify, VERIFY_BY)
    chosen = PRESETS[preset]
    for role, source in models.items():
        if source is not None and (not isinstance(source, str) or not source):
            raise ValueError(f"{role}={source!r} is not a model. Expected a hub id or the path of a folder, as text.")
    return Options(
        models={role: source or getattr(chosen, role) for role, source in models.items()},
        device=device,
        dtype=dtype,
        batch_size=_whole("batch_size", batch_size),
        box_threshold=chosen.box_threshold if box_threshold is None else _share("box_threshold", box_threshold),
        max_boxes=chosen.max_boxes if max_boxes is None else _whole("max_boxes", max_boxes),
        verify=verify,
        verify_threshold=chosen.verify_threshold if verify_threshold is None else _share("verify_threshold", verify_threshold),
        beams=chosen.beams,
        length_penalty=chosen.length_penalty,
        max_new_tokens=chosen.max_new_tokens,
    )


def one_of(name: str, value: Any, expected: tuple[str, ...]) -> None:
    """Raises a `ValueError` unless the value is one of those expected."""
    if value not in expected:
        raise ValueError(f"{name}={value!r} is unknown. Expected one of: {', '.join(map(repr, expected))}.")


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name}={value!r} is out of range. Expected a whole number of at least 1.")
    return value


def _share(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"{name}={value!r} is out of range. Expected a number from 0 to 1.")
    return float(value)
