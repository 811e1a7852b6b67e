"""Small things that stand on a table or on the ground: tableware, toys, devices.

Every function draws one object that rests on the local origin, looking as its `Look` says.
"""

from __future__ import annotations

from vispro_gym.datasets.mini.drawing.canvas import GLASS, INK, LEAF, METAL, PALETTE, Look, Pen, shade


def cup(pen: Pen, look: Look) -> None:
    """A mug with a handle."""
    color = look.rgb
    pen.shadow(0, 30)
    pen.oval(13, 14, 9, 8, shade(color, -0.15))
    pen.oval(13, 14, 5, 4.5, (232, 226, 216))
    pen.rect(-13, 0, 13, 28, color, radius=4)
    if look.is_("striped"):
        pen.stripes(-13, 3, 13, 23, shade(color, 0.6), 2)
    pen.rect(-13, 3, -9, 24, shade(color, 0.22))
    pen.oval(0, 27, 13, 3.4, shade(color, -0.28))
    pen.oval(0, 26.4, 10.5, 2.3, (92, 62, 46))


def bowl(pen: Pen, look: Look) -> None:
    """A bowl on a small foot."""
    color = look.rgb
    pen.shadow(0, 34)
    pen.rect(-9, 0, 9, 4, shade(color, -0.25), radius=1)
    pen.half_oval(0, 22, 25, 20, color, upper=False)
    if look.is_("striped"):
        pen.rect(-22, 12, 22, 15, shade(color, 0.62))
    pen.oval(0, 22, 25, 4.5, shade(color, -0.25))
    pen.oval(0, 21.2, 21, 3, shade(color, -0.42))


def plate(pen: Pen, look: Look) -> None:
    """A flat plate seen from slightly above."""
    color = look.rgb
    pen.shadow(0, 50)
    pen.oval(0, 5, 29, 5, shade(color, -0.22))
    pen.oval(0, 7, 29, 5, color)
    pen.oval(0, 7, 19, 2.8, shade(color, -0.12))
    pen.oval(0, 6.6, 17, 2.2, shade(color, 0.2))


def wine_glass(pen: Pen, look: Look) -> None:
    """A wine glass with a little red wine."""
    pen.shadow(0, 22)
    pen.oval(0, 2, 11, 2.4, (182, 212, 224))
    pen.rect(-1.4, 2, 1.4, 24, (182, 212, 224))
    pen.blob([(-11, 48), (-12, 36), (-6, 24), (0, 22), (6, 24), (12, 36), (11, 48), (0, 49)], GLASS)
    pen.half_oval(0, 36, 11, 11, (168, 46, 66), upper=False)
    pen.oval(0, 36, 11, 2, (190, 70, 86))
    pen.line([(-7, 44), (-8, 34)], (255, 255, 255, 190), 1.6)


def bottle(pen: Pen, look: Look) -> None:
    """A bottle of colored glass, or of plastic with a wide cap."""
    color = look.rgb
    pen.shadow(0, 24)
    plastic = look.is_("plastic")
    pen.rect(-5, 34, 5, 54, shade(color, -0.08), radius=2)
    pen.rect(-11, 0, 11, 38, color, radius=6)
    pen.rect(-6 if not plastic else -8, 52, 6 if not plastic else 8, 60, shade(color, 0.65 if plastic else -0.45), 1.5)
    pen.rect(-11, 10, 11, 26, (250, 244, 230))
    pen.oval(0, 18, 4.5, 4.5, shade(color, 0.2))
    if not plastic:
        pen.line([(-7, 33), (-7, 6)], (255, 255, 255, 150), 2.2)


def vase(pen: Pen, look: Look) -> None:
    """A round-bellied vase; of glass it is see-through."""
    color = look.rgb
    pen.shadow(0, 30)
    glass = look.is_("glass")
    body = (*shade(color, 0.3), 150) if glass else color
    pen.blob([(-9, 46), (-8, 38), (-18, 22), (-11, 0), (11, 0), (18, 22), (8, 38), (9, 46)], body)
    pen.oval(0, 46, 10, 2.6, shade(color, -0.25))
    if glass:
        pen.line([(-11, 28), (-9, 10)], (255, 255, 255, 210), 2.4)
    elif look.is_("striped"):
        for low, half in ((12, 15), (24, 17)):
            pen.rect(-half, low, half, low + 5, shade(color, 0.62))
    else:
        pen.line([(-11, 28), (-8, 10)], shade(color, 0.35), 3)


def flower(pen: Pen, look: Look) -> None:
    """One flower with two leaves."""
    color = look.rgb
    pen.line([(0, 1), (0, 34)], LEAF, 3)
    pen.blob([(0, 8), (9, 12), (15, 22), (5, 18)], LEAF)
    pen.blob([(0, 12), (-9, 16), (-14, 26), (-5, 22)], shade(LEAF, 0.1))
    for x, y in ((0, 49), (9.5, 42), (6, 31.5), (-6, 31.5), (-9.5, 42)):
        pen.oval(x, y, 7.4, 7.4, color)
    center = PALETTE["brown"] if look.is_("yellow") else PALETTE["yellow"]
    pen.oval(0, 39, 6, 6, center)


def book(pen: Pen, look: Look) -> None:
    """A book: open it stands like a tent of two pages, closed it lies flat."""
    color = look.rgb
    pen.shadow(0, 48)
    if look.is_("open"):
        pen.poly([(-25, 4), (0, 0), (25, 4), (22, 31), (0, 26), (-22, 31)], color)
        pen.poly([(-22, 6), (-1, 2.5), (-1, 26), (-19.5, 30)], (250, 246, 236))
        pen.poly([(22, 6), (1, 2.5), (1, 26), (19.5, 30)], (238, 232, 220))
        for row in range(4):
            pen.line([(-18, 11 + row * 4.4), (-4, 8 + row * 4.4)], (176, 172, 168), 1.2)
            pen.line([(18, 11 + row * 4.4), (4, 8 + row * 4.4)], (176, 172, 168), 1.2)
        return
    pen.rect(-22, 0, 22, 13, color, radius=2)
    pen.rect(-19, 2.5, 22, 10.5, (250, 244, 230))
    pen.rect(-22, 0, -17, 13, shade(color, -0.2), radius=2)
    pen.rect(-22, 10.5, 22, 13, shade(color, 0.1), radius=1)


def laptop(pen: Pen, look: Look) -> None:
    """A laptop, open with a lit screen or closed."""
    color = look.rgb
    pen.shadow(0, 66)
    if look.is_("open"):
        pen.rect(-28, 4, 28, 42, shade(color, -0.3), radius=3)
        pen.rect(-25, 8, 25, 39, (126, 192, 226))
        pen.poly([(-25, 8), (-4, 8), (14, 39), (-25, 39)], (152, 208, 236))
        pen.rect(-17, 27, 3, 31, (250, 250, 250), radius=1)
        pen.rect(-17, 20, 10, 23, (224, 240, 248), radius=1)
        pen.poly([(-34, 0), (34, 0), (29, 5), (-29, 5)], shade(color, 0.12))
        pen.rect(-34, 0, 34, 2.5, shade(color, -0.15), radius=1)
        return
    pen.rect(-32, 0, 32, 4, shade(color, -0.3), radius=2)
    pen.rect(-32, 4, 32, 9, color, radius=2)
    pen.rect(-8, 5.5, 8, 7, shade(color, 0.35), radius=0.6)


def phone(pen: Pen, look: Look) -> None:
    """A mobile phone that stands upright."""
    pen.shadow(0, 22)
    pen.rect(-9.5, 0, 9.5, 36, look.rgb, radius=3.5)
    pen.rect(-7.4, 4, 7.4, 32, (214, 236, 246), radius=1)
    pen.rect(-4.5, 24, 4.5, 28, (112, 168, 214), radius=1)
    pen.rect(-4.5, 17, 2.5, 20, (150, 194, 226), radius=1)
    pen.oval(0, 2.1, 1.2, 1.2, shade(look.rgb, 0.5))


def radio(pen: Pen, look: Look) -> None:
    """A portable radio with an aerial."""
    color = look.rgb
    pen.shadow(0, 54)
    pen.line([(18, 30), (28, 52)], METAL, 1.8)
    pen.rect(-26, 0, 26, 32, color, radius=5)
    pen.oval(-12, 15, 10, 10, shade(color, -0.35))
    pen.oval(-12, 15, 6, 6, shade(color, -0.15))
    pen.rect(3, 17, 21, 25, (250, 240, 214), radius=1.5)
    pen.oval(7, 8.5, 3, 3, shade(color, 0.6))
    pen.oval(17, 8.5, 3, 3, shade(color, 0.6))


def candle(pen: Pen, look: Look) -> None:
    """A burning candle."""
    color = look.rgb
    pen.shadow(0, 22)
    pen.oval(0, 2, 12, 2.6, (190, 150, 80))
    pen.rect(-6.5, 2, 6.5, 32, color, radius=2)
    pen.rect(-6.5, 6, -3.5, 28, shade(color, 0.3))
    pen.line([(0, 32), (0, 36)], INK, 1.4)
    pen.oval(0, 41, 9, 9, (255, 226, 130, 70))
    pen.blob([(0, 50), (4, 41), (0, 35), (-4, 41)], (250, 170, 60))
    pen.oval(0, 39, 1.8, 2.8, (255, 240, 170))


def teddy_bear(pen: Pen, look: Look) -> None:
    """A sitting teddy bear."""
    color = look.rgb
    light = shade(color, 0.5)
    pen.shadow(0, 42)
    for side in (-1, 1):
        pen.oval(side * 14, 7, 8.5, 7, color)
        pen.oval(side * 14, 6, 4.5, 3.8, light)
        pen.oval(side * 16, 23, 5.5, 8.5, shade(color, -0.08))
        pen.oval(side * 11.5, 54, 6, 6, color)
        pen.oval(side * 11.5, 54, 3.2, 3.2, light)
    pen.oval(0, 18, 14.5, 16, color)
    pen.oval(0, 17, 8.5, 10, light)
    pen.oval(0, 43, 16.5, 14.5, color)
    pen.oval(0, 38.5, 7.5, 6, light)
    pen.oval(0, 41, 2.6, 1.9, INK)
    pen.line([(0, 39), (0, 36.4)], INK, 1)
    for x in (-6.5, 6.5):
        pen.oval(x, 46, 1.8, 2, INK)
    pen.poly([(-6, 30), (6, 26), (6, 30), (-6, 26)], PALETTE["blue"] if look.is_("red") else PALETTE["red"])


def toy_car(pen: Pen, look: Look) -> None:
    """A small toy car with big wheels and a wind-up key."""
    color = look.rgb
    pen.shadow(0, 46)
    pen.line([(-22, 14), (-29, 14)], METAL, 2.4)
    pen.oval(-30, 17, 2.6, 2.6, METAL)
    pen.oval(-30, 11, 2.6, 2.6, METAL)
    pen.blob([(-23, 7), (-23, 17), (-14, 19), (-9, 29), (8, 29), (13, 19), (23, 16), (24, 7)], color)
    pen.poly([(-8, 19), (-5, 26), (5, 26), (9, 19)], (214, 238, 248))
    for x in (-13, 13):
        pen.oval(x, 7, 7.2, 7.2, INK)
        pen.oval(x, 7, 3.4, 3.4, PALETTE["yellow"])


def ball(pen: Pen, look: Look) -> None:
    """A ball; it may be striped or dotted."""
    color = look.rgb
    pen.shadow(0, 34)
    pen.oval(0, 19, 19, 19, color)
    light = shade(color, 0.62) if not look.is_("white") else (120, 150, 200)
    if look.is_("striped"):
        pen.blob([(-18.4, 23), (0, 16.5), (18.4, 23), (18.8, 18), (0, 9.5), (-18.8, 18)], light)
        pen.half_oval(0, 29, 15.6, 8.6, light)
    elif look.is_("dotted"):
        for x, y in ((0, 20), (-10, 27), (10, 27), (-9, 12), (9, 12), (0, 33), (0, 6.5)):
            pen.oval(x, y, 3, 3, light)
    else:
        pen.oval(-7, 27, 5, 3.6, shade(color, 0.42))


def box(pen: Pen, look: Look) -> None:
    """A cardboard, wooden or plastic box."""
    color = look.rgb
    pen.shadow(0, 52)
    pen.rect(-24, 0, 24, 34, color, radius=1.5)
    pen.poly([(-24, 34), (-17, 42), (31, 42), (24, 34)], shade(color, 0.25))
    pen.poly([(24, 0), (31, 8), (31, 42), (24, 34)], shade(color, -0.2))
    if look.is_("wood"):
        for y in (11, 22):
            pen.rect(-24, y, 24, y + 1.6, shade(color, -0.28))
        pen.line([(-22, 2), (22, 32)], shade(color, -0.18), 3)
    elif look.is_("plastic"):
        pen.rect(-8, 24, 8, 29, shade(color, -0.3), radius=2.5)
        pen.rect(-24, 30, 24, 34, shade(color, 0.35), radius=1.5)
    else:
        pen.rect(-4, 0, 4, 34, shade(color, 0.35))
        pen.poly([(-4, 34), (3, 42), (11, 42), (4, 34)], shade(color, 0.5))


def backpack(pen: Pen, look: Look) -> None:
    """A school backpack."""
    color = look.rgb
    pen.shadow(0, 40)
    pen.line([(-6, 48), (-6, 54), (6, 54), (6, 48)], shade(color, -0.35), 3)
    pen.rect(-20, 0, 20, 50, color, radius=14)
    pen.rect(-20, 0, 20, 16, color, radius=4)
    pen.rect(-14, 4, 14, 22, shade(color, 0.25), radius=4)
    pen.rect(-14, 18, 14, 20, shade(color, -0.3))
    pen.rect(-15, 31, 15, 33, shade(color, -0.3))
    pen.oval(0, 18, 1.8, 2.6, PALETTE["yellow"])


def balloon(pen: Pen, look: Look) -> None:
    """A balloon; the local origin is the lower end of its string."""
    color = look.rgb
    pen.line([(0, 0), (3, 18), (-2, 34), (0, 50)], (120, 120, 130), 1.2)
    pen.poly([(-4, 48), (4, 48), (0, 54)], shade(color, -0.2))
    pen.blob([(0, 51), (13, 63), (18, 79), (12, 95), (0, 100), (-12, 95), (-18, 79), (-13, 63)], color)
    pen.oval(-7, 86, 3.6, 6.4, shade(color, 0.5))


def umbrella(pen: Pen, look: Look) -> None:
    """An open umbrella; the local origin is the grip."""
    pen.line([(0, -4), (0, 76)], (104, 84, 70), 3)
    pen.line([(0, -4), (5, -8), (9, -4)], (104, 84, 70), 3)
    _canopy(pen, look)


def _canopy(pen: Pen, look: Look) -> None:
    color = look.rgb
    pen.half_oval(0, 60, 46, 34, color)
    if look.is_("striped"):
        light = shade(color, 0.62)
        pen.poly([(-46, 60), (-30, 60), (-14, 91), (-26, 88), (-38, 79)], light)
        pen.poly([(-12, 60), (12, 60), (5, 93.5), (-5, 93.5)], light)
        pen.poly([(46, 60), (30, 60), (14, 91), (26, 88), (38, 79)], light)
    for x in (-34.5, -11.5, 11.5, 34.5):
        pen.half_oval(x, 60, 11.5, 5, shade(color, -0.12))
    pen.line([(0, 93), (0, 99)], (104, 84, 70), 2.4)


def parasol(pen: Pen, look: Look) -> None:
    """An umbrella whose pole stands in the sand."""
    pen.shadow(0, 34)
    pen.rect(-2, 0, 2, 110, (104, 84, 70))
    with pen.shifted(0, 18, 1.25):
        _canopy(pen, look)


def kite(pen: Pen, look: Look) -> None:
    """A kite on a string; the local origin is the hand that holds the string."""
    color = look.rgb
    pen.line([(0, 0), (14, 40), (22, 72)], (120, 120, 130), 1.2)
    with pen.shifted(26, 98):
        pen.poly([(-4, -28), (18, 4), (4, 28), (-18, 6)], color)
        pen.poly([(-4, -28), (18, 4), (0, 5)], shade(color, -0.2))
        pen.poly([(4, 28), (-18, 6), (0, 5)], shade(color, 0.35))
