"""People and their clothes.

`person` draws a whole figure and returns the extents of the parts that are annotated as objects of their own: the garments
and the thing in the hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vispro_gym.datasets.mini.drawing.canvas import RGB, Extent, Look, Pen, shade

HAIR: tuple[RGB, ...] = ((70, 50, 44), (42, 38, 44), (196, 144, 70), (150, 84, 48))
GRAY_HAIR: RGB = (214, 214, 218)
SHOE: RGB = (72, 62, 66)
HIP, SHOULDER = 66.0, 112.0


@dataclass(frozen=True)
class Held:
    """A thing in the right hand.

    Attributes:
        draw: Draws the thing on the local origin.
        look: Its attributes.
        grip: Where the hand is: "low" (a bag at the side), "front" (beside the chest), "high" (raised), "mouth" (eating,
            drinking), "ear" (talking on a phone) or "both" (both hands before the chest, reading).
        lift: How far the thing's origin is below the hand.
        size: Scale of the thing.
    """

    draw: Callable[[Pen, Look], None]
    look: Look
    grip: str
    lift: float = 0.0
    size: float = 1.0


@dataclass(frozen=True)
class Figure:
    """Everything that decides how a person looks.

    Attributes:
        name: "man", "woman", "boy" or "girl".
        skin: Skin color.
        hair: Hair color.
        look: Annotated attributes of the person ("old", "sitting", "reading", ...).
        clothes: Looks by garment: shirt, pants, shorts, skirt, dress, hat.
        held: The thing in the hand, if any.
        seat: Height of the seat in local units for a sitting person.
    """

    name: str
    skin: RGB
    hair: RGB
    look: Look
    clothes: Mapping[str, Look]
    held: Held | None = None
    seat: float = 0.0


def person(pen: Pen, figure: Figure) -> dict[str, Extent]:
    """Draw a person; adults are 150 units high.

    Returns:
        Extents of the garments by name, and of the thing in the hand as "held".
    """
    extents = {name: Extent() for name in (*figure.clothes, *(("held",) if figure.held else ()))}
    sitting = figure.look.is_("sitting")
    raised = figure.seat + 8 - HIP if sitting else 0.0
    if not sitting:
        pen.shadow(0, 52)
    (_sitting_legs if sitting else _standing_legs)(pen, figure, extents)
    with pen.shifted(0, raised):
        _arm(pen, figure, extents, [(-19, 106), (-26, 86), (-24, 64)])
        _torso(pen, figure, extents)
        _head(pen, figure, extents)
        _holding_arm(pen, figure, extents)
    return extents


def _standing_legs(pen: Pen, figure: Figure, extents: dict[str, Extent]) -> None:
    for x in (-8.5, 8.5):
        pen.rect(x - 5.5, 4, x + 5.5, 70, figure.skin, radius=4)
        pen.rect(x - 6, 0, x + 8, 8, SHOE, radius=4)
    for name, low in (("pants", 6.0), ("shorts", 38.0)):
        if name in figure.clothes:
            color = figure.clothes[name].rgb
            with pen.track(extents[name]):
                for x in (-8.2, 8.2):
                    pen.rect(x - 7.8, low, x + 7.8, 70, color, radius=1.5)
                pen.rect(-16, 58, 16, 71, color, radius=4)
                pen.rect(-0.6, low, 0.6, 58, shade(color, -0.3))
    for name, high in (("skirt", 70.0), ("dress", 74.0)):
        if name in figure.clothes:
            look = figure.clothes[name]
            with pen.track(extents[name]):
                pen.poly([(-14, high), (14, high), (27, 32), (-27, 32)], look.rgb)
                _pattern(pen, look, -20, 36, 20, 60)


def _sitting_legs(pen: Pen, figure: Figure, extents: dict[str, Extent]) -> None:
    seat = figure.seat
    bottom = seat - 38
    for x in (-9, 9):
        pen.rect(x - 5.5, bottom + 4, x + 5.5, seat + 8, figure.skin, radius=4)
        pen.rect(x - 7, bottom, x + 7, bottom + 8, SHOE, radius=4)
    for name, low in (("pants", 6.0), ("shorts", 26.0)):
        if name in figure.clothes:
            color = figure.clothes[name].rgb
            with pen.track(extents[name]):
                for x in (-9, 9):
                    pen.rect(x - 7.5, bottom + low, x + 7.5, seat + 12, color, radius=4)
                    pen.oval(x, seat + 7, 9, 8, shade(color, 0.08))
    for name in ("skirt", "dress"):
        if name in figure.clothes:
            look = figure.clothes[name]
            with pen.track(extents[name]):
                pen.poly([(-17, seat + 16), (17, seat + 16), (23, seat - 10), (-23, seat - 10)], look.rgb)
                _pattern(pen, look, -19, seat - 8, 19, seat + 12)


def _pattern(pen: Pen, look: Look, x0: float, y0: float, x1: float, y1: float) -> None:
    light = shade(look.rgb, 0.62) if not look.is_("white") else (120, 150, 200)
    if look.is_("striped"):
        pen.stripes(x0, y0, x1, y1, light, 3)
    elif look.is_("dotted"):
        pen.dots(x0, y0, x1, y1, light, 2.2)


def _top(figure: Figure) -> str:
    return "dress" if "dress" in figure.clothes else "shirt"


def _torso(pen: Pen, figure: Figure, extents: dict[str, Extent]) -> None:
    name = _top(figure)
    look = figure.clothes[name]
    pen.rect(-5.5, 108, 5.5, 122, shade(figure.skin, -0.1))
    with pen.track(extents[name]):
        pen.blob([(-8, 115), (-21, 111), (-20, 96), (-16, 66), (0, 64), (16, 66), (20, 96), (21, 111), (8, 115)], look.rgb)
        _pattern(pen, look, -15.5, 68, 15.5, 104)
    pen.half_oval(0, 115, 7, 5, figure.skin, upper=False)


def _arm(pen: Pen, figure: Figure, extents: dict[str, Extent], points: list[tuple[float, float]]) -> None:
    """An arm with a short sleeve through shoulder, elbow and hand."""
    name = _top(figure)
    pen.line(points, figure.skin, 8)
    pen.oval(*points[-1], 5.2, 5.2, figure.skin)
    with pen.track(extents[name]):
        pen.line(points[:2], shade(figure.clothes[name].rgb, -0.1), 10)


def _holding_arm(pen: Pen, figure: Figure, extents: dict[str, Extent]) -> None:
    held = figure.held
    if held is None:
        _arm(pen, figure, extents, [(19, 106), (26, 86), (24, 64)])
        return
    elbow, hand = {
        "low": ((26, 86), (29, 64)),
        "front": ((27, 88), (42, 90)),
        "high": ((31, 92), (42, 108)),
        "mouth": ((33, 94), (19, 112)),
        "ear": ((35, 98), (24, 118)),
        "both": ((25, 86), (16, 84)),
    }[held.grip]
    x, y = (0.0, 80.0) if held.grip == "both" else hand
    with pen.track(extents["held"]), pen.shifted(x, y - held.lift, held.size), pen.lifted():
        held.draw(pen, held.look)
    _arm(pen, figure, extents, [(19, 106), elbow, hand])
    if held.grip == "both":
        pen.oval(-16, 84, 5.2, 5.2, figure.skin)


def _head(pen: Pen, figure: Figure, extents: dict[str, Extent]) -> None:
    young = figure.name in ("boy", "girl")
    female = figure.name in ("woman", "girl")
    old = figure.look.is_("old")
    hair = GRAY_HAIR if old else figure.hair
    with pen.shifted(0, 133 if not young else 137, 1.0 if not young else 1.28):
        if figure.name == "woman":
            if old:
                pen.oval(0, 21, 8, 7, shade(hair, -0.08))
            else:
                pen.blob([(-17, 8), (-20, -14), (-13, -22), (13, -22), (20, -14), (17, 8), (0, 17)], hair)
        elif figure.name == "girl":
            for side in (-1, 1):
                pen.blob([(side * 13, 4), (side * 25, 6), (side * 27, -10), (side * 20, -14)], hair)
        for side in (-1, 1):
            pen.oval(side * 16, -1, 3.2, 4, shade(figure.skin, -0.08))
        pen.oval(0, 0, 16, 17, figure.skin)
        if figure.name == "man" and old:
            pen.blob([(-12, -8), (-6, -6), (0, -7), (6, -6), (12, -8), (9, -18), (0, -20), (-9, -18)], hair)
            for side in (-1, 1):
                pen.oval(side * 14.5, 5, 3.6, 6, hair)
        elif female:
            pen.blob([(-16.5, 1), (-14, 13), (0, 18.5), (14, 13), (16.5, 1), (10, 8), (0, 11), (-10, 8)], hair)
        else:
            pen.blob([(-16.5, 3), (-14, 13), (0, 18.5), (14, 13), (16.5, 3), (13, 9), (4, 9), (-4, 11), (-13, 8)], hair)
        for side in (-1, 1):
            pen.oval(side * 5.8, 0.5, 1.7, 2.1, (44, 40, 46))
            pen.oval(side * 9.4, -5.4, 3, 2, (236, 128, 118, 90))
            if old:
                pen.line(
                    [(side * 2, 0.5), (side * 2, 3.4), (side * 9.6, 3.4), (side * 9.6, -2.4), (side * 2, -2.4), (side * 2, 0.5)],
                    (80, 80, 92),
                    0.9,
                )
        pen.line([(-4, -8), (0, -9.6), (4, -8)], (160, 74, 70), 1.4)
        if "hat" in figure.clothes:
            color = figure.clothes["hat"].rgb
            with pen.track(extents["hat"]):
                pen.half_oval(0, 7, 16.5, 16, color)
                pen.rect(-24, 5, 24, 9.5, shade(color, -0.12), radius=2.2)
                pen.rect(-16.2, 9.5, 16.2, 12.8, shade(color, -0.38))
