"""Results equal those of transformers' own pipelines, or of processor and model called on the single input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import transformers as tf
from PIL import Image

from tests.perception.transformers.tiny_models import picture
from vispro_gym.perception.protocol import Answer, Depth, Detect, Relate, Similarity, Verify
from vispro_gym.perception.transformers.matching import contrast, mean_contrast

PICTURES = (picture(1, 64, 48), picture(2, 48, 64), picture(3, 100, 60))
PHRASES = ("cup", "Large wooden Table", "object", "")
QUESTIONS = ("what color is the cup?", "is it red?", "how many dogs are there on the table?")


def whole(image: Any) -> Any:
    return 0, 0, *image.size


def pil(image: Any, box: Any = None) -> Image.Image:
    return Image.fromarray(image.pixels()).crop(box or whole(image))


def loaded(auto_class: str, folder: str) -> tuple[Any, Any]:
    return getattr(tf, auto_class).from_pretrained(folder).eval(), tf.AutoProcessor.from_pretrained(folder, backend="pil")


def pipeline(task: str, folder: str) -> Any:
    """A pipeline around the model, with Pillow's image processor."""
    parts: dict[str, Any] = {"image_processor": tf.AutoImageProcessor.from_pretrained(folder, backend="pil")}
    return tf.pipeline(task, model=folder, device="cpu", **parts)


@pytest.mark.parametrize("name", ["dino", "mm_dino"])
def test_grounding_dino_equals_its_processor_and_model(make: Any, model: Any, name: str) -> None:
    reference, processor = loaded("AutoModelForZeroShotObjectDetection", model(name))
    with torch.inference_mode():
        outputs = reference(**processor(images=pil(PICTURES[0]), text="cup.", return_tensors="pt"))
    threshold = float(outputs.logits.sigmoid().max(-1).values.median())
    perception = make(detector=name, box_threshold=threshold, max_boxes=5)
    asked = [(image, phrase) for image in PICTURES for phrase in PHRASES]
    found = perception.detect([Detect(image, whole(image), phrase) for image, phrase in asked])
    counts = set()
    for (image, phrase), boxes in zip(asked, found, strict=True):
        inputs = processor(images=pil(image), text=phrase.lower() + ".", return_tensors="pt")
        with torch.inference_mode():
            outputs = reference(**inputs)
        expected = processor.post_process_grounded_object_detection(
            outputs, threshold=threshold, target_sizes=[(image.height, image.width)]
        )[0]
        order = expected["scores"].argsort(descending=True, stable=True)
        kept = expected["boxes"][order].numpy().clip(0, [image.width, image.height] * 2)
        counts.add(len(kept))
        np.testing.assert_allclose(np.reshape(boxes, (-1, 4)), kept[:5], atol=0.02)
    assert min(counts) < 20 and max(counts) > 5, "the threshold divides nothing, or the limit nothing"


@pytest.mark.parametrize("name", ["owlv2", "owlvit"])
def test_owl_equals_the_pipeline(make: Any, model: Any, name: str) -> None:
    pipe = pipeline("zero-shot-object-detection", model(name))
    phrases = PHRASES[:3]
    everything = [one["score"] for image in PICTURES for one in pipe(pil(image), candidate_labels=list(phrases), threshold=0.0)]
    threshold = float(np.median(everything))
    perception = make(detector=name, box_threshold=threshold, max_boxes=100)
    asked = [(image, phrase) for image in PICTURES for phrase in phrases]
    found = perception.detect([Detect(image, whole(image), phrase) for image, phrase in asked])
    assert 0 < sum(map(len, found)) < len(everything)
    for (image, phrase), boxes in zip(asked, found, strict=True):
        told = pipe(pil(image), candidate_labels=[phrase], threshold=threshold)
        expected = np.array([[one["box"][side] for side in SIDES] for one in told]).reshape(-1, 4)
        inside = expected.clip(0, [*image.size] * 2)
        # The pipeline cuts fractions off: only what has an area beyond doubt can be compared one by one.
        large = (inside[:, 2:] - inside[:, :2] > 1).all(1)
        ours = np.reshape(boxes, (-1, 4))
        assert large.sum() <= len(ours) <= len(told)
        for box in inside[large]:
            assert (abs(ours - box) <= 1.01).all(1).any()
    assert perception.forward_passes["detect"] == 2  # one for the pictures, one for the phrases


SIDES = ("xmin", "ymin", "xmax", "ymax")


@pytest.mark.parametrize("name", ["dino", "owlv2"])
def test_a_part_is_looked_at_like_a_picture_of_its_own(make: Any, name: str) -> None:
    image = PICTURES[2]
    part = (20, 10, 84, 58)
    cut = picture(3, 100, 60)
    pixels = cut.pixels()[10:58, 20:84]
    alone = type(image)("part", (64, 48), lambda: pixels)
    perception = make(detector=name, box_threshold=0.1)
    inside, by_itself = perception.detect([Detect(image, part, "cup"), Detect(alone, whole(alone), "cup")])
    assert inside
    np.testing.assert_allclose(np.array(inside) - [20, 10, 20, 10], by_itself, atol=0.02)
    assert all(20 <= x0 < x1 <= 84 and 10 <= y0 < y1 <= 58 for x0, y0, x1, y1 in inside)


def test_vilt_equals_its_processor_and_model(make: Any, model: Any) -> None:
    reference, processor = loaded("AutoModelForVisualQuestionAnswering", model("vilt"))
    asked = [(image, question) for image in PICTURES for question in QUESTIONS]
    replies = make().answer([Answer(image, whole(image), question) for image, question in asked])
    expected = []
    for image, question in asked:
        with torch.inference_mode():
            logits = reference(**processor(images=pil(image), text=question, return_tensors="pt")).logits
        expected.append(reference.config.id2label[int(logits.argmax())])
    assert replies == expected
    assert len(set(expected)) > 1, "the answers say nothing"


@pytest.mark.parametrize("name", ["blip2_opt", "blip2_t5", "instructblip"])
@pytest.mark.parametrize("preset", ["light", "viunit"])
def test_blip_equals_its_processor_and_model(make: Any, model: Any, name: str, preset: str) -> None:
    reference, processor = loaded("AutoModelForImageTextToText", model(name))
    asked = [(image, question) for image in PICTURES for question in QUESTIONS]
    perception = make(answerer=name, preset=preset)
    replies = perception.answer([Answer(image, whole(image), question) for image, question in asked])
    how: dict[str, Any] = {"max_new_tokens": 16, "num_beams": 1}
    if preset == "viunit":
        how = {"max_new_tokens": 9, "num_beams": 5, "length_penalty": -1.0}
    expected = []
    for image, question in asked:
        inputs = processor(images=pil(image), text=f"Question: {question} Short answer:", return_tensors="pt")
        with torch.inference_mode():
            written = reference.generate(**inputs, **how, do_sample=False)
        if name == "blip2_opt":
            assert torch.equal(written[:, : inputs["input_ids"].shape[1]], inputs["input_ids"])
            written = written[:, inputs["input_ids"].shape[1] :]
        expected.append(first_line(processor.batch_decode(written, skip_special_tokens=True)[0]))
    assert replies == expected
    assert len(set(expected)) > 1, "the answers say nothing"
    assert perception.forward_passes["answer"] == 1


@pytest.mark.parametrize("name", ["llava", "llava_next"])
def test_chat_models_equal_the_pipeline(make: Any, model: Any, name: str) -> None:
    reference, processor = loaded("AutoModelForImageTextToText", model(name))
    pipe = tf.pipeline("image-text-to-text", model=reference, processor=processor)
    asked = [(image, question) for image in PICTURES for question in QUESTIONS]
    replies = make(answerer=name).answer([Answer(image, whole(image), question) for image, question in asked])
    expected = []
    for image, question in asked:
        text = f"{question}\nAnswer the question using a single word or phrase."
        content = [{"type": "image", "image": pil(image)}, {"type": "text", "text": text}]
        message = [{"role": "user", "content": content}]
        reply = pipe(text=message, return_full_text=False, generate_kwargs={"max_new_tokens": 16, "do_sample": False})
        expected.append(first_line(reply[0]["generated_text"]))
    assert replies == expected
    assert len(set(expected)) > 1, "the answers say nothing"


def first_line(reply: str) -> str:
    return (reply.strip().splitlines() or [""])[0].lower().strip(" .")


@pytest.mark.parametrize("name", ["clip", "siglip"])
def test_similarity_equals_the_pipeline(make: Any, model: Any, name: str) -> None:
    pipe = pipeline("zero-shot-image-classification", model(name))
    texts = ("red cup", "a blue dog", "x")
    perception = make(matcher=name)
    told = perception.similarity([Similarity(image, whole(image), texts) for image in PICTURES])
    scale = float(pipe.model.logit_scale.detach().exp())
    for image, cosines in zip(PICTURES, told, strict=True):
        rows = pipe(pil(image), candidate_labels=list(texts), hypothesis_template="{}")
        expected = {row["label"]: row["score"] for row in rows}
        logits = torch.tensor(cosines) * scale
        ours = logits.softmax(0) if name == "clip" else (logits + pipe.model.logit_bias).sigmoid()
        np.testing.assert_allclose(ours.detach(), [expected[text] for text in texts], atol=1e-5)
    assert np.ptp(told) > 0.05
    assert perception.forward_passes["similarity"] == 2  # one for the pictures, one for the texts


def test_verify_contrasts_an_attribute_with_those_of_its_category(make: Any, model: Any) -> None:
    words = contrast("red")
    assert words[0] == "red" and "blue" in words and "wooden" not in words and words.count("red") == 1
    assert "gray" not in contrast("grey") and "grey" not in contrast("grey")[1:]
    assert {"blue", "large"} < set(contrast("unheard of"))
    image = PICTURES[0]
    perception = make(verify_threshold=0.5)
    cosines = perception.similarity([Similarity(image, whole(image), tuple(f"{word} cup" for word in words))])[0]
    scale = float(tf.CLIPModel.from_pretrained(model("clip")).logit_scale.detach().exp())
    expected = np.mean([1 / (1 + np.exp(-scale * (cosines[0] - other))) for other in cosines[1:]])
    assert mean_contrast(cosines, scale) == pytest.approx(expected, abs=1e-6)
    for threshold in (expected - 1e-3, expected + 1e-3):
        decided = make(verify_threshold=float(threshold)).verify([Verify(image, whole(image), "cup", "red")])
        assert decided == [bool(expected > threshold)]


def test_verify_by_question_asks_the_answerer(make: Any) -> None:
    perception = make(verify="question")
    image = PICTURES[0]
    told = perception.verify([Verify(image, whole(image), "cup", "red")])
    assert told == [perception.answer([Answer(image, whole(image), "Is the cup red?")])[0] == "yes"]
    assert perception.forward_passes["verify"] == 0 and perception.forward_passes["answer"] == 2


@pytest.mark.parametrize("name", ["depth", "depth_metric"])
def test_depth_is_the_median_of_the_pipelines_map(make: Any, model: Any, name: str) -> None:
    pipe = pipeline("depth-estimation", model(name))
    perception = make(depth=name)
    boxes = [(0, 0, 40, 40), (10.4, 3, 33, 21), (5, 5, 6, 6), (0, 0, 48, 48)]
    told = perception.depth([Depth(image, box) for image in PICTURES for box in boxes])
    expected = []
    for image in PICTURES:
        depths = pipe(pil(image))["predicted_depth"].numpy()
        assert depths.shape == (image.height, image.width)
        for left, top, right, bottom in boxes:
            median = float(np.median(depths[round(top) : round(bottom), round(left) : round(right)]))
            expected.append(median if name == "depth_metric" else 1 / median)
    np.testing.assert_allclose(told, expected, rtol=1e-5)
    assert perception.forward_passes["depth"] == 3  # no two of the pictures have one shape


def test_what_has_a_larger_inverse_depth_is_nearer(make: Any, model: Any) -> None:
    image = PICTURES[2]
    depths = pipeline("depth-estimation", model("depth"))(pil(image))["predicted_depth"]
    y, x = divmod(int(depths.argmax()), image.width)
    v, u = divmod(int(depths.argmin()), image.width)
    near, far = make().depth([Depth(image, (x, y, x + 1, y + 1)), Depth(image, (u, v, u + 1, v + 1))])
    assert 0 < near < far


def test_relations_are_told_by_what_is_found(make: Any) -> None:
    image = PICTURES[2]
    box = (40.0, 20.0, 60.0, 40.0)
    perception = make(box_threshold=0.2)
    found = perception.detect([Detect(image, whole(image), "cup")])[0]
    left = perception.relate([Relate(image, box, "to the left of", "cup", "subject")])[0]
    assert left == [one for one in found if one[0] + one[2] < 100]
    behind = perception.relate([Relate(image, box, "behind", "cup", "subject")])[0]
    own, *others = perception.depth([Depth(image, one) for one in (box, *found)])
    assert behind == [one for one, depth in zip(found, others, strict=True) if depth > own]
    assert perception.forward_passes["relate"] == 0 and perception.forward_passes["depth"] == 1
