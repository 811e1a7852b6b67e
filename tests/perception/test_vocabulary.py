"""Words: inflection, kinds of things, synonyms, adjectives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_gym.perception.vocabulary import (
    attribute_categories,
    attribute_facts,
    attribute_key,
    categories,
    category_words,
    how_words,
    implied_attributes,
    is_a,
    kinds,
    known_nouns,
    lemma,
    normal,
    plural,
    relation_key,
    singular,
)

NOUNS = sorted(known_nouns())


@pytest.mark.parametrize(
    ("many", "one"),
    [
        ("cups", "cup"),
        ("wine glasses", "wine glass"),
        ("glasses", "glasses"),
        ("men", "man"),
        ("Snowmen", "snowman"),
        ("people", "person"),
        ("leaves", "leaf"),
        ("bookshelves", "bookshelf"),
        ("gloves", "glove"),
        ("benches", "bench"),
        ("buses", "bus"),
        ("horses", "horse"),
        ("houses", "house"),
        ("tomatoes", "tomato"),
        ("shoes", "shoe"),
        ("berries", "berry"),
        ("neckties", "necktie"),
        ("cookies", "cookie"),
        ("zebras", "zebra"),
        ("herons", "heron"),
        ("chilis", "chili"),
        ("tvs", "tv"),
        ("campuses", "campus"),
        ("skis", "ski"),
        ("pants", "pants"),
        ("grass", "grass"),
        ("bus", "bus"),
        ("tennis", "tennis"),
        ("t-shirts", "t shirt"),
    ],
)
def test_singular(many: str, one: str) -> None:
    assert singular(many) == one
    assert singular(one) == one


# "Glasses" by itself are worn, so the plural of "glass" has no way back.
@given(st.sampled_from([noun for noun in NOUNS if noun != "glass"]))
def test_singular_undoes_plural(noun: str) -> None:
    one = singular(noun)
    assert singular(plural(one)) == one
    assert plural(plural(one)) == plural(one)


@given(st.text(max_size=60))
def test_normal_form_is_stable(text: str) -> None:
    assert normal(normal(text)) == normal(text)
    assert lemma(lemma(text)) == lemma(text)
    assert attribute_key(attribute_key(text)) == attribute_key(text)


@given(st.sampled_from(sorted(categories())), st.data())
def test_membership_is_transitive(category: str, data: st.DataObject) -> None:
    member = data.draw(st.sampled_from(sorted(categories()[category])))
    assert category in kinds(member)
    assert kinds(category) <= kinds(member)


@pytest.mark.parametrize(
    ("noun", "category"),
    [
        ("pear", "fruit"),
        ("pears", "foods"),
        ("sofa", "furniture"),
        ("couch", "sofa"),
        ("sofa", "couch"),
        ("bicycle", "bike"),
        ("TV", "television"),
        ("lady", "woman"),
        ("woman", "person"),
        ("people", "person"),
        ("people", "people"),
        ("robin", "animal"),
        ("clothes hamper", "container"),
        ("sphere", "ball"),
        ("cube", "block"),
    ],
)
def test_is_a(noun: str, category: str) -> None:
    assert is_a(noun, category)


@pytest.mark.parametrize(
    ("noun", "category"),
    [
        ("woman", "lady"),
        ("fruit", "pear"),
        ("hot dog", "dog"),
        ("toilet seat", "furniture"),
        ("glasses", "glass"),
        ("man", "woman"),
        ("dog", "cat"),
        ("xyzzy", "person"),
    ],
)
def test_is_not_a(noun: str, category: str) -> None:
    assert not is_a(noun, category)


def test_tables_are_broad() -> None:
    assert len(NOUNS) > 1500
    assert len(categories()) > 60
    assert len(attribute_categories()) > 30


def test_words_for_categories_lead_to_categories() -> None:
    assert set(category_words().values()) == set(attribute_categories())
    assert set(how_words().values()) <= set(attribute_categories())
    assert category_words()["colour"] == "color" and how_words()["tall"] == "height"


def test_attributes_that_follow_from_the_name() -> None:
    assert {"female"} <= set(implied_attributes("lady"))
    assert {"male", "young"} <= set(implied_attributes("boy"))
    assert {"healthy"} <= set(implied_attributes("carrots"))
    assert implied_attributes("table") == ()


def test_attribute_facts() -> None:
    facts = attribute_facts("cup", ["Grey", "wooden"])
    assert {"gray", "wood"} <= facts
    assert {"shiny", "metal", "tiny", "small"} <= attribute_facts("sphere", ["small", "metal"])
    assert "shiny" not in attribute_facts("pole", ["metal"])


@pytest.mark.parametrize("wording", ["left", "left of", "to the left of", "is to the left of", "on the left side of"])
def test_relation_wordings(wording: str) -> None:
    assert relation_key(wording) == relation_key("to the left of")
    assert relation_key(wording) != relation_key("to the right of")


def test_covers_the_categories_of_gqa(realdata: Path) -> None:
    hierarchy = json.loads((realdata / "gqa" / "meta" / "gqa_all_class.json").read_text())
    # Three lists there are no categories: two hold what belongs to none, "name" names without one.
    pairs = [(noun, name) for name, nouns in hierarchy.items() if name not in ("object", "thing", "name") for noun in nouns]
    assert len(pairs) > 900
    missing = [pair for pair in pairs if not is_a(*pair)]
    assert len(missing) <= 0.03 * len(pairs), missing


def test_covers_the_attributes_of_gqa(realdata: Path) -> None:
    hierarchy = json.loads((realdata / "gqa" / "meta" / "gqa_all_attribute.json").read_text())
    pairs = [
        (category_words()[name], value) for name, values in hierarchy.items() if name in category_words() for value in values
    ]
    assert len(pairs) > 120
    missing = [pair for pair in pairs if attribute_key(pair[1]) not in attribute_categories()[pair[0]]]
    assert len(missing) <= 0.04 * len(pairs), missing


def test_covers_the_answers_of_gqa(realdata: Path) -> None:
    """An annotated answer to a question on an attribute must be found under the category that the question asks for."""
    records = json.loads((realdata / "gqa" / "questions" / "testdev_balanced_programs.json").read_text()).values()
    asked = []
    for record in records:
        operation, _, argument = record["semanticStr"].split("->")[-1].partition(": ")
        category = category_words().get(argument.split("[")[0].strip().replace("sportActivity", "sport activity"))
        if operation == "query" and category and category != "weather":
            asked.append((category, record["answer"]))
    assert len(asked) > 1000
    missing = {pair for pair in asked if attribute_key(pair[1]) not in attribute_categories()[pair[0]]}
    assert not missing
