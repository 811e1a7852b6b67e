"""Which rewarded programs to learn from: those that agree with other programs for queries of the same pattern.

A program may be rewarded by luck. But queries of one pattern (see `phrases`) have one program but for its literals, and phrases
of the query have their places in it. So the programs of a pattern vote on both, the demonstrations have the last word, and
rewarded programs that differ from what is elected are not learned from.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence

from vispro_agents.experience import Row
from vispro_agents.phrases import Phrases

Form = tuple[str, tuple[frozenset[str], ...]]
"""What programs of one pattern have in common: the skeleton, and where in the query the literals come from."""


class Solved:
    """What rewards have taught so far: rewarded programs that agree.

    Args:
        rows: Tried programs.
        demonstrations: `(query, canonical program)` pairs that are right.
        phrases: Tells patterns.

    Attributes:
        programs: Query -> the program that was rewarded most often for it, of those that agree with their pattern.
        patterns: Patterns with a program.
    """

    def __init__(self, rows: Sequence[Row], demonstrations: Sequence[tuple[str, str]], phrases: Phrases) -> None:
        self._phrases = phrases
        rewarded: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for row in rows:
            if row.reward and row.program:
                rewarded[row.query][row.program] += 1
        votes: defaultdict[str, Counter[Form]] = defaultdict(Counter)
        for query, found in rewarded.items():
            votes[phrases.pattern(query)].update(form_of(phrases, query, program) for program in found)
        shown: defaultdict[str, list[Form]] = defaultdict(list)  # these are known to be right
        for query, program in demonstrations:
            shown[phrases.pattern(query)].append(form_of(phrases, query, program))
        self._elected = {pattern: elect(pattern, shown[pattern], votes[pattern]) for pattern in [*shown, *votes]}
        self.programs: dict[str, str] = {}
        for query, found in rewarded.items():
            agreeing = [program for program, _ in found.most_common() if self._agrees(query, program)]
            if agreeing:
                self.programs[query] = agreeing[0]
        self.patterns = set(self._elected)

    def _agrees(self, query: str, program: str) -> bool:
        """Whether the program has the form that was elected for its pattern, as far as its query tells."""
        skeleton, sources = self._elected[self._phrases.pattern(query)]
        own, possible = form_of(self._phrases, query, program)
        return own == skeleton and all(places <= others for places, others in zip(sources, possible, strict=False))


def form_of(phrases: Phrases, query: str, program: str) -> Form:
    """The form of a program for a query."""
    return phrases.skeleton(program), tuple(phrases.sources(query, program))


def elect(pattern: str, shown: Collection[Form], votes: Counter[Form]) -> Form:
    """The form of the programs of a pattern.

    The skeleton is that of the demonstrations, if there are any. Of forms that say where each literal comes from, those that use
    all names, relations and attributes of the query are preferred. Without such a form, the elected one has no sources.
    """
    known = {skeleton for skeleton, _ in shown}
    needed = {f"{kind}{number}" for kind in "NRA" for number in range(pattern.split().count(kind))}

    def merit(form: Form) -> tuple[bool, bool, int, str]:
        return form in shown, needed <= set().union(*form[1]), votes[form], form[0]

    clear = [form for form in [*shown, *votes] if all(len(places) < 2 for places in form[1]) and (not known or form[0] in known)]
    if clear:
        return max(clear, key=merit)
    if known:
        return min(known), ()
    skeletons: Counter[str] = Counter()
    for (skeleton, _), number in votes.items():
        skeletons[skeleton] += number
    return skeletons.most_common(1)[0][0], ()
