from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest
from PIL import Image

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.inspection.opening import InspectionError
from vispro_gym.inspection.play import play_env

GQA = "VisProg-GQA-v0"
QUERY = "Is the truck to the right of the fire hydrant red?"  # of seed 16
RIGHT = """
def execute_command(image):
    hydrant = ImagePatch(image).find("fire hydrant")[0]

    trucks = hydrant.related("to the right of", "truck")
    return bool_to_yesno(trucks[0].verify_property("truck", "red"))
"""
EDITOR = """#!{python}
import sys
path = sys.argv[1]
before = open(path).read()
open({log!r}, "w").write(before)
open(path, "w").write({writes!r})
"""


class Terminal:
    """A session in a terminal of its own."""

    def __init__(self, env_id: str, options: dict[str, Any], variables: dict[str, str]) -> None:
        code = f"import sys; from vispro_gym.inspection.play import play_env; sys.exit(play_env({env_id!r}, **{options!r}))"
        env = {name: value for name, value in os.environ.items() if name not in ("VISUAL", "EDITOR", "NO_COLOR")}
        self.process = pexpect.spawn(
            sys.executable,
            ["-c", code],
            env=env | {"PROMPT_TOOLKIT_NO_CPR": "1", "TERM": "xterm"} | variables,
            dimensions=(50, 160),
            encoding="utf-8",
            timeout=60,
        )
        self.process.logfile_read = io.StringIO()

    @property
    def raw(self) -> str:
        """All that was printed so far, as the terminal got it."""
        return self.process.logfile_read.getvalue()

    def wait(self, text: str) -> str:
        """What is printed up to a text and the prompt after it, without the codes of the terminal."""
        self.process.expect_exact(text)
        printed = self.process.before + text
        self.process.expect_exact(">>>")
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", printed + self.process.before).replace("\r", "")

    def enter(self, *lines: str) -> None:
        for line in lines:
            self.process.send(f"{line}\r")

    def paste(self, program: str) -> None:
        self.process.send(f"\x1b[200~{program}\x1b[201~")

    def ends(self) -> int:
        self.process.expect(pexpect.EOF)
        self.process.close()
        assert "Traceback" not in self.raw
        return int(self.process.exitstatus)


Start = Callable[..., Terminal]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[Terminal] = []

    def begin(env_id: str = GQA, variables: dict[str, str] | None = None, **options: Any) -> Terminal:
        started.append(Terminal(env_id, options, variables or {}))
        return started[-1]

    yield begin
    for terminal in started:
        terminal.process.close(force=True)


def test_a_question_is_tried_again_until_the_program_is_right(start: Start) -> None:
    terminal = start(seed=16)
    shown = terminal.wait("what else there is")
    assert f"Query: {QUERY}\n" in shown and 'Return the answer in a word or two, "yes" or "no"' in shown
    (frame,) = map(Path, re.findall(r"Picture: (.*\.png)", shown))
    with Image.open(frame) as picture:
        before = picture.convert("RGB").tobytes()
        assert picture.size == (800, 800)

    terminal.enter("def execute_command(image):", "return 'no'", "")  # the line after the colon is indented by itself
    shown = terminal.wait("0 of 1 program right.")
    assert "   2      return 'no'" in shown and "Outcome: wrong, reward 0.0" in shown and "Answer: no" in shown
    assert Image.open(frame).convert("RGB").tobytes() != before

    terminal.paste(RIGHT)
    terminal.enter("", "")
    shown = terminal.wait("1 of 2 programs right.")
    assert f"Query: {QUERY}\n" in shown and "Outcome: correct, reward 1.0" in shown
    assert re.search(r"find\(\"fire hydrant\"\)\[0\] +# detect\('fire hydrant'\) = 1 box .*; hydrant = patch", shown)

    terminal.enter("def execute_command(image):", r"return '[red]\x1b]0;mine\x07\x1b[2J'")
    terminal.process.send("\x1b\r")  # Alt-Enter
    shown = terminal.wait("1 of 3 programs right.")
    assert r"Answer: [red]\x1b]0;mine\x07\x1b[2J" in shown
    assert "\x1b]0;" not in terminal.raw and "\x07" not in terminal.raw and "\x1b[2J" not in terminal.raw

    terminal.enter(":quit")
    assert terminal.ends() == 0
    assert not frame.exists() and not frame.parent.exists()


def test_commands(start: Start) -> None:
    terminal = start(seed=16)
    terminal.wait("what else there is")
    terminal.process.send("nonsense")
    terminal.process.sendintr()
    terminal.enter("def execute_command(image):", ":answer")
    assert "Picture: " in terminal.wait("Annotated: yes")
    terminal.enter("return 'yes'", "")  # what was typed before the command is still there
    shown = terminal.wait("1 of 1 program right.")
    assert "Annotated: yes" in shown and "nonsense" not in shown.partition("Query")[2]

    terminal.enter(":next")
    shown = terminal.wait("Picture: ")
    (query,) = re.findall("Query: (.*)", shown)
    assert "seed 17" in shown and query != QUERY
    terminal.enter("return 'surely wrong'", "")
    assert "Annotated" not in terminal.wait("1 of 2 programs right.")
    terminal.enter(":again")
    assert f"Query: {query}\n" in terminal.wait("Picture: ")

    terminal.enter(":prompt")
    assert "class ImagePatch:" in terminal.wait(f"Query: {query}")
    terminal.enter(":help")
    assert ":edit" in terminal.wait("Ctrl-X Ctrl-E")
    terminal.enter(":nothing")
    assert "There is no command ':nothing'. :help shows what there is." in terminal.wait("what there is.")
    terminal.enter(":edit")
    assert "There is no editor. Set the environment variable EDITOR" in terminal.wait("EDITOR=nano.")
    terminal.enter("", "")
    terminal.process.sendeof()
    assert terminal.ends() == 0


def test_the_editor(start: Start, tmp_path: Path) -> None:
    editor, log = tmp_path / "my editor", tmp_path / "log"

    def write(writes: str, last: str = "") -> None:
        editor.write_text(EDITOR.format(python=sys.executable, log=str(log), writes=writes) + last)
        editor.chmod(0o755)

    yes = "def execute_command(image):\n    return 'yes'\n"
    write(yes)
    terminal = start(seed=16, variables={"VISUAL": f"'{editor}'", "EDITOR": "/no/such/editor"})
    terminal.wait("what else there is")
    terminal.enter(":edit")
    assert "   2      return 'yes'" in terminal.wait("1 of 1 program right.")
    assert log.read_text() == "def execute_command(image):\n    ", "the template"
    terminal.enter("\x1b[A", "")  # the arrow up brings back what the editor wrote
    terminal.wait("2 of 2 programs right.")
    write(" \n")
    terminal.enter(":edit", ":again")
    assert "Outcome" not in terminal.wait("Query: ")
    assert log.read_text() == yes, "the last program"
    write("", "sys.exit(3)\n")
    terminal.enter(":edit")
    assert "my editor'\" ended with status 3; nothing was run." in terminal.wait("was run.")
    editor.unlink()
    terminal.enter(":edit")
    terminal.wait("to another.")
    terminal.enter(":quit")
    assert terminal.ends() == 0


def test_an_episode_that_has_ended_starts_again_with_its_boxes_in_the_same_order(start: Start) -> None:
    terminal = start("VisProg-NLVR-Repair-v0", seed=3)
    assert "The program: def execute_command(box_1, box_2, box_3): ..." in terminal.wait("what else there is")
    seen = []
    for attempt in (1, 2, 3, 1):
        terminal.enter("def execute_command(*boxes):", "found = [ImagePatch(box).find('square') for box in boxes]", "")
        shown = terminal.wait(f"Attempt {attempt} of 3. 0 of ")
        seen.append(re.findall(r"detect\(.*", shown))
    assert len(seen[0]) == 1 and seen == seen[:1] * 4
    terminal.enter(":quit")
    assert terminal.ends() == 0


def test_a_program_on_the_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(RIGHT))
    monkeypatch.setitem(sys.modules, "prompt_toolkit", None)
    assert play_env(GQA, seed=16) == 0
    printed = capsys.readouterr().out
    assert f"Query: {QUERY}" in printed and "hydrant = patch" in printed and "1 of 1 program right." in printed
    assert "\x1b" not in printed
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe"), encoding="utf-8"))
    with pytest.raises(InspectionError, match="standard input is no text .* Expected UTF-8"):
        play_env(GQA)


def test_options(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(RIGHT))
    play_env(GQA, split="val", form="question", perception="noise(oracle, miss=1.0)", sample_id="01054010")
    printed = capsys.readouterr().out
    assert f"Query: {QUERY}" in printed and "= 0 boxes; IndexError here" in printed and "0 of 1 program right." in printed


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"env_id": "VisProg-Nothing-v0"}, InspectionError, "There is no environment"),
        ({"env_id": GQA, "form": "song"}, InspectionError, "form='song' is unknown"),
        ({"env_id": GQA, "seed": -1}, InspectionError, "seed=-1 is no seed. Expected 0"),
        ({"env_id": GQA, "sample_id": "none such"}, DatasetError, "has no sample 'none such'"),
        ({"env_id": GQA, "data_dir": Path("/nowhere/at/all")}, DatasetError, "does not exist"),
    ],
)
def test_errors_of_the_user(options: dict[str, Any], error: type[Exception], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(RIGHT))
    with pytest.raises(error, match=said):
        play_env(**options)


def test_a_missing_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.StringIO()
    monkeypatch.setattr(stdin, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", stdin)
    monkeypatch.setitem(sys.modules, "prompt_toolkit", None)
    with pytest.raises(InspectionError, match=r'a library that is missing .*: pip install "vispro-gym\[play\]"'):
        play_env(GQA)
