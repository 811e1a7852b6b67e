"""People write programs and see what becomes of them: the session behind `vispro-gym play`."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from rich.console import Console
from rich.text import Text

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.engine import Outcome
from vispro_gym.inspection.opening import InspectionError, find_row, open_env
from vispro_gym.inspection.running import read_program
from vispro_gym.programs.api import ENTRY_POINT
from vispro_gym.programs.prompt import build_prompt
from vispro_gym.rendering.picture import draw_frame
from vispro_gym.rendering.rationale import Rationale
from vispro_gym.rendering.text import describe, visible

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession

    from vispro_gym.envs.visual_program import VisualProgramEnv

HELP = """\
A program is run by an empty line, or Alt-Enter, or Esc and then Enter. It may be tried as often as you like.
  :edit    write the program in $VISUAL or $EDITOR; it is run when the editor ends
  :next    another question
  :again   show the question again
  :answer  show what is annotated, from now on until the next question
  :prompt  describe the program language
  :help    show this
  :quit    leave, as Ctrl-D does
Ctrl-C drops what you are typing, the arrow keys bring back what you typed before, Ctrl-X Ctrl-E opens it in the editor."""


def play_env(
    env_id: str,
    split: str | None = None,
    form: str | None = None,
    data_dir: Path | None = None,
    perception: str = "oracle",
    sample_id: str | None = None,
    seed: int = 0,
) -> int:
    """Plays an environment in the terminal. Where stdin is none, all of it is one program, which is tried once.

    Args:
        env_id: Id of the environment.
        split: Split; None for the second one of the dataset, or the only one.
        form: Form in which the dataset is asked; None for its first.
        data_dir: Root folder of the dataset; None for where the environment finds it.
        perception: What programs see through.
        sample_id: The first question; None for the one that the seed draws.
        seed: Seed of the first question. Each further question has the next one.

    Returns:
        0.

    Raises:
        InspectionError: If an option makes no sense, or a library is missing.
        DatasetError: If the data is missing or damaged, or there is no such sample.
    """
    if seed < 0:
        raise InspectionError(f"seed={seed} is no seed. Expected 0 or a positive number.")
    is_terminal = sys.stdin.isatty()
    prompt = _prompt_session() if is_terminal else None
    env = open_env(
        env_id,
        split=split or find_row(env_id).evaluation_split,
        form=form,
        data_dir=data_dir,
        perception=perception,
    )
    with tempfile.TemporaryDirectory(prefix="vispro-play-") as folder:
        session = _Session(env, Path(folder), sample_id, seed)
        if prompt is not None:
            session.talk(prompt)
        else:
            session.run(read_program(Path("-")))
    return 0


class _Session:
    """Questions, one after the other, and what people have tried on them."""

    def __init__(self, env: VisualProgramEnv, folder: Path, sample_id: str | None, seed: int) -> None:
        self._env = env
        self._folder = folder
        self._console = Console()
        self._program = f"def {ENTRY_POINT}({', '.join(env.dataset.image_names)}):\n    "
        self._template = self._program
        self._tried = self._right = 0
        self._shows_target = False
        self._last_seed = seed
        self._ask(sample_id, seed)

    def say(self, text: str, style: str = "") -> None:
        """Prints a text: nothing in it is markup, and the terminal obeys nothing of it."""
        self._print(Text(visible(text), style))

    def _print(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)

    def _ask(self, sample_id: str | None, seed: int) -> None:
        """Starts with a question. If its data is damaged, the former one stays."""
        _, info = self._env.reset(seed=seed, options=None if sample_id is None else {"sample_id": sample_id})
        self._sample_id: str = info["sample_id"]
        self._seed = seed
        self._has_ended = False
        self._attempt = 0

    def _rationale(self, outcome: Outcome | None) -> Rationale:
        assert self._env.sample is not None
        return Rationale.of(self._env.sample, outcome, with_pictures=False, with_target=self._shows_target)

    def _draw(self) -> None:
        """Draws the frame and says where it is."""
        assert self._env.sample is not None
        pictures = [image.pixels() for image in self._env.sample.images]
        path = self._folder / "frame.png"
        Image.fromarray(draw_frame(self._rationale(self._env.outcome), pictures)).save(path)
        self.say(f"Picture: {path}", "dim")

    def talk(self, prompt: PromptSession[str]) -> None:
        """Reads programs and commands until the person leaves."""
        commands: dict[str, Callable[[], None]] = {
            ":next": self._next,
            ":again": self._show_question,
            ":answer": self._show_target,
            ":prompt": self._show_language,
            ":help": lambda: self.say(HELP),
        }
        self._show_question()
        self.say("Type a program; an empty line runs it. :help shows what else there is.", "dim")
        draft = ""
        while True:
            try:
                typed = prompt.prompt(">>> ", default=draft)
                command = typed[typed.rfind("\n") + 1 :].strip()
                is_command = command.startswith(":")
                draft = typed[: typed.rfind(command)] if is_command else ""  # a command leaves the lines above it as they are
                program = "" if is_command else typed
                if command == ":quit":
                    return
                if command == ":edit":
                    program = self._edit(draft if draft.strip() else self._program)
                    if program.strip():
                        draft = ""
                        prompt.history.append_string(program.rstrip())
                elif command in commands:
                    commands[command]()
                elif is_command:
                    self.say(f"There is no command {command!r}. :help shows what there is.", "red")
                if program.strip():
                    self._program = f"{program.rstrip()}\n"
                    self.run(self._program)
                    self._draw()
            except KeyboardInterrupt:
                draft = ""
            except EOFError:
                return
            except DatasetError as error:
                self.say(str(error), "red")

    def run(self, program: str) -> None:
        """Tries a program and says what became of it. An episode that has ended is started again."""
        if self._has_ended:
            self._ask(self._sample_id, self._seed)  # with its own seed, on which the order of options may depend
        _, reward, self._has_ended, _, _ = self._env.step(program)
        self._attempt += 1
        self._tried += 1
        self._right += reward == 1.0
        text = Text(describe(self._rationale(self._env.outcome)))
        text.highlight_regex("(?m)  # .*$", "cyan")
        text.highlight_regex("(?m)^Outcome: .*$", "bold green" if reward == 1.0 else "bold red")
        self._print(text)
        attempts = f"Attempt {self._attempt} of {self._env.max_attempts}. " if self._env.max_attempts > 1 else ""
        self.say(f"{attempts}{self._right} of {self._tried} program{'s' * (self._tried != 1)} right.", "bold")

    def _show_question(self) -> None:
        assert self._env.sample is not None
        dataset = self._env.dataset
        self.say(f"{dataset.name} {dataset.split}, sample {self._sample_id}, seed {self._seed}", "dim")
        self.say(f"Query: {self._env.sample.query}", "bold")
        self.say(f"{self._env.task.instructions} The program: {self._template.strip()} ...")
        self._draw()

    def _next(self) -> None:
        self._last_seed += 1  # before it is asked: after one with damaged data comes another
        self._ask(None, self._last_seed)
        self._shows_target = False
        self._show_question()

    def _show_target(self) -> None:
        self._shows_target = True
        rationale = self._rationale(None)
        boxes = "".join(f" ({', '.join(f'{edge:g}' for edge in box)})" for _, box in rationale.target_boxes)
        self.say(f"Annotated: {rationale.target}{boxes}", "bold")
        self._draw()

    def _show_language(self) -> None:
        assert self._env.sample is not None
        self.say(build_prompt(self._env.sample.query, self._env.task.instructions, self._env.dataset.image_names))

    def _edit(self, text: str) -> str:
        """What a person made of a text in the editor; "" if that is not to be run."""
        editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
        if not editor:
            self.say("There is no editor. Set the environment variable EDITOR, for example EDITOR=nano.", "red")
            return ""
        path = self._folder / "program.py"
        path.write_text(text, encoding="utf-8")
        try:
            status = subprocess.run([*shlex.split(editor), str(path)]).returncode
            edited = path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            self.say(f"The editor {editor!r} did not work ({error}). Set the environment variable EDITOR to another.", "red")
            return ""
        if status:
            self.say(f"The editor {editor!r} ended with status {status}; nothing was run.", "red")
            return ""
        return "" if edited.strip() == self._template.strip() else edited


def _prompt_session() -> PromptSession[str]:
    """The line editor.

    Raises:
        InspectionError: If its library is missing.
    """
    try:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.enums import DEFAULT_BUFFER
        from prompt_toolkit.filters import has_focus
        from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
        from prompt_toolkit.lexers import PygmentsLexer
        from pygments.lexers.python import PythonLexer
    except ImportError as error:
        raise InspectionError(
            f'playing in a terminal needs a library that is missing ({error}): pip install "vispro-gym[play]"'
        ) from error
    bindings = KeyBindings()

    @bindings.add("enter", filter=has_focus(DEFAULT_BUFFER))
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        line = buffer.document.current_line
        if buffer.document.on_last_line and (not line.strip() or line.lstrip().startswith(":")):
            buffer.validate_and_handle()
        else:
            opens_block = buffer.document.current_line_before_cursor.rstrip().endswith(":")
            buffer.newline()  # with the indentation of this line
            if opens_block:
                buffer.insert_text("    ")

    @bindings.add("tab", filter=has_focus(DEFAULT_BUFFER))
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("    ")

    return PromptSession(
        multiline=True,
        prompt_continuation="... ",
        lexer=PygmentsLexer(PythonLexer),
        key_bindings=bindings,
        enable_open_in_editor=True,
        tempfile_suffix=".py",
    )
