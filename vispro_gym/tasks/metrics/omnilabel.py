"""OmniLabel (Schulter et al., ICCV 2023): detection by free-form descriptions, scored as `omnilabeltools` does.

Every pair of an image and a description of its label space is evaluated as COCO evaluates an image and a category. The
pairs are pooled, not averaged, over six groups of descriptions: "categ" (plain categories), "descr" (free-form), of
these "descr-pos" (those that fit an object of their image) and "descr-s", "descr-m", "descr-l" (up to 3, 4 to 8, more
words). The headline number is the harmonic mean of the APs of "categ" and "descr".

Official files hold boxes as `[x, y, width, height]`, and so do all records here.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.records import record_list, record_value
from vispro_gym.tasks.metrics.boxes import xywh
from vispro_gym.tasks.metrics.files import finite, integer, read_records, write_json

_EXPECTED = 'OmniLabel results, a list of {"image_id", "bbox": [x, y, width, height], "description_ids", "scores"}'
_ANY = (0, 100_000)
_GROUPS: dict[str, tuple[tuple[str, ...], tuple[int, int]]] = {
    "categ": (("category",), _ANY),
    "descr": (("positive", "negative"), _ANY),
    "descr-pos": (("positive",), _ANY),
    "descr-s": (("positive", "negative"), (0, 3)),
    "descr-m": (("positive", "negative"), (4, 8)),
    "descr-l": (("positive", "negative"), (9, _ANY[1])),
}
_HEADLINE = "hm(descr,categ)"
# group and metric of each line of the official summary below the headline
_LINES = [(group, "AP") for group in _GROUPS]
_LINES += [("descr", "AP50"), ("descr", "AP75"), ("categ", "AP50"), ("categ", "AP75"), ("descr", "AR"), ("categ", "AR")]
_IOUS = {"AP": "0.50:0.95", "AP50": "0.50", "AP75": "0.75", "AR": "0.50:0.95"}
_DETECTIONS = 100

_Pair = tuple[int, int]


class _Description(NamedTuple):
    pair: _Pair
    kind: str
    words: int


def omnilabel_metric(predictions: Sequence[Mapping[str, Any]], dataset: Mapping[str, Any]) -> dict[str, float]:
    """The official summary, as fractions.

    Args:
        predictions: Records `{"image_id", "bbox": [x, y, width, height], "description_ids", "scores"}`. Descriptions
            outside the image's label space and unknown images are ignored, as by the official code.
        dataset: An official dataset file: "images", "descriptions" and "annotations". Stays as it is.

    Returns:
        "AP" (the harmonic mean), and as "group/name": "AP" of each group, "AP50", "AP75" and "AR" of "categ" and
        "descr", and "num_gt", how many pairs of a gold box and a description the group has. What has no gold boxes
        (the official code says -1) is left out. As in the official code, a gold box with the id 0 is never found.

    Raises:
        DatasetError: If a record is damaged.
    """
    descriptions, gold = _read_dataset(dataset)
    found = _read_predictions(predictions)
    # a pair with neither gold nor predicted boxes does not count in any group
    descriptions = [d for d in descriptions if d.pair in gold or d.pair in found]
    results: dict[str, float] = {}
    if descriptions:
        with contextlib.redirect_stdout(io.StringIO()):
            _evaluate_groups(descriptions, gold, found, results)
    if results.get("categ/num_gt", 0) > 0 and results.get("descr/num_gt", 0) > 0:
        categ, descr = results["categ/AP"], results["descr/AP"]
        results = {"AP": (2 * categ * descr) / (categ + descr + 1e-5), **results}
    return results


def _evaluate_groups(
    descriptions: list[_Description],
    gold: Mapping[_Pair, list[dict[str, Any]]],
    found: Mapping[_Pair, list[dict[str, Any]]],
    results: dict[str, float],
) -> None:
    """Matches each pair once with COCOeval, as if it were an image of its own, and pools the pairs of each group."""
    from pycocotools.cocoeval import COCOeval

    evaluation = COCOeval(None, None, "bbox")
    evaluation._prepare = lambda: None  # it would read COCO files; the boxes of each pair are at hand
    evaluation._gts = {(i, 0): gold.get(d.pair, []) for i, d in enumerate(descriptions)}
    evaluation._dts = {(i, 0): found.get(d.pair, []) for i, d in enumerate(descriptions)}
    evaluation.params.imgIds = list(range(len(descriptions)))
    evaluation.params.catIds = [0]
    evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
    evaluation.params.maxDets = [_DETECTIONS]
    evaluation.evaluate()
    matches = evaluation.evalImgs
    thresholds = evaluation.params.iouThrs
    for group, (kinds, (least, most)) in _GROUPS.items():
        chosen = [m for m, d in zip(matches, descriptions, strict=True) if d.kind in kinds and least <= d.words <= most]
        if not chosen:
            continue
        evaluation.evalImgs = chosen
        evaluation.params.imgIds = evaluation._paramsEval.imgIds = list(range(len(chosen)))
        evaluation.accumulate()
        precision, recall = evaluation.eval["precision"], evaluation.eval["recall"]
        results[f"{group}/num_gt"] = float(sum(np.count_nonzero(match["gtIgnore"] == 0) for match in chosen))
        _add_mean(results, f"{group}/AP", precision)
        if group in ("categ", "descr"):
            _add_mean(results, f"{group}/AP50", precision[thresholds == 0.5])
            _add_mean(results, f"{group}/AP75", precision[thresholds == 0.75])
            _add_mean(results, f"{group}/AR", recall)


def _add_mean(results: dict[str, float], name: str, values: NDArray[np.float64]) -> None:
    known = values[values > -1]
    if known.size:
        results[name] = float(np.mean(known))


def format_omnilabel(metric: Mapping[str, float]) -> str:
    """The summary as `omnilabeltools` prints it: the headline and twelve lines; -1 for what the metric left out."""
    counts = {group: int(metric.get(f"{group}/num_gt", -1)) for group in _GROUPS}
    lines = [_line("AP", _HEADLINE, counts["categ"] + counts["descr"], metric.get("AP", -1))]
    lines += [_line(name, group, counts[group], metric.get(f"{group}/{name}", -1)) for group, name in _LINES]
    return "\n".join(lines)


def _line(name: str, group: str, count: int, value: float) -> str:
    return (
        f" {name[:2]} @[ IoU={_IOUS[name]:<9} | area={'all':>6} | descr={group:>15} | "
        f"maxDets={_DETECTIONS:>3} ][ num-gt={count:>5} ] = {value:0.5f}"
    )


def read_omnilabel_results(path: Path | str) -> list[dict[str, Any]]:
    """Reads a results file.

    Raises:
        DatasetError: If the file is missing or damaged; names the file and the record.
    """
    records = read_records(path, _EXPECTED)
    for where, record in records:
        _check_prediction(record, where)
    return [record for _, record in records]


def write_omnilabel_results(path: Path | str, predictions: Iterable[Mapping[str, Any]]) -> None:
    """Writes a results file. Raises DatasetError if a record is none."""
    records = [dict(record) for record in predictions]
    for i, record in enumerate(records):
        _check_prediction(record, f"prediction {i}")
    write_json(path, records)


def _check_prediction(record: Mapping[str, Any], where: str) -> None:
    integer(record, "image_id", where)
    xywh(record, where)
    ids = record_list(dict(record), "description_ids", int, where)
    scores = record_value(dict(record), "scores", list, where)
    if len(ids) != len(scores):
        raise DatasetError(f"{where} has {len(ids)} description_ids and {len(scores)} scores. Expected one score for each.")
    for score in scores:
        finite(score, f"{where}, item of 'scores',")


def _read_predictions(predictions: Sequence[Mapping[str, Any]]) -> dict[_Pair, list[dict[str, Any]]]:
    found: dict[_Pair, list[dict[str, Any]]] = {}
    for i, record in enumerate(predictions):
        _check_prediction(record, f"prediction {i}")
        box = list(record["bbox"])
        for description_id, score in zip(record["description_ids"], record["scores"], strict=True):
            # COCOeval marks what is matched by the other's id and reads 0 as unmatched
            item = {"id": i + 1, "bbox": box, "area": box[2] * box[3], "score": score}
            found.setdefault((record["image_id"], description_id), []).append(item)
    return found


def _read_dataset(dataset: Mapping[str, Any]) -> tuple[list[_Description], dict[_Pair, list[dict[str, Any]]]]:
    """All pairs of an image and a description of its label space, in official order, and the gold boxes of each."""
    where = "the OmniLabel dataset"
    content = dict(dataset)
    gold: dict[_Pair, list[dict[str, Any]]] = {}
    if "annotations" not in content:
        raise DatasetError(f"{where} has no 'annotations'. Expected a split with gold boxes: the test splits have none.")
    for i, record in enumerate(record_list(content, "annotations", dict, where)):
        here = f"{where}, annotation {i}"
        box = xywh(record, here)
        crowd = integer(record, "iscrowd", here) if "iscrowd" in record else 0
        item = {"id": integer(record, "id", here), "bbox": box, "area": box[2] * box[3], "iscrowd": crowd, "ignore": crowd}
        for description_id in record_list(record, "description_ids", int, here):
            gold.setdefault((integer(record, "image_id", here), description_id), []).append(dict(item))
    spaces: dict[int, dict[int, _Description]] = {
        integer(image, "id", f"{where}, image {i}"): {} for i, image in enumerate(record_list(content, "images", dict, where))
    }
    for i, record in enumerate(record_list(content, "descriptions", dict, where)):
        here = f"{where}, description {i}"
        description_id = integer(record, "id", here)
        free = record_value(record_value(record, "anno_info", dict, here), "type", str, here) == "object_description"
        words = len(record_value(record, "text", str, here).split())
        for image_id in record_list(record, "image_ids", int, here):
            if image_id in spaces:
                pair = (image_id, description_id)
                kind = "category" if not free else "positive" if pair in gold else "negative"
                spaces[image_id][description_id] = _Description(pair, kind, words)
    return [description for image_id in sorted(spaces) for description in spaces[image_id].values()], gold
