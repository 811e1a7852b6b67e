"""A model behind an OpenAI-compatible endpoint, and what is wrong with the endpoint when it fails, in words that say what to do.

vLLM, SGLang, llama.cpp, Ollama and hosted services speak this protocol. Perception (`vispro_gym.perception.openai`) and policies
(`vispro_agents.policies.openai`) ask their models through it.

Each batch of requests has an event loop of its own, in a thread of its own, and a client of its own (about 40 ms, which is little
beside the replies of a model). So it does not matter whether the caller is inside a running loop, as in notebooks, or was forked
since the last batch, and between batches nothing is open that somebody would have to close.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

import openai
from anyio.from_thread import start_blocking_portal

KEY = "OPENAI_API_KEY"
"""Environment variable of the key."""

LIBRARY_ERRORS = (openai.OpenAIError, json.JSONDecodeError)
"""What a request raises when it fails. The latter comes from replies that are JSON by their header alone."""

SHOWN = 300
"""So much of a server's text is shown, in characters."""

_HOSTED = "https://api.openai.com/v1"
_NO_KEY = "none"  # The library wants one. Local servers do not look at it.
_OF_THE_REQUEST = (400, 413, 422)  # HTTP statuses that may be about one request alone.
_MODELS_SHOWN = 10

ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Endpoint:
    """A model behind an address. It can be pickled, and knows no key.

    Attributes:
        model: The server's name of the model.
        base_url: Address, up to and with "/v1".
        concurrency: Most requests under way at a time.
        timeout: How long one try may take, in seconds.
        retries: How often a request is tried again after a failure that may pass (no connection, no reply in time, HTTP 408,
            409, 429 and 5xx). The `openai` library waits as long as the server says, or twice as long each time.
    """

    model: str
    base_url: str
    concurrency: int
    timeout: float
    retries: int

    @classmethod
    def at(cls, model: str, base_url: str | None, concurrency: int, timeout: float, retries: int) -> Endpoint:
        """Of options as a user writes them. Without `base_url` it is that of `OPENAI_BASE_URL`, or else OpenAI's own.

        Raises:
            ValueError: If an option is out of range.
        """
        if not isinstance(model, str) or not model:
            raise ValueError(f"model={model!r} is no model. Expected the endpoint's name of it, as text.")
        check_whole("concurrency", concurrency, least=1)
        check_whole("retries", retries, least=0)
        if not isinstance(timeout, int | float) or not timeout > 0:
            raise ValueError(f"timeout={timeout!r} is no time. Expected seconds, more than 0.")
        address = (base_url or os.environ.get("OPENAI_BASE_URL") or _HOSTED).rstrip("/")
        if "@" in address:
            raise ValueError(f"base_url holds a password or key, which would be shown and kept. Set {KEY} instead.")
        if not _is_address(address):
            raise ValueError(f"base_url={address!r} is no address. Expected one such as 'http://localhost:8000/v1'.")
        return cls(model, address, concurrency, timeout, retries)

    def batch(self, key: str, work: Callable[[Session], Awaitable[ResultT]]) -> ResultT:
        """Does `work` with a session, in a loop and a thread of its own, and returns what it returns."""

        async def run() -> ResultT:
            async with openai.AsyncOpenAI(
                api_key=key or _NO_KEY, base_url=self.base_url, timeout=self.timeout, max_retries=self.retries
            ) as client:
                return await work(Session(self, client, key))

        with start_blocking_portal() as portal:
            return portal.call(run)


class Session:
    """A batch of requests to an endpoint.

    Its methods return texts rather than raise: a chain of errors would show what the server sent, and so, maybe, the key.

    Attributes:
        client: The library's client.
    """

    def __init__(self, to: Endpoint, client: openai.AsyncOpenAI, key: str) -> None:
        self.client = client
        self._to = to
        self._key = key

    async def at_once(self, worker: Callable[[], Awaitable[None]], most: int) -> None:
        """Runs the endpoint's number of workers at once, but not more than `most`. The first error of one ends all.

        Raises:
            BaseException: That error.
        """

        async def run() -> None:
            await worker()

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._to.concurrency, most)):
                    group.create_task(run())
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    def refused(self, error: Exception) -> str | None:
        """What the server says of a request that it does not take, maybe because of that request alone; None for other errors."""
        if isinstance(error, openai.APIStatusError) and error.status_code in _OF_THE_REQUEST:
            return self._status(error)
        return None

    async def fault(self, error: Exception) -> str:
        """What is wrong with the endpoint, by one of `LIBRARY_ERRORS`, and what to do."""
        to = self._to
        match error:
            case openai.APITimeoutError():
                return self._silent(f"no reply within {to.timeout:g} s, in {to.retries + 1} tries")
            case openai.APIConnectionError():
                return self._silent(self.bounded(str(error.__cause__ or error)))
            case openai.APIStatusError(status_code=401 | 403):
                how = f"{KEY} is set, but the endpoint does not take it" if self._key else f"{KEY} is not set"
                return (
                    f"{to.base_url} does not let in ({self._status(error)}). {how}. "
                    f"Set it to a key that may use model {to.model!r}."
                )
            case openai.APIStatusError(status_code=404):
                return (
                    f"{to.base_url} has no model {to.model!r}, or is not the right address ({self._status(error)}). "
                    f'{await self.offered()} base_url usually ends in "/v1".'
                )
            case openai.APIStatusError(status_code=429):
                return (
                    f"{to.base_url} turns requests down, also after waiting ({self._status(error)}). Lower "
                    f"concurrency={to.concurrency}, raise retries={to.retries}, or look at the limits of the account."
                )
            case openai.APIStatusError():
                return (
                    f"{to.base_url} failed, {to.retries} retries included ({self._status(error)}). Look at the log of the server."
                )
        return (
            f"{to.base_url} sent no completion: {self.bounded(str(error))}. Is it an OpenAI-compatible endpoint? "
            'base_url usually ends in "/v1".'
        )

    async def offered(self) -> str:
        """One sentence on the models that the endpoint has."""
        try:
            found = await self.client.with_options(max_retries=0).get("/models", cast_to=object)
        except LIBRARY_ERRORS:
            found = None
        match found:
            case {"data": [*models]}:
                names = [str(model["id"]) for model in models if isinstance(model, dict) and "id" in model]
                shown = ", ".join(map(repr, names[:_MODELS_SHOWN])) + (", ..." if len(names) > _MODELS_SHOWN else "")
                return self.bounded(f"It offers: {shown or 'nothing'}.")
        return "It does not say which models it offers, either."

    def bounded(self, text: str) -> str:
        """A text of the server's, in one line, short, and without the key."""
        text = " ".join(text.split())
        if self._key:
            text = text.replace(self._key, "***")
        return text if len(text) <= SHOWN else text[:SHOWN] + "..."

    def _silent(self, why: str) -> str:
        url = self._to.base_url
        return f"The endpoint {url} does not answer: {why}. Is the server running? Try: curl {url}/models"

    def _status(self, error: openai.APIStatusError) -> str:
        """The status with the server's own words."""
        body = error.body
        if isinstance(body, dict):
            body = body.get("message") or body.get("detail") or body.get("error") or body
        said = body if isinstance(body, str) else json.dumps(body, default=str) if body else error.response.text
        return f"HTTP {error.status_code}: {self.bounded(said)}"


def read_key() -> str:
    """The key of the environment, "" if there is none. To be read for each batch, so that no object that lives on holds it.

    Raises:
        ValueError: If it cannot be a key.
    """
    key = os.environ.get(KEY, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ValueError(f"{KEY} holds characters that no key has. Set it to the key and nothing else.")
    return key


def check_whole(option: str, value: int, least: int) -> None:
    """Raises `ValueError` unless the value is a whole number, at least `least`: options come from texts that people write."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{option}={value!r} makes no sense. Expected a whole number, at least {least}.")


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and text.split() == [text]
    except ValueError:  # of `port`, if that is none
        return False
