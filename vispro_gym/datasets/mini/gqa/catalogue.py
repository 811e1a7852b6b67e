"""The things that the mini GQA pictures show: names, categories, possible attributes, and how each is drawn.

Words are GQA's own wherever GQA has one. Every attribute of an entry is always annotated and always visible, so that in these
pictures, unlike in GQA's photographs, an attribute that is not annotated does not hold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vispro_gym.datasets.mini.drawing import animals, food, furniture, items, outdoors
from vispro_gym.datasets.mini.drawing.canvas import Look, Pen

BRIGHT = ("red", "orange", "yellow", "green", "blue", "purple", "pink")
CLOTH = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white", "black", "gray")
SIZES = {"small": 0.72, "large": 1.2}
"""Scale of the things that come in two sizes."""
ATTRIBUTE_CATEGORY: dict[str, str] = {
    **dict.fromkeys((*BRIGHT, "brown", "white", "black", "gray"), "color"),
    **dict.fromkeys(("wood", "metal", "plastic", "glass", "leather", "brick"), "material"),
    **dict.fromkeys(("small", "large"), "size"),
    **dict.fromkeys(("round", "square", "rectangular"), "shape"),
    **dict.fromkeys(("striped", "dotted"), "pattern"),
    **dict.fromkeys(("standing", "sitting", "lying"), "pose"),
    **dict.fromkeys(("reading", "eating", "drinking", "talking", "sleeping"), "activity"),
    **dict.fromkeys(("old", "young"), "age"),
    **dict.fromkeys(("tall", "short"), "height"),
    **dict.fromkeys(("open", "closed"), ""),
}
"""Attribute category by value; "" for values that GQA's operations name without a category."""


@dataclass(frozen=True)
class Kind:
    """One sort of thing.

    Attributes:
        name: Annotated name.
        draw: Draws it on the local origin.
        width: Width of the room it needs in pixels, its origin being in the middle.
        finishes: Possible `(color, material)` pairs; an empty word is not annotated.
        traits: Further attribute categories with their possible values; an empty word is not annotated.
        category: The everyday category by which questions may call it, "" if there is none.
        related: Further names and categories that some speakers would call it by. A question that uses such a word is not
            asked of a picture that shows this thing.
    """

    name: str
    draw: Callable[[Pen, Look], None]
    width: float
    finishes: tuple[tuple[str, str], ...] = (("", ""),)
    traits: tuple[tuple[str, tuple[str, ...]], ...] = ()
    category: str = ""
    related: tuple[str, ...] = ()


def _colors(*colors: str) -> tuple[tuple[str, str], ...]:
    return tuple((color, "") for color in colors)


def _of(material: str, *colors: str) -> tuple[tuple[str, str], ...]:
    return tuple((color, material) for color in colors)


_SIZE = ("size", ("small", "large", ""))
_PATTERN = ("pattern", ("striped", "dotted", "", ""))
_STRIPES = ("pattern", ("striped", "", ""))
_OPEN = ("state", ("open", "closed"))
_POSE = ("pose", ("standing", "sitting", "lying"))

_KINDS = (
    Kind("cup", items.cup, 46, _colors("red", "blue", "green", "yellow", "white", "purple"), (_STRIPES,), "tableware"),
    Kind("bowl", items.bowl, 52, _colors("red", "blue", "green", "white", "orange"), (_STRIPES,), "", ("tableware",)),
    Kind("plate", items.plate, 60, _colors("white", "blue", "red", "yellow"), (), "tableware"),
    Kind("wine glass", items.wine_glass, 28, (("", "glass"),), (), "", ("tableware",)),
    Kind("bottle", items.bottle, 26, (*_of("glass", "green", "brown"), *_of("plastic", "blue", "red", "yellow")), (),
         "", ("container",)),
    Kind("vase", items.vase, 38, (*_colors("red", "white", "purple", "orange"), *_of("glass", "blue", "green")),
         (_STRIPES,), "", ("container",)),
    Kind("flower", items.flower, 36, _colors("red", "yellow", "pink", "purple", "white"), (_SIZE,), "", ("plant",)),
    Kind("book", items.book, 52, _colors("red", "green", "blue", "purple", "orange"), (_OPEN,)),
    Kind("laptop", items.laptop, 70, _colors("gray", "black", "pink"), (_OPEN,), "device", ("computer",)),
    Kind("phone", items.phone, 22, _colors("black", "red", "white"), (), "device"),
    Kind("radio", items.radio, 58, _colors("red", "brown", "green"), (), "device"),
    Kind("television", furniture.television, 96, _colors("black", "gray"), (), "device", ("appliance", "furniture")),
    Kind("apple", food.apple, 26, _colors("red", "green", "yellow"), (), "fruit"),
    Kind("pear", food.pear, 26, _colors("green", "yellow"), (), "fruit"),
    Kind("lemon", food.lemon, 36, _colors("yellow"), (), "fruit"),
    Kind("banana", food.banana, 52, _colors("yellow", "green"), (), "fruit"),
    Kind("strawberry", food.strawberry, 24, _colors("red"), (), "fruit"),
    Kind("pineapple", food.pineapple, 28, _colors("yellow", "orange"), (), "fruit"),
    Kind("cake", food.cake, 62, _colors("pink", "white", "brown"), (), "dessert"),
    Kind("sandwich", food.sandwich, 52),
    Kind("candle", items.candle, 26, _colors("white", "purple", "red")),
    Kind("teddy bear", items.teddy_bear, 46, _colors("brown", "white", "pink", "yellow"), (_SIZE,), "toy"),
    Kind("toy car", items.toy_car, 66, _colors("red", "blue", "green", "orange"), (), "toy"),
    Kind("ball", items.ball, 42, _colors(*BRIGHT), (("pattern", ("striped", "dotted", "")), _SIZE), "", ("toy", "sport")),
    Kind("box", items.box, 62,
         (*_of("wood", "brown"), *_of("plastic", "blue", "red", "green", "purple"), *_of("", "yellow")),
         (_SIZE,), "", ("container",)),
    Kind("backpack", items.backpack, 40, _colors("purple", "blue", "red", "green", "black"), (), "", ("bag", "clothing")),
    Kind("balloon", items.balloon, 38, _colors(*BRIGHT), (), "", ("toy",)),
    Kind("umbrella", items.umbrella, 116, _colors("red", "blue", "yellow", "green", "purple", "black"), (_STRIPES,),
         "", ("accessory",)),
    Kind("kite", items.kite, 88, _colors(*BRIGHT), (), "", ("toy",)),
    Kind("table", furniture.table, 166,
         (*_of("wood", "brown", "white"), *_of("metal", "gray"), *_of("plastic", "white", "red", "green")), (), "furniture"),
    Kind("desk", furniture.desk, 174, (*_of("wood", "brown", "white"), *_of("metal", "gray")), (), "furniture"),
    Kind("cabinet", furniture.cabinet, 112, (*_of("wood", "brown", "white"), *_of("metal", "gray", "green")), (), "furniture"),
    Kind("counter", furniture.counter, 178, _colors("green", "blue", "white", "gray"), (), "", ("furniture",)),
    Kind("chair", furniture.chair, 56,
         (*_of("wood", "brown", "white"), *_of("metal", "gray"), *_of("plastic", "red", "blue", "yellow")), (), "furniture"),
    Kind("couch", furniture.couch, 190,
         (*_of("leather", "brown", "black"), *_colors("blue", "green", "purple", "gray")), (), "furniture"),
    Kind("bed", furniture.bed, 210, _colors("blue", "pink", "green", "red", "purple"), (_PATTERN,), "furniture"),
    Kind("nightstand", furniture.nightstand, 58, _of("wood", "brown", "white"), (), "furniture"),
    Kind("bookshelf", furniture.bookshelf, 86, (*_of("wood", "brown", "white"), *_of("metal", "gray")), (), "furniture"),
    Kind("bench", furniture.bench, 142, (*_of("wood", "brown"), *_of("metal", "green", "blue")), (), "", ("furniture",)),
    Kind("lamp", furniture.lamp, 42, _colors("yellow", "red", "green", "blue", "purple"), (), "",
         ("furniture", "appliance", "device")),
    Kind("floor lamp", furniture.floor_lamp, 56, _colors("yellow", "orange", "blue", "white"), (), "",
         ("lamp", "furniture", "appliance", "device")),
    Kind("refrigerator", furniture.refrigerator, 82, _colors("white", "gray", "red", "blue"), (), "appliance"),
    Kind("stove", furniture.stove, 86, _colors("white", "gray", "black"), (), "appliance"),
    Kind("plant", furniture.potted_plant, 86, _colors("green")),
    Kind("rug", furniture.rug, 170, _colors("red", "blue", "purple", "green"), (("shape", ("round", "rectangular")),),
         "", ("furniture",)),
    Kind("clock", furniture.clock, 46, _colors("red", "blue", "black", "green"), (("shape", ("round", "square")),),
         "", ("device",)),
    Kind("picture", furniture.picture, 82, (*_of("wood", "brown"), *_colors("black", "white")),
         (("shape", ("square", "rectangular")),), "", ("furniture",)),
    Kind("mirror", furniture.mirror, 60, (*_of("wood", "brown"), *_colors("black", "white")),
         (("shape", ("round", "rectangular")),), "", ("furniture",)),
    Kind("window", furniture.window, 84, (*_of("wood", "brown"), *_colors("white")), (), "", ("furniture",)),
    Kind("pillow", furniture.pillow, 44, _colors("red", "yellow", "green", "blue", "pink", "white"), (_PATTERN,), "",
         ("furniture",)),
    Kind("dog", animals.dog, 112, _colors("brown", "white", "black", "gray"), (_POSE, _SIZE), "animal"),
    Kind("cat", animals.cat, 94, _colors("orange", "gray", "black", "white"), (_POSE,), "animal"),
    Kind("rabbit", animals.rabbit, 54, _colors("white", "gray", "brown"), (), "animal"),
    Kind("bird", animals.bird, 62, _colors("blue", "red", "yellow"), (), "animal"),
    Kind("duck", animals.duck, 82, _colors("yellow", "white", "brown"), (_SIZE,), "animal", ("bird",)),
    Kind("sheep", animals.sheep, 88, _colors("white", "black", "gray"), (), "animal"),
    Kind("cow", animals.cow, 150, _colors("brown", "white", "black"), (), "animal"),
    Kind("horse", animals.horse, 154, _colors("brown", "white", "black"), (), "animal"),
    Kind("elephant", animals.elephant, 168, _colors("gray"), (_SIZE,), "animal"),
    Kind("car", outdoors.car, 160, _colors("red", "blue", "green", "white", "black"), (), "vehicle"),
    Kind("bus", outdoors.bus, 200, _colors("yellow", "red", "blue", "green"), (), "vehicle"),
    Kind("truck", outdoors.truck, 174, _colors("blue", "red", "orange", "green"), (), "vehicle"),
    Kind("bicycle", outdoors.bicycle, 104, _colors("red", "blue", "green", "yellow"), (), "", ("vehicle",)),
    Kind("boat", outdoors.boat, 118, _colors("red", "blue", "green", "white"), (), "", ("vehicle",)),
    Kind("tree", outdoors.tree, 100, _colors("green", "orange", "yellow"), (("height", ("tall", "short")),), "", ("plant",)),
    Kind("palm tree", outdoors.palm_tree, 140, (("", ""),), (), "", ("plant", "tree")),
    Kind("fire hydrant", outdoors.fire_hydrant, 44, _colors("red", "yellow", "blue"), ()),
    Kind("traffic light", outdoors.traffic_light, 36, _colors("black", "yellow"), ()),
    Kind("stop sign", outdoors.stop_sign, 62, _colors("red"), (), "", ("sign",)),
    Kind("trash can", outdoors.trash_can, 50, (*_of("metal", "gray"), *_of("plastic", "blue", "green")), (), "", ("container",)),
    Kind("rock", outdoors.rock, 72, _colors("gray"), (_SIZE,)),
    Kind("house", outdoors.house, 170, (*_of("brick", "red", "orange"), *_of("wood", "yellow", "white", "blue")), (),
         "", ("building",)),
)  # fmt: skip
KINDS: dict[str, Kind] = {kind.name: kind for kind in _KINDS}
"""All things by name, people and clothes excepted."""

PEOPLE = ("man", "woman", "boy", "girl")
GARMENTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "shirt": (CLOTH, ("striped", "", "")),
    "pants": (("blue", "black", "brown", "gray", "green", "white"), ("",)),
    "shorts": (("blue", "red", "green", "gray", "orange"), ("",)),
    "skirt": (BRIGHT, ("dotted", "", "")),
    "dress": (BRIGHT, ("striped", "dotted", "")),
    "hat": (("red", "blue", "green", "yellow", "black", "purple"), ("",)),
}
"""Possible colors and patterns of each garment."""
PLACES = {"kitchen": "room", "living room": "room", "bedroom": "room", "office": "room", "park": "place", "street": "place",
          "beach": "place", "field": "place"}  # fmt: skip
"""Where the pictures are taken, with the word that GQA asks for it by."""
PLURALS = {
    "man": "men", "woman": "women", "wine glass": "wine glasses", "box": "boxes", "couch": "couches", "bench": "benches",
    "bus": "buses", "sheep": "sheep", "sandwich": "sandwiches", "strawberry": "strawberries", "bookshelf": "bookshelves",
    "pants": "pants", "shorts": "shorts", "dress": "dresses", "radio": "radios", "person": "people", "furniture": "furniture",
    "clothing": "clothing", "tableware": "tableware", "fruit": "fruits",
}  # fmt: skip
"""Plurals that do not simply end in -s."""
ALWAYS_PLURAL = frozenset({"pants", "shorts"})


def plural(name: str) -> str:
    """The plural of a name or category."""
    return PLURALS.get(name, f"{name}s")


def category(name: str) -> str:
    """The category by which questions may call a thing, "" if there is none."""
    if name in PEOPLE:
        return "person"
    if name in GARMENTS:
        return "clothing"
    return KINDS[name].category if name in KINDS else ""


def related(name: str) -> tuple[str, ...]:
    """Further names and categories that some speakers would call a thing by."""
    return KINDS[name].related if name in KINDS else ()
