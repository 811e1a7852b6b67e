from __future__ import annotations

from vispro_gym.engine import Outcome, Step
from vispro_gym.rendering.text import describe_episode, describe_failure, describe_step

WHOLE = (0.0, 0.0, 100.0, 80.0)


def test_an_episode() -> None:
    program = 'def execute_command(image):\n    return image.exists("cup")\n'
    step = Step(2, "detect", 0, WHOLE, ("cup",), [(1, 2, 3, 4)])
    text = describe_episode("Is there a cup?", Outcome("correct", 1.0, "7", program, True, trace=(step,)))
    assert text.split("\n") == [
        "Query: Is there a cup?",
        "   1  def execute_command(image):",
        '   2      return image.exists("cup")',
        "      -> detect('cup') = 1 box: (1, 2, 3, 4)",
        "Outcome: correct, reward 1.0",
        "Answer: True",
    ]


def test_before_the_first_program() -> None:
    assert describe_episode("Why?", None) == "Query: Why?\nNo program has been tried."


def test_steps() -> None:
    assert describe_step(Step(1, "detect", 0, WHOLE, ("cup",), [])) == "detect('cup') = 0 boxes"
    assert describe_step(Step(1, "answer", 0, WHOLE, ("What?",), "red")) == "answer('What?') = 'red'"
    assert describe_step(Step(1, "depth", 0, WHOLE, (), None, "no depth here")) == "depth() failed: no depth here"


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
