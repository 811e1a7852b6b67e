"""For TRL: a reward function, a dataset, and a tool environment.

    dataset = build_dataset("VisProg-GQA-v0", limit=1000)
    trainer = GRPOTrainer(model, reward_funcs=ProgramReward("VisProg-GQA-v0"), train_dataset=dataset, args=...)

The dataset names the episode of each row, by which the reward function finds the sample again: both have to be made with the same
options. For several attempts, the model submits programs by calling a tool:

    dataset = build_dataset("VisProg-GQA-Repair-v0", tool=True)
    factory = ToolEnvironment.factory("VisProg-GQA-Repair-v0")
    trainer = GRPOTrainer(model, environment_factory=factory, train_dataset=dataset, args=...)

Written for TRL 1.16. Reward function and factory can be pickled; torch is not imported here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from vispro_gym.engine import OUTCOMES, Job
from vispro_gym.envs.episode import Episode
from vispro_gym.integrations.extras import missing_extra
from vispro_gym.integrations.host import feedback, host, pictures
from vispro_gym.programs.prompt import Style

if TYPE_CHECKING:
    from datasets import Dataset

BY_TOOL = "Submit the function by calling submit_program."


class ProgramReward:
    """A reward function for `GRPOTrainer` and `RLOOTrainer`: 1.0 for a right program, else 0.0.

    A completion is the whole reply, as text or as messages of which the last one counts. All completions of a call run as one
    batch. The share of each outcome goes to the trainer's log as "outcome/correct" and so on.

    Args:
        env_id: Environment id.
        **options: Options of the environment, the same as those of `build_dataset`.
    """

    def __init__(self, env_id: str, **options: Any) -> None:
        self.env_id = env_id
        self.options = options
        self.__name__ = "program_reward"  # what TRL logs it as

    def __call__(
        self,
        completions: Sequence[Any],
        sample_id: Sequence[str],
        seed: Sequence[int],
        log_metric: Callable[[str, float], None] | None = None,
        **columns: Any,
    ) -> list[float]:
        """Scores completions.

        Args:
            completions: The replies, texts or lists of messages.
            sample_id: Column of the dataset.
            seed: Column of the dataset.
            log_metric: Where TRL takes figures.
            **columns: What else TRL passes; not used.

        Raises:
            DatasetError: If a sample does not exist: the dataset was built with other options.
        """
        here = host(self.env_id, self.options)
        samples = [here.sample(*episode) for episode in zip(sample_id, seed, strict=True)]
        texts = [_text(completion) for completion in completions]
        outcomes = here.run([Job(text, sample) for text, sample in zip(texts, samples, strict=True)])
        if log_metric is not None:
            counts = Counter(outcome.outcome for outcome in outcomes)
            for name in OUTCOMES:  # all, because TRL averages over the calls in which a name was logged
                log_metric(f"outcome/{name}", counts[name] / len(outcomes))
        return [outcome.reward for outcome in outcomes]


def build_dataset(
    env_id: str,
    *,
    limit: int | None = None,
    seed: int = 0,
    style: Style = "full",
    chat: bool = True,
    images: bool = False,
    tool: bool = False,
    **options: Any,
) -> Dataset:
    """The samples of an environment's split as rows for TRL.

    Args:
        env_id: Environment id.
        limit: How many samples, drawn without replacement; None for all, in order.
        seed: Seed of the draw, and of the order of options where there are any.
        style: How prompts are written, see `vispro_gym.programs.prompt.build_prompt`.
        chat: Whether the prompt is a list of messages, for chat models, or a text.
        images: Whether rows hold the pictures, for models that see. Programs see them in any case.
        tool: Whether the prompt asks for a call of `submit_program`, for `ToolEnvironment`.
        **options: Options of the environment.

    Returns:
        Columns "prompt", "sample_id", "seed", and with `images` "images", lists of PIL images.

    Raises:
        ImportError: If the library `datasets` is missing.
    """
    try:
        from datasets import Dataset
    except ImportError as error:
        raise missing_extra("vispro_gym.integrations.trl.build_dataset", "agents", error) from error
    here = host(env_id, options)
    rows: list[dict[str, Any]] = []
    for sample_id, row_seed in here.episodes(limit, seed):
        sample = here.sample(sample_id, row_seed)
        text = here.prompt(sample, style, **({"reply": BY_TOOL} if tool else {}))
        prompt = [{"role": "user", "content": text}] if chat else text
        row: dict[str, Any] = {"prompt": prompt, "sample_id": sample_id, "seed": row_seed}
        rows.append(row | {"images": pictures(sample)} if images else row)
    return Dataset.from_list(rows)


class ToolEnvironment:
    """An environment for `GRPOTrainer(environment_factory=...)`: the model submits programs by a tool until one is right.

    The episode is that of a row of `build_dataset(..., tool=True)`. TRL can do without a dataset, but would then compare rollouts
    of different questions with each other: here that is an error.

    Args:
        env_id: Environment id. The "-Repair" ids allow three attempts; `max_attempts` says how many.
        **options: Options of the environment.
    """

    def __init__(self, env_id: str, **options: Any) -> None:
        self._host = host(env_id, options)
        self._episode: Episode | None = None

    @classmethod
    def factory(cls, env_id: str, **options: Any) -> Callable[[], ToolEnvironment]:
        """What makes environments, for `environment_factory`; can be pickled."""
        return partial(cls, env_id, **options)

    def reset(self, sample_id: str | None = None, seed: int | None = None, **row: Any) -> None:
        """Starts the episode of a row.

        Args:
            sample_id: Column of the dataset.
            seed: Column of the dataset.
            **row: Other columns of the dataset; not used.

        Raises:
            ValueError: If there is no dataset, or not the right one.
            DatasetError: If there is no such sample.
        """
        if sample_id is None or seed is None:
            raise ValueError("the row names no episode. Expected train_dataset=build_dataset(..., tool=True), see this module.")
        self._episode = self._host.start(sample_id, seed)

    def submit_program(self, program: str) -> str:
        """Runs a program on the picture and tells what became of it.

        Args:
            program: Source of a Python function execute_command that returns the answer to the query.

        Returns:
            Whether the program is right, or else what went wrong.
        """
        if self._episode is None:
            raise RuntimeError("submit_program() was called before reset().")
        if self._episode.has_ended:
            return "The episode has ended. Do not submit another program."
        if not isinstance(program, str):
            return "That is no program. Submit the source of a function, as text."
        outcome = self._host.step(self._episode, program)
        if outcome.reward:
            return "The program is right."
        return "The program is not right, and no attempt is left." if self._episode.has_ended else feedback(outcome)

    def get_reward(self) -> float:
        """1.0 if the last program was right, else 0.0."""
        outcome = None if self._episode is None else self._episode.outcome
        return 0.0 if outcome is None else outcome.reward


def _text(completion: Any) -> str:
    """The text of a completion: of its last message with text, if it is a list of messages."""
    if isinstance(completion, str):
        return completion
    for message in reversed(completion):
        content = message.get("content")
        if isinstance(content, list):
            content = "".join(block.get("text", "") for block in content if block.get("type") == "text")
        if content:
            return str(content)
    return ""
