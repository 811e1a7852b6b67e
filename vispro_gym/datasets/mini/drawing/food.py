"""Fruit and other food. Every function draws one thing that rests on the local origin."""

from __future__ import annotations

from vispro_gym.datasets.mini.drawing.canvas import LEAF, Look, Pen, shade

STEM = (110, 80, 54)


def apple(pen: Pen, look: Look) -> None:
    """An apple with a leaf."""
    color = look.rgb
    pen.shadow(0, 22)
    pen.blob([(0, 20), (8, 22), (12.5, 13), (8, 2), (0, 1.6), (-8, 2), (-12.5, 13), (-8, 22)], color)
    pen.oval(-5.5, 14, 2.4, 4, shade(color, 0.45))
    pen.line([(0, 19), (1.5, 26)], STEM, 2)
    pen.blob([(1.5, 23), (7, 28), (12, 26), (7, 22)], LEAF)


def pear(pen: Pen, look: Look) -> None:
    """A pear."""
    color = look.rgb
    pen.shadow(0, 22)
    pen.blob([(0, 31), (5, 26), (7, 18), (12, 9), (7, 1), (-7, 1), (-12, 9), (-7, 18), (-5, 26)], color)
    pen.oval(-5.5, 10, 2.4, 4.4, shade(color, 0.4))
    pen.line([(0, 29), (1.5, 36)], STEM, 2)


def lemon(pen: Pen, look: Look) -> None:
    """A lemon lying on its side."""
    pen.shadow(0, 26)
    pen.blob([(-17, 9), (-11, 16), (0, 18.5), (11, 16), (17, 9), (11, 2), (0, 0), (-11, 2)], look.rgb)
    pen.blob([(-6, 14), (0, 15.4), (4, 14.4), (0, 13)], shade(look.rgb, 0.55))


def banana(pen: Pen, look: Look) -> None:
    """A banana."""
    color = look.rgb
    pen.shadow(0, 34)
    pen.blob([(-22, 18), (-19, 6), (-6, 0), (9, 1), (21, 11), (24, 20), (20, 19), (9, 11), (-4, 9), (-15, 13), (-18, 20)], color)
    pen.blob([(-17, 11), (-6, 4.6), (8, 6), (19, 14), (8, 8.6), (-5, 6.8)], shade(color, -0.1))
    pen.line([(22.6, 18.6), (24.5, 23)], STEM, 3)


def strawberry(pen: Pen, look: Look) -> None:
    """A strawberry with seeds and green leaves."""
    pen.shadow(0, 18)
    pen.blob([(0, 0), (7, 6), (11, 15), (6, 20), (0, 20), (-6, 20), (-11, 15), (-7, 6)], look.rgb)
    for x, y in ((-5, 14), (0, 11), (5, 14), (-3, 7), (3, 7), (0, 4)):
        pen.oval(x, y, 0.9, 1.3, (252, 226, 150))
    pen.poly([(-8, 20), (-3, 18), (0, 15.5), (3, 18), (8, 20), (3, 22), (0, 26), (-3, 22)], LEAF)


def pineapple(pen: Pen, look: Look) -> None:
    """A pineapple."""
    color = look.rgb
    pen.shadow(0, 26)
    for tip, root in (((-13, 51), -7), ((13, 51), 7), ((-6, 57), -4), ((6, 57), 4), ((0, 60), 0)):
        pen.poly([(root - 4, 33), tip, (root + 4, 33)], shade(LEAF, 0.05 if root else -0.1))
    pen.blob([(0, 37), (10, 33), (13, 18), (8, 1), (-8, 1), (-13, 18), (-10, 33)], color)
    for step in range(-2, 3):
        half, rise = (9, 3) if abs(step) < 2 else (6, 1)
        for side in (-1, 1):
            pen.line([(-half * side, 20 - rise + step * 6), (half * side, 20 + rise + step * 6)], shade(color, -0.22), 1.2)


def cake(pen: Pen, look: Look) -> None:
    """A layer cake with icing and a cherry."""
    color = look.rgb
    pen.shadow(0, 54)
    pen.oval(0, 3, 31, 3.6, (226, 226, 232))
    pen.rect(-25, 3, 25, 27, shade((214, 160, 104), 0.1), radius=3)
    pen.rect(-25, 12, 25, 16, (252, 240, 222))
    pen.rect(-26, 22, 26, 33, color, radius=5)
    for index, length in enumerate((6, 10, 5, 9, 6)):
        pen.rect(-24 + index * 10, 22 - length, -16 + index * 10, 27, color, radius=4)
    pen.oval(0, 36.5, 5, 5, (206, 48, 58))
    pen.oval(-1.6, 38, 1.4, 1.4, (246, 160, 160))


def sandwich(pen: Pen, look: Look) -> None:
    """A sandwich with lettuce and tomato."""
    pen.shadow(0, 42)
    pen.rect(-22, 0, 22, 8, (222, 170, 108), radius=3)
    pen.rect(-24, 7, 24, 11, (232, 96, 76), radius=2)
    pen.blob([(-26, 12), (-18, 9), (-9, 12), (0, 9), (9, 12), (18, 9), (26, 12), (18, 15), (-18, 15)], LEAF)
    pen.rect(-23, 13, 23, 17, (250, 210, 88), radius=1)
    pen.blob([(-22, 16), (22, 16), (19, 27), (0, 30), (-19, 27)], (216, 160, 96))
    for x in (-10, 0, 10):
        pen.oval(x, 24, 1.5, 1, (250, 232, 196))
