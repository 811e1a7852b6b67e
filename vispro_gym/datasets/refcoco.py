"""RefCOCO, RefCOCO+ (Yu et al., ECCV 2016) and RefCOCOg (Mao et al., CVPR 2016), referring expressions, in refer's layout.

    ROOT/refcoco/{instances.json, refs(unc).p, refs(google).p}
    ROOT/refcoco+/{instances.json, refs(unc).p}
    ROOT/refcocog/{instances.json, refs(umd).p, refs(google).p}
    ROOT/images/mscoco/images/train2014/COCO_train2014_{image_id:012d}.jpg      also in mscoco/train2014/ and train2014/

ROOT may also be one of the three folders. Pictures are looked for in COCO's own folder, too (`VISPRO_DATA_COCO`). The refs are
pickles, which are read without running anything in them (`vispro_gym.datasets.safe_pickle`); where there is none,
`refs(umd).json` with the same content is read. Downloads: https://github.com/lichengunc/refer (code Apache-2.0; annotations of
objects CC BY 4.0, pictures under Flickr terms).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from vispro_gym.datasets.base import Dataset
from vispro_gym.datasets.coco_pictures import CocoPictures, box_of, open_instances
from vispro_gym.datasets.errors import DatasetError, MissingDataError
from vispro_gym.datasets.index import Builder
from vispro_gym.datasets.json_stream import scan_list
from vispro_gym.datasets.records import natural, record_list, record_value
from vispro_gym.datasets.safe_pickle import read_plain_pickle
from vispro_gym.datasets.sample import Sample
from vispro_gym.datasets.tables import Index

_PARTITIONS = ("unc", "google", "umd")
_SPLIT = re.compile(rf"(?:({'|'.join(_PARTITIONS)})_)?(.+)")
_DOWNLOADS = "https://github.com/lichengunc/refer"
_EXPECTED = 'the refs of a refer dataset, a list of {"ref_id", "ann_id", "image_id", "split", "sentences"}'
_PICTURE = "COCO_train2014_{id:012d}.jpg"


class RefCOCO(Dataset):
    """One split of RefCOCO: "train", "val", "testA" (people) or "testB" (other things); "test" means both.

    A split can be taken from another partition than the usual one by naming that first: "google_val". A sample is one sentence on
    one object; its id is the sentence's. The query is the sentence in lower case as the dataset has it; the target is the box of
    the object in image coordinates.
    """

    name = "RefCOCO"
    forms = {"expression": "refcoco"}  # noqa: RUF012 (the base class declares it)
    fields = ("category", "words")
    type_field = "category"
    _folder: ClassVar[str] = "refcoco"
    _partition: ClassVar[str] = "unc"

    def _sources(self) -> list[Path]:
        root = self.location.root
        own = root / self._folder
        if not own.is_dir():
            own = root
        match = _SPLIT.fullmatch(self.split)
        assert match is not None
        partition, self._part = match[1] or self._partition, match[2]
        candidates = [own / f"refs({partition}){suffix}" for suffix in (".p", ".json")]
        instances = own / "instances.json"
        refs = next((path for path in candidates if path.is_file()), None)
        if refs is None or not instances.is_file():
            found = sorted(
                path.name for path in own.iterdir() if re.fullmatch(r"refs\(\w+\)\.(p|json)|instances\.json", path.name)
            )
            raise MissingDataError(
                f"{self.name} has no split {self.split!r} in {root}. Expected {self._folder}/{candidates[0].name} and "
                f"{self._folder}/instances.json, or the folder {self._folder} itself. "
                f"Files found there: {', '.join(found) or 'none'}. The official files are at {_DOWNLOADS}."
            )
        self._path = refs
        inside = f"{own.name}/".replace("{", "{{").replace("}", "}}")
        folders = ("images/mscoco/images/train2014/", "mscoco/train2014/", f"{inside}images/train2014/", f"{inside}train2014/")
        base = own.parent if own == root else root
        self._pictures = CocoPictures(base, [folder + _PICTURE for folder in folders], self.images, [instances])
        self._instances_path = instances
        return [refs, instances]

    @cached_property
    def _instances(self) -> Index:
        return open_instances(self._instances_path)

    @cached_property
    def _categories(self) -> dict[int, str]:
        table = self._instances.table("categories")
        return {int(key): record_value(table.get(key), "name", str, f"COCO category {key}") for (key,) in table.fields(["key"])}

    def _build(self, builder: Builder) -> None:
        _ = self._instances  # damaged instances are an error of the split, not of its samples
        self._add_samples(builder, "sent_id", self._sentences())

    def _sentences(self) -> Iterator[tuple[str, Any, None]]:
        splits: set[str] = set()
        empty = True
        for position, ref in enumerate(self._refs()):
            split = ref.get("split") if isinstance(ref, dict) else None
            if isinstance(split, str):
                splits.add(split)
                if not _is_in(split, self._part):
                    continue
            sentences = ref.get("sentences") if isinstance(ref, dict) else None
            empty = False
            if not isinstance(split, str) or not isinstance(sentences, list):
                yield (
                    f"ref {position}",
                    {"ref": ref, "sentence": None},
                    None,
                )  # it stays in the split: reading it says what is wrong
                continue
            shared = {key: value for key, value in ref.items() if key not in ("sentences", "sent_ids")}
            for i, sentence in enumerate(sentences):
                sent_id = sentence.get("sent_id") if isinstance(sentence, dict) else None
                sample_id = str(sent_id) if type(sent_id) is int else f"ref {position} sentence {i}"
                yield sample_id, {"ref": shared, "sentence": sentence}, None
        if empty:
            there = f"Splits found there: {', '.join(sorted(splits))}." if splits else "It holds no refs."
            raise MissingDataError(f"{self.name} has no split {self.split!r} in {self._path}. {there}")

    def _refs(self) -> Iterator[Any]:
        if self._path.suffix == ".json":
            return (record.value for record in scan_list(self._path, _EXPECTED))
        refs = read_plain_pickle(self._path, _EXPECTED)
        if not isinstance(refs, list):
            raise DatasetError(f"{self._path} holds a pickled {type(refs).__name__}. Expected {_EXPECTED}.")
        return iter(refs)

    def _fields(self, record: Any, where: str) -> dict[str, str | int]:
        category = natural(record["ref"], "category_id", where)
        if category not in self._categories:
            raise DatasetError(f"{where} has category_id {category}. Expected one of the {len(self._categories)} categories.")
        words = record_value(record["sentence"], "sent", str, where).split()
        return {"category": self._categories[category], "words": len(words)}

    def _is_annotated(self, record: Any) -> bool:
        return True

    def _sample(self, sample_id: str, record: Any, seed: int) -> Sample:
        where = f"{self.name} {self.split} sentence {sample_id}"
        ref, sentence = record["ref"], record["sentence"]
        record_value(ref, "split", str, where)
        if sentence is None:
            record_list(ref, "sentences", dict, where)
        natural(sentence, "sent_id", where)
        image_id, annotation_id = natural(ref, "image_id", where), natural(ref, "ann_id", where)
        image = self._instances.table("images").get(str(image_id))
        annotations = self._instances.table("annotations").all(str(image_id))
        annotation = next((item for item in annotations if item.get("id") == annotation_id), None)
        if image is None or annotation is None:
            what = "image" if image is None else "annotation"
            raise DatasetError(
                f"{where} is on annotation {annotation_id} of image {image_id}, but {self._instances_path} has no such {what}. "
                "Expected the file that goes with these refs. Fetch both again."
            )
        return Sample(
            sample_id=sample_id,
            query=record_value(sentence, "sent", str, where),
            images=(self._pictures.ref(image_id),),
            target=box_of(annotation, where),
            fields=self._fields(record, where),
            record={
                "ref": ref,
                "sentence": sentence,
                "image": image,
                "annotation": {key: annotation[key] for key in ("id", "image_id", "category_id", "bbox") if key in annotation},
            },
        )


class RefCOCOplus(RefCOCO):
    """One split of RefCOCO+, whose expressions do not speak of places in the picture; otherwise as `RefCOCO`."""

    name = "RefCOCOplus"
    forms = {"expression": "refcocoplus"}  # noqa: RUF012
    _folder = "refcoco+"


class RefCOCOg(RefCOCO):
    """One split of RefCOCOg, which has longer expressions: "train", "val" or "test" of the partition "umd"; as `RefCOCO`."""

    name = "RefCOCOg"
    forms = {"expression": "refcocog"}  # noqa: RUF012
    _folder = "refcocog"
    _partition = "umd"


def _is_in(split: str, asked: str) -> bool:
    """Whether a ref of a split is asked for, as in refer: "test" is all of the test splits, "testA" all with an A."""
    if asked == "test":
        return "test" in split
    return split == asked or (asked in ("testA", "testB", "testC") and "test" in split and asked[-1] in split)
