"""English words for the mini CLEVR questions: noun phrases, relations and sentences, each in several variants."""

from __future__ import annotations

from random import Random

from vispro_gym.datasets.mini.clevr.programs import ATTRIBUTES, Description

_WORDS = {
    "large": ("large", "big"),
    "small": ("small", "tiny"),
    "rubber": ("rubber", "matte"),
    "metal": ("metal", "shiny", "metallic"),
    "cube": ("cube", "block"),
    "sphere": ("sphere", "ball"),
}
_ANY_SHAPE = ("thing", "object")

_RELATIONS = {
    "left": ("left of", "to the left of"),
    "right": ("right of", "to the right of"),
    "front": ("in front of", "closer to the viewer than"),
    "behind": ("behind", "farther back than"),
}

SENTENCES: dict[str, tuple[str, ...]] = {
    "count": (
        "How many {plural} can you count?",
        "How many {plural} does the picture show?",
        "What is the total number of {plural}?",
    ),
    "count_related": (
        "How many {plural} are {place}?",
        "How many {plural} can you count {place}?",
    ),
    "exist": (
        "Does the picture show any {singular}?",
        "Can you see any {plural}?",
    ),
    "exist_related": (
        "Is any {singular} {place}?",
        "Can you see any {plural} {place}?",
    ),
    "query_color": ("Which color is {it}?", "Which color does {it} have?"),
    "query_shape": ("Which shape is {it}?", "Which shape does {it} have?"),
    "query_size": ("Which size is {it}?", "How big is {it}, large or small?"),
    "query_material": ("Which material is {it} made of?", "Which material does {it} consist of?"),
    "same_count": (
        "How many other {plural} share the {attribute} of {it}?",
        "How many {plural} match {it} in {attribute}, leaving that one out?",
    ),
    "same_exist": (
        "Does any other {singular} share the {attribute} of {it}?",
        "Apart from {it}, is there a {singular} of that same {attribute}?",
    ),
    "equal": (
        "Do {first} and {second} match in {attribute}?",
        "Are {first} and {second} alike in {attribute}?",
    ),
    "equal_integer": (
        "Are there exactly as many {first} as {second}?",
        "Do the {first} and the {second} come in equal numbers?",
    ),
    "less_than": (
        "Are the {first} outnumbered by the {second}?",
        "Does the picture show fewer {first} than {second}?",
    ),
    "greater_than": (
        "Do the {first} outnumber the {second}?",
        "Does the picture show more {first} than {second}?",
    ),
    "union": (
        "Taking the {first} together with the {second}, how many things is that?",
        "How many things belong to the {first} or to the {second}?",
    ),
    "intersect_count": (
        "How many {plural} are both {first} and {second}?",
        "How many {plural} are {first} and at the same time {second}?",
    ),
    "intersect_exist": (
        "Is any {singular} both {first} and {second}?",
        "Can you see a {singular} that is {first} and also {second}?",
    ),
}


def sentence(rng: Random, kind: str, **parts: str) -> str:
    """A question of a kind of `SENTENCES` with its gaps filled."""
    text = rng.choice(SENTENCES[kind]).format(**parts)
    return text.replace(" a object", " an object")


def noun_phrase(rng: Random, description: Description, *, plural: bool = False) -> str:
    """A description without article: "tiny red metal block", "big things"."""
    words = [rng.choice(_WORDS.get(description[name], (description[name],))) for name in ATTRIBUTES if name in description]
    if "shape" not in description:
        words.append(rng.choice(_ANY_SHAPE))
    return " ".join(words) + ("s" if plural else "")


def place(rng: Random, relation: str, anchor: str) -> str:
    """Where something is: "to the left of the red cube"."""
    return f"{rng.choice(_RELATIONS[relation])} {anchor}"


def clause(rng: Random, where: str) -> str:
    """A place as a clause that follows a noun: "that is left of the red cube", or as it is."""
    return rng.choice(("that is ", "")) + where
