"""A frozen language model behind an OpenAI-compatible endpoint, told the program language in its prompt: the few-shot baseline.

vLLM, SGLang, llama.cpp, Ollama and hosted services speak this protocol. It tells no token ids, so completions have none, and
nothing can be trained on their probabilities.

Each call has an event loop and a client of its own, in a thread of its own: it does not matter whether the caller is inside
a running loop, as in notebooks, and between calls nothing is open that somebody would have to close.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

import openai
from anyio.from_thread import start_blocking_portal
from openai.types import Completion as TextCompletion
from openai.types import CompletionChoice
from openai.types.chat import ChatCompletion, ChatCompletionMessage
from openai.types.chat.chat_completion import Choice

from vispro_agents.errors import UsageError
from vispro_agents.policies.base import Completion, Prompt, Sampling
from vispro_gym.programs.prompt import build_prompt

KEY = "OPENAI_API_KEY"

_HOSTED = "https://api.openai.com/v1"
_NO_KEY = "none"  # The library wants one. Local servers do not look at it.
_NEXT_EXAMPLE = "\nQuery:"  # What a base model writes when it has ended its program.
_OF_THE_REQUEST = (400, 413, 422)  # HTTP statuses that may be about one prompt alone.
_SUSPICIOUS = 8  # So many prompts without a reply, and none with one ever, are not taken for bad prompts.
_LIBRARY_ERRORS = (openai.OpenAIError, json.JSONDecodeError)  # The latter from replies that are JSON by their header alone.
_SHOWN = 300
_MODELS_SHOWN = 10
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
        if not model:
            raise UsageError("model='' is no model. Expected the endpoint's name of it.")
        for option, value, least in (
            ("concurrency", concurrency, 1),
            ("retries", retries, 0),
            ("max_new_tokens", max_new_tokens, 1),
        ):
            if value < least:
                raise UsageError(f"{option}={value} makes no sense. Expected at least {least}.")
        if not timeout > 0:
            raise UsageError(f"timeout={timeout:g} is no time. Expected seconds, more than 0.")
        if endpoint not in ("chat", "completions"):
            raise UsageError(f"endpoint={endpoint!r} is unknown. Expected 'chat' or 'completions'.")
        address = (base_url or os.environ.get("OPENAI_BASE_URL") or _HOSTED).rstrip("/")
        if "@" in address:
            raise UsageError(f"base_url holds a password or key, which would be shown. Set {KEY} instead.")
        if not _is_address(address):
            raise UsageError(f"base_url={address!r} is no address. Expected one such as 'http://localhost:8000/v1'.")
        self.name = model
        self._model = model
        self._base_url = address
        self._endpoint = endpoint
        self._concurrency = concurrency
        self._timeout = timeout
        self._retries = retries
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
        key = os.environ.get(KEY, "").strip()
        if not (key.isascii() and key.isprintable()):
            raise UsageError(f"{KEY} holds characters that no key has. Set it to the key and nothing else.")
        with start_blocking_portal() as portal:
            replies, problems = portal.call(self._complete, prompts, sampling, seed, key)
        if problems:
            reasons = "; ".join(f"{count} x {problem}" for problem, count in problems.most_common())
            _LOG.warning(
                "%d of %d prompts got no reply from %s, and count as failed: %s",
                problems.total(), len(prompts), self._model, reasons,
            )  # fmt: skip
        return [Completion(reply) for reply in replies]

    async def _complete(
        self, prompts: Sequence[Prompt], sampling: Sampling, seed: int, key: str
    ) -> tuple[list[str], Counter[str]]:
        options: dict[str, Any] = {
            "model": self._model,
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

        async def work(client: openai.AsyncOpenAI) -> None:
            for i, prompt, request_seed in pending:
                try:
                    replies[i] = await self._reply(client, prompt, options | {"seed": request_seed})
                    self._has_served = True
                except _NoReplyError as error:
                    problems[_bounded(str(error), key)] += 1
                    if not self._has_served and problems.total() >= min(_SUSPICIOUS, len(prompts)):
                        raise UsageError(await self._set_up(client, problems.total(), _bounded(str(error), key), key)) from None
                except _LIBRARY_ERRORS as error:
                    # Without its cause, which would show what the server sent, and so, maybe, the key.
                    raise UsageError(await self._fault(client, error, key)) from None

        async with openai.AsyncOpenAI(
            api_key=key or _NO_KEY, base_url=self._base_url, timeout=self._timeout, max_retries=self._retries
        ) as client:
            try:
                async with asyncio.TaskGroup() as group:  # the first error ends all
                    for _ in range(min(self._concurrency, len(prompts))):
                        group.create_task(work(client))
            except BaseExceptionGroup as errors:
                raise errors.exceptions[0] from None
        return replies, problems

    async def _reply(self, client: openai.AsyncOpenAI, prompt: Prompt, options: dict[str, Any]) -> str:
        """One reply.

        Raises:
            _NoReplyError: If there is none to this prompt, and trying again would not help.
            OpenAIError, JSONDecodeError: If the endpoint fails.
        """
        text = build_prompt(prompt.query, prompt.instructions, prompt.image_names)
        text = text.encode(errors="replace").decode()  # lone surrogates are texts in Python, but not in JSON
        completion: object
        try:
            if self._endpoint == "chat":
                completion = await client.chat.completions.create(messages=[{"role": "user", "content": text}], **options)
            else:
                completion = await client.completions.create(prompt=text, stop=[_NEXT_EXAMPLE], **options)
        except openai.APIStatusError as error:
            if error.status_code in _OF_THE_REQUEST:
                raise _NoReplyError(f"HTTP {error.status_code}: {_said(error)}") from None
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
                raise _NoReplyError(f"no completion, but {completion!s:.{_SHOWN}}")
        if end == "content_filter":
            raise _NoReplyError("stopped by the content filter")
        if not reply and end == "length":
            raise _NoReplyError(f"only thoughts in {options['max_tokens']} tokens: raise max_new_tokens")
        return reply

    async def _set_up(self, client: openai.AsyncOpenAI, count: int, problem: str, key: str) -> str:
        """That nothing is answered, and what to look at."""
        return (
            f"{self._base_url} answered none of {count} prompts. The last one got: {problem.rstrip('.')}. Is model "
            f"{self._model!r} served there, with endpoint={self._endpoint!r}, and with room for a prompt of about 2,000 tokens? "
            f'{await self._offered(client, key)} base_url usually ends in "/v1".'
        )

    async def _fault(self, client: openai.AsyncOpenAI, error: Exception, key: str) -> str:
        """What is wrong with the endpoint, by an error of the library, and what to do."""
        said = f"HTTP {error.status_code}: {_bounded(_said(error), key)}" if isinstance(error, openai.APIStatusError) else ""
        match error:
            case openai.APITimeoutError():
                return self._silent(f"no reply within {self._timeout:g} s, in {self._retries + 1} tries")
            case openai.APIConnectionError():
                return self._silent(_bounded(str(error.__cause__ or error), key))
            case openai.APIStatusError(status_code=401 | 403):
                how = f"{KEY} is set, but the endpoint does not take it" if key else f"{KEY} is not set"
                return f"{self._base_url} does not let in ({said}). {how}. Set it to a key that may use model {self._model!r}."
            case openai.APIStatusError(status_code=404):
                return (
                    f"{self._base_url} has no model {self._model!r}, or is not the right address ({said}). "
                    f'{await self._offered(client, key)} base_url usually ends in "/v1".'
                )
            case openai.APIStatusError(status_code=429):
                return (
                    f"{self._base_url} turns requests down, also after waiting ({said}). Lower concurrency={self._concurrency}, "
                    f"raise retries={self._retries}, or look at the limits of the account."
                )
            case openai.APIStatusError():
                return f"{self._base_url} failed, {self._retries} retries included ({said}). Look at the log of the server."
        return (
            f"{self._base_url} sent what is no completion: {_bounded(str(error), key)}. Is it an OpenAI-compatible endpoint? "
            'base_url usually ends in "/v1".'
        )

    def _silent(self, why: str) -> str:
        return f"The endpoint {self._base_url} does not answer: {why}. Is the server running? Try: curl {self._base_url}/models"

    async def _offered(self, client: openai.AsyncOpenAI, key: str) -> str:
        """One sentence on the models that the endpoint has."""
        try:
            found = await client.with_options(max_retries=0).get("/models", cast_to=object)
        except _LIBRARY_ERRORS:
            found = None
        match found:
            case {"data": [*models]}:
                names = [str(model["id"]) for model in models if isinstance(model, dict) and "id" in model]
                shown = ", ".join(map(repr, names[:_MODELS_SHOWN])) + (", ..." if len(names) > _MODELS_SHOWN else "")
                return _bounded(f"It offers: {shown or 'nothing'}.", key)
        return "It does not say which models it offers, either."


class _NoReplyError(Exception):
    """Why one prompt has no reply."""


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and text.split() == [text]
    except ValueError:  # of `port`, if that is none
        return False


def _said(error: openai.APIStatusError) -> str:
    """The server's own words."""
    body = error.body
    if isinstance(body, dict):
        body = body.get("message") or body.get("detail") or body.get("error") or body
    return body if isinstance(body, str) else json.dumps(body, default=str) if body else error.response.text


def _bounded(text: str, key: str) -> str:
    """A text of the server's, in one line, short, and without the key."""
    text = " ".join(text.split())
    if key:
        text = text.replace(key, "***")
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
