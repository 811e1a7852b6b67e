"""Panoptic quality (Kirillov et al., "Panoptic segmentation", CVPR 2019), computed by torchmetrics' PanopticQuality.

Segments match if their categories are equal and their IoU exceeds 0.5. For each category

    PQ = sum of the IoU of matches / (matches + 0.5 * unmatched predicted segments + 0.5 * missed gold segments)
    SQ = sum of the IoU of matches / matches
    RQ = matches / (matches + 0.5 * unmatched predicted segments + 0.5 * missed gold segments)

over all pictures, then the mean over the categories that occur in the gold or the predicted maps.

torchmetrics leaves out predicted void like gold void; the official panopticapi leaves out gold void only, so that nobody gains by
labelling nothing. Here the official meaning holds: predicted void is told to torchmetrics as a category of its own, which is
then left out of the means. Crowd regions do not exist: mark them as void.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def panoptic_metric(
    predicted: Iterable[NDArray[np.integer[Any]]],
    gold: Iterable[NDArray[np.integer[Any]]],
    things: Collection[int],
    stuff: Collection[int],
) -> dict[str, float]:
    """PQ, SQ and RQ of all categories, PQ_things and PQ_stuff, as fractions. What occurs nowhere is left out.

    Args:
        predicted: The map of each picture, integers of shape `(H, W, 2)`: category and instance; category 0 for no label.
        gold: The annotated maps, in the same order; category 0 is void. Read one by one, so that generators save memory.
        things: Categories with instances, above 0.
        stuff: Categories without; the instances of the maps do not count.

    Raises:
        ImportError: If torchmetrics is missing.
        ValueError: If maps do not fit each other, or categories overlap, are below 1, or missing from `things` and `stuff`.
    """
    try:
        import torch
        from torchmetrics.detection import PanopticQuality
    except ImportError as error:
        raise ImportError(
            f'panoptic quality needs a library that is missing ({error}): pip install "vispro-gym[rewards]"', name=error.name
        ) from error
    known = {*things, *stuff}
    if not known or min(known) < 1 or set(things) & set(stuff):
        raise ValueError(f"things={things!r:.80}, stuff={stuff!r:.80}. Expected categories above 0, none in both.")
    nothing = max(known) + 1
    metric = PanopticQuality(things=set(things), stuffs={*stuff, nothing})
    for i, (one, other) in enumerate(zip(predicted, gold, strict=True)):
        for name, value in (("predicted", one), ("gold", other)):
            if value.dtype.kind not in "iu" or value.ndim != 3 or value.shape[2] != 2 or value.shape != one.shape:
                raise ValueError(
                    f"the {name} map of picture {i} is {value.dtype} of shape {value.shape}. Expected integers of shape "
                    "(H, W, 2), alike for predicted and gold."
                )
            strange = set(np.unique(value[..., 0]).tolist()) - known - {0}
            if strange:
                raise ValueError(
                    f"the {name} map of picture {i} has the categories {sorted(strange)!r:.80}. Expected those of things and "
                    "stuff, and 0 for void."
                )
        told = one.astype(np.int64)
        told[told[..., 0] == 0] = (nothing, 0)
        metric.update(torch.from_numpy(told)[None], torch.from_numpy(other.astype(np.int64))[None])
    return _summary(metric, len(set(things)), len(known))


def _summary(metric: Any, things: int, known: int) -> dict[str, float]:
    """The means over categories. torchmetrics has things first, then stuff, each by number: predicted void comes last."""
    iou, matched, unmatched, missed = (
        getattr(metric, name).numpy().astype(np.float64)[:known]
        for name in ("iou_sum", "true_positives", "false_positives", "false_negatives")
    )
    weight = matched + 0.5 * unmatched + 0.5 * missed
    occurs = weight > 0
    parts = {
        "PQ": np.divide(iou, weight, out=np.zeros(known), where=occurs),
        "SQ": np.divide(iou, matched, out=np.zeros(known), where=matched > 0),
        "RQ": np.divide(matched, weight, out=np.zeros(known), where=occurs),
    }
    summary = {name: float(values[occurs].mean()) for name, values in parts.items() if occurs.any()}
    for name, span in (("PQ_things", slice(None, things)), ("PQ_stuff", slice(things, None))):
        if occurs[span].any():
            summary[name] = float(parts["PQ"][span][occurs[span]].mean())
    return summary
