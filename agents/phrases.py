"""Thousands of variants of a few demonstrations: phrases of query and program, swapped for phrases of other queries.

`renaming` swaps words that a program repeats. Where a query says "the tiny shiny balls to its left" and the program "small metal
sphere" and "to the left of", what corresponds has to be learned first. It is learned here from the demonstrations and from the
texts of the queries alone, with nothing said about colors, shapes or directions:

- **Names.** String literals of the argument that takes most different ones are names of things. Which word of a query becomes
  which word of a name is found by word alignment (IBM Model 1, Brown et al. 1993, "The mathematics of statistical machine
  translation"): "tiny" becomes small and "balls" sphere. Runs of such words in a query are phrases. A phrase is swapped for any
  other phrase of the queries, and its literal for the translation of that. If a literal is put together from several phrases,
  its words are swapped for words of their class: two words are of one class if they never stand in one phrase.
- **Relations.** A literal of few choices which queries contain word by word ("to the left of") stands in certain frames, "that is
  ... the", say. What holds the literal's own word in the same frames means the same ("left of", "on the left side of").
- **Attributes.** Words of other literals that queries spell alike ("color" in "What color is this?") are swapped for each other
  where all five words in a row are known from queries.

`pattern` is what is left of a query without all this. Queries of one pattern have programs that differ in literals only, so
demonstrations of the most frequent patterns cover most.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from vispro_agents.alignment import align
from vispro_agents.canonical import string_arguments

_WORD = re.compile(r"[A-Za-z]+|[^A-Za-z\s]+")
_LITERAL = re.compile(r"'([^'\\\n]*)'")
_SURE = 0.6  # probability from which a translation is trusted
_LONGEST = 6  # words of a relation
_WINDOW = 5  # words whose sequence is known

Span = tuple[int, int]


class Phrases:
    """What can be swapped in queries and programs.

    Args:
        demonstrations: `(query, canonical program)` pairs to learn from.
        queries: Queries whose phrases may stand in variants.
    """

    def __init__(self, demonstrations: Sequence[tuple[str, str]], queries: Iterable[str]) -> None:
        texts = [words(query) for query in queries]
        examples = [(words(query), program) for query, program in demonstrations]
        slots = string_arguments(program for _, program in demonstrations)
        names = max(slots.values(), key=len, default=set())
        self.names = {name for slot in slots.values() if slot & names for name in slot}
        self.choices = {literal for slot in slots.values() if not slot & names for literal in slot}
        self.lexicon = self._learn_lexicon(examples)
        """Word of a query, without plural "s" -> word of a name."""
        self._targets = set(self.lexicon.values())
        self._pool = self._collect_phrases(texts)
        self._classes = self._learn_classes(texts)
        self.relations = self._learn_relations(examples, texts)
        """Literal -> the phrases of queries that mean it, and how often they occur."""
        self._relation_of = {phrase: literal for literal, found in self.relations.items() for phrase in found}
        self._seen = {window for text in texts for window in _windows(self._mask(text))}
        self.attributes = self._learn_attributes(examples)
        """Words that queries and literals of few choices spell alike."""

    def pattern(self, query: str) -> str:
        """The query with "N" for a name, "R" for a relation and "A" for an attribute."""
        return " ".join("A" if word in self.attributes else word for word in self._mask(words(query)))

    def _mask(self, text: Sequence[str]) -> list[str]:
        return _replace(text, {span: ["N"] for span in self._phrases(text)} | {span: ["R"] for span in self._relations(text)})

    def skeleton(self, program: str) -> str:
        """The program with "N", "R" and "A" in its literals, in the same way: what programs of one pattern have in common."""
        attributes = dict.fromkeys(self.attributes, "A")

        def mask(match: re.Match[str]) -> str:
            if self._is_name(match[1]):
                return "'N'"
            return "'R'" if match[1] in self.relations else f"'{_exchange(match[1], attributes)}'"

        return _LITERAL.sub(mask, program)

    def sources(self, query: str, program: str) -> list[frozenset[str]]:
        """Where each literal of a program may come from.

        Returns:
            For each literal, in order: {"N0"} if it is the first name of the query, "R0" and "A0" for relations and attributes.
            Several if the query says the same several times; the literal itself if the query says nothing of the kind; nothing
            for a name that is put together.
        """
        text = words(query)
        said: defaultdict[str, set[str]] = defaultdict(set)
        for number, span in enumerate(self._phrases(text)):
            said[_translate(text[slice(*span)], self.lexicon)].add(f"N{number}")
        for number, span in enumerate(self._relations(text)):
            said[self._relation_of[tuple(text[slice(*span)])]].add(f"R{number}")
        for number, word in enumerate(word for word in text if word in self.attributes):
            for literal in self.choices:
                if word in _WORD.findall(literal):
                    said[literal].add(f"A{number}")
        return [
            frozenset(said[literal] if literal in said else () if self._is_name(literal) else (literal,))
            for literal in _LITERAL.findall(program)
        ]

    def variant(self, query: str, program: str, rng: random.Random, rate: float = 0.8) -> tuple[str, str]:
        """The same about other things.

        Args:
            query: A query.
            program: Its canonical program, right or wrong.
            rng: Source of randomness.
            rate: How probable it is that something is swapped which can be swapped.

        Returns:
            A query and a program that is right for it if `program` is right for `query`.
        """
        text = words(query)
        swapped: dict[str, str] = {}
        edits = self._swap_names(text, program, rng, rate, swapped) | self._swap_relations(text, program, rng, rate, swapped)
        text = _replace(text, edits)
        program = _LITERAL.sub(lambda match: f"'{swapped.get(match[1], match[1])}'", program)
        return self._swap_attributes(text, program, rng, rate)

    # Names

    def _learn_lexicon(self, examples: Sequence[tuple[list[str], str]]) -> dict[str, str]:
        pairs = [
            (
                Counter(_stem(word) for word in text if word.isalpha()),
                Counter(part for name in _LITERAL.findall(program) if name in self.names for part in name.split()),
            )
            for text, program in examples
        ]
        chances = align(pairs)
        best = {word: max(targets.items(), key=lambda item: (item[1], item[0])) for word, targets in chances.items() if targets}
        lexicon = {word: target for word, (target, chance) in best.items() if chance > _SURE}
        # A translation is trusted only if the word is mostly part of a whole literal to which nothing else lays claim.
        held: Counter[str] = Counter()
        seen: Counter[str] = Counter()
        for text, program in examples:
            literals = Counter(literal for literal in _LITERAL.findall(program) if literal in self.names)
            seen.update(map(_stem, text))
            whole = [text[start:end] for start, end in _whole(text, lexicon, literals.keys())]
            claims = Counter(_translate(phrase, lexicon) for phrase in whole)
            for phrase in whole:
                if claims[name := _translate(phrase, lexicon)] <= literals[name]:
                    held.update(map(_stem, phrase))
        return {word: target for word, target in lexicon.items() if held[word] >= max(2, 0.5 * seen[word])}

    def _collect_phrases(self, texts: Sequence[list[str]]) -> dict[bool, tuple[list[tuple[str, ...]], list[float]]]:
        """Phrases of the queries that are plural, and that are not, with their weights."""
        counts = Counter(tuple(text[start:end]) for text in texts for start, end in self._phrases(text))
        pool = {}
        for plural in (False, True):
            phrases = sorted(phrase for phrase in counts if _is_plural(phrase) == plural)
            pool[plural] = (phrases, [counts[phrase] ** 0.5 for phrase in phrases])
        return pool

    def _learn_classes(self, texts: Sequence[list[str]]) -> list[list[str]]:
        """Words of names in classes, such that no two of one class stand in one phrase."""
        together: defaultdict[str, set[str]] = defaultdict(set)
        counts: Counter[str] = Counter()
        for text in texts:
            for start, end in self._phrases(text):
                targets = [self.lexicon[_stem(word)] for word in text[start:end]]
                counts.update(targets)
                for target in targets:
                    together[target].update(targets)
        classes: list[list[str]] = []
        for target, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
            home = next((members for members in classes if not together[target] & set(members)), None)
            if home is None:
                classes.append([target])
            else:
                home.append(target)
        return classes

    def _phrases(self, text: Sequence[str]) -> list[Span]:
        return _runs(text, self.lexicon)

    def _swap_names(
        self, text: Sequence[str], program: str, rng: random.Random, rate: float, swapped: dict[str, str]
    ) -> dict[Span, list[str]]:
        """Choose what stands for the phrases; adds to `swapped`."""
        literals = [literal for literal in dict.fromkeys(_LITERAL.findall(program)) if self._is_name(literal)]
        edits: dict[Span, list[str]] = {}
        groups: defaultdict[str, list[Span]] = defaultdict(list)
        rest: list[Span] = []
        for span in self._phrases(text):
            name = _translate(text[slice(*span)], self.lexicon)
            if name in literals:
                groups[name].append(span)
            else:
                rest.append(span)
        said = Counter(_LITERAL.findall(program))
        for name, spans in groups.items():
            plural = {_is_plural(text[slice(*span)]) for span in spans}
            # What a query says more often than its program is not always what the literal says: "objects that are red things".
            if rng.random() > rate or len(plural) > 1 or len(spans) > said[name]:
                rest += spans
                continue
            phrases, weights = self._pool[plural.pop()]
            phrase = list(rng.choices(phrases, weights)[0])
            target = _translate(phrase, self.lexicon)
            if target in literals or target in swapped.values():
                rest += spans
                continue
            swapped[name] = target
            edits |= {span: phrase for span in spans}
        if rng.random() < rate and rest:
            # Phrases that are no whole literals may be part of any literal that is no phrase.
            loose = sum(map(len, groups.values())) < len(self._phrases(text))
            kept = [name for name in said.elements() if name in literals and name not in swapped and (loose or name in groups)]
            edits |= self._swap_words(text, rest, kept, rng, swapped)
        return edits

    def _swap_words(
        self, text: Sequence[str], spans: Sequence[Span], literals: Sequence[str], rng: random.Random, swapped: dict[str, str]
    ) -> dict[Span, list[str]]:
        """Swap the words of phrases that are no whole literals, in all of them alike."""
        said = Counter(part for literal in literals for part in literal.split())
        asked = Counter(self.lexicon[_stem(word)] for start, end in spans for word in text[start:end])
        mapping: dict[str, str] = {}
        for members in self._classes:
            mapping |= dict(zip(members, rng.sample(members, len(members)), strict=True))
        mapping = {old: new for old, new in mapping.items() if 1 <= asked[old] <= said[old]}
        swapped |= {literal: " ".join(mapping.get(part, part) for part in literal.split()) for literal in literals}
        edits = {}
        for start, end in spans:
            edits[start, end] = [
                self._write(mapping[target], word, rng) if (target := self.lexicon[_stem(word)]) in mapping else word
                for word in text[start:end]
            ]
        return edits

    def _write(self, target: str, like: str, rng: random.Random) -> str:
        """A word of queries that means `target`, in the number of another word."""
        word = rng.choice(sorted(word for word, meaning in self.lexicon.items() if meaning == target))
        return word + "s" if _is_plural([like]) else word

    def _is_name(self, literal: str) -> bool:
        return literal in self.names or all(part in self._targets for part in literal.split())

    # Relations

    def _learn_relations(
        self, examples: Sequence[tuple[list[str], str]], texts: Sequence[list[str]]
    ) -> dict[str, Counter[tuple[str, ...]]]:
        anchors: dict[str, str] = {}
        for literal in sorted(self.choices):
            counts = [_LITERAL.findall(program).count(literal) for _, program in examples]
            for word in dict.fromkeys(literal.split()):
                if sum(counts) > 1 and counts == [text.count(word) for text, _ in examples]:
                    anchors[word] = literal
        masked = [_replace(text, {span: ["N"] for span in self._phrases(text)}) for text in texts]
        frames: set[tuple[str, ...]] = set()
        literals = {literal: literal.split() for literal in anchors.values()}
        for text in masked:
            for spelled in literals.values():
                if set(spelled) <= set(text):
                    for start in range(len(text) - len(spelled) + 1):
                        if text[start : start + len(spelled)] == spelled:
                            frames.add(_frame(text, start, start + len(spelled)))
        found: defaultdict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)
        for text in masked:
            for place, word in enumerate(text):
                if word in anchors and (span := _shortest(text, place, frames, anchors)):
                    found[anchors[word]][tuple(text[slice(*span)])] += 1
        return {
            literal: Counter({phrase: count for phrase, count in counts.items() if count >= 0.01 * counts.total()})
            for literal, counts in found.items()
        }

    def _relations(self, text: Sequence[str]) -> list[Span]:
        """Where relations stand: the longest at each place."""
        spans = []
        start = 0
        while start < len(text):
            lengths = range(min(_LONGEST, len(text) - start), 0, -1)
            length = next((length for length in lengths if tuple(text[start : start + length]) in self._relation_of), 0)
            if length:
                spans.append((start, start + length))
            start += max(1, length)
        return spans

    def _swap_relations(
        self, text: Sequence[str], program: str, rng: random.Random, rate: float, swapped: dict[str, str]
    ) -> dict[Span, list[str]]:
        groups: defaultdict[str, list[Span]] = defaultdict(list)
        for span in self._relations(text):
            groups[self._relation_of[tuple(text[slice(*span)])]].append(span)
        literals = _LITERAL.findall(program)
        edits: dict[Span, list[str]] = {}
        for literal, spans in groups.items():
            if literals.count(literal) != len(spans) or rng.random() > rate:
                continue
            swapped[literal] = rng.choice(sorted(self.relations))
            phrases = self.relations[swapped[literal]]
            for span in spans:
                edits[span] = list(rng.choices(list(phrases), [count**0.5 for count in phrases.values()])[0])
        return edits

    # Attributes

    def _learn_attributes(self, examples: Sequence[tuple[list[str], str]]) -> list[str]:
        anchors = {word for phrases in self.relations.values() for phrase in phrases for word in phrase}
        alike: Counter[str] = Counter()
        seen: Counter[str] = Counter()
        for text, program in examples:
            parts = {part for literal in _LITERAL.findall(program) if literal in self.choices for part in _WORD.findall(literal)}
            seen.update(set(text))
            alike.update(set(text) & parts)
        words_alike = {word for word in alike if alike[word] >= max(3, 0.8 * seen[word]) and word not in anchors}
        return sorted(word for word in words_alike if self._has_twin(word, words_alike))

    def _has_twin(self, word: str, others: Iterable[str]) -> bool:
        """Whether there is a literal that has another of the words in the place of this one."""
        places = [literal for literal in self.choices if word in _WORD.findall(literal)]
        return any(_exchange(place, {word: other}) in self.choices for place in places for other in others if other != word)

    def _swap_attributes(self, text: list[str], program: str, rng: random.Random, rate: float) -> tuple[str, str]:
        here = [word for word in self.attributes if word in text]
        mapping = dict(zip(here, rng.sample(self.attributes, len(here)), strict=True))
        literals = [literal for literal in _LITERAL.findall(program) if literal in self.choices]
        exchanged = {literal: _exchange(literal, mapping) for literal in literals}
        new = [mapping.get(word, word) for word in text]
        known = self._seen.issuperset(_windows(self._mask(new)))
        if rng.random() > rate or not known or not set(exchanged.values()) <= self.choices:
            return join(text), program
        # A query may ask for what it does not name: "How big is the other thing of the same size?"
        asked = Counter(text)
        said = Counter(word for literal in exchanged for word in _WORD.findall(literal))
        if not all(1 <= said[word] <= asked[word] for word in mapping):
            return join(text), program
        return join(new), _LITERAL.sub(lambda match: f"'{exchanged.get(match[1], match[1])}'", program)


def words(query: str) -> list[str]:
    """Words and marks of punctuation of a query."""
    return _WORD.findall(query)


def join(text: Sequence[str]) -> str:
    """A query from its words and marks."""
    return re.sub(r" ([?;,.])", r"\1", " ".join(text))


def _stem(word: str) -> str:
    word = word.lower()
    return word[:-1] if len(word) > 3 and word.endswith("s") else word


def _is_plural(phrase: Sequence[str]) -> bool:
    return phrase[-1] != _stem(phrase[-1])


def _translate(phrase: Sequence[str], lexicon: Mapping[str, str]) -> str:
    return " ".join(lexicon[_stem(word)] for word in phrase)


def _runs(text: Sequence[str], lexicon: Mapping[str, str]) -> list[Span]:
    spans = []
    start = 0
    for place in range(len(text) + 1):
        if place == len(text) or _stem(text[place]) not in lexicon:
            if place > start:
                spans.append((start, place))
            start = place + 1
    return spans


def _whole(text: Sequence[str], lexicon: Mapping[str, str], literals: Collection[str]) -> list[Span]:
    """Spans that are whole literals: from the left, the longest at each place."""
    spans = []
    done = 0
    for first, last in _runs(text, lexicon):
        for start in range(first, last):
            ends = (end for end in range(last, start, -1) if _translate(text[start:end], lexicon) in literals)
            if start >= done and (end := next(ends, 0)):
                spans.append((start, end))
                done = end
    return spans


def _replace(text: Sequence[str], edits: Mapping[Span, list[str]]) -> list[str]:
    """The text with other words in the place of spans that do not overlap."""
    new: list[str] = []
    place = 0
    for (start, end), instead in sorted(edits.items()):
        new += [*text[place:start], *instead]
        place = end
    return [*new, *text[place:]]


def _frame(text: Sequence[str], start: int, end: int) -> tuple[str, ...]:
    """The two words before and the one after."""
    padded = ["", "", *text, ""]
    return (*padded[start : start + 2], padded[end + 2])


def _shortest(text: Sequence[str], place: int, frames: set[tuple[str, ...]], anchors: Mapping[str, str]) -> Span | None:
    """The shortest span around a place that stands in a known frame."""
    for length in range(1, _LONGEST + 1):
        for start in range(max(0, place - length + 1), min(place, len(text) - length) + 1):
            frame = _frame(text, start, start + length)
            if frame in frames and "N" not in text[start : start + length] and not anchors.keys() & set(frame):
                return start, start + length
    return None


def _windows(text: Sequence[str]) -> Iterator[tuple[str, ...]]:
    padded = ["", *text, *[""] * _WINDOW]
    return (tuple(padded[start : start + _WINDOW]) for start in range(len(padded) - _WINDOW + 1))


def _exchange(literal: str, mapping: Mapping[str, str]) -> str:
    return re.sub(r"[A-Za-z]+", lambda match: mapping.get(match[0], match[0]), literal)
