"""The engine: every text ends in an outcome; perception is asked in batches, each distinct request once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scenes import NamePerception, write_gqa_folder
from vispro_gym.datasets import Sample, open_dataset
from vispro_gym.engine import OUTCOMES, Engine, Job
from vispro_gym.programs.extract import extract_program
from vispro_gym.tasks import VisualQuestionAnswering
from vispro_gym.trace import flip


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    folder = write_gqa_folder(tmp_path_factory.mktemp("gqa"))
    return list(open_dataset("GQA", folder, "val"))


@pytest.fixture
def engine() -> Engine:
    return Engine(VisualQuestionAnswering(), NamePerception())


def program(body: str) -> str:
    return "def execute_command(image):\n    image_patch = ImagePatch(image)\n" + "".join(
        f"    {line}\n" for line in body.split("\n")
    )


CASES = {
    "correct": (program("return bool_to_yesno(image_patch.exists('cup'))"), 1.0),
    "wrong": (program("return 'no'"), 0.0),
    "no_answer": (program("image_patch.find('cup')"), 0.0),
    "extract_error": ("I would look for a cup.", 0.0),
    "syntax_error": ("def execute_command(image) return", 0.0),
    "rejected": (program("return image.__dict__"), 0.0),
    "runtime_error": (program("return image_patch.find('dog')[0]"), 0.0),
    "timeout": (program("import re\nreturn re.search('(a+)+b', 'a' * 40)"), 0.0),
    "step_limit": (program("while True: pass"), 0.0),
    "memory_limit": (program("return len([0] * 10 ** 9)"), 0.0),
    "call_limit": (program("while True: image_patch.find('cup')"), 0.0),
    "output_limit": (program("return 'x' * 5000"), 0.0),
    "perception_error": (program("return image_patch.simple_query('What is this?')"), 0.0),
}


def test_the_cases_are_all_outcomes() -> None:
    assert set(CASES) == set(OUTCOMES) - {"lucky"}  # which takes several pictures, see test_counterfactual


@pytest.mark.parametrize("outcome", CASES)
def test_outcome(outcome: str, engine: Engine, samples: list[Sample]) -> None:
    text, reward = CASES[outcome]
    (result,) = engine.run([Job(text, samples[0])])
    assert (result.outcome, result.reward) == (outcome, reward)
    assert (result.error is None) == (outcome in ("correct", "wrong"))
    assert (result.answer is None) == (outcome not in ("correct", "wrong"))


def test_a_batch_keeps_its_order_whatever_its_programs_do(engine: Engine, samples: list[Sample]) -> None:
    names = list(CASES) * 3
    results = engine.run([Job(CASES[name][0], samples[0]) for name in names])
    assert [result.outcome for result in results] == names


def test_a_text_that_is_tried_on_many_samples_is_read_once(
    engine: Engine, samples: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    monkeypatch.setattr(
        "vispro_gym.engine.extract_program", lambda text, names: read.append(text) or extract_program(text, names)
    )
    texts = ["return 'yes'", "no program", "return 'blue'"]
    results = engine.run([Job(text, sample) for text in texts for sample in samples])
    assert [result.outcome for result in results] == ["correct", "wrong", "extract_error", "extract_error", "wrong", "correct"]
    assert read == texts


def test_a_batch_asks_once_per_kind_and_request(samples: list[Sample]) -> None:
    perception = NamePerception()
    engine = Engine(VisualQuestionAnswering(), perception)
    texts = [program(f"return len(image_patch.find('{name}'))") for name in ("cup", "book") * 20]
    results = engine.run([Job(text, samples[0]) for text in texts])
    assert perception.batches == [("detect", 2)]
    assert all(result.perception_calls == 1 for result in results)


def test_slow_perception_gets_the_calls_of_all_programs_together(samples: list[Sample]) -> None:
    perception = NamePerception()  # does not say that it answers from annotations
    texts = [program(f"image_patch.find('cup')\nreturn len(image_patch.find('thing {i}'))") for i in range(300)]
    Engine(VisualQuestionAnswering(), perception).run([Job(text, samples[0]) for text in texts])
    assert perception.batches == [("detect", 1), ("detect", 300)]


def test_texts_reach_perception_in_one_form(samples: list[Sample]) -> None:
    perception = NamePerception()
    texts = [
        program(f"return len(image_patch.find({name!r}))") for name in ("cup", " cup ", "cup\n", "cafe\u0301 cup", "café\tcup")
    ]
    results = Engine(VisualQuestionAnswering(), perception).run([Job(text, samples[0]) for text in texts])
    assert [result.answer for result in results] == [1, 1, 1, 0, 0]
    assert perception.batches == [("detect", 2)]


def test_boxes_reach_programs_with_the_origin_at_the_lower_left(engine: Engine, samples: list[Sample]) -> None:
    (result,) = engine.run(
        [
            Job(
                program("cup = image_patch.find('cup')[0]\nreturn [cup.lower, cup.upper, image_patch.height]"),
                samples[0],
            )
        ]
    )
    assert result.answer == [10, 30, 80]  # the graph has y = 50, h = 20 from the top of 80 pixels


def test_the_trace_is_in_image_coordinates(engine: Engine, samples: list[Sample]) -> None:
    (result,) = engine.run([Job(program("cup = image_patch.find('cup')[0]\nreturn cup"), samples[0])])
    (step,) = result.calls
    assert (step.line, step.operation, step.arguments) == (3, "detect", ("cup",))
    assert step.box == (0, 0, 100, 80)
    assert step.result == [(10, 50, 30, 70)]
    assert result.answer == (10, 50, 30, 70)


def test_an_answer_that_crashes_perception_reaches_the_caller(samples: list[Sample]) -> None:
    class Broken(NamePerception):
        def detect(self, requests: object) -> list[object]:
            raise ConnectionError("server down")

    engine = Engine(VisualQuestionAnswering(), Broken())
    with pytest.raises(ConnectionError, match="server down"):
        engine.run([Job(program("return image_patch.find('cup')"), samples[0])])
    (after,) = Engine(VisualQuestionAnswering(), NamePerception()).run([Job(program("return 'yes'"), samples[0])])
    assert after.outcome == "correct"


def test_a_backend_must_answer_every_request(samples: list[Sample]) -> None:
    class Short(NamePerception):
        def detect(self, requests: object) -> list[object]:
            return []

    with pytest.raises(RuntimeError, match="returned 0 results to 1 detect requests"):
        Engine(VisualQuestionAnswering(), Short()).run([Job(program("return image_patch.find('cup')"), samples[0])])


@given(st.tuples(*[st.integers(0, 500)] * 4), st.integers(1, 500))
def test_flipping_twice_gives_the_box_back(box: tuple[int, int, int, int], height: int) -> None:
    assert flip(flip(box, height), height) == box
