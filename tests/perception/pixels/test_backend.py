"""What trained networks see, compared with what was drawn."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from vispro_gym.datasets.clevr import scene_from_record
from vispro_gym.datasets.mini.clevr.render import render
from vispro_gym.datasets.mini.clevr.scenes import sample_scene, scene_record
from vispro_gym.datasets.sample import ImageRef
from vispro_gym.datasets.scene import Scene, iou
from vispro_gym.perception.pictures import pixel_box
from vispro_gym.perception.pixels import PixelsPerception
from vispro_gym.perception.protocol import Answer, Depth, Detect, PerceptionError, Relate, Similarity, Verify

SIZE = (480, 320)


def picture(number: int) -> tuple[ImageRef, Scene]:
    """A picture as in mini CLEVR, whose reference has no annotations, and what it shows."""
    things = sample_scene(Random(f"test of pixels {number}"))
    pixels = render([t.solid for t in things], [t.color for t in things], [t.material for t in things])
    return ImageRef(str(number), SIZE, lambda: pixels), scene_from_record(scene_record(things, "val", number), "scene")


@pytest.fixture(scope="module")
def pictures() -> list[tuple[ImageRef, Scene]]:
    return [picture(number) for number in range(12)]


def of_size(width: int, height: int) -> ImageRef:
    return ImageRef("plain", (width, height), lambda: np.full((height, width, 3), 90, np.uint8))


def test_most_things_are_found_with_their_attributes(trained: PixelsPerception, pictures: list[tuple[ImageRef, Scene]]) -> None:
    there = said = found = right = 0
    for image, scene in pictures:
        estimated = trained.scene(image)
        there, said = there + len(scene.objects), said + len(estimated.objects)
        for thing in scene.objects.values():
            best = max(estimated.objects.values(), key=lambda other: iou(other.box, thing.box))
            if iou(best.box, thing.box) >= 0.5 and best.name == thing.name:
                found += 1
                right += best.attributes == thing.attributes
    assert found / there > 0.8 and found / said > 0.7 and right / found > 0.8


def test_relations_and_depths_are_those_of_the_scene(trained: PixelsPerception, pictures: list[tuple[ImageRef, Scene]]) -> None:
    agreed = total = 0
    for image, scene in pictures:
        matched = {}
        for thing in trained.scene(image).objects.values():
            for other in scene.objects.values():
                if iou(thing.box, other.box) > 0.6 and thing.attributes[0] == other.attributes[0]:
                    matched[thing.object_id] = other
        for thing in trained.scene(image).objects.values():
            if thing.object_id in matched:
                own = matched[thing.object_id]
                assert thing.depth == pytest.approx(own.depth, abs=0.6)
                for relation, target in thing.relations:
                    if target in matched and matched[target] is not own:
                        total += 1
                        agreed += (relation, matched[target].object_id) in own.relations
    assert total > 50 and agreed / total > 0.95


def test_boxes_are_whole_pixels_inside_the_picture(trained: PixelsPerception, pictures: list[tuple[ImageRef, Scene]]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (360, 480, 3), dtype=np.uint8)
    boxes = [
        thing.box
        for image in [*(image for image, _ in pictures), ImageRef("noise", (480, 360), lambda: noise)]
        for thing in trained.scene(image).objects.values()
    ]
    assert len(boxes) > 30
    for left, top, right, bottom in boxes:
        assert 0 <= left < right <= 480 and 0 <= top < bottom <= 360
        assert all(isinstance(edge, int) for edge in (left, top, right, bottom))


def test_results_do_not_depend_on_batch_and_order(trained: PixelsPerception, pictures: list[tuple[ImageRef, Scene]]) -> None:
    whole = (0, 0, *SIZE)
    requests = [Detect(image, whole, text) for image, _ in pictures for text in ("object", "cube", "large sphere")]
    together = trained.detect(requests)
    trained._scenes.clear()
    alone = [trained.detect([request])[0] for request in reversed(requests)][::-1]
    assert alone == together and any(together)


def test_equal_pictures_are_looked_at_once(trained: PixelsPerception, pictures: list[tuple[ImageRef, Scene]]) -> None:
    image, _ = pictures[0]
    again = ImageRef("another name", SIZE, image.pixels)
    assert trained.scene(image) is trained.scene(again)


def test_all_operations(trained: PixelsPerception, pictures: list[tuple[ImageRef, Scene]]) -> None:
    image, _ = pictures[1]
    whole = (0, 0, *SIZE)
    thing = next(iter(trained.scene(image).objects.values()))
    (boxes,) = trained.detect([Detect(image, whole, thing.name)])
    assert not isinstance(boxes, PerceptionError) and thing.box in boxes
    assert trained.verify([Verify(image, thing.box, thing.name, thing.attributes[1])]) == [True]
    assert trained.answer([Answer(image, thing.box, "What color is this?")]) == [thing.attributes[1]]
    (scores,) = trained.similarity([Similarity(image, thing.box, (thing.name, "elephant"))])
    assert scores == [1.0, 0.0]
    assert trained.depth([Depth(image, thing.box)]) == [thing.depth]
    (left,) = trained.relate([Relate(image, thing.box, "to the left of", None, "object")])
    assert left == [other.box for other in list(trained.scene(image).objects.values())[1:]], "they come from left to right"


def test_annotations_are_not_looked_at(trained: PixelsPerception, pictures: list[tuple[ImageRef, Scene]]) -> None:
    image, _ = pictures[2]

    def annotations() -> Scene:
        raise AssertionError("the scene was read")

    annotated = ImageRef("annotated", SIZE, image.pixels, scene=annotations)
    fresh = Detect(annotated, (0, 0, *SIZE), "object")
    assert trained.detect([fresh]) == trained.detect([Detect(image, (0, 0, *SIZE), "object")])


def test_pictures_of_other_sizes_are_refused_in_place(trained: PixelsPerception, pictures: list[tuple[ImageRef, Scene]]) -> None:
    image, _ = pictures[0]
    good, bad = Detect(image, (0, 0, *SIZE), "object"), Detect(of_size(640, 427), (0, 0, 640, 427), "object")
    first, error, last = trained.detect([good, bad, good])
    assert first == last and isinstance(error, PerceptionError)
    assert "480x320" in str(error) and "640x427" in str(error)


def test_a_picture_that_shows_nothing(trained: PixelsPerception) -> None:
    assert trained.detect([Detect(of_size(*SIZE), (0, 0, *SIZE), "cube")]) == [[]]


def test_boxes_that_round_alike_are_one_part(trained: PixelsPerception, pictures: list[tuple[ImageRef, Scene]]) -> None:
    random = Random(0)
    for image, _ in pictures:
        for _turn in range(40):
            left, top = random.uniform(0, 300), random.uniform(0, 200)
            box = (left, top, left + random.uniform(5, 150), top + random.uniform(5, 110))
            rounded = tuple(map(float, pixel_box(box, SIZE)))
            asked = [Detect(image, box, "object"), Detect(image, rounded, "object")]  # type: ignore[arg-type]
            first, second = trained.detect(asked)
            assert first == second
