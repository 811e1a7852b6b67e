"""SugarCrepe (Hsieh et al., NeurIPS 2023) in its official layout.

    ROOT/data/{add_att,add_obj,replace_att,replace_obj,replace_rel,swap_att,swap_obj}.json     also in ROOT itself
    ROOT/val2017/{image_id:012d}.jpg                                                           pictures of COCO

A file is one object of `{"filename", "caption", "negative_caption"}` by number; some numbers are missing. Pictures and instance
annotations are found as in `vispro_gym.datasets.coco_pictures`. Download: https://github.com/RAIVNLab/sugar-crepe (MIT; the
captions are made from COCO's, CC BY 4.0; pictures under Flickr terms).
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

from vispro_gym.datasets.base import Dataset
from vispro_gym.datasets.coco_pictures import CocoPictures, named_image_id
from vispro_gym.datasets.errors import MissingDataError
from vispro_gym.datasets.index import Builder
from vispro_gym.datasets.json_stream import Record, scan_object
from vispro_gym.datasets.options import Choice, list_options, one_line, shuffled
from vispro_gym.datasets.records import record_value
from vispro_gym.datasets.sample import Sample

TYPES = ("add_att", "add_obj", "replace_att", "replace_obj", "replace_rel", "swap_att", "swap_obj")
"""The ways in which a caption is made wrong, named as the files."""
_ADDRESS = "https://github.com/RAIVNLab/sugar-crepe"
_EXPECTED = 'an official SugarCrepe file, {number: {"filename", "caption", "negative_caption"}}'


class SugarCREPE(Dataset):
    """SugarCrepe: a picture and two captions, one of which is right and the other wrong in one thing.

    The split "test" is everything, and each of `TYPES` is a split, too. It is asked in one of two forms.

    * "caption": which of the two matches the picture? Sample ids are "{type}-{number}"; the target is a
      `vispro_gym.datasets.options.Choice` of the captions, whose order depends on the seed.
    * "yes_no": does this one match the picture? Two samples per item, "{type}-{number}-c0" and "{type}-{number}-c1", either of
      which may be the right caption; the target is a bool, and the field "check" tells type and caption, "swap_obj negative".
    """

    name = "SugarCREPE"
    forms = {"caption": "sugarcrepe", "yes_no": "sugarcrepe_yes_no"}  # noqa: RUF012 (the base class declares it)
    fields = ("type", "check")
    type_field = "type"

    def _sources(self) -> list[Path]:
        root = self.location.root
        if self.split != "test" and self.split not in TYPES:
            raise MissingDataError(f"SugarCREPE has no split {self.split!r}. Expected 'test' or one of: {', '.join(TYPES)}.")
        if self.form == "yes_no":
            self.type_field = "check"  # right and wrong captions are types of their own
        wanted = TYPES if self.split == "test" else (self.split,)
        folder = next((folder for folder in (root / "data", root) if any((folder / f"{t}.json").is_file() for t in wanted)), None)
        missing = [f"{kind}.json" for kind in wanted if folder is None or not (folder / f"{kind}.json").is_file()]
        if folder is None or missing:
            raise MissingDataError(
                f"SugarCREPE split {self.split!r} is not in {root}: {', '.join(missing)} missing. "
                f"Expected the files in data/ (or in the folder itself). The official files are at {_ADDRESS}."
            )
        self._paths = {kind: folder / f"{kind}.json" for kind in wanted}
        self._pictures = CocoPictures(root, ("val2017/{id:012d}.jpg",), self.images)
        return [*self._paths.values(), *self._pictures.sources]

    @property
    def is_shuffled(self) -> bool:
        """Whether there are options to choose from: the right caption comes first in the files."""
        return self.form == "caption"

    def _build(self, builder: Builder) -> None:
        self._pictures.has(0)  # a damaged instance file is found here, not at each item
        self._add_samples(builder, "item", self._items())

    def _items(self) -> Iterator[tuple[str, Record, Path]]:
        for kind, path in self._paths.items():
            for record in scan_object(path, _EXPECTED):
                item = f"{kind}-{record.key}"
                for sample_id in (f"{item}-c0", f"{item}-c1") if self.form == "yes_no" else (item,):
                    facts = {"type": kind} | ({"check": check_of(sample_id)} if self.form == "yes_no" else {})
                    value = record.value | facts if isinstance(record.value, dict) else record.value
                    yield sample_id, record._replace(value=value), path

    def _fields(self, record: Any, where: str) -> dict[str, str | int]:
        return {field: record_value(record, field, str, where) for field in self.fields if field in record}

    def _is_annotated(self, record: Any) -> bool:
        return self._pictures.has(named_image_id(record, "filename", ""))

    def _sample(self, sample_id: str, record: Any, seed: int) -> Sample:
        where = f"SugarCREPE {self.split} item {sample_id}"
        captions = [one_line(record_value(record, key, str, where)) for key in ("caption", "negative_caption")]
        fields: dict[str, str | int] = {"type": sample_id.partition("-")[0]}
        target: Choice | bool
        if self.form == "yes_no":
            fields["check"] = check_of(sample_id)
            target = is_right(sample_id)
            query = f'Verify image matches text="{captions[0] if target else captions[1]}"'
        else:
            texts, right = shuffled(captions, 0, seed, sample_id)
            target = Choice(right, tuple(texts), len(texts))
            query = list_options("Which text matches the image?", texts)
        images = (self._pictures.ref(named_image_id(record, "filename", where)),)
        return Sample(sample_id, query, images, target, fields, record=record)


def is_right(sample_id: str) -> bool:
    """Whether a sample of the form "yes_no" has the right caption. Its id must not tell, so a digest of the item's id decides."""
    item, _, caption = sample_id.rpartition("-")
    return blake2b(item.encode("utf-8", "surrogatepass")).digest()[0] % 2 == int(caption == "c1")


def check_of(sample_id: str) -> str:
    """Type and caption of a sample of the form "yes_no", as in "swap_obj negative"."""
    return f"{sample_id.partition('-')[0]} {'positive' if is_right(sample_id) else 'negative'}"
