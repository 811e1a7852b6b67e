"""Writes the pages of this folder that are made from the code: `python docs/generate.py`. A test compares them with the code."""

from __future__ import annotations

import inspect
from pathlib import Path

from gymnasium.envs.registration import load_env_creator

from vispro_gym.interpreter.language import MODULES
from vispro_gym.perception.language import QUESTION_FORMS
from vispro_gym.programs.api import API, DEVIATIONS
from vispro_gym.programs.prompt import EXAMPLES
from vispro_gym.registration import ENVIRONMENTS

FOLDER = Path(__file__).parent


def cell(text: str) -> str:
    """Text that does not end a table cell."""
    return text.replace("|", "\\|")


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
        "Functions, lambdas, comprehensions, generators, loops, `try`, `match`, f-strings, and these modules, each with its harmless part: "
        + ", ".join(f"`{name}`" for name in sorted(MODULES))
        + ".",
        "Classes, decorators, `with`, `async`, assignment to attributes and names with two leading underscores are rejected.",
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


def environments() -> str:
    """The page on the environments: their class docstrings."""
    parts = ["# Environments\n"]
    for row in ENVIRONMENTS:
        creator = load_env_creator(row.entry_point)
        page = inspect.cleandoc(creator.__doc__ or "").replace("\n## ", "\n### ")
        parts.append(f"## {row.env_id}\n\n{page}\n")
    return "\n".join(parts)


PAGES = {"program_language.md": program_language, "environments.md": environments}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")
        print(f"wrote {FOLDER / name}")
