"""The cache: never the same question twice, never an old answer, whatever happens to the file."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from PIL import Image

from tests.perception.seeing import MeanPerception, ask, batches, picture
from vispro_gym.datasets.images import image_ref
from vispro_gym.datasets.sample import ImageRef
from vispro_gym.perception.cache import CachedPerception
from vispro_gym.perception.oracle import OraclePerception
from vispro_gym.perception.pictures import request_key
from vispro_gym.perception.protocol import Answer, BackendError, Depth, Detect, Similarity, Verify

WHOLE = (0, 0, 24, 16)


@pytest.fixture(autouse=True)
def forget_notices(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("vispro_gym.datasets.errors._said", set())
    yield


def cached(folder: Path, version: str = "1", **options: Any) -> tuple[CachedPerception, MeanPerception]:
    inner = MeanPerception(version)
    return CachedPerception(inner, folder=folder, **options), inner


@given(batches)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_results_are_those_of_the_backend_from_wherever_they_come(tmp_path_factory: pytest.TempPathFactory, batch: Any) -> None:
    operation, requests = batch
    folder = tmp_path_factory.mktemp("cache")
    expected = ask(MeanPerception(), operation, requests)
    distinct = {request_key(request): str(result).startswith("error") for request, result in zip(requests, expected, strict=True)}
    for asked in (len(distinct), sum(distinct.values())):  # from the backend, then from disk: errors are not kept
        perception, inner = cached(folder)
        assert list(map(repr, ask(perception, operation, requests))) == list(map(repr, expected))
        assert inner.asked[operation] == asked
    again = ask(perception, operation, requests)  # from memory
    assert list(map(repr, again)) == list(map(repr, expected))
    assert inner.asked[operation] == 2 * sum(distinct.values())


def test_equal_questions_are_asked_once(tmp_path: Path) -> None:
    perception, inner = cached(tmp_path)
    image, same = picture(1), picture(1, name="the same under another name")
    requests = [Detect(image, WHOLE, "cup"), Detect(same, WHOLE, "cup"), Detect(image, (0.2, 0.0, 24.4, 16.0), "cup")]
    results = perception.detect(requests)
    assert inner.asked["detect"] == 1 and results[0] == results[1] == results[2]
    assert results[0] is not results[1]  # nobody's changes reach another
    perception.detect(requests)
    assert inner.asked["detect"] == 1
    assert perception.counts == {"backend": 1, "memory": 1, "disk": 0}


@pytest.mark.parametrize(
    "other",
    [
        Detect(picture(2), WHOLE, "cup"),
        Detect(picture(1), (0, 0, 23, 16), "cup"),
        Detect(picture(1), WHOLE, "cups"),
        Answer(picture(1), WHOLE, "cup"),
    ],
    ids=["picture", "box", "text", "operation"],
)
def test_another_question_is_asked(tmp_path: Path, other: Any) -> None:
    perception, inner = cached(tmp_path)
    perception.detect([Detect(picture(1), WHOLE, "cup")])
    ask(perception, type(other).__name__.lower(), [other])
    assert inner.asked.total() == 2


def test_texts_that_join_to_the_same_are_different_questions(tmp_path: Path) -> None:
    perception, inner = cached(tmp_path)
    perception.similarity([Similarity(picture(1), WHOLE, ("ab", "c")), Similarity(picture(1), WHOLE, ("a", "bc"))])
    assert inner.asked["similarity"] == 2


def test_another_model_or_threshold_never_gets_an_old_answer(tmp_path: Path) -> None:
    requests = [Depth(picture(1), WHOLE)]
    (old,) = cached(tmp_path, "1")[0].depth(requests)
    (new,) = cached(tmp_path, "2")[0].depth(requests)
    assert [old] == MeanPerception("1").depth(requests) and [new] == MeanPerception("2").depth(requests)
    perception, inner = cached(tmp_path, "1")
    assert perception.depth(requests) == [old] and not inner.asked
    inner.version = "2"  # while it runs
    assert perception.depth(requests) == [new] and not inner.asked


def test_a_changed_picture_file_is_another_picture(tmp_path: Path) -> None:
    def ref() -> ImageRef:
        return image_ref(tmp_path / "1.png", "1", lambda: None, "required")

    perception, inner = cached(tmp_path / "cache")
    for value in (10, 200):
        Image.fromarray(np.full((16, 24, 3), value, np.uint8)).save(tmp_path / "1.png")
        os.utime(tmp_path / "1.png", ns=(value, value))
        assert perception.depth([Depth(ref(), WHOLE)]) == MeanPerception().depth([Depth(ref(), WHOLE)])
    assert inner.asked["depth"] == 2


def test_blank_pictures_of_other_proportions_are_other_pictures() -> None:
    wide, high = (ImageRef("blank", size, lambda s=size: np.zeros((s[1], s[0], 3), np.uint8)) for size in ((20, 10), (10, 20)))
    assert wide.content_hash != high.content_hash


def test_memory_is_bounded(tmp_path: Path) -> None:
    perception, inner = cached(tmp_path, memory=3, disk_mb=0)
    requests = [Depth(picture(i), WHOLE) for i in range(5)]
    assert perception.depth(requests) == MeanPerception().depth(requests)
    assert len(perception._memory) == 3
    perception.depth(requests[2:])
    assert inner.asked["depth"] == 5
    perception.depth(requests[:1])
    assert inner.asked["depth"] == 6
    assert not list(tmp_path.iterdir())


def test_without_an_identity_nothing_is_kept(tmp_path: Path) -> None:
    perception = CachedPerception(OraclePerception(), folder=tmp_path / "cache")
    (result,) = perception.detect([Detect(picture(1), WHOLE, "cup")])
    assert "answers from annotations" in str(result)
    assert perception.needs_scenes and perception.identity("detect") is None and not (tmp_path / "cache").exists()


def test_what_was_served_before_a_failure_is_kept(tmp_path: Path) -> None:
    class Failing(MeanPerception):
        down = True

        def _serve(self, operation: str, requests: Any) -> list[Any]:
            results = super()._serve(operation, requests)
            if self.down:
                raise BackendError("server down", [*results[:2], None])
            return results

    perception = CachedPerception(inner := Failing(), folder=tmp_path)
    requests = [Depth(picture(i), WHOLE) for i in range(3)]
    with pytest.raises(BackendError, match="server down"):
        perception.depth(requests)
    inner.down = False
    assert perception.depth(requests) == MeanPerception().depth(requests)
    assert inner.asked["depth"] == 3 + 1


@pytest.mark.parametrize("options", [{"memory": -1}, {"disk_mb": -0.5}])
def test_sizes_that_are_none(tmp_path: Path, options: Any) -> None:
    with pytest.raises(ValueError, match="Expected a number of at least 0"):
        CachedPerception(MeanPerception(), folder=tmp_path, **options)


def test_a_folder_that_cannot_be_used_costs_the_disk_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    perception, inner = cached(tmp_path / "file" / "cache")
    requests = [Depth(picture(1), WHOLE)]
    assert perception.depth(requests) == perception.depth(requests) == MeanPerception().depth(requests)
    assert inner.asked["depth"] == 1
    assert "cannot be used" in caplog.text and "kept in memory only" in caplog.text


def test_many_threads(tmp_path: Path) -> None:
    perception, _ = cached(tmp_path, memory=10)
    requests = [Depth(picture(i % 7), (0, 0, 1 + i % 20, 1 + i % 13)) for i in range(200)]
    expected = MeanPerception().depth(requests)
    wrong: list[int] = []

    def work(start: int) -> None:
        for i in range(start, 200, 3):
            if perception.depth([requests[i]]) != [expected[i]]:
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(start,)) for start in (0, 1, 2, 0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_file_that_cannot_be_given_up_costs_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "results-v1-1.sqlite").write_bytes(b"not a database")

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError("not yours")

    monkeypatch.setattr(Path, "unlink", refuse)
    perception, inner = cached(tmp_path)
    requests = [Depth(picture(1), WHOLE)]
    assert perception.depth(requests) == perception.depth(requests) == MeanPerception().depth(requests)
    assert inner.asked["depth"] == 1


@pytest.mark.parametrize(
    ("operation", "result"),
    [
        ("detect", ["here"]), ("detect", [(1, 2, 3)]), ("detect", [(0.0, 0.0, float("nan"), 1.0)]), ("detect", 5),
        ("verify", "no"), ("answer", 3), ("similarity", "abc"), ("depth", "far"),
    ],
)  # fmt: skip
def test_results_of_no_known_form_are_named(tmp_path: Path, operation: str, result: Any) -> None:
    class Wrong(MeanPerception):
        def _look(self, *_: Any) -> Any:
            return result

    requests = {
        "detect": Detect(picture(1), WHOLE, "a"), "verify": Verify(picture(1), WHOLE, "a", "b"),
        "answer": Answer(picture(1), WHOLE, "a"), "similarity": Similarity(picture(1), WHOLE, ("a",)),
        "depth": Depth(picture(1), WHOLE),
    }  # fmt: skip
    with pytest.raises(TypeError, match=f"perception 'mean' answered '{operation}' with .* Expected a"):
        getattr(CachedPerception(Wrong(), folder=tmp_path), operation)([requests[operation]])


def test_what_is_no_backend(tmp_path: Path) -> None:
    class Half:
        name = "half"

        def detect(self, requests: Any) -> Any: ...

    for value in ("pixels", Half(), MeanPerception):
        with pytest.raises(TypeError, match="is no perception backend: it lacks"):
            CachedPerception(value, folder=tmp_path)  # type: ignore[arg-type]
