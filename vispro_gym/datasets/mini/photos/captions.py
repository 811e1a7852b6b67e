"""Captions that are true of a photo, and captions that differ in one thing and are false, in the seven ways of SugarCREPE.

A caption says which things a photo shows, or how two of them are placed, and mostly where the photo was taken. The place cannot
be checked by programs, because annotations in the way of COCO do not tell it: it is always true.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import NamedTuple

from vispro_gym.datasets.mini.photos.claims import (
    OPPOSITE,
    Claim,
    Counts,
    Relates,
    Shows,
    Thing,
    all_hold,
    check_expression,
    check_program,
    clearly,
)
from vispro_gym.datasets.mini.photos.pictures import COLORS, Photo
from vispro_gym.datasets.mini.photos.scenery import common_absent, pointed
from vispro_gym.datasets.mini.photos.wording import PLACES, enumeration, number, sentence, with_article

FOILS = ("swap_obj", "swap_att", "replace_obj", "replace_att", "replace_rel", "add_obj", "add_att")
"""The ways in which a caption can be made wrong, by the names of SugarCREPE's files."""
_MOST_MENTIONS = 4
_OPENINGS = ("", "", "", "a picture of", "a photo of")


@dataclass(frozen=True)
class Mention:
    """What a caption says is there: "a red cup", "two chairs"."""

    thing: Thing
    count: int = 1

    @property
    def text(self) -> str:
        """The noun phrase."""
        return with_article(self.thing.phrase) if self.count == 1 else f"{number(self.count)} {self.thing.phrases}"

    @property
    def claim(self) -> Claim:
        """What has to hold. "A cup" does not say that there is no other."""
        return Shows(self.thing) if self.count == 1 else Counts(self.thing, self.count)


@dataclass(frozen=True)
class Caption:
    """A caption and what it says.

    Attributes:
        mentions: The things, one or more; exactly two single ones if there is a relation.
        relation: How the first is placed to the second, a key of `vispro_gym.datasets.mini.photos.claims.OPPOSITE`; "" for a
            caption that only says what is there.
        setting: Where the photo was taken, "in a kitchen", or "".
        opening: How the sentence begins, "a picture of", or "".
    """

    mentions: tuple[Mention, ...]
    relation: str = ""
    setting: str = ""
    opening: str = ""

    @property
    def text(self) -> str:
        """The caption as a sentence."""
        phrases = [mention.text for mention in self.mentions]
        content = f" {self.relation} ".join(phrases) if self.relation else enumeration(phrases)
        return sentence(f"{self.opening} {content} {self.setting}".strip())

    @property
    def claims(self) -> tuple[Claim, ...]:
        """All that has to hold, for `holds` and for programs."""
        if self.relation:
            first, second = self.mentions
            return (Relates(first.thing, self.relation, second.thing),)
        return tuple(mention.claim for mention in self.mentions)

    def holds(self, photo: Photo) -> bool:
        """Whether it is true of a photo, the place aside."""
        return all_hold(self.claims, photo)

    def condition(self, patch: str = "image_patch") -> str:
        """Python expression that checks it on the patch of a whole picture."""
        return check_expression(self.claims, patch)

    @property
    def program(self) -> str:
        """A program for one picture that says "yes" if the caption is true of it, else "no"."""
        return check_program(self.claims)


def captions(photo: Photo, rng: Random, count: int = 5) -> list[Caption]:
    """True captions of a photo, no two alike.

    Args:
        photo: The photo.
        rng: Source of all choices.
        count: How many; fewer if there is not so much to say.
    """
    pool = [*_placed(photo), *_listed(photo, rng, 4 * count)]
    rng.shuffle(pool)
    found: dict[str, Caption] = {}
    for caption in pool:
        setting = PLACES[photo.place] if rng.random() < 0.6 else ""
        caption = replace(caption, setting=setting, opening=rng.choice(_OPENINGS))
        found.setdefault(caption.text, caption)
    return list(found.values())[:count]


def _placed(photo: Photo) -> Iterator[Caption]:
    """How two things are placed; with its color where one is known, both ways or for one of the two."""
    marks = pointed(photo)
    for a in marks:
        for b in marks:
            if a.phrase.category == b.phrase.category:
                continue
            for relation in OPPOSITE:
                if clearly(a.thing, relation, b.thing):
                    yield Caption((Mention(a.phrase), Mention(b.phrase)), relation)
                    if a.thing.color and b.thing.color:
                        first, second = Thing(a.phrase.category, a.thing.color), Thing(b.phrase.category, b.thing.color)
                        yield Caption((Mention(first), Mention(second)), relation)


def _listed(photo: Photo, rng: Random, count: int) -> Iterator[Caption]:
    """What is there."""
    options: list[list[Mention]] = []
    for category in photo.categories:
        things = photo.of(category)
        colors = {thing.color for thing in things}
        mentions = [Mention(Thing(category), len(things))]
        if len(colors) == 1 and "" not in colors:
            mentions.append(Mention(Thing(category, things[0].color), len(things)))
        options.append(mentions)
    for _ in range(count):
        chosen = rng.sample(options, rng.randint(min(2, len(options)), min(_MOST_MENTIONS, len(options))))
        yield Caption(tuple(rng.choice(mentions) for mentions in chosen))


class Foil(NamedTuple):
    """A wrong caption: the kind of change, one of `FOILS`, and what came of it."""

    kind: str
    caption: Caption


def foils(photo: Photo, caption: Caption, rng: Random, kinds: Sequence[str] = FOILS) -> list[Foil]:
    """Captions that differ from a true one in one thing and are false of the photo, at most one of each kind.

    Args:
        photo: The photo.
        caption: What is true of it.
        rng: Source of all choices.
        kinds: Some of `FOILS`. Not every kind of change can be made to every caption.
    """
    if unknown := set(kinds).difference(FOILS):
        raise ValueError(f"There are no wrong captions of the kinds {sorted(unknown)}. Expected some of: {', '.join(FOILS)}.")
    found = []
    for kind in kinds:
        options = [option for option in _changed(photo, caption, kind, rng) if not option.holds(photo)]
        if options:
            found.append(Foil(kind, rng.choice(options)))
    return found


def _changed(photo: Photo, caption: Caption, kind: str, rng: Random) -> Iterator[Caption]:
    """Captions that differ in one thing, some of which may be true by chance."""
    mentions = caption.mentions
    unseen = common_absent(photo)
    if kind == "swap_obj" and caption.relation:
        yield replace(caption, mentions=mentions[::-1])
    elif kind == "swap_att":
        for i, a in enumerate(mentions):
            for j in range(i):
                b = mentions[j]
                if a.thing.color and b.thing.color and a.thing.color != b.thing.color:
                    swapped = _recolored(caption, i, b.thing.color)
                    yield _recolored(swapped, j, a.thing.color)
    elif kind == "replace_obj":
        for i, mention in enumerate(mentions):
            thing = replace(mention.thing, category=rng.choice(unseen))
            yield _with(caption, i, replace(mention, thing=thing))
    elif kind == "replace_rel" and caption.relation:
        yield replace(caption, relation=OPPOSITE[caption.relation])
    elif kind == "add_obj" and not caption.relation:
        yield replace(caption, mentions=(*mentions, Mention(Thing(rng.choice(unseen)))))
    elif kind in ("replace_att", "add_att"):
        for i, mention in enumerate(mentions):
            known = [thing.color for thing in photo.of(mention.thing.category)]
            if all(known) and bool(mention.thing.color) == (kind == "replace_att"):
                yield _recolored(caption, i, rng.choice([color for color in COLORS if color not in known]))


def _with(caption: Caption, index: int, mention: Mention) -> Caption:
    return replace(caption, mentions=(*caption.mentions[:index], mention, *caption.mentions[index + 1 :]))


def _recolored(caption: Caption, index: int, color: str) -> Caption:
    mention = caption.mentions[index]
    return _with(caption, index, replace(mention, thing=replace(mention.thing, color=color)))


class OppositePair(NamedTuple):
    """Two captions of the same words, each true of one photo and false of the other."""

    captions: tuple[Caption, Caption]
    photos: tuple[Photo, Photo]


def opposite_pairs(photos: Sequence[Photo]) -> list[OppositePair]:
    """All pairs of photos in which two things are placed the other way round, in the way of Winoground.

    Caption 0 is true of photo 0 only, caption 1 of photo 1 only, and both are of the same words. No photo and no pair of
    categories occurs twice.
    """
    placed: dict[Caption, list[Photo]] = {}
    for photo in photos:
        for caption in _placed(photo):
            placed.setdefault(caption, []).append(photo)
    used: set[int] = set()
    found = []
    told: set[frozenset[str]] = set()
    for caption, there in placed.items():
        reverse = replace(caption, mentions=caption.mentions[::-1])
        about = frozenset(mention.thing.category for mention in caption.mentions)
        first = next((photo for photo in there if photo.image_id not in used and not reverse.holds(photo)), None)
        elsewhere = placed.get(reverse, [])
        second = next((photo for photo in elsewhere if photo.image_id not in used and not caption.holds(photo)), None)
        if first is not None and second is not None and about not in told:
            used.update((first.image_id, second.image_id))
            told.add(about)
            found.append(OppositePair((caption, reverse), (first, second)))
    return found
