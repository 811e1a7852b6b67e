"""The forms in which datasets are published as repositories of Hugging Face `datasets`, and what their rows mean.

A form says which configuration, split and files hold a split, which columns are read, and how a row becomes a record of the
official files. What is known of the forms, and from where:

| dataset | repository | known from |
|---|---|---|
| GQA | lmms-lab/GQA | columns and types: its card, and that of deepvk/GQA-ru, a translation; pictures: lmms-eval |
| VQAv2 | lmms-lab/VQAv2 | columns, types and splits: card |
| OKVQA | lmms-lab/OK-VQA | columns, types and splits: card |
| POPE | lmms-lab/POPE | columns and values: a printed row; configurations and splits: the Hub's viewer |
| VSR | cambridgeltl/vsr_random, vsr_zeroshot | the official files, `{train,dev,test}.jsonl`; there are no pictures |
| AOKVQA | HuggingFaceM4/A-OKVQA | splits and files: the Hub's list; columns and types: programs that read them |
| RefCOCO | lmms-lab/RefCOCO, RefCOCOplus, RefCOCOg | columns, types, splits: cards; boxes: lmms-eval; names: a row |
| WinoGround | facebook/winoground | columns: programs that read them; published as a script and a zip, see below |
| Flickr30k | lmms-lab/flickr30k | columns, types and splits: card |
| COCOCaptions | lmms-lab/COCO-Caption, COCO-Caption2017 | columns, types and splits: cards; captions: lmms-eval |

Those of lmms-lab are also published by lmms-lab-encoder. None of them was read as a whole. What they lack, or have in another way
than the official files:

* GQA: "entailed" and "equivalent" are lists written as text; "annotations" has another form and is left out. There are no scenes.
* OKVQA has no image ids. Question ids are the image id and one more digit (true of all 5,046 official questions of that split).
* AOKVQA has no image ids, and "direct_answers" is a list written as text.
* RefCOCO has neither sentence ids nor categories: samples are numbered, from 0, in the order of the rows, and queries are the
  sentences as published, not always in lower case. By their sizes, "val" (8,811 rows) and "test" of RefCOCO and "val" of RefCOCOg
  (7,573) are not, or not only, those of the usual partition: they have names of their own here, "lmms_val" and "lmms_test".
* WinoGround's repository asks for registration; it holds the official files and a script, which `datasets` no longer runs. Rows
  are what earlier versions of `datasets` made of them.
* Flickr30k has one split of all 31,783 pictures, called "all" here; `ids=` chooses among them.
* COCOCaptions has no caption ids: captions are called by the image id and their position, from 0.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np

_IDS = re.compile(r"\['\w+'(?:, '\w+')*\]")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """Where the rows of a split are.

    Attributes:
        config: Name of the configuration.
        split: Name of the split within it.
        files: Pattern of the files in the repository.
    """

    config: str
    split: str
    files: str


@dataclass(frozen=True)
class Form:
    """How a dataset is published.

    Attributes:
        repositories: Where, on the Hugging Face Hub.
        parts: Its splits, by the names that they have here: those of the official release, if they are the same.
        columns: Columns that must be there, those of pictures last.
        pictures: How many of them are pictures.
        record: Makes the official record of a row. Whatever is damaged stays as it is: reading the sample says what is wrong.
        key: Column of the sample ids; None if a sample goes by its row, from 0, or its id is made of several columns.
        optional: Columns that are read if they are there.
        keep: Whether a row belongs to the split of a name, for splits that share their files; None if all do.
        note: What to add to the message that a split or its files are missing.
    """

    repositories: tuple[str, ...]
    parts: Mapping[str, Part]
    columns: tuple[str, ...]
    pictures: int
    record: Callable[[Row], Any]
    key: str | None = None
    optional: tuple[str, ...] = ()
    keep: Callable[[Row, str], bool] | None = None
    note: str = ""


def _default(split: str) -> Part:
    return Part("default", split, f"data/{split}-*.parquet")


def _gqa_part(tier: str, kind: str) -> Part:
    config = f"{tier}_{kind}_instructions"
    return Part(config, tier, f"{config}/{tier}-*.parquet")


def gqa_pictures(part: Part) -> Part:
    """Where the pictures of a part of GQA are, in rows of "id" and "image"."""
    config = part.config.replace("_instructions", "_images")
    return Part(config, part.split, part.files.replace(part.config, config))


def listed(value: Any) -> Any:
    """The list of texts that a text says, as Python writes lists; the value itself if it is no such text."""
    if isinstance(value, str):
        if _IDS.fullmatch(value):  # in no time: there are two in each of millions of rows
            return value[2:-2].split("', '")
        try:
            items = ast.literal_eval(value)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return value
        if isinstance(items, list) and all(isinstance(item, str) for item in items):
            return items
    return value


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20 else value


def _known(row: Row) -> dict[str, Any]:
    return {key: value for key, value in row.items() if value is not None}  # a column has a value in every row, if need be none


def _gqa(row: Row) -> Any:
    return {
        key: listed(value) if key in ("entailed", "equivalent") else value for key, value in _known(row).items() if key != "id"
    }


def _vqa(row: Row) -> Any:
    record = _known(row)
    question = {key: record.pop(key) for key in ("question", "image_id", "question_id") if key in record}
    return {
        "question": question,
        "annotation": {**record, **{k: question[k] for k in ("image_id", "question_id") if k in question}},
    }


def _okvqa(row: Row) -> Any:
    question_id = _whole(row["question_id"])
    answers = row["answers"]
    if isinstance(answers, list):
        answers = [{"answer": answer, "answer_id": i} for i, answer in enumerate(answers, 1)]
    image = {"image_id": question_id // 10} if isinstance(question_id, int) else {}
    return _vqa({**row, **image, "question_id": question_id, "answers": answers})


def _aokvqa(row: Row) -> Any:
    return {key: listed(value) if key == "direct_answers" else value for key, value in _known(row).items()}


def _pope(row: Row) -> Any:
    source = row["image_source"]
    return {
        "question_id": _whole(row["question_id"]),
        "image": f"{source}.jpg" if isinstance(source, str) else source,
        "text": row["question"],
        "label": row["answer"],
    }


def _refcoco(row: Row) -> Any:
    box = row["bbox"]
    if isinstance(box, list) and all(isinstance(value, float) for value in box):
        box = [float(str(np.float32(value))) for value in box]  # 286.76 is published as the nearest number of 32 bits
    return {"ann_id": _whole(row["question_id"]), "file_name": row["file_name"], "sentences": row["answer"], "bbox": box}


def _winoground(row: Row) -> Any:
    return _known(row) | {f"image_{i}": f"ex_{row['id']}_img_{i}" for i in (0, 1)}


def _flickr30k(row: Row) -> Any:
    name = row["filename"]
    stem = PurePosixPath(name).stem if isinstance(name, str) else name
    return {"image": stem, "captions": _paired(row["sentids"], row["caption"])}


def _coco_captions(row: Row) -> Any:
    texts = row["answer"]
    ids = [f"{row['id']}-{i}" for i in range(len(texts))] if isinstance(texts, list) else None
    return {"image": row["id"], "captions": _paired(ids, texts)}


def _paired(ids: Any, texts: Any) -> Any:
    if isinstance(ids, list) and isinstance(texts, list) and len(ids) == len(texts):
        return [[str(sentence_id), text] for sentence_id, text in zip(ids, texts, strict=True)]
    return None


_REFCOCO_COLUMNS = ("question_id", "answer", "bbox", "file_name", "image")

FORMS: Mapping[str, Form] = {
    "GQA": Form(
        repositories=("lmms-lab/GQA",),
        parts={tier: _gqa_part(tier, "balanced") for tier in ("train", "val", "testdev")}
        | {f"{tier}_{kind}": _gqa_part(tier, kind) for tier in ("train", "val", "testdev") for kind in ("balanced", "all")},
        columns=("id", "imageId", "question", "answer"),
        pictures=0,
        optional=("fullAnswer", "isBalanced", "groups", "entailed", "equivalent", "types", "semantic", "semanticStr"),
        record=_gqa,
        key="id",
    ),
    "VQAv2": Form(
        repositories=("lmms-lab/VQAv2",),
        parts={"val": _default("validation")},
        columns=("question_id", "image_id", "question", "answers", "question_type", "answer_type", "image"),
        pictures=1,
        optional=("multiple_choice_answer",),
        record=_vqa,
        key="question_id",
    ),
    "OKVQA": Form(
        repositories=("lmms-lab/OK-VQA",),
        parts={"val": _default("val2014")},
        columns=("question_id", "question", "answers", "question_type", "answer_type", "image"),
        pictures=1,
        record=_okvqa,
        key="question_id",
    ),
    "AOKVQA": Form(
        repositories=("HuggingFaceM4/A-OKVQA",),
        parts={"train": _default("train"), "val": _default("validation")},
        columns=(
            "question_id",
            "question",
            "choices",
            "correct_choice_idx",
            "direct_answers",
            "difficult_direct_answer",
            "image",
        ),
        pictures=1,
        optional=("rationales",),
        record=_aokvqa,
        key="question_id",
    ),
    "POPE": Form(
        repositories=("lmms-lab/POPE",),
        parts={split: _default("test") for split in ("random", "popular", "adversarial")},
        columns=("question_id", "question", "answer", "image_source", "category", "image"),
        pictures=1,
        record=_pope,
        key="question_id",
        keep=lambda row, split: row["category"] == split,
    ),
    "VSR": Form(
        repositories=("cambridgeltl/vsr_random", "cambridgeltl/vsr_zeroshot"),
        parts={
            split: Part("default", published, f"{split}.jsonl")
            for split, published in (("train", "train"), ("dev", "validation"), ("test", "test"))
        },
        columns=("image", "caption", "label", "relation"),
        pictures=0,
        optional=(
            *("image_link", "subj", "obj", "annotator_id"),
            *("vote_true_validator_id", "vote_false_validator_id", "reference_frame"),
        ),
        record=_known,
        note=" The repository itself says whether they are those of the random or the zero-shot split.",
    ),
    "WinoGround": Form(
        repositories=("facebook/winoground",),
        parts={"test": _default("test")},
        columns=("id", "caption_0", "caption_1", "image_0", "image_1"),
        pictures=2,
        optional=("tag", "secondary_tag", "num_main_preds", "collapsed_tag"),
        record=_winoground,
        note=(
            " facebook/winoground holds the official files and no rows: fetch it, unpack data/images.zip in data/, "
            "and pass the folder without 'hf:'."
        ),
    ),
    "RefCOCO": Form(
        repositories=("lmms-lab/RefCOCO",),
        parts={
            "lmms_val": _default("val"),
            "lmms_test": _default("test"),
            "testA": _default("testA"),
            "testB": _default("testB"),
        },
        columns=_REFCOCO_COLUMNS,
        pictures=1,
        record=_refcoco,
    ),
    "RefCOCOplus": Form(
        repositories=("lmms-lab/RefCOCOplus",),
        parts={split: _default(split) for split in ("val", "testA", "testB")},
        columns=_REFCOCO_COLUMNS,
        pictures=1,
        record=_refcoco,
    ),
    "RefCOCOg": Form(
        repositories=("lmms-lab/RefCOCOg",),
        parts={"lmms_val": _default("val"), "test": _default("test")},
        columns=_REFCOCO_COLUMNS,
        pictures=1,
        record=_refcoco,
    ),
    "Flickr30k": Form(
        repositories=("lmms-lab/flickr30k",),
        parts={"all": _default("test")},
        columns=("filename", "caption", "sentids", "image"),
        pictures=1,
        record=_flickr30k,
    ),
    "COCOCaptions": Form(
        repositories=("lmms-lab/COCO-Caption", "lmms-lab/COCO-Caption2017"),
        parts={"val2014": _default("val"), "val2017": _default("val")},
        columns=("id", "file_name", "answer", "image"),
        pictures=1,
        record=_coco_captions,
        keep=lambda row, split: str(row["file_name"]).startswith("COCO_val2014_") == (split == "val2014"),
    ),
}
"""By dataset."""
