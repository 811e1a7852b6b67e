from __future__ import annotations

import json
import math
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vispro_gym.datasets import Dataset, DatasetError, open_dataset
from vispro_gym.datasets.errors import MissingDataError
from vispro_gym.datasets.index import Builder, open_index
from vispro_gym.datasets.selection import read_ids, select_where
from vispro_gym.datasets.tables import Table

FIELDS = ("kind", "length", "mixed")
TEXTS = st.sampled_from(["a", "b", "A", "ä", "", "3", "a'\"; --", "a\0b"])
NUMBERS = st.sampled_from([-1, 0, 1, 3, 3.5, 1e300, (1 << 63) - 1, -(1 << 63)])
ROWS = st.lists(
    st.fixed_dictionaries({}, optional={"kind": TEXTS, "length": NUMBERS, "mixed": TEXTS | NUMBERS | st.none()}), max_size=12
)
BOUNDS = NUMBERS | st.sampled_from([1 << 63, -(10**30), 10**400, -(10**400), math.inf, -math.inf, 0.5])
OPTIONS = TEXTS | BOUNDS | st.booleans() | st.just("no such text")
WANTED = st.dictionaries(
    st.sampled_from(FIELDS),
    OPTIONS
    | st.lists(OPTIONS, min_size=1, max_size=4)
    | st.fixed_dictionaries({"min": BOUNDS}, optional={"max": BOUNDS})
    | st.fixed_dictionaries({"max": BOUNDS}),
)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VISPRO_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


def table_of(rows: list[dict[str, Any]], folder: Path) -> Table:
    """A table of samples with these fields."""
    source = folder / "rows.json"
    source.write_text(json.dumps(rows))

    def build(builder: Builder) -> None:
        add = builder.table("samples", FIELDS)
        for i, row in enumerate(rows):
            add(str(i), {}, None, row)

    # named by the rows: two files may be of the same size and time
    return open_index(f"rows {abs(hash(repr(rows)))}", folder, [source], build).table("samples")


def wants(row: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """The filter, in Python."""
    for field, value in wanted.items():
        found = row.get(field)
        if isinstance(value, dict):
            if not isinstance(found, int | float) or not value.get("min", -math.inf) <= found <= value.get("max", math.inf):
                return False
        elif found is None or found not in (value if isinstance(value, list) else [value]):
            return False
    return True


@settings(deadline=None, max_examples=150)
@example([{"mixed": 1e300}, {"mixed": 2.0**63}, {"mixed": 5}], {"mixed": {"max": 2**63}})
@example([{"mixed": 1e300}, {"mixed": 2.0**63}, {"mixed": 5}], {"mixed": {"min": 2**63 + 1}})
@example([{"mixed": math.inf}, {"mixed": sys.float_info.max}], {"mixed": {"max": 10**400}})
@example([{"mixed": math.inf}, {"mixed": sys.float_info.max}], {"mixed": {"min": -(10**400)}})
@example([{"mixed": math.inf}, {"mixed": 2.0**63}], {"mixed": [10**400, 2**63]})
@given(ROWS, WANTED)
def test_a_filter_keeps_what_a_filter_in_python_keeps(folder: Path, rows: list[dict[str, Any]], wanted: dict[str, Any]) -> None:
    found = select_where(table_of(rows, folder), wanted, FIELDS, "Data").tolist()
    assert found == [i for i, row in enumerate(rows) if wants(row, wanted)]


def test_a_filter_may_name_more_values_than_a_query_holds(folder: Path) -> None:
    table = table_of([{"kind": str(i), "length": i} for i in range(2_000)], folder)
    options = [str(2 * i) for i in range(260_000)]
    assert select_where(table, {"kind": options}, FIELDS, "Data").tolist() == list(range(0, 2_000, 2))
    assert select_where(table, {"kind": options, "length": {"min": 1_990}}, FIELDS, "Data").tolist() == [
        1990,
        1992,
        1994,
        1996,
        1998,
    ]


BAD_FILTERS: list[tuple[Any, str]] = [
    ("kind", r"filter='kind' is no filter\. Expected a dict by field, such as \{'kind': \.\.\.\}"),
    ([("kind", "a")], "is no filter"),
    (3, "filter=3 is no filter"),
    ({"colour": "red"}, r"filter has the field 'colour', which Data has not\. Expected some of: kind, length, mixed"),
    ({3: "red"}, "filter has the field 3"),
    ({'kind" OR 1 --': "red"}, "filter has the field"),
    ({"position": 3}, "filter has the field 'position'"),
    *(({"kind": value}, r"filter\['kind'\] is .*Expected a text, a number, or a list of these") for value in
      [None, [], (), ["a", None], [["a"]], {"a"}, object(), b"a", math.nan, "\ud800", ["a", "\udfff"]]),
    *(({"length": value}, r"filter\['length'\] is .*Expected numbers under 'min', 'max' or both") for value in
      [{}, {"min": None}, {"min": "3"}, {"low": 3}, {"min": 1, "step": 2}, {"max": True}, {"min": math.nan}, {3: 4}]),
]  # fmt: skip


@pytest.mark.parametrize(("wanted", "message"), BAD_FILTERS)
def test_wrong_filters(folder: Path, wanted: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        select_where(table_of([{"kind": "a"}], folder), wanted, FIELDS, "Data")


# Parts of a dataset

COUNTS = {"query": 40, "verify": 12, "choose": 3}


def question(i: int, kind: str, equivalent: list[str]) -> dict[str, Any]:
    types = {"structural": kind, "semantic": "obj", "detailed": kind}
    semantic = [{"operation": "select", "dependencies": [], "argument": "cup"}] * (i % 5 + 1)
    return {"question": "?", "answer": "yes", "imageId": "1", "types": types, "semantic": semantic, "equivalent": equivalent}


def write_questions(root: Path, equivalent: dict[str, list[str]], split: str = "val") -> dict[str, dict[str, Any]]:
    kinds = [kind for kind, count in COUNTS.items() for _ in range(count)]
    records = {f"{i * 37 % 55:03}": question(i, kinds[i * 37 % 55], equivalent.get(f"{i * 37 % 55:03}", [])) for i in range(55)}
    (root / "questions").mkdir(parents=True, exist_ok=True)
    (root / "questions" / f"{split}_questions.json").write_text(json.dumps(records))
    return records


IDS = st.integers(0, 54).map("{:03}".format)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Groups of questions are equivalent; some say so of each other, some only on one side."""
    root = tmp_path_factory.mktemp("GQA")
    groups = [["000", "001", "002"], ["010", "020", "030"], ["041", "042"], ["005", "045"]]
    equivalent = {item: group for group in groups for item in group}
    write_questions(
        root, equivalent | {"007": ["007", "008"], "011": ["012"], "050": ["003"], "004": ["051", "no such question"]}
    )
    return root


def opened(root: Path, **options: Any) -> Dataset:
    dataset = open_dataset("GQA", root, "val", images="optional")
    dataset.restrict(**options)
    return dataset


def ids(root: Path, **options: Any) -> list[str]:
    return list(opened(root, **options).sample_ids)


@pytest.mark.parametrize("k", [1, 2, 3, 10, 1000])
def test_so_many_of_each_type(root: Path, k: int) -> None:
    subset = ids(root, subset=f"{k}_per_type")
    assert subset == ids(root, subset=f"{k}_per_type"), "the same ones always"
    assert subset == [sample_id for sample_id in opened(root).sample_ids if sample_id in subset], "in file order"
    dataset = opened(root, subset=f"{k}_per_type")
    kinds = Counter(sample.fields["detailed"] for sample in dataset)
    assert kinds.keys() == COUNTS.keys()
    assert all(count <= min(k, COUNTS[str(kind)]) for kind, count in kinds.items())
    if k <= 3:
        assert set(kinds.values()) == {k}
    for sample in dataset:
        others = set(sample.record["equivalent"]) - {sample.sample_id}
        assert others.isdisjoint(subset), "of what is equivalent there is one"


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(IDS, st.lists(IDS, max_size=4), max_size=30), st.integers(1, 12), st.data())
def test_a_subset_never_holds_two_that_are_equivalent(
    tmp_path_factory: pytest.TempPathFactory, equivalent: dict[str, list[str]], k: int, data: st.DataObject
) -> None:
    root = tmp_path_factory.mktemp("GQA")
    write_questions(root, equivalent)
    dataset = opened(root, subset=f"{k}_per_type")
    subset = list(dataset.sample_ids)
    for sample in dataset:
        assert (set(sample.record["equivalent"]) - {sample.sample_id}).isdisjoint(subset)
    kinds = Counter(sample.fields["detailed"] for sample in dataset)
    assert max(kinds.values()) <= k
    # nobody is left out without a reason: the type is full, or somebody equivalent is in
    records = {sample.sample_id: sample for sample in opened(root)}
    for sample_id in records.keys() - set(subset):
        sample = records[sample_id]
        linked = set(sample.record["equivalent"]) | {key for key in subset if sample_id in records[key].record["equivalent"]}
        assert kinds[sample.fields["detailed"]] == k or not linked.isdisjoint(subset)


def test_a_subset_depends_on_nothing_but_what_it_is_drawn_from(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    (copy / "questions").mkdir(parents=True)
    content = (root / "questions" / "val_questions.json").read_bytes()
    (copy / "questions" / "val_questions.json").write_bytes(content)
    assert ids(copy, subset="5_per_type") == ids(root, subset="5_per_type")
    assert ids(root, subset="5_per_type") != sorted(ids(root))[:15]


@pytest.mark.parametrize(
    "subset",
    [
        "10",
        "per_type",
        "0_per_type",
        "-1_per_type",
        "1.5_per_type",
        "10_per_type ",
        "9999999999_per_type",
        "",
        10,
        ["1_per_type"],
        "١_per_type",
    ],
)
def test_wrong_subsets(root: Path, subset: Any) -> None:
    with pytest.raises(ValueError, match=r"subset=.* is unknown\. Expected a number of samples per type, such as '10_per_type'"):
        ids(root, subset=subset)


def test_restrictions_compose(root: Path, tmp_path: Path) -> None:
    everything = ids(root)
    (tmp_path / "ids.txt").write_text("\n".join(everything[::2]))
    by_filter = ids(root, filter={"structural": ["query", "choose"], "program_length": {"min": 2}})
    dataset = opened(root, filter={"structural": ["query", "choose"]})
    dataset.restrict(filter={"program_length": {"min": 2}})
    assert dataset.sample_ids == by_filter and 0 < len(by_filter) < len(everything)
    dataset.restrict(ids=tmp_path / "ids.txt")
    assert dataset.sample_ids == [sample_id for sample_id in by_filter if sample_id in everything[::2]]
    assert dataset.sample_ids == ids(
        root, ids=tmp_path / "ids.txt", filter={"structural": ["query", "choose"], "program_length": {"min": 2}}
    )
    left = set(dataset.sample_ids)
    dataset.restrict(subset="2_per_type")
    assert set(dataset.sample_ids) < left and set(Counter(s.fields["detailed"] for s in dataset)) == {"query", "choose"}
    for position, sample_id in enumerate(dataset.sample_ids):
        assert dataset.position(sample_id) == position and dataset[position].sample_id == sample_id
    (dropped, *_) = set(everything) - set(dataset.sample_ids)
    with pytest.raises(DatasetError, match=rf"has no sample '{dropped}'"):
        dataset.position(dropped)
    before = list(dataset.sample_ids)
    dataset.restrict()
    dataset.restrict(filter={})
    assert dataset.sample_ids == before


def test_nothing_left(root: Path) -> None:
    for wanted in (
        {"structural": "none of these"},
        {"structural": {"min": 0}},
        {"program_length": {"max": 0}},
        {"program_length": "3"},
    ):
        field = next(iter(wanted))
        message = rf"Of GQA val no sample is left with filter=.*Expected at least one\. Values of '{field}': .+\."
        with pytest.raises(DatasetError, match=message):
            ids(root, filter=wanted)
    with pytest.raises(DatasetError, match=r"Values of 'structural': 'choose', .+\. Values of 'detailed': 'choose', .+\."):
        ids(root, filter={"structural": "query", "detailed": "choose"})


LISTS = {
    "lines": "003\n001\n\n  002  \n",
    "Windows lines": "003\r\n001\r\n002\r\n",
    "byte order mark": "\ufeff003\n001\n002",
    "JSON": '["003", "001", "002", "001"]',
    "JSON over lines": ' [\n "003",\n "001", "002"\n]\n',
}


@pytest.mark.parametrize("name", LISTS)
def test_files_of_ids(root: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / "ids"
    path.write_text(LISTS[name], encoding="utf-8", newline="")
    everything = ids(root)
    assert ids(root, ids=path) == ids(root, ids=str(path)) == sorted(["001", "002", "003"], key=everything.index), "in file order"


def test_numbers_are_ids_too(tmp_path: Path) -> None:
    (tmp_path / "ids").write_text('[12, "013", -1]')
    assert read_ids(tmp_path / "ids") == ["12", "013", "-1"]


def test_ids_in_a_list(root: Path) -> None:
    everything = ids(root)
    assert ids(root, ids=["003", "001"]) == ids(root, ids=("001", "003")) == sorted(["001", "003"], key=everything.index)
    with pytest.raises(DatasetError, match="ids names 1 samples that GQA val has not, such as '999'"):
        ids(root, ids=["001", "999"])
    for wrong in ([], [1], {"001"}, 5):
        with pytest.raises(ValueError, match=r"ids=.* names no samples\. Expected a list of sample ids, as texts, or the path"):
            ids(root, ids=wrong)


BAD_LISTS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "holds no list of ids"),
    "spaces": (b" \n ", "holds no list of ids"),
    "an empty list": (b"[]", "holds no list of ids"),
    "a list of other things": (b'["001", null]', "holds no list of ids"),
    "a list of booleans": (b"[true]", "holds no list of ids"),
    "fractions": (b"[1.5]", "holds no list of ids"),
    "a list that is cut short": (b'["001", ', "cannot be read"),
    "not text": (b"\xff\xfe", "cannot be read"),
    "nested too deeply": (b"[" * 100_000, "cannot be read"),
}


@pytest.mark.parametrize("name", BAD_LISTS)
def test_damaged_files_of_ids(root: Path, tmp_path: Path, name: str) -> None:
    content, message = BAD_LISTS[name]
    (tmp_path / "ids").write_bytes(content)
    with pytest.raises(DatasetError, match=rf"(?s)ids {message}.*Expected a JSON list of sample ids, or one sample id per line"):
        ids(root, ids=tmp_path / "ids")


def test_ids_that_there_are_not(root: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "none", Path("~no such user/ids"), tmp_path):
        with pytest.raises(DatasetError, match="Expected a JSON list of sample ids") as error:
            ids(root, ids=path)
        assert isinstance(error.value, MissingDataError) == (path == tmp_path / "none")
    (tmp_path / "ids").write_text('["001", "1", "no such id", "\\ud800"]')
    with pytest.raises(DatasetError, match=r"ids names 3 samples that GQA val has not, such as '1'\. Expected ids such as '0"):
        ids(root, ids=tmp_path / "ids")
