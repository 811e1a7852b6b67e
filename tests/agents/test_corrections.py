"""Corrections: which samples they are for, what their programs become, and how mistakes are told."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_agents.corrections import MINI_GQA, Correction, apply, load_corrections
from vispro_agents.episodes import open_env
from vispro_agents.errors import UsageError
from vispro_gym.datasets.sample import Sample
from vispro_gym.engine import Job

PROGRAM = "def execute_command(image):\n    return 'yes'\n"
FIND = 'def execute_command(image):\n    return ImagePatch(image).find("$thing")[0].simple_query()\n'


def sample(query: str, sample_id: str = "1") -> Sample:
    return Sample(sample_id, query, (), "yes")


def written(tmp_path: Path, text: str, name: str = "corrections.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_first_correction_that_matches_wins(tmp_path: Path) -> None:
    path = written(tmp_path, r"""
# a comment
- query: What is  the red thing?
  note: exact text, spaces aside
  program: |
    def execute_command(image):
        return "first"
- pattern: What is the (?P<thing>.+)\?
  program: |
    def execute_command(image):
        return ImagePatch(image).find("$thing")[0].simple_query()
- sample_ids: ["0012", "7"]
  program: |
    def execute_command(image):
        return "$100"
""")  # fmt: skip
    corrections = load_corrections(path)
    assert [correction.where for correction in corrections] == [f"{path}, line {line}" for line in (3, 8, 12)]
    asked = [
        sample("What is the red thing?", "7"), sample("What is the blue  cup?"), sample("what is the cup?"), sample("Who?", "0012"),
        sample("And what is the cup?"), sample("What is the cup? Now."), sample("Who?", "12"),
    ]  # fmt: skip
    assert [(found.query, program.split("return ")[1].strip()) for found, program in apply(corrections, asked)] == [
        ("What is the red thing?", '"first"'),
        ("What is the blue  cup?", 'ImagePatch(image).find("blue cup")[0].simple_query()'),
        ("Who?", '"$100"'),
    ]


def test_json_lines_say_the_same(tmp_path: Path) -> None:
    entries = [{"query": "Is it?", "program": PROGRAM}, {"pattern": "Is (?P<thing>.+)", "program": FIND, "note": "n"}]
    lines = written(tmp_path, "\n".join(map(json.dumps, entries)) + "\n\n", "corrections.jsonl")
    as_yaml = written(tmp_path, json.dumps(entries))
    loaded = [
        [(c.query, c.pattern, c.sample_ids, c.program, c.note) for c in load_corrections(path)] for path in (lines, as_yaml)
    ]
    assert loaded[0] == loaded[1]


def test_an_optional_group_that_is_not_there_is_empty_and_dollars_can_be_written(tmp_path: Path) -> None:
    program = 'def execute_command(image):\n    return "${color}$$ $color"\n'
    (correction,) = load_corrections(written(tmp_path, json.dumps([{"pattern": "A (?P<color>red )?cup", "program": program}])))
    assert correction.program_for(sample("A cup")) == 'def execute_command(image):\n    return "$ "\n'
    assert correction.program_for(sample("A red cup")) == 'def execute_command(image):\n    return "red $ red "\n'


@given(st.text(st.characters(exclude_characters="\0\r")))
def test_whatever_a_group_holds_stays_inside_its_string(text: str) -> None:
    text = " ".join(text.split())
    program = 'def execute_command(image):\n    return ["$text", \'$text\', """$text."""]\n'
    correction = Correction(None, re.compile("(?P<text>.*)", re.DOTALL), frozenset(), program, "")
    found = correction.program_for(sample(text))
    assert found is not None
    if text.isprintable():  # others are no Python, whatever the quotes
        value = ast.parse(found).body[0].body[0].value  # type: ignore[attr-defined]
        assert ast.literal_eval(value) == [text, text, f"{text}."]


def entry(**fields: Any) -> list[dict[str, Any]]:
    return [{"query": "Ok?", "program": PROGRAM}, fields]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"query": "A?", "pattern": "A", "program": PROGRAM}, "expected one of query, pattern, sample_ids, got query and pattern"),
        ({"program": PROGRAM}, "expected one of query, pattern, sample_ids, got none"),
        ({"query": "A?", "programm": PROGRAM}, "unknown key 'programm'. Known: note, pattern, program, query, sample_ids"),
        ({"query": "A?"}, "the program is not filled in"),
        ({"query": "A?", "program": " \n"}, "the program is not filled in"),
        ({"query": 7, "program": PROGRAM}, "expected a text 'query', got 7"),
        ({"query": " ", "program": PROGRAM}, "expected a text 'query', got ' '"),
        ({"query": "A?", "program": PROGRAM, "note": ["x"]}, "expected a text 'note'"),
        ({"query": "A?", "program": "return 'yes'"}, "the program defines no function execute_command"),
        ({"query": "A?", "program": "def execute(image):\n    pass\n"}, "the program defines no function execute_command"),
        ({"query": "A?", "program": "def execute_command(image):\n    return (\n"}, "the program is no Python, line 2 of it"),
        ({"pattern": "(", "program": PROGRAM}, "the pattern is no regular expression"),
        ({"pattern": "A (?P<cup>.)", "program": FIND}, "the program uses $thing, but the pattern has no group (?P<thing>...)"),
        ({"pattern": "A (?P<thing>.) (?P<cup>.)", "program": FIND}, "the program does not use $cup"),
        ({"pattern": "A", "program": PROGRAM + "# 5$\n"}, "'$' in line 3 of the program is no placeholder"),
        ({"sample_ids": [], "program": PROGRAM}, "expected a list 'sample_ids', got []"),
        ({"sample_ids": [12], "program": PROGRAM}, "expected sample ids as texts, got 12"),
        ({"query": "Ok?  ", "program": PROGRAM}, "the query 'Ok?' is the target of"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["corrections.jsonl", "corrections.yaml"])
def test_mistakes_are_told_with_their_line(tmp_path: Path, name: str, fields: dict[str, Any], message: str) -> None:
    texts = map(json.dumps, entry(**fields))
    path = written(tmp_path, "".join(f"{'' if name.endswith('l') and 'jsonl' in name else '- '}{text}\n" for text in texts), name)
    with pytest.raises(UsageError) as caught:
        load_corrections(path)
    assert str(caught.value).startswith(f"{path}, line 2: {message}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no corrections"),
        ("# nothing yet\n", "holds no corrections"),
        ("[]", "holds no corrections"),
        ("query: A?\n", "expected a list of entries"),
        ("- 7\n", "line 1: expected an entry with 'query' and 'program', got 7"),
        ("- query: A?\n  query: B?\n", "line 1: 'query' is given 2 times"),
        ("- query: Is it: red?\n", "line 1: no YAML"),
        ("- query: A?\n  program: |\n def execute_command(image):\n", "line 3: no YAML"),
        ("- query: !!python/object:os.system x\n", "line 1: no YAML"),
        ("- query: \x07\n", "no YAML"),
        (
            '- sample_ids: ["7", "8"]\n  program: "def execute_command(image): pass"\n' * 2,
            "line 3: the sample '7' is the target of",
        ),
    ],
)
def test_files_that_hold_something_else(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        load_corrections(written(tmp_path, text))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin1.yaml").write_bytes(b"- query: Wo ist die T\xfcr?\n")
    for name in ("none.yaml", "latin1.yaml"):
        with pytest.raises(UsageError, match=f"{name} cannot be read"):
            load_corrections(tmp_path / name)
    with pytest.raises(UsageError, match="line 1: no JSON"):
        load_corrections(written(tmp_path, "- query: A?\n", "a.jsonl"))


def test_the_corrections_for_the_mini_data_are_right_and_few() -> None:
    corrections = load_corrections(MINI_GQA)
    assert len(corrections) < 50
    env = open_env("VisProg-GQA-v0", "train")
    samples = [env.dataset[position] for position in range(len(env.dataset))]
    found = apply(corrections, samples)
    assert len(found) > len(samples) / 2
    for number, correction in enumerate(corrections):  # none is dead: not even for those that come first
        assert any(
            correction.program_for(sample) and not any(other.program_for(sample) for other in corrections[:number])
            for sample, _ in found
        ), correction.where
    asked = found[::4]
    outcomes = env.engine.run([Job(program, sample) for sample, program in asked])
    assert sum(outcome.reward for outcome in outcomes) / len(asked) > 0.99
