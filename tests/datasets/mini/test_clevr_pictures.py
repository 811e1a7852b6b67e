"""The mini CLEVR pictures: the camera, the solids, and what is drawn."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vispro_gym.datasets.clevr import scene_from_record
from vispro_gym.datasets.mini.clevr.geometry import (
    CAMERA,
    HEIGHT,
    WIDTH,
    Array,
    Solid,
    camera_rays,
    column,
    project,
)
from vispro_gym.datasets.mini.clevr.light import COLORS
from vispro_gym.datasets.mini.clevr.render import render
from vispro_gym.datasets.mini.clevr.scenes import VALUES, Thing, overlap, sample_scene, scene_record


def mask(solid: Solid) -> np.ndarray:
    """The pixels whose middle shows the solid, bool of shape `(HEIGHT, WIDTH)`."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32).reshape(2, -1)
    shown: np.ndarray = np.isfinite(solid.hit(column(CAMERA), camera_rays(x + 0.5, y + 0.5))).reshape(HEIGHT, WIDTH)
    return shown


def some_scenes(number: int) -> list[list[Thing]]:
    return [sample_scene(Random(f"test {i}")) for i in range(number)]


def draw(things: list[Thing]) -> np.ndarray:
    return render([t.solid for t in things], [t.color for t in things], [t.material for t in things])


def test_drawn_objects_are_mostly_visible() -> None:
    for things in some_scenes(25):
        masks = [mask(thing.solid) for thing in things]
        assert all(overlap(a, b) <= 0.2 for a, b in combinations(things, 2))
        for thing, shown in zip(things, masks, strict=True):
            covered = np.zeros_like(shown)
            for other, its in zip(things, masks, strict=True):
                if other.pixel[2] < thing.pixel[2]:
                    covered |= its
            assert (shown & ~covered).sum() > 0.75 * shown.sum()


def test_boxes_of_the_loader_fit_the_drawn_objects() -> None:
    checked = set()
    for things in some_scenes(25):
        scene = scene_from_record(scene_record(things, "val", 0), "test")
        for thing, item in zip(things, scene.objects.values(), strict=True):
            left, top, right, bottom = (round(value) for value in item.box)
            shown = mask(thing.solid)
            assert shown[top:bottom, left:right].sum() > 0.97 * shown.sum()
            rows, columns = np.nonzero(shown)
            tight = (rows.max() + 1 - rows.min()) * (columns.max() + 1 - columns.min())
            assert tight > 0.55 * (right - left) * (bottom - top)
            checked.add((thing.shape, thing.size))
    assert len(checked) == 6


# Geometry


@given(x=st.floats(5, WIDTH - 5), y=st.floats(5, HEIGHT - 5), distance=st.floats(3, 20))
def test_camera_rays_undo_the_projection(x: float, y: float, distance: float) -> None:
    ray = camera_rays(np.array([x], np.float32), np.array([y], np.float32))
    seen_x, seen_y, depth = project(tuple((column(CAMERA) + ray * distance)[:, 0].tolist()))
    assert [seen_x, seen_y] == pytest.approx([x, y], abs=0.01)
    assert depth == pytest.approx(distance, rel=1e-3)


solids = st.builds(
    Solid,
    shape=st.sampled_from(VALUES["shape"]),
    x=st.floats(-2, 2),
    y=st.floats(-2, 2),
    half_width=st.floats(0.2, 0.8),
    half_height=st.shared(st.floats(0.2, 0.8), key="height"),
    rotation=st.floats(0, 360),
).map(lambda s: s if s.shape != "sphere" else Solid(s.shape, s.x, s.y, s.half_width, s.half_width, 0.0))


def inside(solid: Solid, points: Array, tolerance: float) -> np.ndarray:
    x, y, z = points - column(solid.center)
    if solid.shape == "sphere":
        within: np.ndarray = x**2 + y**2 + z**2 <= (solid.half_width + tolerance) ** 2
        return within
    if solid.shape == "cylinder":
        flat = x**2 + y**2 <= (solid.half_width + tolerance) ** 2
    else:
        angle = np.radians(solid.rotation)
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        flat = np.maximum(np.abs(along), np.abs(across)) <= solid.half_width + tolerance
    both: np.ndarray = flat & (np.abs(z) <= solid.half_height + tolerance)
    return both


@settings(deadline=None, max_examples=60)
@given(solid=solids, seed=st.integers(0, 2**16))
def test_rays_enter_solids_at_their_surface(solid: Solid, seed: int) -> None:
    random = np.random.default_rng(seed)
    targets = (column(solid.center) + random.uniform(-1, 1, (3, 200)) * solid.bound).astype(np.float32)
    rays = targets - column(CAMERA)
    entry = solid.hit(column(CAMERA), rays)
    hit = np.isfinite(entry)
    points = (column(CAMERA) + rays * np.where(hit, entry, 0))[:, hit]
    assert inside(solid, points, 2e-3).all()
    assert not inside(solid, (points - rays[:, hit] * 2e-3), -2e-3).any()
    assert hit[inside(solid, targets, -2e-3)].all()  # a ray to a point inside must enter
    normals = solid.normals(points, 0.05)
    assert np.allclose((normals**2).sum(axis=0), 1, atol=1e-3)
    assert ((normals * (points - column(solid.center))).sum(axis=0) > 0).all()


# Pictures


def test_pictures_have_the_official_size() -> None:
    picture = draw(some_scenes(1)[0])
    assert picture.shape == (320, 480, 3) and picture.dtype == np.uint8


def test_objects_have_their_color_in_the_picture() -> None:
    names = [name for name in COLORS if name not in ("gray", "brown")]
    hues = np.array([COLORS[name] for name in names], float) ** 2
    hues /= np.linalg.norm(hues, axis=1, keepdims=True)
    checked: Counter[str] = Counter()
    for things in some_scenes(12):
        picture = draw(things).astype(float) ** 2
        for thing in things:
            x, y, _ = thing.pixel
            around = picture[y - 3 : y + 4, x - 3 : x + 4].reshape(-1, 3).mean(axis=0)
            if thing.color in names and thing.material == "rubber":
                assert names[int((hues @ around).argmax())] == thing.color
                checked[thing.color] += 1
            elif thing.color == "gray":
                assert around.max() < 1.5 * around.min()
                checked[thing.color] += 1
    assert len(checked) == len(names) + 1


def test_metal_shines() -> None:
    """Only metal has sharp highlights."""
    solid = Solid("sphere", 0.0, 0.0, 0.7, 0.7, 0.0)
    shown = mask(solid)
    rubber, metal = (render([solid], ["blue"], [material])[shown].min(axis=1) for material in ("rubber", "metal"))
    assert metal.max() > 200 > rubber.max()


def test_objects_cast_shadows() -> None:
    empty = render([], [], []).astype(int)
    for shape in VALUES["shape"]:
        solid = Solid(shape, 0.0, 0.0, 0.6, 0.6, 30.0)
        around = render([solid], ["red"], ["rubber"]).astype(int)[~mask(solid)].sum(axis=1) - empty[~mask(solid)].sum(axis=1)
        assert (around < -30).sum() > 500
