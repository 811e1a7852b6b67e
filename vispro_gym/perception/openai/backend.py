"""Perception by a vision-language model behind an OpenAI-compatible endpoint, such as those of vLLM, SGLang and llama.cpp.

The model answers questions and writes boxes; `verify` and `relate` are made of these (`vispro_gym.perception.derived`). Scores
and depths it does not give; another backend may (`vispro_gym.perception.composed`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from vispro_gym.datasets.scene import Box
from vispro_gym.perception.derived import Derivation, relate_by_parts, verify_by_question
from vispro_gym.perception.pictures import serve_distinct
from vispro_gym.perception.protocol import (
    Answer,
    BackendError,
    Depth,
    Detect,
    PerceptionError,
    Relate,
    RequestT,
    Similarity,
    Verify,
)

if TYPE_CHECKING:  # the libraries that these need may be missing
    from vispro_gym.perception.openai.replies import Ask

_SUSPICIOUS = 8  # So many requests that fail, with none served ever, are not taken for bad requests.


class OpenAIPerception:
    """Asks a vision-language model behind an OpenAI-compatible endpoint.

    A part of a picture is sent as PNG with a prompt, at temperature 0 and with a fixed seed; equal requests of a batch are sent
    once. The key is read from the environment variable `OPENAI_API_KEY` when a batch begins, and is kept or shown nowhere. A
    local server needs none.

    Failures that may pass (no connection, no reply in time, HTTP 408, 409, 429 and 5xx) are tried again by the `openai` library,
    after waiting as long as the server says or twice as long each time. A reply that cannot be read is asked for once more.

    A server may put other weights behind the same name, and this cannot be seen from outside: then `vispro-gym cache clear` makes
    kept results forgotten. Servers that compute many requests at a time may also differ in the last bit from one to the next.

    Args:
        model: The endpoint's name of the model, such as "Qwen/Qwen2.5-VL-7B-Instruct".
        base_url: Address of the endpoint, such as "http://localhost:8000/v1". None for the environment variable
            `OPENAI_BASE_URL`, or OpenAI's own without it.
        concurrency: Most requests under way at a time, at least 1.
        timeout: How long one try may take, in seconds.
        retries: How often a request is tried again, at least 0.
        max_tokens: Longest answer, in tokens. Models that think aloud need more.
        max_tokens_detect: Longest list of boxes, in tokens; one box takes about 30.
        box_units: The coordinates that the model writes boxes in: "thousandths" of the sides of what it sees (Qwen3-VL, InternVL)
            or "pixels" of it (Qwen2.5-VL; right as far as the server does not resize it). Boxes far outside are an error.

    Raises:
        ValueError: If an argument is out of range.
        BackendError: If the library is missing.
    """

    name = "openai"
    derives: ClassVar[dict[str, Derivation]] = {
        "verify": verify_by_question,
        "relate": partial(relate_by_parts, has_depth=False),
    }

    def __init__(
        self,
        model: str,
        base_url: str | None = None,
        *,
        concurrency: int = 16,
        timeout: float = 60.0,
        retries: int = 5,
        max_tokens: int = 64,
        max_tokens_detect: int = 1024,
        box_units: Literal["pixels", "thousandths"] = "thousandths",
    ) -> None:
        try:
            from vispro_gym.endpoint import Endpoint, check_whole
        except ImportError as error:
            raise BackendError(
                f"The openai backend needs the library openai ({error}). Install it: pip install 'vispro-gym[openai]'"
            ) from None
        self._endpoint = Endpoint.at(model, base_url, concurrency, timeout, retries)
        check_whole("max_tokens", max_tokens, least=1)
        check_whole("max_tokens_detect", max_tokens_detect, least=1)
        if box_units not in ("pixels", "thousandths"):
            raise ValueError(f'box_units={box_units!r} is unknown. Expected "pixels" or "thousandths".')
        self._has_served = False
        self._max_tokens = max_tokens
        self._max_tokens_detect = max_tokens_detect
        self._box_units = box_units

    def identity(self, operation: str) -> str:
        """Model, address, prompts, and the options that the operation's results depend on."""
        from vispro_gym.perception.openai.replies import VERSION

        options: dict[str, Any] = {}
        if operation != "detect":
            options["max_tokens"] = self._max_tokens
        if operation in ("detect", "relate"):
            options |= {"max_tokens_detect": self._max_tokens_detect, "box_units": self._box_units}
        return json.dumps({"model": self._endpoint.model, "base_url": self._endpoint.base_url, "prompts": VERSION} | options)

    def answer(self, requests: Sequence[Answer]) -> list[str | PerceptionError]:
        """The model's answers, in a few words, without quotes around them or a full stop.

        Raises:
            BackendError: If the endpoint does not answer or lets nothing through; it holds what was served before.
        """
        from vispro_gym.perception.openai.replies import ask_answer

        return self._serve(requests, ask_answer, self._max_tokens)

    def detect(self, requests: Sequence[Detect]) -> list[list[Box] | PerceptionError]:
        """The boxes that the model writes, in its order, clipped to the part of the picture that it sees.

        Raises:
            BackendError: As `answer`.
        """
        from vispro_gym.perception.openai.replies import ask_boxes

        return self._serve(requests, lambda request: ask_boxes(request, self._box_units), self._max_tokens_detect)

    def verify(self, requests: Sequence[Verify]) -> list[bool | PerceptionError]:
        """Whether the model says yes.

        Raises:
            BackendError: As `answer`.
        """
        return self.derives["verify"](self, requests)

    def relate(self, requests: Sequence[Relate]) -> list[list[Box] | PerceptionError]:
        """The boxes that the model writes and that stand in the relation, by their places or by what the model says.

        Raises:
            BackendError: If the endpoint does not answer or lets nothing through. It holds nothing: no request is wholly served
                before the last question of all.
        """
        return self.derives["relate"](self, requests)

    def similarity(self, requests: Sequence[Similarity]) -> list[list[float] | PerceptionError]:
        """Nothing: such a model gives no scores."""
        return [self._lacking("similarity") for _ in requests]

    def depth(self, requests: Sequence[Depth]) -> list[float | PerceptionError]:
        """Nothing: such a model gives no depths."""
        return [self._lacking("depth") for _ in requests]

    def _lacking(self, operation: str) -> PerceptionError:
        return PerceptionError(
            f"The openai backend serves no {operation}. Compose it with one that does, as in "
            f'"composed(openai(model={self._endpoint.model!r}), {operation}=transformers)".'
        )

    def _serve(self, requests: Sequence[RequestT], asked: Callable[[RequestT], Ask], max_tokens: int) -> list[Any]:
        results = serve_distinct(requests, lambda distinct: self._distinct(distinct, asked, max_tokens))
        failure = next((result for result in results if isinstance(result, BackendError)), None)
        if failure is not None:
            served = [None if isinstance(result, BackendError) else result for result in results]
            raise BackendError(str(failure), served)
        return results

    def _distinct(self, requests: Sequence[RequestT], asked: Callable[[RequestT], Ask], max_tokens: int) -> list[Any]:
        from vispro_gym.perception.openai.batch import ask_all

        asks = [asked(request) for request in requests]
        # Lone surrogates are texts in Python, but not in JSON.
        results: list[Any] = [
            None if _encodes(ask.prompt) else PerceptionError(f"{ask.prompt[:80]!r} is no Unicode text.") for ask in asks
        ]
        servable = [ask for ask, result in zip(asks, results, strict=True) if result is None]
        replies = iter(ask_all(self._endpoint, servable, max_tokens))
        results = [next(replies) if result is None else result for result in results]
        refused = [result for result in results if isinstance(result, PerceptionError)]
        self._has_served = self._has_served or len(refused) < len(results)
        if not self._has_served and len(refused) >= _SUSPICIOUS:
            raise BackendError(
                f"None of {len(refused)} different requests could be served, and none before: that is the set-up rather than the "
                f"requests. The first one: {refused[0]}"
            )
        return results


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
