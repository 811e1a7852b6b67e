"""Questions that need knowledge beside the picture: the program finds the thing, names it, and looks the name up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vispro_gym.datasets.mini.photos.claims import program
from vispro_gym.datasets.mini.photos.pictures import Photo
from vispro_gym.datasets.mini.photos.scenery import everything


@dataclass(frozen=True)
class Topic:
    """One thing that people know about the members of a group.

    Attributes:
        name: A word for the topic, the variable of the table in programs.
        group: The noun that programs look for. It names exactly `members` among what photos show.
        question: The question.
        table: What is known, by COCO category.
        members: The categories of the group that photos may show.
        wrong: Answers that are wrong for all of them and still make sense, so that there are four answers at least.
        spoilers: Names of other drawn things that some would count in.
    """

    name: str
    group: str
    question: str
    table: Mapping[str, str]
    members: tuple[str, ...]
    wrong: tuple[str, ...] = ()
    spoilers: tuple[str, ...] = ()

    @property
    def facts(self) -> list[str]:
        """All answers to the question that make sense, at least four, right for some thing or for none."""
        return list(dict.fromkeys((*self.table.values(), *self.wrong)))

    def subject(self, photo: Photo) -> str | None:
        """The category that the question is about, None if it cannot be asked of the photo."""
        found = [thing for thing in photo.objects if thing.category in self.members]
        if len(found) != 1 or found[0].category not in self.table:
            return None
        if any(thing.name in self.spoilers for thing in everything(photo)):
            return None
        return found[0].category

    def program(self) -> str:
        """The program that answers the question on any photo that it can be asked of."""
        entries = ", ".join(f'"{category}": "{fact}"' for category, fact in self.table.items())
        return program(
            f'{self.group} = image_patch.find("{self.group}")[0]',
            f"{self.name} = {{{entries}}}",
            f'return {self.name}[{self.group}.simple_query("What is this?")]',
        )


_ANIMALS = ("bird", "cat", "dog", "horse", "sheep", "cow", "elephant")
_VEHICLES = ("bicycle", "car", "bus", "truck")
_FOOD = ("apple", "banana", "cake", "sandwich")


def _animal(name: str, question: str, wrong: tuple[str, ...] = (), **table: str) -> Topic:
    # Ducks are annotated as birds, and have words of their own.
    return Topic(name, "animal", question, table, _ANIMALS, wrong, ("duck",))


def _vehicle(name: str, question: str, wrong: tuple[str, ...], **table: str) -> Topic:
    return Topic(name, "vehicle", question, table, _VEHICLES, wrong, ("boat",))


TOPICS: tuple[Topic, ...] = (
    _animal(
        "young", "What is the young of the animal in the picture called?",
        bird="chick", cat="kitten", dog="puppy", horse="foal", sheep="lamb", cow="calf", elephant="calf",
    ),
    _animal(
        "sounds", "What sound does the animal in the picture make?",
        bird="chirp", cat="meow", dog="bark", horse="neigh", sheep="bleat", cow="moo", elephant="trumpet",
    ),
    _animal(
        "groups", "What is a group of animals like the one in the picture called?", ("school", "swarm"),
        bird="flock", dog="pack", horse="herd", sheep="flock", cow="herd", elephant="herd",
    ),
    _animal(
        "legs", "How many legs does an animal like the one in the picture have?", ("6", "8"),
        bird="2", cat="4", dog="4", horse="4", sheep="4", cow="4", elephant="4",
    ),
    _animal(
        "coats", "What covers the body of the animal in the picture?", ("scales",),
        bird="feathers", cat="fur", dog="fur", sheep="wool",
    ),
    _animal(
        "homes", "What is the shelter called where an animal like the one in the picture sleeps?", ("hive",),
        bird="nest", dog="kennel", horse="stable", cow="barn",
    ),
    _vehicle(
        "drives", "What makes the vehicle in the picture move?", ("sails", "propeller"),
        bicycle="pedals", car="engine", bus="engine", truck="engine",
    ),
    _vehicle(
        "people", "What is the person called who steers a vehicle like this?", ("pilot", "captain"),
        bicycle="cyclist", car="driver", bus="driver", truck="driver",
    ),
    _vehicle(
        "loads", "What is the vehicle in the picture built to carry?", ("water", "letters"),
        bus="passengers", truck="goods",
    ),
    Topic(
        "tastes", "food", "How does the food in the picture taste?",
        {"apple": "sweet", "banana": "sweet", "cake": "sweet", "sandwich": "savory"}, _FOOD, ("bitter", "burnt"),
    ),
    Topic(
        "doughs", "food", "What is the food in the picture mainly made of?",
        {"cake": "flour", "sandwich": "bread"}, _FOOD, ("rice", "potatoes"),
    ),
    Topic(
        "leftovers", "fruit", "Which part of the fruit in the picture is usually not eaten?",
        {"apple": "core", "banana": "peel"}, ("apple", "banana"), ("leaves", "flesh"),
    ),
    Topic(
        "uses", "device", "What do people mainly do with the device with a screen in the picture?",
        {"tv": "watch", "laptop": "type", "cell phone": "call"}, ("tv", "laptop", "cell phone"), ("cook",),
    ),
    Topic(
        "games", "toy", "What do children do with the toy in the picture?",
        {"sports ball": "throw", "kite": "fly", "teddy bear": "hug"}, ("sports ball", "kite", "teddy bear"),
        ("eat",), ("balloon",),
    ),
    Topic(
        "effects", "appliance", "What does the kitchen appliance in the picture do to food?",
        {"oven": "heat", "refrigerator": "cool"}, ("oven", "refrigerator"), ("cut", "mix"),
    ),
)  # fmt: skip
"""Everything that is asked."""
