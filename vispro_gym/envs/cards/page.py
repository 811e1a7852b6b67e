"""The parts that the documentation pages of the environments of cards share.

The docstring of an environment's class is its documentation page. A class writes down what is its own; `documented` puts in what
holds for all of them.
"""

from __future__ import annotations

import inspect
from typing import TypeVar

Class = TypeVar("Class", bound=type)

HEADINGS = (
    "Description",
    "Action Space",
    "Observation Space",
    "Starting State",
    "Rewards",
    "Episode End",
    "Information",
    "Arguments",
    "Differences from gym-cards",
    "Source",
    "Version History",
)
"""The sections of a page, in order."""

_BEFORE = {"Observation Space": "`Box(0, 255, (300, 300, 3), uint8)`: a drawn picture, RGB."}
"""What goes before a class's own text."""

_AFTER = {
    "Episode End": """\
A step after the end changes nothing and earns 0. The id is registered without `max_episode_steps`: gym-cards sets 300, which no
episode reaches with the default arguments.""",
    "Information": """\
- `is_success`: whether the episode is over and its return is positive.

Values keep their types from step to step; the same keys are there after `reset`.""",
    "Arguments": """\
- `render_mode`: "rgb_array" (the picture), "ansi" (the state as text), "human" (the picture in a window; needs pygame, which
  `pip install "vispro-gym[play]"` brings) or None.""",
    "Differences from gym-cards": "- Pictures are drawn afresh, in larger type. `info` has other keys.",
    "Source": """\
The rules are those of gym-cards, the environments of Zhai et al., "Fine-tuning large vision-language models as decision-making
agents via reinforcement learning" (NeurIPS 2024, https://arxiv.org/abs/2405.10292), https://github.com/RL4VLM/RL4VLM.""",
    "Version History": "- v0: first version.",
}
"""What goes after it."""


def documented(cls: Class) -> Class:
    """Completes the docstring of an environment's class, a decorator."""
    head, *parts = ("\n" + inspect.cleandoc(cls.__doc__ or "")).split("\n## ")
    own = {title: text.strip() for title, _, text in (part.partition("\n") for part in parts)}
    if unknown := own.keys() - set(HEADINGS):
        raise ValueError(f"the docstring of {cls.__name__} has the sections {sorted(unknown)}. Expected some of: {HEADINGS}.")
    sections = []
    for title in HEADINGS:
        text = "\n".join(filter(None, (_BEFORE.get(title), own.get(title), _paragraph(title, own.get(title, "")))))
        sections.append(f"## {title}\n{text}")
    cls.__doc__ = "\n\n".join([head.strip(), *sections]) + "\n"
    return cls


def _paragraph(title: str, own: str) -> str:
    """The shared end of a section: a paragraph of its own, unless it goes on with a list."""
    after = _AFTER.get(title, "")
    return f"\n{after}" if own and after and not after.startswith("- ") else after
