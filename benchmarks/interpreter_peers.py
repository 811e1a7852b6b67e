"""Other projects that run untrusted Python, hosted with the same program API as far as they allow.

None of them is needed: what is not installed is left out. Each gets what its documentation asks for, and a fresh state for
each program, because programs of different samples must not see each other.

    pip install RestrictedPython smolagents pydantic-monty
"""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

from interpreter_workload import SIZE, reply

from vispro_gym.interpreter.guest import runtime
from vispro_gym.programs.api import ENTRY_POINT

Run = Callable[[Sequence[str]], list[Any]]


def restricted_python(stack: contextlib.ExitStack) -> Run:
    """RestrictedPython: a compiler with a policy, in the caller's process; no limits."""
    from RestrictedPython import compile_restricted, safe_builtins
    from RestrictedPython.Eval import default_guarded_getitem, default_guarded_getiter
    from RestrictedPython.Guards import full_write_guard, guarded_iter_unpack_sequence, guarded_unpack_sequence, safer_getattr

    operators = {"+=": operator.iadd, "-=": operator.isub, "*=": operator.imul}
    names = {
        "__builtins__": safe_builtins | {"sum": sum, "max": max, "min": min, "all": all, "any": any, "list": list, "dict": dict},
        "_getattr_": safer_getattr,
        "_getitem_": default_guarded_getitem,
        "_getiter_": default_guarded_getiter,
        "_iter_unpack_sequence_": guarded_iter_unpack_sequence,
        "_unpack_sequence_": guarded_unpack_sequence,
        "_write_": full_write_guard,
        "_inplacevar_": lambda op, x, y: operators[op](x, y),
        "__metaclass__": type,
        "__name__": "program",
        **runtime.NAMES,
    }

    def run(sources: Sequence[str]) -> list[Any]:
        answers = []
        for source in sources:
            scope = dict(names)
            exec(compile_restricted(source, "<program>", "exec"), scope)
            answers.append(scope[ENTRY_POINT](runtime.make_patch(0, (0, 0, *SIZE))))
        return answers

    return run


def smolagents(stack: contextlib.ExitStack) -> Run:
    """The executor of smolagents: a walk over the syntax tree, in the caller's process."""
    from smolagents.local_python_executor import LocalPythonExecutor

    def run(sources: Sequence[str]) -> list[Any]:
        answers = []
        for source in sources:
            executor = LocalPythonExecutor([])
            executor.send_tools(runtime.NAMES)
            executor.send_variables({"image": runtime.make_patch(0, (0, 0, *SIZE))})
            answers.append(executor(f"{source}\n{ENTRY_POINT}(image)").output)
        return answers

    return run


# Monty knows no properties, so patches compute theirs when they are made. Only the members that the workload uses are here.
_MONTY_PRELUDE = """\
class ImagePatch:
    def __init__(self, left, lower, right, upper):
        self.left, self.lower, self.right, self.upper = left, lower, right, upper
        self.width, self.height = right - left, upper - lower
        self.area = self.width * self.height
        self.horizontal_center, self.vertical_center = (left + right) / 2, (lower + upper) / 2
    def box(self):
        return [self.left, self.lower, self.right, self.upper]
    def find(self, name):
        return [ImagePatch(*box) for box in perceive("detect", self.box(), [name])]
    def exists(self, name):
        return bool(perceive("detect", self.box(), [name]))
    def verify_property(self, name, attribute):
        return perceive("verify", self.box(), [name, attribute])
    def simple_query(self, question):
        return perceive("answer", self.box(), [question])
    def compute_depth(self):
        return perceive("depth", self.box(), [])
    def related(self, relation, name):
        return [ImagePatch(*box) for box in perceive("relate", self.box(), [relation, name, "subject"])]
    def best_text_match(self, options):
        scores = perceive("similarity", self.box(), [options])
        return options[scores.index(max(scores))]
    def crop(self, left, lower, right, upper):
        return ImagePatch(max(left, self.left), max(lower, self.lower), min(right, self.right), min(upper, self.upper))
    def overlaps_with(self, left, lower, right, upper):
        return self.left <= right and self.right >= left and self.lower <= upper and self.upper >= lower
def distance(a, b):
    return abs(a - b)
def bool_to_yesno(value):
    return "yes" if value else "no"
"""


def monty(stack: contextlib.ExitStack) -> Run:
    """Monty: an interpreter of a part of Python in Rust, in a process per session; one session per program."""
    from pydantic_monty import Monty

    pool = stack.enter_context(Monty(max_processes=1, request_timeout=5.0))
    external = {"perceive": lambda operation, box, arguments: reply(operation, box, arguments)}

    def run(sources: Sequence[str]) -> list[Any]:
        answers = []
        for source in sources:
            with pool.checkout(limits={"max_feed_duration_secs": 1.0, "max_memory": 1 << 28}) as session:
                code = f"{_MONTY_PRELUDE}{source}\n{ENTRY_POINT}(ImagePatch(0, 0, {SIZE[0]}, {SIZE[1]}))"
                answers.append(session.feed_run(code, external_lookup=external))
        return answers

    return run


_PEERS: dict[str, Callable[[contextlib.ExitStack], Run]] = {
    "RestrictedPython": restricted_python,
    "smolagents": smolagents,
    "pydantic-monty": monty,
}


def peers(stack: contextlib.ExitStack) -> tuple[dict[str, Run], list[str]]:
    """What is installed, by name and version, and the names of what is not."""
    found: dict[str, Run] = {}
    missing: list[str] = []
    for name, start in _PEERS.items():
        try:
            found[f"{name} {version(name)}"] = start(stack)
        except ImportError:
            missing.append(name)
    return found, missing
