"""How drawn things stand to each other, told from where they are: what mini scene graphs annotate, left and right aside."""

from __future__ import annotations

from collections.abc import Sequence

from vispro_gym.datasets.mini.gqa.catalogue import GARMENTS, PEOPLE, category
from vispro_gym.datasets.mini.gqa.recipes import CARRIED, ON_WALLS, SURFACES, UNDER
from vispro_gym.datasets.scene import Box
from vispro_gym.perception.pixels.looking import Found

_NEAR = 8  # pixels between where something stands and where it would have to
_WORN = 0.7  # share of a garment that is inside the box of who wears it
_HELD = (0.25, 0.9)  # where what somebody holds ends, from the top of the person, as a share of the person's height
_GRASPED = 6  # least pixels of it within the person's columns
_STRAIGHT = 24  # most pixels that the middle of what hangs above something is beside its middle
_CARRIED = frozenset(carried.name for options in CARRIED.values() for carried in options)
_HUNG = frozenset(name for names in ON_WALLS.values() for name in names)
_MANNERS = {"lying": "lying on", "sitting": "sitting on"}

Placed = tuple[Box, Found]


def relations(placed: Sequence[Placed]) -> list[tuple[int, str, int]]:
    """Which things stand in which relation to which, by their positions: `(subject, relation, object)`."""
    edges: list[tuple[int, str, int]] = []
    free = set(range(len(placed)))  # stands neither on nor under anything
    for i, one in enumerate(placed):
        for j, other in enumerate(placed):
            relation = _standing(one, other) if i != j else ""
            if relation:
                edges.append((i, relation, j))
                free.discard(i)
    for i, one in enumerate(placed):
        for j, other in enumerate(placed):
            if i == j:
                continue
            if _wears(one, other):
                edges.append((i, "wearing", j))
            elif j in free and _holds(one, other):
                edges.append((i, "holding", j))
            elif _hangs_above(one, other):
                edges += [(i, "above", j), (j, "below", i)]
    return edges


def _standing(one: Placed, other: Placed) -> str:
    """What a thing is in relation to another that carries or covers it, "" if neither."""
    (box, thing), (below, base) = one, other
    if not below[0] <= (box[0] + box[2]) / 2 <= below[2]:
        return ""
    if thing.name == "flower" and base.name == "vase" and -_NEAR <= box[3] - below[1] <= 3 * _NEAR:
        return "in"
    if base.name not in SURFACES:
        return ""
    pose = thing.values.get("pose", "")
    if thing.name in PEOPLE:
        return "sitting on" if pose == "sitting" and thing.name in SURFACES[base.name].items else ""
    if thing.name in SURFACES[base.name].items and abs(box[3] - (below[3] - SURFACES[base.name].top)) <= _NEAR:
        return _MANNERS.get(pose, "on")
    if thing.name in UNDER.get(base.name, ()) and abs(box[3] - below[3]) <= _NEAR:
        return "under"
    return ""


def _wears(one: Placed, other: Placed) -> bool:
    (box, thing), (garment, worn) = one, other
    if thing.name not in PEOPLE or worn.name not in GARMENTS:
        return False
    across, down = min(box[2], garment[2]) - max(box[0], garment[0]), min(box[3], garment[3]) - max(box[1], garment[1])
    return min(across, down) > 0 and across * down >= _WORN * (garment[2] - garment[0]) * (garment[3] - garment[1])


def _holds(one: Placed, other: Placed) -> bool:
    (box, thing), (held, carried) = one, other
    if thing.name not in PEOPLE or carried.name not in _CARRIED:
        return False
    end = (held[3] - box[1]) / (box[3] - box[1])
    return min(box[2], held[2]) - max(box[0], held[0]) >= _GRASPED and _HELD[0] <= end <= _HELD[1]


def _hangs_above(one: Placed, other: Placed) -> bool:
    (box, thing), (below, base) = one, other
    if thing.name not in _HUNG or category(base.name) not in ("furniture", "appliance") or base.name in _HUNG:
        return False
    return abs(box[0] + box[2] - below[0] - below[2]) / 2 <= _STRAIGHT and box[3] <= below[1]
