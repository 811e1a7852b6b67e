"""What programs take for granted: which lengths are asserted, and which steps are read off the text."""

from __future__ import annotations

import pytest

from vispro_gym.datasets import open_dataset
from vispro_gym.engine import Engine, Job
from vispro_gym.perception.oracle import OraclePerception
from vispro_gym.programs.experts import translate
from vispro_gym.programs.presuppositions import Look, presuppositions
from vispro_gym.tasks import TASKS


def source(body: str) -> str:
    lines = ["image_patch = ImagePatch(image)", *body.split("\n")]
    return "def execute_command(image):\n" + "".join(f"    {line}\n" for line in lines)


def asserted(body: str) -> list[str]:
    """The assertions of a probe, the helper's left out."""
    lines = presuppositions(source(body)).probe.split("\n")[3:]
    return [line.strip().removeprefix("assert ") for line in lines if line.strip().startswith("assert")]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("cups = image_patch.find('cup')\nreturn len(cups) > 0", []),
        ("cups = image_patch.find('cup')\nreturn any(cup.verify_property('cup', 'red') for cup in cups)", ["len(cups) == 1"]),
        ("cups = image_patch.find('cup')\nreturn cups[0].simple_query()", ["len(cups) == 1"]),
        (
            "dogs = image_patch.find('dog')\nkind = dogs[0].simple_query()\n"
            "return all(dog.verify_property('dog', kind) for dog in dogs)",
            ["len(dogs) >= 2"],
        ),
        (
            "dogs = image_patch.find('dog')\ncolors = {dog.simple_query('What color is this?') for dog in dogs}\nreturn len(colors)",
            ["len(dogs) >= 2"],
        ),
        (
            "men = image_patch.find('man')\n"
            "left_men = [man for man in men if man.horizontal_center < image_patch.horizontal_center]\n"
            "hats = [hat for left_man in left_men for hat in left_man.related('wearing', 'hat', role='object')]\n"
            "return len(hats) > 0",
            ["len(left_men) == 1"],
        ),
        (
            "men = image_patch.find('man')\nboys = image_patch.find('boy')\n"
            "taller = max(men + boys, key=lambda person: person.height)\nreturn taller.simple_query()",
            ["len(men) == 1", "len(boys) == 1"],
        ),
        (
            "cubes = image_patch.find('cube')\nspheres = image_patch.find('sphere')\n"
            "things = cubes + [sphere for sphere in spheres if sphere not in cubes]\nreturn len(things)",
            [],
        ),
    ],
)
def test_what_is_asserted(body: str, expected: list[str]) -> None:
    assert asserted(body) == expected


def test_the_first_of_what_a_call_finds_is_the_only_one() -> None:
    probe = presuppositions(source("cube = image_patch.find('cube')[0]\nreturn cube.related('behind')[0].simple_query()")).probe
    assert "cube = the_only_one(image_patch.find('cube'))" in probe
    assert "return the_only_one(cube.related('behind')).simple_query()" in probe


def test_a_comparison_of_attributes_asks_whether_they_are_annotated() -> None:
    body = "return any(cup in bowl.related('same {}') for bowl in bowls for cup in cups)"
    probe = presuppositions(source(body.format("color"))).probe
    assert "[cup.simple_query('What color is this?'), bowl.simple_query('What color is this?')] and cup in bowl.related" in probe
    assert "simple_query" not in presuppositions(source(body.format("type"))).probe


def test_steps_that_the_text_tells() -> None:
    facts = presuppositions(
        source(
            "cube = image_patch.find('red cube')[0]\n"
            "sphere = cube.related('behind', 'sphere')[0]\n"
            "things = sphere.related('same color')\n"
            "return len(things)"
        )
    )
    assert facts.looks == (
        Look("cube", None, "", "red cube", "subject", (1, 1)),
        Look("sphere", "cube", "behind", "sphere", "subject", (1, 1)),
    )
    assert facts.phrases == ("red cube", "sphere")
    facts = presuppositions(
        source(
            "men = image_patch.find('man')\nleft_men = [man for man in men if man.horizontal_center < 5]\n"
            "cups = image_patch.find('cup')\n"
            "shelves = [shelf for cup in cups for shelf in cup.related('on', 'shelf', role='object')]\n"
            "return any(shelf.verify_property('shelf', 'red') for shelf in shelves) and any(left_man.exists('x') for left_man in left_men)"
        )
    )
    assert facts.looks == (
        Look("men", None, "", "man", "subject", (1, None)),
        Look("cups", None, "", "cup", "subject", (1, 1)),
        Look("shelves", "cups", "on", "shelf", "object", (1, 1)),
    )
    assert set(facts.phrases) == {"man", "cup", "shelf", "red shelf", "x"}


def test_arguments_that_are_no_constants_tell_nothing() -> None:
    facts = presuppositions(
        source("cup = image_patch.find('c' + 'up')[0]\nbox = cup.related(name)[0]\nreturn box.simple_query()")
    )
    assert facts.looks == () and facts.phrases == ()


@pytest.mark.parametrize(("name", "split"), [("GQA", "val"), ("CLEVR", "val")])
def test_the_samples_own_pictures_keep_to_it(name: str, split: str) -> None:
    dataset = open_dataset(name, None, split)
    samples = list(dataset)[::2]
    jobs = [Job(presuppositions(translate(sample)).probe, sample) for sample in samples]
    outcomes = Engine(TASKS[dataset.task](), OraclePerception()).run(jobs)
    wrong = [(sample.query, outcome.error) for sample, outcome in zip(samples, outcomes, strict=True) if not outcome.reward]
    assert not wrong[:3]
