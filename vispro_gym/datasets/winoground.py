"""Winoground (Thrush et al., CVPR 2022) in its official layout.

    ROOT/data/examples.jsonl                400 lines of {"id", "image_0", "image_1", "caption_0", "caption_1", "tag", ...}
    ROOT/data/images/ex_0_img_0.png         from images.zip; also in images/
    ROOT/data/new_tag_assignments.json      optional: the tags of Diwan et al., EMNLP 2022

The files of `data/` may be in ROOT itself. Pictures are named by "image_0" and "image_1", mostly without ".png". Download:
https://huggingface.co/datasets/facebook/winoground (for registered researchers; pictures by Getty Images, not to be passed on),
the tags: https://github.com/ajd12342/why-winoground-hard. There are no annotations of what the pictures show; those of
`vispro_gym.datasets.named_pictures` are looked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vispro_gym.datasets.base import Dataset
from vispro_gym.datasets.errors import DatasetError, MissingDataError
from vispro_gym.datasets.index import Builder
from vispro_gym.datasets.json_stream import Record, scan_lines
from vispro_gym.datasets.named_pictures import NamedPictures
from vispro_gym.datasets.options import Choice, list_options, one_line, shuffled
from vispro_gym.datasets.records import read_json, record_value
from vispro_gym.datasets.sample import ImageRef, Sample

PARTS: dict[str, tuple[str, ...]] = {
    "yes_no": ("c0-i0", "c0-i1", "c1-i0", "c1-i1"),
    "caption": ("i0", "i1"),
    "image": ("c0", "c1"),
}
"""What is asked of an example in each form: the endings of its sample ids."""
_ADDRESS = "https://huggingface.co/datasets/facebook/winoground"
_EXPECTED = 'the official Winoground examples, {"id", "image_0", "image_1", "caption_0", "caption_1", ...}'
_EXPECTED_TAGS = "tags by Winoground example, {id: [tag, ...]}"
_EXAMPLE_ID = re.compile(r"\w{1,40}")
_FILE_NAME = re.compile(r"[\w-]{1,80}(\.(png|jpg|jpeg))?")
_TAGS = ("tag", "collapsed_tag", "secondary_tag")


class WinoGround(Dataset):
    """Winoground's one split, "test", in one of three forms.

    * "yes_no": does this caption match this picture? Four samples per example, "{id}-c0-i0" for caption 0 with picture 0; the
      target is a bool. The query is that of VisReP's experiments as ViUniT publishes it.
    * "caption": which of the two captions matches the picture? Two samples per example, "{id}-i0" for picture 0.
    * "image": which of the two pictures matches the caption? Two samples per example, "{id}-c0" for caption 0.

    The targets of the last two are a `vispro_gym.datasets.options.Choice`; the order of the options depends on the seed. A sample
    is annotated if both pictures of its example are. The field "new_tag" holds the tags of Diwan et al., joined by ", ", or
    "No Tag".
    """

    name = "WinoGround"
    forms = {"yes_no": "winoground_yes_no", "caption": "winoground_caption", "image": "winoground_image"}  # noqa: RUF012
    fields = (*_TAGS, "num_main_preds", "new_tag")
    type_field = "collapsed_tag"

    def _sources(self) -> list[Path]:
        root = self.location.root
        if self.split != "test":
            raise MissingDataError(f"WinoGround has no split {self.split!r}. Expected 'test', the only one.")
        path = next((path for folder in ("data", ".") if (path := root / folder / "examples.jsonl").is_file()), None)
        if path is None:
            raise MissingDataError(
                f"WinoGround is not in {root}. Expected data/examples.jsonl (or examples.jsonl) and the folder data/images. "
                f"The official files are at {_ADDRESS}."
            )
        self._path = path
        self._tags_path = path.with_name("new_tag_assignments.json")
        self._new_tags = _read_tags(self._tags_path)
        folders = [root / "data" / "images", root / "images"]
        self._folder = next((folder for folder in folders if folder.is_dir()), folders[0])
        self._pictures = NamedPictures(root, self.images)
        return [path, self._tags_path, *self._pictures.sources]

    @property
    def image_names(self) -> tuple[str, ...]:
        """One picture, or "image_1" and "image_2" where the pictures are the options."""
        return ("image_1", "image_2") if self.form == "image" else ("image",)

    @property
    def is_shuffled(self) -> bool:
        """Whether there are options to choose from."""
        return self.form != "yes_no"

    def _build(self, builder: Builder) -> None:
        self._pictures.has("")  # a damaged instance file is found here, not at each example
        self._add_samples(builder, "example id", self._parts())

    def _parts(self) -> Iterator[tuple[str, Record, Path]]:
        for record in scan_lines(self._path, _EXPECTED):
            try:
                example = _example_id(record.value, "")
            except DatasetError:
                example = f"line_{record.key}"  # reading it says what is wrong
            for part in PARTS[self.form]:
                yield f"{example}-{part}", record, self._path

    def _fields(self, record: Any, where: str) -> dict[str, str | int]:
        example = _example_id(record, where)
        facts: dict[str, str | int] = {key: record_value(record, key, str, where) for key in _TAGS if record.get(key) is not None}
        if record.get("num_main_preds") is not None:
            facts["num_main_preds"] = record_value(record, "num_main_preds", int, where)
        if example in self._new_tags:
            facts["new_tag"] = self._new_tags[example]
        return facts

    def _is_annotated(self, record: Any) -> bool:
        return all(self._pictures.has(_file_name(record, i, "")) for i in (0, 1))

    def _sample(self, sample_id: str, record: Any, seed: int) -> Sample:
        where = f"WinoGround test example {sample_id}"
        fields = self._fields(record, where)
        captions = [one_line(record_value(record, f"caption_{i}", str, where)) for i in (0, 1)]
        names = [_file_name(record, i, where) for i in (0, 1)]
        pictures: list[ImageRef]
        target: bool | Choice
        *_, part = sample_id.partition("-")
        asked = int(part[1])
        if self.form == "yes_no":
            shown = int(part[-1])
            query, target = f'Verify image matches text="{captions[asked]}"', asked == shown
            pictures = [self._picture(names[shown])]
        elif self.form == "caption":
            texts, right = shuffled(captions, asked, seed, sample_id)
            query, target = list_options("Which text matches the image?", texts), Choice(right, tuple(texts), 2)
            pictures = [self._picture(names[asked])]
        else:
            order, right = shuffled(names, asked, seed, sample_id)
            query, target = f'Which image matches text="{captions[asked]}"?', Choice(right, None, 2)
            pictures = [self._picture(name) for name in order]
        return Sample(sample_id, query, tuple(pictures), target, fields, record=record)

    def _picture(self, name: str) -> ImageRef:
        return self._pictures.ref(self._folder / name, name)


def _example_id(record: Any, where: str) -> str:
    value = record_value(record, "id", (int, str), where)
    if not _EXAMPLE_ID.fullmatch(str(value)):
        raise DatasetError(f"{where} has 'id': {value!r:.80}. Expected a number such as 0.")
    return str(value)


def _file_name(record: Any, i: int, where: str) -> str:
    name = record_value(record, f"image_{i}", str, where)
    match = _FILE_NAME.fullmatch(name)
    if match is None:  # it becomes part of a path: it must not lead out of the folder
        raise DatasetError(f"{where} has 'image_{i}': {name!r:.80}. Expected the name of a picture, as in 'ex_0_img_0'.")
    return name if match[1] else f"{name}.png"


def _read_tags(path: Path) -> Mapping[str, str]:
    if not path.is_file():
        return {}
    content = read_json(path, _EXPECTED_TAGS)
    if not isinstance(content, dict) or not all(
        isinstance(tags, list) and all(isinstance(tag, str) for tag in tags) for tags in content.values()
    ):
        raise DatasetError(f"{path} holds something else. Expected {_EXPECTED_TAGS}.")
    return {example: ", ".join(tags) or "No Tag" for example, tags in content.items()}
