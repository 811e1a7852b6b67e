"""A grammar of the program language, and random programs from it: what a policy writes that knows the language and nothing else.

`PRODUCTIONS` is the grammar. Its symbols are the kinds of things that expressions give, so that every program is well typed:

| symbol | what it stands for |
|---|---|
| block | the end of the function: assignments to new variables, an early return perhaps, and a return |
| answer | any expression |
| patch, patches, text, number, truth | an expression of that type |
| noun, adjective, word, relation, question, size | a literal, made of the words of the query |

A derivation starts with "block" and always fills the first hole next, so that a program is a sequence of choices among the
productions that are offered: the options of an agent that builds programs step by step. Productions that cannot be finished
within the depth that is left are not offered; variables are, as soon as they are bound. Every program that is derived is accepted
by the interpreter's check; it may still raise (the first of no patches), or ask perception what it does not understand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from random import Random

from vispro_gym.programs.api import ENTRY_POINT

PRODUCTIONS: Mapping[str, tuple[str, ...]] = {
    "block": (
        "return {answer}",
        "NEW = {patch}\n{block}",
        "NEW = {patches}\n{block}",
        "NEW = {text}\n{block}",
        "NEW = {number}\n{block}",
        "NEW = {truth}\n{block}",
        "if {truth}:\n    return {answer}\n{block}",
        "for NEW in {patches}:\n    if {truth}:\n        return {answer}\n{block}",
    ),
    "answer": ("{text}", "{number}", "{truth}", "{patch}", "{patches}"),
    "patch": (
        "{patches}[0]",
        "{patches}[-1]",
        "max({patches}, key=lambda p: p.{size})",
        "min({patches}, key=lambda p: p.{size})",
        "min({patches}, key=lambda p: p.compute_depth())",
        "min({patches}, key=lambda p: distance(p, {patch}))",
        "best_image_match({patches}, [{noun}])",
        "(lambda p: p.crop(p.left, p.lower, int(p.horizontal_center), p.upper))({patch})",
        "(lambda p: p.crop(p.left, int(p.vertical_center), p.right, p.upper))({patch})",
    ),
    "patches": (
        "{patch}.find({noun})",
        "{patch}.related({relation}, {noun})",
        "{patch}.related({relation}, {noun}, 'object')",
        "[p for p in {patches} if p.verify_property({noun}, {adjective})]",
        "[p for p in {patches} if p.exists({noun})]",
        "sorted({patches}, key=lambda p: p.{size})",
    ),
    "text": (
        "{word}",
        "{patch}.simple_query({question})",
        "{patch}.best_text_match([{word}, {word}])",
        "bool_to_yesno({truth})",
        "str({number})",
        "({text} if {truth} else {text})",
    ),
    "number": (
        "0",
        "1",
        "2",
        "3",
        "len({patches})",
        "{patch}.{size}",
        "{patch}.compute_depth()",
        "distance({patch}, {patch})",
        "coerce_to_numeric({text})",
        "abs({number} - {number})",
    ),
    "truth": (
        "{patch}.exists({noun})",
        "{patch}.verify_property({noun}, {adjective})",
        "len({patches}) > 0",
        "{number} < {number}",
        "{number} == {number}",
        "{text} == {text}",
        "(lambda p, q: p.overlaps_with(q.left, q.lower, q.right, q.upper))({patch}, {patch})",
        "not {truth}",
        "({truth} and {truth})",
        "({truth} or {truth})",
    ),
    "size": ("left", "right", "lower", "upper", "width", "height", "area", "horizontal_center", "vertical_center"),
}
"""Right-hand sides by symbol. A symbol in braces is a hole; NEW is a variable that is bound there, of the kind of the hole."""

RELATIONS = (
    "on",
    "in",
    "next to",
    "near",
    "behind",
    "in front of",
    "under",
    "to the left of",
    "to the right of",
    "holding",
    "wearing",
)
QUESTIONS = (
    "What is this?",
    "What color is this?",
    "What material is this?",
    "What shape is this?",
    "How many objects are there?",
)
MAX_DEPTH = 3
"""Levels of holes inside holes that a program has at most below its statements."""
MAX_STATEMENTS = 2
"""Statements before the last return."""

Choose = Callable[[Sequence[str]], int]
"""Picks one of several texts, productions or names, by its position."""

_HOLE = re.compile(r"\{(\w+)\}|\bNEW\b")
_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_KINDS = ("patch", "patches", "text", "number", "truth")
# What is rarely the name of a thing or of how it looks.
_FUNCTION_WORDS = frozenset(
    "a an the this that these those is are was were be been do does did has have had can could will would there here it its what "
    "which who whom whose where when why how many much and or not no yes of in on at to from by for with than as if any all both "
    "either each some one you see image picture photo true false kind type sort".split()
)
_MOST_WORDS, _LONGEST_QUERY, _LONGEST_WORD = 40, 200, 40


def random_program(query: str, seed: int | str, image_names: Sequence[str] = ("image",)) -> str:
    """A random program, with names from the words of a query.

    Args:
        query: The query. Words beyond the first few dozens are not used.
        seed: The program is a function of it, of the query and of the names.
        image_names: Names of the pictures that the function receives, see `vispro_gym.datasets.Dataset.image_names`.
    """
    rng = Random(f"{seed} {query}".encode("utf-8", "surrogatepass"))
    return derive(lambda options: rng.randrange(len(options)), query, image_names)


def derive(choose: Choose, query: str, image_names: Sequence[str] = ("image",)) -> str:
    """A program made of the choices of an agent.

    Args:
        choose: Called with the options of each step in turn, at least one: productions or names. Returns the position of one.
        query: Names and questions are made of its words.
        image_names: Names of the pictures that the function receives.
    """
    derivation = _Derivation(choose, query, image_names)
    body = derivation.block(MAX_STATEMENTS)
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    return f"def {ENTRY_POINT}({', '.join(image_names)}):\n{lines}"


class _Derivation:
    def __init__(self, choose: Choose, query: str, image_names: Sequence[str]) -> None:
        self._choose = choose
        words = [word.lower()[:_LONGEST_WORD] for word in _WORD.findall(query)[:_MOST_WORDS]]
        content = [word for word in words if word not in _FUNCTION_WORDS]
        pairs = [f"{a} {b}" for a, b in pairwise(words) if a in content and b in content]
        nouns = [*content, *pairs, "object"]
        self._literals = {
            "noun": nouns,
            "adjective": content or ["red"],
            "word": [*words, "yes", "no"],
            "relation": [*RELATIONS, *pairs],
            "question": [*QUESTIONS, query[:_LONGEST_QUERY]],
        }
        self._variables: dict[str, list[str]] = {kind: [] for kind in _KINDS} | {"patch": list(image_names)}
        self._bound = 0

    def block(self, statements: int) -> str:
        """The statements of a function's body, the last one a return."""
        options = PRODUCTIONS["block"] if statements else PRODUCTIONS["block"][:1]
        head, _, rest = options[self._pick(options)].partition("{block}")
        assert not rest
        if not head.endswith("\n"):
            return self._filled(head)
        scope = {kind: list(names) for kind, names in self._variables.items()}
        text = self._filled(head.rstrip("\n"))
        if head.startswith("for "):  # an item that a loop of no turns never binds must not be used after it
            self._variables = scope
        return f"{text}\n{self.block(statements - 1)}"

    def _filled(self, production: str) -> str:
        """A production with its holes filled, the first one first; its new variable is in scope from then on."""
        parts, end, name = [], 0, ""
        is_loop = production.startswith("for ")
        for hole in _HOLE.finditer(production):
            parts.append(production[end : hole.start()])
            end = hole.end()
            if hole[1] is None:
                self._bound += 1
                name = f"x{self._bound}"
                parts.append(name)
                continue
            parts.append(self.expression(hole[1], MAX_DEPTH))
            if name:
                self._variables["patch" if is_loop else hole[1]].append(name)
                name = ""
        return "".join([*parts, production[end:]])

    def expression(self, symbol: str, depth: int) -> str:
        """An expression, nested so many levels at most."""
        if symbol in self._literals:
            names = self._literals[symbol]
            return repr(names[self._pick(names)])
        options = [production for production in PRODUCTIONS[symbol] if _depth_of(production) <= depth]
        options += self._variables.get(symbol, [])
        chosen = options[self._pick(options)]
        return _HOLE.sub(lambda hole: self.expression(hole[1], depth - 1), chosen)

    def _pick(self, options: Sequence[str]) -> int:
        picked = self._choose(options)
        if not 0 <= picked < len(options):
            raise ValueError(f"choose() returned {picked}. Expected a position from 0 to {len(options) - 1}.")
        return picked


def _least_depths() -> dict[str, int]:
    """Levels of holes that each symbol needs at least. Pictures are variables from the start: a patch needs none."""
    depths = dict.fromkeys(PRODUCTIONS, MAX_DEPTH) | {"patch": 0}
    for _ in PRODUCTIONS:
        for symbol, productions in PRODUCTIONS.items():
            needed = (
                max((1 + depths.get(hole, 0) for hole in re.findall(r"\{(\w+)\}", text)), default=0) for text in productions
            )
            depths[symbol] = min(depths[symbol], *needed)
    return depths


_DEPTHS = _least_depths()


def _depth_of(production: str) -> int:
    return max((1 + _DEPTHS.get(hole, 0) for hole in re.findall(r"\{(\w+)\}", production)), default=0)
