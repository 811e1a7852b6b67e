"""One batch of questions to a model that sees: many at a time, each again when it may help, and none lost by another."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
from openai.types.chat import ChatCompletion, ChatCompletionMessage
from openai.types.chat.chat_completion import Choice
from PIL import Image

from vispro_gym.datasets.sample import ImageRef
from vispro_gym.datasets.scene import Box
from vispro_gym.endpoint import LIBRARY_ERRORS, Endpoint, Session, read_key
from vispro_gym.perception.openai.replies import Ask, MalformedReplyError, again, sent_size
from vispro_gym.perception.pictures import Pictures, PixelBox, pixel_box
from vispro_gym.perception.protocol import BackendError, PerceptionError


def ask_all(endpoint: Endpoint, asks: Sequence[Ask], max_tokens: int) -> list[Any]:
    """Asks all, each reply of at most `max_tokens` tokens.

    Returns:
        For each, in order, its result, a `PerceptionError` if it alone cannot be served, or a `BackendError` if it was not
        served because the endpoint fails. After the first of these nothing more is begun, but what is under way is ended.

    Raises:
        DatasetError: If a picture is missing or damaged.
    """
    if not asks:
        return []
    try:
        key = read_key()
    except ValueError as error:
        return [BackendError(str(error))] * len(asks)
    return endpoint.batch(key, lambda session: _Batch(endpoint, session, max_tokens).run(asks))


class _Batch:
    """What the questions of one batch share."""

    def __init__(self, endpoint: Endpoint, session: Session, max_tokens: int) -> None:
        self._to = endpoint
        self._session = session
        self._max_tokens = max_tokens
        self._failure: BackendError | None = None
        self._plain: asyncio.Task[BackendError | None] | None = None

    async def run(self, asks: Sequence[Ask]) -> list[Any]:
        results: list[Any] = [None] * len(asks)
        pending = iter(sorted(enumerate(asks), key=lambda item: item[1].image.content_hash))  # as `_DataUrls` wants them

        async def work() -> None:
            for i, ask in pending:
                results[i] = self._failure or await self._serve(ask)

        with _DataUrls() as self._urls:
            await self._session.at_once(work, len(asks))
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
        except LIBRARY_ERRORS as error:
            refused = self._session.refused(error)
            fault = await self._plain_fault() if refused else BackendError(await self._session.fault(error))
            self._failure = self._failure or fault
            return fault or PerceptionError(f"{self._to.base_url} refused the request ({refused}).")

    async def _reply(self, url: str, prompt: str) -> str:
        content: list[Any] = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": prompt}]
        completion = await self._session.client.chat.completions.create(
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
        except LIBRARY_ERRORS as error:
            if refused := self._session.refused(error):
                return BackendError(
                    f"{self._to.base_url} refuses even a plain question on a grey picture ({refused}). Is model "
                    f"{self._to.model!r} one that sees pictures, and served there? {await self._session.offered()}"
                )
            return BackendError(await self._session.fault(error))
        return None


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
