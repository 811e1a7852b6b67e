"""Writes the pages of this folder that are made from the code: `python docs/generate.py`. A test compares them with the code."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import gymnasium as gym
from gymnasium.envs.registration import load_env_creator

from vispro_gym.datasets import DATASETS
from vispro_gym.datasets.hub_layouts import FORMS
from vispro_gym.interpreter.guest import meter
from vispro_gym.interpreter.guest.language import BUILTINS, MODULES
from vispro_gym.interpreter.types import MAX_ANSWER_CHARACTERS, MAX_ANSWER_ITEMS, Limits
from vispro_gym.perception.language import QUESTION_FORMS
from vispro_gym.programs.api import API, DEVIATIONS
from vispro_gym.programs.prompt import EXAMPLES
from vispro_gym.registration import CARDS, ENVIRONMENTS, TASK_REWARDS

FOLDER = Path(__file__).parent


def cell(text: str) -> str:
    """Text that does not end a table cell."""
    return text.replace("|", "\\|")


def limits() -> list[tuple[str, str, str]]:
    """What a program may use: what, how much, and the outcome of a program that wants more."""
    default = Limits()
    return [
        ("source", f"{default.source_characters:,} characters", "rejected"),
        ("steps", f"{default.steps:,}", "step_limit"),
        ("perception calls", f"{default.calls}", "call_limit"),
        ("computing time, perception not counted", f"{default.seconds:g} s", "timeout"),
        ("memory of the process", f"{default.memory_mb} MiB", "memory_limit"),
        ("a collection made by one operation", f"{meter.MAX_ITEMS:,} items", "memory_limit"),
        ("a string made by one operation", f"{meter.MAX_CHARACTERS:,} characters", "memory_limit"),
        ("an integer made by one operation", f"{meter.MAX_BITS:,} bits", "memory_limit"),
        ("a range", f"{meter.MAX_RANGE:,} items", "memory_limit"),
        ("what is printed", f"{default.output_characters:,} characters", "output_limit"),
        ("the answer", f"{MAX_ANSWER_CHARACTERS:,} characters, {MAX_ANSWER_ITEMS} items", "output_limit"),
        ("recursion", "about 900 calls", "runtime_error"),
    ]


def program_language() -> str:
    """The page on the program language."""
    lines = [
        "# The program language",
        "",
        "A program is a Python function `execute_command(image)` that returns its answer: text, a bool, a number, a patch, or a list of",
        "these. Coordinates are pixels of the whole picture with the origin in the **lower left** corner and y pointing **up**, so",
        "`lower < upper`.",
        "",
        "`ImagePatch(image)` is the whole picture; `ImagePatch(image, left, lower, right, upper)` is a part of it. `image` itself is a patch too.",
        "",
        "| name | | what it does | perception |",
        "|---|---|---|---|",
    ]
    for member in API:
        name = f"`{member.name}: {member.signature}`" if member.kind == "attribute" else f"`{member.name}{member.signature}`"
        lines.append(f"| {cell(name)} | {member.kind} | {cell(member.doc)} | {member.operation or ''} |")
    lines += ["", "## Examples", ""]
    for query, program in EXAMPLES:
        lines += [query, "", "```python", program.rstrip(), "```", ""]
    lines += [
        "## Python",
        "",
        "Functions (nested ones too), lambdas, comprehensions, generators, `for` and `while` with `else`, `try`, `match`, f-strings, `%` and",
        "`format`, slices, unpacking, `:=`, `assert`, decorators. Type hints are ignored, so they may use names that are not imported. A trial run at the",
        'end (`x = execute_command(image)`, `print(x)`, `if __name__ == "__main__":`) is left out. What a program prints is in `info["output"]`.',
        "",
        "Rejected before the program runs: classes, `with`, `async`, class patterns, `except*`, assignment to attributes, attributes of Python that",
        "are not in the lists here, names with two leading underscores but `__name__` and `__class__`, leaving a `finally` block by `return`, `break` or `continue`,",
        "loops, comprehensions and `try` statements inside each other more than 20 deep. An attribute that nothing has (`patch.colour`) raises `AttributeError` where it is read.",
        "",
        "Builtins: " + ", ".join(f"`{name}`" for name in sorted(BUILTINS) if not name.startswith("_")) + ".",
        "",
        "Modules, each with its harmless part:",
        "",
        "| module | names |",
        "|---|---|",
        *(f"| `{name}` | {', '.join(f'`{key}`' for key in sorted(vars(MODULES[name])))} |" for name in sorted(MODULES)),
        "",
        "`numpy` is a small imitation for lists of up to 10,000 numbers; what it does not know is an error, never a wrong number.",
        "",
        "## Limits",
        "",
        "| what | at most | outcome |",
        "|---|---|---|",
        *(f"| {what} | {bound} | `{outcome}` |" for what, bound, outcome in limits()),
        "",
        "One step is a loop iteration, an item of a comprehension or lazy iterator, or a function call; work on large objects costs more. Steps",
        "are the same on every machine. No program can catch the end that a limit sets.",
        "",
        "## Deviations from ViperGPT",
        "",
        "| name | ViperGPT | here |",
        "|---|---|---|",
        *(f"| `{name}` | {cell(theirs)} | {cell(ours)} |" for name, theirs, ours in DEVIATIONS),
        "",
        "## Questions that the oracle understands",
        "",
        'Perception from annotations reads a small grammar. A fact that is not annotated is answered with "unknown"; a question of another',
        "form ends the program with the outcome `perception_error`.",
        "",
        "| form | for example | answer |",
        "|---|---|---|",
        *(f"| {cell(form.form)} | {cell(form.example)} | {cell(form.returns)} |" for form in QUESTION_FORMS),
    ]
    return "\n".join(lines) + "\n"


ENVIRONMENTS_HEAD = """\
# Environments

`env.reset()` draws a sample, `env.step(program)` ends the episode. Beside what Gymnasium asks for, `env.unwrapped` has `dataset`
(samples by position and by id), `task` (scores and metrics), `engine` (runs many programs at once), `sample` (what is being asked)
and `outcome` (what became of the last program).

Policies are measured on the second split, or the only one, unless another one is named: `vispro-agents evaluate`, `vispro-gym audit`.

Many episodes side by side: `gym.make_vec(id, num_envs=64)`. Actions are N strings, which run together in one call of the engine; seeded
with s, environment i plays the episodes of a single one seeded with s + i. An episode that ends is followed by the next one in the same
step (`AutoresetMode.SAME_STEP`), so that no step is wasted where each program ends its episode: what a step says about its program is in
`infos["final_info"]`, the last observation in `infos["final_obs"]`. With `autoreset_mode="Disabled"`, episodes wait for
`reset(options={"reset_mask": mask})`. Gymnasium's own vector environments (`vectorization_mode="sync"` or `"async"`) work, too, slower
([results.md](results.md)); `AsyncVectorEnv` needs `vector_kwargs={"shared_memory": False}`, because texts do not fit into shared memory.

Several attempts: with `max_attempts=k` an episode goes on until a program is right or k have been tried, and the observation gains
`feedback`, what went wrong. Every environment is registered with three attempts as well: `VisProg-GQA-Repair-v0` and so on.
"""

TASK_REWARDS_HEAD = """\
# Environments of task rewards

In these environments there are no programs and no queries: the policy sees a picture and answers at once with boxes, segments,
colours or a caption, and the reward is close to the metric that the task is measured by. They are the tasks of Pinto, Kolesnikov, Shi,
Beyer and Zhai, "Tuning computer vision models with task rewards" (ICML 2023), on COCO. Rewards are real numbers; each page below says
what bounds them. Episodes have one step. All coordinates are pixels of the observation, S x S, with the origin in the **upper left**
corner; what was annotated is moved there.

Beside what Gymnasium asks for, `env.unwrapped` has what learners need:

| | |
|---|---|
| `dataset` | the samples of the split, by position and by id |
| `observe(sample)` | what a policy sees of a sample |
| `score(samples, actions)` | the reward and the info of each action, all in one call |
| `answers(sample)` | the annotation as actions, one or several (captions): what supervised learning imitates |
| `metric(predictions, samples)` | the metric of a corpus, from actions by sample id; all of the split without `samples` |
| `categories` | names by label, where there are labels |

Many episodes side by side: `gym.make_vec(id, num_envs=64)`, which scores all actions in one call; seeds and resets are as above.
The metrics of panoptic segmentation and of captions need `pip install "vispro-gym[rewards]"`; the rewards need nothing more.
"""

CARDS_HEAD = """\
# Environments of cards

These are episodes of several steps without programs and without data: a drawn picture in, one of a few keywords out. They are
the games on which Zhai et al., "Fine-tuning large vision-language models as decision-making agents via reinforcement learning"
(NeurIPS 2024), train vision-language models, with the same rules; what is different is said on each page. Success is a positive
return: `info["is_success"]`.

Beside what Gymnasium asks for, `env.unwrapped` has what learners need:

| | |
|---|---|
| `keywords` | name of each action, in order |
| `instruction(thoughts, short)` | what a language model is told in the present state: the task, the keywords, and the JSON to reply with |
| `expert_action()` | an optimal action |
| `expert_reply(thoughts, short)` | a reply of the instructed form with that action: what supervised learning imitates |
| `optimal_value()` | the expected return of an optimal policy, computed exactly |
| `describe()` | the state as text |

`vispro_gym.wrappers.TextAction` makes of them environments whose observation is a picture and an instruction, and whose action
is the reply of a language model: any text. It wraps any other environment with a `Discrete` action space, too, if it is given
names of the actions and an instruction. Side by side: `gym.make_vec(id, num_envs=8)`, or
`gym.make_vec(id, num_envs=8, vectorization_mode="sync", wrappers=[TextAction])`.

Ranks and numbers are written in DejaVu Sans Bold, part of which comes with the package, with its licence.
"""


def environments() -> str:
    """The page on the environments: their class docstrings."""
    parts = [ENVIRONMENTS_HEAD]
    for row in ENVIRONMENTS:
        summary, _, page = documentation(row.entry_point)
        splits = [f"{split} (default)" if split == row.splits[0] else split for split in row.splits]
        forms = DATASETS[row.dataset].forms
        facts = {
            "Task": row.family,
            "Splits with annotations": ", ".join(splits),
            "Metric": row.metric,
            "Licence": row.licence,
            "Files": row.address,
        }
        if len(forms) > 1:
            facts["Forms"] = ", ".join(f"{form} (default)" if form == next(iter(forms)) else form for form in forms)
        if row.dataset in FORMS:
            names = ", ".join(f"`hf:{repository}`" for repository in FORMS[row.dataset].repositories)
            facts["On the Hugging Face Hub"] = f"{names} as `data_dir`, or `hf:` and the folder of a local copy"
        parts.append(f"## {row.env_id}\n\n{summary}\n\n{fact_table(facts)}\n\n{page}\n")
    parts.append(TASK_REWARDS_HEAD)
    for task in TASK_REWARDS:
        summary, _, page = documentation(task.entry_point)
        facts = {
            "Reward": task.reward,
            "Metric": task.metric,
            "Splits with annotations": "train (default), val",
            "Licence": "CC BY 4.0 (annotations), Flickr terms (pictures)",
            "Files": "https://cocodataset.org/#download",
        }
        parts.append(f"## {task.env_id}\n\n{summary}\n\n{fact_table(facts)}\n\n{page}\n")
    parts.append(CARDS_HEAD)
    for cards in CARDS:
        summary, _, page = documentation(cards.entry_point)
        env: Any = gym.make(cards.env_id).unwrapped
        facts = {
            "Reward": cards.reward,
            "Steps": f"at most {cards.horizon}",
            "Return of an optimal policy": f"{env.optimal_value():.6g} on average",
            "Keywords": " ".join(f"`{keyword}`" for keyword in env.keywords),
        }
        parts.append(f"## {cards.env_id}\n\n{summary}\n\n{fact_table(facts)}\n\n{page}\n")
    return "\n".join(parts)


def documentation(entry_point: str) -> tuple[str, str, str]:
    """The summary of an environment's class, an empty line, and the rest of its docstring."""
    creator = load_env_creator(entry_point)
    return inspect.cleandoc(creator.__doc__ or "").replace("\n## ", "\n### ").partition("\n\n")


def fact_table(facts: dict[str, str]) -> str:
    """A table of two columns."""
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {cell(text)} |" for name, text in facts.items())])


PAGES = {"program_language.md": program_language, "environments.md": environments}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")
        print(f"wrote {FOLDER / name}")
