"""The attack corpus: hostile programs as data, by family.

Each module holds a list `ATTACKS`. What an attack may end in is judged by `vispro_gym`'s tests and by `benchmarks/attacks.py`
through `success_of`.
"""

from __future__ import annotations

import json
from typing import Any

from tests.interpreter.attacks import (
    constructs,
    depth,
    endings,
    frames,
    growth,
    imports,
    introspection,
    loops,
    memory,
    process,
    reported,
    reported_limits,
    results,
    state,
)
from tests.interpreter.attacks.base import Attack, escaped

CORPUS: tuple[Attack, ...] = tuple(
    attack
    for module in (
        introspection, frames, constructs, imports, memory, growth, loops, depth, endings, process, reported,
        reported_limits, results, state
    )
    for attack in module.ATTACKS
)  # fmt: skip


def success_of(attack: Attack, execution: dict[str, Any], secrets: tuple[str, ...] = ()) -> str | None:
    """What an attack achieved that it must not, from the fields of its execution; None if it was held.

    An answer is a success unless the corpus lists it as harmless.
    """
    if found := escaped(json.dumps(execution, default=repr), secrets):
        return found
    answer = execution["answer"]
    if execution["status"] != "answered" or (int in attack.harmless and isinstance(answer, int)):
        return None
    # Tuples have become lists where an execution has been through JSON.
    harmless = [json.dumps(value) for value in attack.harmless if value is not int]
    return None if json.dumps(answer) in harmless else f"the answer {answer!r:.100}"
