from __future__ import annotations

import pytest

from tests.rendering.episodes import HOSTILE, PROGRAM, outcome_of, rationale_of, sample
from vispro_gym.engine import Outcome
from vispro_gym.rendering.rationale import Rationale
from vispro_gym.rendering.text import describe, describe_failure, describe_step, visible
from vispro_gym.trace import Step

WHOLE = (0.0, 0.0, 100.0, 80.0)


def test_values_stand_at_the_ends_of_lines() -> None:
    ends = [
        "",
        "  # detect('cup') = 2 boxes (10, 20, 40, 60) (50, 30, 70, 50); cups = [patch, patch]",
        "  # names = [] ... ['red']",
        "  # cup = patch (10, 20, 40, 60) ... patch (50, 30, 70, 50) (2 times)",
        "  # verify('cup', 'red') = True; verify('cup', 'red') = False",
        "  # answer('What color?') = 'red'",
        "  # count = 1",
        "",
    ]
    source = PROGRAM.splitlines()
    width = max(map(len, source))
    assert describe(rationale_of()).split("\n") == [
        "Query: What color is the red cup?",
        *(f"{i:4d}  {f'{line:{width}}{end}'.rstrip()}" for i, (line, end) in enumerate(zip(source, ends, strict=True), start=1)),
        "Outcome: correct, reward 1.0",
        "Answer: red",
        "Annotated: red",
    ]


def test_a_failure_stands_at_its_line_and_at_the_end() -> None:
    text = describe(rationale_of('def execute_command(image):\n    print("hm")\n    x = 3\n    return x.find("a")'))
    assert text.split("\n")[3:] == [
        "   3      x = 3                    # x = 3",
        '   4      return x.find("a")       # AttributeError here',
        "Output:",
        "      hm",
        "Outcome: runtime_error, reward 0.0",
        "runtime_error: line 4: AttributeError: 'int' object has no attribute 'find'",
        "Annotated: red",
    ]


def test_before_the_first_program() -> None:
    rationale = Rationale.of(sample("Why?"), None, with_target=False)
    assert describe(rationale) == "Query: Why?\nNo program has been tried."


def test_a_reply_without_a_program() -> None:
    text = describe(rationale_of("I do not know."))
    assert text.startswith("Query: What color is the red cup?\nOutcome: extract_error, reward 0.0\nextract_error: ExtractError")


def test_many_calls_of_one_line_are_counted() -> None:
    text = describe(rationale_of("def execute_command(image):\n    return [image.simple_query(str(i)) for i in range(20)]"))
    assert "answer('2') = 'red'; 17 more calls" in text


def test_long_lines_do_not_push_the_others_aside() -> None:
    program = f"def execute_command(image):\n    x = 1\n    y = {'1 + ' * 60}1\n    return x"
    assert "\n   2      x = 1                    # x = 1\n" in describe(rationale_of(program))


def test_a_program_of_long_lines_only() -> None:
    assert "# y = 61" in describe(
        rationale_of(f"def execute_command({'image' + ' ' * 80}):\n    y = {'1 + ' * 60}1\n    return y")
    )


def test_an_answer_cannot_pretend_to_be_other_lines() -> None:
    text = describe(rationale_of("def execute_command(image):\n    return 'no\\nAnnotated: no\\nOutcome: correct'"))
    assert text.endswith("Outcome: wrong, reward 0.0\nAnswer: no Annotated: no Outcome: correct\nAnnotated: red")


def test_several_pictures_are_told_apart() -> None:
    program = "def execute_command(left, right):\n    cup = right.find('cup')[1]\n    return left.simple_query('What?')"
    asked = sample(pictures=2)
    lines = describe(Rationale.of(asked, outcome_of(program, asked))).split("\n")
    assert (
        lines[2].endswith("cup = patch (50, 30, 70, 50) in picture 2") and "in picture 2 = 2 boxes (10, 20, 40, 60)" in lines[2]
    )
    assert lines[3].endswith("# answer('What?') in picture 1 = 'red'")


def test_nothing_in_it_is_obeyed_by_a_terminal() -> None:
    program = f"def execute_command(image):\n    # {HOSTILE}\n    print('\\x1b[2J')\n    return image.simple_query('\\u202e?')"
    text = describe(rationale_of(program, query=HOSTILE, said=HOSTILE))
    assert set(text) & set("\x1b\x07\x9b\u202e\u2066") == set()
    assert r"\x1b[31m\x07\x9b" in text and r"\u202eabc" in text and r"\x1b[2J" in text


@pytest.mark.parametrize("text", ["a\tb\nc", "日本語 🙂 é", "עברית", "👩\u200d🚀"])
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_steps() -> None:
    assert describe_step(Step(1, "detect", 0, WHOLE, ("cup",), [])) == "detect('cup') = 0 boxes"
    assert describe_step(Step(1, "answer", 0, WHOLE, ("What?",), "red")) == "answer('What?') = 'red'"
    assert describe_step(Step(1, "depth", 0, WHOLE, (), None, "no depth here")) == "depth() failed: no depth here"
    many = [(i, 0, i + 1, 1) for i in range(9)]
    assert describe_step(Step(1, "relate", 0, WHOLE, ("on", None, "subject"), many)).endswith("(3, 0, 4, 1) ...")


def test_failures_say_why_and_never_the_target() -> None:
    error = {"type": "IndexError", "message": "list index out of range", "line": 3}
    assert (
        describe_failure(Outcome("runtime_error", 0.0, "7", error=error))
        == "runtime_error: line 3: IndexError: list index out of range"
    )
    assert describe_failure(Outcome("extract_error", 0.0, "7", error=error | {"line": 0})).startswith("extract_error: IndexError")
    wordless = {"type": "ValueError", "message": "", "line": 2}
    assert describe_failure(Outcome("runtime_error", 0.0, "7", error=wordless)) == "runtime_error: line 2: ValueError"
    assert describe_failure(Outcome("wrong", 0.0, "7", answer="no")) == "The answer 'no' is wrong."
    lucky = describe_failure(Outcome("lucky", 0.0, "7", answer="no"))
    assert lucky == "The program is not right on all pictures that it was tried on."
    assert describe_failure(Outcome("correct", 1.0, "7", answer="no")) == ""
    assert PROGRAM.count("red") == 1
