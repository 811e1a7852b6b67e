"""The policy behind an OpenAI-compatible endpoint, against a real server that writes programs, and misbehaves when told to."""

from __future__ import annotations

import asyncio
import logging
import pickle
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.endpoint_process import EndpointServer, begin, serving
from vispro_agents.errors import UsageError
from vispro_agents.evaluate import evaluate
from vispro_agents.policies.base import Completion, Prompt, Sampler, Sampling
from vispro_gym.programs.prompt import build_prompt

for library in ("openai", "fastapi", "uvicorn"):
    pytest.importorskip(library, reason=f"the library {library} is not installed")

OpenAIPolicy = pytest.importorskip("vispro_agents.policies.openai").OpenAIPolicy

KEY = "sk-very-secret"
QUERIES = [f"Is there a cup {number}?" for number in range(12)]
PROMPTS = [Prompt(query, query, "Return a text.", ("left", "right")) for query in QUERIES]


@pytest.fixture(scope="session")
def process() -> Iterator[EndpointServer]:
    with serving("tests.agents.policies.chat_server") as server:
        yield server


@pytest.fixture
def server(process: EndpointServer, monkeypatch: pytest.MonkeyPatch) -> EndpointServer:
    return begin(process, monkeypatch)


@pytest.fixture
def make(server: EndpointServer) -> Callable[..., Sampler]:
    def make(model: str = "writer", base_url: str | None = None, **options: Any) -> Sampler:
        return OpenAIPolicy(model, base_url or f"{server.root}/v1", **({"retries": 1, "timeout": 20.0} | options))

    return make


def refused_by(message: str, run: Callable[[], Any]) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        run()
    assert "\n" not in str(caught.value)
    assert KEY not in "".join(map(str, [caught.value, caught.value.__cause__, caught.value.__context__]))


# What it sends and returns


def test_the_whole_prompt_is_sent_and_the_whole_reply_returned(server, make) -> None:
    [reply] = make().propose(PROMPTS[:1])
    assert re.fullmatch(r'def execute_command\(image\):\n    return "Is there a cup 0\? \d+"\n', reply)
    [sent] = server.seen["sent"]
    assert sent.pop("seed") >= 0
    assert sent == {
        "model": "writer",
        "messages": [{"role": "user", "content": build_prompt(QUERIES[0], "Return a text.", ("left", "right"))}],
        "temperature": 0,
        "top_p": 1,
        "max_tokens": 512,
    }


def test_sampling_options_are_sent(server, make) -> None:
    make().complete(PROMPTS[:1], Sampling(0.7, 0.9, 40, 99), 0)
    [sent] = server.seen["sent"]
    assert {name: sent[name] for name in ("temperature", "top_p", "top_k", "max_tokens")} == {
        "temperature": 0.7, "top_p": 0.9, "top_k": 40, "max_tokens": 99,
    }  # fmt: skip


def test_a_base_model_continues_the_prompt_to_the_next_example(server, make) -> None:
    [reply] = make(endpoint="completions", max_new_tokens=77).propose(PROMPTS[:1])
    assert QUERIES[0] in reply
    [sent] = server.seen["sent"]
    assert sent["prompt"] == build_prompt(QUERIES[0], "Return a text.", ("left", "right"))
    assert sent["stop"] == ["\nQuery:"] and sent["prompt"].count(sent["stop"][0]) > 1
    assert sent["max_tokens"] == 77


def test_many_replies_come_in_order_and_no_more_are_under_way_than_allowed(server, make) -> None:
    server.tell(delay=0.02)
    replies = make(concurrency=5).propose(PROMPTS * 3)
    assert [query in reply for query, reply in zip(QUERIES * 3, replies, strict=True)] == [True] * 36
    assert server.seen["most"] == 5


def test_draws_follow_the_seed_and_a_repeated_prompt_is_drawn_anew(make) -> None:
    sampling = Sampling(1.0)
    first = make().complete([PROMPTS[0]] * 4, sampling, 3)
    assert len(set(first)) == 4
    assert make(concurrency=1).complete([PROMPTS[0]] * 4, sampling, 3) == first
    assert not set(make().complete([PROMPTS[0]] * 4, sampling, 4)) & set(first)
    assert make().propose(PROMPTS) == make().propose(PROMPTS)


def test_completions_claim_no_tokens_and_no_probabilities(make) -> None:
    [completion] = make().complete(PROMPTS[:1], Sampling(), 0)
    assert completion == Completion(completion.text)


def test_no_prompts_no_requests(server, make) -> None:
    assert make().complete([], Sampling(), 0) == []
    assert server.seen["sent"] == []


def test_a_lone_surrogate_in_a_query_is_no_error(server, make) -> None:
    assert len(make().propose([Prompt("1", "Is there a \ud800 cup?")])) == 1
    assert "Query: Is there a ? cup?" in server.seen["sent"][0]["messages"][0]["content"]


def test_it_works_inside_a_running_loop_and_after_a_trip_through_pickle(make) -> None:
    async def notebook() -> list[str]:
        return pickle.loads(pickle.dumps(make())).propose(PROMPTS[:1])

    assert QUERIES[0] in asyncio.run(notebook())[0]


def test_its_programs_are_executed(server, make, small_gqa: Path) -> None:
    server.tell({"finish": "stop", "text": "```python\ndef execute_command(image):\n    return 'yes'\n```", "times": 99})
    options: dict[str, Any] = {"data_dir": small_gqa, "episodes": 20, "semantic_scenes": 0}
    by_server = evaluate(make(), "VisProg-GQA-v0", **options)
    constant = evaluate("constant:yes", "VisProg-GQA-v0", **options)
    assert by_server.policy == "writer"
    assert by_server.reward == constant.reward > 0


# When something fails


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"status": 400, "message": "context length exceeded"}, "2 x HTTP 400: context length exceeded"),
        ({"finish": "content_filter", "text": "I can"}, "2 x stopped by the content filter"),
        ({"finish": "length", "text": None}, "2 x only thoughts in 512 tokens: raise max_new_tokens"),
        ({"raw": '{"error": {"message": "no credit"}}'}, "2 x no completion.*no credit"),
    ],
)
def test_a_prompt_that_fails_for_good_is_empty_and_told(server, make, caplog, rule: dict[str, Any], reason: str) -> None:
    server.tell(rule | {"has": "cup 2?"}, rule | {"has": "cup 5?"})
    with caplog.at_level(logging.WARNING):
        replies = make(concurrency=1).propose(PROMPTS)
    assert [bool(reply) for reply in replies] == [number not in (2, 5) for number in range(12)]
    assert re.search(f"2 of 12 prompts got no reply from writer, and count as failed: {reason}", caplog.text)


def test_an_empty_reply_is_a_reply(server, make, caplog) -> None:
    server.tell({"finish": "stop", "text": "", "times": 99})
    assert make().propose(PROMPTS) == [""] * 12
    assert not caplog.records


@pytest.mark.parametrize("count", [1, 12])
def test_a_server_that_refuses_everything_is_no_matter_of_a_prompt(server, make, count: int) -> None:
    server.tell({"status": 400, "message": "max_tokens is not supported", "times": 99})
    message = f"answered none of {min(count, 8)} prompts.*max_tokens is not supported.*It offers: 'writer'"
    refused_by(message, lambda: make(concurrency=1).propose(PROMPTS[:count]))
    assert len(server.seen["sent"]) == min(count, 8)


def test_who_was_served_once_may_be_refused_often(server, make) -> None:
    policy = make()
    policy.propose(PROMPTS[:1])
    server.tell({"status": 400, "times": 99})
    assert policy.propose(PROMPTS) == [""] * 12


@pytest.mark.parametrize("status", [429, 500])
def test_failures_that_pass_are_tried_again(server, make, status: int) -> None:
    server.tell({"status": status, "headers": {"Retry-After": "0.2"}, "times": 2})
    start = time.monotonic()
    assert QUERIES[0] in make(retries=2).propose(PROMPTS[:1])[0]
    assert time.monotonic() - start > 0.4
    assert len(server.seen["sent"]) == 3


@pytest.mark.parametrize(("status", "hint"), [(429, "Lower concurrency=1"), (500, "log of the server")])
def test_failures_that_do_not_pass_end_it(server, make, monkeypatch: pytest.MonkeyPatch, status: int, hint: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server.tell({"status": status, "message": f"busy {KEY}", "headers": {"Retry-After": "0.01"}, "times": 99})
    refused_by(rf"HTTP {status}: busy \*\*\*.*{hint}", lambda: make(retries=2, concurrency=1).propose(PROMPTS))
    assert len(server.seen["sent"]) == 3  # not once for each prompt


def test_slow_replies_are_tried_again_and_then_given_up(server, make) -> None:
    server.tell({"sleep": 5})
    assert QUERIES[0] in make(timeout=0.5).propose(PROMPTS[:1])[0]
    server.tell({"sleep": 5, "times": 9})
    message = rf"{server.root}/v1 does not answer: no reply within 0.5 s, in 2 tries. .* curl {server.root}/v1/models"
    refused_by(message, lambda: make(timeout=0.5).propose(PROMPTS[:1]))


def test_no_server(make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
    start = time.monotonic()
    refused_by("does not answer: .*Is the server running", lambda: make(base_url=address).propose(PROMPTS * 20))
    assert time.monotonic() - start < 5  # not once for each


def test_the_first_failure_ends_what_is_under_way(server, make) -> None:
    server.tell({"has": "cup 3?", "status": 403}, {"has": "cup", "sleep": 20, "times": 99})
    start = time.monotonic()
    refused_by("does not let in", lambda: make(concurrency=8).propose(PROMPTS))
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("status", [401, 403])
def test_no_admission(server, make, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    server.tell({"status": status, "message": "No key"}, {"status": status, "message": f"Wrong key: {KEY}"})
    refused_by("OPENAI_API_KEY is not set. Set it to a key", lambda: make().propose(PROMPTS[:1]))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    policy = make()
    refused_by(r"HTTP \d+: Wrong key: \*\*\*\). OPENAI_API_KEY is set, but", lambda: policy.propose(PROMPTS[:1]))
    assert server.seen["keys"] == ["Bearer none", f"Bearer {KEY}"]
    assert KEY.encode() not in pickle.dumps(policy)


def test_the_key_is_not_logged(server, make, caplog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server.tell({"has": "cup 1?", "status": 400, "message": f"You are {KEY}"})
    make(concurrency=1).propose(PROMPTS)
    assert "You are ***" in caplog.text and KEY not in caplog.text
    monkeypatch.setenv("OPENAI_API_KEY", "sk-\u00e4")
    refused_by("characters that no key has", lambda: make().propose(PROMPTS))


def test_an_unknown_model_is_told_with_those_there_are(make) -> None:
    refused_by("has no model 'seer'.*does not exist.*It offers: 'writer'", lambda: make("seer").propose(PROMPTS))


def test_another_kind_of_server(server, make) -> None:
    refused_by("Welcome.*usually ends", lambda: make(base_url=f"{server.root}/page").propose(PROMPTS[:1]))
    refused_by("does not say which", lambda: make(base_url=server.root).propose(PROMPTS[:1]))
    server.tell({"raw": "{"})
    refused_by("sent no completion.*usually ends", lambda: make().propose(PROMPTS[:1]))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"model": ""}, "no model"),
        ({"concurrency": 0}, "concurrency=0 makes no sense"),
        ({"retries": -1}, "retries=-1 makes no sense"),
        ({"max_new_tokens": 0}, "max_new_tokens=0 makes no sense"),
        ({"timeout": 0.0}, "timeout=0.0 is no time"),
        ({"endpoint": "embeddings"}, "'embeddings' is unknown"),
        ({"base_url": "localhost:8000/v1"}, "is no address"),
        ({"base_url": "http://localhost:x/v1"}, "is no address"),
        ({"base_url": f"http://me:{KEY}@localhost/v1"}, "password"),
    ],
)
def test_options_that_make_no_sense(make, options: dict[str, Any], said: str) -> None:
    refused_by(said, lambda: make(**options))
