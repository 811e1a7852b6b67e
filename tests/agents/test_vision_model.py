"""A model that writes answers: what it draws is what it says it draws, from scratch, from checkpoints and from disk."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from vispro_agents.errors import UsageError
from vispro_agents.sequences import BoxCodec, CaptionCodec, ChromaCodec, Codec, SegmentCodec
from vispro_agents.vision_model import (
    VisionModelArgs,
    VisionPolicy,
    load_policy,
    load_tokenizer,
    make_policy,
    picture_size,
    word_tokenizer,
)

SIZE = 16
TINY = VisionModelArgs(image_size=SIZE, patch_size=8, hidden_size=16, encoder_layers=1, decoder_layers=1, heads=2)
CAPTIONS = ("a red cup on a table", "two dogs and a blue car", "the green tree")
CODECS: dict[str, Callable[[], Codec]] = {
    "boxes": lambda: BoxCodec(SIZE, 5, 6, 3),
    "segments": lambda: SegmentCodec(SIZE, [1], [2, 3], 3),
    "chroma": lambda: ChromaCodec(SIZE, 2),
    "captions": lambda: CaptionCodec(word_tokenizer(CAPTIONS), 8),
}
DECODERS = ("gpt2", "untied", "bert", "roberta", "bart", "trocr")


def pictures(count: int = 3, channels: int = 3, seed: int = 0) -> list[NDArray[np.uint8]]:
    return list(np.random.default_rng(seed).integers(0, 256, (count, SIZE, SIZE, channels), dtype=np.uint8))


def tokenizer_of(**special: str) -> Any:
    """Pairs of bytes, as in checkpoints, of a few words."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    named = list(dict.fromkeys(special.values()))
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(CAPTIONS, trainers.BpeTrainer(special_tokens=named, initial_alphabet=alphabet))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)


def save_encoder(folder: Path) -> str:
    """A tiny random ViT and its image processor, as from the Hub."""
    from transformers import ViTConfig, ViTImageProcessor, ViTModel

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    torch.manual_seed(0)
    ViTModel(ViTConfig(image_size=SIZE, patch_size=8, **sizes)).save_pretrained(folder)
    side = {"height": SIZE, "width": SIZE}
    ViTImageProcessor(size=side, image_mean=[0.4, 0.5, 0.6], image_std=[0.2, 0.3, 0.4]).save_pretrained(folder)
    return str(folder)


def save_decoder(name: str, folder: Path, extra_rows: int = 0) -> str:
    """A tiny random decoder, wider than the encoder, and its tokenizer, as from the Hub; checkpoints may have spare rows."""
    import transformers

    ends = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    one = {"bos_token": "<|e|>", "eos_token": "<|e|>", "unk_token": "<|e|>"}
    masks = {"cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]", "pad_token": "[PAD]"}
    gpt = {"n_embd": 24, "n_layer": 1, "n_head": 2, "n_positions": 80, "bos_token_id": 0, "eos_token_id": 0}
    bert = {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32, "is_decoder": True}
    bart = {"d_model": 24, "decoder_layers": 1, "decoder_attention_heads": 2, "decoder_ffn_dim": 32}
    llama = {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    kind, options, special = {
        "gpt2": ("GPT2LMHeadModel", gpt, one),
        "untied": ("GPT2LMHeadModel", gpt | {"tie_word_embeddings": False}, one),
        "bert": ("BertLMHeadModel", bert, masks),
        "roberta": ("RobertaForCausalLM", bert, ends),
        "bart": ("BartForCausalLM", bart | {"encoder_layers": 1, "encoder_attention_heads": 2}, ends),
        "trocr": ("TrOCRForCausalLM", bart, ends),
        "llama": ("LlamaForCausalLM", llama, one),
    }[name]
    tokenizer = tokenizer_of(**special)
    model = getattr(transformers, kind)
    torch.manual_seed(0)
    model(model.config_class(vocab_size=len(tokenizer) + extra_rows, **options)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def teacher_forced(policy: VisionPolicy, observations: list[NDArray[np.uint8]], tokens: torch.Tensor) -> torch.Tensor:
    """Log-probabilities of tokens one sequence at a time, 0 after the end."""
    found = torch.zeros(tokens.shape)
    draws = len(tokens) // len(observations)
    with torch.no_grad():
        for row, ids in enumerate(tokens.tolist()):
            length = ids.index(policy.codec.end) + 1 if policy.codec.end in ids else len(ids)
            log_probs = policy.network(policy.pixels([observations[row // draws]]), tokens[row : row + 1, :length])
            found[row, :length] = log_probs[0, range(length), ids[:length]]
    return found


def check_draws(policy: VisionPolicy) -> None:
    """Cached drawing agrees with the forward pass, and writes only what may be written."""
    codec, shown = policy.codec, pictures()
    for samples, seed in ((1, None), (4, 1)):
        tokens, log_probs, actions = policy.draw(shown, samples, seed)
        assert len(tokens) == len(log_probs) == len(actions) == len(shown) * samples
        torch.testing.assert_close(log_probs, teacher_forced(policy, shown, tokens), rtol=0, atol=1e-4)
        for ids, logs in zip(tokens.tolist(), log_probs, strict=True):
            length = ids.index(codec.end) + 1 if codec.end in ids else codec.length
            assert set(ids[length:]) <= {codec.end}
            assert not logs[length:].any()
            assert all(codec.allowed[place, token] for place, token in enumerate(ids[:length]))
        if seed is None:
            log_probs_of_all = policy.network(policy.pixels(shown), tokens)
            assert torch.equal(log_probs_of_all[:, 0].argmax(-1), tokens[:, 0]), "the most probable token"


@pytest.fixture(params=CODECS)
def policy(request: pytest.FixtureRequest) -> VisionPolicy:
    return make_policy(TINY, CODECS[request.param](), seed=0)


def test_log_probabilities_of_draws_are_those_of_the_model(policy: VisionPolicy) -> None:
    check_draws(policy)


def test_probabilities_of_what_may_follow_sum_to_one(policy: VisionPolicy) -> None:
    codec = policy.codec
    rows = [np.random.default_rng(seed).integers(0, codec.vocabulary, codec.length) for seed in range(6)]
    log_probs = policy.network(policy.pixels(pictures()), torch.tensor(np.array(rows)))
    assert log_probs.shape == (6, codec.length, codec.vocabulary)
    torch.testing.assert_close(log_probs.exp().sum(-1), torch.ones(6, codec.length))
    allowed = torch.tensor(codec.allowed).expand(log_probs.shape)
    assert torch.isneginf(log_probs[~allowed]).all()
    assert torch.isfinite(log_probs[allowed]).all()


def test_draws_follow_the_seed_and_leave_the_global_state_alone(policy: VisionPolicy) -> None:
    before = torch.get_rng_state()
    first, again, other = (policy.draw(pictures(), 4, seed)[0] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert first.shape != other.shape or not torch.equal(first, other)
    same, another = make_policy(TINY, policy.codec, seed=0), make_policy(TINY, policy.codec, seed=1)
    weights = [each.network.model.encoder.embeddings.patch_embeddings.projection.weight for each in (policy, same, another)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(torch.get_rng_state(), before)


def test_draws_are_as_frequent_as_their_probabilities_say() -> None:
    policy = make_policy(TINY, ChromaCodec(SIZE, 1), seed=0)
    with torch.no_grad():  # make a few colours far more probable
        policy.network.model.decoder.get_input_embeddings().weight.mul_(40)
    tokens, log_probs, _ = policy.draw(pictures(2), 4000, 3)
    expected = policy.network(policy.pixels(pictures(2)), tokens)[::4000, 0].exp().detach()
    for row, probs in enumerate(expected):
        counts = torch.bincount(tokens[row * 4000 : (row + 1) * 4000, 0], minlength=len(probs)).double()
        spread = (4000 * probs * (1 - probs)).sqrt()
        assert ((counts - 4000 * probs).abs() <= 5 * spread + 1).all()
    assert expected.max() > 0.1
    assert len(log_probs.unique()) > 5


def test_answers_depend_on_the_picture_and_not_on_its_neighbours(policy: VisionPolicy) -> None:
    shown = pictures()
    tokens = policy.draw(shown, 2, 0)[0]
    alone = policy.network(policy.pixels(shown[1:2]), tokens[2:4])
    together = policy.network(policy.pixels(shown), tokens)[2:4]
    other = policy.network(policy.pixels(pictures(1, seed=9)), tokens[2:4])
    torch.testing.assert_close(alone, together, rtol=0, atol=1e-4)
    finite = torch.isfinite(alone)
    assert (alone[finite] - other[finite]).abs().max() > 1e-4
    grey = np.full((SIZE, SIZE, 1), 77, np.uint8)  # shades of grey are pictures whose channels are equal
    assert torch.equal(policy.pixels([grey]), policy.pixels([np.repeat(grey, 3, 2)]))


def test_what_is_saved_is_what_is_loaded(policy: VisionPolicy, tmp_path: Path) -> None:
    before = torch.get_rng_state()
    policy.save(tmp_path / "policy")
    loaded = load_policy(tmp_path / "policy")
    assert torch.equal(torch.get_rng_state(), before), "nothing is initialized by chance"
    for seed in (None, 5):
        mine, other = (each.draw(pictures(), 2, seed) for each in (policy, loaded))
        assert torch.equal(mine[0], other[0])
        assert torch.equal(mine[1], other[1])
        np.testing.assert_equal(mine[2], other[2])
    assert loaded.image_size == SIZE
    trained = {name for name, weight in policy.network.named_parameters() if weight.requires_grad}
    assert trained == {name for name, weight in loaded.network.named_parameters() if weight.requires_grad}
    assert policy.network.state_dict().keys() == loaded.network.state_dict().keys()
    assert not loaded.network.model.training


def test_every_trained_weight_has_a_gradient(policy: VisionPolicy) -> None:
    """Several processes wait for the gradients of all weights."""
    tokens = policy.draw(pictures(), 2, 0)[0]
    policy.network(policy.pixels(pictures()), tokens)[..., 0, :].max().backward()
    assert [name for name, weight in policy.network.named_parameters() if weight.requires_grad and weight.grad is None] == []


def test_nan_has_no_place_in_gradients_after_the_end() -> None:
    policy = make_policy(TINY, CODECS["boxes"](), seed=0)
    tokens = torch.zeros(2, policy.codec.length, dtype=torch.long)  # an end, and what fills up
    log_probs = policy.network(policy.pixels(pictures(2)), tokens)
    (-log_probs.gather(-1, tokens[..., None])[:, 0]).sum().backward()
    gradients = [weight.grad for weight in policy.network.parameters() if weight.grad is not None]
    assert gradients
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


def replace_text(name: str, old: str, new: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text((folder / name).read_text().replace(old, new))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "no settings": lambda folder: (folder / "vision_policy.json").unlink(),
    "half a JSON file": lambda folder: (folder / "vision_policy.json").write_text("{"),
    "a list": lambda folder: (folder / "vision_policy.json").write_text("[]"),
    "nothing in it": lambda folder: (folder / "vision_policy.json").write_text("{}"),
    "unknown codec": replace_text("vision_policy.json", "BoxCodec", "Nonsense"),
    "unknown argument": replace_text("vision_policy.json", '"bins"', '"bin"'),
    "no weights": lambda folder: (folder / "model.safetensors").unlink(),
    "other weights": lambda folder: (folder / "model.safetensors").write_bytes(b"{}"),
    "cut weights": lambda folder: (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-9]),
    "no configuration": lambda folder: (folder / "config.json").unlink(),
    "other sizes": replace_text("config.json", '"n_embd": 16', '"n_embd": 32'),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_folders_are_refused(tmp_path: Path, damage: str) -> None:
    make_policy(TINY, CODECS["boxes"](), seed=0).save(tmp_path / "policy")
    DAMAGES[damage](tmp_path / "policy")
    with pytest.raises(UsageError, match=r"cannot be read|vision_policy.json is missing") as raised:
        load_policy(tmp_path / "policy")
    assert str(tmp_path / "policy") in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no vision policy.*Expected a folder below RUN/policies"):
        load_policy(tmp_path / "nothing")


@pytest.mark.parametrize("name", DECODERS)
def test_decoders_of_checkpoints_write_tokens_of_their_own_task(name: str, tmp_path: Path) -> None:
    """With the pretrained encoder for one of two: both parts alone and together."""
    encoder = save_encoder(tmp_path / "vit") if name in ("gpt2", "bert") else ""
    args = VisionModelArgs(**{**vars(TINY), "encoder": encoder, "decoder": save_decoder(name, tmp_path / "decoder")})
    codec = CODECS["boxes"]()
    policy = make_policy(args, codec, seed=0)
    assert policy.network.model.decoder.get_input_embeddings().weight.shape == (codec.vocabulary, 24)
    assert policy.network(policy.pixels(pictures()), torch.zeros(3, 2, dtype=torch.long)).shape[-1] == codec.vocabulary
    check_draws(policy)
    test_what_is_saved_is_what_is_loaded(policy, tmp_path)
    test_every_trained_weight_has_a_gradient(policy)


@pytest.mark.parametrize("name", DECODERS)
def test_decoders_of_checkpoints_write_captions_in_their_words(name: str, tmp_path: Path) -> None:
    folder = save_decoder(name, tmp_path / "decoder")
    args = VisionModelArgs(**{**vars(TINY), "decoder": folder})
    codec = CaptionCodec(load_tokenizer(folder), 8)
    policy = make_policy(args, codec, seed=0)
    check_draws(policy)
    test_what_is_saved_is_what_is_loaded(policy, tmp_path)
    # the words keep the vectors that they were trained with
    from transformers import AutoModelForCausalLM

    original = AutoModelForCausalLM.from_pretrained(folder).get_input_embeddings().weight
    assert torch.equal(policy.network.model.decoder.get_input_embeddings().weight, original)


def test_spare_rows_of_a_checkpoint_are_no_words(tmp_path: Path) -> None:
    """Tables are often padded to a round number of rows, more than the tokenizer has tokens."""
    folder = save_decoder("gpt2", tmp_path / "decoder", extra_rows=7)
    check_draws(make_policy(VisionModelArgs(**{**vars(TINY), "decoder": folder}), CaptionCodec(load_tokenizer(folder), 8), 0))


def test_tables_begin_anew_where_the_tokens_are_others(tmp_path: Path) -> None:
    """Also what is predicted, where that is a table of its own: words know nothing of boxes."""
    from transformers import AutoModelForCausalLM

    folder = save_decoder("untied", tmp_path / "decoder")
    original = AutoModelForCausalLM.from_pretrained(folder)
    codec = CODECS["boxes"]()
    decoder = make_policy(VisionModelArgs(**{**vars(TINY), "decoder": folder}), codec, seed=0).network.model.decoder
    for table, old in (
        (decoder.get_input_embeddings(), original.get_input_embeddings()),
        (decoder.get_output_embeddings(), original.get_output_embeddings()),
    ):
        assert not torch.isclose(table.weight, old.weight[: codec.vocabulary]).all(1).any()


def test_pictures_are_normalized_as_the_checkpoint_asks(tmp_path: Path) -> None:
    args = VisionModelArgs(encoder=save_encoder(tmp_path / "vit"), image_size=96)
    assert picture_size(args) == SIZE
    assert picture_size(TINY) == SIZE
    policy = make_policy(args, CODECS["chroma"](), seed=0)
    assert policy.image_size == SIZE
    white = np.full((SIZE, SIZE, 3), 255, np.uint8)
    np.testing.assert_allclose(policy.pixels([white])[0, :, 3, 5], [0.6 / 0.2, 0.5 / 0.3, 0.4 / 0.4], rtol=1e-5)
    policy.save(tmp_path / "saved")
    assert torch.equal(load_policy(tmp_path / "saved").pixels([white]), policy.pixels([white]))
    from transformers import AutoModel

    original = AutoModel.from_pretrained(args.encoder)
    expected = original(pixel_values=policy.pixels(pictures())).last_hidden_state
    torch.testing.assert_close(policy.network.model.encoder(policy.pixels(pictures())).last_hidden_state, expected)


def test_unknown_checkpoints_are_refused(tmp_path: Path) -> None:
    codec = CODECS["boxes"]()
    for name in ("nobody/nothing", str(tmp_path / "nothing")):
        for attempt in (
            lambda name=name: picture_size(VisionModelArgs(encoder=name)),
            lambda name=name: make_policy(VisionModelArgs(encoder=name), codec, 0),
            lambda name=name: make_policy(VisionModelArgs(decoder=name), codec, 0),
            lambda name=name: load_tokenizer(name),
        ):
            with pytest.raises(UsageError, match=r"cannot be loaded.*Expected the name of a checkpoint"):
                attempt()


def test_checkpoints_of_another_kind_are_refused(tmp_path: Path) -> None:
    """An encoder that reads words, and a decoder that cannot attend to a picture."""
    gpt2, llama = save_decoder("gpt2", tmp_path / "gpt2"), save_decoder("llama", tmp_path / "llama")
    with pytest.raises(UsageError):
        picture_size(VisionModelArgs(encoder=gpt2))
    with pytest.raises(UsageError):
        make_policy(VisionModelArgs(**{**vars(TINY), "decoder": llama}), CODECS["boxes"](), 0).draw(pictures())


def test_a_decoder_that_is_too_short_is_refused(tmp_path: Path) -> None:
    """Before hours of training: this one has 80 positions, the answer 121 tokens."""
    folder = save_decoder("gpt2", tmp_path / "gpt2")
    with pytest.raises(UsageError):
        make_policy(VisionModelArgs(**{**vars(TINY), "decoder": folder}), BoxCodec(SIZE, 5, 6, 20), 0)


@pytest.mark.parametrize(
    "wrong", [{"heads": 5}, {"heads": 0}, {"patch_size": 0}, {"hidden_size": 17}, {"patch_size": 32}], ids=str
)
def test_impossible_sizes_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        make_policy(VisionModelArgs(**{**vars(TINY), **wrong}), CODECS["chroma"](), 0)


def test_a_caption_tokenizer_is_saved_with_the_policy(tmp_path: Path) -> None:
    policy = make_policy(TINY, CODECS["captions"](), seed=0)
    policy.save(tmp_path / "policy")
    loaded = load_policy(tmp_path / "policy").codec
    assert isinstance(loaded, CaptionCodec)
    assert json.loads((tmp_path / "policy" / "vision_policy.json").read_text())["codec"] == "CaptionCodec"
    assert loaded.encode("A red dogs, tree!", None) == policy.codec.encode("A red dogs, tree!", None)  # type: ignore[arg-type]
    assert np.array_equal(loaded.allowed, policy.codec.allowed)


def test_confidences_begin_undecided() -> None:
    codec = CODECS["boxes"]()
    assert isinstance(codec, BoxCodec)
    policy = make_policy(TINY, codec, seed=0)
    tokens, _, _ = policy.draw(pictures(), 2, seed=0)
    before = policy.network(policy.pixels(pictures()), tokens)
    policy.begin_confidence(codec)
    after = policy.network(policy.pixels(pictures()), tokens)
    sure = torch.from_numpy(codec.supervised)[: tokens.shape[1]]
    assert codec.is_confident
    torch.testing.assert_close(after[:, sure][..., codec.confidences], torch.full_like(after[:, sure][..., :2], math.log(0.5)))
    assert not torch.allclose(before[:, sure][..., codec.confidences], after[:, sure][..., codec.confidences])
