"""Rooms, landscapes and weather behind the objects."""

from __future__ import annotations

from random import Random

from PIL import Image

from vispro_gym.datasets.mini.drawing.canvas import OVERSAMPLING, RGB, Pen, shade

WIDTH, HEIGHT = 480, 360
"""Size of the finished pictures in pixels."""
HORIZON = 232
"""Where the wall meets the floor, or the ground the sky, in pixels from the top."""

WALLS: dict[str, tuple[RGB, ...]] = {
    "kitchen": ((198, 220, 206), (246, 226, 190), (200, 218, 228)),
    "living room": ((214, 206, 226), (240, 214, 198), (196, 214, 208)),
    "bedroom": ((206, 216, 236), (238, 212, 214), (222, 214, 230)),
    "office": ((212, 222, 226), (226, 220, 206), (204, 214, 222)),
}
FLOORS: dict[str, RGB] = {
    "kitchen": (226, 214, 198),
    "living room": (196, 152, 112),
    "bedroom": (206, 172, 138),
    "office": (168, 172, 182),
}
SKIES: dict[str, tuple[RGB, RGB]] = {
    "sunny": ((110, 184, 236), (206, 234, 248)),
    "cloudy": ((160, 180, 198), (214, 224, 230)),
    "rainy": ((112, 130, 150), (176, 190, 202)),
    "stormy": ((66, 74, 98), (132, 140, 160)),
}


def blank() -> Image.Image:
    """An empty picture of twice the final size, for a `Pen`."""
    return Image.new("RGB", (WIDTH * OVERSAMPLING, HEIGHT * OVERSAMPLING))


def _gradient(image: Image.Image, top: RGB, bottom: RGB, y0: int, y1: int) -> None:
    """Fills the rows y0 to y1 with a vertical gradient."""
    strip = Image.new("RGB", (1, 2))
    strip.putpixel((0, 0), top)
    strip.putpixel((0, 1), bottom)
    size = (WIDTH * OVERSAMPLING, (y1 - y0) * OVERSAMPLING)
    half = Image.new("RGB", (1, size[1]))
    half.paste(strip.resize((1, size[1]), Image.Resampling.BILINEAR))
    image.paste(half.resize(size, Image.Resampling.NEAREST), (0, y0 * OVERSAMPLING))


def room(pen: Pen, rng: Random, name: str) -> None:
    """An indoor backdrop: wall, skirting board and a floor of tiles, boards or carpet."""
    wall = rng.choice(WALLS[name])
    floor = FLOORS[name]
    _gradient(pen.image, shade(wall, 0.18), wall, 0, HORIZON)
    _gradient(pen.image, shade(floor, -0.08), shade(floor, 0.08), HORIZON, HEIGHT)
    pen.move(0, HEIGHT)
    ground = HEIGHT - HORIZON
    if name == "kitchen":
        grout = shade(wall, -0.07)
        for row in range(5):
            y = ground + 10 + row * 20
            pen.rect(0, y + 20, WIDTH, y + 21.4, grout)
            for x in range(row % 2 * 18, WIDTH, 36):
                pen.rect(x, y, x + 1.4, y + 20, grout)
        _tiles(pen, shade(floor, -0.12), ground)
    elif name == "bedroom":
        for x in range(20, WIDTH, 40):
            pen.rect(x, ground, x + 14, HEIGHT, (*shade(wall, 0.3), 90))
        _boards(pen, shade(floor, -0.12), ground)
    elif name == "living room":
        _boards(pen, shade(floor, -0.14), ground)
        pen.rect(0, ground, WIDTH, ground + 46, shade(wall, 0.14))
        pen.rect(0, ground + 46, WIDTH, ground + 50, shade(wall, 0.45))
    else:
        for x in range(0, WIDTH, 120):
            pen.rect(x, ground, x + 1.5, HEIGHT, shade(wall, -0.08))
    pen.rect(0, ground - 2, WIDTH, ground + 8, shade(wall, 0.6))
    pen.rect(0, ground - 3, WIDTH, ground - 1, shade(floor, -0.25))


def _tiles(pen: Pen, color: RGB, ground: float) -> None:
    for part in (0.16, 0.4, 0.72):
        pen.rect(0, ground * (1 - part) - 0.6, WIDTH, ground * (1 - part) + 0.6, color)
    for step in range(-9, 10):
        pen.line([(WIDTH / 2 + step * 44, ground), (WIDTH / 2 + step * 92, 0)], color, 1.1)


def _boards(pen: Pen, color: RGB, ground: float) -> None:
    for index, part in enumerate((0.14, 0.32, 0.55, 0.82)):
        y = ground * (1 - part)
        pen.rect(0, y - 0.6, WIDTH, y + 0.6, color)
        for step in range(3):
            x = 60 + step * 170 + index * 53 % 130
            pen.rect(x, y, x + 1.2, y + 12, color)


def landscape(pen: Pen, rng: Random, name: str, weather: str) -> None:
    """An outdoor backdrop (park, street, beach or field) under a sky that shows the weather."""
    top, bottom = SKIES[weather]
    _gradient(pen.image, top, bottom, 0, HORIZON)
    pen.move(0, HEIGHT)
    ground = HEIGHT - HORIZON
    dim = {"sunny": 0.0, "cloudy": -0.06, "rainy": -0.14, "stormy": -0.24}[weather]
    _sky(pen, rng, weather)
    {"park": _park, "street": _street, "beach": _beach, "field": _field}[name](pen, rng, ground, dim)


def _sky(pen: Pen, rng: Random, weather: str) -> None:
    if weather == "sunny":
        x = rng.choice((70, 410))
        for radius, alpha in ((44, 60), (34, 90)):
            pen.oval(x, 312, radius, radius, (255, 240, 170, alpha))
        pen.oval(x, 312, 24, 24, (255, 218, 92))
        _cloud(pen, WIDTH - x + rng.randint(-60, 60), 306, 0.8, (255, 255, 255))
        return
    tone = {"cloudy": (238, 241, 244), "rainy": (150, 160, 174), "stormy": (86, 92, 112)}[weather]
    for index in range(5):
        x = 40 + index * 104 + rng.randint(-18, 18)
        _cloud(pen, x, 318 - (index % 2) * 26, rng.uniform(0.95, 1.25), shade(tone, -0.06 * (index % 2)))


def _cloud(pen: Pen, x: float, y: float, size: float, color: RGB) -> None:
    with pen.shifted(x, y, size):
        pen.oval(-28, -3, 20, 13, color)
        pen.oval(26, -3, 22, 13, color)
        pen.oval(-6, 6, 24, 18, color)
        pen.oval(13, 8, 17, 14, color)
        pen.rect(-40, -15, 40, -2, color, radius=7)


def precipitation(pen: Pen, rng: Random, weather: str) -> None:
    """Rain (rainy, stormy) in front of everything, and lightning in the sky (stormy)."""
    if weather not in ("rainy", "stormy"):
        return
    pen.move(0, HEIGHT)
    if weather == "stormy":
        with pen.shifted(rng.randint(120, 360), 296):
            pen.poly([(0, 0), (14, 0), (6, -22), (17, -22), (-8, -62), (-1, -31), (-11, -31)], (255, 226, 96))
    for _ in range(80):
        x, y = rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT)
        pen.line([(x, y), (x - 3, y - 11)], (214, 230, 246, 130), 1.1)


def _park(pen: Pen, rng: Random, ground: float, dim: float) -> None:
    for step in range(7):
        x = step * 80 + rng.randint(-20, 20)
        pen.oval(x, ground + 4, 58, rng.randint(22, 40), shade((148, 194, 140), dim))
    pen.rect(0, 0, WIDTH, ground, shade((142, 194, 112), dim))
    bend = rng.randint(120, 340)
    pen.blob(
        [
            (bend - 14, ground),
            (bend + 10, ground),
            (bend + 40, 74),
            (bend + 10, 40),
            (bend + 70, -6),
            (bend - 90, -6),
            (bend - 40, 40),
            (bend - 6, 74),
        ],
        shade((226, 208, 168), dim),
    )
    _tufts(pen, rng, ground, shade((112, 168, 90), dim))


def _field(pen: Pen, rng: Random, ground: float, dim: float) -> None:
    pen.blob([(-40, ground - 8), (60, ground + 40), (190, ground + 16), (250, ground - 8)], shade((170, 202, 130), dim))
    pen.blob([(180, ground - 8), (330, ground + 52), (520, ground + 20), (540, ground - 8)], shade((156, 192, 122), dim))
    pen.rect(0, 0, WIDTH, ground, shade((186, 206, 110), dim))
    for y in (ground - 16, ground - 40, ground - 74, ground - 112):
        pen.rect(0, y, WIDTH, y + 5, shade((172, 194, 98), dim))
    post = shade((164, 124, 88), dim)
    for x in range(10, WIDTH, 60):
        pen.rect(x, ground - 6, x + 6, ground + 22, post, radius=1.5)
    for y in (ground + 3, ground + 13):
        pen.rect(0, y, WIDTH, y + 3.5, shade(post, 0.1))
    _tufts(pen, rng, ground - 10, shade((150, 176, 82), dim))


def _tufts(pen: Pen, rng: Random, ground: float, color: RGB) -> None:
    for _ in range(16):
        x, y = rng.uniform(8, WIDTH - 8), rng.uniform(4, ground - 16)
        for lean in (-3, 0, 3):
            pen.line([(x, y), (x + lean, y + 6)], color, 1.3)


def _street(pen: Pen, rng: Random, ground: float, dim: float) -> None:
    x = -10.0
    tones: tuple[RGB, ...] = ((206, 190, 186), (190, 200, 212), (214, 206, 190), (196, 190, 208), (198, 208, 200))
    while x < WIDTH:
        width, height = rng.randint(60, 92), rng.randint(52, 104)
        tone = shade(rng.choice(tones), dim)
        pen.rect(x, ground, x + width, ground + height, tone)
        for column in range(int(width // 22)):
            for row in range(int(height // 26)):
                left, low = x + 8 + column * 22, ground + height - 22 - row * 26
                pen.rect(left, low, left + 10, low + 13, shade(tone, 0.4 if dim > -0.1 else -0.25), radius=1)
        x += width + 3
    pen.rect(0, 0, WIDTH, ground, shade((204, 202, 200), dim))
    for step in range(0, WIDTH, 48):
        pen.line([(step, ground), (step - 18, ground - 52)], shade((184, 182, 182), dim), 1.2)
    pen.rect(0, ground - 58, WIDTH, ground - 52, shade((232, 230, 226), dim))
    pen.rect(0, 0, WIDTH, ground - 58, shade((112, 116, 126), dim))
    for step in range(-10, WIDTH, 76):
        pen.rect(step, 10, step + 42, 15, shade((240, 236, 214), dim), radius=1)


def _beach(pen: Pen, rng: Random, ground: float, dim: float) -> None:
    pen.rect(0, ground - 60, WIDTH, ground, shade((84, 162, 200), dim))
    for y in (ground - 14, ground - 30):
        for step in range(6):
            left = step * 84 + rng.randint(-14, 14)
            pen.line([(left, y), (left + 12, y + 3), (left + 24, y)], shade((170, 214, 232), dim), 2)
    pen.poly(
        [(0, 0), (0, ground - 44), (120, ground - 50), (260, ground - 42), (400, ground - 50), (WIDTH, ground - 43), (WIDTH, 0)],
        shade((240, 244, 244), dim),
    )
    pen.poly(
        [(0, 0), (0, ground - 49), (120, ground - 55), (260, ground - 47), (400, ground - 55), (WIDTH, ground - 48), (WIDTH, 0)],
        shade((240, 216, 164), dim),
    )
    for _ in range(26):
        pen.oval(rng.uniform(0, WIDTH), rng.uniform(2, ground - 60), 1.4, 1, shade((220, 190, 136), dim))
