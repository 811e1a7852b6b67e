"""Other scenes for the same query, on which a program has to be right, too.

A wrong program earns a reward on one scene more often than not: a yes/no question has two answers. That it is right on several
scenes whose answers differ is evidence that it does what the query says.

A counterfactual scene of a sample is another picture of its dataset. The target there is what the sample's functional program
(`vispro_gym.programs.experts` translates it) answers there from the annotations, whatever perception the environment has. Only
pictures on which the query makes sense are taken: what it calls "the red cube" must be there once
(`vispro_gym.programs.presuppositions`), nothing it asks for may be unknown, and of two options that it offers exactly one must
hold. These rules hold for the samples' own pictures, too.

Which scenes a sample gets is a function of the dataset, the sample and the seed. Candidates come in a pseudo-random order of the
query's own, those first that also hold what the query does not mean: with a green cube beside the red one, a program that looks
for any cube shows itself. Pictures that hold what the query names take turns with others, and answers take turns, so that no
constant is right on all. The first call reads a thousand pictures, which takes a second or so.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from itertools import chain, islice, zip_longest
from typing import Any

import numpy as np

from vispro_gym.datasets.base import Dataset
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.sample import ImageRef, Sample
from vispro_gym.engine import Engine, Job, Outcome
from vispro_gym.perception.language import UNKNOWN
from vispro_gym.programs.experts import UntranslatableError, translate
from vispro_gym.programs.presuppositions import Presuppositions, presuppositions
from vispro_gym.scene_pool import ScenePool
from vispro_gym.tasks.vqa import answer_text

_FIRST = 100  # samples that are looked at to find out whether a dataset will do
_WINDOW = 64  # pictures of which those that hold more than what is meant are tried first
_CHUNK = 4  # pictures tried at once, beside as many as scenes are wanted
_TRIES = 128  # pictures tried, at most
_TRIES_TO_VARY = 64  # pictures tried, at most, only because all answers so far are alike
_KEPT = 200_000  # queries whose scenes are kept in memory


class CounterfactualScenes:
    """Finds counterfactual scenes, and says which programs are right on them."""

    def __init__(self, dataset: Dataset, engine: Engine, num_scenes: int, seed: int = 0) -> None:
        """Checks that the dataset will do; nothing is searched yet.

        Args:
            dataset: Where pictures are taken from. What a filter, a subset or ids left out of it is not taken.
            engine: Runs the programs in `check`. Its interpreter also runs the experts.
            num_scenes: Number of scenes wanted per sample; there are fewer where fewer are found.
            seed: Chooses other scenes.

        Raises:
            ValueError: If the number of scenes is no positive integer.
            DatasetError: If the samples have no functional programs or the pictures no annotations.
        """
        if isinstance(num_scenes, bool) or not isinstance(num_scenes, int) or num_scenes < 1:
            raise ValueError(f"num_scenes={num_scenes!r} is no number of scenes. Expected a positive integer.")
        self._dataset = dataset
        self._engine = engine
        self._num_scenes = num_scenes
        self._seed = seed
        self._found: dict[str, tuple[tuple[int, str], ...]] = {}
        self._require_programs_and_scenes()

    def samples(self, samples: Sequence[Sample]) -> list[tuple[Sample, ...]]:
        """The counterfactual scenes of samples.

        Args:
            samples: Samples of the dataset.

        Returns:
            For each sample as many samples as scenes were found, up to the number wanted: with another picture and the target
            there, and everything else as it is.
        """
        readings = [_readings(sample) for sample in samples]
        new = {reading[0]: reading for reading in readings if reading and reading[0] not in self._found}
        if new:
            if len(self._found) + len(new) > _KEPT:
                new = {reading[0]: reading for reading in readings if reading}
                self._found.clear()
            self._search([_Search(*reading) for reading in new.values()])
        return [
            tuple(
                replace(sample, images=(self._pool.pictures[picture],), target=target)
                for picture, target in self._choose(sample, self._found[reading[0]])
            )
            if reading
            else ()
            for sample, reading in zip(samples, readings, strict=True)
        ]

    def check(self, jobs: Sequence[Job], outcomes: Sequence[Outcome]) -> list[bool | None]:
        """Says which programs are right on their counterfactual scenes, too.

        Args:
            jobs: Programs and their samples.
            outcomes: What became of them on the samples' own pictures.

        Returns:
            One for each: False for a program that earned nothing or fails on any of its scenes, True for one that is right on all
            of them, and None if no scene was found for the sample.

        Raises:
            BackendError: If the engine's perception cannot serve anything.
        """
        return [verdict for verdict, _ in self.verdicts(jobs, outcomes)]

    def verdicts(self, jobs: Sequence[Job], outcomes: Sequence[Outcome]) -> list[tuple[bool | None, int]]:
        """As `check`, each with the number of scenes that the program was run on."""
        rewarded = [i for i, outcome in enumerate(outcomes) if outcome.reward]
        scenes = dict(zip(rewarded, self.samples([jobs[i].sample for i in rewarded]), strict=True))
        elsewhere = self._engine.run_here([Job(jobs[i].text, scene) for i in rewarded for scene in scenes[i]])
        results = iter(elsewhere)
        right: dict[int, bool] = {i: all([outcome.reward for outcome in islice(results, len(scenes[i]))]) for i in rewarded}
        return [
            (False, 0) if i not in scenes else (right[i] if scenes[i] else None, len(scenes[i])) for i in range(len(outcomes))
        ]

    def _require_programs_and_scenes(self) -> None:
        here = f"{self._dataset.name} {self._dataset.split} in {self._dataset.location.root}"
        has_program = has_scene = False
        for position in range(min(_FIRST, len(self._dataset))):
            with contextlib.suppress(DatasetError):  # damaged records are told of when they are asked
                sample = self._dataset.sample(position)
                has_program = has_program or bool(_readings(sample))
                has_scene = has_scene or sample.images[0].scene is not None
                if has_program and has_scene:
                    return
        what = "pictures have no scene annotations" if has_program else "samples have no functional programs"
        raise DatasetError(
            f"num_scenes needs functional programs and annotated pictures, but in {here} the {what}. "
            "Expected CLEVR or GQA, train or val; or num_scenes=0."
        )

    @cached_property
    def _pool(self) -> ScenePool:
        return ScenePool(self._dataset, self._seed)

    def _search(self, searches: list[_Search]) -> None:
        """Finds scenes for several queries, in lock-step."""
        pictures = self._pool.pictures
        for search in searches:
            search.candidates = self._candidates(search)
        waiting = searches
        while waiting:
            chunks = [list(islice(search.candidates, search.room(self._num_scenes))) for search in waiting]
            runs = [(search, picture) for search, chunk in zip(waiting, chunks, strict=True) for picture in chunk]
            answers = self._answers([(search.facts.probe, pictures[picture]) for search, picture in runs])
            both = [i for i, (search, _) in enumerate(runs) if search.other and answers[i] is not None]
            again = self._answers([(runs[i][0].other, pictures[runs[i][1]]) for i in both])
            for i, answer in zip(both, again, strict=True):
                answers[i] = answer if answer == answers[i] else None
            for (search, picture), answer in zip(runs, answers, strict=True):
                if answer is not None:
                    search.fits.append((picture, answer))
            for search, chunk in zip(waiting, chunks, strict=True):
                search.tries += len(chunk)
            waiting = [
                search for search, chunk in zip(waiting, chunks, strict=True) if chunk and search.room(self._num_scenes) > 0
            ]
        self._found |= {search.source: tuple(search.fits) for search in searches}

    def _answers(self, runs: Sequence[tuple[str, ImageRef]]) -> list[str | None]:
        """What probes answer on pictures; None where the picture does not fit."""
        reference = Engine(self._engine.task, self._pool.oracle, self._engine.interpreter)
        outcomes = reference.run_here([Job(probe, Sample("", "", (image,), "")) for probe, image in runs])
        return [_answer(outcome) for outcome in outcomes]

    def _candidates(self, search: _Search) -> Iterator[int]:
        """Pictures that may fit, in the order in which they are tried."""
        digest = blake2b(f"{self._seed}\n{search.source}".encode(), digest_size=8).digest()
        order = np.random.default_rng(int.from_bytes(digest)).permutation(len(self._pool.pictures))
        counts = self._pool.counts
        fits = np.ones(len(order), bool)
        for look in search.facts.looks:
            if look.subject is None:
                fits &= look.allows(counts(look.name))
        named = np.zeros(len(order), bool)
        for phrases in search.phrases:
            named |= np.all([counts(phrase) > 0 for phrase in phrases] or [fits], axis=0)
        distractors = np.zeros(len(order), np.int64)
        for phrase in dict.fromkeys(chain.from_iterable(search.phrases)):
            for looser in _looser(phrase):
                distractors += counts(looser) > counts(phrase)
        order = order[fits[order]]
        for start in range(0, len(order), _WINDOW):
            window = order[start : start + _WINDOW]
            window = window[np.argsort(-distractors[window], kind="stable")]
            for picture in chain.from_iterable(zip_longest(window[named[window]].tolist(), window[~named[window]].tolist())):
                if picture is not None and self._pool.holds(picture, search.facts.looks):
                    yield picture

    def _choose(self, sample: Sample, fits: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
        """Scenes whose answers differ: the answers take turns in the order found, that of the own picture last."""
        own = {image.image_id for image in sample.images}
        groups: dict[str, list[tuple[int, str]]] = {}
        for picture, target in fits:
            if self._pool.pictures[picture].image_id not in own:
                groups.setdefault(target, []).append((picture, target))
        ordered = sorted(groups, key=lambda target: target == sample.target)
        turns = chain.from_iterable(zip_longest(*(groups[target] for target in ordered)))
        return list(islice((fit for fit in turns if fit is not None), self._num_scenes))


@dataclass
class _Search:
    """The search for scenes for one query.

    Attributes:
        source: The functional program, translated.
        other: The same question with its options in the other order; empty if it has none. Both have to agree.
        facts: What the program takes for granted.
        phrases: What the program names, and what the other one does.
        candidates: Pictures not tried yet.
        fits: Pictures that fit, and the targets there.
        tries: Number of pictures tried.
    """

    source: str
    other: str
    facts: Presuppositions = field(init=False)
    phrases: list[tuple[str, ...]] = field(init=False)
    candidates: Iterator[int] = field(default_factory=lambda: iter(()))
    fits: list[tuple[int, str]] = field(default_factory=list)
    tries: int = 0

    def __post_init__(self) -> None:
        self.facts = presuppositions(self.source)
        self.phrases = [self.facts.phrases, *([presuppositions(self.other).phrases] if self.other else [])]

    def room(self, num_scenes: int) -> int:
        """How many pictures to try next; 0 if enough has been found or tried. One scene more than wanted may be the own one."""
        targets = Counter(target for _, target in self.fits)
        limit = _TRIES
        if len(self.fits) > num_scenes:
            most = max(targets.values())
            if len(self.fits) - most >= (num_scenes + 1) // 2:
                return 0
            limit = _TRIES_TO_VARY
        return max(0, min(num_scenes + _CHUNK, limit - self.tries))


def _looser(phrase: str) -> list[str]:
    """The phrase with one word left out, or anything in place of its noun."""
    *adjectives, noun = phrase.split(" ")
    return [
        " ".join([*adjectives, "object"]),
        *(" ".join([*adjectives[:i], *adjectives[i + 1 :], noun]) for i in range(len(adjectives))),
    ]


def _answer(outcome: Outcome) -> str | None:
    text = answer_text(outcome.answer)
    if text is None or text in ("", UNKNOWN) or any(step.result == UNKNOWN for step in outcome.calls):
        return None
    return text


def _readings(sample: Sample) -> tuple[str, str] | None:
    """The sample's functional program as source, and that with the options in the other order (empty without options).

    None if there are no scenes for such samples: several pictures, a target that is no text, no functional program.
    """
    nodes = sample.functional_program
    if not nodes or len(sample.images) != 1 or not isinstance(sample.target, str):
        return None
    try:
        general = replace(sample, expert_program=None)  # a program of the folder may be right on its own picture alone
        other = _other_order(nodes[-1])
        swapped = translate(replace(general, functional_program=(*nodes[:-1], other))) if other else ""
        return translate(general), swapped
    except UntranslatableError:
        return None


def _other_order(node: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """GQA's question "is it A or B" as "is it B or A": where both hold, or none, its program answers by the order."""
    if not str(node.get("operation", "")).startswith("choose"):
        return None
    argument, options = re.subn(r"([^,|]+)\|([^,|(]+)", r"\2|\1", str(node["argument"]))
    return {**node, "argument": argument} if options else {**node, "dependencies": node["dependencies"][::-1]}
