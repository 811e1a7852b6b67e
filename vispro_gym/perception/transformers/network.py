"""What all models share: running one, putting equal shapes into one batch, and remembering what was computed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from PIL import Image

from vispro_gym.perception.protocol import BackendError, PerceptionError
from vispro_gym.perception.transformers.loading import Checkpoint

Tensors = dict[str, torch.Tensor]

_MEMORY = 256 * 2**20  # bytes
_MAX_CHARACTERS = 2000
_HELD_BATCHES = 4

_Item = TypeVar("_Item")


class Network:
    """A loaded model and its processor.

    Attributes:
        passes: How many forward passes there were. Generating a batch of answers counts as one.
    """

    def __init__(self, checkpoint: Checkpoint, auto_class: str, batch_size: int) -> None:
        self.source = checkpoint.source
        self.config = checkpoint.config
        self.model, self.processor = checkpoint.load(auto_class)
        self.batch_size = batch_size
        self.passes = 0
        self._reserved = _reserved(self.processor)
        self.try_out(lambda plain: self.looked_at(plain))

    def try_out(self, prepare: Callable[[Image.Image], object]) -> None:
        """Prepares a plain picture, so that a processor that fails on every picture is not blamed on the parts that programs see.

        Raises:
            BackendError: If that fails.
        """
        try:
            prepare(Image.new("RGB", (64, 64), (128, 128, 128)))
        except (PerceptionError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise BackendError(
                f"The processor of {self.source!r} cannot prepare even a plain grey picture: {error}. Its files do not fit the "
                "model; fetch them again."
            ) from error

    def run(self, function: Callable[..., Any], **tensors: Any) -> Any:
        """One forward pass: tensors go to the model's device, floating ones in its number format.

        Raises:
            BackendError: If the memory of the device does not suffice.
        """
        self.passes += 1
        try:
            with torch.inference_mode():
                return function(**{name: self.placed(value) for name, value in tensors.items()})
        except torch.OutOfMemoryError as error:
            raise BackendError(
                f"The memory of {self.model.device} does not suffice for a batch of {self.batch_size} with {self.source!r}. Use "
                "a smaller batch_size, dtype='bfloat16' or a smaller model."
            ) from error

    def placed(self, value: Any) -> Any:
        """A tensor on the model's device, in its number format if it is floating; anything else as it is."""
        if not isinstance(value, torch.Tensor):
            return value
        return value.to(self.model.device, self.model.dtype if value.is_floating_point() else None)

    def looked_at(self, part: Image.Image) -> Tensors:
        """A part of a picture as the model takes it, a batch of one.

        Raises:
            PerceptionError: If it is too narrow for the model.
        """
        image_processor = getattr(self.processor, "image_processor", self.processor)
        with self.narrow(part):
            return dict(image_processor(part, return_tensors="pt"))

    @contextmanager
    def narrow(self, part: Image.Image) -> Iterator[None]:
        """Turns what processors say about parts with (almost) no width or height into an error of the request."""
        try:
            yield
        except (ValueError, ZeroDivisionError) as error:
            raise self.too_narrow(part, error) from error

    def too_narrow(self, part: Image.Image, error: Exception) -> PerceptionError:
        """What to say of a part with (almost) no width or height."""
        width, height = part.size
        return PerceptionError(
            f"{self.source!r} cannot look at a part of {width} by {height} pixels ({error}). Look at a larger or less narrow one."
        )

    def _refusal(self, text: str) -> PerceptionError | None:
        """Why a text of a program cannot be given to the model; None if it can.

        Tokens that stand for pictures, turns or the end of a text are the processor's business: a program that writes them
        could change what other requests of its batch see, or stop it.
        """
        if len(text) > _MAX_CHARACTERS:
            return PerceptionError(
                f"A text of {len(text)} characters is too long, at most {_MAX_CHARACTERS} are read. Shorten it."
            )
        for token in self._reserved:
            if token in text:
                return PerceptionError(f"The text {text!r} contains {token!r}, which the model reserves. Leave it out.")
        return None

    def too_long(self, text: str, limit: int) -> PerceptionError | None:
        """Why a text cannot be given to a model that reads so many tokens at most; None if it can."""
        if error := self._refusal(text):
            return error
        tokens = len(self.processor.tokenizer(text, verbose=False)["input_ids"])  # not verbose: this is where it is checked
        if tokens <= limit:
            return None
        return PerceptionError(
            f"The text {text[:40]!r}... has {tokens} tokens, and {self.source!r} reads at most {limit}. Shorten it."
        )


def _reserved(processor: Any) -> tuple[str, ...]:
    """Tokens that have a meaning of their own in the texts of a model: ends, turns, places of pictures."""
    tokenizer = getattr(processor, "tokenizer", None)
    if tokenizer is None:
        return ()
    tokens = [token.content for token in tokenizer.added_tokens_decoder.values() if token.special]
    image = getattr(processor, "image_token", None)
    return tuple(dict.fromkeys([*tokens, *([str(image)] if image else [])]))


def in_batches(items: Iterable[tuple[_Item, Tensors]], size: int) -> Iterator[list[tuple[_Item, Tensors]]]:
    """Batches of items whose tensors have equal shapes, so that none is padded and none depends on its neighbours.

    Items are drawn as they are needed: at most a few batches of them are held at a time.
    """
    waiting: dict[Any, list[tuple[_Item, Tensors]]] = {}
    held = 0
    for item, tensors in items:
        shape = tuple((name, tensor.shape) for name, tensor in sorted(tensors.items()))
        waiting.setdefault(shape, []).append((item, tensors))
        held += 1
        if len(waiting[shape]) == size:
            full = shape
        elif held == _HELD_BATCHES * size:
            full = max(waiting, key=lambda key: len(waiting[key]))
        else:
            continue
        held -= len(waiting[full])
        yield waiting.pop(full)
    yield from waiting.values()


def joined(batch: Iterable[Tensors]) -> Tensors:
    """Tensors of several items as one batch."""
    batch = list(batch)
    return {name: torch.cat([tensors[name] for tensors in batch]) for name in batch[0]}


class Memory:
    """What was computed of pictures and texts, up to a number of bytes; what was not used for longest is forgotten."""

    def __init__(self, limit: int = _MEMORY) -> None:
        self._limit = limit
        self._held = 0
        self._entries: OrderedDict[Any, Tensors] = OrderedDict()

    def get(self, key: Any) -> Tensors | None:
        """What is remembered under a key, None if nothing is."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def put(self, key: Any, entry: Tensors) -> None:
        """Remembers tensors; copies them, since a row of a batch would hold the whole batch."""
        self._held += _bytes(entry) - _bytes(self._entries.pop(key, {}))
        self._entries[key] = {name: tensor.clone() for name, tensor in entry.items()}
        while self._held > self._limit:
            self._held -= _bytes(self._entries.popitem(last=False)[1])


def _bytes(entry: Tensors) -> int:
    return sum(tensor.nbytes for tensor in entry.values())
