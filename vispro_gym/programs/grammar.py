"""Derivations of programs from a grammar, and random programs: what a policy writes that knows the language and nothing else.

The symbols of a grammar are the kinds of things that expressions give, so that every program is well typed:

| symbol | what it stands for |
|---|---|
| block | the end of the function: assignments to new variables, an early return perhaps, and a return |
| answer | any expression |
| patch, patches, text, number, truth | an expression of that type |
| noun, adjective, word, relation, question | a literal, made of the words of the query |
| size | an attribute of a patch that is a number |

A derivation starts with "block" and always fills the first hole next, so that a program is a sequence of choices among the
options that are offered: what an agent does that builds programs step by step. Productions that cannot be finished within the
depth or the number of choices that is left are not offered; variables are, as soon as they are bound. Every program that is
derived is accepted by the interpreter's check; it may still raise (the first of no patches), or ask perception what it does not
understand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from math import inf
from random import Random
from typing import NamedTuple

from vispro_gym.programs.api import ENTRY_POINT
from vispro_gym.programs.productions import PRODUCTIONS

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
LITERALS = ("noun", "adjective", "word", "relation", "question")
"""Symbols whose options are texts."""
KINDS = ("patch", "patches", "text", "number", "truth")
"""Symbols that variables can be of."""

WORD = re.compile(r"\w+(?:['’-]\w+)*")
"""What counts as a word of a query."""

_HOLE = re.compile(r"\{(\w+)\}|\bNEW\b")
# What is rarely the name of a thing or of how it looks.
_FUNCTION_WORDS = frozenset(
    "a an the this that these those is are was were be been do does did has have had can could will would there here it its what "
    "which who whom whose where when why how many much and or not no yes of in on at to from by for with than as if any all both "
    "either each some one you see image picture photo true false kind type sort".split()
)
_LONGEST_QUERY, _LONGEST_WORD = 200, 40

Choose = Callable[[Sequence[str]], int]
"""Picks one of several texts, productions or names, by its position."""


class Option(NamedTuple):
    """One choice that a derivation offers.

    Attributes:
        symbol: The hole that it fills.
        name: What it is, the same for all queries: the production, "variable 0" (the first of its kind), "word 3" (the fourth
            word of the query), "words 3-4", "query", or a quoted text.
        text: What it puts into the program.
    """

    symbol: str
    name: str
    text: str


@dataclass(frozen=True)
class Grammar:
    """Which programs can be derived.

    Attributes:
        productions: Right-hand sides by symbol, see `vispro_gym.programs.productions`.
        literals: Texts by symbol, for those whose options are not to be made of the words of the query.
        max_depth: Levels of holes inside holes that a program has at most below its statements.
        max_statements: Statements before the last return.
        max_words: Words of a query that literals are made of, from its beginning.

    Raises:
        ValueError: If no program can be derived.
    """

    productions: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: PRODUCTIONS)
    literals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    max_depth: int = 3
    max_statements: int = 2
    max_words: int = 40

    def __post_init__(self) -> None:
        if self.least_choices == inf:
            raise ValueError(
                f"no program can be derived at depth {self.max_depth} from productions of "
                f"{', '.join(self.productions) or 'nothing'}. Expected some for 'block' and for all that they need."
            )

    def least(self, symbol: str, depth: int) -> float:
        """Smallest number of choices that fill a hole, infinite if it cannot be filled within a depth."""
        if symbol in LITERALS:
            return 1 if self.literals.get(symbol, ("words",)) else inf
        if (symbol, depth) not in self._least:
            costs = [self.least_of(text, depth) for text in self.productions.get(symbol, ())]
            # Pictures are variables from the start.
            self._least[symbol, depth] = min([*costs, *([1] if symbol == "patch" else [])], default=inf)
        return self._least[symbol, depth]

    def least_of(self, production: str, depth: int) -> float:
        """Smallest number of choices for a production and the holes in it."""
        holes = _holes(production)
        if holes and depth < 1:
            return inf
        return 1 + sum(self.least(hole, depth - 1) for hole in holes)

    @cached_property
    def _least(self) -> dict[tuple[str, int], float]:
        return {}

    def statements(self, left: int) -> tuple[str, ...]:
        """The productions of "block" with so many statements left: those that end it, and if any is left, those that do not."""
        return tuple(text for text in self.productions.get("block", ()) if left or not text.endswith("{block}"))

    def least_of_statement(self, production: str, left: int) -> float:
        """Smallest number of choices for a production of "block" and all that follows it."""
        holes = _holes(production)
        cost = 1 + sum(self.least(hole, self.max_depth) for hole in holes if hole != "block")
        return cost + self.least_of_block(left - 1) if "block" in holes else cost

    def least_of_block(self, left: int) -> float:
        """Smallest number of choices for a block with so many statements left."""
        return min((self.least_of_statement(text, left) for text in self.statements(left)), default=inf)

    @property
    def least_choices(self) -> float:
        """Smallest number of choices that make a program."""
        return self.least_of_block(self.max_statements)

    def options(self, num_images: int = 1) -> tuple[tuple[str, str], ...]:
        """Symbol and name of every option that derivations may offer, whatever the query; in a fixed order.

        Args:
            num_images: Number of pictures that programs receive.
        """
        found: list[tuple[str, str]] = []
        symbols = ["block"]
        for symbol in symbols:  # grows
            if symbol in LITERALS:
                found += [(symbol, name) for name in self._literal_names(symbol)]
                continue
            for text in self.productions.get(symbol, ()):
                holes = [hole for hole in _holes(text) if hole != "block"]
                if all(self.least(hole, self.max_depth) < inf for hole in holes):
                    found.append((symbol, text))
                    symbols += [hole for hole in holes if hole not in symbols]
        bound = {_kind_bound(text) for symbol, text in found if symbol == "block"}
        for kind in KINDS:
            count = (num_images if kind == "patch" else 0) + (self.max_statements if kind in bound else 0)
            found += [(kind, f"variable {i}") for i in range(count if kind in symbols else 0)]
        return tuple(found)

    def _literal_names(self, symbol: str) -> list[str]:
        if symbol in self.literals:
            return [repr(text) for text in self.literals[symbol]]
        words = [f"word {i}" for i in range(self.max_words)]
        pairs = [f"words {i}-{i + 1}" for i in range(self.max_words - 1)]
        match symbol:
            case "noun":
                return [*words, *pairs, repr("object")]
            case "adjective":
                return [*words, repr("red")]
            case "word":
                return [*words, repr("yes"), repr("no")]
            case "relation":
                return [*map(repr, RELATIONS), *pairs]
        return [*map(repr, QUESTIONS), "query"]

    def literals_of(self, query: str) -> dict[str, list[Option]]:
        """The options that a query gives for each literal."""
        words = [word.lower()[:_LONGEST_WORD] for word in WORD.findall(query)[: self.max_words]]
        content = [(f"word {i}", word) for i, word in enumerate(words) if word not in _FUNCTION_WORDS]
        pairs = [
            (f"words {i}-{i + 1}", f"{a} {b}")
            for i, (a, b) in enumerate(pairwise(words))
            if not _FUNCTION_WORDS.intersection((a, b))
        ]
        texts = {
            "noun": [*content, *pairs, *_quoted("object")],
            "adjective": content or _quoted("red"),
            "word": [*((f"word {i}", word) for i, word in enumerate(words)), *_quoted("yes", "no")],
            "relation": [*_quoted(*RELATIONS), *pairs],
            "question": [*_quoted(*QUESTIONS), ("query", query[:_LONGEST_QUERY])],
        } | {symbol: _quoted(*fixed) for symbol, fixed in self.literals.items()}
        return {symbol: [Option(symbol, name, repr(text)) for name, text in named] for symbol, named in texts.items()}


def _quoted(*texts: str) -> list[tuple[str, str]]:
    return [(repr(text), text) for text in texts]


def _holes(production: str) -> list[str]:
    return [hole[1] for hole in _HOLE.finditer(production) if hole[1] is not None]


def _kind_bound(statement: str) -> str | None:
    """The kind of variable that a statement binds, None if it binds none."""
    if not statement.startswith("NEW"):
        return "patch" if statement.startswith("for ") else None
    return _holes(statement)[0]


GRAMMAR = Grammar()
"""The grammar of the whole program language."""


def random_program(query: str, seed: int | str, image_names: Sequence[str] = ("image",)) -> str:
    """A random program, with names from the words of a query.

    Args:
        query: The query. Words beyond the first few dozens are not used.
        seed: The program is a function of it, of the query and of the names.
        image_names: Names of the pictures that the function receives, see `vispro_gym.datasets.Dataset.image_names`.
    """
    rng = Random(f"{seed} {query}".encode("utf-8", "surrogatepass"))
    return derive(lambda options: rng.randrange(len(options)), query, image_names)


def derive(
    choose: Choose,
    query: str,
    image_names: Sequence[str] = ("image",),
    grammar: Grammar = GRAMMAR,
    max_choices: int | None = None,
) -> str:
    """A program made of the choices of an agent.

    Args:
        choose: Called with the texts of the options of each step in turn, at least one. Returns the position of one.
        query: Names and questions are made of its words.
        image_names: Names of the pictures that the function receives.
        grammar: What can be derived.
        max_choices: Most choices; None for as many as the depth allows.

    Raises:
        ValueError: If there is no such option, or no program of so few choices.
    """
    steps = derivation(query, image_names, grammar, max_choices)
    options = next(steps)
    try:
        while True:
            picked = choose([option.text for option in options])
            if not 0 <= picked < len(options):
                raise ValueError(f"choose() returned {picked}. Expected a position from 0 to {len(options) - 1}.")
            options = steps.send(picked)
    except StopIteration as end:
        return str(end.value)


Derivation = Generator[list[Option], int, str]
"""Yields the options of each step, is sent the position of the one that is chosen, and returns the program."""


def derivation(
    query: str, image_names: Sequence[str] = ("image",), grammar: Grammar = GRAMMAR, max_choices: int | None = None
) -> Derivation:
    """As `derive`, for those who choose when they like."""
    limit = 1 << 30 if max_choices is None else max_choices  # finite, since what cannot be filled costs infinitely many
    if limit < grammar.least_choices:
        raise ValueError(f"max_choices={max_choices} is too few for any program. Expected {grammar.least_choices:.0f} or more.")
    body = yield from _Writer(query, image_names, grammar, limit).block(grammar.max_statements)
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    return f"def {ENTRY_POINT}({', '.join(image_names)}):\n{lines}"


class _Writer:
    """The state of a derivation: what is bound, and how many choices are left."""

    def __init__(self, query: str, image_names: Sequence[str], grammar: Grammar, limit: int) -> None:
        self._grammar = grammar
        self._left = limit
        self._literals = grammar.literals_of(query)
        self._variables: dict[str, list[str]] = {kind: [] for kind in KINDS} | {"patch": list(image_names)}
        self._bound = 0

    def block(self, statements: int) -> Derivation:
        """The statements of a function's body, the last one a return."""
        grammar = self._grammar
        options = [
            Option("block", text, text)
            for text in grammar.statements(statements)
            if grammar.least_of_statement(text, statements) <= self._left
        ]
        chosen = yield from self._pick(options)
        if not chosen.endswith("{block}"):
            return (yield from self._filled(chosen, 0))
        scope = {kind: list(names) for kind, names in self._variables.items()}
        text = yield from self._filled(chosen.removesuffix("\n{block}"), grammar.least_of_block(statements - 1))
        if chosen.startswith("for "):  # an item that a loop of no turns never binds must not be used after it
            self._variables = scope
        rest = yield from self.block(statements - 1)
        return f"{text}\n{rest}"

    def _filled(self, production: str, owed: float) -> Derivation:
        """A statement with its holes filled, the first one first; its new variable is in scope from then on."""
        parts, end, name = [], 0, ""
        costs = [self._grammar.least(hole, self._grammar.max_depth) for hole in _holes(production)]
        for hole in _HOLE.finditer(production):
            parts.append(production[end : hole.start()])
            end = hole.end()
            if hole[1] is None:
                self._bound += 1
                name = f"x{self._bound}"
                parts.append(name)
                continue
            costs.pop(0)
            filled = yield from self._expression(hole[1], self._grammar.max_depth, owed + sum(costs))
            parts.append(filled)
            if name:
                self._variables["patch" if production.startswith("for ") else hole[1]].append(name)
                name = ""
        return "".join([*parts, production[end:]])

    def _expression(self, symbol: str, depth: int, owed: float) -> Derivation:
        """An expression, nested so many levels at most, with so many choices kept for what follows."""
        if symbol in LITERALS:
            return (yield from self._pick(self._literals[symbol]))
        grammar = self._grammar
        options = [
            Option(symbol, text, text)
            for text in grammar.productions.get(symbol, ())
            if grammar.least_of(text, depth) <= self._left - owed
        ]
        options += [Option(symbol, f"variable {i}", name) for i, name in enumerate(self._variables.get(symbol, ()))]
        chosen = yield from self._pick(options)
        parts, end = [], 0
        costs = [grammar.least(hole, depth - 1) for hole in _holes(chosen)]
        for hole in _HOLE.finditer(chosen):
            costs.pop(0)
            filled = yield from self._expression(hole[1], depth - 1, owed + sum(costs))
            parts += [chosen[end : hole.start()], filled]
            end = hole.end()
        return "".join([*parts, chosen[end:]])

    def _pick(self, options: list[Option]) -> Derivation:
        picked = yield options
        self._left -= 1
        return options[picked].text
