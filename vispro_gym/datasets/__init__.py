"""Datasets: one file per dataset, each reading the official on-disk layout into `Sample`s."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping, Sequence
from typing import Any

from vispro_gym.datasets.aokvqa import AOKVQA
from vispro_gym.datasets.base import Dataset
from vispro_gym.datasets.clevr import CLEVR
from vispro_gym.datasets.coco import COCO
from vispro_gym.datasets.errors import DatasetError, MissingDataError
from vispro_gym.datasets.gqa import GQA
from vispro_gym.datasets.location import HUB_PREFIX, locate
from vispro_gym.datasets.nlvr import NLVR
from vispro_gym.datasets.nlvr2 import NLVR2
from vispro_gym.datasets.omnilabel import OmniLabel
from vispro_gym.datasets.pope import POPE
from vispro_gym.datasets.protocols import PROTOCOLS, Protocol
from vispro_gym.datasets.refcoco import RefCOCO, RefCOCOg, RefCOCOplus
from vispro_gym.datasets.retrieval import COCOCaptions, Flickr30k
from vispro_gym.datasets.sample import ImageRef, Sample
from vispro_gym.datasets.scene import Box, Scene, SceneObject
from vispro_gym.datasets.sugarcrepe import SugarCREPE
from vispro_gym.datasets.tallyqa import TallyQA
from vispro_gym.datasets.vqav2 import OKVQA, VQAv2
from vispro_gym.datasets.vsr import VSR
from vispro_gym.datasets.winoground import WinoGround

__all__ = [
    "AOKVQA",
    "CLEVR",
    "COCO",
    "DATASETS",
    "GQA",
    "NLVR",
    "NLVR2",
    "OKVQA",
    "POPE",
    "VSR",
    "Box",
    "COCOCaptions",
    "Dataset",
    "DatasetError",
    "Flickr30k",
    "ImageRef",
    "MissingDataError",
    "OmniLabel",
    "RefCOCO",
    "RefCOCOg",
    "RefCOCOplus",
    "Sample",
    "Scene",
    "SceneObject",
    "SugarCREPE",
    "TallyQA",
    "VQAv2",
    "WinoGround",
    "open_dataset",
]

DATASETS: dict[str, type[Dataset]] = {
    cls.name: cls
    for cls in (
        GQA,
        CLEVR,
        VQAv2,
        OKVQA,
        TallyQA,
        AOKVQA,
        POPE,
        VSR,
        NLVR2,
        NLVR,
        OmniLabel,
        COCO,
        RefCOCO,
        RefCOCOplus,
        RefCOCOg,
        WinoGround,
        SugarCREPE,
        Flickr30k,
        COCOCaptions,
    )
}
"""Dataset classes by name."""


def open_dataset(
    name: str,
    data_dir: str | os.PathLike[str] | None = None,
    split: str = "train",
    images: str = "required",
    form: str | None = None,
    filter: Mapping[str, Any] | None = None,
    subset: str | None = None,
    ids: str | os.PathLike[str] | Sequence[str] | None = None,
    **options: Any,
) -> Dataset:
    """Opens one split of a dataset.

    Args:
        name: A key of `DATASETS`, for example "GQA".
        data_dir: Root folder in the official layout; or, after "hf:", a repository of Hugging Face `datasets`
            (`vispro_gym.datasets.hub`). None: see `vispro_gym.datasets.location`.
        split: Split name, or the name of a protocol's split (`vispro_gym.datasets.protocols`).
        images: "required" or "optional" (blank canvases stand in for missing pictures).
        form: The form in which the dataset is asked, for those that have several; None for the first.
        filter: Keeps the samples whose fields have these values, see `vispro_gym.datasets.base.Dataset.restrict`.
        subset: Keeps so many samples of each type, for example "10_per_type".
        ids: Keeps the samples that a list, or a file, names; replaces the rule of a protocol's split.
        **options: Options that only this dataset has.

    Raises:
        DatasetError: If the data is missing or damaged, has no such split, or no sample is left.
        ValueError: If the dataset or a value of `images`, `form`, `filter` or `subset` is unknown.
        TypeError: If the dataset has no such option.
        ImportError: If the library `datasets`, which repositories need, is not installed.
    """
    if name not in DATASETS:
        raise ValueError(f"Dataset {name!r} is unknown. Expected one of: {', '.join(DATASETS)}.")
    protocol = PROTOCOLS.get((name, split), Protocol(split))
    arguments = (protocol.split, images, form or protocol.form)
    try:
        inspect.signature(DATASETS[name]).bind(None, *arguments, **options)
    except TypeError:
        raise TypeError(f"{name} has no option {' or '.join(map(repr, options))}.") from None
    if data_dir is not None and str(data_dir).startswith(HUB_PREFIX):
        from vispro_gym.datasets.hub import locate_hub  # what repositories need is not needed else
        from vispro_gym.datasets.hub_datasets import ROW_DATASETS

        location = locate_hub(name, str(data_dir))
        dataset: Dataset = ROW_DATASETS[name](location, *arguments, **options)
    else:
        dataset = DATASETS[name](locate(name, data_dir), *arguments, **options)
    dataset.restrict(filter, None if ids else protocol.subset.get(dataset.form, protocol.subset.get("")), ids)
    dataset.restrict(subset=subset)
    return dataset
