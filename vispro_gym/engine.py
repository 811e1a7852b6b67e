"""The path from a policy's reply to its reward, for one program or for thousands.

    reply -> program -> execution (<-> perception) -> answer -> score -> Outcome

Every surface of the package goes through `Engine.run`: the environments, the learners, the evaluator and the command
line. A batch advances all its programs together, so that the perception requests that are pending at any moment are
served in one call per kind, each distinct request once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from unicodedata import normalize

from vispro_gym.datasets.sample import ImageRef, Sample
from vispro_gym.interpreter.shared import shared_interpreter
from vispro_gym.interpreter.types import Call, CallFailure, Execution, Program, ProgramRunner, Reply
from vispro_gym.perception.protocol import (
    EXPECTED,
    Answer,
    Depth,
    Detect,
    Perception,
    PerceptionError,
    Relate,
    Request,
    Similarity,
    Verify,
    needs_scenes,
)
from vispro_gym.programs.extract import ExtractError, extract_program
from vispro_gym.tasks.base import Task
from vispro_gym.trace import Step, Trace, flip, place_answer, read_assignments

if TYPE_CHECKING:
    from vispro_gym.counterfactual import CounterfactualScenes

OUTCOMES = (
    "correct",
    "wrong",
    "lucky",
    "no_answer",
    "extract_error",
    "syntax_error",
    "rejected",
    "runtime_error",
    "timeout",
    "step_limit",
    "memory_limit",
    "call_limit",
    "output_limit",
    "perception_error",
)
"""What can become of a program. Only "correct" earns a reward. "lucky" is right on the sample's own picture, but not on every
counterfactual scene (`vispro_gym.counterfactual`)."""


@dataclass(frozen=True)
class Job:
    """One thing to score.

    Attributes:
        text: What the policy said: a program, alone or inside a reply.
        sample: The sample that it was said to.
    """

    text: str
    sample: Sample


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        outcome: One of `OUTCOMES`.
        reward: 1.0 if the outcome is "correct", else 0.0.
        sample_id: Identifier of the job's sample.
        program: The program found in the text; None if there was none.
        answer: What the program returned: str, bool, int, float, a tuple `(left, top, right, bottom)` in image
            coordinates for a patch (`{"image": index, "box": (...)}` where the sample has several pictures), or a list of
            these; None if it gave no answer.
        error: `{"type", "message", "line"}` if the program gave no answer, else None. Lines count from 1; 0 means
            that the error has none.
        calls: The perception calls in order.
        steps: Steps that the program took, see `vispro_gym.interpreter.types.Limits`.
        details: What the task says about the score.
        output: What the program printed.
        soft: How right the answer is, from 0.0 to 1.0, see `vispro_gym.tasks.Score`; 0.0 without an answer.
        scenes: Number of counterfactual scenes that the program was run on, beside its own picture.
        values: What variables held, as the interpreter tells it; `trace` reads it.
        image_sizes: `(width, height)` of each picture that the program received.
    """

    outcome: str
    reward: float
    sample_id: str
    program: str | None = None
    answer: Any = None
    error: dict[str, Any] | None = None
    calls: tuple[Step, ...] = ()
    steps: int = 0
    details: dict[str, Any] | None = None
    output: str = ""
    soft: float = 0.0
    scenes: int = 0
    values: str = ""
    image_sizes: tuple[tuple[int, int], ...] = ()

    @property
    def perception_calls(self) -> int:
        """Number of perception calls that the program made."""
        return len(self.calls)

    @property
    def trace(self) -> Trace:
        """What the program did: its perception calls, and what its variables held. Made when it is looked at."""
        return Trace(self.calls, read_assignments(self.values, self.image_sizes))


class Engine:
    """Turns replies into outcomes. Holds no state between calls beside the interpreter's worker processes.

    Attributes:
        task: Scores the answers.
        perception: Answers the programs' calls.
        interpreter: Runs the programs; None for the interpreter that all engines of this process share.
        scenes: With these, a program is "correct" only if it is right on its sample's counterfactual scenes, too. None without.
    """

    def __init__(self, task: Task, perception: Perception, interpreter: ProgramRunner | None = None) -> None:
        """Puts the parts together.

        Args:
            task: Scores the answers.
            perception: Answers the programs' calls.
            interpreter: Runs the programs; None for the interpreter that all engines of this process share.
        """
        self.task = task
        self.perception = perception
        self.interpreter = interpreter
        self.scenes: CounterfactualScenes | None = None
        # What looks at pictures is slow and likes large batches; annotations are neither.
        self._gather = not needs_scenes(perception)

    def run(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Scores jobs, in order.

        No text, whatever it holds, makes this raise; perception backends may.

        Raises:
            BackendError: If perception cannot serve anything: a server is down, say.
            DatasetError: If a picture that perception looks at is missing or damaged.
        """
        outcomes = self.run_here(jobs)
        if self.scenes is None:
            return outcomes
        checked = []
        for outcome, (is_right, scenes) in zip(outcomes, self.scenes.verdicts(jobs, outcomes), strict=True):
            if outcome.reward and is_right is False:
                outcome = replace(outcome, outcome="lucky", reward=0.0, soft=0.0)
            checked.append(replace(outcome, scenes=scenes) if scenes else outcome)
        return checked

    def run_here(self, jobs: Sequence[Job]) -> list[Outcome]:
        """As `run`, on the samples' own pictures alone."""
        outcomes: list[Outcome | None] = [None] * len(jobs)
        programs: list[Program] = []
        owners: list[int] = []
        extracted: dict[tuple[str, tuple[str, ...]], str | ExtractError] = {}  # one text is often run on many scenes
        for i, job in enumerate(jobs):
            key = (job.text, job.sample.image_names)
            if key not in extracted:
                extracted[key] = _extract(*key)
            source = extracted[key]
            if isinstance(source, ExtractError):
                failure = {"type": "ExtractError", "message": str(source), "line": 0}
                outcomes[i] = Outcome("extract_error", 0.0, job.sample.sample_id, error=failure)
                continue
            programs.append(Program(source, tuple(image.size for image in job.sample.images)))
            owners.append(i)

        def images_of(call: Call) -> tuple[ImageRef, ...]:
            return jobs[owners[call.program]].sample.images

        interpreter = self.interpreter or shared_interpreter()
        executions = interpreter.run_batch(
            programs,
            lambda calls: self._perceive([(call, images_of(call)[call.image]) for call in calls]),
            gather=self._gather,
        )
        for i, program, execution in zip(owners, programs, executions, strict=True):
            outcomes[i] = self._outcome(jobs[i].sample, program, execution)
        return [outcome for outcome in outcomes if outcome is not None]

    def _perceive(self, calls: Sequence[tuple[Call, ImageRef]]) -> list[Reply]:
        """Serves pending calls: one perception call per kind, each distinct request once."""
        requests = [_request(call, image) for call, image in calls]
        groups: dict[str, dict[Any, int]] = {}
        for (call, _), request in zip(calls, requests, strict=True):
            group = groups.setdefault(call.operation, {})
            group.setdefault(request, len(group))
        results = {operation: self._serve(operation, list(group)) for operation, group in groups.items()}
        return [
            self._reply(call.operation, results[call.operation][groups[call.operation][request]], image)
            for (call, image), request in zip(calls, requests, strict=True)
        ]

    def _reply(self, operation: str, result: Any, image: ImageRef) -> Reply:
        try:
            return _reply(operation, result, image)
        except (TypeError, ValueError, OverflowError) as error:
            raise TypeError(
                f"perception {self.perception.name!r} answered {operation!r} with {result!r:.90}. Expected {EXPECTED[operation]}."
            ) from error

    def _serve(self, operation: str, requests: list[Any]) -> list[Any]:
        results: list[Any] = getattr(self.perception, operation)(requests)
        if len(results) != len(requests):
            raise RuntimeError(
                f"perception {self.perception.name!r} returned {len(results)} results to {len(requests)} {operation} requests"
            )
        return results

    def _outcome(self, sample: Sample, program: Program, execution: Execution) -> Outcome:
        calls = tuple(_step(call, reply, sample.images[call.image]) for call, reply in execution.calls)
        if execution.status != "answered":
            return Outcome(
                execution.status,
                0.0,
                sample.sample_id,
                program.source,
                error=execution.error,
                calls=calls,
                steps=execution.steps,
                output=execution.output,
                values=execution.values,
                image_sizes=program.image_sizes,
            )
        answer = place_answer(execution.answer, program.image_sizes)
        score = self.task.score(answer, sample.target)
        outcome = "correct" if score.reward else "wrong"
        details = dict(score.details)
        return Outcome(
            outcome,
            score.reward,
            sample.sample_id,
            program.source,
            answer,
            calls=calls,
            steps=execution.steps,
            details=details,
            output=execution.output,
            soft=score.soft,
            values=execution.values,
            image_sizes=program.image_sizes,
        )


def _extract(text: str, image_names: tuple[str, ...]) -> str | ExtractError:
    try:
        return extract_program(text, image_names)
    except ExtractError as error:
        return error


def _request(call: Call, image: ImageRef) -> Request:
    """The request that a call makes. Texts lose what no backend should tell apart: form of Unicode and white space."""
    box = flip(call.box, image.height)
    arguments = [_plain_text(argument) for argument in call.arguments]
    match call.operation:
        case "detect":
            return Detect(image, box, arguments[0])
        case "verify":
            return Verify(image, box, arguments[0], arguments[1])
        case "answer":
            return Answer(image, box, arguments[0])
        case "similarity":
            return Similarity(image, box, arguments[0])
        case "depth":
            return Depth(image, box)
        case "relate":
            return Relate(image, box, *arguments)
    raise ValueError(f"unknown perception operation {call.operation!r}")


def _plain_text(argument: Any) -> Any:
    if isinstance(argument, str):
        return " ".join(normalize("NFC", argument).split())
    return tuple(map(_plain_text, argument)) if isinstance(argument, tuple) else argument


def _reply(operation: str, result: Any, image: ImageRef) -> Reply:
    if isinstance(result, PerceptionError):
        return CallFailure(str(result))
    if operation in ("detect", "relate"):
        return [flip(tuple(round(value) for value in box), image.height) for box in result]
    return result


def _step(call: Call, reply: Reply, image: ImageRef) -> Step:
    box = flip(call.box, image.height)
    if isinstance(reply, CallFailure):
        return Step(call.line, call.operation, call.image, box, call.arguments, None, reply.message)
    result = [flip(item, image.height) for item in reply] if call.operation in ("detect", "relate") else reply
    return Step(call.line, call.operation, call.image, box, call.arguments, result)
