"""What belongs where: the ingredients of every place in the mini GQA pictures."""

from __future__ import annotations

from dataclasses import dataclass, field

from vispro_gym.datasets.mini.drawing import furniture
from vispro_gym.datasets.mini.gqa.catalogue import PEOPLE

WEATHERS = ("sunny", "cloudy", "rainy", "stormy")


@dataclass(frozen=True)
class Surface:
    """Something that carries other things.

    Attributes:
        top: Height of the surface above the ground, in pixels.
        left: Left end of the usable part, relative to the center.
        right: Right end of the usable part.
        items: What may be on it.
        most: At most so many things.
        lying: Whether cats and dogs lie on it; otherwise they sit.
    """

    top: float
    left: float
    right: float
    items: tuple[str, ...]
    most: int
    lying: bool = False


_FOOD = ("apple", "pear", "lemon", "banana", "strawberry", "pineapple", "cake", "sandwich")
_DISHES = ("cup", "bowl", "plate", "wine glass", "bottle")
SURFACES: dict[str, Surface] = {
    "table": Surface(furniture.TABLE_TOP, -80, 80, (*_FOOD, *_DISHES, "vase", "book", "candle", "radio"), 3),
    "counter": Surface(furniture.COUNTER_TOP, -84, 84, (*_FOOD, *_DISHES, "radio"), 3),
    "desk": Surface(furniture.DESK_TOP, -84, 84, ("laptop", "phone", "book", "cup", "lamp", "apple", "bottle", "radio"), 3),
    "cabinet": Surface(
        furniture.CABINET_TOP, -54, 54, ("television", "vase", "radio", "lamp", "book", "candle", "box", "phone"), 2
    ),
    "nightstand": Surface(58, -29, 29, ("lamp", "book", "phone", "candle", "cup", "apple"), 1),
    "couch": Surface(furniture.COUCH_SEAT, -66, 66, ("pillow", "pillow", "teddy bear", "cat", "book", *PEOPLE), 2),
    "bed": Surface(
        furniture.BED_TOP, -28, 94, ("cat", "dog", "teddy bear", "book", "laptop", "backpack", "phone"), 2, lying=True
    ),
    "bench": Surface(furniture.BENCH_SEAT, -64, 64, ("backpack", "cat", "ball", "bird", "book", *PEOPLE), 2),
    "chair": Surface(furniture.CHAIR_SEAT + 4, -30, 30, ("teddy bear", "book", "backpack", "box", "pillow"), 1),
    "rug": Surface(8, -70, 70, ("dog", "cat", "ball", "toy car", "teddy bear", "box"), 2, lying=True),
}
"""Everything that carries other things."""
UNDER = {
    "table": ("cat", "dog", "ball", "box", "toy car", "backpack"),
    "desk": ("trash can", "box", "cat", "backpack"),
}
"""What may be under some of them."""

FLOOR_GROUPS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "kitchen": (
        ("counter", "table", "stove"),
        ("counter", "table", "refrigerator", "stove", "chair", "chair", "trash can", "cat", "dog", "plant", "bowl", *PEOPLE),
    ),
    "living room": (
        ("couch",),
        (
            "cabinet",
            "floor lamp",
            "plant",
            "table",
            "chair",
            "cat",
            "dog",
            "rug",
            "bookshelf",
            "ball",
            "toy car",
            "teddy bear",
            *PEOPLE,
        ),
    ),
    "bedroom": (
        ("bed",),
        (
            "nightstand",
            "nightstand",
            "plant",
            "box",
            "teddy bear",
            "toy car",
            "bookshelf",
            "backpack",
            "chair",
            "rug",
            "dog",
            "ball",
            *PEOPLE,
        ),
    ),
    "office": (
        ("desk",),
        ("chair", "chair", "bookshelf", "cabinet", "plant", "trash can", "box", "backpack", "floor lamp", *PEOPLE),
    ),
    "park": (
        ("tree", "bench"),
        ("tree", "bench", "dog", "duck", "bird", "rabbit", "bicycle", "ball", "flower", "trash can", *PEOPLE, *PEOPLE),
    ),
    "street": (
        ("car", "bus", "truck"),
        ("car", "truck", "traffic light", "stop sign", "fire hydrant", "tree", "bicycle", "trash can", "dog", "house", *PEOPLE),
    ),
    "beach": (
        ("palm tree", "boat", "umbrella"),
        ("palm tree", "boat", "umbrella", "ball", "ball", "bird", "dog", "rock", "duck", "backpack", *PEOPLE, *PEOPLE),
    ),
    "field": (
        ("cow", "sheep", "horse", "elephant"),
        ("cow", "sheep", "sheep", "horse", "tree", "house", "rabbit", "rock", "dog", "truck", "flower", "duck", *PEOPLE),
    ),
}
"""By place: one of the first things is always there, the others as space allows."""
ON_WALLS = {
    "kitchen": ("clock", "window", "picture"),
    "living room": ("picture", "picture", "mirror", "clock", "window"),
    "bedroom": ("window", "picture", "mirror"),
    "office": ("clock", "window", "picture"),
}


@dataclass(frozen=True)
class Carried:
    """Something a standing person may hold.

    Attributes:
        name: The thing, "" for empty hands.
        grip: See `vispro_gym.datasets.mini.drawing.people.Held`.
        lift: How far the thing's origin is below the hand, in units of the thing.
        size: Scale of the thing.
        reach: How far it reaches to the right of the person's middle, in units of the person.
        activity: What the person does with it, "" if that has no name.
        fixed: Attributes that the thing must have.
    """

    name: str
    grip: str = ""
    lift: float = 0.0
    size: float = 1.0
    reach: float = 34.0
    activity: str = ""
    fixed: dict[str, str] = field(default_factory=dict)


_EMPTY = Carried("")
_READING = Carried("book", "both", 8, 1, 34, "reading", {"state": "open"})
_TALKING = Carried("phone", "ear", 16, 0.8, 40, "talking")
_DRINKING = Carried("cup", "mouth", 10, 0.8, 42, "drinking")
_APPLE = Carried("apple", "mouth", 8, 0.9, 40, "eating")
_SANDWICH = Carried("sandwich", "mouth", 12, 0.7, 42, "eating")
_CUP = Carried("cup", "front", 14, 0.9, 66)
_BALL = Carried("ball", "front", 19, 0.8, 66, fixed={"size": ""})
_BEAR = Carried("teddy bear", "front", 30, 0.9, 70, fixed={"size": ""})
_FLOWER = Carried("flower", "front", 6, 1, 60, fixed={"size": ""})
_BAG = Carried("backpack", "low", 54, 0.85, 52)
_BALLOON = Carried("balloon", "high", 0, 1, 66)
_UMBRELLA = Carried("umbrella", "high", 4, 1, 94)
_KITE = Carried("kite", "high", 0, 1, 90)
_BOTTLE = Carried("bottle", "front", 24, 0.8, 58)
_CLOSED_BOOK = Carried("book", "front", 6, 0.8, 66, fixed={"state": "closed"})
CARRIED: dict[str, tuple[Carried, ...]] = {
    "kitchen": (_EMPTY, _APPLE, _DRINKING, _SANDWICH, _CUP, _BOTTLE),
    "living room": (_EMPTY, _READING, _TALKING, _DRINKING, _CUP, _BEAR),
    "bedroom": (_EMPTY, _READING, _BEAR, _TALKING, _CLOSED_BOOK),
    "office": (_EMPTY, _READING, _TALKING, _DRINKING, _CLOSED_BOOK, _CUP),
    "park": (_EMPTY, _BALLOON, _KITE, _BALL, _FLOWER, _READING, _UMBRELLA),
    "street": (_EMPTY, _BAG, _UMBRELLA, _BALLOON, _TALKING, _SANDWICH),
    "beach": (_EMPTY, _KITE, _BALL, _UMBRELLA, _APPLE, _BOTTLE),
    "field": (_EMPTY, _FLOWER, _APPLE, _KITE, _READING, _UMBRELLA),
}
"""What people hold, by place."""
