"""A frozen language model behind an OpenAI-compatible endpoint, told the program language in its prompt: the few-shot baseline.

vLLM, SGLang, llama.cpp, Ollama and hosted services speak this protocol. It tells no token ids, so completions have none, and
nothing can be trained on their probabilities.
"""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import openai
from openai.types import Completion as TextCompletion
from openai.types import CompletionChoice
from openai.types.chat import ChatCompletion, ChatCompletionMessage
from openai.types.chat.chat_completion import Choice

from vispro_agents.errors import UsageError
from vispro_agents.policies.base import Completion, Prompt, Sampling
from vispro_gym.endpoint import LIBRARY_ERRORS, SHOWN, Endpoint, Session, check_whole, read_key
from vispro_gym.programs.prompt import build_prompt

_NEXT_EXAMPLE = "\nQuery:"  # What a base model writes when it has ended its program.
_SUSPICIOUS = 8  # So many prompts without a reply, and none with one ever, are not taken for bad prompts.
_LOG = logging.getLogger(__name__)


class OpenAIPolicy:
    """Asks a language model behind an OpenAI-compatible endpoint for programs, each with the full prompt.

    The key is read from the environment variable `OPENAI_API_KEY` when a call begins, and is kept or shown nowhere. A local
    server needs none. Failures that may pass (no connection, no reply in time, HTTP 408, 409, 429 and 5xx) are tried again by
    the `openai` library, after waiting as long as the server says or twice as long each time.

    A prompt that the server refuses for good, because of its length or its content, gets an empty reply, which earns nothing;
    a warning in the log says how many there were, and why.

    Draws follow temperature and seed as far as the server does; `transformers serve`, for one, draws only where the generation
    settings of the model itself say so.

    Args:
        model: The endpoint's name of the model, such as "Qwen/Qwen2.5-Coder-7B-Instruct".
        base_url: Address of the endpoint, such as "http://localhost:8000/v1". None for the environment variable
            `OPENAI_BASE_URL`, or OpenAI's own without it.
        endpoint: "chat" for models that follow instructions, "completions" for base models, which continue the prompt.
        concurrency: Most requests under way at a time, at least 1.
        timeout: How long one try may take, in seconds.
        retries: How often a request is tried again, at least 0.
        max_new_tokens: Where replies are cut unless `Sampling` says it, in tokens. Models that think aloud need more.

    Raises:
        UsageError: If an argument is out of range.
    """

    def __init__(
        self,
        model: str,
        base_url: str | None = None,
        *,
        endpoint: Literal["chat", "completions"] = "chat",
        concurrency: int = 16,
        timeout: float = 120.0,
        retries: int = 5,
        max_new_tokens: int = 512,
    ) -> None:
        try:
            self._endpoint = Endpoint.at(model, base_url, concurrency, timeout, retries)
            check_whole("max_new_tokens", max_new_tokens, least=1)
        except ValueError as error:
            raise UsageError(str(error)) from None
        if endpoint not in ("chat", "completions"):
            raise UsageError(f"endpoint={endpoint!r} is unknown. Expected 'chat' or 'completions'.")
        self.name = model
        self._protocol = endpoint
        self._max_new_tokens = max_new_tokens
        self._has_served = False

    def propose(self, prompts: Sequence[Prompt]) -> list[str]:
        """The model's most probable reply to each prompt, as far as the server computes it.

        Raises:
            UsageError: As `complete`.
        """
        return [completion.text for completion in self.complete(prompts, Sampling(), 0)]

    def complete(self, prompts: Sequence[Prompt], sampling: Sampling, seed: int) -> list[Completion]:
        """Draw one reply per prompt, in order. Each request has a seed of its own, made from `seed` and its place.

        `top_k` is no part of the protocol. It is sent if it is not 0, and most local servers understand it.

        Raises:
            UsageError: If the endpoint does not answer, lets nothing through, or refuses all prompts.
        """
        if not prompts:
            return []
        try:
            key = read_key()
        except ValueError as error:
            raise UsageError(str(error)) from None
        replies, problems = self._endpoint.batch(key, lambda session: self._complete(session, prompts, sampling, seed))
        if problems:
            reasons = "; ".join(f"{count} x {problem}" for problem, count in problems.most_common())
            _LOG.warning(
                "%d of %d prompts got no reply from %s, and count as failed: %s",
                problems.total(), len(prompts), self.name, reasons,
            )  # fmt: skip
        return [Completion(reply) for reply in replies]

    async def _complete(
        self, session: Session, prompts: Sequence[Prompt], sampling: Sampling, seed: int
    ) -> tuple[list[str], Counter[str]]:
        options: dict[str, Any] = {
            "model": self._endpoint.model,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_new_tokens or self._max_new_tokens,
        }
        if sampling.top_k:
            options["extra_body"] = {"top_k": sampling.top_k}
        generator = random.Random(seed)
        pending = iter([(i, prompt, generator.getrandbits(31)) for i, prompt in enumerate(prompts)])
        replies = [""] * len(prompts)
        problems: Counter[str] = Counter()

        async def work() -> None:
            for i, prompt, request_seed in pending:
                try:
                    replies[i] = await self._reply(session, prompt, options | {"seed": request_seed})
                    self._has_served = True
                except _NoReplyError as error:
                    problem = session.bounded(str(error))
                    problems[problem] += 1
                    if not self._has_served and problems.total() >= min(_SUSPICIOUS, len(prompts)):
                        raise UsageError(await self._set_up(session, problems.total(), problem)) from None
                except LIBRARY_ERRORS as error:
                    # Without its cause, which would show what the server sent, and so, maybe, the key.
                    raise UsageError(await session.fault(error)) from None

        await session.at_once(work, len(prompts))
        return replies, problems

    async def _reply(self, session: Session, prompt: Prompt, options: dict[str, Any]) -> str:
        """One reply.

        Raises:
            _NoReplyError: If there is none to this prompt, and trying again would not help.
            OpenAIError, JSONDecodeError: If the endpoint fails.
        """
        text = build_prompt(prompt.query, prompt.instructions, prompt.image_names)
        text = text.encode(errors="replace").decode()  # lone surrogates are texts in Python, but not in JSON
        completion: object
        try:
            if self._protocol == "chat":
                completion = await session.client.chat.completions.create(messages=[{"role": "user", "content": text}], **options)
            else:
                completion = await session.client.completions.create(prompt=text, stop=[_NEXT_EXAMPLE], **options)
        except openai.APIStatusError as error:
            if refused := session.refused(error):
                raise _NoReplyError(refused) from None
            raise
        # The library builds its objects of whatever the server sends.
        match completion:
            case ChatCompletion(
                choices=[Choice(message=ChatCompletionMessage(content=str() | None as content), finish_reason=end), *_]
            ):
                reply = content or ""
            case TextCompletion(choices=[CompletionChoice(text=str() as reply, finish_reason=end), *_]):
                pass
            case _:
                raise _NoReplyError(f"no completion, but {completion!s:.{SHOWN}}")
        if end == "content_filter":
            raise _NoReplyError("stopped by the content filter")
        if not reply and end == "length":
            raise _NoReplyError(f"only thoughts in {options['max_tokens']} tokens: raise max_new_tokens")
        return reply

    async def _set_up(self, session: Session, count: int, problem: str) -> str:
        """That nothing is answered, and what to look at."""
        to = self._endpoint
        return (
            f"{to.base_url} answered none of {count} prompts. The last one got: {problem.rstrip('.')}. Is model {to.model!r} "
            f"served there, with endpoint={self._protocol!r}, and with room for a prompt of about 2,000 tokens? "
            f'{await session.offered()} base_url usually ends in "/v1".'
        )


class _NoReplyError(Exception):
    """Why one prompt has no reply."""
