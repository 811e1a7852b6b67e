"""English that perception from annotations relies on: inflection, kinds of things, synonyms, adjectives by category.

Annotations use one word where a question uses another: a graph says "sofa" and "skis", a question says "furniture", "couch" or
"ski". The tables are in `vocabulary.toml`; this module turns them into look-ups. Everything is compared in a normal form: lower
case, hyphens as spaces, no articles, nouns in the singular (`lemma`), the first word of a group of synonyms for the group.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

ARTICLES = frozenset({"a", "an", "the", "some", "any"})

# Whole phrases that look like plurals of another noun but are not.
_NOT_PLURAL = frozenset(
    {
        *("glasses", "eye glasses", "eyeglasses", "reading glasses", "spectacles", "sunglasses", "goggles", "binoculars"),
        *("scissors", "tongs", "pants", "trousers", "jeans", "shorts", "khakis", "tights", "gps"),
        *(
            "overalls",
            "clothes",
            "clothing",
            "footwear",
            "underwear",
            "jewelry",
            "luggage",
            "furniture",
            "silverware",
            "tableware",
        ),
        *("aircraft", "watercraft", "cattle", "deer", "sheep", "series", "species", "chess", "news", "christmas", "santa claus"),
    }
)
_IRREGULAR = {
    "people": "person",
    "persons": "person",
    "children": "child",
    "feet": "foot",
    "teeth": "tooth",
    "geese": "goose",
    "mice": "mouse",
    "oxen": "ox",
    "dice": "die",
    "cacti": "cactus",
    "octopi": "octopus",
    "hippopotami": "hippopotamus",
    "busses": "bus",
    "lenses": "lens",
    "axes": "axe",
    "mousses": "mousse",
    "mustaches": "mustache",
    "moustaches": "moustache",
    "quiches": "quiche",
    "lacrosses": "lacrosse",
    "avalanches": "avalanche",
    "goalies": "goalie",
    "prairies": "prairie",
    "sharpies": "sharpie",
    "leaves": "leaf",
    "loaves": "loaf",
    "shelves": "shelf",
    "bookshelves": "bookshelf",
    "halves": "half",
    "calves": "calf",
    "wolves": "wolf",
    "elves": "elf",
    "hooves": "hoof",
    "scarves": "scarf",
    "knives": "knife",
    "wives": "wife",
    "lives": "life",
    "thieves": "thief",
    "cookies": "cookie",
    "brownies": "brownie",
    "movies": "movie",
    "pies": "pie",
    "ties": "tie",
    "collies": "collie",
    "neckties": "necktie",
    "bowties": "bowtie",
    "hoodies": "hoodie",
    "zombies": "zombie",
    "selfies": "selfie",
    "veggies": "veggie",
    "smoothies": "smoothie",
    "beanies": "beanie",
    "magpies": "magpie",
}
_PLURALS = {singular: plural for plural, singular in reversed(_IRREGULAR.items())}
_TAKE_ES = frozenset(
    {
        "buffalo",
        "domino",
        "echo",
        "gas",
        "hero",
        "mango",
        "mosquito",
        "potato",
        "tomato",
        "tornado",
        "torpedo",
        "volcano",
        "waltz",
    }
)
_MEN = frozenset({"specimen", "abdomen", "omen", "ramen", "stamen"})
_IN_S = frozenset(
    {"atlas", "canvas", "chassis", "debris", "gas", "ibis", "iris", "tennis", "this"}
)  # singulars beside those in "-ss" and "-us"
_IN_U = frozenset(
    {"bureau", "emu", "gnu", "guru", "menu", "plateau", "tiramisu", "tofu", "tutu"}
)  # their plurals look like "-us"


def normal(text: str) -> str:
    """The normal form of a word or phrase: lower case, hyphens as spaces, no articles, single spaces."""
    words = re.sub(r"[-_\s]+", " ", text.lower()).split()
    return " ".join(word for word in words if word not in ARTICLES)


def _singular_word(word: str) -> str:
    if word in _NOT_PLURAL:
        return word
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word.endswith("men") and len(word) > 2 and word not in _MEN:
        return word[:-3] + "man"
    if not word.endswith("s") or word in _IN_S or word.endswith("ss"):
        return word
    if len(word) < 4:
        return word[:-1] if len(word) == 3 and not set(word) & set("aeiou") else word  # "tvs", but "bus"
    if word.endswith("us"):
        return word[:-1] if word[:-1] in _IN_U else word
    if word.endswith("ies"):
        return word[:-3] + "y" if len(word) > 4 else word[:-1]
    if word.endswith("uses") and not word.endswith(("ouses", "fuses")):
        return word[:-2]
    if word.endswith(("ches", "shes", "sses", "xes", "zzes")) or (word.endswith("es") and word[:-2] in _TAKE_ES | _IN_S):
        return word[:-2]
    return word[:-1]


@lru_cache(maxsize=16384)
def singular(noun: str) -> str:
    """The singular of a noun or of the last word of a compound: "wine glasses" -> "wine glass"; "pants" has none and stays."""
    noun = normal(noun)
    if noun in _NOT_PLURAL:
        return noun
    *modifiers, head = noun.split(" ")
    # "wine glasses" are glasses to drink from; only "glasses" by itself are worn.
    head = "glass" if modifiers and head == "glasses" else _singular_word(head)
    return " ".join((*modifiers, head))


@lru_cache(maxsize=16384)
def plural(noun: str) -> str:
    """A plural of a noun: "wine glass" -> "wine glasses", "man" -> "men"; a noun without a singular stays as it is."""
    stem = singular(noun)
    if stem in _NOT_PLURAL:
        return stem
    *modifiers, head = stem.split(" ")
    if head in _NOT_PLURAL:
        pass
    elif head in _PLURALS:
        head = _PLURALS[head]
    elif head.endswith("man") and head not in ("human", "german", "talisman"):
        head = head[:-3] + "men"
    elif head.endswith("y") and head[-2:-1] not in "aeiou":
        head = head[:-1] + "ies"
    elif head.endswith(("ch", "sh", "ss", "us", "x", "zz")) or head in _TAKE_ES | _IN_S:
        head += "es"
    else:
        head += "s"
    return " ".join((*modifiers, head))


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.replace("\n", " ").split(",") if item.strip()]


@cache
def tables() -> Mapping[str, Any]:
    """The content of `vocabulary.toml`."""
    text = files("vispro_gym.perception").joinpath("vocabulary.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def _noun_synonyms() -> dict[str, str]:
    groups = ([singular(word) for word in _items(group)] for group in tables()["synonyms"]["nouns"])
    return {word: group[0] for group in groups for word in group}


@cache
def _attribute_synonyms() -> dict[str, str]:
    groups = ([normal(word) for word in _items(group)] for group in tables()["synonyms"]["attributes"])
    return {word: group[0] for group in groups for word in group}


@lru_cache(maxsize=16384)
def lemma(noun: str) -> str:
    """The form in which nouns are compared: singular, first of its synonyms. "Sofas" and "couch" have one lemma."""
    stem = singular(noun)
    return _noun_synonyms().get(stem, stem)


@lru_cache(maxsize=16384)
def attribute_key(attribute: str) -> str:
    """The form in which adjectives are compared: "Grey" and "gray" have one key."""
    key = normal(attribute)
    return _attribute_synonyms().get(key, key)


@cache
def categories() -> Mapping[str, frozenset[str]]:
    """Category -> its direct members, all as lemmas."""
    return {lemma(name): frozenset(map(lemma, _items(members))) for name, members in tables()["categories"].items()}


@cache
def _parents() -> dict[str, set[str]]:
    parents: dict[str, set[str]] = {}
    for category, members in categories().items():
        for member in members:
            parents.setdefault(member, set()).add(category)
    return parents


@lru_cache(maxsize=16384)
def kinds(noun: str) -> frozenset[str]:
    """Every lemma that names a thing called `noun`: itself, its categories and theirs.

    A compound that the tables do not list is what its last word is: a "clothes hamper" is a hamper and so a container. One that
    they list is only what they say: a "hot dog" is no dog.
    """
    found: set[str] = set()
    waiting = [lemma(noun)]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        parents = _parents().get(name)
        if parents is None and " " in name and name not in known_nouns():
            parents = {lemma(name.rpartition(" ")[2])}
        waiting.extend(parents or ())
    return frozenset(found)


def is_a(noun: str, category: str) -> bool:
    """Whether a thing called `noun` may be called `category`: a pear is a fruit, and food; a lady is a woman."""
    return lemma(category) in kinds(noun)


@cache
def _implications() -> tuple[tuple[str, frozenset[str]], ...]:
    return tuple((attribute, frozenset(map(lemma, _items(names)))) for attribute, names in tables()["implied"].items())


@lru_cache(maxsize=16384)
def implied_attributes(noun: str) -> tuple[str, ...]:
    """Adjectives that a thing has by its name alone: a woman is female, a boy is male and young."""
    named = kinds(noun)
    return tuple(attribute for attribute, names in _implications() if names & named)


@cache
def _solids() -> tuple[frozenset[str], dict[str, tuple[str, ...]]]:
    table = dict(tables()["solids"])
    names = frozenset(_items(table.pop("names")))
    return names, {word: tuple(_items(also)) for word, also in table.items()}


def attribute_facts(noun: str, attributes: Iterable[str]) -> frozenset[str]:
    """Keys of all adjectives that hold for an object of this name with these annotated attributes."""
    facts = {attribute_key(attribute) for attribute in attributes}
    names, also = _solids()
    if noun in names:
        facts.update(word for attribute in tuple(facts) for word in also.get(attribute, ()))
    facts.update(implied_attributes(noun))
    return frozenset(facts)


@cache
def attribute_categories() -> Mapping[str, frozenset[str]]:
    """Attribute category ("color", "sport activity") -> keys of the adjectives that answer a question on it."""
    return {name: frozenset(map(attribute_key, _items(values))) for name, values in tables()["attributes"].items()}


@cache
def category_words() -> Mapping[str, str]:
    """Every word for an attribute category -> the category ("colour" -> "color")."""
    words = {name: name for name in attribute_categories()}
    for name, others in tables()["category_words"].items():
        words.update((word, name) for word in _items(others))
    return words


@cache
def how_words() -> Mapping[str, str]:
    """Adjective of a question "How X is ...?" -> attribute category ("tall" -> "height")."""
    return {word: name for name, words in tables()["how"].items() for word in _items(words)}


@cache
def _relation_wordings() -> dict[str, str]:
    return {wording: name for name, others in tables()["relations"].items() for wording in _items(others)}


@lru_cache(maxsize=16384)
def relation_key(relation: str) -> str:
    """The form in which relations are compared: "left of", "to the left of" and "left" have one key."""
    words = normal(relation).split(" ")
    while len(words) > 1 and words[0] in ("is", "are", "be", "being"):
        words = words[1:]
    key = " ".join(words)
    return _relation_wordings().get(key, key)


@cache
def known_attributes() -> frozenset[str]:
    """Keys of all adjectives of the tables."""
    return frozenset().union(*attribute_categories().values())


@cache
def known_nouns() -> frozenset[str]:
    """Lemmas of all nouns of the tables, compounds included."""
    return frozenset(categories()).union(*categories().values(), map(lemma, _items(tables()["other_nouns"])))


@cache
def plain_names() -> frozenset[str]:
    """Lemmas of categories that do not stand for their members where something is called by the category's own name."""
    return frozenset(map(lemma, _items(tables()["plain_names"])))


@cache
def nouns_in_ing() -> frozenset[str]:
    """Words in "-ing" that name things ("building"), unlike those that say what things do ("running")."""
    return frozenset(noun.rpartition(" ")[2] for noun in known_nouns() if noun.endswith("ing"))
