"""A small indexed file, for the tests of indexes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vispro_gym.datasets.index import Builder, open_index
from vispro_gym.datasets.json_stream import scan_object
from vispro_gym.datasets.tables import Index

RECORDS = {f"{i:04}": {"name": f"näme {i}", "size": i % 7, "more": ["x" * (i % 50)]} for i in range(500)}
NAME = "Data-val-form"


def fill(builder: Builder, source: Path) -> None:
    add = builder.table("samples", ("size", "annotated"), unique="record id")
    other = builder.table("names")
    for record in scan_object(source, "records"):
        add(record.key, record, source, {"size": record.value["size"], "annotated": int(record.value["size"] < 5)})
        other(f"size {record.value['size']}", [record.key])


def opened(source: Path, name: str = NAME, root: Path | None = None) -> Index:
    return open_index(name, root or source.parent, [source], lambda builder: fill(builder, source))


def contents(index: Index) -> dict[str, Any]:
    table = index.table("samples")
    return dict(table.item(i) for i in range(len(table)))


def files(cache: Path, ending: str = "") -> list[str]:
    return sorted(path.name for path in (cache / "index").glob(f"*/{NAME}-*{ending}"))
