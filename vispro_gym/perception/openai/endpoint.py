"""One batch of questions to an OpenAI-compatible endpoint: many at a time, each again when it may help, and none lost by another.

Each batch has an event loop of its own, in a thread of its own, and a client of its own (about 40 ms, which is little beside the
replies of a model). So it does not matter whether the caller is inside a running loop, as in notebooks, or was forked since the
last batch, and between batches nothing is open that somebody would have to close.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import openai
from anyio.from_thread import start_blocking_portal
from openai.types.chat import ChatCompletion, ChatCompletionMessage
from openai.types.chat.chat_completion import Choice
from PIL import Image

from vispro_gym.datasets.sample import ImageRef
from vispro_gym.datasets.scene import Box
from vispro_gym.perception.openai.replies import Ask, MalformedReplyError, again, sent_size
from vispro_gym.perception.pictures import Pictures, PixelBox, pixel_box
from vispro_gym.perception.protocol import BackendError, PerceptionError

KEY = "OPENAI_API_KEY"

_SHOWN = 300
_MODELS_SHOWN = 10
_OF_THE_REQUEST = (400, 413, 422)  # HTTP statuses that may be about this request alone.
_LIBRARY_ERRORS = (openai.OpenAIError, json.JSONDecodeError)  # The latter from replies that are JSON by their header alone.
_NO_KEY = "none"  # The library wants one. Local servers do not look at it.


@dataclass(frozen=True)
class Endpoint:
    """A model behind an address.

    Attributes:
        model: The server's name of the model.
        base_url: Address, up to and with "/v1".
        concurrency: Most requests under way at a time.
        timeout: How long one try may take, in seconds.
        retries: How often a request is tried again after a failure that may pass.
    """

    model: str
    base_url: str
    concurrency: int
    timeout: float
    retries: int

    def ask(self, asks: Sequence[Ask], max_tokens: int) -> list[Any]:
        """Asks all, each reply of at most `max_tokens` tokens.

        Returns:
            For each, in order, its result, a `PerceptionError` if it alone cannot be served, or a `BackendError` if it was not
            served because the endpoint fails. After the first of these nothing more is begun, but what is under way is ended.

        Raises:
            DatasetError: If a picture is missing or damaged.
        """
        if not asks:
            return []
        with start_blocking_portal() as portal:
            return portal.call(_Batch(self, max_tokens).run, asks)


class _Batch:
    """What the questions of one batch share."""

    def __init__(self, endpoint: Endpoint, max_tokens: int) -> None:
        self._to = endpoint
        self._max_tokens = max_tokens
        self._key = os.environ.get(KEY, "").strip()  # read here, so that no object that lives on holds it
        self._failure: BackendError | None = None
        self._plain: asyncio.Task[BackendError | None] | None = None

    async def run(self, asks: Sequence[Ask]) -> list[Any]:
        if not (self._key.isascii() and self._key.isprintable()):
            return [BackendError(f"{KEY} holds characters that no key has. Set it to the key and nothing else.")] * len(asks)
        results: list[Any] = [None] * len(asks)
        pending = iter(sorted(enumerate(asks), key=lambda item: item[1].image.content_hash))  # as `_DataUrls` wants them

        async def work() -> None:
            for i, ask in pending:
                results[i] = self._failure or await self._serve(ask)

        to = self._to
        with _DataUrls() as self._urls:
            async with openai.AsyncOpenAI(
                api_key=self._key or _NO_KEY, base_url=to.base_url, timeout=to.timeout, max_retries=to.retries
            ) as self._client:
                try:
                    async with asyncio.TaskGroup() as group:
                        for _ in range(min(to.concurrency, len(asks))):
                            group.create_task(work())
                except BaseExceptionGroup as errors:
                    raise errors.exceptions[0] from None
        return results

    async def _serve(self, ask: Ask) -> Any:
        url = await self._urls.of(ask.image, ask.box)
        try:
            try:
                return ask.read(await self._reply(url, ask.prompt))
            except MalformedReplyError as error:
                return ask.read(await self._reply(url, again(ask.prompt, str(error))))
        except MalformedReplyError as error:
            return PerceptionError(
                f"Model {self._to.model!r} replied twice in a form that cannot be read; the second time, {error}. If that is "
                "common, the options max_tokens, max_tokens_detect or box_units do not suit the model."
            )
        except _LIBRARY_ERRORS as error:
            # What follows is made, not raised: a chain of errors would show what the server sent, and so, maybe, the key.
            refused: str | None = self._refused(error)
            fault = await self._plain_fault() if refused else await self._fault(error)
            self._failure = self._failure or fault
            return fault or PerceptionError(f"{self._to.base_url} refused the request ({refused}).")

    async def _reply(self, url: str, prompt: str) -> str:
        content: list[Any] = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": prompt}]
        completion = await self._client.chat.completions.create(
            model=self._to.model,
            messages=[{"role": "user", "content": content}],
            max_tokens=self._max_tokens,
            temperature=0,
            seed=0,
        )
        # The library builds its objects of whatever the server sends.
        match completion:
            case ChatCompletion(
                choices=[Choice(message=ChatCompletionMessage(content=str() | None as text), finish_reason=end), *_]
            ):
                if end == "length":
                    raise MalformedReplyError(f"it was cut off after {self._max_tokens} tokens")
                return text or ""
        raise _NoCompletionError(str(completion))

    def _refused(self, error: Exception) -> str | None:
        """What the server says of a request that it does not take; None if the error is another."""
        if isinstance(error, openai.APIStatusError) and error.status_code in _OF_THE_REQUEST:
            return f"HTTP {error.status_code}: {self._said(error)}"
        return None

    async def _plain_fault(self) -> BackendError | None:
        """Why the endpoint takes not even a plain request, None if it does: tells a wrong set-up from a wrong request."""
        if self._plain is None:
            self._plain = asyncio.create_task(self._ask_plainly())
        return await self._plain

    async def _ask_plainly(self) -> BackendError | None:
        try:
            await self._reply(_data_url(Image.new("RGB", (64, 64), (128, 128, 128))), "What is this?")
        except MalformedReplyError:
            return None
        except _LIBRARY_ERRORS as error:
            if refused := self._refused(error):
                return BackendError(
                    f"{self._to.base_url} refuses even a plain question on a grey picture ({refused}). Is model "
                    f"{self._to.model!r} one that sees pictures, and served there? {await self._offered()}"
                )
            return await self._fault(error)
        return None

    async def _fault(self, error: Exception) -> BackendError:
        """What is wrong with the endpoint, by an error of the library."""
        to = self._to
        match error:
            case openai.APITimeoutError():
                return self._silent(f"no reply within {to.timeout:g} s, in {to.retries + 1} tries")
            case openai.APIConnectionError():
                return self._silent(str(error.__cause__ or error))
            case openai.APIStatusError(status_code=status):
                return BackendError(await self._turned_down(status, f"HTTP {status}: {self._said(error)}"))
            case _:
                return BackendError(
                    f"{to.base_url} sent no chat completion: {self._bounded(str(error))}. Is it an OpenAI-compatible "
                    'endpoint? base_url usually ends in "/v1".'
                )

    async def _turned_down(self, status: int, said: str) -> str:
        to = self._to
        match status:
            case 401 | 403:
                how = f"{KEY} is set, but the endpoint does not take it" if self._key else f"{KEY} is not set"
                return f"{to.base_url} does not let in ({said}). {how}. Set it to a key that may use model {to.model!r}."
            case 404:
                return (
                    f"{to.base_url} has no model {to.model!r}, or is not the right address ({said}). {await self._offered()} "
                    'base_url usually ends in "/v1".'
                )
            case 429:
                return (
                    f"{to.base_url} turns requests down, also after waiting ({said}). Lower concurrency={to.concurrency}, raise "
                    f"retries={to.retries}, or look at the limits of the account."
                )
            case _:
                return f"{to.base_url} failed, {to.retries} retries included ({said}). Look at the log of the server."

    def _silent(self, why: str) -> BackendError:
        return BackendError(
            f"The endpoint {self._to.base_url} does not answer: {self._bounded(why)}. Is the server running? "
            f"Try: curl {self._to.base_url}/models"
        )

    async def _offered(self) -> str:
        """One sentence on the models that the endpoint has."""
        try:
            found = await self._client.with_options(max_retries=0).get("/models", cast_to=object)
        except _LIBRARY_ERRORS:
            found = None
        match found:
            case {"data": [*models]}:
                names = [str(model["id"]) for model in models if isinstance(model, dict) and "id" in model]
                shown = ", ".join(map(repr, names[:_MODELS_SHOWN])) + (", ..." if len(names) > _MODELS_SHOWN else "")
                return self._bounded(f"It offers: {shown or 'nothing'}.")
        return "It does not say which models it offers, either."

    def _said(self, error: openai.APIStatusError) -> str:
        """The server's own words."""
        body = error.body
        if isinstance(body, dict):
            body = body.get("message") or body.get("detail") or body.get("error") or body
        return self._bounded(body if isinstance(body, str) else json.dumps(body, default=str) if body else error.response.text)

    def _bounded(self, text: str) -> str:
        """A text of the server's, in one line, short, and without the key."""
        text = " ".join(text.split())
        if self._key:
            text = text.replace(self._key, "***")
        return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


class _NoCompletionError(openai.OpenAIError):
    """A reply that is no chat completion."""


class _DataUrls:
    """Parts of pictures as PNG data URLs, each made once, away from the thread that talks to the server.

    They are asked for picture by picture, and no more than one picture is kept: a batch may have thousands.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1)  # `Pictures` is for one thread
        self._picture = ""
        self._pictures = Pictures()
        self._made: dict[PixelBox, asyncio.Future[str]] = {}

    def __enter__(self) -> _DataUrls:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)

    async def of(self, image: ImageRef, box: Box) -> str:
        if image.content_hash != self._picture:
            self._picture, self._pictures, self._made = image.content_hash, Pictures(), {}
        part = pixel_box(box, image.size)
        if part not in self._made:
            self._made[part] = asyncio.get_running_loop().run_in_executor(self._thread, _png, self._pictures, image, box)
        return await self._made[part]


def _png(pictures: Pictures, image: ImageRef, box: Box) -> str:
    part = pictures.part(image, box)
    canvas = Image.new("RGB", sent_size(part.size))
    canvas.paste(part)
    return _data_url(canvas)


def _data_url(picture: Image.Image) -> str:
    png = io.BytesIO()
    picture.save(png, "PNG", compress_level=1)  # four times as fast as the default, and a fifth larger
    return "data:image/png;base64," + base64.b64encode(png.getvalue()).decode()
