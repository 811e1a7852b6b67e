"""Animals, seen from the side and looking to the right. Every function draws one animal on the local origin.

Dogs and cats have poses: "standing", "sitting" and "lying"; an animal whose activity is "sleeping" lies with closed eyes.
"""

from __future__ import annotations

from vispro_gym.datasets.mini.drawing.canvas import INK, PALETTE, RGB, Look, Pen, Point, shade

NOSE = (64, 50, 52)
BEAK = (242, 160, 58)


def _eye(pen: Pen, x: float, y: float, color: RGB, asleep: bool = False) -> None:
    """An eye that shows on any coat."""
    if asleep:
        pen.line([(x - 2.6, y), (x, y - 1.4), (x + 2.6, y)], INK if sum(color) > 300 else (230, 230, 230), 1.3)
        return
    if sum(color) < 300:
        pen.oval(x, y, 2.9, 2.9, (244, 236, 200))
    pen.oval(x, y, 1.9, 1.9, (34, 34, 40))


def _legs(pen: Pen, xs: tuple[float, ...], top: float, width: float, color: RGB, foot: RGB) -> None:
    """Straight legs; every second one is the far one and darker."""
    for index in sorted(range(len(xs)), key=lambda index: -(index % 2)):
        x, paint = xs[index], shade(color, -0.22) if index % 2 else color
        pen.rect(x - width / 2, 0, x + width / 2, top, paint, radius=width / 2.4)
        pen.rect(x - width / 2, 0, x + width / 2 + 1.5, 4.5, foot, radius=2)


def _dog_head(pen: Pen, color: RGB, asleep: bool) -> None:
    dark = shade(color, -0.32)
    pen.oval(0, 0, 14.5, 13.5, color)
    pen.blob([(6, -9), (20, -9), (23, -3), (17, 3), (6, 4)], shade(color, 0.28))
    pen.oval(21.5, -1.6, 3, 2.5, NOSE)
    pen.line([(20, -6), (13, -7)], NOSE, 1.2)
    pen.blob([(-6, 11), (-14, 6), (-15, -8), (-9, -13), (-3, -4), (-1, 8)], dark)
    _eye(pen, 6, 4, color, asleep)


def dog(pen: Pen, look: Look) -> None:
    """A dog with hanging ears."""
    color = look.rgb
    dark = shade(color, -0.18)
    pen.shadow(0, 72)
    if look.is_("sitting"):
        pen.line([(-20, 6), (-32, 10), (-36, 20)], color, 5.5)
        pen.blob([(-22, 0), (12, 0), (14, 26), (12, 48), (0, 50), (-14, 34), (-24, 14)], color)
        pen.oval(-10, 10, 14, 11, dark)
        pen.rect(-18, 0, 4, 6, dark, radius=3)
        pen.rect(6, 0, 14, 34, shade(color, 0.06), radius=4)
        pen.rect(6, 0, 17, 5, shade(color, 0.06), radius=2.5)
        with pen.shifted(8, 58):
            _dog_head(pen, color, False)
        pen.rect(-3, 42, 15, 46.5, PALETTE["blue"] if look.is_("brown") else PALETTE["red"], radius=2)
    elif look.is_("lying"):
        asleep = look.is_("sleeping")
        pen.line([(-32, 8), (-44, 5), (-50, 10)], color, 5.5)
        pen.blob([(-36, 0), (20, 0), (26, 12), (14, 24), (-16, 27), (-36, 18)], color)
        pen.oval(-24, 11, 13, 11, dark)
        pen.rect(14, 0, 44, 7.5, shade(color, 0.08), radius=3.5)
        with pen.shifted(26, 21 if not asleep else 15):
            _dog_head(pen, color, asleep)
    else:
        pen.line([(-30, 36), (-40, 46), (-41, 55)], color, 5)
        _legs(pen, (-24, -15, 14, 23), 28, 8, color, dark)
        pen.blob([(-33, 34), (-28, 20), (0, 21), (24, 18), (31, 32), (24, 46), (0, 43), (-26, 46)], color)
        with pen.shifted(31, 53):
            _dog_head(pen, color, False)
        pen.line([(20, 45), (31, 38)], PALETTE["blue"] if look.is_("brown") else PALETTE["red"], 4)


def _cat_head(pen: Pen, color: RGB, asleep: bool) -> None:
    pen.poly([(-12, 4), (-10.5, 19), (-1, 10)], color)
    pen.poly([(12, 4), (10.5, 19), (1, 10)], color)
    pen.poly([(-10, 7), (-9.4, 15), (-4, 10)], (240, 170, 170))
    pen.poly([(10, 7), (9.4, 15), (4, 10)], (240, 170, 170))
    pen.oval(0, 0, 14, 12, color)
    pen.oval(0, -5, 6.5, 4.6, shade(color, 0.55))
    pen.poly([(-2, -2.4), (2, -2.4), (0, -5)], (226, 120, 130))
    whisker = (120, 112, 116) if sum(color) > 300 else (210, 210, 214)
    for side in (-1, 1):
        _eye(pen, side * 5.6, 1.6, color, asleep)
        pen.line([(side * 7, -4), (side * 17, -2.5)], whisker, 0.8)
        pen.line([(side * 7, -5.4), (side * 16.5, -7)], whisker, 0.8)


def cat(pen: Pen, look: Look) -> None:
    """A cat with pointed ears."""
    color = look.rgb
    dark = shade(color, -0.2)
    pen.shadow(0, 56)
    if look.is_("sitting"):
        pen.line([(14, 4), (28, 4), (33, 14), (29, 23)], dark, 5.5)
        pen.blob([(-17, 0), (17, 0), (19, 14), (10, 36), (0, 40), (-10, 36), (-19, 14)], color)
        pen.oval(0, 20, 6.5, 12, shade(color, 0.45))
        for x in (-6, 6):
            pen.rect(x - 4, 0, x + 4, 18, shade(color, 0.1), radius=4)
        with pen.shifted(0, 46):
            _cat_head(pen, color, False)
    elif look.is_("lying"):
        asleep = look.is_("sleeping")
        pen.line([(-26, 8), (-38, 3), (-44, 9)], dark, 5)
        pen.blob([(-30, 0), (26, 0), (28, 10), (12, 21), (-10, 24), (-30, 15)], color)
        for x in (-14, -5, 4):
            pen.line([(x, 22.4), (x + 2, 15)], dark, 2.2)
        pen.rect(10, 0, 32, 6.5, shade(color, 0.12), radius=3.2)
        with pen.shifted(22, 18 if not asleep else 13.5):
            _cat_head(pen, color, asleep)
    else:
        pen.line([(-24, 30), (-33, 40), (-32, 54)], dark, 5)
        _legs(pen, (-20, -12, 11, 19), 22, 7, color, shade(color, 0.3))
        pen.blob([(-27, 28), (-22, 17), (0, 17), (20, 16), (25, 27), (18, 37), (0, 35), (-20, 38)], color)
        for x in (-14, -5, 4):
            pen.line([(x, 36), (x + 1, 28)], dark, 2.2)
        with pen.shifted(24, 42):
            _cat_head(pen, color, False)


def rabbit(pen: Pen, look: Look) -> None:
    """A rabbit with long ears."""
    color = look.rgb
    pen.shadow(0, 42)
    pen.oval(-21, 10, 6, 6, shade(color, 0.5))
    pen.blob([(-20, 0), (12, 0), (18, 10), (12, 24), (-6, 28), (-22, 16)], color)
    pen.oval(-9, 10, 10.5, 9.5, shade(color, -0.13))
    pen.rect(6, 0, 19, 5, shade(color, 0.1), radius=2.5)
    for x, lean in ((8, -5), (15, 1)):
        pen.blob([(x - 3, 38), (x + lean - 4, 52), (x + lean, 60), (x + lean + 4, 52), (x + 3, 38)], color)
        pen.blob([(x - 1.4, 41), (x + lean - 1.6, 51), (x + lean, 56), (x + lean + 1.6, 51), (x + 1.4, 41)], (240, 176, 180))
    pen.oval(13, 30, 12, 10.5, color)
    _eye(pen, 17, 33, color)
    pen.oval(24.4, 29.4, 2, 1.6, (222, 120, 130))


def bird(pen: Pen, look: Look) -> None:
    """A small round bird."""
    color = look.rgb
    pen.shadow(0, 24)
    for x in (-3, 5):
        pen.line([(x, 9), (x, 1), (x + 4, 1)], (190, 120, 60), 1.6)
    pen.poly([(-12, 14), (-31, 20), (-28, 26), (-10, 24)], shade(color, -0.3))
    pen.blob([(-15, 18), (-6, 7), (8, 8), (17, 20), (15, 34), (6, 38), (-2, 33), (-8, 27)], color)
    pen.blob([(4, 9), (15, 16), (15, 24), (6, 20)], shade(color, 0.6))
    pen.blob([(-14, 20), (-3, 12), (6, 18), (0, 26), (-8, 26)], shade(color, -0.25))
    pen.poly([(15.5, 32), (25, 28.6), (15.5, 26)], BEAK)
    _eye(pen, 9.5, 31, color)


def duck(pen: Pen, look: Look) -> None:
    """A duck."""
    color = look.rgb
    pen.shadow(0, 44)
    for x in (-4, 6):
        pen.line([(x, 10), (x, 1.6), (x + 5, 1.6)], BEAK, 2.4)
    pen.blob([(-33, 28), (-22, 11), (4, 7), (21, 15), (22, 27), (8, 31), (-14, 27)], color)
    pen.blob([(-20, 24), (-9, 14), (7, 15), (9, 23), (-4, 27)], shade(color, -0.16))
    pen.blob([(10, 22), (24, 20), (24, 38), (20, 48), (12, 46), (12, 34)], color)
    pen.oval(19, 46, 10.5, 10, color)
    pen.blob([(27, 49), (39, 45), (39, 41.4), (27, 41)], BEAK)
    _eye(pen, 22, 49, color)


def _big_body(pen: Pen, color: RGB, leg_top: float, foot: RGB) -> None:
    _legs(pen, (-34, -22, 22, 33), leg_top, 10, color, foot)


def cow(pen: Pen, look: Look) -> None:
    """A cow; a white one has black patches no annotation speaks of."""
    color = look.rgb
    pen.shadow(0, 110)
    pen.line([(-44, 62), (-52, 50), (-51, 34)], shade(color, -0.25), 3)
    pen.oval(-51, 31, 3.2, 5, INK)
    _big_body(pen, color, 34, INK)
    pen.oval(-12, 27, 9, 6, (246, 186, 186))
    pen.blob([(-47, 60), (-42, 28), (0, 29), (34, 28), (44, 44), (42, 68), (0, 70), (-40, 72)], color)
    patch = shade(color, -0.36) if not look.is_("white") else (208, 200, 190)
    pen.blob([(-36, 68), (-18, 68), (-14, 52), (-26, 44), (-38, 52)], patch)
    pen.blob([(2, 56), (16, 62), (22, 50), (10, 40)], patch)
    with pen.shifted(52, 72):
        for side in (-1, 1):
            pen.line([(side * 7, 13), (side * 11, 22)], (236, 222, 190), 4)
            pen.blob([(side * 9, 10), (side * 22, 12), (side * 20, 4), (side * 10, 2)], shade(color, -0.2))
        pen.blob([(-12, 14), (0, 16), (12, 14), (12, -4), (8, -14), (-8, -14), (-12, -4)], color)
        pen.oval(0, -11, 11.5, 8, (246, 196, 190))
        for side in (-1, 1):
            pen.oval(side * 4.5, -11, 1.7, 2.2, (176, 110, 110))
            _eye(pen, side * 6, 4, color)


def sheep(pen: Pen, look: Look) -> None:
    """A woolly sheep."""
    color = look.rgb
    face = (84, 76, 78) if not look.is_("black") else (176, 152, 132)
    pen.shadow(0, 76)
    _legs(pen, (-18, -9, 12, 20), 24, 7, face, shade(face, -0.3))
    for x, y, r in (
        (-26, 32, 12),
        (-18, 44, 13),
        (-2, 49, 13),
        (14, 46, 13),
        (24, 34, 12),
        (10, 25, 12),
        (-8, 24, 12),
        (-20, 25, 10),
    ):
        pen.oval(x, y, r, r, color)
    pen.oval(0, 35, 26, 16, color)
    for x, y in ((-14, 40), (0, 34), (-6, 46), (10, 41), (-20, 31)):
        pen.line([(x - 3.4, y), (x, y - 2.6), (x + 3.4, y)], shade(color, -0.14 if sum(color) > 300 else 0.25), 1.4)
    pen.blob([(26, 40), (24, 52), (32, 58), (40, 50), (44, 38), (38, 32), (30, 34)], face)
    pen.blob([(26, 53), (17, 51), (18, 45), (27, 47)], shade(face, -0.2))
    pen.oval(28, 58, 8, 6, color)
    _eye(pen, 35, 49, (0, 0, 0) if not look.is_("black") else face)


def horse(pen: Pen, look: Look) -> None:
    """A horse."""
    color = look.rgb
    mane = shade(color, -0.45) if not look.is_("black") else (110, 100, 104)
    pen.shadow(0, 104)
    pen.blob([(-42, 70), (-56, 64), (-60, 34), (-53, 26), (-48, 46)], mane)
    _legs(pen, (-34, -24, 24, 34), 44, 8.5, color, INK)
    pen.blob([(-46, 66), (-40, 42), (0, 43), (34, 40), (43, 56), (38, 74), (0, 72), (-36, 78)], color)
    neck: list[Point] = [(20, 66), (42, 56), (54, 88), (58, 104), (46, 112), (32, 92)]
    pen.blob(neck, color)
    pen.blob([(46, 114), (34, 100), (20, 74), (27, 74), (40, 94), (50, 106)], mane)
    pen.blob([(44, 110), (52, 114), (62, 106), (76, 90), (72, 82), (62, 86), (50, 94)], color)
    pen.oval(71.5, 87, 5.5, 5.5, shade(color, -0.22))
    pen.poly([(46, 110), (48, 122), (54, 112)], shade(color, -0.12))
    _eye(pen, 57, 104, color)


def elephant(pen: Pen, look: Look) -> None:
    """An elephant, looking to the right."""
    color = look.rgb
    dark = shade(color, -0.16)
    pen.shadow(0, 120)
    pen.line([(-52, 62), (-60, 46)], dark, 3)
    for index, x in enumerate((-38, -20, 16, 34)):
        pen.rect(x - 9, 0, x + 9, 44, dark if index % 2 else color, radius=5)
        for nail in (-5, 0, 5):
            pen.oval(x + nail, 2.8, 2, 2, (236, 230, 220))
    pen.blob([(-54, 62), (-50, 34), (0, 30), (42, 34), (52, 60), (40, 86), (0, 92), (-42, 86)], color)
    pen.oval(50, 76, 26, 25, color)
    pen.blob([(62, 84), (78, 76), (80, 48), (84, 28), (76, 24), (68, 46), (60, 58)], color)
    pen.blob([(64, 58), (72, 48), (80, 48), (70, 62)], (250, 246, 232))
    pen.blob([(26, 96), (46, 94), (48, 70), (36, 52), (20, 60), (16, 82)], dark)
    _eye(pen, 61, 84, color)
