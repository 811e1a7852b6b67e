"""The program language: one table from which prompt, static check, runtime and documentation are made.

A visual program is a Python function `execute_command(image)` that looks at a picture through `ImagePatch` objects and
returns its answer. The vocabulary is that of ViperGPT's `ImagePatch`; what deviates from it is listed in `DEVIATIONS`.

Coordinates in programs are pixels with the origin in the LOWER LEFT corner and y pointing UP, so `lower < upper` and
a larger `vertical_center` is nearer to the top of the picture. Boxes are absolute: they refer to the whole picture,
also for patches of patches.

This module is imported by the process that runs programs: standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ENTRY_POINT = "execute_command"


@dataclass(frozen=True)
class Member:
    """One name of the program language.

    Attributes:
        name: The name as programs write it.
        kind: Attribute of a patch, method of a patch, or function of the module.
        signature: Python signature without `self`, for example `"(object_name: str) -> list[ImagePatch]"`; for an
            attribute the type.
        doc: What it does, one or two sentences.
        operation: The perception operation that answers it (`vispro_gym.perception`), None if it is plain computation.
        example: One line that uses it.
    """

    name: str
    kind: Literal["attribute", "method", "function"]
    signature: str
    doc: str
    operation: str | None = None
    example: str | None = None


API: tuple[Member, ...] = (
    Member("left", "attribute", "int", "Left edge of the patch, in pixels from the left edge of the picture."),
    Member("lower", "attribute", "int", "Lower edge of the patch, in pixels from the bottom of the picture."),
    Member("right", "attribute", "int", "Right edge of the patch, in pixels from the left edge of the picture."),
    Member("upper", "attribute", "int", "Upper edge of the patch, in pixels from the bottom of the picture."),
    Member("width", "attribute", "int", "right - left."),
    Member("height", "attribute", "int", "upper - lower."),
    Member("area", "attribute", "int", "width * height."),
    Member("horizontal_center", "attribute", "float", "(left + right) / 2."),
    Member("vertical_center", "attribute", "float", "(lower + upper) / 2; larger is higher up in the picture."),
    Member(
        "find",
        "method",
        "(object_name: str) -> list[ImagePatch]",
        "One patch for each object of that name inside this patch; an empty list if there is none. A name may carry adjectives "
        '("small red cup") and may be a category ("furniture"); "object" finds everything.',
        operation="detect",
        example='cups = image_patch.find("red cup")',
    ),
    Member(
        "exists",
        "method",
        "(object_name: str) -> bool",
        "True if find(object_name) would find anything.",
        operation="detect",
        example='has_dog = image_patch.exists("dog")',
    ),
    Member(
        "verify_property",
        "method",
        "(object_name: str, attribute: str) -> bool",
        "True if the object of that name in this patch has the attribute.",
        operation="verify",
        example='cups[0].verify_property("cup", "blue")',
    ),
    Member(
        "simple_query",
        "method",
        '(question: str = "What is this?") -> str',
        "Short answer to a simple question on what this patch shows.",
        operation="answer",
        example='color = cups[0].simple_query("What color is this?")',
    ),
    Member(
        "best_text_match",
        "method",
        "(option_list: list[str], prefix: str | None = None) -> str",
        "The option that describes this patch best; the first of equals. `prefix` is put before each option for the comparison.",
        operation="similarity",
        example='kind = patch.best_text_match(["cup", "bowl"])',
    ),
    Member(
        "compute_depth",
        "method",
        "() -> float",
        "Distance from the camera; larger is farther away. Compare depths within one picture only.",
        operation="depth",
        example="nearest = min(cups, key=lambda cup: cup.compute_depth())",
    ),
    Member(
        "related",
        "method",
        '(relation: str, name: str | None = None, role: str = "subject") -> list[ImagePatch]',
        'The objects that stand in a relation to this one. With role "subject": "<found> <relation> <this>"; with role "object": '
        '"<this> <relation> <found>".',
        operation="relate",
        example='on_table = table.related("on", "cup")',
    ),
    Member(
        "crop",
        "method",
        "(left: int, lower: int, right: int, upper: int) -> ImagePatch",
        "The part of this patch inside the given box; the box is in coordinates of the whole picture.",
        example="left_half = image_patch.crop(0, 0, image_patch.width // 2, image_patch.height)",
    ),
    Member(
        "overlaps_with",
        "method",
        "(left: int, lower: int, right: int, upper: int) -> bool",
        "True if this patch and the given box share a point, touching edges included.",
        example="cup.overlaps_with(table.left, table.lower, table.right, table.upper)",
    ),
    Member(
        "best_image_match",
        "function",
        "(list_patches: list[ImagePatch], content: list[str], return_index: bool = False) -> ImagePatch | int | None",
        "The patch that matches the texts best, or its index; None for an empty list.",
        operation="similarity",
        example='dog = best_image_match(animals, ["a brown dog"])',
    ),
    Member(
        "distance",
        "function",
        "(a: ImagePatch | float, b: ImagePatch | float) -> float",
        "Distance between the edges of two patches in pixels, negative (minus their IoU) if they overlap; |a - b| for numbers.",
        example="closest = min(cups, key=lambda cup: distance(cup, book))",
    ),
    Member(
        "bool_to_yesno",
        "function",
        "(value: bool) -> str",
        '"yes" for a true value, "no" for a false one.',
        example="return bool_to_yesno(len(cups) > 2)",
    ),
    Member(
        "coerce_to_numeric",
        "function",
        "(text: str) -> float",
        "The first number in a text, also one spelled out up to twenty; ValueError if there is none.",
        example='count = coerce_to_numeric("two")',
    ),
)
"""Every name that a program can use beside Python's own and the constructor `ImagePatch(image)`."""

OPERATIONS = tuple(dict.fromkeys(member.operation for member in API if member.operation is not None))
"""What programs can ask perception, see `vispro_gym.perception.protocol`."""

DEVIATIONS: tuple[tuple[str, str, str], ...] = (
    (
        "crop",
        "Coordinates are relative to the patch although its documentation says they are absolute.",
        "Absolute, as documented, and cut to the patch.",
    ),
    ("find", "Ten pixels are added to every side of a hit.", "The detector's box."),
    ("exists", "A detection counts only if a VQA model agrees.", "True if find() finds anything, as documented."),
    (
        "simple_query",
        "Has no default question although its documentation gives one.",
        'The default is "What is this?".',
    ),
    ("compute_depth", "Returns a zero-dimensional tensor.", "Returns a float."),
    ("related", "Absent; half of GQA's questions need it.", "Finds objects by their relation to the patch."),
    ("area", "Absent.", "width * height."),
    ("==", "Patches are equal only if they are the same object.", "Patches are equal if their boxes are."),
    ("coerce_to_numeric", "Returns the text itself if it holds no number.", "Raises ValueError."),
    ("llm_query", "Asks a language model.", "Absent: programs see the picture, not a second policy."),
)
"""`(name, what ViperGPT does, what this package does)`."""
