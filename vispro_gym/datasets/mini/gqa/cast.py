"""The cast of a picture: which things it shows, what they look like, and how they are entered in the scene graph."""

from __future__ import annotations

from random import Random
from typing import Any

from vispro_gym.datasets.mini.drawing.backdrops import HEIGHT, WIDTH
from vispro_gym.datasets.mini.drawing.canvas import SKINS, Extent, Look, Pen
from vispro_gym.datasets.mini.drawing.items import parasol
from vispro_gym.datasets.mini.drawing.people import HAIR, Figure, Held, person
from vispro_gym.datasets.mini.gqa.catalogue import GARMENTS, KINDS, SIZES

MOST_ALIKE = 2
"""At most so many things of one name in a picture."""
CHILD = 0.74
"""Scale of children."""


def scale_of(look: Look) -> float:
    """How much larger or smaller than usual a thing is drawn."""
    return SIZES.get(look.get("size") or "", 1.0)


class Cast:
    """Chooses, draws and annotates single things.

    Args:
        rng: Source of all choices.
        pen: What they are drawn with.
        first_id: Object ids count up from here.

    Attributes:
        objects: The objects of the scene graph so far.
    """

    def __init__(self, rng: Random, pen: Pen, first_id: int) -> None:
        self.rng = rng
        self.pen = pen
        self.objects: dict[str, dict[str, Any]] = {}
        self._next_id = first_id
        self._taken: dict[str, list[Look]] = {}

    def look(self, name: str, avoid: str | None = None, **fixed: str) -> Look | None:
        """A look that differs visibly from all others of the same name in the picture, None if none is found.

        Args:
            name: A key of `KINDS`.
            avoid: A color that it must not have, because it would not stand out.
            fixed: Values of attribute categories; "" leaves a category out.
        """
        others = self._taken.setdefault(name, [])
        if len(others) >= MOST_ALIKE:
            return None
        for _ in range(6):
            values = {**self._values(name), **fixed}
            look = Look({word: value for word, value in values.items() if value})
            colors = [other.get("color") for other in others]
            if look.get("color") not in (colors if avoid is None else [*colors, avoid]):
                others.append(look)
                return look
        return None

    def release(self, name: str, look: Look) -> None:
        """Give back a look that is not drawn after all."""
        self._taken[name].remove(look)

    def person_look(self, name: str, pose: str, activity: str = "") -> Look | None:
        """A look for a person, None if there is one like that, or two of the name, in the picture already."""
        others = self._taken.setdefault(name, [])
        if len(others) >= MOST_ALIKE:
            return None
        age = self.rng.choice(("old", "young")) if name in ("man", "woman") else ""
        values = {"age": age, "pose": pose, "activity": activity}
        look = Look({word: value for word, value in values.items() if value})
        if any(look == other for other in others):
            return None
        others.append(look)
        return look

    def _values(self, name: str) -> dict[str, str]:
        """Attributes by category as the catalogue allows them."""
        kind = KINDS[name]
        color, material = self.rng.choice(kind.finishes)
        values = {"color": color, "material": material}
        for trait, options in kind.traits:
            values[trait] = self.rng.choice(options)
        if values.get("pose") == "lying" and self.rng.random() < 0.5:
            values["activity"] = "sleeping"
        if name == "ball":
            values["shape"] = "round"
        return values

    def annotate(self, name: str, look: Look, extent: Extent) -> str:
        """Add an object to the graph and return its id."""
        x, y, width, height = extent.box((WIDTH, HEIGHT))
        object_id = str(self._next_id)
        self._next_id += 1
        self.objects[object_id] = {
            "name": name,
            "x": x,
            "y": y,
            "w": width,
            "h": height,
            "attributes": list(look.values.values()),
            "relations": [],
        }
        return object_id

    def relate(self, subject: str, relation: str, target: str) -> None:
        """Annotate that the subject stands in the relation to the target."""
        self.objects[subject]["relations"].append({"name": relation, "object": target})

    def relate_sides(self) -> None:
        """Annotate left and right for all pairs that do not overlap horizontally, in both directions."""
        ids = list(self.objects)
        for index, first in enumerate(ids):
            for second in ids[index + 1 :]:
                a, b = sorted((first, second), key=lambda key: self.objects[key]["x"])
                if self.objects[a]["x"] + self.objects[a]["w"] <= self.objects[b]["x"]:
                    self.relate(a, "to the left of", b)
                    self.relate(b, "to the right of", a)

    def draw(self, name: str, look: Look, x: float, y: float) -> tuple[str, Extent]:
        """Draw and annotate one thing; `(x, y)` is where it stands, in pixels from the upper left."""
        with self.pen.track() as extent:
            self.pen.move(x, y, scale_of(look), flip=self._mirrored(name))
            (parasol if name == "umbrella" else KINDS[name].draw)(self.pen, look)
        return self.annotate(name, look, extent), extent

    def _mirrored(self, name: str) -> bool:
        """Signs and the like are never mirrored; animals and vehicles look either way."""
        return KINDS[name].category in ("animal", "vehicle") and self.rng.random() < 0.5

    def draw_person(
        self,
        name: str,
        look: Look,
        x: float,
        y: float,
        held: Held | None = None,
        thing: str = "",
        seat: float = 0.0,
        avoid: str | None = None,
    ) -> tuple[str, Extent]:
        """Draw and annotate a person with clothes and the thing in the hand.

        Args:
            name: "man", "woman", "boy" or "girl".
            look: Attributes of the person.
            x: Horizontal center, in pixels from the left.
            y: Where the feet stand (or the furniture they sit on), in pixels from the top.
            held: The thing in the hand.
            thing: Its name.
            seat: Height of the seat for a sitting person, in pixels.
            avoid: A color that no garment must have, because it would not stand out.
        """
        scale = CHILD if name in ("boy", "girl") else 1.0
        clothes = self._clothes(name, avoid)
        figure = Figure(name, self.rng.choice(SKINS), self.rng.choice(HAIR), look, clothes, held, seat / scale)
        with self.pen.track() as extent:
            self.pen.move(x, y, scale)
            parts = person(self.pen, figure)
        person_id = self.annotate(name, look, extent)
        for part, part_extent in parts.items():
            if held is not None and part == "held":
                self.relate(person_id, "holding", self.annotate(thing, held.look, part_extent))
            else:
                self.relate(person_id, "wearing", self.annotate(part, clothes[part], part_extent))
        return person_id, extent

    def _clothes(self, name: str, avoid: str | None) -> dict[str, Look]:
        """Garments for a person: no two of one color, and none in the color of another person's same garment."""
        options: list[tuple[str, ...]] = [("shirt", "pants"), ("shirt", "shorts")]
        if name in ("woman", "girl"):
            options = [("dress",), ("shirt", "skirt"), ("shirt", "pants")]
        names = [*self.rng.choice(options), *(("hat",) if self.rng.random() < 0.35 else ())]
        clothes: dict[str, Look] = {}
        for garment in names:
            colors, patterns = GARMENTS[garment]
            others = self._taken.setdefault(garment, [])
            used = {avoid, *(look.get("color") for look in (*others, *clothes.values()))}
            free = [color for color in colors if color not in used]
            values = {"color": self.rng.choice(free), "pattern": self.rng.choice(patterns)}
            clothes[garment] = Look({word: value for word, value in values.items() if value})
            others.append(clothes[garment])
        return clothes
