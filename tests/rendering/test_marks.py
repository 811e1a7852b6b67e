from __future__ import annotations

from tests.rendering.episodes import SIZE, rationale_of
from vispro_gym.rendering.marks import COLORS, find_marks, is_light


def labels(program: str, **changes: object) -> list[tuple[str, str, int]]:
    return [(mark.kind, mark.label, mark.color) for mark in find_marks(rationale_of(program, **changes), [SIZE])]  # type: ignore[arg-type]


def body(*lines: str) -> str:
    return "def execute_command(image):\n" + "".join(f"    {line}\n" for line in lines)


def test_boxes_have_the_colours_of_the_variables_that_hold_them() -> None:
    program = body("things = image.find('cup')", "other = things[1]", "return 'red'")
    assert labels(program) == [("variable", "things[0]: cup", 0), ("variable", "things[1], other: cup", 0)]


def test_a_variable_that_is_called_after_what_it_holds_is_enough() -> None:
    assert labels(body("cups = image.find('cup')", "return 'red'"))[0] == ("variable", "cups[0]", 0)
    assert labels(body("cup = image.find('cup')[0]", "return cup.simple_query('?')"))[1] == ("variable", "cup: red", 0)


def test_what_no_variable_holds_is_grey() -> None:
    assert labels(body("return image.find('cup')[0].verify_property('cup', 'big')")) == [
        ("seen", "cup, big: yes", -1),
        ("seen", "cup", -1),
    ]


def test_the_whole_picture_needs_no_box() -> None:
    assert labels(body("patch = image", "return patch.simple_query('What?')")) == []


def test_answer_and_annotation_have_outlines_of_their_own() -> None:
    program = body("cup = image.find('cup')[0]", "return cup")
    assert labels(program, target_boxes=((0, (1, 2, 3, 4)), (0, (1, 2, 3, 4)))) == [
        ("answer", "answer", -1),
        ("target", "annotated", -1),
        ("seen", "cup", -1),
        ("variable", "cup", 0),
    ]


def test_all_other_answers_are_told() -> None:
    said = body(
        "cup = image.find('cup')[0]", "a = cup.best_text_match(['x', 'longer'])", "b = cup.related('on', 'table')", "return 'red'"
    )
    assert [label for _, label, _ in labels(said)] == ["cup: longer", "b[0]: cup, table"]


def test_items_have_numbers_where_all_items_are_patches() -> None:
    program = body(
        "x = [1, image.find('cup')[0]]", "y = {'a': image.find('cup')[1]}", "z = (image.find('cup')[0],)", "return 'red'"
    )
    assert [label for _, label, _ in labels(program)] == ["x, z[0]: cup", "y: cup"]


def test_text_can_be_read_on_every_colour() -> None:
    assert [is_light(color) for color in [(255, 255, 255), (0, 0, 0), *COLORS]] == [
        True,
        False,
        True,
        True,
        True,
        True,
        False,
        True,
        True,
    ]


def test_labels_are_short_and_of_one_line() -> None:
    ((_, label, _),) = labels(body("return image.crop(0, 0, 9, 9).simple_query('What?')"), said="a\nb " * 50)
    assert len(label) == 40 and label.startswith("a b a b") and label.endswith("...")
