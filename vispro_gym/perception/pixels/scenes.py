"""Makes a scene of what was found in a picture: what follows from where things are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from vispro_gym.datasets.mini.clevr.geometry import CAMERA, FOCAL_LENGTH, HEIGHT, WIDTH
from vispro_gym.datasets.mini.clevr.scenes import RADIUS
from vispro_gym.datasets.scene import Scene, SceneObject
from vispro_gym.perception.pictures import pixel_box
from vispro_gym.perception.pixels.kinds import SOLIDS, Kind
from vispro_gym.perception.pixels.looking import Found
from vispro_gym.perception.pixels.relations import relations

# Height of a solid's middle over the floor, as a share of the radius that CLEVR says it has: between CLEVR's and the mini data's.
_MIDDLE = {"cube": 0.74, "sphere": 1.0, "cylinder": 0.92}
# A ball of radius r at depth d reaches about r * 622 / d pixels to each side, see `vispro_gym.datasets.clevr`.
_PIXELS_PER_UNIT = 622.0
_WHOLE = "place"  # id of the object that the whole picture is, a kitchen for example


def scene_of(kind: Kind, found: Sequence[Found], facts: dict[str, str]) -> Scene:
    """The scene that a picture shows.

    Objects come from left to right, so that their order says nothing on how sure the networks were. Boxes are whole pixels inside
    the picture.

    Args:
        kind: The kind of the picture.
        found: What was found in it.
        facts: What was told of the whole picture.
    """
    width, height = kind.size
    placed = sorted(((pixel_box(thing.box, kind.size), thing) for thing in found), key=lambda each: (each[0], each[1].name))
    objects = {}
    if kind is SOLIDS:
        stands = [_stand(thing) for _, thing in placed]
        for i, (box, thing) in enumerate(placed):
            attributes = (stands[i].size, *thing.values.values())
            objects[str(i)] = SceneObject(str(i), thing.name, box, attributes, tuple(_sides(stands, i)), stands[i].depth)
        return Scene(width, height, objects)
    if "place" in facts:
        objects[_WHOLE] = SceneObject(_WHOLE, facts["place"], (0, 0, width, height))
    edges: dict[int, list[tuple[str, str]]] = {i: [] for i in range(len(placed))}
    for i, relation, j in relations(placed):
        edges[i].append((relation, str(j)))
    for i, (box, thing) in enumerate(placed):
        objects[str(i)] = SceneObject(str(i), thing.name, box, tuple(thing.values.values()), tuple(edges[i]))
    properties = {"weather": facts["weather"]} if "weather" in facts else {}
    return Scene(width, height, objects, properties)


@dataclass(frozen=True)
class _Stand:
    """How a solid stands on the floor.

    Attributes:
        size: "large" or "small".
        depth: Distance of its middle from CLEVR's camera, along the view.
        across: How far to the right it is along the floor.
        behind: How far back it is along the floor.
    """

    size: str
    depth: float
    across: float
    behind: float


# How much lower than the camera a point of depth 1 is: straight ahead, and for each unit further down the picture.
_AHEAD = float(CAMERA[2]) / math.dist(CAMERA, (0, 0, 0))
_DOWN = math.sqrt(1 - _AHEAD**2)


def _stand(thing: Found) -> _Stand:
    """Where a solid stands, and how large it is: of both sizes the one that looks as large from there as the box is."""
    left, top, right, bottom = thing.box
    across, down = ((left + right) / 2 - WIDTH / 2) / FOCAL_LENGTH, ((top + bottom) / 2 - HEIGHT / 2) / FOCAL_LENGTH
    side = math.sqrt((right - left) * (bottom - top))
    depths = {
        size: round((float(CAMERA[2]) - _MIDDLE[thing.name] * radius) / max(_AHEAD + down * _DOWN, 0.1), 3)
        for size, radius in RADIUS.items()
    }
    size = min(depths, key=lambda size: abs(math.log(side * depths[size] / (2 * _PIXELS_PER_UNIT * RADIUS[size]))))
    depth = depths[size]
    return _Stand(size, depth, across * depth, depth * _DOWN - down * depth * _AHEAD)


def _sides(stands: Sequence[_Stand], i: int) -> list[tuple[str, str]]:
    """How one solid stands to the others, along CLEVR's directions on the floor, as CLEVR annotates it."""
    edges = []
    for j, other in enumerate(stands):
        if j != i:
            edges.append(("to the left of" if stands[i].across < other.across else "to the right of", str(j)))
            edges.append(("in front of" if stands[i].behind < other.behind else "behind", str(j)))
    return edges
