"""Vision-language models as policies: what they read, write and expect, whatever the architecture and whatever stands beside."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from tests.agents.policies.vision_models import KINDS, written
from vispro_agents.errors import UsageError
from vispro_agents.policies import vision_language
from vispro_agents.policies.base import Completion, Sampling
from vispro_agents.policies.forward import base_model
from vispro_agents.policies.tiny_vision_language import create_tiny_vision_language
from vispro_agents.policies.transformers import read_model
from vispro_agents.policies.vision_language import View, VisionLanguageArgs, VisionLanguagePolicy, load_vision_language

SETTINGS, VALUE_HEAD = "vision_language_policy.json", "value_head.safetensors"
TEXTS = ("What is it?", "Go", "Which of all the numbers in the picture is the current one, and which is the target?", "", "Go on")
PICTURES = np.random.default_rng(0).integers(0, 256, (5, 40, 60, 3), dtype=np.uint8)
VIEWS = [View(text, picture) for text, picture in zip(TEXTS, PICTURES, strict=True)]
WARM = Sampling(temperature=0.7)
PLACES = {"llava": ["<image>"], "llava_next": ["<image>"]}
QWEN_PLACES = ["<|image_pad|>", "<|video_pad|>"]

Folders = Callable[..., Path]
Policies = Callable[..., VisionLanguagePolicy]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    return written(tmp_path_factory.mktemp("vision_models"))


def load(folder: Path, **changes: Any) -> VisionLanguagePolicy:
    args: dict[str, Any] = {"lora_rank": 2, "max_new_tokens": 10, "sampling_batch_size": 2}
    return load_vision_language(VisionLanguageArgs(model=str(folder), **args | changes))


def load_saved(folder: Path) -> VisionLanguagePolicy:
    return load_vision_language(VisionLanguageArgs(model=str(folder)))


def stir(policy: VisionLanguagePolicy) -> VisionLanguagePolicy:
    """Trains at random: fresh adapters change nothing."""
    numbers = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in [*policy.weights, *policy.value_head.parameters()]:
            weight += 0.03 * torch.randn(weight.shape, generator=numbers)
    return policy


@pytest.fixture(scope="module")
def policies(folders: Folders) -> Policies:
    """Kind of model -> a policy with adapters; tests leave it as it is."""
    loaded: dict[str, VisionLanguagePolicy] = {}

    def get(kind: str, chat: bool = True) -> VisionLanguagePolicy:
        key = f"{kind} {chat}"
        if key not in loaded:
            loaded[key] = stir(load(folders(kind, chat=chat)))
        return loaded[key]

    return get


@contextmanager
def pushed(policy: VisionLanguagePolicy, tokens: Sequence[int], amount: float) -> Iterator[None]:
    """Makes tokens more probable."""
    amounts = torch.zeros(base_model(policy.model).lm_head.out_features)
    amounts[list(tokens)] = amount
    hook = base_model(policy.model).lm_head.register_forward_hook(lambda module, inputs, output: output + amounts)
    try:
        yield
    finally:
        hook.remove()


def told(completions: Sequence[Completion]) -> list[float]:
    return [value for row in completions for value in row.log_probs]


def ids_of(completions: Sequence[Completion]) -> list[tuple[int, ...]]:
    return [row.token_ids for row in completions]


def judged(policy: VisionLanguagePolicy, views: Sequence[View], replies: Any, temperature: float = 1.0) -> vision_language.Judged:
    with torch.no_grad():
        return policy.judge([policy.encode(view) for view in views], replies, temperature)


# --- drawing and judging ---


@pytest.mark.parametrize("chat", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_what_drawing_tells_is_what_judging_says(policies: Policies, kind: str, chat: bool) -> None:
    policy = policies(kind, chat)
    assert policy.chat == chat
    assert len({len(policy.encode(view).ids) for view in VIEWS}) == 5
    end = policy.processor.tokenizer.eos_token_id
    with pushed(policy, [end], 4.0):
        drawn = policy.complete(VIEWS, WARM, 5)
        replies = ids_of(drawn)
        assert len(set(map(len, replies))) > 1, "some end by themselves"
        assert all(row.text == policy.replies.decode(row.token_ids) for row in drawn)
        assert all(end not in reply[:-1] and (len(reply) == 10 or reply[-1] == end) for reply in replies)
        together = judged(policy, VIEWS, replies, 0.7)
        assert together.mask.sum(1).tolist() == list(map(len, replies))
        assert together.log_probs[together.mask].tolist() == pytest.approx(told(drawn), abs=1e-4)
        assert not together.log_probs[~together.mask].any()
        greedy = policy.complete(VIEWS[:3], Sampling(), 5)
        log_probs, mask, _ = judged(policy, VIEWS[:3], ids_of(greedy))
        assert log_probs[mask].tolist() == pytest.approx(told(greedy), abs=1e-4), "greedy ones are those of temperature 1"


@pytest.mark.parametrize("kind", KINDS)
def test_neighbours_decide_nothing(policies: Policies, kind: str) -> None:
    policy = policies(kind)
    drawn = policy.complete(VIEWS, WARM, 7)
    for size in (1, 5):
        policy.batch_size = size
        again = policy.complete(VIEWS, WARM, 7)
        assert ids_of(again) == ids_of(drawn)
        assert told(again) == pytest.approx(told(drawn), abs=1e-4)
    policy.batch_size = 2
    assert ids_of(policy.complete(VIEWS[:2], WARM, 7)) == ids_of(drawn[:2])
    assert ids_of(policy.complete(VIEWS, WARM, 8)) != ids_of(drawn)
    assert len(set(ids_of(policy.complete(VIEWS[:1] * 3, WARM, 7)))) == 3, "rows draw with numbers of their own"
    replies = [reply[:length] for reply, length in zip(ids_of(drawn), (0, 3, 10, 1, 5), strict=True)]
    log_probs, _, values = judged(policy, VIEWS, replies)
    for row, (view, reply) in enumerate(zip(VIEWS, replies, strict=True)):
        alone = judged(policy, [view], [reply])
        assert alone.log_probs[0].tolist() == pytest.approx(log_probs[row, : len(reply)].tolist(), abs=1e-4)
        assert alone.values.item() == pytest.approx(values[row].item(), abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_values_are_those_of_the_last_token_of_the_prompt(policies: Policies, kind: str) -> None:
    policy = policies(kind)
    encoded = [policy.encode(view) for view in VIEWS]
    none = policy.judge(encoded, [()] * 5)
    assert none.log_probs.shape == none.mask.shape == (5, 0)
    for replies in ([(9,)] * 5, [(9, 8, 7, 6), (), (), (5,), (4, 4)]):
        assert judged(policy, VIEWS, replies).values.tolist() == pytest.approx(none.values.tolist(), abs=1e-4)
    [first] = encoded[:1]
    inputs = {name: values.to(torch.float32) if values.is_floating_point() else values for name, values in first.others.items()}
    aligned = {name: torch.tensor([values]) for name, values in first.aligned.items()}
    output = policy.model(input_ids=torch.tensor([first.ids]), output_hidden_states=True, **inputs, **aligned)
    assert policy.value_head(output.hidden_states[-1][:, -1]).item() == pytest.approx(none.values[0].item(), abs=1e-4)
    [other] = judged(policy, [View(TEXTS[0], PICTURES[1])], [()]).values.tolist()
    assert abs(other - none.values[0].item()) > 1e-3, "the picture is seen"


def test_models_that_tell_all_logits_are_judged_alike(policies: Policies, monkeypatch: pytest.MonkeyPatch) -> None:
    policy, replies = policies("llava"), [(5, 6, 7), (), (8,), (9, 9), (4,)]
    expected = judged(policy, VIEWS, replies)
    monkeypatch.setattr(vision_language, "parameters_of", lambda model: frozenset())
    assert judged(policy, VIEWS, replies).log_probs.tolist() == pytest.approx(expected.log_probs.numpy(), abs=1e-5)


def test_the_global_random_state_is_untouched(folders: Folders) -> None:
    def states() -> str:
        return repr((random.getstate(), np.random.get_state(), torch.get_rng_state().tolist()))

    before = states()
    policy = load(folders("llava"))
    policy.complete(VIEWS[:2], WARM, 0)
    create_tiny_vision_language(["a b"], seed=0)
    assert states() == before
    assert policy.complete([], WARM, 0) == []


def test_damaged_weights_are_told(folders: Folders) -> None:
    policy = load(folders("llava"), lora_rank=0)
    with torch.no_grad():
        policy.model.lm_head.weight.fill_(torch.nan)
    with pytest.raises(UsageError, match="diverged"):
        policy.complete(VIEWS[:1], WARM, 0)
    with pytest.raises(UsageError, match="temperature"):
        policy.complete(VIEWS[:1], Sampling(temperature=-1.0), 0)


# --- what stands for pictures ---


@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_for_a_picture_is_never_written(policies: Policies, kind: str) -> None:
    policy = policies(kind)
    places = policy.processor.tokenizer.convert_tokens_to_ids(PLACES.get(kind, QWEN_PLACES))
    with pushed(policy, places, 50.0):
        for sampling in (WARM, Sampling()):
            drawn = policy.complete(VIEWS[:2], sampling, 0)
            assert not {token for reply in ids_of(drawn) for token in reply} & set(places)
            log_probs, mask, _ = judged(policy, VIEWS[:2], ids_of(drawn), sampling.temperature or 1.0)
            assert log_probs[mask].tolist() == pytest.approx(told(drawn), abs=1e-4)
            assert log_probs[mask].mean() > -10.0, "it takes no part in the softmax"


@given(st.lists(st.sampled_from([*PLACES["llava"], *QWEN_PLACES, "<", ">", "|", " ", "image", "\ud800", "é"]), max_size=8))
@settings(max_examples=25)
@pytest.mark.parametrize("kind", ["llava", "qwen2_5_vl"])
def test_a_query_never_stands_for_a_picture(policies: Policies, kind: str, parts: list[str]) -> None:
    policy = policies(kind)
    places = policy.processor.tokenizer.convert_tokens_to_ids(PLACES.get(kind, QWEN_PLACES))
    count = [token for token in policy.encode(VIEWS[0]).ids if token in places]
    assert [token for token in policy.encode(View("".join(parts), PICTURES[0])).ids if token in places] == count


def test_a_query_that_names_placeholders_can_be_answered(policies: Policies) -> None:
    for kind in KINDS:
        view = View("Is <image> there, or <|image_pad|>, or <|video_pad|>?", PICTURES[0])
        [drawn] = policies(kind).complete([view], WARM, 0)
        assert len(drawn.token_ids) > 0


def test_pictures_of_other_shapes_are_others(policies: Policies) -> None:
    policy = policies("qwen2_vl")
    wide, high = (policy.encode(View("", np.zeros(shape, np.uint8))) for shape in ((32, 64, 3), (64, 32, 3)))
    assert wide.others["image_grid_thw"].tolist() != high.others["image_grid_thw"].tolist()
    assert policy.encode(View("", np.zeros((64, 32, 3), np.uint8))) is high, "views of late are kept"


# --- settings of a checkpoint ---


@pytest.mark.parametrize("rank", [0, 2])
def test_how_a_checkpoint_would_draw_is_not_how_it_draws(folders: Folders, tmp_path: Path, rank: int) -> None:
    shutil.copytree(folders("qwen2_5_vl"), tmp_path / "model")
    path = tmp_path / "model" / "generation_config.json"
    theirs = json.loads(path.read_text())
    theirs |= {"repetition_penalty": 9.0, "do_sample": True, "top_k": 1, "temperature": 0.1, "no_repeat_ngram_size": 1}
    path.write_text(json.dumps(theirs | {"eos_token_id": [5, 6]}))
    plain, changed = load(folders("qwen2_5_vl"), lora_rank=rank), load(tmp_path / "model", lora_rank=rank)
    for sampling in (WARM, Sampling()):
        mine, same = plain.complete(VIEWS, sampling, 2), changed.complete(VIEWS, sampling, 2)
        for reply, other in zip(mine, same, strict=True):
            cut = next((i + 1 for i, token in enumerate(reply.token_ids) if token in (5, 6)), None)
            assert other.token_ids == reply.token_ids[:cut], "the tokens that end replies are told by the checkpoint, too"
            assert other.log_probs == reply.log_probs[:cut]
    assert base_model(changed.model).generation_config.repetition_penalty == 9.0, "nor is it lost"


def test_chats_are_those_of_the_template(policies: Policies, folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = load(folders("llava"))
    decode = policy.processor.tokenizer.decode
    monkeypatch.setattr("transformers.processing_utils.logger.warning", pytest.fail)  # a line for each view
    text = decode(policy.encode(VIEWS[1]).ids).replace("<image>", "")
    assert text == "<s> USER:  \nGo ASSISTANT:"
    policy.processor.chat_template = "<s>" + policy.processor.chat_template
    begun = policy.encode(View("Go!", PICTURES[1])).ids
    assert begun.count(policy.processor.tokenizer.bos_token_id) == 1, "a template that begins texts itself"
    policy.processor.chat_template += "{% if enable_thinking is false %}<think></think>{% endif %}"
    assert decode(policy.encode(View("Go?", PICTURES[1])).ids).endswith("ASSISTANT:<think></think>")
    plain = policies("llava", chat=False)
    assert decode(plain.encode(VIEWS[1]).ids).replace("<image>", "") == "<s> Go\n"
    reply = policies("qwen2_vl").replies
    assert reply.end_id == reply.tokenizer.convert_tokens_to_ids("<|im_end|>")


# --- adapters and files ---


@pytest.mark.parametrize("kind", KINDS)
def test_all_linear_layers_are_those_of_both_parts(policies: Policies, kind: str) -> None:
    policy = policies(kind)
    names = {name for name, weight in policy.model.named_parameters() if weight.requires_grad}
    assert all("lora_" in name for name in names)
    tower = "vision_tower" if kind.startswith("llava") else "visual"
    parts = {part: {name for name in names if f".{part}." in name} for part in (tower, "language_model")}
    assert all(len(part) >= 2 * 4 for part in parts.values())
    policy.judge([policy.encode(VIEWS[0])], [(5, 6)]).log_probs.sum().backward()
    grads = {name: weight.grad for name, weight in policy.model.named_parameters() if weight.grad is not None}
    policy.model.zero_grad()
    assert set(grads) <= names
    assert all(any(grads[name].any() for name in part if name in grads) for part in parts.values()), "the picture's part learns"
    chosen = load(policy.model.peft_config["default"].base_model_name_or_path, lora_targets="q_proj, v_proj")
    assert {name.split(".")[-4] for name in chosen.model.state_dict() if "lora_A" in name} <= {"self_attn", "q_proj", "v_proj"}


@pytest.mark.parametrize(("kind", "changes"), [("qwen2_5_vl", {}), ("llava", {"lora_rank": 0}), ("llava_next", {"chat": "no"})])
def test_saved_and_loaded_it_is_the_same(folders: Folders, tmp_path: Path, kind: str, changes: dict[str, Any]) -> None:
    policy = stir(load(folders(kind), **changes))
    drawn, values = policy.complete(VIEWS, WARM, 3), judged(policy, VIEWS, [()] * 5).values
    policy.save(tmp_path / "saved")
    assert (tmp_path / "saved" / "adapter_config.json").exists() == ("lora_rank" not in changes)
    loaded = VisionLanguagePolicy.load(tmp_path / "saved")
    assert loaded.name == "saved"
    for each in (loaded, load_saved(tmp_path / "saved")):
        assert (each.chat, each.max_new_tokens, each.batch_size) == (policy.chat, 10, 2)
        assert each.complete(VIEWS, WARM, 3) == drawn
        assert judged(each, VIEWS, [()] * 5).values.tolist() == values.tolist()
        assert len(each.weights) == len(policy.weights), "it can be trained further"
    loaded.save(tmp_path / "again")
    for path in (tmp_path / "saved").iterdir():
        if path.suffix == ".safetensors" or path.name == SETTINGS:
            assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(("asked", "rank", "read"), [("auto", 0, "float32"), ("auto", 2, "auto"), ("bfloat16", 0, "bfloat16")])
def test_weights_that_are_trained_themselves_are_float32(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: Any, rank: int, read: str
) -> None:
    formats = []

    def reading(*args: Any, dtype: Any, **options: Any) -> Any:
        formats.append(dtype)
        return read_model(*args, dtype=dtype, **options)

    monkeypatch.setattr(vision_language, "read_model", reading)  # what "auto" means depends on the machine
    load(folders("llava"), lora_rank=rank, dtype=asked).save(tmp_path / "saved")
    VisionLanguagePolicy.load(tmp_path / "saved", VisionLanguageArgs(dtype=asked))
    assert formats == [read, read], "as at the beginning, so when it is resumed"


def test_settings_that_would_change_nothing_are_refused(folders: Folders, tmp_path: Path) -> None:
    load(folders("llava")).save(tmp_path / "saved")
    assert complaint(lambda: load(tmp_path / "saved")).startswith(
        "A saved policy has settings of its own: leave out --lora-rank, --max-new-tokens, --sampling-batch-size"
    )
    assert "Weights of 4 bits cannot be trained" in complaint(lambda: load(folders("llava"), lora_rank=0, quantize="4bit"))


def test_fresh_adapters_change_nothing_and_come_from_the_seed(folders: Folders) -> None:
    args = VisionLanguageArgs(model=str(folders("llava")), lora_rank=2, max_new_tokens=10)
    mine, same, other = (load_vision_language(args, seed) for seed in (0, 0, 1))
    drawn = load(folders("llava"), lora_rank=0).complete(VIEWS, WARM, 1)
    assert ids_of(other.complete(VIEWS, WARM, 1)) == ids_of(drawn)
    for part in ("weights", "heads"):
        one, two, three = (
            each.weights if part == "weights" else list(each.value_head.parameters()) for each in (mine, same, other)
        )
        assert all(torch.equal(*pair) for pair in zip(one, two, strict=True))
        assert not all(torch.equal(*pair) for pair in zip(one, three, strict=True))


def test_the_tiny_model_comes_from_its_seed() -> None:
    texts = ["Which number?", '{"thoughts": "3 is less than 5", "action": "-"}']
    mine, same, other = (create_tiny_vision_language(texts, seed=seed) for seed in (0, 0, 1))
    views = [View(texts[0], PICTURES[0])]
    assert mine.complete(views, WARM, 0) == same.complete(views, WARM, 0) != other.complete(views, WARM, 0)
    longest = max(len(mine.replies.encode(text)) for text in texts)
    assert longest < mine.max_new_tokens <= longest * 5 // 4 + 1
    assert mine.replies.decode(mine.replies.encode("Ünknown <image> 12\n")) == "Ünknown  12\n"


# --- mistakes ---


def complaint(act: Callable[[], Any]) -> str:
    with pytest.raises(UsageError) as caught:
        act()
    text = str(caught.value)
    assert "\n" not in text and len(text) < 700
    return text


def test_what_is_no_vision_language_model_is_told(folders: Folders, model: Folders, tmp_path: Path) -> None:
    text = complaint(lambda: load(model("llama")))
    assert "type 'llama', expected a model of pictures and text such as LLaVA" in text
    assert "no such folder" in complaint(lambda: load(Path("/no/such")))
    assert "'layer' does not fit" in complaint(lambda: load(folders("llava"), lora_targets="layer"))
    assert "no chat template" in complaint(lambda: load(folders("llava", chat=False), chat="yes"))
    for name, changed in (
        ("processor_config.json", None),
        ("processor_config.json", "{"),
        ("tokenizer.json", None),
        ("config.json", "{"),
    ):
        shutil.rmtree(tmp_path / "copy", ignore_errors=True)
        shutil.copytree(folders("llava"), tmp_path / "copy")
        if changed is None:
            (tmp_path / "copy" / name).unlink()
        else:
            (tmp_path / "copy" / name).write_text(changed)
        part = "model" if name == "config.json" else "processor"
        assert complaint(lambda: load(tmp_path / "copy")).startswith(f"The {part} '{tmp_path}/copy' cannot be read: ")


def test_damaged_policies_are_told(folders: Folders, tmp_path: Path) -> None:
    policy = load(folders("llava"))
    policy.save(tmp_path / "saved")
    adapter = tmp_path / "adapter"
    shutil.copytree(tmp_path / "saved", adapter)
    (adapter / SETTINGS).unlink()
    assert "is an adapter, expected a whole model. Merge it first" in complaint(lambda: load(adapter))
    assert f"holds no vision-language policy: {SETTINGS} is missing" in complaint(lambda: VisionLanguagePolicy.load(adapter))
    wrong: list[tuple[str, str | None, str]] = [
        (SETTINGS, "{", "JSONDecodeError"), (SETTINGS, "[]", "damaged"), (SETTINGS, "{}", "'chat'"), (SETTINGS, "\udcff", "damaged"),
        (SETTINGS, '{"chat": 1, "max_new_tokens": 9, "batch_size": 2, "short": false}', "damaged"),
        (SETTINGS, '{"chat": true, "max_new_tokens": "many", "batch_size": 2, "short": false}', "many"),
        (SETTINGS, '{"chat": true, "max_new_tokens": 9, "batch_size": 2}', "'short'"),
        (VALUE_HEAD, None, f"{VALUE_HEAD} is missing"), (VALUE_HEAD, "abc", "damaged"),
        ("adapter_config.json", "{}", "adapter_config.json"), ("adapter_model.safetensors", "abc", "adapter"),
        ("processor_config.json", None, "processor"),
    ]  # fmt: skip
    for number, (name, text, named) in enumerate(wrong):
        folder = tmp_path / str(number)
        shutil.copytree(tmp_path / "saved", folder)
        (folder / name).unlink()
        if text is not None:
            (folder / name).write_text(text, errors="surrogateescape")
        assert named in complaint(lambda: load_saved(folder))  # noqa: B023
    save_file({"layers.0.weight": torch.zeros(3, 3)}, tmp_path / "saved" / VALUE_HEAD)
    assert "damaged" in complaint(lambda: VisionLanguagePolicy.load(tmp_path / "saved"))
