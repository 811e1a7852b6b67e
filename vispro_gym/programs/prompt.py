"""What a language model is told about the program language. Made from the table in `vispro_gym.programs.api`."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Literal

from vispro_gym.programs.api import API, ENTRY_POINT

Style = Literal["full", "short"]
"""How much a prompt says, see `build_prompt`."""

EXAMPLES: tuple[tuple[str, str], ...] = (
    (
        "Is there a lamp next to the sofa?",
        """\
def execute_command(image):
    image_patch = ImagePatch(image)
    lamps = [lamp for sofa in image_patch.find("sofa") for lamp in sofa.related("next to", "lamp")]
    return bool_to_yesno(len(lamps) > 0)
""",
    ),
    (
        "What is the material of the tallest vase?",
        """\
def execute_command(image):
    image_patch = ImagePatch(image)
    tallest = max(image_patch.find("vase"), key=lambda vase: vase.height)
    return tallest.simple_query("What material is this?")
""",
    ),
    (
        "On which side of the picture is the bicycle?",
        """\
def execute_command(image):
    image_patch = ImagePatch(image)
    bicycle = image_patch.find("bicycle")[0]
    return "left" if bicycle.horizontal_center < image_patch.horizontal_center else "right"
""",
    ),
    (
        "Are there more white plates than blue ones?",
        """\
def execute_command(image):
    image_patch = ImagePatch(image)
    white = image_patch.find("white plate")
    blue = image_patch.find("blue plate")
    return bool_to_yesno(len(white) > len(blue))
""",
    ),
)
"""`(query, program)` pairs that show the language in use."""


def describe_api() -> str:
    """The program language as Python stubs with docstrings."""
    lines = [
        "class ImagePatch:",
        '    """A rectangular part of a picture.',
        "",
        "    Coordinates are pixels of the whole picture. The origin is its lower left corner and y points up, so",
        "    lower < upper, and what is higher in the picture has the larger vertical_center.",
        '    """',
        "",
    ]
    lines += [f"    {member.name}: {member.signature}  # {member.doc}" for member in API if member.kind == "attribute"]
    lines += [
        "",
        "    def __init__(self, image, left=None, lower=None, right=None, upper=None):",
        '        """The whole picture, or the part of it inside the box."""',
    ]
    for member in API:
        if member.kind == "method":
            separator = ", " if not member.signature.startswith("()") else ""
            lines += [
                "",
                f"    def {member.name}(self{separator}{member.signature[1:]}:",
                *_docstring(member.doc, member.example, 8),
            ]
    for member in API:
        if member.kind == "function":
            lines += ["", f"def {member.name}{member.signature}:", *_docstring(member.doc, member.example, 4)]
    return "\n".join(lines) + "\n"


def _docstring(doc: str, example: str | None, indent: int) -> list[str]:
    text = doc if example is None else f"{doc} Example: {example}"
    return textwrap.wrap(
        f'"""{text}"""', 110, initial_indent=" " * indent, subsequent_indent=" " * indent, break_long_words=False
    )


def build_prompt(
    query: str,
    instructions: str = "",
    image_names: Sequence[str] = ("image",),
    style: Style = "full",
    reply: str = "Reply with the function only.",
) -> str:
    """The prompt for one query.

    Args:
        query: The query of an observation.
        instructions: What a program has to return, see `vispro_gym.tasks.Task.instructions`.
        image_names: Names of the pictures that the function receives, see `vispro_gym.datasets.Dataset.image_names`.
        style: "full": the program language, examples and the query (thousands of tokens), for models that do not know the
            language; "short": one instruction and the query, for those that are trained on it.
        reply: How a full prompt asks for the program.

    Returns:
        Text for a completion model, or for the user turn of a chat model; the model's whole reply is a legal action.
    """
    query = " ".join(query.split())
    signature = f"{ENTRY_POINT}({', '.join(image_names)})"
    if style == "short":
        pictures = "the picture" if len(image_names) == 1 else "the pictures"
        request = f"Write a Python function {signature} that answers the query about {pictures}. {instructions}"
        return f"{request.strip()}\nQuery: {query}\nProgram:\n"
    examples = "\n".join(f"Query: {example}\nProgram:\n{program}" for example, program in EXAMPLES)
    pictures = "a picture" if len(image_names) == 1 else f"{len(image_names)} pictures"
    if len(image_names) > 1:
        instructions = f"{instructions} The examples have one picture; your function receives {', '.join(image_names)}."
    return (
        f"Write a Python function {signature} that answers a query about {pictures}. It can use Python's own "
        "functions, the modules math, re, collections, itertools, functools, heapq, statistics and string, and this:\n\n"
        f"{describe_api()}\n"
        f"{f'{instructions} {reply}'.strip()}\n\n"
        f"{examples}\nQuery: {query}\nProgram:\n"
    )
