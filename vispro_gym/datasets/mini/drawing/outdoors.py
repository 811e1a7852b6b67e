"""Vehicles, trees and street furniture. Every function draws one object that rests on the local origin."""

from __future__ import annotations

from vispro_gym.datasets.mini.drawing.canvas import INK, LEAF, METAL, PALETTE, Look, Pen, shade

WINDOW = (196, 226, 240)
TRUNK = (128, 90, 62)


def _wheel(pen: Pen, x: float, radius: float) -> None:
    pen.oval(x, radius, radius, radius, INK)
    pen.oval(x, radius, radius * 0.55, radius * 0.55, (206, 208, 214))
    pen.oval(x, radius, radius * 0.2, radius * 0.2, (120, 124, 132))


def car(pen: Pen, look: Look) -> None:
    """A car, driving to the right."""
    color = look.rgb
    pen.shadow(0, 144)
    pen.blob([(-68, 12), (-69, 34), (-54, 40), (0, 42), (58, 38), (69, 30), (69, 12)], color)
    pen.poly([(-44, 38), (-30, 62), (18, 62), (40, 38)], color)
    pen.poly([(-36, 39), (-26, 57), (-6, 57), (-6, 39)], WINDOW)
    pen.poly([(-1, 39), (-1, 57), (15, 57), (31, 39)], WINDOW)
    pen.rect(-4, 20, -2.6, 39, shade(color, -0.28))
    pen.rect(4, 32, 13, 34.4, shade(color, -0.35), radius=1)
    pen.oval(64, 29, 4.5, 4, (252, 234, 160))
    pen.rect(-69, 26, -63, 33, (206, 52, 52), radius=1.5)
    pen.rect(-70, 11, 70, 17, shade(color, -0.32), radius=3)
    for x in (-41, 41):
        _wheel(pen, x, 14.5)


def bus(pen: Pen, look: Look) -> None:
    """A bus, driving to the right."""
    color = look.rgb
    pen.shadow(0, 204)
    pen.rect(-98, 12, 98, 94, color, radius=9)
    pen.rect(-98, 34, 98, 40, shade(color, 0.6))
    for index in range(5):
        pen.rect(-90 + index * 31, 50, -65 + index * 31, 80, WINDOW, radius=3)
    pen.rect(66, 18, 92, 80, shade(color, -0.3), radius=3)
    pen.rect(69, 22, 78, 77, WINDOW, radius=2)
    pen.rect(80, 22, 89, 77, WINDOW, radius=2)
    pen.oval(95, 26, 3.4, 4.5, (252, 234, 160))
    pen.rect(-98, 11, 98, 17, shade(color, -0.4), radius=3)
    for x in (-58, 44):
        _wheel(pen, x, 16)


def truck(pen: Pen, look: Look) -> None:
    """A truck with a pale cargo box; the color is that of the cab."""
    color = look.rgb
    pen.shadow(0, 172)
    pen.rect(-84, 16, 82, 24, (84, 84, 92), radius=2)
    pen.rect(-84, 24, 26, 92, shade(color, 0.5), radius=4)
    for x in (-58, -30, -2):
        pen.rect(x - 1, 28, x + 1, 88, shade(color, 0.32))
    pen.blob([(30, 18), (82, 18), (83, 44), (72, 56), (62, 77), (32, 78)], color)
    pen.poly([(44, 50), (44, 71), (60, 71), (70, 50)], WINDOW)
    pen.rect(40, 38, 49, 40.6, shade(color, -0.4), radius=1)
    pen.oval(79, 31, 4, 4, (252, 234, 160))
    for x in (-58, -28, 56):
        _wheel(pen, x, 14)


def bicycle(pen: Pen, look: Look) -> None:
    """A bicycle; the color is that of the frame."""
    color = look.rgb
    pen.shadow(0, 96)
    for x in (-31, 31):
        pen.oval(x, 20, 20, 20, INK)
        pen.oval(x, 20, 16.4, 16.4, (232, 234, 236))
        for dx, dy in ((0, 16), (13.8, 8), (13.8, -8)):
            pen.line([(x - dx, 20 - dy), (x + dx, 20 + dy)], (168, 172, 180), 0.9)
        pen.oval(x, 20, 2.6, 2.6, INK)
    pen.line([(-31, 20), (-12, 48), (20, 48), (-2, 20), (-31, 20)], color, 4)
    pen.line([(-2, 20), (-14, 52)], color, 4)
    pen.line([(31, 20), (18, 56)], color, 4)
    pen.line([(18, 56), (27, 62), (31, 58)], INK, 3)
    pen.line([(-22, 54), (-7, 54)], INK, 5)
    pen.oval(-2, 20, 5.5, 5.5, METAL)


def boat(pen: Pen, look: Look) -> None:
    """A sailing boat; the color is that of the hull."""
    color = look.rgb
    pen.rect(-1.8, 20, 1.8, 104, TRUNK)
    pen.poly([(3, 30), (3, 102), (46, 30)], (250, 246, 236))
    pen.poly([(-4, 34), (-4, 92), (-34, 34)], (240, 232, 218))
    pen.poly([(-56, 24), (58, 24), (40, 0), (-42, 0)], color)
    pen.rect(-54, 18, 55, 24, shade(color, 0.5))


def tree(pen: Pen, look: Look) -> None:
    """A leafy tree: tall with stacked crowns, or short with one round crown. The color is that of the leaves."""
    color = look.rgb
    pen.shadow(0, 66)
    if look.is_("tall"):
        pen.rect(-7, 0, 7, 84, TRUNK, radius=2)
        pen.line([(0, 62), (20, 84)], TRUNK, 5)
        for x, y, r in ((-20, 98, 27), (22, 100, 26), (0, 122, 31), (-14, 146, 24), (14, 148, 23), (0, 166, 20)):
            pen.oval(x, y, r, r, color)
        for x, y, r in ((-14, 128, 9), (14, 108, 8), (4, 158, 8), (-22, 100, 7)):
            pen.oval(x, y, r, r, shade(color, 0.16))
        return
    pen.rect(-6, 0, 6, 42, TRUNK, radius=2)
    for x, y, r in ((-19, 50, 20), (19, 50, 20), (0, 66, 25)):
        pen.oval(x, y, r, r, color)
    for x, y, r in ((-12, 64, 7), (12, 54, 6)):
        pen.oval(x, y, r, r, shade(color, 0.16))


def palm_tree(pen: Pen, look: Look) -> None:
    """A palm tree with three coconuts."""
    pen.shadow(0, 46)
    pen.blob([(-9, 0), (7, 0), (4, 40), (8, 80), (16, 120), (8, 122), (-2, 84), (-5, 40)], (164, 120, 80))
    for y in (18, 36, 54, 72, 90, 106):
        pen.line([(-6 + y * 0.1, y), (5 + y * 0.1, y + 2)], (134, 94, 62), 1.6)
    with pen.shifted(12, 121):
        for tip in ((-58, -14), (58, -14), (-50, 22), (50, 22), (-22, 44), (24, 42)):
            mid = (tip[0] * 0.55, tip[1] * 0.6 + 16)
            pen.blob([(0, 3), mid, tip, (mid[0], mid[1] - 12)], shade(LEAF, 0.1 if tip[0] > 0 else -0.06))
        for x in (-6, 4, 0):
            pen.oval(x, -3 - abs(x) * 0.4, 5, 5, (112, 76, 52))


def fire_hydrant(pen: Pen, look: Look) -> None:
    """A fire hydrant."""
    color = look.rgb
    pen.shadow(0, 40)
    pen.rect(-16, 0, 16, 6, shade(color, -0.3), radius=2)
    pen.rect(-11, 4, 11, 44, color, radius=2)
    pen.rect(-20, 22, 20, 32, shade(color, -0.15), radius=3)
    pen.oval(0, 27, 6.5, 6.5, shade(color, -0.32))
    pen.oval(0, 27, 3, 3, shade(color, 0.3))
    pen.half_oval(0, 44, 13, 12, color)
    pen.rect(-14, 41, 14, 46, shade(color, -0.2), radius=2)
    pen.rect(-3, 54, 3, 60, shade(color, -0.2), radius=1.5)


def traffic_light(pen: Pen, look: Look) -> None:
    """A traffic light on a pole; the color is that of its case."""
    color = look.rgb
    pen.shadow(0, 26)
    pen.rect(-9, 0, 9, 6, (96, 98, 106), radius=2)
    pen.rect(-3.4, 4, 3.4, 104, (110, 112, 120))
    pen.rect(-16, 98, 16, 168, color, radius=6)
    for y, lamp in ((154, "red"), (133, "yellow"), (112, "green")):
        pen.oval(0, y, 9, 9, shade(color, -0.45))
        pen.oval(0, y, 7.6, 7.6, shade(PALETTE[lamp], 0.1))


def stop_sign(pen: Pen, look: Look) -> None:
    """An eight-sided red stop sign."""
    pen.shadow(0, 24)
    pen.rect(-2.6, 0, 2.6, 90, METAL)
    with pen.shifted(0, 108):
        for radius, color in ((29.0, (250, 246, 240)), (26.0, look.rgb)):
            near = radius * 0.414
            pen.poly(
                [
                    (-near, radius),
                    (near, radius),
                    (radius, near),
                    (radius, -near),
                    (near, -radius),
                    (-near, -radius),
                    (-radius, -near),
                    (-radius, near),
                ],
                color,
            )
        white = (250, 246, 240)
        pen.line([(-12, 6), (-18, 6), (-18, 0), (-12, 0), (-12, -6), (-18, -6)], white, 2.4)
        pen.line([(-9, 6), (-2, 6)], white, 2.4)
        pen.line([(-5.5, 6), (-5.5, -6)], white, 2.4)
        pen.line([(2, 6), (8, 6), (8, -6), (2, -6), (2, 6)], white, 2.4)
        pen.line([(12, -6), (12, 6), (18, 6), (18, 0), (12, 0)], white, 2.4)


def trash_can(pen: Pen, look: Look) -> None:
    """A trash can with a lid, of metal or plastic."""
    color = look.rgb
    pen.shadow(0, 44)
    pen.poly([(-20, 46), (20, 46), (16, 0), (-16, 0)], color)
    for x in (-9, 0, 9):
        pen.line([(x * 1.1, 40), (x * 0.95, 5)], shade(color, -0.25), 2)
    if look.is_("metal"):
        pen.line([(-14, 40), (-12, 8)], shade(color, 0.65), 3)
    pen.rect(-23, 45, 23, 52, shade(color, -0.18), radius=3)
    pen.rect(-6, 51, 6, 56, shade(color, -0.3), radius=2)


def rock(pen: Pen, look: Look) -> None:
    """A gray rock."""
    color = look.rgb
    pen.shadow(0, 66)
    pen.blob([(-30, 0), (30, 0), (32, 14), (16, 30), (-6, 34), (-26, 22)], color)
    pen.blob([(-24, 19), (-6, 30), (10, 27), (-4, 21)], shade(color, 0.28))
    pen.line([(6, 18), (12, 10), (10, 5)], shade(color, -0.3), 1.6)


def house(pen: Pen, look: Look) -> None:
    """A house of brick or wood with a door and two windows; the color is that of the walls."""
    color = look.rgb
    pen.shadow(0, 150)
    pen.rect(38, 104, 54, 146, shade(color, -0.3))
    pen.rect(-70, 0, 70, 92, color)
    dark = shade(color, -0.14)
    if look.is_("brick"):
        for row in range(9):
            y = row * 10 + 4
            for column in range(6):
                x = -66 + column * 23 + (11 if row % 2 else 0)
                pen.rect(x, y, min(x + 13, 69), y + 4.4, dark, radius=0.8)
    else:
        for y in range(9, 92, 10):
            pen.rect(-70, y, 70, y + 1.5, dark)
    pen.poly([(-84, 90), (84, 90), (44, 136), (-44, 136)], (150, 84, 70))
    pen.rect(-84, 88, 84, 93, (126, 68, 58), radius=1)
    for x in (-40, 40):
        pen.rect(x - 17, 34, x + 17, 70, (250, 248, 242), radius=1.5)
        pen.rect(x - 14, 37, x + 14, 67, WINDOW)
        pen.rect(x - 1, 37, x + 1, 67, (250, 248, 242))
        pen.rect(x - 14, 51, x + 14, 53, (250, 248, 242))
    pen.rect(-13, 0, 13, 54, (116, 80, 58), radius=2)
    pen.oval(8, 26, 2, 2, PALETTE["yellow"])
