"""Relations told from positions, compared with those that the drawings were made from."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from vispro_gym.datasets.mini.gqa.catalogue import ATTRIBUTE_CATEGORY, PLACES
from vispro_gym.datasets.mini.gqa.scenes import compose

pytest.importorskip("torch")

from vispro_gym.perception.pixels.kinds import DRAWINGS
from vispro_gym.perception.pixels.looking import Found
from vispro_gym.perception.pixels.relations import relations
from vispro_gym.perception.pixels.scenes import scene_of


def test_relations_are_those_that_are_annotated() -> None:
    right: Counter[str] = Counter()
    told: Counter[str] = Counter()
    annotated: Counter[str] = Counter()
    for number in range(96):
        _, graph = compose(Random(f"relations {number}"), list(PLACES)[number % len(PLACES)], 0)
        records = {key: record for key, record in graph["objects"].items() if record["name"] not in PLACES}
        placed = []
        for record in records.values():
            left, top = record["x"], record["y"]
            values = {ATTRIBUTE_CATEGORY[value] or "state": value for value in record["attributes"]}
            box = (left, top, left + record["w"], top + record["h"])
            placed.append((box, Found(record["name"], box, values)))
        ids = list(records)
        mine = {(ids[i], relation, ids[j]) for i, relation, j in relations(placed)}
        truth = {
            (key, edge["name"], edge["object"])
            for key, record in records.items()
            for edge in record["relations"]
            if not edge["name"].startswith("to the")
        }
        right.update(relation for _, relation, _ in mine & truth)
        told.update(relation for _, relation, _ in mine)
        annotated.update(relation for _, relation, _ in truth)
    for relation in ("on", "sitting on", "lying on", "under", "wearing", "holding", "above", "below"):
        assert annotated[relation] >= 1, f"too few pictures with {relation}"
        assert right[relation] >= 0.9 * annotated[relation], (relation, right, annotated)
        assert right[relation] >= 0.9 * told[relation], (relation, right, told)


def test_a_scene_of_what_was_found() -> None:
    dress = Found("dress", (110.2, 100.7, 139.6, 160.1), {"color": "red"})
    woman = Found("woman", (100, 60, 150, 380), {"age": "old", "pose": "standing"})
    scene = scene_of(DRAWINGS, [dress, woman], {"place": "beach", "weather": "sunny"})
    place, first, second = scene.objects.values()
    assert (place.name, place.box) == ("beach", (0, 0, 480, 360))
    assert (first.name, first.box, first.attributes) == ("woman", (100, 60, 150, 360), ("old", "standing"))
    assert first.relations == (("wearing", second.object_id),)
    assert (second.name, second.box) == ("dress", (110, 101, 140, 160))
    assert scene.properties == {"weather": "sunny"}
