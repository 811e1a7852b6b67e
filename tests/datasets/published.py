"""Datasets as rows, in the forms in which repositories publish them, made from samples of the official layout."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import datasets

from vispro_gym.datasets import ImageRef, Sample
from vispro_gym.datasets.retrieval import COCOCaptions, Flickr30k

Tables = dict[tuple[str, str], datasets.Dataset]
"""Rows by configuration and split."""

TEXT, WHOLE, PICTURE = datasets.Value("string"), datasets.Value("int64"), datasets.Image()
TEXTS = datasets.List(TEXT)
POINTED = datasets.List({"objectId": TEXT, "value": TEXT})
SEMANTIC = datasets.List({"operation": TEXT, "argument": TEXT, "dependencies": datasets.List(datasets.Value("int32"))})
GQA_FEATURES = {
    **dict.fromkeys(("id", "imageId", "question", "answer", "fullAnswer"), TEXT),
    "isBalanced": datasets.Value("bool"),
    "groups": {"global": TEXT, "local": TEXT},
    **dict.fromkeys(("entailed", "equivalent"), TEXT),
    "types": {"structural": TEXT, "semantic": TEXT, "detailed": TEXT},
    "annotations": {"question": POINTED, "answer": POINTED, "fullAnswer": POINTED},
    "semantic": SEMANTIC,
    "semanticStr": TEXT,
}
ANSWERS = datasets.List({"answer": TEXT, "answer_confidence": TEXT, "answer_id": WHOLE})


def picture(image: ImageRef) -> dict[str, Any]:
    """A picture as it is in a row: the very file."""
    assert image.path is not None
    return {"bytes": image.path.read_bytes(), "path": image.path.name}


def table(rows: Iterable[Mapping[str, Any]], features: Mapping[str, Any]) -> datasets.Dataset:
    """Rows with the columns that the features name."""
    rows = list(rows)
    columns = {name: [row.get(name) for row in rows] for name in features}
    return datasets.Dataset.from_dict(columns, features=datasets.Features(dict(features)))


def gqa(samples: Iterable[Sample], split: str) -> Tables:
    samples = list(samples)
    rows = []
    for sample in samples:
        record = sample.record
        lists = {key: str(record.get(key, [])) for key in ("entailed", "equivalent")}
        rows.append({**record, **lists, "id": sample.sample_id, "annotations": {"question": [], "answer": [], "fullAnswer": []}})
    images = {sample.record["imageId"]: picture(sample.images[0]) for sample in samples}
    pictures = [{"id": image_id, "image": image} for image_id, image in sorted(images.items(), reverse=True)]
    return {
        (f"{split}_balanced_instructions", split): table(rows, GQA_FEATURES),
        (f"{split}_balanced_images", split): table(pictures, {"id": TEXT, "image": PICTURE}),
    }


def vqav2(samples: Iterable[Sample], split: str) -> Tables:
    features = {
        **dict.fromkeys(("question_type", "multiple_choice_answer"), TEXT),
        "answers": ANSWERS,
        "image_id": WHOLE,
        "answer_type": TEXT,
        "question_id": WHOLE,
        "question": TEXT,
        "image": PICTURE,
    }
    return {("default", split): table(({**s.record, "image": picture(s.images[0])} for s in samples), features)}


def okvqa(samples: Iterable[Sample], split: str) -> Tables:
    features = {
        **{"question_id": TEXT, "image": PICTURE, "question": TEXT, "answers": TEXTS},
        **dict.fromkeys(("question_type", "answer_type"), TEXT),
    }
    rows = ({**s.record, "question_id": s.sample_id, "answers": list(s.target), "image": picture(s.images[0])} for s in samples)
    return {("default", split): table(rows, features)}


def aokvqa(samples: Iterable[Sample], split: str) -> Tables:
    features = {
        **{"image": PICTURE, "question_id": TEXT, "question": TEXT, "choices": TEXTS},
        **{"correct_choice_idx": datasets.Value("int8"), "direct_answers": TEXT, "rationales": TEXTS},
        "difficult_direct_answer": datasets.Value("bool"),
    }
    rows = ({**s.record, "direct_answers": str(s.record["direct_answers"]), "image": picture(s.images[0])} for s in samples)
    return {("default", split): table(rows, features)}


def pope(samples: Iterable[Sample], split: str) -> Tables:
    features = {
        **dict.fromkeys(("id", "question_id", "question", "answer", "image_source"), TEXT),
        **{"image": PICTURE, "category": TEXT},
    }
    rows = []
    for category in ("adversarial", "random"):
        for sample in samples if category == "random" else list(samples)[:3]:
            record = sample.record
            source = record["image"].removesuffix(".jpg")
            row = {"id": str(len(rows)), "question_id": str(record["question_id"]), "question": record["text"]}
            rows.append(
                row
                | {"answer": record["label"], "image_source": source, "category": category, "image": picture(sample.images[0])}
            )
    return {("default", split): table(rows, features)}


def vsr(samples: Iterable[Sample], split: str) -> Tables:
    rows = [sample.record for sample in samples]
    features = {key: WHOLE if isinstance(value, int) else TEXT for key, value in rows[0].items()}
    return {("default", split): table(rows, features)}


def refcoco(samples: Iterable[Sample], split: str) -> Tables:
    small = datasets.List(datasets.Value("float32"))
    features = {
        **{"question_id": TEXT, "image": PICTURE, "question": TEXT, "answer": TEXTS},
        **{"segmentation": small, "bbox": small, "iscrowd": datasets.Value("int8"), "file_name": TEXT},
    }
    rows: dict[int, dict[str, Any]] = {}
    for sample in samples:
        ref = sample.record["ref"]
        row = {"question_id": str(ref["ann_id"]), "question": "Where is it?", "answer": [], "segmentation": [0.5], "iscrowd": 0}
        row |= {"bbox": sample.record["annotation"]["bbox"], "file_name": ref["file_name"], "image": picture(sample.images[0])}
        rows.setdefault(ref["ref_id"], row)["answer"].append(sample.record["sentence"]["sent"])
    return {("default", split): table(rows.values(), features)}


def winoground(samples: Iterable[Sample], split: str) -> Tables:
    """From samples in the form "caption", which has each example's two pictures in turn."""
    features = {
        **{"id": datasets.Value("int32"), "image_0": PICTURE, "image_1": PICTURE},
        **dict.fromkeys(("caption_0", "caption_1", "tag", "secondary_tag"), TEXT),
        **{"num_main_preds": datasets.Value("int32"), "collapsed_tag": TEXT},
    }
    rows: dict[int, dict[str, Any]] = {}
    for sample in samples:
        part = sample.sample_id[-1]
        rows.setdefault(sample.record["id"], dict(sample.record))[f"image_{part}"] = picture(sample.images[0])
    return {("default", split): table(rows.values(), features)}


def flickr30k(dataset: Flickr30k, split: str) -> Tables:
    features = {"image": PICTURE, "caption": TEXTS, "sentids": TEXTS, "img_id": TEXT, "filename": TEXT}
    rows = []
    for i, sample in enumerate(dataset):
        own = dataset._captions(sample.sample_id, dataset._table.get(sample.sample_id), "")
        row = {"caption": [text for _, text in own], "sentids": [sentence_id for sentence_id, _ in own], "img_id": str(i)}
        rows.append(row | {"filename": f"{sample.sample_id}.jpg", "image": picture(sample.images[0])})
    return {("default", split): table(rows, features)}


def coco_captions(dataset: COCOCaptions, split: str) -> Tables:
    features = {
        **{"question_id": TEXT, "image": PICTURE, "question": TEXT, "answer": TEXTS, "id": WHOLE},
        **{"license": datasets.Value("int8"), "file_name": TEXT, "coco_url": TEXT},
        **{"height": datasets.Value("int32"), "width": datasets.Value("int32"), "date_captured": TEXT},
    }
    rows = []
    for sample in dataset:
        own = dataset._captions(sample.sample_id, dataset._table.get(sample.sample_id), "")
        assert sample.images[0].path is not None
        name = sample.images[0].path.name
        row = {"question_id": name, "file_name": name, "id": int(sample.sample_id), "image": picture(sample.images[0])}
        rows.append(row | {"answer": [text for _, text in own]})
    return {("default", split): table(rows, features)}


PUBLISHED: Mapping[str, Callable[..., Tables]] = {
    **{"GQA": gqa, "VQAv2": vqav2, "OKVQA": okvqa, "AOKVQA": aokvqa, "POPE": pope, "VSR": vsr, "WinoGround": winoground},
    **{"RefCOCO": refcoco, "RefCOCOplus": refcoco, "RefCOCOg": refcoco},
    **{"Flickr30k": flickr30k, "COCOCaptions": coco_captions},
}


def write_snapshot(root: Path, tables: Tables) -> Path:
    """Writes rows as a repository of the Hub has them: a card, and files of Parquet in two parts."""
    card = ["---", "configs:"]
    for (config, split), rows in tables.items():
        folder = "data" if config == "default" else config
        (root / folder).mkdir(parents=True, exist_ok=True)
        middle = len(rows) // 2
        for i, part in enumerate((range(middle), range(middle, len(rows)))):
            rows.select(part).to_parquet(root / folder / f"{split}-{i:05d}-of-00002.parquet")
        card += [f"- config_name: {config}", "  data_files:", f"  - split: {split}", f"    path: {folder}/{split}-*"]
    (root / "README.md").write_text("\n".join([*card, "---", ""]))
    return root


def save(root: Path, tables: Tables) -> Path:
    """Writes rows with `save_to_disk`: one configuration in the folder itself, several in folders of their names."""
    for config in {config for config, _ in tables}:
        splits = datasets.DatasetDict({split: rows for (of, split), rows in tables.items() if of == config})
        splits.save_to_disk(str(root if config == "default" else root / config))
    return root
