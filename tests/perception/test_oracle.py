"""The oracle: what it finds, verifies, answers and refuses, on hand-made scenes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_gym.datasets.sample import ImageRef
from vispro_gym.datasets.scene import Box, Scene, SceneObject
from vispro_gym.perception.language import UNKNOWN
from vispro_gym.perception.oracle import OraclePerception
from vispro_gym.perception.protocol import (
    Answer,
    Depth,
    Detect,
    Perception,
    PerceptionError,
    Relate,
    Similarity,
    Verify,
)

WIDTH, HEIGHT = 400, 300
WHOLE = (0, 0, WIDTH, HEIGHT)

KITCHEN = Scene(
    WIDTH,
    HEIGHT,
    {
        "10": SceneObject("10", "table", (0, 150, 300, 300), ("wooden", "brown")),
        "11": SceneObject("11", "cups", (20, 100, 60, 150), ("red", "small"), (("on", "10"), ("to the left of", "12"))),
        "12": SceneObject("12", "cup", (100, 100, 140, 150), ("dark blue", "large"), (("on", "10"), ("to the right of", "11"))),
        "13": SceneObject("13", "woman", (200, 20, 300, 280), ("standing",), (("wearing", "14"), ("wearing", "15"))),
        "14": SceneObject("14", "shirt", (210, 80, 290, 160), ("long sleeved", "red")),
        "15": SceneObject("15", "jeans", (210, 160, 290, 270), ("blue",)),
        "16": SceneObject("16", "wine glass", (320, 100, 340, 150), ("clear",)),
        "17": SceneObject("17", "sofa", (300, 160, 400, 300), ("grey", "soft")),
        "18": SceneObject("18", "painting", (0, 0, 80, 60)),
        "19": SceneObject("19", "boy", (350, 40, 400, 160), ("sitting", "eating"), (("sitting on", "17"),)),
        "20": SceneObject("20", "kitchen", (0, 0, 400, 299)),
    },
    {"location": "indoors"},
)
TABLE, CUPS, CUP, WOMAN, SHIRT, JEANS, GLASS, SOFA, PAINTING, BOY, ROOM = (obj.box for obj in KITCHEN.objects.values())

SOLIDS = Scene(
    480,
    320,
    {
        "0": SceneObject("0", "cube", (10, 10, 50, 50), ("large", "red", "metal"), (), 12.0),
        "1": SceneObject("1", "sphere", (100, 20, 130, 50), ("small", "red", "rubber"), (), 10.0),
        "2": SceneObject("2", "cylinder", (200, 200, 260, 260), ("large", "green", "metal"), (), 6.0),
    },
)
CUBE, SPHERE, CYLINDER = (obj.box for obj in SOLIDS.objects.values())

ORACLE = OraclePerception()


def image_of(scene: Scene | None) -> ImageRef:
    def load() -> np.ndarray:
        raise AssertionError("the oracle must not look at pixels")

    size = (scene.width, scene.height) if scene else (WIDTH, HEIGHT)
    return ImageRef("picture", size, load, scene=scene)


def only(results: list[Any]) -> Any:
    (result,) = results
    if isinstance(result, PerceptionError):
        raise result
    return result


def find(text: str, box: Box | None = None, scene: Scene = KITCHEN) -> list[Box]:
    return only(ORACLE.detect([Detect(image_of(scene), box or (0, 0, scene.width, scene.height), text)]))


def verify(name: str, attribute: str, box: Box = WHOLE, scene: Scene = KITCHEN) -> bool:
    return only(ORACLE.verify([Verify(image_of(scene), box, name, attribute)]))


def ask(question: str, box: Box | None = None, scene: Scene = KITCHEN) -> str:
    return only(ORACLE.answer([Answer(image_of(scene), box or (0, 0, scene.width, scene.height), question)]))


def related(
    box: Box,
    relation: str,
    name: str | None = None,
    role: Literal["subject", "object"] = "subject",
    scene: Scene = KITCHEN,
) -> list[Box]:
    return only(ORACLE.relate([Relate(image_of(scene), box, relation, name, role)]))


def test_is_a_perception() -> None:
    perception: Perception = ORACLE
    assert perception.name == "oracle"


@pytest.mark.parametrize(
    ("text", "boxes"),
    [
        ("cup", [CUPS, CUP]),
        ("cups", [CUPS, CUP]),
        ("the red cup", [CUPS]),
        ("dark blue cup", [CUP]),
        ("blue cup", []),
        ("big dark blue cup", [CUP]),
        ("red tableware", [CUPS]),
        ("long sleeved red shirt", [SHIRT]),
        ("clothing", [SHIRT, JEANS]),
        ("pants", []),
        ("couch", [SOFA]),
        ("gray couch", [SOFA]),
        ("pieces of furniture", [TABLE, SOFA]),
        ("wood table", [TABLE]),
        ("wine glass", [GLASS]),
        ("clear wine glasses", [GLASS]),
        ("person", [WOMAN, BOY]),
        ("people", [WOMAN, BOY]),
        ("man", []),
        ("she", [WOMAN]),
        ("he", [BOY]),
        ("young person", [BOY]),
        ("red object", [CUPS, SHIRT]),
        ("painting", [PAINTING]),
        ("xyzzy", []),
        ("frobnicated cup", []),
    ],
)
def test_detect(text: str, boxes: list[Box]) -> None:
    assert find(text) == boxes


@pytest.mark.parametrize("text", ["", "_", "object", "things", "an item"])
def test_detect_everything(text: str) -> None:
    assert find(text) == [obj.box for obj in KITCHEN.objects.values()]


@pytest.mark.parametrize("text", ["cup on the table", "woman that is standing", "woman wearing a shirt", "person in jeans"])
def test_relations_are_no_noun_phrases(text: str) -> None:
    with pytest.raises(PerceptionError, match="related"):
        find(text)


def test_a_relational_phrase_that_is_an_annotated_name_is_found() -> None:
    scene = Scene(10, 10, {"1": SceneObject("1", "cup of coffee", (1, 1, 5, 5))})
    assert find("cup of coffee", scene=scene) == [(1, 1, 5, 5)]


@pytest.mark.parametrize(
    ("text", "boxes"),
    [
        ("ball", [SPHERE]),
        ("blocks", [CUBE]),
        ("big shiny red cube", [CUBE]),
        ("tiny matte ball", [SPHERE]),
        ("large metal object", [CUBE, CYLINDER]),
        ("red thing", [CUBE, SPHERE]),
    ],
)
def test_words_for_solids(text: str, boxes: list[Box]) -> None:
    assert find(text, scene=SOLIDS) == boxes


def test_a_plain_name_does_not_stand_for_its_kinds_where_both_are_annotated() -> None:
    glass = SceneObject("1", "glass", (1, 1, 5, 5))
    wine_glass = SceneObject("2", "wine glass", (6, 6, 9, 9), ("empty",))
    both, one = Scene(10, 10, {"1": glass, "2": wine_glass}), Scene(10, 10, {"2": wine_glass})
    assert find("glass", scene=both) == [glass.box]
    assert find("glass", scene=one) == find("empty glass", scene=one) == [wine_glass.box]
    assert find("tableware", scene=both) == [glass.box, wine_glass.box], "a category proper always stands for its members"
    assert verify("glass", "empty", wine_glass.box, both), "the object in the box is still a glass"


def test_regions() -> None:
    assert find("cup", (0, 50, 80, 200)) == [CUPS]
    assert find("shirt", WOMAN) == [SHIRT]
    assert find("woman", WOMAN) == [WOMAN]
    assert find("table", (0, 140, 150, 300)) == [TABLE], "half of the table is inside"
    assert find("table", (0, 140, 140, 300)) == []
    assert find("object", (390, 0, 400, 10)) == []


def test_verify() -> None:
    assert verify("cup", "red") and verify("cup", "large"), "any of several"
    assert verify("cup", "red", CUPS) and not verify("cup", "red", CUP)
    assert verify("", "red", CUPS)
    assert verify("sofa", "gray") and verify("couch", "Grey")
    assert verify("table", "wood") and verify("table", "wooden")
    assert verify("shirt", "long sleeved")
    assert not verify("dog", "brown")
    assert verify("woman", "female") and verify("boy", "male") and verify("boy", "young") and not verify("woman", "male")
    assert verify("person", "boy", BOY) and verify("furniture", "table", TABLE)
    assert verify("shirt", "red", WOMAN), "what is inside the box, if the box is no shirt"
    assert verify("", "indoors") and not verify("", "outdoors")
    assert verify("cube", "shiny", CUBE, SOLIDS) and not verify("cube", "shiny", SPHERE, SOLIDS)
    with pytest.raises(PerceptionError, match="related"):
        verify("woman", "wearing a shirt")


def test_objects_that_share_a_box_are_told_apart_by_name() -> None:
    box = (1.0, 1.0, 9.0, 9.0)
    scene = Scene(10, 10, {"1": SceneObject("1", "man", box, ("tall",)), "2": SceneObject("2", "coat", box, ("red",))})
    assert verify("coat", "red", box, scene) and not verify("man", "red", box, scene)
    assert ask("What color is the coat?", box, scene) == "red"
    assert ask("What color is this?", box, scene) == "red"
    assert ask("What is this?", box, scene) == "man"


def test_boxes_are_compared_in_whole_pixels() -> None:
    scene = Scene(
        100,
        100,
        {"1": SceneObject("1", "cup", (10.4, 9.6, 30.2, 40.7), ("red",)), "2": SceneObject("2", "mat", (0, 0, 99, 99))},
    )
    assert find("cup", scene=scene) == [(10.4, 9.6, 30.2, 40.7)]
    assert ask("What is this?", (10, 10, 30, 41), scene) == "cup"


@pytest.mark.parametrize(
    ("question", "box", "answer"),
    [
        ("What is this?", CUPS, "cups"),
        ("What is this?", WOMAN, "woman"),
        ("What is this called?", GLASS, "wine glass"),
        ("What is this?", WHOLE, "kitchen"),
        ("What is this?", (0, 90, 80, 160), "cups"),
        ("What furniture is this?", SOFA, "sofa"),
        ("What animal is this?", SOFA, UNKNOWN),
        ("What color is this?", CUP, "dark blue"),
        ("What color is the sofa?", WHOLE, "grey"),
        ("What color is the shirt?", WOMAN, "red"),
        ("What color is the wine glass?", WHOLE, UNKNOWN),
        ("What color is the dog?", WHOLE, UNKNOWN),
        ("What is the table made of?", WHOLE, "wooden"),
        ("What is this made of?", TABLE, "wooden"),
        ("How big is the cup?", CUP, "large"),
        ("What is the boy doing?", WHOLE, "eating"),
        ("What is the woman doing?", WHOLE, "standing"),
        ("What pose is this?", BOY, "sitting"),
        ("What gender is the woman?", WHOLE, "female"),
        ("How old is this?", BOY, "young"),
        ("Is the cup red?", WHOLE, "yes"),
        ("Is the wine glass clear?", WHOLE, "yes"),
        ("Is the clear wine glass a cup?", WHOLE, "no"),
        ("Is this red?", CUP, "no"),
        ("Is this a cup?", CUP, "yes"),
        ("Is this a red cup?", CUPS, "yes"),
        ("Is this cup red?", CUPS, "yes"),
        ("Is the dog brown?", WHOLE, "no"),
        ("Is the cup red or dark blue?", CUP, "dark blue"),
        ("Is this a cup or a mug?", CUP, "cup"),
        ("Is this a dog or a cat?", CUP, UNKNOWN),
        ("Is it indoors or outdoors?", WHOLE, "indoors"),
        ("Is this indoors?", WHOLE, "yes"),
        ("Is there a woman in the picture?", WHOLE, "yes"),
        ("Are there any dogs?", WHOLE, "no"),
        ("Is there a shirt?", WOMAN, "yes"),
        ("How many cups are there?", WHOLE, "2"),
        ("How many people are there?", WHOLE, "2"),
        ("How many dogs are there?", WHOLE, "0"),
        ("How many cups are there?", CUP, "1"),
        ("What room is this?", WHOLE, "kitchen"),
        ("What place is this?", WHOLE, "kitchen"),
        ("How is the weather?", WHOLE, UNKNOWN),
    ],
)
def test_answers(question: str, box: Box, answer: str) -> None:
    assert ask(question, box) == answer


def test_solids_are_asked_for_by_shape() -> None:
    assert ask("What shape is this?", CUBE, SOLIDS) == "cube"
    assert ask("What shape is the green object?", scene=SOLIDS) == "cylinder"
    assert ask("What material is the ball made of?", scene=SOLIDS) == "rubber"


def test_weather_is_a_property_or_annotated_on_the_sky() -> None:
    sky = SceneObject("1", "sky", (0, 0, 100, 30), ("blue", "cloudy"))
    assert ask("How is the weather?", scene=Scene(100, 100, {"1": sky})) == "cloudy"
    assert ask("How is the weather?", scene=Scene(100, 100, {"1": sky}, {"weather": "sunny"})) == "sunny"


@pytest.mark.parametrize(
    "question", ["", "What is on the table?", "Who is wearing jeans?", "Is the cup on the table?", "Hello", "?" * 500]
)
def test_refuses_what_it_does_not_understand(question: str) -> None:
    with pytest.raises(PerceptionError, match=r"understand|Expected at most|related objects"):
        ask(question)


def test_the_refusal_lists_the_question_forms_in_one_line() -> None:
    with pytest.raises(PerceptionError) as error:
        ask("Why?")
    assert "What color is the cup?" in str(error.value) and "\n" not in str(error.value)


def test_relations_in_both_directions() -> None:
    assert related(TABLE, "on") == [CUPS, CUP]
    assert related(TABLE, "on", "red cup") == [CUPS]
    assert related(CUP, "on", role="object") == [TABLE]
    assert related(CUP, "on") == []
    assert related(WOMAN, "wearing", role="object") == [SHIRT, JEANS]
    assert related(WOMAN, "wearing", "jeans", "object") == [JEANS]
    assert related(SHIRT, "wearing", "person") == [WOMAN]
    assert related(SOFA, "sitting on", "child") == [BOY]
    assert related(SOFA, "hanging over") == []


@pytest.mark.parametrize("wording", ["left", "left of", "to the left of", "on the left side of"])
def test_annotated_edges_are_the_truth_for_left_and_right(wording: str) -> None:
    assert related(CUP, wording) == [CUPS]
    assert related(SOFA, wording) == [], "no edge, although things are to its left"


def test_missing_edges_of_an_annotated_scene_do_not_hold() -> None:
    assert related(TABLE, "above") == []
    assert related(TABLE, "behind") == []


def test_positions_stand_in_for_relations_that_a_dataset_does_not_annotate() -> None:
    assert related(SPHERE, "to the left of", scene=SOLIDS) == [CUBE]
    assert related(SPHERE, "to the left of", role="object", scene=SOLIDS) == [CYLINDER]
    assert related(SPHERE, "right of", scene=SOLIDS) == [CYLINDER]
    assert related(CYLINDER, "above", scene=SOLIDS) == [CUBE, SPHERE]
    assert related(CUBE, "below", "ball", scene=SOLIDS) == [SPHERE]
    assert related(SPHERE, "behind", scene=SOLIDS) == [CUBE]
    assert related(SPHERE, "in front of", scene=SOLIDS) == [CYLINDER]
    with pytest.raises(PerceptionError, match="no annotated relations"):
        related(SPHERE, "holding", scene=SOLIDS)


def test_same_attribute() -> None:
    assert related(CUBE, "same color", scene=SOLIDS) == [SPHERE]
    assert related(CUBE, "same size", "cylinder", scene=SOLIDS) == [CYLINDER]
    assert related(CUBE, "same shape", scene=SOLIDS) == []
    assert related(CUPS, "same type") == [CUP]
    assert related(CUPS, "the same color as") == [SHIRT]
    assert related(GLASS, "same color") == [], "not annotated"
    with pytest.raises(PerceptionError, match="same wealth"):
        related(CUPS, "same wealth")


def test_the_whole_picture_stands_in_no_relation() -> None:
    with pytest.raises(PerceptionError, match="whole picture"):
        related(WHOLE, "on", "cup")


def depth(box: Box, scene: Scene) -> float:
    return only(ORACLE.depth([Depth(image_of(scene), box)]))


def test_depth() -> None:
    assert depth(SPHERE, SOLIDS) == 10.0
    assert depth((0, 0, 480, 320), SOLIDS) == 10.0, "the median of 12, 10 and 6"
    assert depth((0, 0, 150, 100), SOLIDS) == 11.0
    with pytest.raises(PerceptionError, match="No depth"):
        depth(CUP, KITCHEN)


def test_similarity() -> None:
    def score(box: Box, *texts: str) -> list[float]:
        return only(ORACLE.similarity([Similarity(image_of(KITCHEN), box, texts)]))

    assert score(CUPS, "a red cup", "a blue cup", "dog") == [1.0, 0.5, 0.0]
    assert score(SHIRT, "long sleeved red shirt", "") == [1.0, 0.0]
    assert score(WHOLE, "indoors", "outdoors") == [1.0, 0.0]
    assert score(GLASS, "wine glass", "glass") == [1.0, 1.0]
    assert score(CUPS) == []


def test_errors_take_their_place_in_the_list() -> None:
    image, nothing = image_of(KITCHEN), image_of(None)
    results = ORACLE.detect([Detect(image, WHOLE, "cup"), Detect(nothing, WHOLE, "cup"), Detect(image, WHOLE, "woman")])
    assert results[0] == [CUPS, CUP] and results[2] == [WOMAN]
    assert isinstance(results[1], PerceptionError) and "annotations" in str(results[1])


REQUESTS: list[Callable[[str], list[Any]]] = [
    lambda text: ORACLE.detect([Detect(image_of(KITCHEN), WHOLE, text)]),
    lambda text: ORACLE.verify([Verify(image_of(KITCHEN), CUP, text, "red"), Verify(image_of(KITCHEN), CUP, "cup", text)]),
    lambda text: ORACLE.answer([Answer(image_of(KITCHEN), WOMAN, text), Answer(image_of(KITCHEN), WOMAN, f"Is {text} red?")]),
    lambda text: ORACLE.similarity([Similarity(image_of(KITCHEN), CUP, (text,))]),
    lambda text: ORACLE.relate([Relate(image_of(KITCHEN), CUP, text, text, "object")]),
]

WORDS = st.lists(
    st.sampled_from("is the red cup dark blue on wearing table or what color same of how many there this".split()),
    max_size=60,
)


@pytest.mark.parametrize("request_of", REQUESTS)
@given(text=st.one_of(st.text(), WORDS.map(" ".join)))
def test_any_text_is_served_or_refused(request_of: Callable[[str], list[Any]], text: str) -> None:
    first = request_of(text)
    assert first and [repr(result) for result in first] == [repr(result) for result in request_of(text)]


@given(
    st.sampled_from(["", "red ", "large ", "red metal ", "shiny "]),
    st.sampled_from(["cube", "ball", "object", "cylinder"]),
    st.data(),
)
def test_what_is_found_in_a_region_is_found_in_the_picture(adjectives: str, noun: str, data: st.DataObject) -> None:
    left, right = sorted((data.draw(st.integers(0, 480)), data.draw(st.integers(0, 480))))
    top, bottom = sorted((data.draw(st.integers(0, 320)), data.draw(st.integers(0, 320))))
    everywhere = find(adjectives + noun, scene=SOLIDS)
    here = find(adjectives + noun, (left, top, right, bottom), SOLIDS)
    assert here == [box for box in everywhere if box in here], "a part of it, in file order"
    assert find(noun, scene=SOLIDS) == [box for box in find("object", scene=SOLIDS) if box in find(noun, scene=SOLIDS)]
    assert set(everywhere) <= set(find(noun, scene=SOLIDS))
    for box in everywhere:
        assert verify(noun, adjectives or noun, box, SOLIDS)
