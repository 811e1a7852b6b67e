"""Whose fault it is: programs under two perceptions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.perception.seeing import MeanPerception
from tests.scenes import write_gqa_folder
from vispro_gym.cli import main
from vispro_gym.datasets import Dataset, open_dataset
from vispro_gym.engine import Engine
from vispro_gym.inspection.attribution import Written, attribute, first_difference, read_programs, summarise
from vispro_gym.inspection.opening import InspectionError
from vispro_gym.perception import make_perception
from vispro_gym.programs.experts import translate
from vispro_gym.tasks import VisualQuestionAnswering
from vispro_gym.trace import Step


def program(body: str) -> str:
    return f"def execute_command(image):\n    image_patch = ImagePatch(image)\n    {body}\n"


YES = program("return 'yes'")
NO = program("return 'no'")
CUP = program("return bool_to_yesno(image_patch.exists('red cup'))")
NO_CUP = program("return bool_to_yesno(not image_patch.exists('red cup'))")
UNSERVED = program("return image_patch.simple_query('Why is there a cup, and since when?')")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return open_dataset("GQA", write_gqa_folder(tmp_path_factory.mktemp("gqa")), "val")


def engine(perception: str) -> Engine:
    return Engine(VisualQuestionAnswering(), make_perception(perception))


def test_the_five_classes(dataset: Dataset) -> None:
    written = [Written("0007", text) for text in (YES, NO, CUP, NO_CUP, UNSERVED, "no program at all")]
    found = attribute(written, dataset, engine("oracle"), engine("noise(oracle, miss=1.0)"))
    assert [item.verdict for item in found] == [
        "both right", "program wrong", "perception wrong", "lucky", "undecided", "program wrong",
    ]  # fmt: skip
    assert [item.query for item in found] == ["Is there a red cup?"] * 6
    blamed = found[2].difference
    assert blamed is not None
    assert (blamed.line, blamed.operation, blamed.arguments, blamed.reference, blamed.other) == (
        3, "detect", ("red cup",), [(10, 50, 30, 70)], [],
    )  # fmt: skip
    assert found[2].reference == ("correct", "yes") and found[2].other == ("wrong", "no")
    summary = summarise(found)
    assert summary.programs == 6 and summary.reward == (2 / 6, 2 / 6)
    assert summary.blamed == {"detect": 1}
    assert sum(summary.verdicts.values()) == 6


def test_the_same_perception_twice_blames_nobody(dataset: Dataset) -> None:
    written = [Written(sample_id, text) for sample_id in ("0007", "0008") for text in (YES, NO, CUP, NO_CUP)]
    found = attribute(written, dataset, engine("oracle"), engine("noise(oracle)"))
    assert {item.verdict for item in found} == {"both right", "program wrong"}
    assert all(item.difference is None for item in found)


def step(operation: str, result: Any, line: int = 3, error: str | None = None) -> Step:
    return Step(line, operation, 0, (0, 0, 100, 80), (), result, error)


@pytest.mark.parametrize(
    ("operation", "a", "b", "same"),
    [
        ("detect", [(0, 0, 10, 10), (20, 20, 40, 40)], [(21, 20, 40, 41), (0, 0, 10, 9)], True),
        ("detect", [(0, 0, 10, 10)], [(0, 0, 10, 10), (20, 20, 40, 40)], False),
        ("detect", [(0, 0, 10, 10)], [(8, 8, 18, 18)], False),
        ("relate", [], [], True),
        ("answer", "red", "red", True),
        ("answer", "red", "blue", False),
        ("verify", True, False, False),
        ("similarity", [0.1, 0.9], [0.4, 0.5], True),
        ("similarity", [0.1, 0.9], [0.5, 0.4], False),
    ],
)
def test_when_an_answer_is_the_same(operation: str, a: Any, b: Any, same: bool) -> None:
    assert (first_difference([step(operation, a)], [step(operation, b)]) is None) is same


def test_depths_are_compared_by_order() -> None:
    near_to_far = [step("depth", depth) for depth in (1.0, 2.0, 3.0)]
    assert first_difference(near_to_far, [step("depth", depth) for depth in (50.0, 60.0, 99.0)]) is None
    difference = first_difference(near_to_far, [step("depth", depth) for depth in (50.0, 60.0, 55.0)])
    assert difference is not None and (difference.reference, difference.other) == (3.0, 55.0)


def test_an_error_is_another_answer() -> None:
    difference = first_difference([step("answer", "red")], [step("answer", None, error="too dark")])
    assert difference is not None and difference.other == "too dark"
    assert first_difference([step("answer", "red", line=3)], [step("answer", "blue", line=4)]) is None


def test_perception_that_refuses_is_to_blame(dataset: Dataset) -> None:
    asks = program("return bool_to_yesno(image_patch.exists('red cup') or image_patch.simple_query('refused') == 'x')")

    class Refusing(MeanPerception):
        def _look(self, operation: str, request: Any, pictures: Any) -> Any:
            return [] if operation == "detect" else super()._look(operation, request, pictures)

    (found,) = attribute([Written("0007", asks)], dataset, engine("oracle"), Engine(VisualQuestionAnswering(), Refusing()))
    assert found.verdict == "perception wrong" and found.other[0] == "perception_error"


def test_reading_programs(tmp_path: Path) -> None:
    rows = [
        {"sample_id": "1", "split": "val", "program": CUP, "reply": "x"},
        {"sample_id": "2", "split": "train", "program": CUP},
        {"sample_id": "3", "split": "val", "program": None, "reply": "Sorry."},
        {"sample_id": "4", "program": NO},
    ]
    path = tmp_path / "experience.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"sample_id": "5", "progr')
    assert read_programs(path, "val") == [Written("1", CUP), Written("3", "Sorry."), Written("4", NO)]
    path.with_suffix(".json").write_text(json.dumps({"7": YES}))
    assert read_programs(path.with_suffix(".json"), "val") == [Written("7", YES)]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.jsonl", '\n{"sample": "1"}\n', "line 2, has no text 'sample_id' or no text 'program'"),
        ("a.jsonl", '{"sample_id": "1", "program": 3}\n', "line 1, has no text"),
        ("a.jsonl", '{"sample_id": "1", "program": null}\n', "line 1, has no text"),
        ("a.jsonl", '{"sample_id": "1", "program": "x"}\nno json\n', "line 2, is no JSON"),
        ("a.jsonl", "[1]\n", "line 1, has no text"),
        ("a.json", "[]", "Expected one object of program texts by sample id"),
        ("a.json", '{"1": 2}', "Expected one object of program texts by sample id"),
        ("a.json", '{"1": ', "is no JSON"),
        ("a.jsonl", "", "has no programs for the split 'val'"),
        ("a.jsonl", '{"sample_id": "1", "program": "x", "split": "train"}\n', "has no programs for the split 'val'"),
    ],
)
def test_files_that_hold_no_programs(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InspectionError, match=message):
        read_programs(tmp_path / name, "val")


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = open_dataset("CLEVR", split="val")
    path, out = tmp_path / "programs.jsonl", tmp_path / "out" / "found.jsonl"
    rows = [{"sample_id": s.sample_id, "program": translate(s)} for s in dataset[:30]]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = ["attribute", "VisProg-CLEVR-v0", "--programs", str(path), "--perception", "noise(oracle, miss=0.5)"]
    assert main([*command, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "30 programs" in printed and "First call that went wrong where perception is to blame: detect" in printed
    assert len(out.read_text().splitlines()) == 30
    assert main([*command, "--limit", "10", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["programs"] == 10 and said["verdicts"]["program wrong"] == 0 and said["reward"][0] == 1.0
    assert said["verdicts"]["perception wrong"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--perception", "noise(oracel)"], "'oracel' is unknown"),
        (["--reference", "orakle"], "'orakle' is unknown"),
        (["--limit", "0"], "Expected at least 1"),
    ],
)
def test_errors_of_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    path = tmp_path / "programs.json"
    path.write_text(json.dumps({"nowhere": YES}))
    command = ["attribute", "VisProg-CLEVR-v0", "--programs", str(path), "--perception", "oracle"]
    assert main([*command, *arguments]) == 2
    assert message in capsys.readouterr().err
    assert main(command) == 2
    assert "has no sample 'nowhere'" in capsys.readouterr().err


def test_an_unwritable_file_is_told_before_the_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "programs.json"
    path.write_text(json.dumps({"nowhere": YES}))
    command = ["attribute", "VisProg-CLEVR-v0", "--programs", str(path), "--perception", "oracle", "--out", str(tmp_path)]
    assert main(command) == 2
    assert str(tmp_path) in capsys.readouterr().err
