"""Replies as tokens: which of them belong to the action, exactly, whatever the tokenizer and however the text was spelled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.agents.policies.models import CHAT_TEMPLATE
from tests.agents.policies.vision_models import tokenizer_of, written
from vispro_agents.errors import UsageError
from vispro_agents.policies.replies import ReplyCodec
from vispro_agents.policies.vision_language import View, VisionLanguageArgs, VisionLanguagePolicy, load_vision_language
from vispro_agents.text_tasks import CardsTask, ProgramTask, TextTask

FAMILIES = ("byte-level", "sentencepiece", "unigram")
CARDS, PROGRAMS = CardsTask("Cards-NumberLine-v0"), ProgramTask("VisProg-GQA-v0")
PROGRAM = 'def execute_command(image):\n    cups = ImagePatch(image).find("cup")\n    return bool_to_yesno(len(cups) > 0)'
# What is replied, in which task, and where its action begins: what stands there; None for no action.
REPLIES: list[tuple[TextTask, str, str | None]] = [
    (CARDS, '{"action": "+"}', '"action": "+"}'),
    (CARDS, '"action": "+"', '"action": "+"'),
    (CARDS, '{"current number": 3, "thoughts": "The target is larger, so I add 1.", "action": "+"}', '"action": "+"}'),
    (CARDS, '{"thoughts": "\\"action\\" or -", "action": "+", "action": "-"}', '"action": "+", "action": "-"}'),
    (CARDS, '{"action": "+", "thoughts": "+ + -", "action": "+"}', '"action": "+", "thoughts": "+ + -", "action": "+"}'),
    (CARDS, '🙂 naïve “so” 日本\n\n{"thoughts": "é", "ACTION" : "+"}', '"ACTION" : "+"}'),
    (CARDS, '{"thoughts": "🙂"action":é"+"🙂', '"action":é"+"🙂'),
    (CARDS, '{"thoughts": "so", "action":', '"action":'),
    (CARDS, '{"thoughts": "so", "action"', None),
    (CARDS, "I add 1 🙂", None),
    (CARDS, "", None),
    (PROGRAMS, PROGRAM, PROGRAM),
    (PROGRAMS, f"Steps: find cup.\n{PROGRAM}", PROGRAM),
    (PROGRAMS, f"First “é”:\n```python\n{PROGRAM}\n```\nDone.", f"{PROGRAM}\n```\nDone."),
    (PROGRAMS, f"{PROGRAM.replace('cup', 'dog')}\nNo:\n{PROGRAM}", PROGRAM),
    (PROGRAMS, "Steps: none.\n    return 'yes'", "return 'yes'"),
    (PROGRAMS, "There is none.", None),
]


@pytest.fixture(scope="module")
def codec() -> Callable[[str], ReplyCodec]:
    """Family of a tokenizer -> its codec."""
    codecs = {family: ReplyCodec(tokenizer_of(family, "<image>")) for family in FAMILIES}
    return codecs.__getitem__


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], VisionLanguagePolicy]:
    """Family of a tokenizer -> a model with it."""
    folder = written(tmp_path_factory.mktemp("families"))
    loaded: dict[str, VisionLanguagePolicy] = {}

    def get(family: str) -> VisionLanguagePolicy:
        if family not in loaded:
            args = VisionLanguageArgs(model=str(folder("llava", family=family, chat=False)), lora_rank=0)
            loaded[family] = load_vision_language(args)
        return loaded[family]

    return get


def spelled(codec: ReplyCodec, text: str) -> list[int]:
    """A text byte by byte, as nobody would write it but as it may be drawn."""
    if "<0x0A>" in codec.tokenizer.get_vocab():
        names = [f"<0x{byte:02X}>" for byte in text.encode()]
    else:
        names = [*codec.tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str("x" + text)]
        names = list("".join(piece for piece, _ in names)[1:])  # letters that stand for bytes
    ids: list[int] = codec.tokenizer.convert_tokens_to_ids(names)
    assert None not in ids
    return ids


def check(codec: ReplyCodec, ids: Sequence[int], start: int) -> int:
    """That a reply falls apart where it should."""
    text = codec.decode(ids)
    size = codec.split(ids, start)
    assert 0 <= size <= len(ids)
    if start in (0, len(text)):
        assert size == (len(ids) if start else 0)
        return size
    until = text[: start + 1]
    head = codec.decode(ids[:size])
    assert not head.startswith(until), "the action's first character is not among the thoughts"
    assert codec.decode(ids[: size + 1]).startswith(until), "it comes with the next token"
    assert text[:start].startswith(head.rstrip("\ufffd"))
    if not set(ids) & set(codec.tokenizer.all_special_ids):
        assert not any(codec.decode(ids[:length]).startswith(until) for length in range(size)), "it never came before"
    return size


def check_probabilities(policy: VisionLanguagePolicy, ids: Sequence[int], size: int) -> None:
    """That thoughts and action together are as probable as the reply, and the action is as probable as after the thoughts."""
    view = policy.encode(View("Which?", np.full((32, 32, 3), 90, np.uint8)))
    head, tail = list(ids[:size]), list(ids[size:])
    after = replace(view, ids=[*view.ids, *head])
    with torch.no_grad():
        whole = policy.judge([view], [ids]).log_probs[0].double()
        thoughts, action = (policy.judge([given], [part]).log_probs[0].double() for given, part in ((view, head), (after, tail)))
    assert abs(whole[:size].sum() + whole[size:].sum() - whole.sum()) <= 1e-6
    assert torch.cat([thoughts, action]).tolist() == pytest.approx(whole.tolist(), abs=1e-4)
    assert (thoughts.sum() + action.sum()).item() == pytest.approx(whole.sum().item(), abs=1e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_thoughts_and_action_of_replies(policy: Callable[[str], VisionLanguagePolicy], family: str) -> None:
    mine = policy(family)
    for task, reply, action in REPLIES:
        ids = mine.replies.encode(reply)
        text = mine.replies.decode(ids)
        start = task.action_start(text)
        if family != "unigram":  # which has neither emoji nor line breaks
            assert text == reply
            assert action is None or text[start:] == action
        size = check(mine.replies, ids, start)
        if family != "unigram" and action and start:
            tail = mine.replies.decode(ids[size:])
            assert action in tail and len(tail) < len(action) + 8, "no more than what is one token with its first character"
        assert action is not None or size == 0, "without an action all of it counts"
        check_probabilities(mine, ids, size)


@pytest.mark.parametrize("family", ["byte-level", "sentencepiece"])
def test_replies_that_are_spelled_byte_by_byte(policy: Callable[[str], VisionLanguagePolicy], family: str) -> None:
    """The tokens that were drawn count, not those that the tokenizer would make of the text."""
    mine = policy(family)
    for task, reply, action in REPLIES:
        ids = spelled(mine.replies, reply)
        assert mine.replies.decode(ids) == reply
        start = task.action_start(reply)
        size = check(mine.replies, ids, start)
        assert size == len(reply[:start].encode()), "a token is a byte"
        if action:
            check_probabilities(mine, ids, size)
    for length in range(1, 20):  # wherever one looks first: a character that is not yet whole hides those before it
        ids = spelled(mine.replies, f'{"x" * length}"action":é🙂日"+"')
        assert check(mine.replies, ids, length) == length
    for before in (b"\xf0\x9f", b"\xff", "é".encode()[:1]):  # characters that are never completed
        broken = spelled(mine.replies, "ab 🙂é\ny")
        known = {byte: token for byte, token in zip("ab 🙂é\ny".encode(), broken, strict=True)}
        [known[0xFF]] = mine.replies.tokenizer.convert_tokens_to_ids(["ÿ" if family == "byte-level" else "<0xFF>"])
        ids = [
            *mine.replies.encode('{"thoughts": "')[:-1],
            *(known[byte] for byte in before),
            *mine.replies.encode('", "action": "+"}'),
        ]
        text = mine.replies.decode(ids)
        assert "\ufffd" in text and text.endswith('"action": "+"}')
        size = check(mine.replies, ids, CARDS.action_start(text))
        assert "+" in mine.replies.decode(ids[size:])
        check_probabilities(mine, ids, size)


pieces = st.sampled_from(
    [
        '"action":',
        '"ACTION" :',
        "action",
        '"',
        ":",
        "+",
        "-",
        " ",
        "\n",
        '{"thoughts": "',
        "🙂",
        "é",
        "日本",
        "\u0301",
        "return 1\n",
        "def ",
    ]
)
texts = st.lists(st.one_of(pieces, st.text(max_size=4)), max_size=12).map("".join)


@given(text=texts, place=st.integers(0, 60))
@settings(max_examples=60)
@pytest.mark.parametrize("family", FAMILIES)
def test_any_text_falls_apart(codec: Callable[[str], ReplyCodec], family: str, text: str, place: int) -> None:
    mine = codec(family)
    ids = mine.encode(text)
    decoded = mine.decode(ids)
    for task in (CARDS, PROGRAMS):
        check(mine, ids, task.action_start(decoded))
    check(mine, ids, min(place, len(decoded)))


@given(data=st.data())
@settings(max_examples=60)
@pytest.mark.parametrize("family", FAMILIES)
def test_any_tokens_fall_apart(codec: Callable[[str], ReplyCodec], family: str, data: Any) -> None:
    mine = codec(family)
    some = st.integers(0, len(mine.tokenizer) - 1)
    if family == "sentencepiece":
        some |= st.sampled_from(spelled(mine, '"action": é🙂日\n'))
    drawn = st.lists(some, max_size=10)
    key = st.sampled_from(
        [mine.encode('"action": "+"')[:-1], mine.encode('"action":'), [], *[spelled(mine, '"action":é')] * (family != "unigram")]
    )
    ids = [*data.draw(drawn), *data.draw(key), *data.draw(drawn)]
    text = mine.decode(ids)
    check(mine, ids, CARDS.action_start(text))
    check(mine, ids, PROGRAMS.action_start(text))
    for place, letter in enumerate(text):
        if letter != "\ufffd":  # what is no character comes from no token of its own
            check(mine, ids, place)


@pytest.mark.parametrize("family", FAMILIES)
def test_drawn_replies_fall_apart(policy: Callable[[str], VisionLanguagePolicy], family: str) -> None:
    mine = policy(family)
    rng = np.random.default_rng(0)
    for _ in range(6):
        ids = [
            *rng.integers(0, len(mine.replies.tokenizer) - 1, 9).tolist(),
            *mine.replies.encode('"action": "+"'),
            *[0, 1, 2] * 2,
        ]
        ids = [token for token in ids if token not in mine._unwritten]
        text = mine.replies.decode(ids)
        check_probabilities(mine, ids, check(mine.replies, ids, CARDS.action_start(text)))


@given(text=texts)
@settings(max_examples=60)
@example(text=" \n  x")
@example(text="é\u0301")
@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_encoded_is_decoded(codec: Callable[[str], ReplyCodec], family: str, text: str) -> None:
    mine = codec(family)
    ids = mine.encode(text)
    assert ids[-1] == mine.end_id == mine.tokenizer.eos_token_id
    assert mine.decode(ids) == mine.decode(ids[:-1])
    if family == "unigram":  # what it does not have is unknown, and white space is of one kind
        normal = mine.tokenizer.backend_tokenizer.normalizer.normalize_str(text)
        known = "".join(letter if letter in mine.tokenizer.get_vocab() or letter == " " else "?" for letter in normal)
        assert "?" in known or mine.decode(ids).strip() == known.strip()
    else:
        assert mine.decode(ids) == text


def test_what_ends_a_reply(codec: Callable[[str], ReplyCodec]) -> None:
    tokenizer = tokenizer_of("byte-level")
    tokenizer.chat_template = CHAT_TEMPLATE
    chat = ReplyCodec(tokenizer, lambda messages, follows: tokenizer.apply_chat_template(messages, tokenize=False))
    assert chat.encode("+")[-1] == chat.end_id == tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert tokenizer.pad_token_id == tokenizer.eos_token_id, "a padding token is not made"
    assert codec("sentencepiece").decode(codec("sentencepiece").encode("\ud800 é")) == "? é"
    tokenizer.eos_token = None
    with pytest.raises(UsageError, match="no end-of-sequence token"):
        ReplyCodec(tokenizer)
