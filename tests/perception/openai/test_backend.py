"""The OpenAI-compatible backend against a real server that looks at pictures, and misbehaves when told to."""

from __future__ import annotations

import asyncio
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from tests.endpoint_process import EndpointServer, begin, serving
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.sample import ImageRef
from vispro_gym.datasets.scene import Box
from vispro_gym.perception.openai import OpenAIPerception
from vispro_gym.perception.protocol import (
    Answer,
    BackendError,
    Depth,
    Detect,
    PerceptionError,
    Relate,
    Similarity,
    Verify,
    identity,
)

for library in ("openai", "fastapi", "uvicorn"):
    pytest.importorskip(library, reason=f"the library {library} is not installed")

WIDTH, HEIGHT = 200, 100
WHOLE = (0, 0, WIDTH, HEIGHT)
RED: Box = (20, 30, 60, 80)
BLUE: Box = (120, 10, 150, 40)
KEY = "sk-very-secret"


def _paint() -> Any:
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[30:80, 20:60] = (220, 20, 20)
    pixels[10:40, 120:150] = (20, 20, 220)
    return pixels


PICTURE = ImageRef("squares", (WIDTH, HEIGHT), _paint)


@pytest.fixture(scope="session")
def process() -> Iterator[EndpointServer]:
    with serving("tests.perception.openai.vision_server") as server:
        yield server


@pytest.fixture
def server(process: EndpointServer, monkeypatch: pytest.MonkeyPatch) -> EndpointServer:
    return begin(process, monkeypatch)


@pytest.fixture
def make(server: EndpointServer) -> Callable[..., OpenAIPerception]:
    def make(model: str = "looker", base_url: str | None = None, **options: Any) -> OpenAIPerception:
        return OpenAIPerception(model, base_url or f"{server.root}/v1", **({"retries": 1, "timeout": 20.0} | options))

    return make


def ask(question: str, box: Box = WHOLE) -> Answer:
    return Answer(PICTURE, box, question)


def refused_by(message: str, run: Callable[[], Any]) -> BackendError:
    with pytest.raises(BackendError, match=message) as caught:
        run()
    assert KEY not in "".join(map(str, [caught.value, caught.value.__cause__, caught.value.__context__]))
    return caught.value


# What it sees


def test_many_answers_come_in_order_and_no_more_are_under_way_than_allowed(server, make) -> None:
    server.tell(delay=0.02)
    boxes = [(0, 0, 40 + i, 40 + i % 50) for i in range(60)]
    results = make(concurrency=5).answer([ask("How large is it?", box) for box in boxes])
    assert results == [f"{box[2]}x{box[3]}" for box in boxes]
    assert server.seen["most"] == 5


def test_equal_requests_are_asked_once(server, make) -> None:
    copy = ImageRef("another name", (WIDTH, HEIGHT), _paint)
    requests = [ask("What colour?", RED), Answer(copy, (20.2, 29.9, 60, 80), "What colour?"), ask("What colour?", BLUE)]
    assert make().answer(requests) == ["Red", "Red", "Blue"]
    assert len(server.seen["sent"]) == 2


@pytest.mark.parametrize("units", ["pixels", "thousandths"])
def test_boxes_are_in_coordinates_of_the_picture(make, units: str) -> None:
    boxes = make(box_units=units).detect(
        [
            Detect(PICTURE, WHOLE, "red"),
            Detect(PICTURE, (40, 20, 140, 100), "red"),
            Detect(PICTURE, (40, 20, 140, 100), "blue"),
            Detect(PICTURE, WHOLE, "green"),
            Detect(PICTURE, (58, 40, 63, 45), "red"),  # smaller than what models take
            Detect(PICTURE, (10, 79, 190, 80), "red"),
        ]
    )
    expected = [[RED], [(40, 30, 60, 80)], [(120, 20, 140, 40)], [], [(58, 40, 60, 45)], [(20, 79, 60, 80)]]
    assert [[pytest.approx(box) for box in found] for found in boxes] == expected


def test_each_picture_is_read_once(server, make) -> None:
    read: list[int] = []

    def picture(i: int) -> ImageRef:
        return ImageRef(str(i), (50, 40), lambda: read.append(i) or np.full((40, 50, 3), i, np.uint8))

    pictures = [picture(i) for i in range(4)]
    boxes = [(0, 0, 40, 40), (0, 0, 47, 40)]
    requests = [Answer(image, box, f"How large? {j}") for j in range(2) for box in boxes for image in pictures]
    assert len({image.content_hash for image in pictures}) == 4
    read.clear()
    assert make(concurrency=3).answer(requests) == [f"{request.box[2]}x40" for request in requests]
    assert sorted(read) == [0, 1, 2, 3]


def test_small_and_thin_parts_are_sent_on_a_larger_canvas(server, make) -> None:
    wide = ImageRef("wide", (5000, 1), lambda: np.zeros((1, 5000, 3), np.uint8))
    make(concurrency=1).answer([ask("What colour?", (0, 0, 1, 1)), Answer(wide, (0, 0, 5000, 1), "What?"), ask("What?")])
    assert sorted(sent["size"] for sent in server.seen["sent"]) == [[32, 32], [WIDTH, HEIGHT], [5000, 50]]


def test_a_box_outside_the_part_is_not_found(server, make) -> None:
    server.tell({"text": "[[900, 900, 990, 990], [0, 0, 500, 100]]"})  # the first is all in the margin of a part of 10 by 10
    assert make().detect([Detect(PICTURE, (20, 30, 30, 40), "thing")]) == [[(20.0, 30.0, 30.0, pytest.approx(33.2))]]


def test_verify_and_relate_are_made_of_answers_and_boxes(server, make) -> None:
    backend = make()
    assert backend.verify([Verify(PICTURE, RED, "", "red"), Verify(PICTURE, RED, "", "blue")]) == [False, False]
    server.tell({"has": "thing in the picture red", "text": "Yes, it is."}, {"has": "thing in the picture blue", "text": "no"})
    assert backend.verify([Verify(PICTURE, RED, "", "red"), Verify(PICTURE, RED, "", "blue")]) == [True, False]
    related = [Relate(PICTURE, RED, "to the right of", "blue", "subject"), Relate(PICTURE, RED, "left of", "blue", "subject")]
    assert backend.relate(related) == [[pytest.approx(BLUE)], []]
    server.tell({"has": "Is the blue touching the Red?", "text": "yes"})
    assert backend.relate([Relate(PICTURE, RED, "touching", "blue", "subject")]) == [[pytest.approx(BLUE)]]


def test_what_it_lacks_names_what_helps(make) -> None:
    for results in (make().similarity([Similarity(PICTURE, WHOLE, ("a", "b"))]), make().depth([Depth(PICTURE, WHOLE)])):
        assert isinstance(results[0], PerceptionError) and "composed(openai(" in str(results[0])


def test_it_serves_inside_a_running_loop(make) -> None:
    async def notebook() -> list[Any]:
        return make().answer([ask("What colour?", RED)])

    assert asyncio.run(notebook()) == ["Red"]


def test_it_serves_after_a_fork_and_a_trip_through_pickle(server) -> None:
    program = """
import os, sys
import numpy as np
from vispro_gym.datasets.sample import ImageRef
from vispro_gym.perception.openai import OpenAIPerception
from vispro_gym.perception.protocol import Answer
picture = ImageRef("white", (40, 50), lambda: np.full((50, 40, 3), 255, np.uint8))
backend = OpenAIPerception("looker", sys.argv[1])
assert backend.answer([Answer(picture, (0, 0, 40, 50), "How large?")]) == ["40x50"]
if os.fork() == 0:
    os._exit(0 if backend.answer([Answer(picture, (0, 0, 40, 50), "What colour?")]) == ["White"] else 1)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program, f"{server.root}/v1"], check=True, timeout=60)
    backend = pickle.loads(pickle.dumps(OpenAIPerception("looker", f"{server.root}/v1")))
    assert backend.answer([ask("What colour?", RED)]) == ["Red"]


# When something fails


@pytest.mark.parametrize("status", [429, 500])
def test_failures_that_pass_are_tried_again(server, make, status: int) -> None:
    server.tell({"status": status, "headers": {"Retry-After": "0.2"}, "times": 2})
    start = time.monotonic()
    assert make(retries=2).answer([ask("What colour?", RED)]) == ["Red"]
    assert time.monotonic() - start > 0.4
    assert len(server.seen["sent"]) == 3


@pytest.mark.parametrize(("status", "hint"), [(429, "Lower concurrency=16"), (500, "log of the server")])
def test_failures_that_do_not_pass_end_the_batch(server, make, monkeypatch: pytest.MonkeyPatch, status: int, hint: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server.tell({"status": status, "message": f"busy {KEY}", "headers": {"Retry-After": "0.01"}, "times": 99})
    refused_by(f"HTTP {status}: busy.*{hint}", lambda: make(retries=2).answer([ask("What colour?", RED)]))
    assert len(server.seen["sent"]) == 3


def test_slow_replies_are_tried_again_and_then_given_up(server, make) -> None:
    server.tell({"sleep": 5})
    assert make(timeout=0.5).answer([ask("What colour?", RED)]) == ["Red"]
    server.tell({"sleep": 5, "times": 9})
    message = rf"{server.root}/v1 does not answer: no reply within 0.5 s, in 2 tries. .* curl {server.root}/v1/models"
    refused_by(message, lambda: make(timeout=0.5).answer([ask("What colour?", RED)]))


def test_no_server(make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
    start = time.monotonic()
    refused_by(
        "does not answer: .*Is the server running",
        lambda: make(base_url=address, concurrency=2).answer([ask(f"Question {i}") for i in range(50)]),
    )
    assert time.monotonic() - start < 5  # not once for each


def test_what_was_served_is_kept(server, make) -> None:
    server.tell({"has": "forbidden", "status": 403, "times": 9})
    requests = [ask("How large?", RED), ask("a forbidden one"), ask("How large?", RED), ask("later")]
    error = refused_by("does not let in", lambda: make(concurrency=1).answer(requests))
    assert error.served == ["40x50", None, "40x50", None]
    assert not any("later" in sent["prompt"] for sent in server.seen["sent"])
    server.tell({"has": "the cup red", "text": "no"}, {"has": "the cup blue", "text": "yes"}, {"has": "green", "status": 403})
    asked = [Verify(PICTURE, RED, "cup", "red"), Verify(PICTURE, RED, "cup", "blue"), Verify(PICTURE, RED, "cup", "green")]
    assert refused_by("does not let in", lambda: make(concurrency=1).verify(asked)).served == [False, True, None]


@pytest.mark.parametrize("status", [401, 403])
def test_no_admission(server, make, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    server.tell({"status": status, "message": "No key"}, {"status": status, "message": f"Wrong key: {KEY}"})
    refused_by("OPENAI_API_KEY is not set. Set it to a key", lambda: make().answer([ask("What?")]))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    refused_by(r"HTTP \d+: Wrong key: \*\*\*\). OPENAI_API_KEY is set, but", lambda: make().answer([ask("What?")]))
    assert server.seen["keys"] == ["Bearer none", f"Bearer {KEY}"]


def test_the_key_stays_where_it_is(server, make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server.tell({"has": "What?", "status": 400, "message": f"You are {KEY}"})
    backend = make()
    results = backend.answer([ask("What?"), ask("What colour?", RED)])
    assert "You are ***" in str(results[0]) and results[1] == "Red"
    assert KEY.encode() not in pickle.dumps(backend)
    assert not any(KEY in text for text in [repr(vars(backend)), *map(backend.identity, ("answer", "detect", "relate"))])
    monkeypatch.setenv("OPENAI_API_KEY", "sk-\u00e4")
    assert "\u00e4" not in str(refused_by("characters that no key has", lambda: backend.answer([ask("What?")])))
    with pytest.raises(ValueError, match="password") as caught:
        OpenAIPerception("looker", f"http://me:{KEY}@localhost/v1")
    assert KEY not in str(caught.value)


def test_an_unknown_model_is_told_with_those_there_are(make) -> None:
    message = "has no model 'seer'.*does not exist.*It offers: 'looker'"
    assert refused_by(message, lambda: make("seer").answer([ask("What?"), ask("Where?")])).served == [None, None]


def test_one_refused_request_spoils_nothing(server, make) -> None:
    server.tell({"has": "What is behind", "status": 400, "message": "too many pixels " * 500})
    results = make().answer([ask("What colour?", BLUE), ask("What is behind it?"), ask("What colour?", RED)])
    assert results[::2] == ["Blue", "Red"]
    assert isinstance(results[1], PerceptionError)
    assert "refused the request (HTTP 400: too many pixels" in str(results[1]) and len(str(results[1])) < 500


def test_a_server_that_refuses_everything_is_no_matter_of_a_request(server, make) -> None:
    server.tell({"status": 422, "message": "no pictures, please", "times": 99})
    message = "refuses even a plain question.*422: no pictures, please.*sees pictures"
    refused_by(message, lambda: make().answer([ask("What?"), ask("Where?")]))
    assert sum("What is this?" in sent["prompt"] for sent in server.seen["sent"]) == 1


def test_another_kind_of_server(server, make) -> None:
    refused_by("sent no completion.*Welcome.*usually ends", lambda: make(base_url=f"{server.root}/page").answer([ask("What?")]))
    refused_by("does not say which", lambda: make(base_url=server.root).answer([ask("What?")]))
    server.tell({"raw": "{"}, {"raw": '{"error": {"message": "no credit"}}'})
    refused_by("sent no completion", lambda: make().answer([ask("What?")]))
    refused_by("sent no completion.*no credit", lambda: make().answer([ask("What?")]))


@pytest.mark.parametrize(
    "bad",
    [{"text": "I see a cup."}, {"text": ""}, {"text": None}, {"text": "[]", "finish": "length"}, {"text": "[[0, 0, 1834, 9]]"}],
)
def test_a_malformed_reply_is_asked_for_once_more(server, make, bad: dict[str, Any]) -> None:
    requests = [Detect(PICTURE, WHOLE, "red"), Detect(PICTURE, WHOLE, "blue")]
    server.tell(bad | {"has": '"red"'})
    assert make().detect(requests) == [[pytest.approx(RED)], [pytest.approx(BLUE)]]
    assert sum("An earlier reply was of no use" in sent["prompt"] for sent in server.seen["sent"]) == 1
    server.tell(bad | {"has": '"red"', "times": 2})
    results = make().detect(requests)
    assert isinstance(results[0], PerceptionError) and "replied twice" in str(results[0])
    assert results[1] == [pytest.approx(BLUE)]
    assert len(server.seen["sent"]) == 3


def test_an_empty_or_cut_answer_is_no_answer(server, make) -> None:
    server.tell({"text": '""', "has": "cup", "times": 2}, {"text": "A very", "finish": "length", "has": "book", "times": 2})
    empty, cut, good = make().answer([ask("Which cup?"), ask("Which book?"), ask("What colour?", RED)])
    assert "it was empty" in str(empty) and "cut off after 64 tokens" in str(cut) and good == "Red"


def test_texts_that_are_none_are_refused_alone(make) -> None:
    results = make().answer([ask("What \ud800?"), ask("What colour?", RED)])
    assert isinstance(results[0], PerceptionError) and results[1] == "Red"
    assert make().answer([]) == []


def test_a_damaged_picture_is_named(make) -> None:
    def load() -> Any:
        raise DatasetError("7.jpg is damaged")

    broken = ImageRef("7", (10, 10), load)
    broken.content_hash = "0"  # as of a file, which is hashed without being decoded
    with pytest.raises(DatasetError, match=r"7\.jpg"):
        make().answer([Answer(broken, (0, 0, 10, 10), "What?"), ask("What colour?")])


def test_it_can_be_interrupted(server, make) -> None:
    server.tell({"sleep": 20, "times": 99})
    timer = threading.Timer(0.5, lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT))
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        timer.start()
        make().answer([ask(f"What {i}?") for i in range(40)])
    timer.join()
    assert time.monotonic() - start < 5


def test_a_missing_library_says_what_to_install() -> None:
    program = """
import sys
sys.modules["openai"] = None
from vispro_gym.perception.openai import OpenAIPerception
from vispro_gym.perception.protocol import BackendError
try:
    OpenAIPerception("looker")
except BackendError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert "pip install 'vispro-gym[openai]'" in done.stdout


# Options and identity


@pytest.mark.parametrize(
    "options",
    [{"concurrency": 0}, {"retries": -1}, {"timeout": 0}, {"max_tokens": 0}, {"max_tokens_detect": 0}, {"box_units": "inches"}],
)
def test_options_out_of_range(make, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(options))}=.*Expected"):
        make(**options)


def test_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ("localhost:8000", "http://", "http://host:99999/v1", "http://host:x/v1", "http://[host/v1", "http://a b/v1"):
        with pytest.raises(ValueError, match="is no address"):
            OpenAIPerception("m", wrong)
    assert "https://api.openai.com/v1" in OpenAIPerception("m").identity("answer")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://elsewhere:1/v1/")
    assert '"http://elsewhere:1/v1"' in OpenAIPerception("m").identity("answer")


def test_identity_is_what_results_depend_on(make) -> None:
    def of(operation: str, **options: Any) -> str | None:
        return identity(make(**options), operation)

    for operation in ("answer", "detect", "verify", "relate"):
        assert of(operation) == of(operation, concurrency=2, retries=3, timeout=1.0)
        assert len({of(operation), of(operation, model="b"), of(operation, base_url="http://b/v1")}) == 3
    for option in ({"box_units": "pixels"}, {"max_tokens_detect": 9}):
        assert [of(o) == of(o, **option) for o in ("answer", "verify", "detect", "relate")] == [True, True, False, False]
    assert [of(o) == of(o, max_tokens=9) for o in ("answer", "verify", "detect", "relate")] == [False, False, True, False]


@pytest.mark.parametrize(
    "raw",
    [
        '{"choices": [null]}',
        '{"choices": [{"finish_reason": "stop"}]}',
        '{"choices": "abc"}',
        '{"choices": {"a": 1}}',
        '{"choices": [{"finish_reason": "stop", "message": "hello"}]}',
        '{"choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": 3}}]}',
        '{"choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": [{"type": "text"}]}}]}',
        "[]",
        "3",
    ],
)
def test_completions_of_no_known_shape_are_told_and_lose_nothing(server, make, raw: str) -> None:
    server.tell({"has": "odd", "raw": raw, "times": 9})
    error = refused_by("sent no completion", lambda: make(concurrency=1).answer([ask("What colour?", RED), ask("What is odd?")]))
    assert error.served == ["Red", None]


def test_a_set_up_that_serves_nothing_at_all_is_no_matter_of_requests(server, make) -> None:
    rule = {"has": "odd", "text": "Let me think about", "finish": "length", "times": 99}
    server.tell(rule)
    perception = make()
    few = perception.answer([ask(f"odd {i}") for i in range(7)])
    assert all(isinstance(result, PerceptionError) for result in few)
    refused_by(
        "None of 8 different requests could be served.*cut off", lambda: perception.answer([ask(f"odd {i}") for i in range(8)])
    )
    assert perception.answer([ask("What colour?", RED)]) == ["Red"]
    later = perception.answer([ask(f"odd {i}") for i in range(8)])  # something was served before: these are bad requests
    assert all(isinstance(result, PerceptionError) for result in later)
