"""Rewards of captioning: CIDEr-D, how much a caption says of what the references agree on.

Vedantam, Zitnick and Parikh, "CIDEr: Consensus-based image description evaluation" (CVPR 2015), in its variant CIDEr-D, which
does not pay for repeated words and which the COCO evaluation calls CIDEr. Pinto, Kolesnikov, Shi, Beyer and Zhai, "Tuning
computer vision models with task rewards" (ICML 2023), reward captions with it. For a caption c, a reference r and n = 1, ..., 4

    g_n(x)[w]   = (how often the n-gram w is in x) * (ln N - ln max(1, d_w))
    sim_n(c, r) = exp(-(l(c) - l(r))^2 / (2 * 6^2)) * sum over w of min(g_n(c)[w], g_n(r)[w]) * g_n(r)[w] / (|g_n(c)| |g_n(r)|)
    CIDEr-D(c)  = 10 * mean over the references r and over n of sim_n(c, r)

where N pictures have references, and d_w of these have w in one of theirs: `DocumentFrequencies`. l(x) is the number of bigrams,
which is that of words less 1 (of no words: 0), as in pycocoevalcap, whose `Cider` this equals. That scores all pictures at once
and takes N and d from the references of these; here they are an argument, so that one caption can be scored.

The first caption repeats its only reference, whose three words hold no 4-gram: 10 for n = 1, 2, 3, and 0 for n = 4. The second
says one of the two words that tell the pictures apart:

>>> references = [["a red cube"], ["a blue ball"], ["a green cone"]]
>>> frequencies = DocumentFrequencies.of(references)
>>> frequencies
DocumentFrequencies(documents=3, counts={'a': 3})
>>> cider_d(["a red cube", "a blue cube"], references[:2], frequencies).round(6)
array([7.5, 2.5])
>>> tokenize("A man's T-shirt, (red).")
['a', 'man', "'s", 't-shirt', '-lrb-', 'red', '-rrb-']
"""

from __future__ import annotations

import gzip
import json
import math
import os
import re
import uuid
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vispro_gym.datasets.cache import cache_dir
from vispro_gym.datasets.errors import DatasetError, MissingDataError

LONGEST_NGRAM = 4
SIGMA = 6.0

_QUOTES = str.maketrans("‘’“”–—…", "''     ")
_CONTRACTIONS = re.compile(r"(?<=\w)(?=n't\b)|(?<=\w)(?='(?:s|m|d|ll|re|ve)\b)|(?<=\bcan)(?=not\b)")
_TOKEN = re.compile(
    r"\b(?:mrs?|ms|dr|st|jr|sr|vs|etc)\.|\b(?:[^\W\d_]\.){2,}"  # which keep their periods
    r"|n't\b|'(?:s|m|d|ll|re|ve)\b"
    r"|\d+(?:[.,:]\d+)+"
    r"|\w+(?:[-'./&]\w+)*"
    r"|[^\w\s.,:;?!'\"`-]"
)
_BRACKETS = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}


def tokenize(caption: str) -> list[str]:
    """The words of a caption, lower case, without punctuation.

    Follows the COCO evaluation: the PTB tokenizer of Stanford CoreNLP, which needs Java, and the removal of punctuation. So
    contractions are split ("doesn't" to "does", "n't"), hyphens join, brackets become "-lrb-" and the like, and abbreviations
    keep their periods. It differs for what captions rarely hold: web addresses, tags and handles, "gonna" (one word here),
    "no. 5", apostrophes before a word ("'n'"), "?!", and marks between words without a space ("dog?no").

    Args:
        caption: Any text.

    Returns:
        Words without white space; none for a text of punctuation only.
    """
    text = _CONTRACTIONS.sub(" ", caption.lower().translate(_QUOTES))
    return [_BRACKETS.get(token, token) for token in _TOKEN.findall(text)]


@dataclass(frozen=True)
class DocumentFrequencies:
    """In how many documents n-grams occur. A document is all references of a picture.

    Attributes:
        documents: Number of documents, at least 1.
        counts: Number of documents of the n-grams, 1 to 4 words with a space between them, that are in two or more. Those in
            one document count as much as those in none, since ln 1 = 0 = ln max(1, 0).
    """

    documents: int
    counts: Mapping[str, int]

    @classmethod
    def of(cls, references: Iterable[Sequence[str]]) -> DocumentFrequencies:
        """Counts.

        Args:
            references: The references of each picture; words with white space between them, see `tokenize`.

        Raises:
            ValueError: If there is no picture, or one has a text instead of a list of texts.
        """
        counts: Counter[str] = Counter()
        documents = 0
        for some in references:
            if isinstance(some, str):
                raise ValueError(f"a picture has the references {some!r:.80}. Expected a list of texts for each picture.")
            documents += 1
            counts.update({ngram for reference in some for ngrams in _ngrams(reference) for ngram in ngrams})
        if not documents:
            raise ValueError("There are no references. Expected those of at least one picture.")
        return cls(documents, {ngram: count for ngram, count in counts.items() if count > 1})

    def save(self, path: Path) -> None:
        """Writes a file, gzip of JSON, whole or not at all. Its folder has to exist.

        Raises:
            OSError: If the file cannot be written.
        """
        content = json.dumps({"documents": self.documents, "counts": dict(self.counts)}, ensure_ascii=False)
        partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")
        try:
            partial.write_bytes(gzip.compress(content.encode(), mtime=0))
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path) -> DocumentFrequencies:
        """Reads a file that `save` wrote.

        Raises:
            MissingDataError: If it is missing.
            DatasetError: If it is damaged or cannot be read; names the file.
        """
        expected = "Expected the document frequencies of n-grams, as DocumentFrequencies.save writes them."
        try:
            content = json.loads(gzip.decompress(path.read_bytes()))
            documents, counts = content["documents"], content["counts"]
        except FileNotFoundError as error:
            raise MissingDataError(f"{path} is missing. {expected}") from error
        except (OSError, EOFError, zlib.error, ValueError, LookupError, TypeError, RecursionError) as error:
            raise DatasetError(
                f"{path} is damaged or cannot be read: {error}. {expected} Delete it to have it made anew."
            ) from error
        numbers = [documents, *counts.values()] if isinstance(counts, dict) else [None]
        if not all(type(number) is int and 1 <= number <= documents for number in numbers):
            raise DatasetError(f"{path} is damaged: it holds no counts from 1 to that of documents. {expected} Delete it.")
        return cls(documents, counts)

    @classmethod
    def cached(cls, key: str, make: Callable[[], Iterable[Sequence[str]]]) -> DocumentFrequencies:
        """Those of references that were counted before, or counts them and keeps that in `cache_dir()`.

        Args:
            key: Names the data and its version: other references need another key. Letters, digits, ".", "_" and "-".
            make: Gives the references, as for `of`. Called only if nothing is kept.

        Raises:
            ValueError: If the key holds something else, or there is no picture.
            DatasetError: If the file is damaged or cannot be written; names it.
        """
        if not re.fullmatch(r"[A-Za-z0-9._-]+", key):
            raise ValueError(f"key={key!r}. Expected letters, digits, '.', '_' and '-'.")
        path = cache_dir() / "document_frequencies" / f"{key}.json.gz"
        if path.exists():
            return cls.load(path)
        frequencies = cls.of(make())
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            frequencies.save(path)
        except OSError as error:
            raise DatasetError(f"{path} cannot be written: {error}. Set VISPRO_CACHE to a folder that can be written.") from error
        return frequencies


def cider_d(
    captions: Sequence[str], references: Sequence[Sequence[str]], frequencies: DocumentFrequencies
) -> NDArray[np.float64]:
    """CIDEr-D of captions.

    Args:
        captions: One caption for each of B pictures; words with white space between them: `" ".join(tokenize(caption))`.
        references: The references of the same pictures, at least one each; tokenized alike.
        frequencies: Of the references of all pictures of a data set.

    Returns:
        float64 of shape `(B,)`, from 0 to 10; 0 for a caption without words.

    Raises:
        ValueError: If captions and references differ in number, or a picture has no reference.
    """
    if isinstance(captions, str):
        raise ValueError(f"captions={captions!r:.80} is one text. Expected a list of texts, one for each picture.")
    if len(captions) != len(references):
        raise ValueError(f"{len(captions)} captions, references for {len(references)} pictures. Expected as many.")
    scores = np.zeros(len(captions))
    for i, (caption, some) in enumerate(zip(captions, references, strict=True)):
        if not some or isinstance(some, str):
            raise ValueError(f"picture {i} has the references {some!r:.80}. Expected a list of at least one text.")
        vectors = _vectors(caption, frequencies)
        total = sum(_similarity(vectors, _vectors(reference, frequencies)) for reference in some)
        scores[i] = 10 * total / len(some) / LONGEST_NGRAM
    return scores


_Vectors = tuple[list[dict[str, float]], list[float], int]


def _vectors(text: str, frequencies: DocumentFrequencies) -> _Vectors:
    """The tf-idf weights of the n-grams of a text, their norm, both for each n, and the number of bigrams."""
    documents = math.log(frequencies.documents)
    ngrams = _ngrams(text)
    weights = [
        {ngram: count * (documents - math.log(frequencies.counts.get(ngram, 1))) for ngram, count in Counter(some).items()}
        for some in ngrams
    ]
    return weights, [math.sqrt(sum(weight * weight for weight in some.values())) for some in weights], len(ngrams[1])


def _similarity(caption: _Vectors, reference: _Vectors) -> float:
    total = 0.0
    for one, other, norm, other_norm in zip(caption[0], reference[0], caption[1], reference[1], strict=True):
        if norm and other_norm:
            shared = sum(min(weight, other[ngram]) * other[ngram] for ngram, weight in one.items() if ngram in other)
            total += shared / (norm * other_norm)
    return total * math.exp(-((caption[2] - reference[2]) ** 2) / (2 * SIGMA**2))


def _ngrams(text: str) -> list[list[str]]:
    words = text.split()
    return [[" ".join(words[i : i + n]) for i in range(len(words) - n + 1)] for n in range(1, LONGEST_NGRAM + 1)]
