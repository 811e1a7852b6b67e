from __future__ import annotations

import doctest
import gzip
import json
import math
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_gym.datasets.errors import DatasetError, MissingDataError
from vispro_gym.rewards import captioning
from vispro_gym.rewards.captioning import DocumentFrequencies, cider_d, tokenize

texts = st.lists(st.sampled_from("a b c d".split()), max_size=7).map(" ".join)
corpora = st.lists(st.tuples(texts, st.lists(texts, min_size=1, max_size=3)), min_size=1, max_size=5)


def official(captions: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    scorer = pytest.importorskip("pycocoevalcap.cider.cider_scorer", reason="needs pycocoevalcap").CiderScorer()
    for caption, some in zip(captions, references, strict=True):
        scorer += (caption, list(some))
    scorer.compute_doc_freq()
    return [float(score) for score in scorer.compute_cider()]


def real_captions(realdata: Path) -> tuple[list[list[str]], list[str]]:
    """The references of each picture, and captions that a model wrote."""
    pictures: dict[int, list[str]] = {}
    for name in ("captions_tiny.json", "captions_train_tiny.json"):
        for annotation in json.loads((realdata / "coco" / "annotations" / name).read_text())["annotations"]:
            pictures.setdefault(annotation["image_id"], []).append(annotation["caption"])
    results = json.loads((realdata / "coco" / "results" / "captions_val2014_fakecap_results.json").read_text())
    return list(pictures.values()), [result["caption"] for result in results]


def test_documentation() -> None:
    results = doctest.testmod(captioning)
    assert (results.failed, results.attempted) == (0, 5)


def test_by_hand() -> None:
    frequencies = DocumentFrequencies.of([["a b", "a c"], ["a d"], ["e d"]])
    assert frequencies == DocumentFrequencies(3, {"a": 2, "d": 2})  # once per picture, and not those of one picture
    # "a b" of "a b", "a c": words weigh a = ln 3/2, b = c = ln 3; of bigrams one of two references has it
    a, b = math.log(3 / 2), math.log(3)
    words = (1 + a * a / (a * a + b * b)) / 2
    assert cider_d(["a b"], [["a b", "a c"]], frequencies) == pytest.approx([10 * (words + 1 / 2) / 4])
    # clipping: of four times the word one counts, and the vector is four times as long; 0 and 3 bigrams differ by 3
    repeated = 1 / 4 * math.exp(-(3**2) / (2 * 6**2))
    assert cider_d(["b b b b"], [["b"]], DocumentFrequencies(7, {})) == pytest.approx([10 * repeated / 4])


def test_no_gain_from_repeating() -> None:
    flat = DocumentFrequencies(7, {})
    values = cider_d(["x y z w", "x y z w x y z w", "x x x x", "x y z"], [["x y z w"]] * 4, flat).tolist()
    assert values[0] == pytest.approx(10)
    assert max(values[1:]) < 9 and values[2] < values[3]


def test_nothing_said() -> None:
    frequencies = DocumentFrequencies.of([["a red cube"], ["a ball"]])
    assert (
        cider_d(["", "  ", "unheard of", "a"], [["a red cube"], [""], ["a ball"], ["a ball"]], frequencies).tolist() == [0.0] * 4
    )
    assert cider_d([], [], frequencies).shape == (0,)
    # a lone picture tells no words apart
    assert cider_d(["a ball"], [["a ball"]], DocumentFrequencies.of([["a ball"]])).tolist() == [0.0]


@given(corpora)
def test_against_pycocoevalcap(corpus: list[tuple[str, list[str]]]) -> None:
    captions, references = [caption for caption, _ in corpus], [some for _, some in corpus]
    frequencies = DocumentFrequencies.of(references)
    values = cider_d(captions, references, frequencies)
    # and so, with as many captions as there are documents, for every one
    assert values == pytest.approx(official(captions, references), abs=1e-9)
    assert values.tolist() == [cider_d([c], [r], frequencies)[0] for c, r in corpus]
    assert cider_d(captions, [some[::-1] for some in references], frequencies) == pytest.approx(values)
    assert (values >= 0).all() and (values <= 10 + 1e-9).all()


def test_real_captions_against_pycocoevalcap(realdata: Path) -> None:
    pictures, written = real_captions(realdata)
    references = [[" ".join(tokenize(text)) for text in some] for some in pictures]
    others = [" ".join(tokenize(text)) for text in written[: len(references)]]
    first = [some[0] for some in references]
    frequencies = DocumentFrequencies.of(references)
    for captions in (first, first[::-1], others):
        assert cider_d(captions, references, frequencies) == pytest.approx(official(captions, references), abs=1e-9)
    assert cider_d(first, references, frequencies).min() > 1
    many = [[text] for text in (" ".join(tokenize(text)) for text in written)]
    captions = [some[0] for some in many[1:] + many[:1]]
    assert cider_d(captions, many, DocumentFrequencies.of(many)) == pytest.approx(official(captions, many), abs=1e-9)


@pytest.mark.parametrize(
    ("caption", "words"),
    [
        ("A man's t-shirt doesn't fit.", "a man 's t-shirt does n't fit"),
        ("Two dogs' bowls", "two dogs bowls"),
        ("5 o'clock at 12:30, $5 50% #1, 1,000 or 3.5", "5 o'clock at 12:30 $ 5 50 % # 1 1,000 or 3.5"),
        ("a sign (red) & \"quoted\" 'text'", "a sign -lrb- red -rrb- & quoted text"),
        ("mr. Smith of the U.S. army, etc.", "mr. smith of the u.s. army etc."),
        ("can't won't cannot I'm they've", "ca n't wo n't can not i 'm they 've"),
        ("hello...world -- cats/dogs;a", "hello world cats/dogs a"),
        ("café “don’t” – naïve…", "café do n't naïve"),
        ("", ""),
        (" .,!?\n ", ""),
    ],
)
def test_tokenize(caption: str, words: str) -> None:
    assert tokenize(caption) == words.split()  # the words are what the PTB tokenizer makes of these


@given(st.text())
def test_tokens_are_words(text: str) -> None:
    words = tokenize(text)
    assert all(word and word.split() == [word] for word in words)
    assert " ".join(words).split() == words


def test_tokenize_against_ptb(realdata: Path) -> None:
    if shutil.which("java") is None:
        pytest.skip("the PTB tokenizer needs java")
    tokenizer = pytest.importorskip("pycocoevalcap.tokenizer.ptbtokenizer", reason="needs pycocoevalcap").PTBTokenizer()
    pictures, captions = real_captions(realdata)
    captions += [text for some in pictures for text in some]
    expected = tokenizer.tokenize({i: [{"caption": caption}] for i, caption in enumerate(captions)})
    assert {i: [" ".join(tokenize(caption))] for i, caption in enumerate(captions)} == expected
    assert len(expected) > 1000


@given(corpora)
def test_frequencies_count_pictures(corpus: list[tuple[str, list[str]]]) -> None:
    references = [some for _, some in corpus]
    frequencies = DocumentFrequencies.of(iter(references))
    assert frequencies.documents == len(references)
    for ngram in ("a", "b c", "a a b", "d c b a"):
        count = sum(any(f" {ngram} " in f" {text} " for text in some) for some in references)
        assert frequencies.counts.get(ngram, 0) == (count if count > 1 else 0)


def test_file_round_trip(tmp_path: Path) -> None:
    frequencies = DocumentFrequencies(3, {"ein müder hund": 2, "a": 3})
    path = tmp_path / "frequencies.json.gz"
    frequencies.save(path)
    before = path.read_bytes()
    frequencies.save(path)
    assert path.read_bytes() == before
    assert DocumentFrequencies.load(path) == frequencies
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_writing_fails_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "frequencies.json.gz"
    DocumentFrequencies(2, {"a": 2}).save(path)

    def fail(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("vispro_gym.rewards.captioning.os.replace", fail)
    with pytest.raises(OSError, match="no space left"):
        DocumentFrequencies(3, {}).save(path)
    assert DocumentFrequencies.load(path).documents == 2
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"none",
        gzip.compress(b'{"documents": 1, "counts": {}}', mtime=0)[:-9],
        gzip.compress(b"{", mtime=0),
        gzip.compress(b"\xff", mtime=0),
        gzip.compress(b"[]", mtime=0),
        gzip.compress(b"1", mtime=0),
        gzip.compress(b"{}", mtime=0),
        gzip.compress(b'{"documents": 1, "counts": []}', mtime=0),
        gzip.compress(b'{"documents": 0, "counts": {}}', mtime=0),
        gzip.compress(b'{"documents": "1", "counts": {}}', mtime=0),
        gzip.compress(b'{"documents": true, "counts": {}}', mtime=0),
        gzip.compress(b'{"documents": 3, "counts": {"a": 4}}', mtime=0),
        gzip.compress(b'{"documents": 3, "counts": {"a": 1.5}}', mtime=0),
        gzip.compress(b'{"documents": 3, "counts": {"a": null}}', mtime=0),
        gzip.compress(b"[" * 100_000, mtime=0),
        gzip.compress(b'{"documents": 3, "counts": {}}', mtime=0)[:10] + b"\x07" * 30,
    ],
)
def test_damaged_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "frequencies.json.gz"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"frequencies\.json\.gz is damaged.*Expected the document frequencies"):
        DocumentFrequencies.load(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"none\.gz is missing. Expected"):
        DocumentFrequencies.load(tmp_path / "none.gz")
    with pytest.raises(DatasetError, match="cannot be read"):
        DocumentFrequencies.load(tmp_path)


def test_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISPRO_CACHE", str(tmp_path / "cache"))
    made = []

    def make() -> Iterable[Sequence[str]]:
        made.append(1)
        yield from (["a b"], ["a"])

    expected = DocumentFrequencies(2, {"a": 2})
    assert DocumentFrequencies.cached("coco-2017.1", make) == DocumentFrequencies.cached("coco-2017.1", make) == expected
    assert len(made) == 1
    assert DocumentFrequencies.cached("other", lambda: [["b"]]) == DocumentFrequencies(1, {})
    (path,) = (file for file in (tmp_path / "cache").rglob("*") if "coco-2017.1" in file.name)
    path.write_bytes(b"")
    with pytest.raises(DatasetError, match="coco-2017.1.*Delete it"):
        DocumentFrequencies.cached("coco-2017.1", make)
    for key in ("", "../x", "a b", "a/b", "ä"):
        with pytest.raises(ValueError, match="Expected letters, digits"):
            DocumentFrequencies.cached(key, make)
    (tmp_path / "file").touch()
    monkeypatch.setenv("VISPRO_CACHE", str(tmp_path / "file"))
    with pytest.raises(DatasetError, match="cannot be written.*VISPRO_CACHE"):
        DocumentFrequencies.cached("coco", make)


def test_bad_arguments() -> None:
    frequencies = DocumentFrequencies(2, {})
    with pytest.raises(ValueError, match="1 captions, references for 2 pictures"):
        cider_d(["a"], [["a"], ["b"]], frequencies)
    with pytest.raises(ValueError, match=r"picture 1 has the references \[\]"):
        cider_d(["a", "a"], [["a"], []], frequencies)
    with pytest.raises(ValueError, match="picture 0 has the references 'a'"):
        cider_d(["a"], ["a"], frequencies)
    with pytest.raises(ValueError, match="There are no references"):
        DocumentFrequencies.of([])
