"""Furniture, appliances and things on walls. Every function draws one object that rests on (or hangs around) the local origin.

The heights of the surfaces that carry other things are exported for the composition.
"""

from __future__ import annotations

from vispro_gym.datasets.mini.drawing.canvas import INK, LEAF, METAL, PALETTE, RGB, Look, Pen, shade

TABLE_TOP = 74.0
DESK_TOP = 74.0
COUNTER_TOP = 84.0
CABINET_TOP = 62.0
COUCH_SEAT = 38.0
BED_TOP = 46.0
BENCH_SEAT = 38.0
CHAIR_SEAT = 42.0


def _grain(pen: Pen, x0: float, y0: float, x1: float, y1: float, color: RGB) -> None:
    """Two lines of wood grain inside a rectangle."""
    dark = shade(color, -0.16)
    for part in (0.35, 0.7):
        y = y0 + (y1 - y0) * part
        pen.line([(x0 + 4, y), (x0 + (x1 - x0) * 0.55, y)], dark, 1.2)
        pen.line([(x0 + (x1 - x0) * 0.68, y + 1), (x1 - 5, y + 1)], dark, 1.2)


def table(pen: Pen, look: Look) -> None:
    """A table of wood, metal (thin legs, shiny top) or plastic (round legs)."""
    color = look.rgb
    pen.shadow(0, 160)
    thin = 4.0 if look.is_("metal") else 7.0
    for x in (-70, 70 - thin):
        pen.rect(x, 0, x + thin, 68, shade(color, -0.18), radius=1.5)
    if look.is_("wood"):
        pen.rect(-72, 56, 72, 66, shade(color, -0.12))
    elif look.is_("metal"):
        pen.rect(-70, 22, 70, 25, shade(color, -0.18))
    pen.rect(-82, 64, 82, TABLE_TOP, color, radius=2 if not look.is_("plastic") else 5)
    if look.is_("wood"):
        _grain(pen, -80, 64, 80, 73, color)
    elif look.is_("metal"):
        pen.poly([(-60, 64.5), (-40, 64.5), (-30, 73.5), (-50, 73.5)], shade(color, 0.6))
        pen.poly([(20, 64.5), (28, 64.5), (38, 73.5), (30, 73.5)], shade(color, 0.6))


def desk(pen: Pen, look: Look) -> None:
    """A desk with drawers on one side and room for the legs on the other."""
    color = look.rgb
    pen.shadow(0, 168)
    pen.rect(-80, 0, -73, 68, shade(color, -0.2))
    pen.rect(30, 0, 80, 68, shade(color, -0.1))
    for y in (6, 26, 46):
        pen.rect(34, y, 76, y + 17, shade(color, 0.12), radius=1.5)
        pen.oval(55, y + 8.5, 3, 2, shade(color, -0.45))
    pen.rect(-86, 65, 86, DESK_TOP, color, radius=2)
    if look.is_("wood"):
        _grain(pen, -84, 65, 84, 73, color)


def cabinet(pen: Pen, look: Look) -> None:
    """A low cabinet with two doors."""
    color = look.rgb
    pen.shadow(0, 108)
    for x in (-44, 38):
        pen.rect(x, 0, x + 6, 8, shade(color, -0.4))
    pen.rect(-52, 6, 52, CABINET_TOP, shade(color, -0.08), radius=2)
    for x in (-47, 2):
        pen.rect(x, 11, x + 45, 53, shade(color, 0.12), radius=2)
    for x in (-6, 6):
        pen.oval(x, 34, 2.2, 2.2, shade(color, -0.5))
    pen.rect(-55, 57, 55, CABINET_TOP, color, radius=1.5)
    if look.is_("wood"):
        _grain(pen, -46, 14, -4, 50, shade(color, 0.12))
        _grain(pen, 3, 14, 45, 50, shade(color, 0.12))


def counter(pen: Pen, look: Look) -> None:
    """A kitchen counter with drawers and a stone top."""
    color = look.rgb
    pen.shadow(0, 172)
    pen.rect(-84, 0, 84, 78, shade(color, -0.06))
    pen.rect(-84, 0, 84, 6, shade(color, -0.4))
    for x in (-80, -25, 30):
        pen.rect(x, 56, x + 50, 73, shade(color, 0.14), radius=2)
        pen.rect(x, 10, x + 50, 52, shade(color, 0.14), radius=2)
        pen.rect(x + 18, 63, x + 32, 66, METAL, radius=1.5)
        pen.rect(x + 42, 26, x + 45, 40, METAL, radius=1.5)
    pen.rect(-88, 77, 88, COUNTER_TOP, (226, 222, 216), radius=2)
    pen.rect(-88, 77, 88, 79, (186, 182, 178))


def chair(pen: Pen, look: Look) -> None:
    """A chair seen from the front: wooden with slats, metal with a frame, or plastic with a shell."""
    color = look.rgb
    pen.shadow(0, 54)
    leg = 3.4 if look.is_("metal") else 5.5
    for x in (-23, 23 - leg):
        pen.rect(x, 0, x + leg, 46, shade(color, -0.2), radius=1)
    if look.is_("plastic"):
        pen.rect(-24, 44, 24, 96, color, radius=14)
        pen.rect(-9, 76, 9, 82, shade(color, -0.3), radius=3)
    else:
        for x in (-23, 23 - leg):
            pen.rect(x, 40, x + leg, 98, shade(color, -0.08), radius=2)
        pen.rect(-23, 84, 23, 97, color, radius=3)
        pen.rect(-23, 64, 23, 74, color, radius=2)
        if look.is_("wood"):
            _grain(pen, -21, 84, 21, 97, color)
    pen.rect(-27, 37, 27, CHAIR_SEAT + 4, shade(color, 0.1), radius=3)
    pen.rect(-27, 37, 27, 40, shade(color, -0.2), radius=1.5)


def couch(pen: Pen, look: Look) -> None:
    """A couch for two; a leather couch has buttons and a shine."""
    color = look.rgb
    pen.shadow(0, 190)
    for x in (-84, 76):
        pen.rect(x, 0, x + 8, 10, (92, 66, 50))
    pen.rect(-84, 16, 84, 86, shade(color, -0.12), radius=14)
    for x in (-70, 1):
        pen.rect(x, 34, x + 69, 80, shade(color, 0.06), radius=9)
    if look.is_("leather"):
        for x in (-52, -35, -18, 18, 35, 52):
            for y in (56, 69):
                pen.oval(x, y, 2, 2, shade(color, -0.45))
        pen.line([(-60, 77), (-20, 77)], shade(color, 0.5), 1.8)
        pen.line([(12, 77), (50, 77)], shade(color, 0.5), 1.8)
    pen.rect(-78, 10, 78, COUCH_SEAT, shade(color, 0.12), radius=6)
    pen.rect(-1, 14, 1, 36, shade(color, -0.2))
    for x in (-94, 70):
        pen.rect(x, 6, x + 24, 56, color, radius=10)


def bed(pen: Pen, look: Look) -> None:
    """A bed seen from the side, the head on the left; the color is that of the blanket."""
    color = look.rgb
    wood = (150, 104, 70)
    pen.shadow(0, 206)
    pen.rect(-104, 0, -95, 84, wood, radius=3)
    pen.rect(95, 0, 104, 54, wood, radius=3)
    pen.rect(-98, 12, 98, 24, shade(wood, -0.15))
    pen.rect(-96, 22, 96, 40, (246, 240, 230), radius=5)
    pen.rect(-40, 16, 97, BED_TOP, color, radius=7)
    pen.rect(-96, 30, -36, BED_TOP - 1, (250, 247, 240), radius=6)
    pen.rect(-42, 28, -26, BED_TOP, shade(color, 0.45), radius=4)
    if look.is_("striped"):
        for x in (-14, 14, 42, 70):
            pen.rect(x, 17, x + 12, BED_TOP - 0.5, shade(color, 0.5))
    elif look.is_("dotted"):
        pen.dots(-18, 18, 92, 43, shade(color, 0.62), 2.6)


def nightstand(pen: Pen, look: Look) -> None:
    """A nightstand with two drawers."""
    color = look.rgb
    pen.shadow(0, 56)
    for x in (-22, 17):
        pen.rect(x, 0, x + 5, 10, shade(color, -0.4))
    pen.rect(-25, 8, 25, 56, shade(color, -0.08), radius=2)
    for y in (12, 33):
        pen.rect(-20, y, 20, y + 17, shade(color, 0.14), radius=2)
        pen.oval(0, y + 8.5, 2.6, 2, shade(color, -0.5))
    pen.rect(-28, 53, 28, 58, color, radius=1.5)


def bookshelf(pen: Pen, look: Look) -> None:
    """A tall shelf full of books (the books are decoration: they are not annotated one by one)."""
    color = look.rgb
    pen.shadow(0, 88)
    pen.rect(-42, 0, 42, 150, color, radius=2)
    spines = ("red", "blue", "yellow", "green", "purple", "orange", "pink")
    for row, y in enumerate((8, 55, 102)):
        pen.rect(-37, y, 37, y + 42, shade(color, -0.45))
        x = -35.0
        for index in range(9):
            name = spines[(index * 3 + row * 2) % len(spines)]
            width = 6 + (index * 5 + row * 3) % 4
            if x + width > 35:
                break
            pen.rect(x, y, x + width, y + 28 + (index * 7 + row * 5) % 11, shade(PALETTE[name], 0.25), radius=0.8)
            x += width + 0.6
    if look.is_("wood"):
        for y in (51, 98, 146):
            pen.line([(-36, y + 1.2), (20, y + 1.2)], shade(color, -0.2), 1)


def bench(pen: Pen, look: Look) -> None:
    """A bench with a back rest: wooden planks or a metal frame."""
    color = look.rgb
    pen.shadow(0, 140)
    frame = shade(color, -0.35) if look.is_("metal") else (70, 70, 78)
    for x in (-58, 52):
        pen.rect(x, 0, x + 6, 78, frame, radius=1.5)
    for y in (54, 67):
        pen.rect(-68, y, 68, y + 9, color, radius=2)
        if look.is_("wood"):
            pen.line([(-62, y + 4.5), (24, y + 4.5)], shade(color, -0.18), 1.2)
    pen.rect(-70, 32, 70, BENCH_SEAT + 2, shade(color, 0.12), radius=2)
    pen.rect(-70, 28, 70, 33, shade(color, -0.2), radius=2)


def lamp(pen: Pen, look: Look) -> None:
    """A table lamp; the color is that of the shade."""
    color = look.rgb
    pen.shadow(0, 28)
    pen.oval(0, 3, 13, 3.6, (150, 118, 84))
    pen.rect(-2.2, 3, 2.2, 30, (150, 118, 84))
    pen.oval(0, 16, 5.5, 8, (168, 134, 98))
    pen.poly([(-20, 28), (20, 28), (12, 56), (-12, 56)], color)
    pen.poly([(-20, 28), (-13, 28), (-7, 56), (-12, 56)], shade(color, 0.3))


def floor_lamp(pen: Pen, look: Look) -> None:
    """A lamp on a tall pole."""
    color = look.rgb
    pen.shadow(0, 40)
    pen.oval(0, 3, 18, 4, (96, 92, 98))
    pen.rect(-2, 3, 2, 126, (96, 92, 98))
    pen.poly([(-27, 118), (27, 118), (16, 152), (-16, 152)], color)
    pen.poly([(-27, 118), (-18, 118), (-10, 152), (-16, 152)], shade(color, 0.3))


def television(pen: Pen, look: Look) -> None:
    """A flat television with a landscape on its screen."""
    pen.shadow(0, 60)
    pen.rect(-20, 0, 20, 4, shade(look.rgb, 0.2), radius=2)
    pen.rect(-3, 3, 3, 10, shade(look.rgb, 0.2))
    pen.rect(-47, 9, 47, 64, look.rgb, radius=3)
    pen.rect(-43, 13, 43, 60, (134, 196, 230))
    pen.poly([(-43, 13), (43, 13), (43, 27), (14, 36), (-12, 24), (-43, 34)], (120, 178, 116))
    pen.oval(24, 49, 5.5, 5.5, (252, 224, 120))


def refrigerator(pen: Pen, look: Look) -> None:
    """A refrigerator with a freezer on top."""
    color = look.rgb
    pen.shadow(0, 86)
    for x in (-34, 26):
        pen.rect(x, 0, x + 8, 6, INK)
    pen.rect(-40, 4, 40, 168, color, radius=8)
    pen.rect(30, 8, 40, 164, shade(color, -0.1), radius=6)
    pen.rect(-40, 112, 40, 114.5, shade(color, -0.35))
    pen.rect(-33, 120, -28, 142, shade(color, -0.4), radius=2.5)
    pen.rect(-33, 76, -28, 106, shade(color, -0.4), radius=2.5)


def stove(pen: Pen, look: Look) -> None:
    """A stove with an oven window."""
    color = look.rgb
    pen.shadow(0, 86)
    pen.rect(-40, 0, 40, 84, color, radius=3)
    pen.rect(-40, 0, 40, 8, shade(color, -0.35), radius=2)
    pen.rect(-31, 17, 31, 52, (62, 62, 70), radius=4)
    pen.rect(-26, 22, 26, 47, (248, 186, 96), radius=2)
    pen.rect(-30, 55, 30, 58, METAL, radius=1.5)
    for x in (-26, -9, 9, 26):
        pen.oval(x, 68, 5, 5, shade(color, -0.45))
        pen.rect(x - 0.8, 68, x + 0.8, 72.5, (250, 250, 250))
    pen.rect(-42, 80, 42, 86, (70, 70, 78), radius=2)


def potted_plant(pen: Pen, look: Look) -> None:
    """A green plant in a clay pot."""
    pen.shadow(0, 40)
    for points in (
        [(0, 34), (-12, 66), (-36, 84), (-26, 56)],
        [(0, 34), (12, 68), (36, 86), (26, 56)],
        [(0, 34), (-9, 80), (-14, 112), (3, 84)],
        [(0, 34), (11, 76), (19, 106), (-1, 80)],
        [(0, 34), (-26, 48), (-42, 58), (-18, 38)],
        [(0, 34), (26, 48), (42, 58), (18, 38)],
    ):
        pen.blob(points, shade(LEAF, 0.14 if points[1][0] > 0 else -0.06))
    pen.poly([(-20, 34), (20, 34), (15, 0), (-15, 0)], (196, 112, 78))
    pen.rect(-23, 30, 23, 40, (210, 126, 90), radius=2)


def clock(pen: Pen, look: Look) -> None:
    """A round or square wall clock around the local origin."""
    color = look.rgb
    if look.is_("square"):
        pen.rect(-21, -21, 21, 21, color, radius=3)
        pen.rect(-16, -16, 16, 16, (252, 250, 244), radius=2)
    else:
        pen.oval(0, 0, 22, 22, color)
        pen.oval(0, 0, 17, 17, (252, 250, 244))
    for x, y in ((0, 12.5), (12.5, 0), (0, -12.5), (-12.5, 0)):
        pen.oval(x, y, 1.5, 1.5, INK)
    pen.line([(0, 0), (0, 10)], INK, 1.8)
    pen.line([(0, 0), (7, -4)], INK, 1.8)


def picture(pen: Pen, look: Look) -> None:
    """A framed landscape around the local origin; square or rectangular."""
    half = 27 if look.is_("square") else 40
    pen.rect(-half, -27, half, 27, look.rgb, radius=1.5)
    pen.rect(-half + 5, -22, half - 5, 22, (244, 226, 196))
    pen.oval(half * 0.35, 9, 6, 6, (240, 150, 90))
    pen.poly(
        [(-half + 5, -22), (-half + 5, -6), (-half * 0.35, 8), (2, -8), (half * 0.5, 0), (half - 5, -10), (half - 5, -22)],
        (112, 156, 150),
    )
    pen.rect(-half + 5, -22, half - 5, -14, (86, 128, 124))


def mirror(pen: Pen, look: Look) -> None:
    """A mirror around the local origin; round or rectangular."""
    glass, shine = (206, 228, 236), (232, 244, 248)
    if look.is_("round"):
        pen.oval(0, 0, 28, 28, look.rgb)
        pen.oval(0, 0, 23, 23, glass)
        pen.line([(-10, -4), (4, 12)], shine, 5)
        pen.line([(-2, -12), (12, 4)], shine, 3)
        return
    pen.rect(-22, -34, 22, 34, look.rgb, radius=2)
    pen.rect(-17, -29, 17, 29, glass)
    pen.line([(-10, 2), (8, 20)], shine, 5)
    pen.line([(-8, -14), (10, 4)], shine, 3)


def window(pen: Pen, look: Look) -> None:
    """A window around the local origin with a view of the sky; the color is that of the frame."""
    pen.rect(-36, -38, 36, 38, look.rgb, radius=2)
    pen.rect(-31, -33, 31, 33, (168, 214, 240))
    pen.oval(-12, 10, 10, 6, (250, 252, 254))
    pen.oval(-3, 13, 9, 7, (250, 252, 254))
    pen.half_oval(-14, -33, 17, 16, (140, 190, 120))
    pen.half_oval(14, -33, 17, 21, (122, 176, 108))
    pen.rect(-2, -33, 2, 33, look.rgb)
    pen.rect(-31, -2, 31, 2, look.rgb)
    pen.rect(-41, -43, 41, -37, shade(look.rgb, -0.12), radius=1.5)


def pillow(pen: Pen, look: Look) -> None:
    """A pillow standing on its edge; it may be striped or dotted."""
    color = look.rgb
    pen.blob([(-20, 2), (0, 5), (20, 2), (19, 17), (20, 33), (0, 30), (-20, 33), (-19, 17)], color)
    light = shade(color, 0.62)
    if look.is_("striped"):
        for x in (-11, 1.5, 14):
            pen.rect(x - 2.5, 5.6, x + 2.5, 29.4, light)
    elif look.is_("dotted"):
        pen.dots(-16, 6, 16, 29, light, 2.2)
    else:
        pen.blob([(-13, 24), (0, 23), (13, 24), (0, 26)], shade(color, 0.3))


def rug(pen: Pen, look: Look) -> None:
    """A rug on the floor, seen at a flat angle: round (an ellipse) or rectangular."""
    color = look.rgb
    light = shade(color, 0.5)
    if look.is_("round"):
        pen.oval(0, 9, 74, 10, color)
        pen.oval(0, 9, 60, 7.4, light)
        pen.oval(0, 9, 48, 5.4, color)
        return
    pen.poly([(-84, 0), (84, 0), (70, 20), (-70, 20)], color)
    pen.poly([(-70, 3), (70, 3), (60, 17), (-60, 17)], light)
    pen.poly([(-60, 5.5), (60, 5.5), (53, 14.5), (-53, 14.5)], color)
