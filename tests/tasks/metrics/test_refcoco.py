from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.scene import Box
from vispro_gym.tasks.metrics.refcoco import read_refcoco_results, refcoco_metric, write_refcoco_results

GOLD: Box = (10, 20, 110, 120)
PAIRS: list[tuple[Box | None, Box]] = [
    ((10, 20, 110, 120), GOLD),  # 1
    ((10, 20, 110, 70), GOLD),  # 0.5 exactly
    ((10, 20, 110, 90), GOLD),  # 0.7 exactly: at least, but not more than 0.7
    ((110, 20, 210, 120), GOLD),  # beside it, the centre is outside
    ((60, 70, 260, 270), GOLD),  # 2500 of 47500; the centre is (160, 170)
    (None, GOLD),
]


def test_by_hand() -> None:
    assert refcoco_metric(PAIRS) == {
        "accuracy@0.5": 3 / 6,
        "accuracy@0.1": 3 / 6,
        "accuracy@0.3": 3 / 6,
        "accuracy@0.7": 2 / 6,
        "accuracy@0.9": 1 / 6,
        "mean_iou": pytest.approx((1 + 0.5 + 0.7 + 2500 / 47500) / 6),
        "center_accuracy": 3 / 6,
        "viper_iou": pytest.approx((1 + 0.5 + 0.7 + 2500 / 47500) / 6),
        "viper_accuracy": 1 / 6,
    }
    assert refcoco_metric([]) == {}


def test_centre_on_the_border_is_a_hit() -> None:
    assert refcoco_metric([((60, 70, 160, 170), GOLD)])["center_accuracy"] == 1.0  # centre (110, 120)
    assert refcoco_metric([((60, 70, 161, 170), GOLD)])["center_accuracy"] == 0.0
    # lmms-eval would read the missing box as [0, 0, 0, 0] and call this a hit
    assert refcoco_metric([(None, (0, 0, 50, 50))])["center_accuracy"] == 0.0


def test_vipergpt_assumes_its_average_box() -> None:
    height = 400
    average: Box = (50.9, height - 356.5, 493.5, height - 39.1)
    metric = refcoco_metric([(None, average)], [height])
    assert metric["viper_iou"] == metric["viper_accuracy"] == 1.0
    assert metric["mean_iou"] == metric["accuracy@0.5"] == 0.0
    assert refcoco_metric([(None, average)], [height + 300])["viper_iou"] < 0.5
    with pytest.raises(ValueError):
        refcoco_metric(PAIRS, [400])


def test_real_boxes_find_themselves(realdata: Path) -> None:
    records = json.loads((realdata / "refcoco" / "exovip_refcoco_test.json").read_text())
    boxes: list[Box] = [tuple(record["box"]) for record in records.values()]
    assert len(boxes) == 261
    assert set(refcoco_metric([(box, box) for box in boxes]).values()) == {1.0}
    assert set(refcoco_metric([(None, box) for box in boxes]).values()) == {0.0}


BOXES = st.tuples(*[st.integers(0, 50)] * 4).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))


@given(st.lists(st.tuples(st.none() | BOXES, BOXES), min_size=1, max_size=8))
def test_accuracy_falls_with_the_threshold(pairs: list[tuple[Box | None, Box]]) -> None:
    metric = refcoco_metric(pairs)
    rising = [metric[f"accuracy@{threshold}"] for threshold in (0.1, 0.3, 0.5, 0.7, 0.9)]
    assert rising == sorted(rising, reverse=True)
    assert metric["viper_accuracy"] <= metric["accuracy@0.7"]
    assert all(0.0 <= value <= 1.0 for value in metric.values())


def test_file_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    write_refcoco_results(path, {"91982": (10, 20, 110, 120), "7": None, "3": (0.5, 0.25, 1.5, 1.0)})
    assert json.loads(path.read_text()) == [
        {"sent_id": 91982, "bbox": [10, 20, 100, 100]},
        {"sent_id": 3, "bbox": [0.5, 0.25, 1.0, 0.75]},
    ]
    assert read_refcoco_results(path) == {"91982": (10, 20, 110, 120), "3": (0.5, 0.25, 1.5, 1.0)}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[{",
        '{"predictions": [{"ref_id": 47, "sent": "man in black"}]}',
        '[{"sent_id": "1", "bbox": [1, 2, 3, 4]}]',
        '[{"sent_id": 1, "bbox": [1, 2, 3]}]',
        '[{"sent_id": 1, "bbox": [1, 2, 3, "4"]}]',
        '[{"sent_id": 1, "bbox": [1, 2, 3, 4]}, {"sent_id": 1, "bbox": [1, 2, 3, 4]}]',
    ],
)
def test_damaged_files(tmp_path: Path, content: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(content)
    with pytest.raises(DatasetError, match="results.json.*Expected"):
        read_refcoco_results(path)


def test_rejects_what_is_no_box(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="sent_id 5.*at least 0"):
        write_refcoco_results(tmp_path / "results.json", {"5": (10, 10, 0, 0)})
    with pytest.raises(DatasetError, match="'5a'"):
        write_refcoco_results(tmp_path / "results.json", {"5a": GOLD})
