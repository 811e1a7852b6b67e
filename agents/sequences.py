"""Answers of vision tasks as sequences of tokens, for models that write them token by token.

A codec turns an answer (an action of a `TaskReward-*` environment) into tokens and back. Where only some tokens make sense
at a position, the others have probability zero, in training and in drawing: no probability is spent on what could not be read.

    boxes      top left bottom right class confidence, six tokens per box, then the end (the order of the paper's released code)
    segments   one token per cell of a grid, row by row: a category, and for things the number of the instance
    chroma     one token per cell of a grid: one of a palette of colours
    captions   words, then the end
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vispro_agents.errors import UsageError

START, END = 0, 1
"""The token that every sequence continues, and the one that ends it and fills it up. Some decoders take 1 for padding."""
_FIRST = 2


class Codec(ABC):
    """Answers as tokens.

    Attributes:
        length: Length of the longest sequence.
        vocabulary: Number of tokens.
        end: Token that ends a sequence and fills it up.
        start: Token before the first.
        allowed: bool of shape `(length, vocabulary)`: which tokens may stand at a position. After the end, there is only the end.
        supervised: bool of shape `(length,)`: the positions whose tokens say how sure the model is, rather than what it answers.
    """

    length: int
    vocabulary: int
    end: int = END
    start: int = START
    allowed: NDArray[np.bool_]
    supervised: NDArray[np.bool_]

    @abstractmethod
    def encode(self, answer: Any, rng: random.Random) -> list[int]:
        """The tokens of an answer, at most `length`; where several sequences say the same, a random one."""

    @abstractmethod
    def decode(self, tokens: Sequence[int], probs: NDArray[np.float32]) -> Any:
        """The answer that tokens stand for.

        Args:
            tokens: The tokens, with the end or without.
            probs: Probability of each.
        """

    def text(self, tokens: Sequence[int]) -> str:
        """What is written into logs for people to read; nothing where tokens are numbers."""
        return ""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """The arguments that make an equal codec, as JSON."""


BOX_TOKENS = 6
_LABEL, _CONFIDENCE = 4, 5


class BoxCodec(Codec):
    """Boxes, each as its top, left, bottom and right edge, its label, and whether it is right.

    Args:
        size: Side of the picture in pixels.
        labels: Number of labels.
        bins: Number of tokens for coordinates.
        most: Boxes that a sequence holds at most; of an annotation with more, a random choice is encoded.
        is_confident: Whether confidences have been learned. Annotations do not teach them: every annotated box is right.
    """

    def __init__(self, size: int, labels: int, bins: int = 64, most: int = 8, is_confident: bool = False) -> None:
        self.size, self.labels, self.bins, self.most = size, labels, bins, most
        self.is_confident = is_confident
        self.length = BOX_TOKENS * most + 1
        self._label = _FIRST + bins
        self._sure = self._label + labels  # and the token before the last, "wrong"; the last is "right"
        self.vocabulary = self._sure + 2
        self.allowed = np.zeros((self.length, self.vocabulary), np.bool_)
        part = np.arange(self.length) % BOX_TOKENS
        self.allowed[part < _LABEL, _FIRST : self._label] = True
        self.allowed[part == _LABEL, self._label : self._sure] = True
        self.allowed[part == _CONFIDENCE, self._sure :] = True
        self.allowed[part == 0, END] = True
        self.allowed[-1] = np.arange(self.vocabulary) == END
        self.supervised = part == _CONFIDENCE

    def encode(self, answer: Any, rng: random.Random) -> list[int]:
        """The tokens of boxes, in random order: none of their orders is more right than another."""
        boxes = rng.sample(list(answer), min(self.most, len(answer)))
        tokens: list[int] = []
        for item in boxes:
            left, top, right, bottom = item["box"]
            tokens += [self._bin(edge) for edge in (top, left, bottom, right)]
            tokens += [self._label + int(item["label"]), self._sure + 1]
        return [*tokens, END]

    def decode(self, tokens: Sequence[int], probs: NDArray[np.float32]) -> tuple[dict[str, Any], ...]:
        """Boxes; the score of one is the probability of its label, times that of being right where that has been learned."""
        boxes = []
        for start in range(0, len(tokens) - BOX_TOKENS + 1, BOX_TOKENS):
            part = tokens[start : start + BOX_TOKENS]
            if END in part:
                break
            top, left, bottom, right = ((token - _FIRST + 0.5) * self.size / self.bins for token in part[:_LABEL])
            score = float(probs[start + _LABEL])
            if self.is_confident:
                sure = float(probs[start + _CONFIDENCE])
                score *= sure if part[_CONFIDENCE] == self._sure + 1 else 1.0 - sure
            boxes.append(
                {
                    "box": np.array([left, top, right, bottom], np.float32),
                    "label": np.int64(part[_LABEL] - self._label),
                    "score": np.array(min(1.0, score), np.float32),
                }
            )
        return tuple(boxes)

    def confidence_targets(self, targets: Sequence[float]) -> NDArray[np.float32]:
        """What confidence tokens should say.

        Args:
            targets: How right each box of the answer is, from 0 to 1; at most `most` numbers.

        Returns:
            float32 of shape `(length, vocabulary)`: a distribution of tokens at the positions of confidences, else zeros.
        """
        wanted = np.zeros((self.length, self.vocabulary), np.float32)
        places = np.flatnonzero(self.supervised)[: len(targets)]
        wanted[places, self._sure + 1] = targets
        wanted[places, self._sure] = 1.0 - np.asarray(targets)
        return wanted

    @property
    def coordinates(self) -> slice:
        """The tokens of edges, in ascending order."""
        return slice(_FIRST, self._label)

    @property
    def confidences(self) -> slice:
        """The tokens "wrong" and "right"."""
        return slice(self._sure, self._sure + 2)

    def settings(self) -> dict[str, Any]:
        """See `Codec.settings`."""
        sizes = {"size": self.size, "labels": self.labels, "bins": self.bins, "most": self.most}
        return {**sizes, "is_confident": self.is_confident}

    def _bin(self, edge: float) -> int:
        return _FIRST + min(self.bins - 1, max(0, int(edge * self.bins / self.size)))


class SegmentCodec(Codec):
    """A label map and a map of instances, as a grid of cells.

    This is a small decoder of grids, unlike the paper's UViM, which has a learned code for whole maps and a second network that
    reads it. Segments thinner than a cell are lost.

    Args:
        size: Side of the picture in pixels.
        stuff: Labels without instances; 0 is no label.
        things: Labels with instances.
        grid: Cells per side.
        most: Instances of one label that are told apart; further ones have no label.
    """

    def __init__(self, size: int, stuff: Sequence[int], things: Sequence[int], grid: int = 12, most: int = 3) -> None:
        self.size, self.grid, self.most = size, grid, most
        self.stuff, self.things = list(stuff), list(things)
        pairs = [
            (0, 0),
            *((label, 0) for label in self.stuff),
            *((label, i) for label in self.things for i in range(1, most + 1)),
        ]
        self._pairs = np.array(pairs, np.int32)
        self._token = {pair: _FIRST + i for i, pair in enumerate(pairs)}
        self.length = grid * grid
        self.vocabulary = _FIRST + len(pairs)
        self.allowed = np.broadcast_to(np.arange(self.vocabulary) >= _FIRST, (self.length, self.vocabulary))
        self.supervised = np.zeros(self.length, np.bool_)

    def encode(self, answer: Any, rng: random.Random) -> list[int]:
        """The tokens of the middles of cells."""
        labels, segments = (self._cells(np.asarray(answer[key])) for key in ("labels", "segments"))
        numbers: dict[tuple[int, int], int] = {}  # instances of a label are counted in reading order
        count: dict[int, int] = {}
        tokens = []
        for label, segment in zip(labels.ravel().tolist(), segments.ravel().tolist(), strict=True):
            if label in self.things:
                if (label, segment) not in numbers:
                    numbers[label, segment] = count[label] = count.get(label, 0) + 1
                tokens.append(self._token.get((label, numbers[label, segment]), _FIRST))
            else:
                tokens.append(self._token.get((label, 0), _FIRST))
        return tokens

    def decode(self, tokens: Sequence[int], probs: NDArray[np.float32]) -> dict[str, NDArray[np.int32]]:
        """The maps, each cell as a square of pixels."""
        pairs = self._pairs[np.array(tokens) - _FIRST].reshape(self.grid, self.grid, 2)
        places = np.arange(self.size) * self.grid // self.size
        full = pairs[places][:, places]
        return {"labels": np.ascontiguousarray(full[..., 0]), "segments": np.ascontiguousarray(full[..., 1])}

    def settings(self) -> dict[str, Any]:
        """See `Codec.settings`."""
        return {"size": self.size, "stuff": self.stuff, "things": self.things, "grid": self.grid, "most": self.most}

    def _cells(self, full: NDArray[Any]) -> NDArray[Any]:
        """The value in the middle of each cell."""
        middles = ((np.arange(self.grid) + 0.5) * self.size / self.grid).astype(int)
        cells: NDArray[Any] = full[middles][:, middles]
        return cells


_HUES, _CHROMAS = 12, (12.0, 30.0, 55.0)


class ChromaCodec(Codec):
    """The chroma of a picture, as a grid of cells with one of 37 colours each: grey, or one of twelve hues in three strengths.

    Args:
        size: Side of the picture in pixels.
        grid: Cells per side.
    """

    def __init__(self, size: int, grid: int = 8) -> None:
        self.size, self.grid = size, grid
        angles = 2 * np.pi * np.arange(_HUES) / _HUES
        around = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
        self._palette = np.concatenate([np.zeros((1, 2)), *(chroma * around for chroma in _CHROMAS)]).astype(np.float32)
        self.length = grid * grid
        self.vocabulary = _FIRST + len(self._palette)
        self.allowed = np.broadcast_to(np.arange(self.vocabulary) >= _FIRST, (self.length, self.vocabulary))
        self.supervised = np.zeros(self.length, np.bool_)

    def encode(self, answer: Any, rng: random.Random) -> list[int]:
        """The colour of the palette that is nearest to the mean of each cell."""
        cells = self._resized(np.asarray(answer, np.float32), self.grid, Image.Resampling.BOX).reshape(-1, 1, 2)
        nearest = ((cells - self._palette) ** 2).sum(-1).argmin(-1)
        return [_FIRST + int(i) for i in nearest]

    def decode(self, tokens: Sequence[int], probs: NDArray[np.float32]) -> NDArray[np.float32]:
        """The chroma, float32 of shape `(size, size, 2)`, blended between the middles of cells."""
        cells = self._palette[np.array(tokens) - _FIRST].reshape(self.grid, self.grid, 2)
        return self._resized(cells, self.size, Image.Resampling.BILINEAR)

    def settings(self) -> dict[str, Any]:
        """See `Codec.settings`."""
        return {"size": self.size, "grid": self.grid}

    @staticmethod
    def _resized(chroma: NDArray[np.float32], side: int, how: Image.Resampling) -> NDArray[np.float32]:
        planes = [Image.fromarray(np.ascontiguousarray(chroma[..., i])).resize((side, side), how) for i in range(2)]
        return np.stack([np.asarray(plane, np.float32) for plane in planes], axis=-1)


class CaptionCodec(Codec):
    """Captions, in the tokens of a tokenizer.

    Args:
        tokenizer: Of transformers. `word_tokenizer` makes one for a model without pretraining.
        length: Tokens of the longest caption, the end among them; longer ones are cut.
    """

    def __init__(self, tokenizer: Any, length: int = 24) -> None:
        self.tokenizer = tokenizer
        self.length = length
        ends = [token for token in (tokenizer.eos_token_id, tokenizer.sep_token_id) if token is not None]
        if not ends:
            raise UsageError("The decoder's tokenizer has no token that ends a text. Expected one with eos_token or sep_token.")
        starts = [token for token in (tokenizer.bos_token_id, tokenizer.cls_token_id) if token is not None]
        self.end, self.start = int(ends[0]), int((starts or ends)[0])
        self.vocabulary = len(tokenizer)
        allowed = np.ones((length, self.vocabulary), np.bool_)
        self._special = frozenset(tokenizer.all_special_ids)
        allowed[:, [token for token in self._special if token != self.end]] = False
        allowed[-1] = np.arange(self.vocabulary) == self.end
        self.allowed = allowed
        self.supervised = np.zeros(length, np.bool_)

    def encode(self, answer: Any, rng: random.Random) -> list[int]:
        """The tokens of a caption, cut if it is too long. Words that the tokenizer does not know are left out."""
        tokens = self.tokenizer.encode(answer, add_special_tokens=False)
        return [*[token for token in tokens if token not in self._special][: self.length - 1], self.end]

    def decode(self, tokens: Sequence[int], probs: NDArray[np.float32]) -> str:
        """The caption."""
        return self.text(tokens)

    def text(self, tokens: Sequence[int]) -> str:
        """The caption."""
        return str(self.tokenizer.decode([token for token in tokens if token != self.end], skip_special_tokens=True)).strip()

    def settings(self) -> dict[str, Any]:
        """See `Codec.settings`."""
        return {"length": self.length}
