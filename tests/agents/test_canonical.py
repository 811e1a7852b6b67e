"""Programs in one form."""

from __future__ import annotations

import pytest

from vispro_agents.canonical import canonical, string_arguments
from vispro_agents.episodes import open_env
from vispro_gym.engine import Job
from vispro_gym.programs.experts import translate

PROGRAM = """
def execute_command(image):
    image_patch = ImagePatch(image)
    cube = image_patch.find("red cube")[0]   # the cube
    things = cube.related("behind")
    spheres = image_patch.find('sphere')
    both = things + [sphere for sphere in spheres if sphere not in things]
    return len(both)
"""
CANONICAL = """\
def execute_command(image):
    image_patch = ImagePatch(image)
    x0 = image_patch.find('red cube')[0]
    x1 = x0.related('behind', 'object')
    x2 = image_patch.find('sphere')
    x4 = x1 + [x3 for x3 in x2 if x3 not in x1]
    return len(x4)
"""


def test_variables_are_numbered_in_the_order_of_their_binding() -> None:
    assert canonical(PROGRAM) == CANONICAL
    assert canonical(CANONICAL) == CANONICAL


def test_names_that_are_numbers_already_are_not_mixed_up() -> None:
    swapped = CANONICAL.replace("x0", "y").replace("x1", "x0").replace("y", "x1")
    assert swapped != CANONICAL
    assert canonical(swapped) == CANONICAL


def test_parameters_keep_their_names() -> None:
    assert canonical("def f(image):\n    image = image.crop(1, 2, 3, 4)\n    return image\n").count("image") == 4


def test_what_is_said_is_kept() -> None:
    said = "x0.related('on', 'cup')\nx0.related('on', role='object')\n"
    assert canonical(said) == said


def test_no_program_is_an_error() -> None:
    with pytest.raises(SyntaxError):
        canonical("def execute_command(image:")


def test_it_does_what_the_program_does() -> None:
    env = open_env("VisProg-CLEVR-v0", "train")
    samples = [env.dataset[position] for position in range(0, len(env.dataset), 5)]
    programs = [translate(sample) for sample in samples]
    jobs = [Job(canonical(program), sample) for program, sample in zip(programs, samples, strict=True)]
    assert {outcome.outcome for outcome in env.engine.run(jobs)} == {"correct"}


def test_string_arguments_by_place() -> None:
    assert string_arguments([PROGRAM, CANONICAL]) == {
        ("find", 0): {"red cube", "sphere"},
        ("related", 0): {"behind"},
        ("related", 1): {"object"},
    }
