"""The parts that all environments' documentation pages share.

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
    "Version History",
)
"""The sections of a page, in order."""

SHARED = {
    "Action Space": """\
`UnicodeText`: any string. A program is a function `execute_command({images})` that returns the answer; it may stand alone, in a
fenced block, or inside prose. `vispro_gym.programs.prompt` describes the program language to a language model.""",
    "Observation Space": """\
`Dict` with
- `image`: {box}, letterboxed to {a_square} of side S = `image_size`. Programs see the original.
- `query`: `UnicodeText`, {query}.
- `feedback`: `UnicodeText`, only with `max_attempts` > 1: what became of the last program. It never holds the right answer.""",
    "Starting State": """\
A sample of the split, drawn uniformly; `reset(options={{"sample_id": ...}})` chooses one. With `perception="oracle"` only samples
whose pictures are annotated are drawn.""",
    "Episode End": """\
Terminated after the first program, or with `max_attempts` = k after the first right answer or the k-th program. Never
truncated. Where there are few possible answers, k of them can be tried in turn.""",
    "Information": """\
- `sample_id`: {sample_id}. For evaluation: ids of some datasets tell the answer, so policies should not read them.
- `data`: "mini" for the generated data, else "official".

and after a step, all deterministic:

- `outcome`: correct, wrong, lucky (only with `num_scenes`, which some environments have), no_answer, extract_error, syntax_error,
  rejected, runtime_error, timeout, step_limit, memory_limit, call_limit, output_limit or perception_error.
- `soft`: how right the answer is, from 0.0 to 1.0; the reward itself where there is no in-between.
- `answer`: what the program returned, as text; None if it returned nothing. `env.unwrapped.outcome.answer` is the answer itself,
  which metrics need.
- `error`: `{{"type", "message", "line"}}` of a program that gave no answer, else `{{}}`. Lines count from 1; 0 means no line.
- `program`: the program as found in the action; None if there was none. `output`: what it printed.
- `perception_calls`, `steps`: what the program used.""",
    "Arguments": """\
- `images`: "required" (a missing picture is an error) or "optional" (a blank canvas of the annotated size stands in).
- `filter`: keeps the samples whose fields have these values, for example `{filter}`: one value, a list of values, or
  `{{"min": ..., "max": ...}}`. Fields: {fields}, annotated (1 if the oracle can look at the pictures).
- `subset`: "10_per_type" keeps ten samples of each type, the same ones always{types}.
- `ids`: the sample ids to keep, or the path of a file of them, a JSON list or one id per line.
- `scorer`: how answers are compared: {scorers}.
- `threshold`: {threshold}.
- `perception`: what programs see through: "oracle" answers from the annotations; other backends, by text or as an object, are
  in the page on perception.
- `image_size`: side S of the square image in the observation, in pixels, from 1 to 4096.
- `max_attempts`: programs that may be tried in one episode.
- `isolation`: "require" refuses to run programs where the kernel does not confine the process that runs them, "best-effort" runs
  them all the same; None means `VISPRO_ISOLATION`, else "require" on Linux. See `vispro-gym doctor`.
- `timings`: True adds `seconds`, the time that the step took, to the information.
- `render_mode`: "rgb_array" (a frame of 800 x 800 pixels: the query, the pictures with the boxes of the program's variables, the
  outcome and the answer), "ansi" (the program with what it did at the ends of its lines), "human" (the frame in a window; needs
  pygame, which `pip install "vispro-gym[play]"` brings) or None.""",
    "Version History": "- v0: first version.",
}
"""Text of the sections that classes need not write."""


def documented(cls: Class) -> Class:
    """Completes the docstring of an environment's class, a decorator.

    The class writes its summary and its own sections under the headings in `HEADINGS`; a section that it leaves out is the shared
    one; the arguments that it describes go before the shared ones. What differs in shared sections is told by the class's
    attribute `page`.
    """
    from vispro_gym.datasets import DATASETS
    from vispro_gym.tasks import TASKS

    head, *parts = ("\n" + inspect.cleandoc(cls.__doc__ or "")).split("\n## ")
    own = {title: text.strip() for title, _, text in (part.partition("\n") for part in parts)}
    if unknown := own.keys() - set(HEADINGS):
        raise ValueError(f"the docstring of {cls.__name__} has the sections {sorted(unknown)}. Expected some of: {HEADINGS}.")
    dataset = DATASETS[cls.__dict__["dataset_name"]]
    tasks = [TASKS[name] for name in dataset.forms.values()]
    defaults = [task.default_threshold for task in tasks if task.default_threshold is not None]
    facts = {
        "images": "image",
        "box": "`Box(0, 255, (S, S, 3), uint8)`, the picture",
        "a_square": "a square",
        "query": "the question",
        "sample_id": "the dataset's own id",
        "filter": f'{{"{dataset.fields[0]}": ...}}' if dataset.fields else '{"annotated": 1}',
        "fields": ", ".join(dataset.fields) or "none",
        "types": f"; types go by the field {dataset.type_field}" if dataset.type_field else "; this dataset has no types",
        "scorers": ", ".join(dict.fromkeys(f'"{scorer}"' for task in tasks for scorer in task.scorers)),
        "threshold": f"smallest soft score that is rewarded, {defaults[0]:g} by default"
        if defaults
        else "None; answers are right or wrong",
    } | cls.__dict__.get("page", {})
    sections = []
    for title in HEADINGS:
        shared = SHARED[title].format(**facts) if title in SHARED else ""
        text = own.get(title, "") if title != "Arguments" else f"{own.get(title, '')}\n{shared}".strip()
        sections.append(f"## {title}\n{text or shared}")
    cls.__doc__ = "\n\n".join([head.strip(), *sections]) + "\n"
    return cls
