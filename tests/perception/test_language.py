"""Phrases and questions that the oracle understands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_gym.perception.language import (
    MAX_TEXT,
    QUESTION_FORMS,
    Question,
    QuestionForm,
    forms_in_one_line,
    is_relational,
    is_relational_value,
    parse_phrase,
    parse_question,
)


@pytest.mark.parametrize("form", QUESTION_FORMS, ids=lambda form: form.form)
def test_each_form_understands_its_example(form: QuestionForm) -> None:
    question = parse_question(form.example)
    assert question is not None
    assert question.kind == form.kind
    assert form.returns and form.example in forms_in_one_line()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What is this?", Question("name")),
        ("what's this called", Question("name")),
        ("Who is this?", Question("name")),
        ("What is the name of the animal?", Question("name", subject="animal")),
        ("Which kind of animal is it?", Question("name", category="animal")),
        ("What color is this?", Question("attribute", category="color")),
        ("Which colour are the red cups?", Question("attribute", subject="red cups", category="color")),
        ("What color does the cup have?", Question("attribute", subject="cup", category="color")),
        ("What is the color of the cup?", Question("attribute", subject="cup", category="color")),
        ("What is this made of?", Question("attribute", category="material")),
        (
            "What kind of material is the table made out of?",
            Question("attribute", subject="table", category="material"),
        ),
        ("What are the men doing?", Question("attribute", subject="men", category="doing")),
        ("How big is this?", Question("attribute", category="size")),
        ("What sport activity is this?", Question("attribute", category="sport activity")),
        ("How is the weather?", Question("attribute", category="weather")),
        ("What's the weather like?", Question("attribute", category="weather")),
        ("What room is this?", Question("place", category="room")),
        ("Where is this?", Question("place", category="place")),
        ("How many cups are there in the picture?", Question("count", subject="cups")),
        ("How many cups do you see?", Question("count", subject="cups")),
        ("What is the number of cups?", Question("count", subject="cups")),
        ("Is there a dog in this image?", Question("exists", subject="dog")),
        ("Are there any dogs?", Question("exists", subject="dogs")),
        ("Do you see a dog?", Question("exists", subject="dog")),
        ("Is the cup red?", Question("verify", subject="cup red")),
        ("Does the cup look red?", Question("verify", subject="cup", value="red")),
        ("Is this indoors or outdoors?", Question("either", subject="this indoors", other="outdoors")),
        ("Does the cup look red or blue?", Question("either", subject="cup", value="red", other="blue")),
    ],
)
def test_questions(text: str, expected: Question) -> None:
    assert parse_question(text) == expected
    assert parse_question(text.upper()) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "?",
        "foo",
        "Is",
        "Is there",
        "Why is the cup red?",
        "What is on the table?",
        "What is the man holding?",
        "What is the man holding the cup doing there now?",
        "Who is wearing a hat?",
        "Is there a cup on the table?",
        "How many cups are on the table?",
        "What color is the cup on the table?",
        "Which side is the cup on?",
        "print('hello')",
    ],
)
def test_what_is_not_understood(text: str) -> None:
    assert parse_question(text) is None


@given(st.text(max_size=MAX_TEXT))
def test_any_text_is_understood_or_not_but_never_fails(text: str) -> None:
    parse_question(text)
    phrase = parse_phrase(text)
    assert phrase.readings and phrase.words
    for adjectives, _ in phrase.readings:
        assert adjectives == phrase.words[: len(adjectives)]


@pytest.mark.parametrize("text", ["", "_", "object", "the objects", "Things", "item", "items", "anything"])
def test_words_for_everything(text: str) -> None:
    assert parse_phrase(text).names_everything


def test_readings_of_a_phrase() -> None:
    assert parse_phrase("the red wine-glasses").readings == (
        ((), "red wine glass"),
        (("red",), "wine glass"),
        (("red", "wine"), "glasses"),
    )
    assert parse_phrase("pieces of furniture").readings == (((), "furniture"),)
    assert parse_phrase("this cup") == parse_phrase("cup")
    assert not parse_phrase("red object").names_everything


@pytest.mark.parametrize(
    "text",
    ["cup on table", "dog that is running", "man standing", "glass of wine", "red cup with handle", "man wearing hat"],
)
def test_relational_phrases(text: str) -> None:
    assert is_relational(text.split())


@pytest.mark.parametrize(
    "text",
    [
        "painting",
        "small cutting board",
        "washing machine",
        "running dog",
        "young reading man",
        "on",
        "brick building",
        "",
    ],
)
def test_phrases_that_name_things(text: str) -> None:
    assert not is_relational(text.split(" "))


def test_what_is_said_of_a_thing() -> None:
    assert is_relational_value(("wearing", "hat"))
    assert is_relational_value(("on", "table"))
    assert not is_relational_value(("running",))
    assert not is_relational_value(("turned", "on"))
    assert not is_relational_value(("black", "and", "white"))
