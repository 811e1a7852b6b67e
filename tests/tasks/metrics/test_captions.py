from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import pytest

from vispro_gym.rewards.captioning import DocumentFrequencies, cider_d, tokenize
from vispro_gym.tasks.metrics.captions import caption_metric

REFERENCES = {
    1: ["A red cube stands on a table.", "There's a red cube."],
    2: ["A blue ball, near the wall."],
    3: ["Two green cones!"],
}


@pytest.fixture
def library() -> None:
    pytest.importorskip("pycocoevalcap", reason="needs pycocoevalcap")


@pytest.mark.usefixtures("library")
def test_perfect_captions(capfd: pytest.CaptureFixture[str]) -> None:
    metric = caption_metric({1: "a RED cube stands on a table", 2: "a blue ball near the wall", 3: "two green cones"}, REFERENCES)
    assert list(metric) == ["CIDEr", "BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4"]
    assert [metric[f"BLEU-{n}"] for n in (1, 2, 3, 4)] == pytest.approx([1] * 4)
    assert metric["CIDEr"] > 5
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("library")
def test_by_hand() -> None:
    # 2 of 3 words and 1 of 2 bigrams; one word less than the closest reference
    metric = caption_metric({"x": "a blue cat"}, {"x": ["A blue ball, rolling."]})
    brevity = math.exp(1 - 4 / 3)
    assert metric["BLEU-1"] == pytest.approx(2 / 3 * brevity)
    assert metric["BLEU-2"] == pytest.approx(math.sqrt(2 / 3 * 1 / 2) * brevity)
    assert metric["BLEU-4"] == pytest.approx(0, abs=1e-3)
    assert metric["CIDEr"] == 0  # one picture


@pytest.mark.usefixtures("library")
def test_empty_captions() -> None:
    assert list(caption_metric(dict.fromkeys(REFERENCES, ""), REFERENCES).values()) == pytest.approx([0] * 5)


@pytest.mark.usefixtures("library")
def test_mean_of_the_reward(realdata: Path) -> None:
    annotations = json.loads((realdata / "coco" / "annotations" / "captions_tiny.json").read_text())["annotations"]
    references: dict[int, list[str]] = {}
    for annotation in annotations:
        references.setdefault(annotation["image_id"], []).append(annotation["caption"])
    captions = {picture: some.pop() for picture, some in references.items()}
    metric = caption_metric(captions, dict(reversed(references.items())))
    truth = [[" ".join(tokenize(text)) for text in some] for some in references.values()]
    rewards = cider_d([" ".join(tokenize(text)) for text in captions.values()], truth, DocumentFrequencies.of(truth))
    assert metric["CIDEr"] == pytest.approx(rewards.mean(), abs=1e-9) and metric["CIDEr"] > 0.3
    assert 1 > metric["BLEU-1"] > metric["BLEU-2"] > metric["BLEU-3"] > metric["BLEU-4"] > 0


@pytest.mark.usefixtures("library")
def test_bad_arguments() -> None:
    for captions in ({}, {1: "a"}, {1: "a", 2: "b", 4: "c"}):
        with pytest.raises(ValueError, match=f"{len(captions)} pictures have captions, 3 have references.*Expected the same"):
            caption_metric(captions, REFERENCES)
    with pytest.raises(ValueError, match="Expected the same pictures, at least one"):
        caption_metric({}, {})
    for some in ([], "a"):
        with pytest.raises(ValueError, match="picture 1 has the references .*Expected a list"):
            caption_metric({1: "a"}, {1: some})


def test_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycocoevalcap.bleu.bleu", None)
    with pytest.raises(ImportError, match=r'pip install "vispro-gym\[rewards\]"'):
        caption_metric({1: "a"}, {1: ["a"]})
