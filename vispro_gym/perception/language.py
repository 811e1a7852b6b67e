"""The English that the oracle understands: noun phrases ("small red cup") and a few forms of questions.

`QUESTION_FORMS` is the grammar: documentation, prompt and error messages are made from it, and each row holds the patterns that
recognise it. Text outside the grammar is not understood rather than guessed at. Before matching, questions lose capitals,
punctuation, articles, contractions and phrases such as "in the picture".

Where a question names its subject, "this" (or "it", "that") is what the box shows and "the cup" is an object of that name inside
it. Where the subject ends and an adjective begins ("Is the wine glass clear?") depends on what is in the picture, so that is left
to the oracle: `Question.subject` then holds both.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from vispro_gym.perception.vocabulary import (
    attribute_key,
    category_words,
    how_words,
    known_attributes,
    known_nouns,
    lemma,
    normal,
    nouns_in_ing,
)

MAX_TEXT = 200
"""Longest phrase or question, in characters, that is looked at."""

MAX_COMPOUND = 4
"""Most words that a noun or an adjective may have ("stainless steel", "traffic light"); it keeps reading linear in the text."""

ANYTHING = frozenset({"", "object", "thing", "item", "it", "this", "that", "one", "stuff", "everything", "anything", "something"})
"""Lemmas that name every object."""

_DETERMINERS = frozenset({"this", "that", "these", "those"})
PRONOUNS = _DETERMINERS | {"it", "they", "he", "she"}

# Prepositions, forms of "to be" and "to have", relative pronouns.
_RELATIONAL = frozenset(
    "about above across against along alongside and are around at atop be behind below beneath beside between by for from has "
    "have in inside into is near next of on onto or over that through to toward towards under underneath wears where which while "
    "who whose with without".split()
)
# These take an object where they follow a noun: "man reading book"; in front of a noun they are adjectives: "reading man".
_TRANSITIVE = frozenset(
    "carrying catching covering crossing cutting driving eating facing feeding filling helping hitting holding hugging kicking "
    "leading petting pulling pushing reading riding serving surrounding swinging throwing touching using washing watching "
    "wearing".split()
)
_PARTITIVE = re.compile(r"^(?:piece|pieces|article|articles|item|items|type|types|kind|kinds|sort|sorts) of (?=\w)")
_PICTURE = r"(?:picture|image|photo|photograph|scene)"


def is_relational(words: Sequence[str]) -> bool:
    """Whether words say how things relate or what they do, instead of naming one thing.

    True of "cup on table", "dog that is running", "man standing", "thing man sits on"; not of "small cutting board".
    """
    return len(words) > 1 and (words[-1] in _RELATIONAL or _relates(words))


def is_relational_value(words: Sequence[str]) -> bool:
    """The same for words that are said of something: "wearing hat" relates it, "running" and "turned on" describe it."""
    return len(words) > 1 and attribute_key(" ".join(words)) not in known_attributes() and _relates(("it", *words))


def _relates(words: Sequence[str]) -> bool:
    described = False  # whether a word before is no adjective
    for start, word in enumerate(words[:-1]):
        if word in _RELATIONAL or (described and word in _TRANSITIVE):
            compounds = (lemma(" ".join(words[start:end])) for end in range(start + 2, start + MAX_COMPOUND + 1))
            if known_nouns().isdisjoint(compounds):
                return True
        described = described or attribute_key(word) not in known_attributes()
    return words[-1].endswith("ing") and words[-1] not in nouns_in_ing()


@dataclass(frozen=True, slots=True)
class Phrase:
    """A noun phrase in every way it can be read.

    Attributes:
        text: The phrase in normal form.
        words: Its words.
        readings: `(adjectives, noun)` for each place where the noun may begin, longest noun first; the noun is a lemma, None if
            it names everything. "red wine glass" reads as a "red wine glass", a red "wine glass", and a red wine "glass".
    """

    text: str
    words: tuple[str, ...]
    readings: tuple[tuple[tuple[str, ...], str | None], ...]

    @property
    def names_everything(self) -> bool:
        """Whether the phrase names every object."""
        return self.readings[0] == ((), None)


@lru_cache(maxsize=16384)
def parse_phrase(text: str) -> Phrase:
    """Reads a noun phrase such as "cup", "the small red cup", "pieces of furniture", "object" or "" (everything)."""
    words = normal(text).split(" ")
    if len(words) > 1 and words[0] in _DETERMINERS:
        words = words[1:]
    words = _PARTITIVE.sub("", " ".join(words)).split(" ")
    readings = []
    for start in range(max(0, len(words) - MAX_COMPOUND), len(words)):
        noun = lemma(" ".join(words[start:]))
        readings.append((tuple(words[:start]), None if noun in ANYTHING else noun))
    return Phrase(" ".join(words), tuple(words), tuple(readings))


QuestionKind = Literal["count", "exists", "place", "attribute", "either", "verify", "name"]


@dataclass(frozen=True, slots=True)
class Question:
    """A question that was understood.

    Attributes:
        kind: What is asked for, see `QUESTION_FORMS`.
        subject: Noun phrase, "" for what the box shows. For "verify" and "either" the subject may be followed by the value.
        category: Attribute category for "attribute", "place" or "room" for "place", a category noun or "" for "name".
        value: Adjective or noun to check, "" if it is part of `subject`; for "either" the first option likewise.
        other: Second option of "either".
    """

    kind: QuestionKind
    subject: str = ""
    category: str = ""
    value: str = ""
    other: str = ""


@dataclass(frozen=True)
class QuestionForm:
    """One row of the grammar.

    Attributes:
        kind: What is asked for.
        form: The form for people, X is "this" or "the <noun phrase>", words in brackets may be left out.
        example: A question of this form.
        returns: What the answer is.
        patterns: What recognises it in a question in normal form.
        category: The attribute category it asks for, "" if the question names it.
    """

    kind: QuestionKind
    form: str
    example: str
    returns: str
    patterns: tuple[re.Pattern[str], ...]
    category: str = ""


_IT = r"(?:this|it|that|these|those|he|she|they)"
_X = r"(?P<subject>.+?)"


def _compile(*patterns: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern + r"\Z") for pattern in patterns)


QUESTION_FORMS: tuple[QuestionForm, ...] = (
    QuestionForm(
        "count",
        "How many X are there?",
        "How many cups are there?",
        'The number of such objects in digits, for example "3".',
        _compile(
            rf"(?:how many|what number of) {_X}(?: (?:are there|is there|do you see|can you see|are visible|are shown|are))?",
            rf"(?:what is number of|count) {_X}",
        ),
    ),
    QuestionForm(
        "exists",
        "Is there a X? / Are there any X?",
        "Is there a dog?",
        '"yes" or "no".',
        _compile(
            rf"(?:is|are) there {_X}",
            rf"(?:do|can) you see {_X}",
            rf"(?:does|do) {_PICTURE} (?:show|have|contain) {_X}",
        ),
    ),
    QuestionForm(
        "place",
        "What place (or room) is this?",
        "What place is this?",
        "The name of the largest place in the picture.",
        _compile(
            rf"(?:what|which) (?:(?:kind|type|sort) of )?(?P<category>place|room) (?:is|are) (?:{_IT}|shown|pictured)",
            rf"where (?:is|are) (?:{_IT}|{_PICTURE}|{_PICTURE} taken)",
        ),
    ),
    QuestionForm(
        "attribute",
        "How is the weather?",
        "How is the weather?",
        "The annotated weather.",
        _compile(r"how is weather(?: like)?", r"what is weather(?: like)?"),
        category="weather",
    ),
    QuestionForm(
        "attribute",
        "What is X made of?",
        "What is the table made of?",
        "The material.",
        _compile(rf"(?:what|which)(?: (?:(?:kind|type|sort) of )?material)? (?:is|are) {_X} made(?: out)? of"),
        category="material",
    ),
    QuestionForm(
        "attribute",
        "What is X doing?",
        "What is the man doing?",
        'An activity such as "eating", else a sport such as "surfing", else a pose such as "standing".',
        _compile(rf"what (?:is|are) {_X} doing"),
        category="doing",
    ),
    QuestionForm(
        "attribute",
        "How <big|tall|old|...> is X?",
        "How tall is the man?",
        "The size, height, age, ...",
        _compile(rf"how (?P<how>\w+) (?:is|are) {_X}"),
    ),
    QuestionForm(
        "attribute",
        "What <color|material|shape|size|pose|...> is X? / What is the <color|...> of X?",
        "What color is the cup?",
        "The annotated adjective of that category.",
        _compile(
            rf"what (?:is|are) (?P<category>[\w ]+?) of {_X}",
            rf"(?:what|which) (?:(?:kind|type|sort) of )?(?P<category>[\w ]+?) (?:is|are|does|do) {_X}(?: have)?",
        ),
    ),
    QuestionForm(
        "either",
        "Is X A or B?",
        "Is the cup red or blue?",
        "The one of the two that holds, the first if both do.",
        _compile(
            rf"(?:does|do) {_X} (?:look|appear|seem)(?: to be)?(?: like)? (?P<value>.+?) or (?P<other>.+)",
            r"(?:is|are) (?P<subject>.+?) or (?P<other>.+)",
        ),
    ),
    QuestionForm(
        "verify",
        "Is X A? (A an adjective or a noun)",
        "Is the cup red?",
        '"yes" or "no".',
        _compile(rf"(?:does|do) {_X} (?:look|appear|seem)(?: to be)?(?: like)? (?P<value>.+)", r"(?:is|are) (?P<subject>.+)"),
    ),
    QuestionForm(
        "name",
        "What <category> is this?",
        "What animal is this?",
        "The name of what the box shows, if it is of that category.",
        _compile(
            rf"(?:what|which) (?:(?:kind|type|sort) of )?(?P<category>.+?) (?:is|are) {_IT}(?: called)?",
        ),
    ),
    QuestionForm(
        "name",
        "What is X (called)? / Who is X?",
        "What is this?",
        "The name as annotated.",
        _compile(rf"(?:what|who) (?:is|are) {_X}(?: called)?", rf"what (?:is|are) name of {_X}"),
    ),
)
"""The grammar of `Answer` requests, in the order in which the forms are tried."""

UNKNOWN = "unknown"
"""The answer to a question that was understood but whose fact is not annotated."""

_SEVERAL_CATEGORIES = {"doing": ("activity", "sport activity", "pose")}
_CONTRACTIONS = re.compile(r"\b(what|who|where|how|it|that|there|he|she)['\u2019]s\b")
_IN_PICTURE = re.compile(rf" (?:(?:in|of|on) (?:(?:this|that) )?{_PICTURE}|here|today)$")


def forms_in_one_line() -> str:
    """All forms, for error messages."""
    return " ".join(dict.fromkeys(form.example for form in QUESTION_FORMS))


def categories_asked(question: Question) -> tuple[str, ...]:
    """Attribute categories to look an "attribute" question up in, the first that is annotated counts."""
    return _SEVERAL_CATEGORIES.get(question.category, (question.category,))


@lru_cache(maxsize=16384)
def parse_question(text: str) -> Question | None:
    """Reads a question; None if it has none of the forms of `QUESTION_FORMS`."""
    plain = normal(_CONTRACTIONS.sub(r"\1 is", re.sub(r"[?!.,;\"]", " ", text.lower())))
    plain = _IN_PICTURE.sub("", plain)
    for form in QUESTION_FORMS:
        for pattern in form.patterns:
            match = pattern.match(plain)
            if match and (question := _question(form, match)):
                return question
    return None


def _question(form: QuestionForm, match: re.Match[str]) -> Question | None:
    groups = {name: text or "" for name, text in match.groupdict().items()}
    subject, value, other = (groups.get(name, "") for name in ("subject", "value", "other"))
    category = form.category or groups.get("category", "")
    if form.kind == "attribute" and not form.category:
        category = how_words().get(groups["how"], "") if "how" in groups else category_words().get(category, "")
        if not category:
            return None
    if form.kind == "place":
        category = category or "place"
    # Where subject and value are still one, the oracle tells them apart and sees whether they relate things.
    if form.kind in ("verify", "either") and not value:
        told_apart = " " in subject and not subject.startswith("there ")
        return Question(form.kind, subject, other=other) if told_apart else None
    if form.kind == "name" and is_relational_value(parse_phrase(subject).words):
        return None
    if any(is_relational(parse_phrase(part).words) for part in (subject, category)):
        return None
    return Question(form.kind, "" if subject in PRONOUNS else subject, category, value, other)
