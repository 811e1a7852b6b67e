"""Composes one picture: which things it shows, where they stand, and the scene graph that says so.

A picture is a row of groups (a table with things on it, a person, a tree) that do not overlap horizontally, with pictures,
clocks and windows on the free wall above them. So nothing hides anything else, and every fact of the graph can be seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from PIL import Image

from vispro_gym.datasets.mini.drawing.backdrops import HEIGHT, HORIZON, WIDTH, blank, landscape, precipitation, room
from vispro_gym.datasets.mini.drawing.canvas import OVERSAMPLING, Extent, Look, Pen
from vispro_gym.datasets.mini.drawing.people import Held
from vispro_gym.datasets.mini.gqa.cast import CHILD, Cast, scale_of
from vispro_gym.datasets.mini.gqa.catalogue import KINDS, PEOPLE, PLACES, SIZES, category
from vispro_gym.datasets.mini.gqa.recipes import CARRIED, FLOOR_GROUPS, ON_WALLS, SURFACES, UNDER, WEATHERS

Graph = dict[str, Any]
"""One record of GQA's scene graph files."""
MARGIN, GAP = 10, 14


@dataclass(frozen=True)
class Group:
    """Something that stands on the ground: its width in pixels, and how to put it at a horizontal center."""

    width: float
    place: Callable[[float], None]


class Composer:
    """Draws and annotates one picture.

    Args:
        rng: Source of all choices.
        place: A key of `PLACES`.
        first_id: Object ids count up from here.
    """

    def __init__(self, rng: Random, place: str, first_id: int) -> None:
        self.rng = rng
        self.place = place
        self.image = blank()
        self.pen = Pen(self.image)
        self.cast = Cast(rng, self.pen, first_id)
        self.tops: list[tuple[float, Extent, str]] = []

    def compose(self) -> tuple[Image.Image, Graph]:
        """Draw the picture; returns the finished picture, 480x360, and its scene graph."""
        indoors = PLACES[self.place] == "room"
        graph: Graph = {"width": WIDTH, "height": HEIGHT, "location": "indoors" if indoors else "outdoors"}
        weather = ""
        if indoors:
            room(self.pen, self.rng, self.place)
        else:
            weather = graph["weather"] = self.rng.choice(WEATHERS)
            landscape(self.pen, self.rng, self.place, weather)
        whole = Extent()
        whole.add(0, 0, WIDTH * OVERSAMPLING, HEIGHT * OVERSAMPLING)
        self.cast.annotate(self.place, Look(), whole)
        self._arrange(self._groups())
        if indoors:
            self._decorate_wall()
        else:
            precipitation(self.pen, self.rng, weather)
        self.cast.relate_sides()
        graph["objects"] = self.cast.objects
        return self.image.reduce(OVERSAMPLING), graph

    # Groups

    def _groups(self) -> list[Group]:
        """As many groups as fit beside each other."""
        required, optional = FLOOR_GROUPS[self.place]
        first = self.rng.choice(required)
        pool = [name for name in optional if name != first or PLACES[self.place] == "place"]
        self.rng.shuffle(pool)
        groups: list[Group] = []
        free = float(WIDTH - 2 * MARGIN)
        for name in (first, *pool):
            width = self._width(name)
            if width > free:
                continue
            group = self._group(name)
            if group is not None:
                groups.append(group)
                free -= group.width + GAP
            if len(groups) == 6:
                break
        self.rng.shuffle(groups)
        return groups

    @staticmethod
    def _width(name: str) -> float:
        """The most room that a group may need."""
        if name in PEOPLE:
            return 130
        sized = any(trait == "size" for trait, _ in KINDS[name].traits)
        return KINDS[name].width * (max(SIZES.values()) if sized else 1.0)

    def _group(self, name: str) -> Group | None:
        if name in PEOPLE:
            return self._standing_person(name)
        if name in SURFACES:
            return self._furnished(name)
        look = self.cast.look(name)
        if look is None:
            return None
        return Group(KINDS[name].width * scale_of(look), lambda x: self._stand(name, look, x))

    def _arrange(self, groups: list[Group]) -> None:
        """Put the groups side by side, the free space spread between them."""
        spare = WIDTH - 2 * MARGIN - sum(group.width for group in groups) - GAP * (len(groups) - 1)
        shares = [self.rng.uniform(0.4, 1.0) for _ in range(len(groups) + 1)]
        x = float(MARGIN)
        for index, group in enumerate(groups):
            x += spare * shares[index] / sum(shares)
            group.place(x + group.width / 2)
            x += group.width + GAP

    def _baseline(self, name: str) -> float:
        """Where on the ground a thing stands, in pixels from the top."""
        if name == "boat":
            return HORIZON + 34
        if self.place == "street":
            return 334 if name in ("car", "bus", "truck") else self.rng.randint(264, 278)
        if name in SURFACES or name in ("refrigerator", "stove", "bookshelf", "house", "tree", "palm tree"):
            return self.rng.randint(284, 300)
        return self.rng.randint(296, 334)

    def _stand(self, name: str, look: Look, x: float) -> None:
        object_id, extent = self.cast.draw(name, look, x, self._baseline(name))
        self.tops.append((x, extent, object_id))

    # Furniture and what is on it

    def _furnished(self, name: str) -> Group | None:
        look = self.cast.look(name)
        if look is None:
            return None
        surface = SURFACES[name]
        candidates = list(surface.items)
        self.rng.shuffle(candidates)
        tried = candidates[: 2 * self.rng.randint(0 if name == "chair" else 1, surface.most)]
        return self._laid(name, look, tried, surface.most)

    def _laid(self, name: str, look: Look, candidates: Sequence[str], most: int) -> Group:
        """Furniture with what fits on it: of the candidates, in this order, at most so many."""
        surface = SURFACES[name]
        chosen: list[tuple[str, Look]] = []
        free = float(surface.right - surface.left)
        for item in candidates:
            if len(chosen) >= most:
                break
            item_look = self._look_on(item, surface.lying, look.get("color"))
            if item_look is None:
                continue
            width = (56 if item in PEOPLE else KINDS[item].width) * scale_of(item_look) + 6
            if width > free:
                self.cast.release(item, item_look)
                continue
            free -= width
            chosen.append((item, item_look))
        self.rng.shuffle(chosen)
        return Group(KINDS[name].width, lambda x: self._furnish(name, look, chosen, free, x))

    def _look_on(self, item: str, lying: bool, avoid: str | None) -> Look | None:
        if item in PEOPLE:
            return self.cast.person_look(item, "sitting")
        if item in ("cat", "dog"):
            pose = "lying" if lying else "sitting"
            return self.cast.look(item, avoid, pose=pose, **({} if lying else {"activity": ""}))
        return self.cast.look(item, avoid)

    def _furnish(self, name: str, look: Look, chosen: list[tuple[str, Look]], free: float, x: float) -> None:
        surface = SURFACES[name]
        y = self._baseline(name)
        base, extent = self.cast.draw(name, look, x, y)
        whole = Extent()
        whole.add(extent.left, extent.top, extent.right, extent.bottom)
        cursor = x + surface.left
        for item, item_look in chosen:
            width = (56 if item in PEOPLE else KINDS[item].width) * scale_of(item_look) + 6
            cursor += free / (len(chosen) + 1)
            center = cursor + width / 2
            if item in PEOPLE:
                item_id, top = self.cast.draw_person(item, item_look, center, y, seat=surface.top, avoid=look.get("color"))
                self.cast.relate(item_id, "sitting on", base)
            else:
                item_id, top = self.cast.draw(item, item_look, center, y - surface.top)
                self.cast.relate(item_id, self._manner(item_look), base)
                if item == "vase" and self.rng.random() < 0.6:
                    top = self._put_flower(item_id, center, y - surface.top - 38) or top
            whole.add(top.left, top.top, top.right, top.bottom)
            cursor += width
        self.tops.append((x, whole, base))
        if name in UNDER and self.rng.random() < 0.6:
            self._put_under(base, x, y)

    @staticmethod
    def _manner(look: Look) -> str:
        return {"lying": "lying on", "sitting": "sitting on"}.get(look.get("pose") or "", "on")

    def _put_flower(self, vase: str, x: float, y: float) -> Extent | None:
        look = self.cast.look("flower", size="")
        if look is None:
            return None
        flower, extent = self.cast.draw("flower", look, x, y)
        self.cast.relate(flower, "in", vase)
        return extent

    def _put_under(self, base: str, x: float, y: float) -> None:
        item = self.rng.choice(UNDER[self.cast.objects[base]["name"]])
        look = self._look_on(item, lying=item == "dog", avoid=None)
        if look is None:
            return
        if KINDS[item].width * scale_of(look) > 120:
            self.cast.release(item, look)
            return
        item_id, _ = self.cast.draw(item, look, x - (24 if self.cast.objects[base]["name"] == "desk" else 0), y + 2)
        self.cast.relate(item_id, "under", base)

    # People

    def _standing_person(self, name: str) -> Group | None:
        carried = self.rng.choice(CARRIED[self.place])
        activity = carried.activity
        look = self.cast.person_look(name, "standing", activity)
        if look is None:
            return None
        held_look = self.cast.look(carried.name, **carried.fixed) if carried.name else None
        scale = CHILD if name in ("boy", "girl") else 1.0
        left, right = 34 * scale, (34 if held_look is None else carried.reach) * scale

        def place(x: float) -> None:
            held = None
            if held_look is not None:
                size = carried.size * scale_of(held_look)
                held = Held(KINDS[carried.name].draw, held_look, carried.grip, carried.lift * size, size)
            y = self._baseline(name)
            person_id, extent = self.cast.draw_person(name, look, x + (left - right) / 2, y, held=held, thing=carried.name)
            self.tops.append((x, extent, person_id))

        if held_look is None and activity:
            self.cast.release(name, look)
            return None
        return Group(left + right, place)

    # Walls and sides

    def _decorate_wall(self) -> None:
        """Hang things on the wall above the groups where there is room."""
        boxes = [extent for _, extent, _ in self.tops]
        for x, _, below in list(self.tops):
            name = self.rng.choice(ON_WALLS[self.place])
            look = self.cast.look(name) if self.rng.random() < 0.8 else None
            if look is None:
                continue
            y = self.rng.uniform(50, 70)
            half = KINDS[name].width / 2 + 6
            area = ((x - half) * OVERSAMPLING, (x + half) * OVERSAMPLING, (y + 54) * OVERSAMPLING)
            clear = all(box.right < area[0] or box.left > area[1] or box.top > area[2] for box in boxes)
            if not clear or x - half < 4 or x + half > WIDTH - 4:
                self.cast.release(name, look)
                continue
            hung, hung_extent = self.cast.draw(name, look, x, y)
            boxes.append(hung_extent)
            if category(self.cast.objects[below]["name"]) in ("furniture", "appliance"):
                self.cast.relate(hung, "above", below)
                self.cast.relate(below, "below", hung)


def compose(rng: Random, place: str, first_id: int) -> tuple[Image.Image, Graph]:
    """Draw a picture of a place and annotate it.

    Args:
        rng: Source of all choices.
        place: A key of `PLACES`.
        first_id: Object ids count up from here.

    Returns:
        The finished picture, 480x360, and its scene graph.
    """
    return Composer(rng, place, first_id).compose()
