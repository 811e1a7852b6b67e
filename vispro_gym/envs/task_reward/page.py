"""The parts that the documentation pages of the task rewards share, see `vispro_gym.envs.page`."""

from __future__ import annotations

import inspect
from typing import TypeVar

from vispro_gym.envs.page import HEADINGS

Class = TypeVar("Class", bound=type)

_BEFORE = {
    "Information": """\
- `sample_id`: COCO's image id, as text.
- `data`: "mini" for the generated data, else "official".

and after a step, all deterministic:
""",
}
"""What goes before a class's own text."""

_AFTER = {
    "Observation Space": """\
`Box(0, 255, (S, S, 3), uint8)`: the picture, RGB, letterboxed to a square of side S = `image_size`: scaled to fit, in the
middle of black.""",
    "Starting State": 'A sample of the split, drawn uniformly; `reset(options={{"sample_id": ...}})` chooses one.',
    "Episode End": """\
Terminated after the first action; never truncated. An action that the action space does not hold is an error (`TypeError`,
`ValueError`) that earns nothing and ends nothing.""",
    "Arguments": """\
- `split`: "train" or "val" (those of 2017, or else those of 2014), "val2014" and so on; or any other
  `annotations/{kind}_*.json` of the folder.
- `data_dir`: COCO's folder with {files} and the pictures,
  in `train2017/` and so on; without it `VISPRO_DATA_COCO`, then `VISPRO_DATA_ROOT/COCO`, then drawn mini data.
- `images`: "required" (a missing picture is an error) or "optional" (a blank canvas of the annotated size stands in).
- `filter`: keeps the samples whose fields have these values, for example `{{"{field}": {{"min": 2}}}}`: one value, a list of
  values, or `{{"min": ..., "max": ...}}`. Fields: {field}, {number}.
- `ids`: the sample ids to keep, or the path of a file of them, a JSON list or one id per line.
- `image_size`: side S of the square observation, in pixels, from 1 to 4096.
- `render_mode`: "rgb_array" (a frame of 800 x 800 pixels: the picture with the last action drawn on it, the reward below) or
  None.""",
    "Version History": "- v0: first version.",
}
"""What stands in for, and after "Arguments" follows, a class's own text."""


def documented(cls: Class) -> Class:
    """Completes the docstring of an environment's class, a decorator.

    The class writes its summary and its own sections; `cls.page` tells what differs in shared ones.
    """
    head, *parts = ("\n" + inspect.cleandoc(cls.__doc__ or "")).split("\n## ")
    own = {title: text.strip() for title, _, text in (part.partition("\n") for part in parts)}
    if unknown := own.keys() - set(HEADINGS):
        raise ValueError(f"the docstring of {cls.__name__} has the sections {sorted(unknown)}. Expected some of: {HEADINGS}.")
    sections = []
    for title in HEADINGS:
        text = own.get(title, "")
        if title in _BEFORE:
            text = f"{_BEFORE[title]}\n{text}"
        if title == "Arguments" or not text:
            text = f"{text}\n{_AFTER[title].format(**cls.__dict__['page'])}".strip()
        sections.append(f"## {title}\n{text}")
    cls.__doc__ = "\n\n".join([head.strip(), *sections]) + "\n"
    return cls
